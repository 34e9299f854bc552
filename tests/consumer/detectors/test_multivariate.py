"""All properties of an asset are judged, however many it has, and healthy ones that wander are let be."""

import random

import pytest

from consumer.detectors.asset_rows import NAMES_MAX, AssetUseCase, NamedValue
from consumer.detectors.hotelling import HotellingMonitor
from consumer.detectors.multivariate import Multivariate, groups_of
from consumer.pages.packing import packed

FIRST = 700


def rows_of(size, count, faulty=None, seed=1):
    """Properties that follow one slow cause, and one that leaves its level."""
    draw, cause, rows = random.Random(seed), 0.0, []
    shares = [draw.choice([-1.0, 1.0]) * draw.uniform(0.5, 1.0) for _ in range(size)]
    for row in range(count):
        cause = 0.98 * cause + draw.gauss(0.0, 0.2)
        values = [share * cause + draw.gauss(0.0, 0.3) for share in shares]
        if faulty is not None and row >= FIRST:
            values[faulty] += 3.0
        rows.append(dict(enumerate(values)))
    return rows


def learned(use_case, rows):
    state = use_case.create(1)
    return state, use_case.learn(state, rows, [float(at) for at in range(len(rows))])


@pytest.mark.parametrize("faulty", [3, 35, 44])
def test_a_fault_in_any_property_is_told_and_named_first(faulty):
    _, found = learned(Multivariate(signals_max=15), rows_of(45, 900, faulty))
    opened = found[0]
    assert opened.change == "opened"
    assert FIRST <= opened.index < FIRST + 100
    assert next(iter(opened.evidence["signals"])) == faulty


def test_a_fault_in_property_70_of_100_is_told_and_named_first():
    _, found = learned(Multivariate(), rows_of(100, 800, 70))
    assert [one.change for one in found] == ["opened"]
    assert FIRST <= found[0].index < FIRST + 100
    assert next(iter(found[0].evidence["signals"])) == 70


def test_nothing_is_told_of_many_healthy_properties():
    assert learned(Multivariate(signals_max=15), rows_of(45, 1_500))[1] == []


def test_an_asset_of_few_properties_is_judged_as_one():
    use_case, monitor, rows = Multivariate(), HotellingMonitor(), rows_of(8, 900, 5)
    scores: list[float] = []
    use_case.learn(use_case.create(1), rows, [float(at) for at in range(len(rows))], scores)
    assert scores == [monitor.step(row, None)[0] for row in rows]


@pytest.mark.parametrize("size", [1, 2, 30, 31, 59, 60, 61, 200])
def test_every_property_is_in_a_group_and_none_by_itself(size):
    groups = groups_of(list(range(size)), 30)
    assert sorted(set().union(*groups)) == list(range(size))
    assert len(groups) == -(-size // 30)
    assert {len(group) for group in groups} == {min(size, 30)}


def test_the_state_grows_with_the_properties_and_not_with_their_square():
    def size(properties):
        state, _ = learned(Multivariate(signals_max=10), rows_of(properties, 700))
        return len(packed(state)[0])

    assert size(40) < 4.2 * size(10)


def test_an_asset_whose_number_of_properties_changes_goes_on():
    use_case = Multivariate(signals_max=10)
    state = use_case.create(1)
    for properties, groups in ((25, 3), (8, 1), (31, 4)):
        rows = rows_of(properties, 450)
        use_case.learn(state, rows, [None] * len(rows))
        assert 1 + len(state.others) == groups


def test_values_of_more_properties_than_an_asset_may_have_are_counted_and_said():
    use_case = AssetUseCase(Multivariate(warm_up=70, delay=25, signals_max=2), pattern=None)
    state, draw, found = use_case.create(1), random.Random(2), []
    names = [*(f"n{number}" for number in range(NAMES_MAX)), "beyond"]
    for row in range(150):
        level = 0.0 if row < 120 else 40.0
        values = [NamedValue(draw.gauss(level, 1.0), name) for name in names]
        found += use_case.learn(state, values, [10.0 * row] * len(values))
    assert state.left_out == 150
    opened = next(one for one in found if one.change == "opened")
    assert opened.evidence["values_left_out"] > 0
