"""Observes a pipeline while a load test runs: events, alerts, learned counts."""
