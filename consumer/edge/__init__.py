"""The only AWS I/O: page store, event bus, quarantine, settings, telemetry."""
