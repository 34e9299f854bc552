"""A planted model calls nothing when it is read: it is of known classes and types, or cannot be read."""

import functools
import itertools
import sys
import tracemalloc
from collections import defaultdict, deque
from dataclasses import dataclass
from enum import Enum

import msgspec
import numpy as np
import pytest
from river import drift, stats
from river.base import Base

from consumer.decode.signal_names import SignalKey
from consumer.detectors import states as registry
from consumer.detectors.drift import DriftUseCase
from consumer.errors import ConfigurationError, UnreadableModel, UnwritableModel, UnwritableModels
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.pages.packing import packed
from consumer.pages.river_classes import CLASSES, CLASSES_LATER, imported
from consumer.pages.unpacking import unpacked
from tests.consumer import own_model
from tests.consumer.every_model import EVERY_MODEL
from tests.consumer.own_model import Wobble, allow_own_modules
from tests.consumer.pages.hostile_pages import planted, with_models
from tests.consumer.test_conformance import TIMES, VALUES

CODEC = PageCodec()
KEY = SignalKey("0", "0")
ME = __name__
(LIST, FLOATS, TUPLE, DICT, SET, FROZEN_SET, DEQUE) = range(1, 8)
(DEFAULTS, OBJECT, PACKED, STATE, CLASS, METHOD, PARTIAL, ARRAY, SCALAR, INTEGER, ABSENT) = range(10, 21)
RANDOM = msgspec.msgpack.decode(packed(drift.KSWIN(seed=1))[0])[-1]


def read(page: bytes) -> object:
    """The model of the page; any other error than `UnreadableModel` is one of the test."""
    return CODEC.decode(page)[KEY].model


def test_these_codes_are_those_of_the_format():
    for node, value in [
        ([LIST, 1, "a"], [1, "a"]),
        ([TUPLE, 1], (1,)),
        ([DICT, "a", 1], {"a": 1}),
        ([SET, 1], {1}),
        ([FROZEN_SET, 1], frozenset({1})),
        ([DEQUE, 3, False, 1], deque([1], 3)),
        ([DEFAULTS, [CLASS, "float"], "a", 1], defaultdict(float, {"a": 1})),
        ([ARRAY, "<f8", [1], bytes(8)], np.zeros(1)),
        ([SCALAR, "<f8", bytes(8)], np.float64(0.0)),
        ([INTEGER, (2**70).to_bytes(9, "little")], 2**70),
    ]:
        assert read(planted(node)) == value
        assert packed(value)[0] == msgspec.msgpack.encode(node)
    assert RANDOM[:2] == [PACKED, "Random"]
    assert type(read(planted([OBJECT, "Min", 1.5]))) is stats.Min


DRIFT = [STATE, "drift"]
REFUSED = {
    "no code": [],
    "a code that is none": [21],
    "a code below all": [-1],
    "a code that is true": [True],
    "a code of text": ["1"],
    "a code of a list": [[1]],
    "a map": {"a": 1},
    "a time": msgspec.msgpack.Ext(-1, bytes(8)),
    "an extension": msgspec.msgpack.Ext(7, b"x"),
    "a reference to nothing": [0, 0],
    "a reference to what comes later": [LIST, [0, 2], [LIST], [LIST]],
    "a reference from the end": [LIST, [LIST], [0, -1]],
    "a reference of true": [LIST, [0, True], [LIST]],
    "a set that holds itself": [SET, [0, 0]],
    "a tuple of a list as key": [DICT, [TUPLE, [LIST]], 1],
    "a list as key": [DICT, [LIST], 1],
    "an instance as key": [DICT, [OBJECT, "Min", 1.5], 1],
    "an instance in a set": [SET, [OBJECT, "Min", 1.5]],
    "an instance in a tuple in a set": [FROZEN_SET, [TUPLE, [OBJECT, "Min", 1.5]]],
    "a class as key": [DICT, [CLASS, "float"], 1],
    "a method as key": [DICT, [METHOD, RANDOM, "gauss"], 1],
    "an array as key": [DICT, [ARRAY, "<f8", [1], bytes(8)], 1],
    "half an entry": [DICT, 1],
    "a deque of no length": [DEQUE, "x", False],
    "a deque of a length below zero": [DEQUE, -1, False],
    "half a float": [FLOATS, b"1234"],
    "floats of text": [FLOATS, "12345678"],
    "a class not known": [OBJECT, "Nobody"],
    "a class by its module": [OBJECT, "river.drift.adwin.ADWIN"],
    "a class of the tests": [OBJECT, f"{ME}:Tripwire"],
    "a class of Python": [OBJECT, "builtins:object"],
    "a class of the system": [OBJECT, "subprocess:Popen", "args", "true"],
    "a class without a name": [OBJECT, None],
    "too few attributes": [OBJECT, "Min"],
    "too many attributes": [OBJECT, "Min", 1.5, 1.5],
    "an attribute of another type": [OBJECT, "Min", "1.5"],
    "an attribute that it must have": [OBJECT, "Min", [ABSENT]],
    "a list for a number": [OBJECT, "Min", [LIST]],
    "a method for a deque": [OBJECT, "SNARIMAX", *[1] * 7, None, None, *[[METHOD, RANDOM, "gauss"]] * 3],
    "a function not known": [CLASS, "exec"],
    "a class that makes no defaults": [CLASS, "ADWIN"],
    "a class by a number": [CLASS, 7],
    "a factory of nothing": [DEFAULTS, 7],
    "a factory of an instance": [DEFAULTS, [OBJECT, "Min", 1.5]],
    "a factory of defaults": [DEFAULTS, [DEFAULTS, None]],
    "a method not known": [METHOD, RANDOM, "seed"],
    "a method of Python's": [METHOD, RANDOM, "__init__"],
    "a method of another class": [METHOD, RANDOM, "_test_both"],
    "a method of a number": [METHOD, 7, "bit_length"],
    "a method of a list": [METHOD, [LIST], "append"],
    "a method by a list": [METHOD, RANDOM, [LIST]],
    "a partial of nothing": [PARTIAL, None, [TUPLE], [DICT]],
    "a partial of a list of arguments": [PARTIAL, [CLASS, "float"], [LIST], [DICT]],
    "a partial of no names": [PARTIAL, [CLASS, "float"], [TUPLE], [DICT, 1, 2]],
    "a partial of an instance": [PARTIAL, [OBJECT, "Min", 1.5], [TUPLE], [DICT]],
    **{
        f"numpy's {dtype!r}": [ARRAY, dtype, [1], bytes(8)]
        for dtype in (
            "O",
            "|O",
            "O8",
            "V8",
            "S8",
            "U2",
            "M8",
            "m8",
            "i4,i4",
            "i4,O",
            "2i4",
            "object",
            ">f8",
            "c8",
        )
    },
    "numpy's numbers by a list": [ARRAY, [["a", "O"]], [1], bytes(8)],
    "numpy's numbers by nothing": [ARRAY, None, [1], bytes(8)],
    "an array larger than it is": [ARRAY, "<f8", [2**40], bytes(8)],
    "an array of another shape": [ARRAY, "<f8", [3], bytes(16)],
    "an array of whatever shape": [ARRAY, "<f8", [-1], bytes(16)],
    "an array of half a number": [ARRAY, "<f8", [1], bytes(7)],
    "an array of floats as shape": [ARRAY, "<f8", [1.0], bytes(8)],
    "an array of a shape that is a number": [ARRAY, "<f8", 1, bytes(8)],
    "an array of too many dimensions": [ARRAY, "|u1", [1] * 100, b"a"],
    "numpy's object": [SCALAR, "O", bytes(8)],
    "two numbers for one": [SCALAR, "<f8", bytes(16)],
    "no number for one": [SCALAR, "<f8", b""],
    "an integer without an end": [INTEGER, bytes(2000)],
    "an integer of text": [INTEGER, "x"],
    "a packer not known": [PACKED, "Nobody"],
    "a packer by a list": [PACKED, [LIST]],
    "a random state too short": [PACKED, "Random", bytes(400), None],
    "a random state too long": [PACKED, "Random", bytes(4 * 626), None],
    "a random state at no place": [PACKED, "Random", b"\xff" * 2500, None],
    "a random state and text": [PACKED, "Random", RANDOM[2], "x"],
    "weights of lists": [PACKED, "VectorDict", [LIST], 1.5],
    "weights of text": [PACKED, "VectorDict", "a", "x"],
    "half a weight": [PACKED, "VectorDict", "a"],
    "a rolling statistic of text": [PACKED, "Rolling", None, 5, "x"],
    "a rolling statistic of half a float": [PACKED, "Rolling", None, 5, bytes(7)],
    "a rolling statistic of a length below zero": [PACKED, "Rolling", None, -5, bytes(8)],
    "a quantile too short": [PACKED, "RsQuantile", bytes(20)],
    "a quantile of text": [PACKED, "RsQuantile", "x"],
    "a window of nothing": [PACKED, "AdaptiveWindowing", b"", 0.002, 32, 5, 5, 10],
    "a window without parameters": [PACKED, "AdaptiveWindowing", bytes(248)],
    "a component of text": [PACKED, "Trend", 2, "x", False],
    "trees of text": [PACKED, "HalfSpaceTrees", *["x"] * 8],
    "trees without nodes": [
        PACKED,
        "HalfSpaceTrees",
        1,
        1,
        1,
        1,
        1,
        True,
        None,
        None,
        1,
        b"",
        b"",
        b"",
        b"",
        [],
    ],
    "trees of few parts": [PACKED, "HalfSpaceTrees", 1],
    "a sorted window of text": [OBJECT, "SortedWindow", [LIST, "a"], [DEQUE, 3, False, 1.5]],
    "a sorted window of text beside": [OBJECT, "SortedWindow", [LIST, 1.5], [DEQUE, 3, False, "a"]],
    "a rolling minimum of a list": [OBJECT, "RollingMin", [LIST, 1.5]],
    "a state not known": [STATE, "nobody", b"\x90"],
    "a state by a list": [STATE, [LIST], b"\x90"],
    "a state of text": [STATE, "alert", "x"],
    "a state of no msgpack": [*DRIFT, b"\xc1"],
    "a state of too few fields": [*DRIFT, b"\x91\xc0"],
    "a state of too many fields": [*DRIFT, msgspec.msgpack.encode([None, 0, 0.0, 1])],
    "a state of fields by name": [
        *DRIFT,
        msgspec.msgpack.encode({"detector": None, "count": 0, "total": 0.0}),
    ],
    "a state of other types": [*DRIFT, msgspec.msgpack.encode([None, "0", 0.0])],
    "a state of integers for floats": [*DRIFT, msgspec.msgpack.encode([None, 0, 0])],
    "a state of a long encoding": [*DRIFT, b"\x93\xc0\xcd\x00\x01\xcb" + bytes(8)],
    "a state and more": [*DRIFT, msgspec.msgpack.encode([None, 0, 0.0]) + b"\xc0"],
    "a state of a map in place of a model": [*DRIFT, msgspec.msgpack.encode([{}, 0, 0.0])],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_model_is_packed_as_is_unreadable(name):
    with pytest.raises(UnreadableModel):
        read(planted(REFUSED[name]))


@pytest.mark.parametrize("count", [[LIST, 1], [1, 1], "text", 1.5, True, -1])
def test_trees_whose_count_is_no_number_take_no_memory(count):
    """They would be multiplied by the millions of nodes of a high tree."""
    trees = [PACKED, "HalfSpaceTrees", 0, 1, 20, 1, 1, True, None, None, count, b"", b"", b"", b"", []]
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableModel):
            read(planted(trees))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


PARTS = (None, 7, -1, 2.5, True, "value", "Random", b"", b"12345678", [LIST], [TUPLE], [CLASS, "float"])


@pytest.mark.parametrize("code", range(21))
def test_a_code_with_whatever_behind_it_is_read_or_refused_and_never_raises_else(code):
    tags = (
        "Min",
        "ADWIN",
        "VectorDict",
        "Rolling",
        "HalfSpaceTrees",
        "AdaptiveWindowing",
        "drift",
        "float",
        "<f8",
    )
    nodes = [[code, *parts] for count in range(4) for parts in itertools.product(PARTS, repeat=count)]
    nodes += [
        [code, tag, *parts] for tag in tags for n in range(3) for parts in itertools.product(PARTS, repeat=n)
    ]
    read_ones = 0
    for state in CODEC.decode(planted(*nodes)).values():
        try:
            model = state.model
        except UnreadableModel:
            continue
        read_ones += 1
        again = packed(model)
        assert packed(unpacked(*again)) == again
    assert read_ones < len(nodes) or code in (LIST, TUPLE)


@pytest.mark.parametrize("code", [LIST, TUPLE, DICT, SET, FROZEN_SET])
@pytest.mark.parametrize("start", [b"\x92", b"\x93"])
def test_what_is_nested_without_end_ends_no_process(code, start):
    for first in (b"", b"\x01"):
        for end in (b"\xc0", b"\xc0" * 200_000, b""):
            model = (start + bytes([code]) + first) * 200_000 + end
            with pytest.raises(UnreadableModel):
                read(with_models(model))


@pytest.mark.parametrize("levels", [58, 59, 60, 61, 1_000, 100_000])
def test_a_model_is_nested_sixty_deep_at_most_read_as_well_as_written(levels):
    model: object = 7
    for _ in range(levels):
        model = [model]
    if levels <= 60:
        assert unpacked(*packed(model)) == model
    else:
        with pytest.raises(UnwritableModel, match="60 deep"):
            packed(model)
        with pytest.raises(UnreadableModel):
            read(with_models(b"\x92\x01" * levels + b"\x07"))
    while type(model) is list:  # else Python takes it apart within itself
        model = model.pop()


def test_what_a_model_holds_twice_is_one_object_again_also_itself():
    inner = [1.5]
    model = {"a": inner, "b": (inner, inner), "c": deque([inner])}
    model["self"] = model
    again = unpacked(*packed(model))
    assert again["a"] is again["b"][0] is again["b"][1] is again["c"][0]
    assert again["self"] is again


# Nothing is called.


class Tripwire(Exception):
    """Something was called."""


def raising(name):
    def trip(*arguments, **named):
        raise Tripwire(name)

    return trip


class Loud:
    """Calls something on whatever is done with it."""

    for name in ("__init__", "__call__", "__setstate__", "__reduce__", "__hash__", "__eq__", "__setattr__"):
        locals()[name] = raising(name)
    for name in (
        "__getattr__",
        "__bool__",
        "__len__",
        "__iter__",
        "__set_name__",
        "__init_subclass__",
        "__new__",
    ):
        locals()[name] = raising(name)
    del name

    @property
    def read(self):
        raise Tripwire("a property")

    def method(self):
        raise Tripwire("a method")


@dataclass
class Plain:
    """A dataclass."""

    number: int = 0

    def __post_init__(self):
        if self.number == 13:
            raise Tripwire("__post_init__")


class Slots:
    """Attributes without a dict."""

    __slots__ = ("one", "other")

    class Inner:
        """A class within a class."""


class Bases(Slots):
    """With both."""


CALLED = ("__init__", "__call__", "__setstate__", "__hash__", "__eq__", "__reduce__", "learn_one", "update")
LOUD = f"{ME}:Loud"
HOSTILE = [
    [OBJECT, LOUD],
    [OBJECT, LOUD, "read", 1, "method", 2, "__init__", 3, "__class__", 4, "__dict__", 5],
    [OBJECT, LOUD, "learn_one", [METHOD, [OBJECT, LOUD], "method"]],
    [DICT, [OBJECT, LOUD], 1],
    [SET, [OBJECT, LOUD]],
    [FROZEN_SET, [TUPLE, [OBJECT, LOUD]]],
    [DEFAULTS, [METHOD, [OBJECT, LOUD], "method"], "a", 1],
    [DEFAULTS, [PARTIAL, [METHOD, [OBJECT, LOUD], "method"], [TUPLE], [DICT]]],
    [METHOD, [OBJECT, LOUD], "__call__"],
    [PACKED, "VectorDict", [OBJECT, LOUD], 1.5],
    [PACKED, "Rolling", [OBJECT, LOUD], [OBJECT, LOUD], [OBJECT, LOUD]],
    [PACKED, "HalfSpaceTrees", *[[OBJECT, LOUD]] * 8],
    [OBJECT, f"{ME}:Plain", "number", 13],
    [OBJECT, f"{ME}:Slots", "one", [OBJECT, LOUD]],
]


class Watch:
    """Hears of what Python does; hooks cannot be taken away again, so it can be told to listen."""

    NOTHING = (
        "exec",
        "compile",
        "open",
        "import",
        "os.",
        "subprocess.",
        "socket.",
        "ctypes.",
        "pickle.",
        "marshal.",
    )
    heard: list[str] | None = None

    @classmethod
    def hear(cls, event, arguments):
        if cls.heard is not None and event.startswith(cls.NOTHING):
            cls.heard.append(event)


sys.addaudithook(Watch.hear)


@pytest.fixture
def own_module(monkeypatch):
    allow_own_modules(monkeypatch, ME, own_model.__name__)


def test_the_tripwires_trip():
    with pytest.raises(Tripwire):
        Loud()
    Watch.heard = []
    compile("1", "x", "eval")
    assert "compile" in Watch.heard
    Watch.heard = None


def test_nothing_of_a_planted_model_is_called_when_it_is_read(own_module, monkeypatch):
    pages = [planted(node) for node in [*HOSTILE, *REFUSED.values()]]
    for use_cases in EVERY_MODEL.values():
        for use_case in use_cases:
            model = use_case.create(1)
            use_case.learn(model, VALUES[:220], TIMES[:220])
            pages.append(CODEC.encode({KEY: State(model)}))
    own = Wobble()
    pages.append(CODEC.encode({KEY: State(own)}))
    known = (
        [made for made, *_ in CLASSES]
        + [imported(name) for name, *_ in CLASSES_LATER]
        + [own_model.Wobble, Plain, Slots]
    )
    for made, name in itertools.product({*known, Base}, CALLED):
        if (made, name) == (Base, "__hash__"):  # by which the splits of trees are kept
            continue
        if name in dir(made) and made.__flags__ & 1 << 9:  # not those of C and Rust, which cannot be changed
            monkeypatch.setattr(made, name, raising(f"{made.__name__}.{name}"))
    Watch.heard = []
    try:
        outcomes = []
        for page in pages:
            try:
                outcomes.append(type(read(page)))
            except UnreadableModel as error:
                outcomes.append(type(error.__cause__))
    finally:
        heard, Watch.heard = Watch.heard, None
    assert heard == []
    assert Tripwire not in outcomes
    monkeypatch.undo()
    assert len(outcomes) > len(EVERY_MODEL)
    assert Loud in outcomes


# Classes of a plant's own.


@pytest.mark.parametrize("made", [Plain, Slots, Bases, Slots.Inner, Wobble])
def test_an_instance_of_ones_own_class_comes_back(own_module, made):
    model = object.__new__(made)
    named = ["one", "other"] if made is Slots else ["number"] if made is Plain else ["a"]
    named += ["one"] if made is Bases else []
    for name in named:
        setattr(model, name, [name, 1.5])
    again = unpacked(*packed(model))
    assert type(again) is made
    assert {name: getattr(again, name) for name in named} == {name: [name, 1.5] for name in named}
    with pytest.raises(AttributeError):
        _ = again.another


class OfList(list):
    """A list."""


class OfDict(dict):
    """A dict."""


class OfTuple(tuple):
    """A tuple."""


class OfFloat(float):
    """A float."""


class OfSet(set):
    """A set."""


class OfArray(np.ndarray):
    """An array."""


class Weekday(Enum):
    """A constant."""

    MONDAY = 1


def local():
    class Local:
        """Of no name that others can find."""

    return Local()


OWN = [
    OfList(),
    OfDict(),
    OfTuple(),
    OfFloat(),
    OfSet(),
    local(),
    np.zeros(2).view(OfArray),
    np.array([None]),
]
OWN += [
    np.array(["a"]),
    np.array([1j]),
    np.datetime64("2026-01-01"),
    np.zeros(2, "i4,f8"),
    Ellipsis,
    object(),
]
OWN += [
    raising,
    raising("x"),
    len,
    [].append,
    functools.partial(len),
    type,
    int,
    Plain,
    memoryview(b""),
    iter([]),
]
OWN += [defaultdict(list), defaultdict(lambda: 0), {1: Loud.method}, range(3), 1j, bytearray(b"a"), slice(1)]


class Holding(drift.NoDrift):
    """A detector of one's own, that holds something."""

    def __init__(self, held=None):
        super().__init__()
        self.held = held

    def clone(self, *arguments, **named):
        """River's would copy what it holds."""
        return Holding(self.held)


@pytest.mark.parametrize("number", range(len(OWN)))
def test_what_cannot_be_packed_is_refused_at_the_start_by_name(own_module, number):
    held = OWN[number]
    with pytest.raises(UnwritableModel):
        packed(held)
    with pytest.raises(UnwritableModels, match=r"not allowed|no class of plain objects|cannot be written"):
        CODEC.encode({KEY: State(Holding(held))})

    class UseCase(DriftUseCase):
        def create(self, seed):
            return registry.class_tagged("drift")._made(Holding(held))

        def learn(self, *arguments):
            return []

    with pytest.raises(ConfigurationError, match=r"river_classes\.py.*OWN_MODULES") as raised:
        CODEC.check(UseCase(drift.NoDrift()))
    name = (held if isinstance(held, type) else type(held)).__name__
    assert name in str(raised.value) or "class" in str(raised.value)


def test_an_own_class_whose_module_the_plant_does_not_name_is_refused():
    with pytest.raises(UnwritableModel, match=r"test_planted_models\.Plain is not allowed"):
        packed(Plain())
    with pytest.raises(UnreadableModel, match=r"test_planted_models\.Plain is not allowed"):
        read(planted([OBJECT, f"{ME}:Plain", "number", 1]))


NO_CLASSES = (
    "OfList",
    "OfDict",
    "OfTuple",
    "OfFloat",
    "OfArray",
    "Tripwire",
    "np",
    "np.ndarray",
    "VALUES",
    "read",
)
NO_CLASSES += ("itertools.count", "Nobody", "", "Base", "drift.ADWIN", "msgspec.Struct", "Slots.__class__")
NO_CLASSES += ("Plain.__init__", "Plain.__init__.__globals__", "Weekday.__members__", "Tripwire.__mro__")


@pytest.mark.parametrize("name", NO_CLASSES)
def test_a_name_in_ones_own_module_that_is_no_class_of_plain_objects_is_refused(own_module, name):
    with pytest.raises(UnreadableModel):
        read(planted([OBJECT, f"{ME}:{name}"]))
