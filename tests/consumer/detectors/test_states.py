"""The registry of model states: what a page holds of them, and what it refuses."""

import msgspec
import pytest

from consumer.detectors.states import AnyState, ModelState, class_of, class_tagged, model_state

encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode


@model_state("test: part")
class Part(ModelState):
    number: int
    values: list[float]


@model_state("test: whole")
class Whole(ModelState):
    part: Part
    maybe: Part | None
    parts: list[Part]
    any_state: AnyState
    name: str = "whole"


class Unregistered:
    """A model of a class that is in no registry."""


def whole(any_state: object = None) -> Whole:
    return Whole(Part(1, [0.5]), None, [Part(2, []), Part(3, [1.5])], any_state)


def written(state: object, pack=encode) -> tuple[str, bytes]:
    known = class_of(state)
    return known.tag, known.write(state, pack)


def read(tag: str, fields: bytes, unpack=decode) -> object:
    return class_tagged(tag).read(fields, unpack)


@pytest.mark.parametrize("any_state", [None, 7, [1.5], {"a": 1}])
def test_a_state_comes_back_with_the_states_in_it(any_state):
    assert read(*written(whole(any_state))) == whole(any_state)


def test_a_model_within_a_state_is_written_and_read_by_whoever_knows_it():
    model = Unregistered()
    packed = written(whole(model), lambda held: b"\x07" if held is model else b"")
    assert read(*packed, lambda held: model if held == b"\x07" else None).any_state is model


def test_a_page_names_a_state_by_its_tag_and_its_fields_by_their_order():
    tag, fields = written(whole([4]))
    assert tag == "test: whole"
    assert decode(fields) == [[1, [0.5]], None, [[2, []], [3, [1.5]]], [4], "whole"]


def test_a_model_of_another_class_is_none_of_the_registry():
    assert class_of(Unregistered()) is None
    assert class_of(None) is None


def test_two_classes_cannot_share_a_tag():
    with pytest.raises(ValueError, match="test: part"):

        @model_state("test: part")
        class Other(ModelState):
            one: int = 0
            two: list[int] = msgspec.field(default_factory=list)

    assert read("test: part", encode([1, []])) == Part(1, [])


def test_a_state_that_was_altered_is_not_written():
    for altered in (object(), Unregistered(), 1j):
        with pytest.raises(TypeError):
            written(Part(altered, []))


PART = [1, []]


@pytest.mark.parametrize(
    ("tag", "fields"),
    [
        ("unknown", [1, []]),
        ("test: part", []),
        ("test: part", [1]),
        ("test: part", [1, [], 2]),
        ("test: part", {1: [], 2: []}),
        ("test: part", {"number": 1, "values": []}),
        ("test: part", "ab"),
        ("test: part", None),
        ("test: part", ["1", []]),
        ("test: part", [1.0, []]),
        ("test: part", [True, []]),
        ("test: part", [1, [1]]),
        ("test: part", [1, ["1.5"]]),
        ("test: part", [1, {"a": 1.5}]),
        ("test: whole", [None, None, [], None, "whole"]),
        ("test: whole", [PART, [1], [], None, "whole"]),
        ("test: whole", [PART, None, 3, None, "whole"]),
        ("test: whole", [PART, None, [[1]], None, "whole"]),
        ("test: whole", [PART, None, [], None, 7]),
        ("test: whole", [PART, None, []]),
        ("test: whole", [PART, None, [], None, "whole", "more"]),
    ],
)
def test_what_is_no_state_is_refused(tag, fields):
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        read(tag, encode(fields))


@pytest.mark.parametrize(
    "fields",
    [
        b"\x92\xcd\x00\x01\x90",
        b"\xdc\x00\x02\x01\x90",
        b"\x92\x01\xdc\x00\x00",
        b"\x92\x01\x91\x01",
        b"\x92\x01\x90\xc0",
        b"\x92\x01",
        b"",
    ],
)
def test_a_state_is_read_only_as_it_is_written(fields):
    """Other encodings of it would take more memory for their bytes than was measured."""
    assert read("test: part", b"\x92\x01\x90") == Part(1, [])
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        read("test: part", fields)


def test_states_that_are_nested_without_end_are_refused():
    for fields in (b"\x91" * 200_000, b"\x92\x01" * 200_000, b"\x95" * 200_000):
        for tag in ("test: part", "test: whole"):
            with pytest.raises((ValueError, msgspec.MsgspecError, RecursionError)):
                read(tag, fields)
