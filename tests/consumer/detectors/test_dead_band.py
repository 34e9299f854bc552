"""What is nearer to the expected than people care for, or in the other direction, is not told, nor burnt."""

import math
import random

import pytest

from consumer.detectors.alert_policy import AlertPolicy, AlertState, DeadBand
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.seasonal_anomaly import SeasonalAnomaly

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
    assert lived([(-5.0, OPENS), (5.0, KEEPS)], rise) == [(1, "opened")]


def test_without_a_band_nothing_waits():
    alert = AlertState()
    assert lived([(0.3, OPENS), (0.1, KEEPS)], AlertPolicy(clear_after=3), alert=alert) == [(0, "opened")]
    assert not alert.waits


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
        values[row] += 0.6
    values[2900] += 1.5
    plain = [one.index for one in openings(SeasonalAnomaly(), values, times)]
    assert set(range(1500, 2700, 150)) & set(plain)
    banded = SeasonalAnomaly().with_dead_band(DeadBand(least=1.0))
    [found] = openings(banded, values, times)
    assert (found.index, found.evidence["least"]) == (2900, 1.0)
    assert "direction" not in found.evidence
    share = SeasonalAnomaly().with_dead_band(DeadBand(least_share=0.12, direction="rise"))
    found = openings(share, values, times)
    assert found[-1].index == 2900
    assert (found[-1].evidence["least"], found[-1].evidence["direction"]) == ("12%", "rise")


def test_a_fault_that_grows_out_of_the_band_is_told():
    """From within it, where nobody is told, at any pace."""
    for rows in (5, 40, 150):
        times, values = course()
        for row in range(2500, len(values)):
            values[row] += 3.0 * min(1.0, (row - 2500) / rows)
        banded = SeasonalAnomaly().with_dead_band(DeadBand(least=1.5))
        [first, *_] = openings(banded, values, times)
        assert 2500 + rows // 3 < first.index <= 2502 + rows
        assert values[first.index] - first.evidence["expected"] >= 1.5


@pytest.mark.parametrize(("direction", "told"), [("rise", [1000]), ("fall", [2500]), ("both", [1000, 2500])])
def test_anomaly_tells_the_direction_that_is_asked_for(direction, told):
    times, values = course()
    values[1000] += 2.0
    values[2500] -= 2.0
    found = openings(SeasonalAnomaly().with_dead_band(DeadBand(0.5, direction=direction)), values, times)
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
    found = openings(ChangePoint().with_dead_band(band), values, [None] * len(values))
    assert [one.evidence["after"] for one in found] == pytest.approx(told, abs=0.5)
    for one in found:
        assert band.details().items() <= one.evidence.items()
