"""Vectorised learning: what the columns learn is, bit for bit, what the scalar classes learn."""

import dataclasses
import math
import random
import struct
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

import numpy as np
import pytest

from consumer.detectors.alert_policy import AlertPolicy, AlertState, DeadBand, Finding
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.in_columns import vectorised
from consumer.detectors.in_columns.seasonal_anomaly_twin import SeasonalAnomalyTwin
from consumer.detectors.in_columns.sensor_checks_twin import HealthTwin
from consumer.detectors.in_columns.vectorised import Source, learn_by_rank
from consumer.detectors.seasonal_anomaly import SeasonalAnomalyState
from consumer.detectors.sensor_checks import Health, SensorChecks
from consumer.detectors.state_columns import StateColumns
from consumer.detectors.state_layouts import Unfit, layout_of
from consumer.errors import ModelRaised
from consumer.river_models.seasonal_isolation import SeasonalIsolation
from tests.consumer.seasonal import seasonal_anomaly

SIGNALS, BATCHES, PAGES = 48, 24, 3
Draw = random.Random


def noise(draw: Draw) -> Iterator[float]:
    while True:
        yield draw.gauss(20.0, 1.0)


def daily(draw: Draw) -> Iterator[float]:
    for number in range(10**9):
        spike = 30.0 if draw.random() < 0.01 else 0.0
        yield math.sin(number / 20.0) + draw.gauss(0.0, 0.05) + spike


def flat(draw: Draw) -> Iterator[float]:
    value = draw.choice([0.0, 7.5])
    while True:
        for _ in range(draw.choice([2, 40, 150])):
            yield value
        yield from (draw.gauss(0.0, 1.0) for _ in range(draw.choice([1, 30])))


def standing_still(draw: Draw) -> Iterator[float]:
    yield from [1.0] * draw.choice([0, 1, 30, 450, 450])
    while True:
        yield from [draw.gauss(0.0, 1.0)] * draw.choice([1, 3, 15, 30, 100, 300, 450])


def stepped(draw: Draw) -> Iterator[float]:
    level = 0.0
    while True:
        level += draw.choice([-1.0, 1.0, 0.5])
        for _ in range(draw.randrange(1, 60)):
            yield level


def outbursts(draw: Draw) -> Iterator[float]:
    while True:
        yield from (draw.gauss(0.0, 1.0) for _ in range(draw.randrange(80)))
        yield from (draw.gauss(9.0, 3.0) for _ in range(draw.randrange(30)))


def switching(draw: Draw) -> Iterator[float]:
    levels = [draw.uniform(-50.0, 50.0) for _ in range(draw.choice([2, 3, 12]))]
    while True:
        level = draw.choice(levels)
        off = draw.choice([0.0] * 9 + [4.0])
        yield from (level + off + draw.gauss(0.0, 0.5) for _ in range(draw.randrange(5, 60)))


def counting(draw: Draw) -> Iterator[float]:
    total, every = 0.0, draw.choice([0.0, 0.0, 0.01])
    while True:
        total = total + draw.choice([1.0, 1.0, 2.0]) if draw.random() > every else 0.0
        yield total


def zeros(draw: Draw) -> Iterator[float]:
    while True:
        yield draw.choice([0.0, -0.0, -0.0, 5e-324, -5e-324, 0.0])


def extremes(draw: Draw) -> Iterator[float]:
    sizes = draw.choice([[1e99, 1e100], [1e-300, 5e-324, 0.0], [1e99, 1.0, 1e-99], [1.7e308, 1.0, 1e307]])
    while True:
        yield draw.choice(sizes) * draw.choice([1.0, -1.0, draw.random()])


def regular(draw: Draw) -> Iterator[float]:
    at_s, every_s = draw.choice([0.0, 1.7e9]), draw.choice([1.0, 60.0, 300.0, 599.9, 3600.0, 40_000.0])
    while True:
        yield at_s
        at_s += every_s


def jumping(draw: Draw) -> Iterator[float]:
    at_s = 1.7e9
    while True:
        yield at_s
        at_s += draw.choice([0.0, 1.0, 60.0, 60.0, 600.0, 3600.0, -60.0, 1e5, -1e5, 1e7, -1e7, 700_000.0])


def on_the_hour(draw: Draw) -> Iterator[float]:
    while True:
        hour_s = 3600.0 * draw.choice([1, 24, 167, 168, 472_000, 2**24 + 1])
        yield draw.choice(
            [hour_s, math.nextafter(hour_s, 0.0), math.nextafter(hour_s, math.inf), 0.0, 5e-324]
        )


def out_of_range(draw: Draw) -> Iterator[float]:
    at_s = draw.choice([-86_400.0, 1e11 - 3600.0])
    while True:
        yield at_s if draw.random() < 0.9 else draw.choice([-0.0, -1e-9, 1e300, -1e300])
        at_s += 300.0


SERIES: list[Callable[[Draw], Iterator[float]]] = [
    noise,
    daily,
    flat,
    stepped,
    outbursts,
    switching,
    counting,
    zeros,
    extremes,
]
CLOCKS: list[Callable[[Draw], Iterator[float]]] = [regular, regular, jumping, on_the_hour, out_of_range]


def use_case_of(draw: Draw) -> AnomalyUseCase:
    policy = AlertPolicy(
        clear_after=draw.choice([0, 1, 3, 20]),
        still_open_s=draw.choice([0.0, 1800.0, 86_400.0]),
        cool_down_s=draw.choice([0.0, 600.0]),
        alerts_per_week=draw.choice([0.0, 1.0, 1.0, 500.0, 1e6]),
        dead_band=draw.choice([None, None, DeadBand(least=0.7), DeadBand(least_share=0.3, direction="fall")]),
    )
    size = draw.choice([1, 7, 20, 64, 256])
    use_case = seasonal_anomaly(
        warm_up=draw.choice([0, 30, 100]),
        alert=policy,
        sensor_checks=SensorChecks(flat=draw.choice([0, 1, 4, 60])),
        sample_size=size,
        memory=draw.choice([size, 2 * size, 6 * size]),
        known_from=draw.choice([0, 1, 5]),
        limit=draw.choice([0.4, 1.25, 2.5]),
        stray_limit=draw.choice([0.1, 0.01, 1.0]),
        stray_gate=draw.choice([0.0, 0.8]),
        mode_limit=draw.choice([0.3, 0.01]),
        level_rate=draw.choice([0.03, 0.5, 1.0]),
        window_rate=draw.choice([0.1, 1.0]),
        hour_rate=draw.choice([0.05, 0.5]),
        all_rate=draw.choice([0.003, 0.0]),
        step_s=draw.choice([300.0, 1.0]),
    )
    return use_case.with_time_zone(draw.choice(["UTC", "UTC", "Europe/Berlin", "Asia/Kolkata"]))


def states_of(
    draw: Draw, use_case: AnomalyUseCase, series: list[Iterator[float]], clocks: list[Iterator[float]]
) -> list[SeasonalAnomalyState]:
    """States that have learned some values, as the first ones are learned alone; few are new."""
    states = [use_case.create(draw.randrange(2**60)) for _ in series]
    for state, values, times in zip(states, series, clocks, strict=True):
        count = draw.choice([0, 1, 30, 60, 60, 150, 198, 300])
        try:
            use_case.learn(state, list(islice(values, count)), list(islice(times, count)))
        except ModelRaised as error:
            raise AssertionError("the scalar code has an answer to whatever comes") from error
    return states


def health_of(draw: Draw) -> Health:
    """What may be known of a sensor when its signal comes to be learned in columns."""
    health = Health(first_arrived_s=draw.choice([None, 0.0, 0.0]), longest=draw.choice([0, 5]))
    for fault in ("flat", "range", "quality", "stale"):
        if draw.random() < 0.1:
            of_fault = AlertState(is_open=draw.random() < 0.3, since_s=0.0, notified_s=0.0, quiet=1, times=1)
            health.alerts[fault] = of_fault
    return health


def bits(state: Any) -> bytes:
    numbers = layout_of(type(state)).numbers_of(state)
    return struct.pack(f"{len(numbers.floats)}d", *numbers.floats) + repr(numbers.integers).encode()


class Columns:
    """The states of one class, spread over some pages with other states between them."""

    def __init__(self, made: type[Any], where: list[tuple[int, int]]) -> None:
        self.where, self.layout = where, layout_of(made)
        self.pages = [StateColumns.empty(made, SIGNALS + 5) for _ in range(PAGES)]
        for page in self.pages:
            page.floats[...], page.integers[...] = -7.5, 3

    def take(self, signal: int) -> Any:
        page, place = self.where[signal]
        return self.pages[page].take(place)

    def put(self, signal: int, state: Any) -> None:
        page, place = self.where[signal]
        self.pages[page].put([place], [self.layout.numbers_of(state)])

    def are_others_untouched(self) -> bool:
        """Whether the places of no signal are as they were at first."""
        own = set(self.where)
        others = [
            (page, place) for page in range(PAGES) for place in range(SIGNALS + 5) if (page, place) not in own
        ]
        floats = {float(number) for page, place in others for number in self.pages[page].floats[:, place]}
        integers = {int(number) for page, place in others for number in self.pages[page].integers[:, place]}
        return (floats, integers) == ({-7.5}, {3})

    def sources(self, signals: list[int]) -> tuple[list[Source], list[int]]:
        """The sources of these signals, and the signals in the order of the sources."""
        of_pages = [[signal for signal in signals if self.where[signal][0] == page] for page in range(PAGES)]
        sources = [
            Source(page, np.array([self.where[signal][1] for signal in of_page], dtype=np.intp))
            for page, of_page in zip(self.pages, of_pages, strict=True)
        ]
        return sources, list(chain(*of_pages))


def learned(
    use_case: AnomalyUseCase, state: Any, health: Health, values: list[float], times: list[float]
) -> list[Finding]:
    """The definition."""
    findings = use_case.learn(state, values, times)
    return use_case.sensor_checks.apply(health, findings, values, times, times[0])


@pytest.mark.parametrize("seed", range(24))
def test_anomaly_and_sensor_checks_learn_in_columns_what_they_learn_alone(seed):
    draw = random.Random(seed)
    use_case = use_case_of(draw)
    series = [draw.choice(SERIES)(draw) for _ in range(SIGNALS)]
    clocks = [draw.choice(CLOCKS)(draw) for _ in range(SIGNALS)]
    where = [(draw.randrange(PAGES), place) for place in draw.sample(range(SIGNALS + 5), SIGNALS)]
    states = states_of(draw, use_case, series, clocks)
    healths = [health_of(draw) for _ in range(SIGNALS)]
    models, checks = Columns(SeasonalAnomalyState, where), Columns(Health, where)
    for signal in range(SIGNALS):
        models.put(signal, states[signal])
        checks.put(signal, healths[signal])
    known = set(range(SIGNALS))
    for _ in range(BATCHES):
        signals = [signal for signal in sorted(known) if draw.random() < 0.9]
        sources, signals = models.sources(signals)
        lengths = [draw.choice([1, 9, 10, 10, 17]) for _ in signals]
        order = sorted(range(len(signals)), key=lambda row: -lengths[row])
        if not signals:
            continue
        rows = [signals[at] for at in order]
        counts = np.array([lengths[at] for at in order])
        values = [
            [next(series[signal]) for _ in range(count)] for signal, count in zip(rows, counts, strict=True)
        ]
        times = [
            [next(clocks[signal]) for _ in range(count)] for signal, count in zip(rows, counts, strict=True)
        ]
        twins = [
            SeasonalAnomalyTwin(use_case, sources, np.array(order)),
            HealthTwin(use_case.sensor_checks, checks.sources(signals)[0], np.array(order)),
        ]
        starts = np.cumsum(counts) - counts
        left = learn_by_rank(
            twins, np.array(list(chain(*values))), np.array(list(chain(*times))), starts, counts, few=1
        )
        for twin in twins:
            twin.scatter()
        for row, signal in enumerate(rows):
            own, at_s, begin = values[row], times[row], int(left[row])
            state, health = models.take(signal), checks.take(signal)
            try:
                expected = learned(use_case, states[signal], healths[signal], own, at_s)
            except ModelRaised as error:
                raised_at = error.index
                known.remove(signal)
                with pytest.raises(ModelRaised) as raised:
                    learned(use_case, state, health, own[begin:], at_s[begin:])
                assert raised.value.index + begin == raised_at
                continue
            found = []
            if begin < len(own):
                found = learned(use_case, state, health, own[begin:], at_s[begin:])
            found = [dataclasses.replace(one, index=one.index + begin) for one in found]
            assert repr(found) == repr(expected)
            try:
                expected_bits = bits(states[signal]), bits(healths[signal])
            except Unfit:  # NaN has no place in columns
                known.remove(signal)
                assert begin < len(own)
                continue
            assert (bits(state), bits(health)) == expected_bits
            models.put(signal, state)
            checks.put(signal, health)
    assert models.are_others_untouched()
    assert checks.are_others_untouched()


@pytest.mark.parametrize("seed", range(12))
def test_sensors_that_stand_still_for_long_are_watched_in_columns_as_alone(seed):
    draw = random.Random(seed)
    checks = SensorChecks(flat=draw.choice([0, 2, 5, 20, 60]))
    series = [standing_still(draw) for _ in range(SIGNALS)]
    clocks = [draw.choice([regular, jumping])(draw) for _ in range(SIGNALS)]
    healths = [Health(first_arrived_s=0.0) for _ in range(SIGNALS)]
    columns = Columns(Health, [(0, signal) for signal in range(SIGNALS)])
    order, counts = np.arange(SIGNALS), np.full(SIGNALS, 12)
    for _ in range(60):
        for signal, health in enumerate(healths):
            columns.put(signal, health)
        values = [[next(one) for _ in range(12)] for one in series]
        times = [[next(one) for _ in range(12)] for one in clocks]
        twin = HealthTwin(checks, columns.sources(list(range(SIGNALS)))[0], order)
        left = learn_by_rank([twin], np.ravel(values), np.ravel(times), 12 * order, counts, few=1)
        twin.scatter()
        for signal, (own, at_s, begin) in enumerate(zip(values, times, left.tolist(), strict=True)):
            expected = checks.apply(healths[signal], [], own, at_s, at_s[0])
            health, found = columns.take(signal), []
            if begin < 12:
                found = checks.apply(health, [], own[begin:], at_s[begin:], at_s[begin])
            assert [dataclasses.replace(one, index=one.index + begin) for one in found] == expected
            assert bits(health) == bits(healths[signal])


def known_of(use_case: AnomalyUseCase) -> Any:
    """The state of a signal that has learned noise, of times that are not before 1970 only for a while."""
    draw, state = random.Random(2), AnomalyUseCase.create(use_case, 1)
    if isinstance(state, SeasonalAnomalyState):
        values = [draw.gauss(0.0, 1.0) for _ in range(400)]
        seasonal_anomaly().learn(state, values, [10_000.0 + 60.0 * at for at in range(400)])
    return state


def learn_noise(
    use_case: AnomalyUseCase, health: Health, rows: int = 40, count: int = 3, **unusual: float
) -> tuple[list[int], bool]:
    """How many of some plain values each row learns in columns, and whether all rows are as they were before.

    `unusual` is the value or the time of the last row's second observation.
    """
    models, checks = StateColumns.empty(SeasonalAnomalyState, rows), StateColumns.empty(Health, rows)
    for columns, state in ((models, known_of(use_case)), (checks, health)):
        columns.put(range(rows), [columns.layout.numbers_of(state)] * rows)
    before = models.floats.copy(), models.integers.copy(), checks.floats.copy(), checks.integers.copy()
    places = np.arange(rows)
    twins = [
        SeasonalAnomalyTwin(use_case, [Source(models, places)], places),
        HealthTwin(use_case.sensor_checks, [Source(checks, places)], places),
    ]
    draw = random.Random(1)
    values = np.array([draw.gauss(0.0, 1.0) for _ in range(rows * count)])
    at_s = np.tile(34_000.0 + np.arange(count) * 60.0, rows)
    values[count * (rows - 1) + 1] = unusual.get("value", 1.0)
    at_s[count * (rows - 1) + 1] = unusual.get("at_s", 34_060.0)
    left = learn_by_rank(twins, values, at_s, np.arange(rows) * count, np.full(rows, count))
    for twin in twins:
        twin.scatter()
    after = models.floats, models.integers, checks.floats, checks.integers
    is_same = all(np.array_equal(*pair, equal_nan=True) for pair in zip(before, after, strict=True))
    return left.tolist(), is_same


PLAIN, HEARD_OF = seasonal_anomaly(), Health(first_arrived_s=0.0)


def test_plain_values_are_all_learned_in_columns():
    assert learn_noise(PLAIN, HEARD_OF) == ([3] * 40, False)


def test_what_knows_nothing_yet_learns_in_columns_from_its_first_value_on():
    rows, count, places = 30, 40, np.arange(30)
    models = StateColumns.empty(SeasonalAnomalyState, rows)
    models.put(range(rows), [models.layout.numbers_of(PLAIN.create(1))] * rows)
    twin, draw = SeasonalAnomalyTwin(PLAIN, [Source(models, places)], places), random.Random(1)
    values = np.array([draw.gauss(20.0, 1.0) for _ in range(rows * count)])
    at_s = np.tile(34_000.0 + np.arange(count) * 60.0, rows)
    assert (
        learn_by_rank([twin], values, at_s, places * count, np.full(rows, count)).tolist() == [count] * rows
    )


def test_few_rows_are_left_to_the_scalar_code():
    assert learn_noise(PLAIN, HEARD_OF, rows=2) == ([0] * 2, True)


def test_few_rows_with_few_values_are_not_worth_leaving():
    assert learn_noise(PLAIN, HEARD_OF, rows=5) == ([3] * 5, False)
    assert learn_noise(PLAIN, HEARD_OF, rows=5, count=100) == ([0] * 5, True)


@pytest.mark.parametrize(
    "unusual",
    [
        {"value": math.nan},
        {"value": math.inf},
        {"value": 1.7e308},
        {"at_s": math.nan},
        {"at_s": -1.0},
        {"at_s": 1e11},
        {"at_s": math.inf},
    ],
    ids=str,
)
def test_a_row_leaves_before_a_value_that_is_unusual_and_the_others_stay(unusual):
    assert learn_noise(PLAIN, HEARD_OF, **unusual) == ([3] * 39 + [1], False)


def test_a_row_leaves_before_an_unknown_time_whatever_it_learns():
    checks = StateColumns.empty(Health, 20)
    checks.put(range(20), [checks.layout.numbers_of(HEARD_OF)] * 20)
    twin = HealthTwin(SensorChecks(), [Source(checks, np.arange(20))], np.arange(20))
    at_s = np.array([0.0] * 19 + [math.nan])
    left = learn_by_rank([twin], np.ones(20), at_s, np.arange(20), np.ones(20, dtype=np.intp), few=1)
    assert left.tolist() == [1] * 19 + [0]


class Own(AnomalyUseCase):
    """Somebody's own use case, which may do otherwise."""


class OwnIsolation(SeasonalIsolation):
    """Somebody's own detector."""


@pytest.mark.parametrize(
    "use_case",
    [
        Own(SeasonalIsolation(), sensor_checks=SensorChecks()),
        AnomalyUseCase(OwnIsolation(), sensor_checks=SensorChecks()),
        seasonal_anomaly(step_s=0.0),
        seasonal_anomaly(sensor_checks=SensorChecks(lowest=-100.0)),
        seasonal_anomaly(sensor_checks=SensorChecks(highest=100.0)),
    ],
    ids=["own class", "own detector", "step 0", "lowest", "highest"],
)
def test_all_rows_leave_at_once_where_settings_are_not_those_of_the_arithmetic(use_case):
    assert learn_noise(use_case, HEARD_OF) == ([0] * 40, True)


@pytest.mark.parametrize(
    "health",
    [
        Health(),
        Health(first_arrived_s=0.0, empty=1),
        Health(first_arrived_s=0.0, is_untold=True),
        *(
            Health(first_arrived_s=0.0, alerts={fault: AlertState(is_open=True)})
            for fault in ("flat", "range", "quality", "stale")
        ),
        Health(first_arrived_s=0.0, seen=2**53),
    ],
    ids=["new", "empty", "untold", "flat", "range", "quality", "stale", "altered"],
)
def test_a_row_leaves_at_once_if_anything_is_wrong_with_the_sensor(health):
    assert learn_noise(PLAIN, health) == ([0] * 40, True)


@pytest.mark.parametrize("fault", ["flat", "range", "quality", "stale"])
def test_a_sensor_that_is_well_again_stays_in_columns(fault):
    health = Health(first_arrived_s=0.0, alerts={fault: AlertState(times=1, cleared_s=0.0)})
    assert learn_noise(PLAIN, health) == ([3] * 40, False)


@pytest.mark.parametrize("numbers", [(0.0, -0.0), (-0.0, 0.0), (1.0, 2.0), (2.0, 1.0)])
def test_least_and_greatest_are_those_of_python(numbers):
    one, other = map(np.array, numbers)
    assert repr(float(vectorised.first_max(one, other))) == repr(max(numbers))
    assert repr(float(vectorised.first_min(one, other))) == repr(min(numbers))
