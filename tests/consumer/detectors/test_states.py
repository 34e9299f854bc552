"""The registry of model states: what a page holds of them, and what it refuses."""

from dataclasses import dataclass, field

import pytest

from consumer.detectors import states
from consumer.detectors.states import AnyState, model_state, read, written


@model_state("test: part")
@dataclass(slots=True)
class Part:
    number: int
    values: list[float]


@model_state("test: whole")
@dataclass(slots=True)
class Whole:
    part: Part
    maybe: Part | None
    parts: list[Part]
    any_state: AnyState
    name: str = "whole"


class Unregistered:
    """A model of a class that is in no registry."""


def whole(any_state: object = None) -> Whole:
    return Whole(Part(1, [0.5]), None, [Part(2, []), Part(3, [1.5])], any_state)


@pytest.mark.parametrize("any_state", [None, Part(4, []), whole(Part(5, [2.5])), {"a": 1}])
def test_a_state_comes_back_with_the_states_in_it(any_state):
    assert read(*written(whole(any_state))) == whole(any_state)


def test_a_page_names_a_state_by_its_tag_and_its_fields_by_their_order():
    assert written(whole(Part(4, []))) == (
        "test: whole",
        [[1, [0.5]], None, [[2, []], [3, [1.5]]], ("test: part", [4, []]), "whole"],
    )


def test_a_model_of_another_class_is_left_as_it_is():
    model = Unregistered()
    assert written(model) == (None, model)
    assert read(None, model) is model


def test_two_classes_cannot_share_a_tag():
    with pytest.raises(ValueError, match="test: part"):

        @model_state("test: part")
        @dataclass
        class Other:
            one: int = 0
            two: list[int] = field(default_factory=list)

    assert states.read("test: part", [1, []]) == Part(1, [])


@pytest.mark.parametrize(
    ("tag", "fields"),
    [
        ("unknown", [1, []]),
        ("test: part", [1]),
        ("test: part", [1, [], 2]),
        ("test: part", (1, [])),
        ("test: part", {1: [], 2: []}),
        ("test: part", "ab"),
        ("test: whole", [None, None, [], (None, None), "whole"]),
        ("test: whole", [[1, []], [1], [], (None, None), "whole"]),
        ("test: whole", [[1, []], None, 3, (None, None), "whole"]),
        ("test: whole", [[1, []], None, [[1]], (None, None), "whole"]),
        ("test: whole", [[1, []], None, [], "abc", "whole"]),
        ("test: whole", [[1, []], None, [], ("unknown", []), "whole"]),
    ],
)
def test_what_is_no_state_is_refused(tag, fields):
    with pytest.raises((ValueError, KeyError, TypeError)):
        read(tag, fields)


def test_fields_that_are_referred_to_twice_are_refused():
    """Two bytes of a page would take the memory of a state each time."""
    shared = [1, [0.5]]
    with pytest.raises(ValueError, match="does not have 2 fields"):
        read("test: whole", [shared, None, [shared] * 3, (None, None), "whole"])
