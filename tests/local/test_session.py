"""The local pipeline sweeps its pages, so that a signal that falls silent is reported."""

import json
import time

from local.emulator.pipeline_resources import drain_audit
from local.session import LocalOptions, LocalPipeline


def test_a_signal_that_falls_silent_is_reported(tmp_path):
    settings = tmp_path / "signals.yaml"
    settings.write_text(
        "version: 1\nsignals:\n  - {match: '*', asset: Pump 1, use_cases: {anomaly: {stale_s: 3}}}\n"
    )
    options = LocalOptions(use_case="anomaly", shards=1, environments=1, settings=settings, sweep_every_s=1.0)
    with LocalPipeline(tmp_path, options) as pipeline:
        values = [json.dumps({"signal": "pump1.flow", "value": number % 7}).encode() for number in range(30)]
        # In one request: on a busy machine the signal would be silent between two of thirty.
        pipeline.aws.client("kinesis").put_records(
            StreamName=pipeline.resources.stream_name,
            Records=[{"PartitionKey": "pump1.flow", "Data": value} for value in values],
        )
        pipeline.wait_until_done(30)
        found, deadline = [], time.monotonic() + 60.0
        while not found and time.monotonic() < deadline:
            found = drain_audit(pipeline.aws, pipeline.resources, empty_polls=1)
    [event] = found
    assert event["detail-type"] == "Sensor Fault"
    assert event["detail"]["evidence"]["fault"] == "stale"
    assert "Pump 1 (pump1.flow), nothing came for 3 s" in event["detail"]["headline"]
