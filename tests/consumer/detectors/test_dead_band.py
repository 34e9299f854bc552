"""What is nearer to the expected than people care for, or in the other direction, is not told, nor burnt."""

import dataclasses
import math
import random

import pytest

from consumer.detectors.alert_policy import AlertPolicy, AlertState, DeadBand
from consumer.use_cases import USE_CASES

ANOMALY, SHIFT = USE_CASES["anomaly"], USE_CASES["shift"]
BAND = DeadBand(least=0.5)
POLICY = AlertPolicy(clear_after=3, still_open_s=1e6, cool_down_s=0.0, dead_band=BAND)
OPENS, KEEPS, CALM = (True, True), (False, True), (False, False)


def lived(values, policy=POLICY, every_s=10.0, alert=None):
    """The changes at values of (how far from the expected, (opens, keeps))."""
    alert, found = alert or AlertState(), []
    for index, (moved, (opens, keeps)) in enumerate(values):
        change = policy.next(
            alert, 0.9, opens=opens, keeps=keeps, at_s=every_s * index, value=20.0 + moved, expected=20.0
        )
        found += [(index, change)] if change else []
    return found


def test_what_opens_within_the_band_opens_once_it_goes_beyond_while_it_lasts():
    assert lived([(0.3, OPENS), (0.4, KEEPS), (-0.4, KEEPS), (0.6, KEEPS)]) == [(3, "opened")]
    assert lived([(0.3, OPENS), *[(0.1, CALM)] * 2, (0.6, KEEPS)]) == [(3, "opened")]


def test_what_has_ended_within_the_band_opens_nothing_later():
    assert lived([(0.3, OPENS), *[(0.1, CALM)] * 3, (0.6, KEEPS)]) == []


def test_what_waits_opens_at_what_lasts_alone():
    assert lived([(0.3, OPENS), (0.6, CALM), (0.6, CALM)]) == []
    alert, cools = AlertState(), dataclasses.replace(POLICY, cool_down_s=75.0)
    assert lived([(0.6, OPENS), *[(0.0, CALM)] * 3], cools, alert=alert) == [(0, "opened"), (3, "cleared")]
    alert.worst = 1.0  # so that the cool-down holds the next one back, which then has not waited
    assert lived([*[(0.6, CALM)] * 4, (0.6, OPENS), *[(0.6, KEEPS)] * 9], cools, alert=alert) == []


@pytest.mark.parametrize(
    ("expected", "value", "is_told"),
    [
        *((100.0, 101.9, False), (100.0, 102.0, True), (100.0, 98.1, False)),
        *((-100.0, -101.9, False), (-100.0, -102.0, True), (-100.0, -98.1, False), (-100.0, -98.0, True)),
        *((0.0, 1e-9, True), (-0.0, -1e-9, True)),
    ],
)
def test_a_share_is_of_the_size_of_what_was_expected_and_of_zero_it_is_nothing(expected, value, is_told):
    assert DeadBand(least_share=0.02).reaches(value, expected) is is_told
    assert DeadBand(least=0.5).reaches(expected + 0.5, expected)


def test_what_never_opened_does_not_open_by_going_on():
    assert lived([(0.6, KEEPS)] * 9) == []


def test_what_is_not_told_takes_nothing_of_the_budget():
    alert, once = AlertState(), [(0.3, OPENS), *[(0.1, CALM)] * 3]
    assert lived(once * 50, alert=alert) == []
    assert (alert.tokens_used, alert.times, alert.is_open, alert.waits) == (0.0, 0, False, False)
    assert lived([(0.6, OPENS)], alert=alert) == [(0, "opened")]


def test_an_alert_clears_when_it_is_back_within_half_the_band_and_opens_again_if_it_grows():
    opened = (0.6, OPENS)
    assert lived([opened, *[(0.3, KEEPS)] * 9]) == [(0, "opened")]
    assert lived([opened, *[(0.2, KEEPS)] * 9]) == [(0, "opened"), (3, "cleared")]
    assert lived([opened, *[(0.2, KEEPS)] * 9, (0.6, KEEPS)]) == [
        (0, "opened"),
        (3, "cleared"),
        (10, "opened"),
    ]
    assert lived([opened, *[(0.2, CALM)] * 9, (0.6, KEEPS)]) == [(0, "opened"), (3, "cleared")]


def test_the_other_direction_neither_opens_nor_keeps_open():
    rise = AlertPolicy(clear_after=3, dead_band=DeadBand(direction="rise"))
    assert lived([(-5.0, OPENS)] * 5, rise) == []
    assert lived([(5.0, OPENS), *[(-5.0, OPENS)] * 5], rise) == [(0, "opened"), (3, "cleared")]
    assert lived([(-5.0, OPENS), (5.0, OPENS)], rise) == [(1, "opened")]
    assert lived([(-5.0, OPENS), *[(0.01, KEEPS)] * 5], rise) == []
    turned = [(5.0, OPENS), *[(-5.0, KEEPS)] * 5, *[(0.01, KEEPS)] * 5]
    assert lived(turned, rise) == [(0, "opened"), (3, "cleared")]


def test_without_a_band_nothing_waits():
    alert = AlertState()
    assert lived([(0.3, OPENS), (0.1, KEEPS)], AlertPolicy(clear_after=3), alert=alert) == [(0, "opened")]
    assert not alert.waits


def test_what_cleared_before_there_was_a_band_does_not_wait():
    """Also where a clock was ahead while it was open, which is counted in the same field."""
    plain = AlertPolicy(clear_after=3, still_open_s=100.0, cool_down_s=0.0)
    alert = AlertState()
    plain.next(alert, 0.9, opens=True, keeps=True, at_s=1e6)
    assert lived([(0.0, CALM)] * 3, plain, alert=alert) == [(2, "cleared")]
    assert not alert.waits
    assert lived([(0.6, KEEPS)] * 9, alert=alert) == []


@pytest.mark.parametrize(
    ("band", "changes"),
    [
        (None, [(0, "opened")]),
        (DeadBand(least=0.5), [(0, "opened")]),
        (DeadBand(least=5.0), [(0, "opened"), (7, "cleared")]),
        (DeadBand(direction="fall"), [(0, "opened"), (7, "cleared")]),
    ],
)
def test_a_band_that_is_changed_while_an_alert_is_open_holds_from_then_on(band, changes):
    alert = AlertState()
    found = lived([(0.6, OPENS), *[(0.6, KEEPS)] * 4], alert=alert)
    other = dataclasses.replace(POLICY, dead_band=band)
    found += [(5 + index, change) for index, change in lived([(0.6, KEEPS)] * 9, other, alert=alert)]
    assert found == changes


def course(rows: int = 3000, noise: float = 0.05, seed: int = 1):
    rng = random.Random(seed)
    times = [1_700_000_000.0 + 600.0 * row for row in range(rows)]
    return times, [
        10.0 + 3.0 * math.sin(2 * math.pi * at_s / 86_400.0) + rng.gauss(0, noise) for at_s in times
    ]


def openings(use_case, values, times):
    return [one for one in use_case.learn(use_case.create(1), values, times) if one.change == "opened"]


def test_anomaly_tells_a_deviation_beyond_the_band_and_none_within():
    times, values = course()
    for row in range(1500, 2700, 150):
        values[row] += 1.6
    values[2900] += 3.0
    plain = [one.index for one in openings(ANOMALY, values, times)]
    assert set(range(1500, 2700, 150)) & set(plain)
    banded = ANOMALY.with_dead_band(DeadBand(least=2.0))
    [found] = openings(banded, values, times)
    assert (found.index, found.evidence["least"]) == (2900, 2.0)
    assert "direction" not in found.evidence
    share = ANOMALY.with_dead_band(DeadBand(least_share=0.12, direction="rise"))
    found = openings(share, values, times)
    assert found[-1].index == 2900
    assert (found[-1].evidence["least"], found[-1].evidence["direction"]) == ("12%", "rise")


def test_a_fault_that_grows_out_of_the_band_is_told():
    """From within it, where nobody is told, at any pace."""
    for rows in (5, 40, 150):
        times, values = course()
        for row in range(2500, len(values)):
            values[row] += 4.0 * min(1.0, (row - 2500) / rows)
        banded = ANOMALY.with_dead_band(DeadBand(least=1.5))
        [first, *_] = openings(banded, values, times)
        assert 2500 + rows // 3 < first.index <= 2502 + rows
        assert values[first.index] - first.evidence["expected"] >= 1.5


def test_what_goes_the_other_way_opens_nothing_at_the_usual_values_after_it():
    times, values = course()
    for row in range(2000, 2900, 150):
        values[row] -= 4.0
    values[2950] += 2.0
    plain = [one.index for one in openings(ANOMALY, values, times) if one.index >= 2000]
    assert set(range(2000, 2900, 150)) & set(plain)
    banded = ANOMALY.with_dead_band(DeadBand(direction="rise"))
    assert [one.index for one in openings(banded, values, times) if one.index >= 2000] == [2950]


def test_the_band_is_in_the_evidence_of_each_change():
    times, values = course()
    values[2500] += 2.0
    banded = ANOMALY.with_dead_band(DeadBand(0.5, direction="rise"))
    found = banded.learn(banded.create(1), values, times)
    assert [one.change for one in found if one.index >= 2500] == ["opened", "cleared"]
    for one in found:
        assert {"least": 0.5, "direction": "rise"}.items() <= one.evidence.items()


@pytest.mark.parametrize(
    ("band", "is_told"),
    [
        *((None, True), (DeadBand(least=0.4), True), (DeadBand(direction="rise"), True)),
        *((DeadBand(least=500.0), False), (DeadBand(direction="fall"), False)),
    ],
)
def test_of_a_slope_of_shift_it_counts_how_far_it_has_led(band, is_told):
    rng = random.Random(3)
    values = [rng.gauss(0.0, 0.3) + 0.02 * max(0, row - 2000) for row in range(2400)]
    use_case = SHIFT if band is None else SHIFT.with_dead_band(band)
    found = openings(use_case, values, [None] * len(values))
    assert [one.evidence["shift"] for one in found] == ["slope"] * is_told


@pytest.mark.parametrize(("direction", "told"), [("rise", [1000]), ("fall", [2500]), ("both", [1000, 2500])])
def test_anomaly_tells_the_direction_that_is_asked_for(direction, told):
    times, values = course()
    values[1000] += 2.0
    values[2500] -= 4.0
    found = openings(ANOMALY.with_dead_band(DeadBand(0.5, direction=direction)), values, times)
    assert [one.index for one in found] == told


@pytest.mark.parametrize(
    ("band", "told"),
    [
        (DeadBand(least=1.0), [12.0, 2.0]),
        (DeadBand(least=5.0), [2.0]),
        (DeadBand(least_share=0.5), [2.0]),
        (DeadBand(direction="fall"), [2.0]),
        (DeadBand(direction="rise"), [12.0]),
        (DeadBand(least=11.0), []),
    ],
)
def test_shift_tells_changes_beyond_the_band(band, told):
    rng = random.Random(3)
    values = [level + rng.gauss(0.0, 0.3) for level in (10.0, 12.0, 2.0) for _ in range(1500)]
    found = openings(SHIFT.with_dead_band(band), values, [None] * len(values))
    assert [one.evidence["after"] for one in found] == pytest.approx(told, abs=0.5)
    for one in found:
        assert band.details().items() <= one.evidence.items()
