"""Latencies: from due to learned off the curves, from put to alert by the events' ids."""

import numpy as np
import pytest

from producer_sim.report.latency import alert_latency, lag
from producer_sim.report.score import score
from producer_sim.run_folder import ReceivedAlert, Sample, SimulatedSignal, Truth
from tests.producer_sim.run_folders import event

START_S = 1_790_000_000.0


def samples(learned_of, seconds=100, rate=50):
    due = [rate * second for second in range(seconds + 1)]
    return [
        Sample(START_S + second, due[second], due[second], learned_of(second, rate), 0, 0)
        for second in range(seconds + 1)
    ]


def test_what_is_learned_two_seconds_after_it_was_due_has_a_lag_of_two_seconds():
    steady = lag(samples(lambda second, rate: max(0, second - 2) * rate), START_S)
    assert steady.quantile_s(0.5) == pytest.approx(2.0)
    assert steady.quantile_s(0.99) == pytest.approx(2.0)


def test_a_pipeline_that_falls_behind_has_a_lag_that_grows():
    behind = lag(samples(lambda second, rate: second * rate // 2), START_S)
    assert np.all(np.diff(behind.lag_s) >= -1e-6)
    assert behind.lag_s[-1] == pytest.approx(50.0, abs=0.5)


def test_lag_is_weighted_by_observations_not_by_seconds():
    # 990 in the first second, learned at once; 10 in the last, learned 40 s late.
    curve = [(0, 0, 0), (1, 990, 990), (50, 990, 990), (51, 1000, 990), (90, 1000, 990), (91, 1000, 1000)]
    found = lag([Sample(START_S + at, due, due, learned, 0, 0) for at, due, learned in curve], START_S)
    assert found.quantile_s(0.5) == pytest.approx(0.0)
    assert found.quantile_s(0.98) == pytest.approx(0.0)
    assert found.quantile_s(0.995) == pytest.approx(40.0, abs=0.5)


def test_what_is_skipped_or_quarantined_has_settled_too():
    curve = [(0, 0, 0, 0, 0), (1, 30, 10, 10, 10), (2, 60, 20, 20, 20)]
    found = lag([Sample(START_S + at, due, due, *rest) for at, due, *rest in curve], START_S)
    assert found.quantile_s(0.99) == pytest.approx(0.0)


def test_what_was_never_learned_has_no_lag_but_the_rest_has():
    half = lag(samples(lambda second, rate: min(second * rate, 2500)), START_S)
    assert half.quantile_s(0.99) == pytest.approx(0.0)


@pytest.mark.parametrize("none", [[], [Sample(START_S, 10, 10, 0, 0, 0)]])
def test_without_samples_or_learning_there_is_no_lag(none):
    assert lag(none, START_S).quantile_s(0.5) is None


def test_put_to_alert_is_from_arrival_to_the_first_receipt():
    signals = (SimulatedSignal("a", "a", "", 1.0),)
    received = [
        event("a", START_S, START_S + 5, 1, arrived_at="2026-09-21T14:13:21Z"),
        event("a", START_S + 9, START_S + 12, 2),
    ]
    detections = score(Truth(signals, ()), received).detections
    first = received[0].detail["id"]
    alerts = [
        ReceivedAlert(START_S + 9, "e-mail", first),
        ReceivedAlert(START_S + 4, "drifts", first),
        ReceivedAlert(START_S + 4, "drifts", "of an event that nobody received"),
    ]
    waits = alert_latency(alerts, detections)
    assert waits.put_to_alert_s.tolist() == [3.0]
    assert waits.due_to_alert_s.tolist() == [4.0]


def test_a_run_that_is_over_between_two_samples_has_no_lag_of_zero():
    samples = [Sample(100.0, 0, 0, 0, 0, 0), Sample(101.0, 500, 500, 500, 0, 0)]
    assert lag(samples, 100.2).quantile_s(0.5) is None
