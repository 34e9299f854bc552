"""The quality figures are right for detectors whose quality is known."""

from benchmarks.quality.faults import Runs, judge, quality_of_faults, signal_alerts

STEADY = Runs("steady", 60, range(1), signals=60)


def silent():
    return lambda value, timestamp_s: None


def alarmist():
    return lambda value, timestamp_s: {"shift": "level"}


def test_a_silent_detector_finds_nothing_and_is_never_wrong():
    quality = quality_of_faults(silent, [STEADY])
    assert {one.kind for one in quality.found} == {"step", "variance", "ramp"}
    assert {one.recall for one in quality.found} == {0.0}
    assert (quality.healthy, quality.false, quality.early) == (54, 0, 0)
    assert all(one.delay_s is None for one in quality.found)


def test_one_that_always_alerts_finds_all_at_once_and_is_always_wrong():
    quality = quality_of_faults(alarmist, [STEADY])
    assert {one.recall for one in quality.found} == {1.0}
    assert {one.delay_observations for one in quality.found} == {0}
    assert (quality.false, quality.early) == (54, 6)
    assert sum(quality.false_of.values()) == 54


def test_sizes_are_the_plants_own_and_can_be_larger():
    sizes = [
        {one.kind: one.size for one in quality_of_faults(silent, [runs]).found}
        for runs in (STEADY, Runs("steady", 60, range(1), larger=2.0, signals=60))
    ]
    assert sizes == [
        {"step": 3.0, "ramp": 9.0, "variance": 6.0},
        {"step": 6.0, "ramp": 18.0, "variance": 12.0},
    ]


def test_recall_is_of_the_kinds_and_sizes_that_were_asked_for():
    quality = quality_of_faults(alarmist, [STEADY])
    assert quality.recall("step", size_min=3.0) == 1.0
    assert quality_of_faults(silent, [STEADY]).recall("step", "ramp") == 0.0


def test_what_is_not_learned_or_only_disturbed_is_no_fault():
    quality = quality_of_faults(silent, [Runs("factory", 60, range(1))])
    assert {one.kind for one in quality.found} == {"step", "ramp", "variance", "stuck", "spikes", "drop-out"}


def test_runs_are_judged_together_as_if_they_had_come_at_once():
    seeds = [Runs("steady", 60, range(seed, seed + 1), signals=60) for seed in (0, 1)]
    apart = judge([signal for runs in seeds for signal in signal_alerts(alarmist, runs)])
    assert apart == quality_of_faults(alarmist, [Runs("steady", 60, range(2), signals=60)])
