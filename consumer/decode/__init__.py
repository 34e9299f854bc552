"""From a Lambda event to a batch: records, payloads, observations."""
