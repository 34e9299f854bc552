"""Lasting changes: each is told once and soon, and nothing else is told."""

import json
import math
import random
import re

import pytest

from consumer.detectors.change_point import ChangePoint
from consumer.pages.packing import packed
from consumer.pages.unpacking import unpacked
from consumer.river_models.deseasonalised_change import DeseasonalisedChangeDetector
from tests.consumer.world import World, record

DAY_S = 86_400.0


def noise(count, seed=1, deviation=1.0):
    drawn = random.Random(seed)
    return [drawn.gauss(0.0, deviation) for _ in range(count)]


def told(values, period_s=0.2, detector=None):
    """Where something was told, and what; each score is looked at."""
    detector = detector or DeseasonalisedChangeDetector()
    found = []
    for index, value in enumerate(values):
        score, evidence = detector.learn_one(value, None if period_s is None else 1e9 + index * period_s)
        assert 0.0 <= score <= 1.0
        if evidence is not None:
            found.append((index, evidence))
    return found


@pytest.mark.parametrize("period_s", [0.2, 5.0, None])
@pytest.mark.parametrize("size", [3.0, -3.0, 10.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_step_is_told_once_and_soon(seed, size, period_s):
    values = [50.0 + one + size * (index >= 400) for index, one in enumerate(noise(1_500, seed))]
    ((index, evidence),) = told(values, period_s)
    assert 400 < index < 470
    assert evidence["shift"] == "level"
    assert evidence["before"] == pytest.approx(50.0, abs=0.5)
    assert evidence["after"] == pytest.approx(50.0 + size, abs=1.0)
    assert evidence["usual_low"] < 48.0
    assert evidence["usual_high"] > 52.0
    assert 32 <= evidence["observations"] <= 72
    assert not evidence["usual_of_hour"]


def test_a_ramp_is_told_before_it_has_gone_far_and_mostly_as_a_slope():
    kinds = []
    for seed in range(20):
        values = [one + 0.03 * max(0, index - 400) for index, one in enumerate(noise(700, seed))]
        index, evidence = told(values)[0]
        assert 400 < index < 600, f"seed {seed}"
        kinds.append(evidence["shift"])
        if evidence["shift"] == "slope":
            assert evidence["usual_low"] < evidence["before"] < evidence["usual_high"]
            assert evidence["after"] == pytest.approx(0.03, abs=0.02)
    assert kinds.count("slope") > 15


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("larger", [4.0, 0.1])
def test_a_spread_is_told(seed, larger):
    values = [one * (larger if index >= 400 else 1.0) for index, one in enumerate(noise(1_000, seed))]
    index, evidence = told(values)[0]
    assert 400 < index < 500
    assert evidence["shift"] == "spread"
    assert evidence["after"] / evidence["before"] == pytest.approx(larger, rel=0.5)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_told_of_noise(seed):
    assert told(noise(5_000, seed)) == []


@pytest.mark.parametrize("value", [0.0, -3.7, 1e300])
def test_nothing_is_told_of_a_signal_that_stands_still(value):
    assert told([value] * 2_000) == []


def test_a_signal_that_stood_still_and_moves_is_told():
    (_, evidence), *_ = told([4.0] * 500 + [5.0] * 200)
    assert (evidence["shift"], evidence["before"], evidence["after"]) == ("level", 4.0, 5.0)


SAMPLINGS_S = [1.0, 15.0, 60.0, 300.0, 900.0]
STILL = [(12.5, 80.0), (0.0, 3.0), (71.2, 0.0), (-40.0, -40.5), (2.5e6, 1e-3), (0.3, 0.1)]


def changes(values, period_s):
    """What `shift` publishes of a signal, sensor checks included: the changes, and the first's evidence."""
    world = World(1, ChangePoint())
    for number, at in enumerate(range(0, len(values), 500), 1):
        times = [1.7e9 + index * period_s for index in range(at, min(len(values), at + 500))]
        payload = {"signal": "a", "values": values[at : at + 500], "timestamps": times}
        world.invoke([record(number, payload, key="a", arrived=times[-1])])
    details = [json.loads(event.detail) for event in world.bus.events]
    return [detail["change"] for detail in details], details[0]["evidence"] if details else None


@pytest.mark.parametrize("period_s", SAMPLINGS_S)
@pytest.mark.parametrize(("before", "after"), STILL)
@pytest.mark.parametrize("still", [1_420, 1_500, 2_883])
def test_what_stood_exactly_still_and_moved_has_one_opening(before, after, still, period_s):
    found, evidence = changes([before] * still + [after] * 3_000, period_s)
    assert found.count("opened") == 1, found
    assert evidence["shift"] == "level"
    assert evidence["before"] == pytest.approx(before, abs=0.02 * abs(before - after))
    assert evidence["after"] == pytest.approx(after, abs=0.02 * abs(before - after))


@pytest.mark.parametrize("period_s", SAMPLINGS_S)
@pytest.mark.parametrize(("before", "after"), STILL)
def test_what_stood_exactly_still_and_lives_at_another_level_has_one_opening(before, after, period_s):
    moved = [after + 0.01 * abs(after - before) * one for one in noise(3_000)]
    found, evidence = changes([before] * 2_000 + moved, period_s)
    assert found.count("opened") == 1, found
    assert evidence["shift"] == "level"


def bursts(values, every_s, within_s=0.0):
    """Gaps of a gateway that collects so many values and sends them together."""
    while True:
        yield from [within_s] * (values - 1)
        yield every_s - within_s * (values - 1)


DELIVERIES = {
    "bursts of 3 every three minutes": lambda draw: bursts(3, 180.0),
    "bursts of 12 every ten minutes": lambda draw: bursts(12, 600.0),
    "bursts of 20 every half hour, a millisecond apart": lambda draw: bursts(20, 1_800.0, 0.001),
    "bursts of an hour": lambda draw: bursts(60, 3_600.0, 1.0),
    "bursts of a block": lambda draw: bursts(8, 400.0),
    "some early, some late": lambda draw: iter(lambda: draw.uniform(60.0, 540.0), None),
    "at random": lambda draw: iter(lambda: draw.expovariate(1.0 / 200.0), None),
    "by exception": lambda draw: iter(lambda: draw.choice([1.0, 45.0, 2_400.0, 15_000.0]), None),
    "all at one time": lambda draw: iter(lambda: 0.0, None),
    "without times": lambda draw: iter(lambda: None, 0),
}


def openings(values, delivery, seed=1):
    """What opens, and where, in values that come so; the first at midnight."""
    times, at_s = [], 1.7e9 - 1.7e9 % DAY_S
    gaps = DELIVERIES[delivery](random.Random(seed))
    for _ in values:
        gap_s = next(gaps)
        at_s = None if gap_s is None else at_s + gap_s
        times.append(at_s)
    use_case = ChangePoint()
    found = use_case.learn(use_case.create(seed=1), values, times)
    return [(one.index, one.evidence) for one in found if one.change == "opened"]


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize(("before", "after"), [(7.5, 90.0), (0.0, -2.0), (-30.0, 0.0), (200.0, 200.00002)])
@pytest.mark.parametrize("still", [101, 150, 430, 700, 1_440, 3_100])
def test_what_stood_exactly_still_and_moved_has_one_opening_however_its_values_come(
    before, after, still, delivery
):
    ((index, evidence),) = openings([before] * still + [after] * 1_500, delivery)
    assert index - still < 60
    assert evidence["shift"] == "level"
    assert evidence["before"] == pytest.approx(before, abs=0.02 * abs(before - after))
    assert evidence["after"] == pytest.approx(after, abs=0.02 * abs(before - after))


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("deviation", [0.01, 0.1, 0.2])
@pytest.mark.parametrize("still", [120, 500, 2_000])
def test_what_stood_exactly_still_and_is_as_noisy_elsewhere_has_one_opening(still, deviation, delivery):
    moved = [60.0 + 40.0 * deviation * one for one in noise(1_500, still)]
    ((index, evidence),) = openings([20.0] * still + moved, delivery)
    assert index - still < 60
    assert evidence["shift"] == "level"


@pytest.mark.parametrize("period_s", [1.0, 30.0, 120.0, 600.0, 1_200.0])
@pytest.mark.parametrize(
    ("level", "share"), [(50.0, 1e-7), (-3e6, 2e-8), (1e-3, 1e-6), (4e9, 1e-10), (8.0, 1e-11)]
)
@pytest.mark.parametrize("still", [90, 144, 640])
def test_the_smallest_step_from_an_exact_level_is_told_as_soon_as_a_large_one(still, level, share, period_s):
    values = [level] * still + [level * (1.0 + share)] * 400
    (index, evidence), *rest = told(values, period_s)
    assert (rest, evidence["shift"]) == ([], "level")
    assert index - still < 60


@pytest.mark.parametrize("period_s", [30.0, 300.0, 900.0])
@pytest.mark.parametrize("second", [-0.2, 0.1])
def test_a_smaller_second_step_soon_after_the_first_takes_nothing_from_it(second, period_s):
    values = [3.0] * 250 + [11.0] * 20 + [11.0 + 8.0 * second] * 300
    (index, evidence), *_ = told(values, period_s)
    assert index - 250 < 60
    assert evidence["shift"] == "level"


@pytest.mark.parametrize("delivery", [one for one in DELIVERIES if one.startswith("bursts")])
@pytest.mark.parametrize("most", [25.0, 40.0])
def test_what_rises_slowly_in_bursts_and_stays_for_hours_may_be_the_day(most, delivery):
    times, at_s, gaps = [], 1.7e9 - 1.7e9 % DAY_S, DELIVERIES[delivery](random.Random(1))
    while at_s < 1.7e9 - 1.7e9 % DAY_S + DAY_S - 3_600.0:
        times.append(at_s)
        at_s += next(gaps)
    values = [
        min(most, max(0.0, 40.0 * math.sin(math.pi * (at_s % DAY_S - 28_800.0) / 43_200.0))) for at_s in times
    ]
    use_case = ChangePoint()
    assert use_case.learn(use_case.create(seed=1), values, times) == []


def test_what_left_its_level_slowly_for_good_is_told_when_a_day_has_been_seen():
    values = [6.0] * 500 + [6.0 + 0.05 * index for index in range(400)] + [26.0] * 1_200
    (index, evidence), *_ = told(values, 60.0)
    assert 1_440 <= index < 1_500
    assert (evidence["shift"], evidence["before"], evidence["after"]) == ("level", 6.0, 26.0)


@pytest.mark.parametrize("period_s", [1.0, 5.0, 60.0, 300.0, 900.0])
@pytest.mark.parametrize(("level", "deviation"), [(3e9, 0.5), (1e7, 1e-4), (-4e12, 20.0), (60.0, 1.0)])
def test_a_step_of_ten_deviations_has_one_opening_however_large_the_values_are(level, deviation, period_s):
    for seed in range(3):
        values = [
            level + deviation * (one + 10.0 * (index >= 2_900))
            for index, one in enumerate(noise(7_000, seed))
        ]
        found, evidence = changes(values, period_s)
        assert found.count("opened") == 1, (seed, found)
        if evidence["shift"] == "level":
            moved = (evidence["after"] - evidence["before"]) / deviation
            assert moved == pytest.approx(10.0, abs=1.0), "also where the means of hours had begun to follow"


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_a_step_is_as_large_as_it_is_however_the_values_come(delivery):
    for seed in range(4):
        values = [-15.0 + one + 10.0 * (index >= 2_600) for index, one in enumerate(noise(3_000, seed))]
        for _, evidence in openings(values, delivery, seed):
            if evidence["shift"] == "level":
                assert evidence["after"] - evidence["before"] == pytest.approx(10.0, abs=1.5)


@pytest.mark.parametrize("value", [0.1, 1e8, -7.3e-5])
def test_what_rounding_does_is_no_change(value):
    up = math.nextafter(value, math.inf)
    assert told([value] * 900 + [up] * 900 + [value, up] * 900, 60.0) == []


@pytest.mark.parametrize("period_s", [60.0, 300.0, 900.0])
@pytest.mark.parametrize("starts_at", [0.0, 3.0, 20.0])
def test_what_stands_still_at_night_and_rises_is_not_at_another_level(starts_at, period_s):
    hours = [(index * period_s / 3_600.0 + starts_at) % 24.0 for index in range(round(DAY_S / period_s))]
    values = [max(0.0, 40.0 * math.sin(math.pi * (hour - 6.0) / 12.0)) for hour in hours]
    assert told(values, period_s) == []


def test_a_sentence_has_as_many_digits_as_it_takes():
    _, evidence = changes(
        [5e8 + 0.01 * one + 0.2 * (index >= 900) for index, one in enumerate(noise(1_500))], 1.0
    )
    before, after = re.search(r"level ([\d.]+) before, ([\d.]+) in", evidence["says"]).groups()
    assert float(after) - float(before) == pytest.approx(0.2, abs=0.05)
    _, evidence = changes([50.0 + one + 20.0 * (index >= 900) for index, one in enumerate(noise(1_500))], 1.0)
    assert re.search(r"level \d\d(\.\d\d?)? before, \d\d(\.\d\d?)? in", evidence["says"])


@pytest.mark.parametrize("period_s", [60.0, 300.0, 900.0])
@pytest.mark.parametrize("phase", [0.0, 0.25, 0.5, 0.75])
def test_nothing_is_told_of_a_days_course(phase, period_s):
    count = round(10 * DAY_S / period_s)
    values = [
        one + 8.0 * math.sin(2.0 * math.pi * (index * period_s / DAY_S + phase))
        for index, one in enumerate(noise(count))
    ]
    assert told(values, period_s) == []


def test_a_step_on_a_days_course_is_told_by_the_hour():
    values = [
        one + 8.0 * math.sin(2.0 * math.pi * index / 288) + 4.0 * (index >= 8 * 288)
        for index, one in enumerate(noise(12 * 288))
    ]
    (index, evidence), *rest = told(values, 300.0)
    assert 0 < index - 8 * 288 < 100
    assert (evidence["shift"], evidence["usual_of_hour"]) == ("level", True)
    assert rest == []


def test_a_lone_spike_is_not_told():
    values = noise(2_000)
    values[700] = values[1_200] = 1e6
    assert told(values) == []


@pytest.mark.parametrize("size", [1e300, -1e300, 1e200])
def test_huge_values_are_learned_without_an_error(size):
    values = [one * size if index % 3 else one for index, one in enumerate(noise(600, deviation=0.5))]
    for _, evidence in told([*values, *[size] * 300, *noise(300)]):
        assert all(math.isfinite(one) for one in evidence.values() if isinstance(one, float))


@pytest.mark.parametrize("tiny", [5e-324, -1e-320, 1e-300])
@pytest.mark.parametrize("length", [1, 8, 200])
def test_tiny_values_are_learned_without_an_error(tiny, length):
    rng = random.Random(1)
    values = [
        tiny if (rng.random() < 0.5 if length == 1 else row // length % 2) else 0.0 for row in range(1500)
    ]
    assert told(values) == []


@pytest.mark.parametrize("ahead_at", [0, 1000])
def test_a_clock_that_was_ahead_for_once_keeps_no_day_from_being_seen(ahead_at):
    detector, found = DeseasonalisedChangeDetector(), []
    for row, value in enumerate(noise(8000)):
        at_s = 2e9 if row == ahead_at else 1e9 + 60.0 * row
        _, evidence = detector.learn_one(value + (4.0 if row >= 6000 else 0.0), at_s)
        found += [row] if evidence else []
    assert detector.is_of_hour
    assert [row for row in found if 6000 < row < 6100]


def test_times_may_be_missing_equal_or_go_back():
    drawn, detector = random.Random(3), DeseasonalisedChangeDetector()
    for value in noise(3_000):
        at_s = drawn.choice([None, 1e9, 1e9 + drawn.uniform(-1e6, 1e6)])
        score, _ = detector.learn_one(value, at_s)
        assert 0.0 <= score <= 1.0


@pytest.mark.parametrize("cut", [3, 401, 430, 1_000])
def test_a_stored_state_goes_on_as_if_it_had_not_been(cut):
    values = [one + 3.0 * (index >= 400) for index, one in enumerate(noise(1_500))]
    one, other = DeseasonalisedChangeDetector(), DeseasonalisedChangeDetector()
    for index, value in enumerate(values):
        if index == cut:
            other = unpacked(*packed(other))
        at_s = index * 120.0
        assert one.learn_one(value, at_s) == other.learn_one(value, at_s)
    assert one == other


def test_the_state_is_small():
    detector = DeseasonalisedChangeDetector()
    told(noise(20_000), 300.0, detector)
    assert len(packed(detector)[0]) < 2_048


def told_of(values, period_s, start_s=1.7e9):
    """What `shift` finds."""
    use_case = ChangePoint()
    times = [start_s + index * period_s for index in range(len(values))]
    return use_case.learn(use_case.create(seed=1), values, times)


@pytest.mark.parametrize("period_s", [1.0, 10.0, 60.0, 300.0, 900.0])
@pytest.mark.parametrize("known", [100, 700, 3_000, 6_000])
@pytest.mark.parametrize("size", [3.0, -20.0])
def test_a_step_opens_one_alert_at_every_sampling_and_never_again(size, known, period_s):
    for seed in range(2):
        values = [one + size * (index >= known) for index, one in enumerate(noise(known + 4_000, seed))]
        opened, *rest = told_of(values, period_s)
        assert (opened.change, [one.change for one in rest]) == ("opened", ["cleared"]), (seed, rest)
        assert opened.index - known < 64


@pytest.mark.parametrize("period_s", SAMPLINGS_S)
def test_a_step_after_a_hundred_values_is_told_with_how_little_is_known(period_s):
    values = [one + 6.0 * (index >= 104) for index, one in enumerate(noise(200))]
    evidence = told_of(values, period_s)[0].evidence
    assert evidence["values_known"] in (104, 112)
    assert evidence["known_for_s"] == pytest.approx(evidence["values_known"] * period_s, rel=0.2)
    ((_, evidence),) = told(values, None)
    assert (evidence["values_known"], evidence["known_for_s"]) in ((104, None), (112, None))


def test_the_sentence_says_from_how_many_values_it_is_known_what_was_usual():
    values = [50.0 + one + 6.0 * (index >= 104) for index, one in enumerate(noise(200))]
    opened, *_ = told_of(values, 300.0)
    assert re.search(r"was usual in the 1\d\d values known before$", opened.evidence["says"])


MONDAY_S = 1_767_571_200.0
"""Midnight, UTC."""


def on_workdays(at_s):
    """From 6 to 22 h on workdays at another level."""
    return 40.0 * ((at_s - MONDAY_S) // DAY_S % 7 < 5 and 6 <= at_s % DAY_S / 3_600.0 < 22)


@pytest.mark.parametrize("period_s", [300.0, 900.0])
@pytest.mark.parametrize("first_day", [0, 3])
def test_nothing_is_told_of_workdays_and_weekends_and_steps_within_them_are(first_day, period_s):
    start_s, count = MONDAY_S + first_day * DAY_S, round(35 * DAY_S / period_s)
    healthy = [one + on_workdays(start_s + row * period_s) for row, one in enumerate(noise(count))]
    assert told_of(healthy, period_s, start_s) == []
    for day in (24, 26):
        step = round((day + 0.5) * DAY_S / period_s)
        values = [value + 5.0 * (row >= step) for row, value in enumerate(healthy)]
        opened, *rest = told_of(values, period_s, start_s)
        assert 0 < opened.index - step < 70
        assert [one.change for one in rest] == ["cleared"]


def test_what_clears_as_the_new_normal_says_so_in_these_words():
    values = [50.0 + one + 8.0 * (row >= 600) for row, one in enumerate(noise(1_300))]
    opened, cleared = told_of(values, 60.0)
    assert (opened.change, cleared.change) == ("opened", "cleared")
    assert cleared.evidence["cleared_because"] == "new normal"
    assert cleared.evidence["before"] == opened.evidence["before"]
    assert cleared.evidence["now"] == pytest.approx(58.0, abs=0.7)
    assert re.fullmatch(
        r"level 5[78](\.\d+)? is the new normal, level (49|50)(\.\d+)? was", cleared.evidence["says"]
    )


@pytest.mark.parametrize("days", [0, 12])
def test_what_clears_because_it_returned_says_so(days):
    count = 288 * days + 600
    values = [50.0 + one + 8.0 * (0 <= row - count < 200) for row, one in enumerate(noise(count + 1_000))]
    opened, changed, cleared = told_of(values, 300.0)
    assert (opened.change, changed.change, cleared.change) == ("opened", "still_open", "cleared")
    assert cleared.evidence["cleared_because"] == "returned"
    assert cleared.evidence["now"] == pytest.approx(50.0, abs=1.5)
    assert re.match(
        r"level has returned to (49|5[01])(\.\d+)?, where .* was usual$", cleared.evidence["says"]
    )


def test_the_headline_of_what_has_become_usual_says_that_it_is_the_new_normal():
    world = World(1, ChangePoint())
    values = [50.0 + one + 8.0 * (row >= 600) for row, one in enumerate(noise(1_300))]
    times = [1.7e9 + 60.0 * row for row in range(1_300)]
    world.invoke(
        [record(1, {"signal": "a", "values": values, "timestamps": times}, key="a", arrived=times[-1])]
    )
    headlines = [json.loads(event.detail)["headline"] for event in world.bus.events]
    assert "is the new normal" in headlines[-1], headlines


def test_a_spread_that_returned_and_one_that_is_the_new_normal_are_told_apart():
    for ends, because in ((900, "returned"), (10_000, "new normal")):
        values = [one * (5.0 if 600 <= row < ends else 1.0) for row, one in enumerate(noise(1_800))]
        *_, cleared = told_of(values, 1.0)
        assert cleared.evidence["shift"] == "spread"
        assert cleared.evidence["cleared_because"] == because


@pytest.mark.parametrize(("period_s", "known"), [(10.0, 720), (60.0, 1_600), (300.0, 288), (300.0, 320)])
@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_most_steps_in_noise_are_told_on_the_first_day_also_where_values_resemble_those_before(
    memory, period_s, known
):
    found = 0
    for seed in range(20):
        level, values = 0.0, []
        for row, one in enumerate(noise(known + 64, seed)):
            level = memory * level + math.sqrt(1.0 - memory * memory) * one
            values.append(level + (6.0 if memory else 3.0) * (row >= known))
        found += any(one.change == "opened" and one.index >= known for one in told_of(values, period_s))
    assert found >= 14, found
