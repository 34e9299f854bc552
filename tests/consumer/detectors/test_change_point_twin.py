"""`shift` over many signals at once learns, bit for bit, what the scalar code learns alone."""

import itertools
import math
import random
from collections import Counter

import numpy as np
import pytest

from consumer.detectors import change_point
from consumer.detectors.alert_policy import DeadBand
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.in_columns.block_statistics_twin import BlockStatisticsTwin
from consumer.detectors.in_columns.change_point_twin import ChangePointTwin
from consumer.detectors.in_columns.vectorised import Source, learn_by_rank
from consumer.detectors.state_columns import StateColumns
from consumer.detectors.state_layouts import layout_of
from consumer.river_models import deseasonalised_change
from consumer.river_models.block_statistics import BlockStatistics
from consumer.river_models.deseasonalised_change import DeseasonalisedChangeDetector

PAGES = 3
VALUES = 1_600
DAY_S = 86_400.0


def noise(draw):
    level, deviation = draw.choice([0.0, 50.0, -1e6]), draw.choice([1.0, 1e-6, 30.0])
    while True:
        yield draw.gauss(level, deviation)


def wandering(draw):
    value, memory = 0.0, draw.choice([0.8, 0.95, 1.0])
    while True:
        value = memory * value + draw.gauss(0.0, 1.0)
        yield value


def stepped(draw):
    level = 0.0
    while True:
        level += draw.choice([-8.0, 2.0, 5.0])
        for _ in range(draw.choice([20, 90, 400])):
            yield draw.gauss(level, 1.0)


def plateaus(draw):
    """Steps that last for a few blocks, which is not enough."""
    while True:
        for _ in range(draw.randrange(100, 300)):
            yield draw.gauss(0.0, 1.0)
        level = draw.choice([-6.0, 4.0, 9.0])
        for _ in range(draw.randrange(8, 50)):
            yield draw.gauss(level, 1.0)


def switching(draw):
    """Between few levels, all of which move now and then."""
    levels, offset = draw.choice([(10.0, 35.0, 60.0), (0.0, 40.0), (-5e6, 1e6, 0.0, 3e6)]), 0.0
    size = abs(levels[1] - levels[0])
    while True:
        for _ in range(draw.choice([20, 40])):
            level = draw.choice(levels) + offset
            for _ in range(draw.randrange(12, 60)):
                yield draw.gauss(level, size / 30.0)
        offset += draw.choice([0.3, -0.2]) * size


def flat(draw):
    value = draw.choice([0.0, -0.0, 7.5, -1e-300])
    while True:
        for _ in range(draw.choice([30, 200, 900])):
            yield value
        value = draw.choice([value, value, value + 1.0])


def ramps(draw):
    slope, value = draw.choice([0.01, -0.03, 1.0]), 0.0
    while True:
        value += slope * (draw.random() < 0.7)
        yield value + draw.gauss(0.0, 0.5)


def cycles(draw):
    period, size = draw.choice([24, 288, 450]), draw.choice([1.0, 8.0])
    for number in itertools.count():
        yield size * math.sin(2.0 * math.pi * number / period) + draw.gauss(0.0, 0.3)


def spreads(draw):
    while True:
        deviation = draw.choice([0.1, 1.0, 4.0])
        for _ in range(draw.choice([24, 150, 500])):
            yield draw.gauss(3.0, deviation)


def alternating(draw):
    size = draw.choice([1.0, 3.0])
    for number in itertools.count():
        yield size * (1 if number // 8 % 2 else -1) + draw.gauss(0.0, 0.1)


def tiny(draw):
    size = draw.choice([5e-324, 1e-320, 1e-170, 1e-139])
    while True:
        yield draw.choice([0.0, -0.0, size, -size, draw.random() * size])


def huge(draw):
    size = draw.choice([1e99, 1e139, 1e300])
    while True:
        yield draw.choice([size, -size, 1.0, draw.gauss(0.0, 1.0) * size])


def zeros(draw):
    while True:
        yield draw.choice([0.0, -0.0, -0.0])


def still(draw):
    """For long, and then it moves, or lives; at levels at which rounding shows."""
    level = draw.choice([12.5, 1e8, -3e-4])
    for _ in range(draw.choice([97, 480, 700])):
        yield level
    deviation = draw.choice([0.0, 0.0, 1e-9, 0.1])
    while True:
        level += draw.choice([-0.5, 1.0]) * draw.choice([level, 1e-10 * level, 1e-15 * level])
        for _ in range(draw.choice([60, 600])):
            yield draw.gauss(level, deviation * abs(level)) if deviation else level


def nights(draw):
    """Still, and slowly to and fro: as what the sun moves."""
    level, size, length = draw.choice([0.0, 20.0]), draw.choice([1.0, -40.0]), draw.choice([60, 150])
    while True:
        for _ in range(draw.choice([110, 250])):
            yield level
        for number in range(length):
            yield level + size * math.sin(math.pi * number / length)


def regular(draw):
    # In the second case just before clocks are changed, in Europe and a week later in America.
    at_s, every_s = (
        draw.choice([0.0, 1_698_520_000.0]),
        draw.choice([0.2, 60.0, 299.9, 300.0, 400.0, 3_600.0]),
    )
    while True:
        yield at_s
        at_s += every_s


def jumping(draw):
    at_s = 1.7e9
    while True:
        at_s += draw.choice([1.0, 60.0, 60.0, 0.0, 3_599.5, 600.0])
        yield at_s if draw.random() < 0.97 else draw.choice([at_s - DAY_S, at_s + 30 * DAY_S, 0.0, -0.0])


def standing(draw):
    while True:
        yield 1.7e9


def strange(draw):
    """Times that no clock tells, or none."""
    for at_s in jumping(draw):
        yield at_s if draw.random() < 0.99 else draw.choice([None, -1.0, 1e12, 1e300])


SERIES = [
    *(
        noise,
        wandering,
        stepped,
        plateaus,
        flat,
        ramps,
        cycles,
        spreads,
        alternating,
        tiny,
        huge,
        zeros,
        still,
        nights,
        switching,
    )
]
CLOCKS = [regular, regular, jumping, standing, strange]


def columns_of(draw, count):
    """Values and times of signals, and new states of them on pages, in places that tell nothing."""
    signals = []
    for number in range(count):
        series, clock = SERIES[number % len(SERIES)](draw), draw.choice(CLOCKS)(draw)
        length = draw.randrange(VALUES // 2, VALUES)
        signals.append((list(itertools.islice(series, length)), list(itertools.islice(clock, length))))
    return signals


class Pages:
    """The states of signals in the columns of pages."""

    def __init__(self, use_case, count, draw):
        self.use_case = use_case
        where = [(page, place) for page in range(PAGES) for place in range(count // PAGES + 2)]
        self.where = draw.sample(where, count)
        self.columns = [StateColumns.empty(change_point.ChangePointState, len(where)) for _ in range(PAGES)]
        self.layout = self.columns[0].layout
        for signal in range(count):
            self.put(signal, use_case.create(seed=1))

    def take(self, signal):
        page, place = self.where[signal]
        return self.columns[page].take(place)

    def put(self, signal, state):
        page, place = self.where[signal]
        self.columns[page].put([place], [self.layout.numbers_of(state)])

    def numbers(self, signal):
        page, place = self.where[signal]
        columns = self.columns[page]
        return columns.floats[:, place].tobytes(), columns.integers[:, place].tobytes()

    def learn(self, values, timestamps, draw):
        """Learn a batch: by the twin, and what leaves it by the scalar code. The findings, and what left."""
        found = {signal: [] for signal in values}
        chosen = sorted((signal for signal in values if values[signal]), key=lambda one: -len(values[one]))
        if not chosen:
            return found, Counter()
        pages = [[one for one in chosen if self.where[one][0] == page] for page in range(PAGES)]
        for page in pages:
            draw.shuffle(page)
        sources = [
            Source(columns, np.array([self.where[one][1] for one in page], dtype=np.intp))
            for columns, page in zip(self.columns, pages, strict=True)
        ]
        together = list(itertools.chain(*pages))
        order = np.array([together.index(one) for one in chosen], dtype=np.intp)
        counts = np.array([len(values[one]) for one in chosen], dtype=np.intp)
        starts = np.cumsum(counts) - counts
        all_values = np.array(list(itertools.chain(*(values[one] for one in chosen))))
        at_s = np.array(list(itertools.chain(*(timestamps[one] for one in chosen))), dtype=np.float64)
        twin = ChangePointTwin(self.use_case, sources, order)
        learned = learn_by_rank([twin], all_values, at_s, starts, counts, few=1).tolist()
        twin.scatter()
        left = Counter()
        for signal, done in zip(chosen, learned, strict=True):
            left["learned"] += done
            if done < len(values[signal]):
                state = self.take(signal)
                rest = values[signal][done:], timestamps[signal][done:]
                found[signal] = [
                    (done + one.index, one.change, one.evidence) for one in self.use_case.learn(state, *rest)
                ]
                left["left"] += 1
                left["found"] += bool(found[signal])
                self.put(signal, state)
        return found, left


@pytest.mark.parametrize(
    ("seed", "zone"),
    [*enumerate(["UTC", "America/New_York", "Asia/Kolkata", "Europe/Berlin"]), (4, "UTC")],
)
def test_what_the_columns_learn_is_bit_for_bit_what_each_signal_alone_learns(seed, zone):
    draw, use_case = random.Random(seed), ChangePoint(time_zone=zone)
    if seed == 4:
        use_case = use_case.with_dead_band(DeadBand(least=0.8, least_share=0.001))
    signals = columns_of(draw, 96)
    pages = Pages(use_case, len(signals), draw)
    alone = [use_case.create(seed=1) for _ in signals]
    done, total = [0] * len(signals), Counter()
    while any(done[number] < len(values) for number, (values, _) in enumerate(signals)):
        most = draw.choice([1, 5, 10, 60, 200])
        ends = [
            done[number] + (draw.randrange(most + 1) if draw.random() < 0.9 else 0)
            for number in range(len(signals))
        ]
        values = {number: signals[number][0][done[number] : ends[number]] for number in range(len(signals))}
        times = {number: signals[number][1][done[number] : ends[number]] for number in range(len(signals))}
        found, left = pages.learn(values, times, draw)
        total += left
        for number, state in enumerate(alone):
            told = use_case.learn(state, values[number], times[number])
            assert [(one.index, one.change, one.evidence) for one in told] == found[number]
            expected = pages.layout.numbers_of(state)
            floats, integers = pages.numbers(number)
            case = (seed, number, SERIES[number % len(SERIES)].__name__, ends[number])
            assert integers == np.array(expected.integers, dtype=np.int64).tobytes(), case
            assert floats == np.array(expected.floats, dtype=np.float64).tobytes(), case
            done[number] += len(values[number])
    whole = sum(len(values) for values, _ in signals)
    assert total["learned"] > 0.6 * whole
    assert total["found"] > 20


def test_a_sum_is_from_the_first_to_the_last_on_every_python(monkeypatch):
    """Python's own sum is compensated since 3.12, and states must not depend on that."""
    monkeypatch.setattr(deseasonalised_change, "sum", math.fsum, raising=False)
    detector = DeseasonalisedChangeDetector()
    for value in [1e16, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1e16]:
        detector.learn_one(value, None)
    assert detector.before == 0.0
    detector = DeseasonalisedChangeDetector()
    for value in [1e16, *[0.0] * 7]:
        detector.learn_one(value, None)
    centre = 1e16 / 8
    whole = 0.0
    for value in [1e16, *[0.0] * 7]:
        whole += abs(value - centre)
    assert detector.spreads.shortest.mean == math.sqrt(whole / 8)


@pytest.mark.parametrize("seed", range(3))
def test_statistics_of_any_numbers_learn_a_block_as_the_scalar_code_does(seed):
    draw, layout, count = random.Random(seed), layout_of(BlockStatistics), 2_000
    size = [0.0, -0.0, 1.0, 1e-3, 1e30, 5e-324]

    def some():
        return draw.choice(size) * draw.choice([1.0, -1.0, draw.gauss(0.0, 3.0)])

    statistics = [
        BlockStatistics(
            blocks=draw.choice([0, 1, 5, 6, 7, 11, 12, 13, 200, 511, 512, 2_000]),
            mean=some(),
            variance=abs(some()),
            mean_squared_successive_difference=abs(some()),
            **{name: some() for name in ("drift", "lead", "last", "independent")},
            slow=abs(some()),
            excursion=draw.choice([0, 0, 1, 2, 5, 6, 8, 9, 15, 16, 17]),
            outside=draw.choice([0, 1, 3, 4, 9]),
            **{name: some() for name in ("excursion_sum", "rise_sum", "rise_moment")},
        )
        for _ in range(count)
    ]
    given = [
        (some(), draw.choice([1e-9, 1e-140]), abs(some()), draw.choice([math.inf, 5.0, 30.0]), abs(some()))
        for _ in range(count)
    ]
    numbers = [layout.numbers_of(one) for one in statistics]
    twin = BlockStatisticsTwin(
        np.array([one.floats for one in numbers]).T.copy(),
        np.array([one.integers for one in numbers], dtype=np.int64).T.copy(),
    )
    with np.errstate(all="ignore"):
        significance = twin.learn_one(*np.array(given).T)
    for at, (one, arguments) in enumerate(zip(statistics, given, strict=True)):
        expected = one.learn_one(*arguments)
        floats, integers = layout.numbers_of(one)
        assert significance[at].tobytes() == np.float64(expected).tobytes(), at
        assert twin.floats[:, at].tobytes() == np.array(floats).tobytes(), (at, one)
        assert twin.integers[:, at].tolist() == integers, (at, one)


def altered(pages, path, number):
    """The state of a signal that has learned noise, with a number of a page that somebody changed."""
    state = pages.use_case.create(seed=1)
    drawn = random.Random(5)
    pages.use_case.learn(state, [drawn.gauss(0.0, 1.0) for _ in range(407)], [60.0 * at for at in range(407)])
    *steps, name = path.split(".")
    one = state.detector
    for step in steps:
        one = one[int(step)] if step.isdigit() else getattr(one, step)
    setattr(one, name, number)
    return state


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("levels.scales.0.variance", -1.0),
        ("spreads.scales.0.variance", -1.0),
        ("levels.scales.0.mean", math.inf),
        ("spreads.scales.0.drift", -math.inf),
        ("hours", [math.inf] * 48),
        ("block", [1.0] * 8),
    ],
)
def test_what_no_detector_has_learned_is_left_to_the_scalar_code(path, number):
    pages = Pages(ChangePoint(), 2, random.Random(1))
    pages.put(0, altered(pages, path, number))
    pages.put(1, altered(pages, "score", 0.25))
    before = pages.numbers(0)
    where = [pages.where[signal] for signal in (0, 1)]
    sources = [
        Source(columns, np.array([place for at, place in where if at == page], dtype=np.intp))
        for page, columns in enumerate(pages.columns)
    ]
    together = [place for page in range(PAGES) for place in where if place[0] == page]
    order = np.array([together.index(one) for one in where], dtype=np.intp)
    twin = ChangePointTwin(pages.use_case, sources, order)
    counts = np.array([1, 1])
    learned = learn_by_rank([twin], np.array([0.5, 0.5]), np.full(2, 60.0 * 407), counts - 1, counts, few=1)
    twin.scatter()
    assert learned.tolist() == [0, 1]
    assert pages.numbers(0) == before
