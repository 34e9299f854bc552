"""Scoring: which event detects which fault, and which is a false alarm."""

import pytest

from producer_sim.report.score import kept, kinds_of_disturbances, kinds_of_faults, score
from producer_sim.run_folder import Fault, RunFolderIncomplete, SimulatedSignal, Truth
from tests.producer_sim.run_folders import event

START_S = 1_790_000_000.0
SIGNALS = tuple(
    SimulatedSignal(name, name.split(".")[1], "kPa", 2.0) for name in ("a.flow", "b.flow", "c.heat")
)


def fault(first=100.0, last=100.0, signals=("a.flow",), kind="step", expected="alert", observations=None):
    return Fault(signals, kind, START_S + first, START_S + last, 2.0, expected, None, observations)


def scored(faults, events, within=10):
    received = [event(signal, START_S + at, START_S + at + 3, n) for n, (signal, at) in enumerate(events)]
    return score(Truth(SIGNALS, tuple(faults)), received, within)


@pytest.mark.parametrize("at", [100, 110, 120])
def test_an_event_from_the_first_observation_until_so_many_later_detects_the_fault(at):
    outcome = scored([fault()], [("a.flow", at)])
    assert (outcome.detected, outcome.missed, outcome.false_alarms) == (1, 0, ())
    assert outcome.outcomes[0].delay_s == at - 100
    assert outcome.outcomes[0].delay_observations == (at - 100) / 2


@pytest.mark.parametrize("at", [98, 122])
def test_an_event_before_the_fault_or_after_its_grace_is_a_false_alarm(at):
    outcome = scored([fault()], [("a.flow", at)])
    assert (outcome.detected, outcome.missed, len(outcome.false_alarms)) == (0, 1, 1)


def test_a_long_fault_can_be_detected_until_its_last_observation():
    assert scored([fault(last=500)], [("a.flow", 500)]).detected == 1


def test_the_aftermath_of_a_fault_neither_detects_it_nor_is_false():
    outcome = scored([fault(last=500)], [("a.flow", 515)])
    assert (outcome.detected, outcome.missed, outcome.false_alarms) == (0, 1, ())


def test_the_aftermath_ends_with_the_grace_after_the_last_observation():
    assert len(scored([fault(last=500)], [("a.flow", 522)]).false_alarms) == 1


def test_an_event_on_another_signal_does_not_detect_the_fault_and_is_false():
    outcome = scored([fault()], [("b.flow", 104)])
    assert (outcome.missed, outcome.false_alarms_by_family) == (1, {"flow": 1})


def test_any_signal_of_a_fault_detects_it_and_the_earliest_counts():
    outcome = scored([fault(signals=("a.flow", "b.flow"))], [("b.flow", 110), ("a.flow", 106)])
    assert outcome.detected == 1
    assert outcome.outcomes[0].detection.signal == "a.flow"
    assert outcome.false_alarms == ()


def test_an_event_received_twice_counts_once():
    twice = [event("b.flow", START_S, START_S + after, 1) for after in (1, 2)]
    outcome = score(Truth(SIGNALS, ()), twice)
    assert len(outcome.false_alarms) == 1
    assert outcome.false_alarms[0].received_s == START_S + 1


def test_events_on_signals_that_are_not_of_the_run_count_nowhere():
    outcome = scored([fault()], [("elsewhere.flow", 104)])
    assert (outcome.detected, outcome.detections, outcome.false_alarms) == (0, (), ())


@pytest.mark.parametrize("expected", ["skip", "quarantine", "learn"])
def test_an_alarm_about_what_should_not_alert_is_false(expected):
    outcome = scored([fault(kind="spikes", expected=expected)], [("a.flow", 104)])
    assert (outcome.outcomes, len(outcome.false_alarms)) == ((), 1)


def test_the_first_observation_counts_to_the_microsecond_of_its_text():
    first_s = START_S + 0.1234567891
    exact = Fault(("a.flow",), "step", first_s, first_s, 2.0, "alert")
    assert score(Truth(SIGNALS, (exact,)), [event("a.flow", first_s, first_s + 1, 1)]).detected == 1


def test_kinds_have_their_delays_of_what_was_detected():
    faults = [fault(100 * n, 100 * n) for n in range(1, 5)] + [fault(900, 900, kind="ramp")]
    outcome = scored(faults, [("a.flow", 102), ("a.flow", 206), ("a.flow", 310)])
    step, ramp = kinds_of_faults(outcome)
    assert (step.kind, step.injected, step.detected, step.missed) == ("step", 4, 3, 1)
    assert (step.delay_median_s, step.delay_median_observations) == (6.0, 3)
    assert (step.delay_p90_s, step.delay_p90_observations) == (9.2, 5)
    assert (ramp.detected, ramp.missed, ramp.delay_median_s) == (0, 1, None)


def test_what_should_be_kept_out_is_held_against_what_was_counted():
    faults = [
        fault(kind="nan", expected="quarantine", observations=3),
        fault(kind="garbage", expected="quarantine", observations=4),
        fault(kind="bad-quality", expected="skip", observations=5),
        fault(kind="spikes", expected="learn"),
    ]
    outcome = scored(faults, [])
    assert [(line.kind, line.observations) for line in kinds_of_disturbances(outcome)] == [
        ("nan", 3),
        ("garbage", 4),
        ("bad-quality", 5),
        ("spikes", None),
    ]
    skip, quarantine = kept(outcome, None)
    assert (skip.injected, skip.agrees) == (5, None)
    assert (quarantine.injected, quarantine.agrees) == (7, None)


def test_a_run_without_faults_and_events_has_a_score_of_nothing():
    outcome = scored([], [])
    assert (outcome.detected, outcome.missed, outcome.false_alarms) == (0, 0, ())
    assert kinds_of_faults(outcome) == []


def test_an_event_that_is_not_the_pipelines_is_refused_with_its_text():
    foreign = event("a.flow", START_S, START_S, 1)
    del foreign.detail["timestamp"]
    with pytest.raises(RunFolderIncomplete, match="timestamp"):
        score(Truth(SIGNALS, ()), [foreign])
