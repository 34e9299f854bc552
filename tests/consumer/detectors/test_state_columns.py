"""States as numbers in arrays: they come back bit for bit, and what does not fit is refused."""

import math
from typing import Annotated

import numpy as np
import pytest
from msgspec import Meta
from msgspec.structs import replace

from consumer.detectors.state_columns import StateColumns
from consumer.detectors.state_layouts import INTEGER_MAX, Keys, Unfit, layout_of
from consumer.detectors.states import ModelState


class Part(ModelState):
    mean: float = 0.0
    at_s: float | None = None
    count: int = 0
    is_open: bool = False


class Whole(ModelState):
    first: float
    fixed: Annotated[list[float], Meta(min_length=2, max_length=2)]
    counts: Annotated[list[int], Meta(max_length=3)]
    part: Part
    parts: Annotated[list[Part], Meta(max_length=2)]
    by_name: Annotated[dict[str, Part], Keys(("a", "b"))]
    flags: Annotated[list[bool], Meta(max_length=2)]
    times: Annotated[list[float | None], Meta(max_length=2)]
    maybe: float | None = None


class OnlyFloats(ModelState):
    number: float = 0.0


class OnlyCounts(ModelState):
    number: int = 0


PART = Part(-0.0, 1.5, INTEGER_MAX, True)
FULL = Whole(
    1.0, [math.inf, -math.inf], [1, 2, 3], PART, [PART, Part()], {"b": PART}, [True, False], [None, 2.0], 3.0
)
STATES = [
    FULL,
    Whole(5e-324, [0.0, -0.0], [], Part(), [], {}, [], [], None),
    replace(FULL, counts=[0], parts=[Part(at_s=-0.0)], by_name={"a": PART, "b": Part()}, times=[None]),
]


def test_states_come_back_as_they_were_from_any_place_and_from_their_rows():
    columns = StateColumns.empty(Whole, 5)
    columns.put([4, 0, 2], [columns.numbers_of(state) for state in STATES])
    rows = [columns.numbers_at(place) for place in (4, 0, 2)]
    others = StateColumns.empty(Whole, 3)
    others.put([0, 1, 2], [rows[0], columns.numbers_of(STATES[1]), rows[2]])
    for index, (place, state) in enumerate(zip((4, 0, 2), STATES, strict=True)):
        for found in (columns.take(place), StateColumns.state_of(rows[index]), others.take(index)):
            assert repr(found) == repr(state)
    assert not columns.floats[:, [1, 3]].any()
    assert columns.layout.numbers_of(columns.take(1)).integers[0] == 0


@pytest.mark.parametrize("state", [OnlyFloats(1.5), OnlyCounts(7)])
def test_a_class_of_one_kind_of_numbers_has_arrays_too(state):
    columns = StateColumns.empty(type(state), 2)
    columns.put([1], [columns.numbers_of(state)])
    assert columns.take(1) == state


def test_a_field_is_where_its_path_says():
    columns = StateColumns.empty(Whole, 1)
    columns.put([0], [columns.numbers_of(FULL)])
    found = {path: columns.field(path).tolist() for path in columns.layout.places}
    assert found["fixed"] == [[math.inf], [-math.inf]]
    assert (found["counts.length"], found["counts"]) == ([3], [[1], [2], [3]])
    assert (found["part.count"], found["parts.0.mean"], found["maybe"]) == ([INTEGER_MAX], [-0.0], [3.0])
    assert (found["by_name.a.is_there"], found["by_name.b.at_s"]) == ([0], [1.5])
    assert len(columns.layout.most) == columns.layout.integers


UNFIT = {
    "another class": PART,
    "no state": None,
    "a NaN": replace(FULL, first=math.nan),
    "an integer for a float": replace(FULL, first=1),
    "a float of numpy's": replace(FULL, first=np.float64(1.0)),
    "None for a float": replace(FULL, first=None),
    "a text for a float": replace(FULL, first="1"),
    "a list too short": replace(FULL, fixed=[1.0]),
    "a list too long": replace(FULL, counts=[1, 2, 3, 4]),
    "a tuple": replace(FULL, fixed=(1.0, 2.0)),
    "a list with a NaN": replace(FULL, fixed=[1.0, math.nan]),
    "a list with an integer": replace(FULL, fixed=[1.0, 2]),
    "floats for counts": replace(FULL, counts=[1.0]),
    "a flag for a count": replace(FULL, counts=[True]),
    "a count below zero": replace(FULL, counts=[1, -1]),
    "a count beyond the largest": replace(FULL, counts=[INTEGER_MAX + 1]),
    "a count beyond 64 bits": replace(FULL, counts=[2**64]),
    "a count for a flag": replace(FULL, flags=[1]),
    "another state within": replace(FULL, part=OnlyFloats(1.0)),
    "no state within": replace(FULL, part=None),
    "a NaN within": replace(FULL, parts=[Part(math.nan)]),
    "a NaN for a time": replace(FULL, maybe=math.nan),
    "an integer for a time": replace(FULL, times=[1]),
    "another state in a list": replace(FULL, parts=[PART, OnlyCounts(1)]),
    "other keys": replace(FULL, by_name={"c": PART}),
    "keys of other types": replace(FULL, by_name={1: PART}),
    "no dict": replace(FULL, by_name=[]),
    "an empty list for a state": replace(FULL, by_name={"a": []}),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_does_not_fit_is_refused(name):
    with pytest.raises(Unfit):
        layout_of(Whole).numbers_of(UNFIT[name])
