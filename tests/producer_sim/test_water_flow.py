"""The replayed series is River's, whole and in order, and comes from the package."""

import socket

import pytest

from producer_sim.plant.water_flow import water_flow


def test_the_series_is_whole_ascending_and_needs_no_network(monkeypatch: pytest.MonkeyPatch):
    def refuse(*args: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    flow = water_flow("branch2.water_flow")
    assert flow.name == "branch2.water_flow"
    assert len(flow.values) == len(flow.timestamps) == 1268
    assert list(flow.timestamps) == sorted(set(flow.timestamps))
    assert (flow.timestamps[0], flow.values[0]) == (1647770400.0, 100.59)
