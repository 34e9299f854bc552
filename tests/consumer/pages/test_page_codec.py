"""A page gives back the states that were written, or says that it cannot be read: nothing else."""

import functools
import importlib
import io
import os
import pickle
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import pytest
from consumer.pages.allow_list import FUNCTIONS
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple
from river import datasets, drift

from consumer.decode.batch import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors import states as registry
from consumer.detectors.alert_policy import AlertState
from consumer.detectors.base import STATE_FORMAT
from consumer.detectors.drift import DriftState, DriftUseCase
from consumer.detectors.sensor_checks import Health
from consumer.errors import ConfigurationError, UnreadablePage
from consumer.learning.state import Checkpoint, State
from consumer.pages.codec import Header, PageCodec, versions
from consumer.pages.columns import columns_of
from tests.consumer.pages.hostile_pages import enveloped, looking_up, sealed, text

CODEC = PageCodec()
DETECTORS = {
    "ADWIN": drift.ADWIN(),
    "PageHinkley": drift.PageHinkley(),
    "PageHinkley up": drift.PageHinkley(mode="up"),
    "PageHinkley down": drift.PageHinkley(mode="down"),
    "KSWIN": drift.KSWIN(window_size=60, stat_size=20),
    "DummyDriftDetector": drift.DummyDriftDetector(t_0=90),
    "DummyDriftDetector random": drift.DummyDriftDetector(trigger_method="random", t_0=60, w=20),
    "NoDrift": drift.NoDrift(),
}
ONE_PLACE = Shard("arn:aws:kinesis:eu-west-1:123456789012:stream/plant", "shardId-000000000000")
OTHER_PLACES = (
    Shard("arn:aws:kinesis:eu-west-1:123456789012:stream/plant", "shardId-000000000001"),
    Shard("arn:aws:kinesis:eu-west-1:123456789012:stream/other", "shardId-000000000000"),
)
# It rises after 200 and falls after 350.
VALUES = [float(number * 7919 % 13) for number in range(200)]
VALUES += [90.0 + number * 7919 % 17 for number in range(150)]
VALUES += [float(number * 7919 % 13) for number in range(50)]
KEY = SignalKey("compressor1", "compressor1.pressure")


def learned(detector: object, values: list[float]) -> DriftState:
    use_case = DriftUseCase(detector)
    model = use_case.create(seed=7)
    use_case.learn(model, values)
    return model


def state(model: object) -> State:
    checkpoints = {
        ONE_PLACE: Checkpoint(10**55 + 7, ("compressor1",), 1_700_000_000.25),
        OTHER_PLACES[0]: Checkpoint(9, ("another", "compressor1", "a\ud800"), None),
        OTHER_PLACES[1]: Checkpoint(0, (), 1.0),
    }
    return State(model, checkpoints, learned=400, skipped=3, latest_s=1_700_000_000.5)


def plain(model: object) -> list[tuple]:
    return [("a", "a", model, [], 0, 0, None)]


@pytest.mark.parametrize("name", DETECTORS)
def test_a_page_gives_back_every_state_of_several_shards(name):
    states = {
        KEY: state(learned(DETECTORS[name], VALUES)),
        SignalKey("b", "b"): State(learned(DETECTORS[name], VALUES[:50])),
        SignalKey("Öldruck €", "Öldruck €"): state(learned(DETECTORS[name], [])),
    }
    back = CODEC.decode(CODEC.encode(states))
    assert list(back) == list(states)
    for key, written in states.items():
        read = back[key]
        assert type(read) is State
        assert read.checkpoints == written.checkpoints
        assert all(type(shard) is Shard for shard in read.checkpoints)
        assert all(type(checkpoint) is Checkpoint for checkpoint in read.checkpoints.values())
        assert (read.learned, read.skipped, read.latest_s) == (
            written.learned,
            written.skipped,
            written.latest_s,
        )
    assert all(type(key) is SignalKey for key in back)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("cut", [0, 37, 205, 300])
def test_learning_on_after_a_round_trip_finds_the_same(name, cut):
    use_case = DriftUseCase(DETECTORS[name])
    kept, moved = use_case.create(seed=7), use_case.create(seed=7)
    expected = use_case.learn(kept, VALUES)
    found = use_case.learn(moved, VALUES[:cut])
    moved = CODEC.decode(CODEC.encode({KEY: State(moved)}))[KEY].model
    found += [
        type(finding)(finding.index + cut, finding.evidence)
        for finding in use_case.learn(moved, VALUES[cut:])
    ]
    assert found == expected
    assert (moved.count, moved.total) == (kept.count, kept.total)
    assert pickle.dumps(moved.detector.__dict__.get("_n", 0)) == pickle.dumps(
        kept.detector.__dict__.get("_n", 0)
    )


def test_most_detectors_find_something_in_these_values():
    for name, detector in DETECTORS.items():
        use_case = DriftUseCase(detector)
        assert bool(use_case.learn(use_case.create(seed=7), VALUES)) == (name != "NoDrift"), name


def test_a_page_without_states_is_a_page():
    assert CODEC.decode(CODEC.encode({})) == {}


def test_the_same_states_are_the_same_bytes():
    def page() -> bytes:
        return CODEC.encode({KEY: state(learned(DETECTORS["ADWIN"], VALUES))})

    assert page() == page()


PAGE = CODEC.encode(
    {
        KEY: state(learned(DETECTORS["ADWIN"], VALUES[:40])),
        SignalKey("b", "b"): State(DriftState(drift.NoDrift())),
    }
)


@settings(deadline=None)
@given(st.integers(0, len(PAGE) - 1), st.integers(1, 255))
def test_a_byte_changed_anywhere_is_noticed(index, change):
    with pytest.raises(UnreadablePage):
        CODEC.decode(PAGE[:index] + bytes([PAGE[index] ^ change]) + PAGE[index + 1 :])


def test_a_bit_changed_in_the_envelope_is_noticed_at_every_byte():
    for index in range(200):
        with pytest.raises(UnreadablePage):
            CODEC.decode(PAGE[:index] + bytes([PAGE[index] ^ 1]) + PAGE[index + 1 :])


@given(st.integers(0, len(PAGE) - 1))
def test_a_page_cut_short_is_noticed(length):
    with pytest.raises(UnreadablePage):
        CODEC.decode(PAGE[:length])


@given(st.integers(0, len(PAGE)), st.binary(min_size=1, max_size=20))
def test_bytes_that_slipped_in_are_noticed(index, more):
    with pytest.raises(UnreadablePage):
        CODEC.decode(PAGE[:index] + more + PAGE[index:])


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"R",
        b"RVPG",
        b"RVPG\x01",
        b"RVPG\x01\0\0\0",
        b"RVPG\x01\0\0\0\0",
        b"RVPG\x01\xff\xff\xff\xff",
        b"RVPG\x02" + PAGE[5:],
        b"<?xml version='1.0'?><Error/>",
        pickle.dumps(plain(None)),
        bytes(5000),
    ],
)
def test_what_is_no_page_is_unreadable(page):
    with pytest.raises(UnreadablePage):
        CODEC.decode(page)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"river": "0.25.0"}, "River 0.25.0"),
        ({"format": STATE_FORMAT + 1}, f"format {STATE_FORMAT + 1}"),
        ({"format": "1"}, "header cannot be read"),
        ({"river": None}, "header cannot be read"),
        ({"signals": "many"}, "header cannot be read"),
    ],
)
def test_a_page_of_another_version_is_unreadable_and_says_which(fields, told):
    with pytest.raises(UnreadablePage, match=told):
        CODEC.decode(enveloped(pickle.dumps([]), **fields))


@pytest.mark.parametrize("header", [b"", b"{", b"null", b"[]", b"{}", b'{"format":1}'])
def test_a_sealed_header_that_is_none_is_unreadable(header):
    with pytest.raises(UnreadablePage):
        CODEC.decode(sealed(header, b"x"))


@pytest.mark.parametrize(
    "header",
    [
        b'{"format":1,"river":"\xff","python":"","signals":1}',
        b'{"x":' + b"[" * 9999 + b"]" * 9999 + b"}",
    ],
)
def test_a_sealed_header_that_is_hostile_is_unreadable(header):
    with pytest.raises(UnreadablePage):
        CODEC.decode(sealed(header, b"x"))


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b".", b"\x80\x05.", b"\x80\xff.", b"garbage", b"(" * 100_000),
        *(pickle.dumps("text"), pickle.dumps(7), pickle.dumps([1]), pickle.dumps([("a", "a")])),
        pickle.dumps(plain(None))[:-1],
        b"\x80\x05\x8e" + b"\xff" * 7 + b"\x7f.",
        b"\x80\x05Nr\xff\xff\xff\x7f.",
        b"\x80\x05" + b"]" * 1000 + b"a" * 999 + b".",
    ],
)
def test_a_sealed_body_that_holds_no_states_is_unreadable(body):
    with pytest.raises(UnreadablePage):
        CODEC.decode(enveloped(body))


class Calls:
    """Pickles as a call of `function`; `state` would be set on what it gives."""

    def __init__(self, function, *arguments, state=None):
        self._reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self._reduced


class Named:
    """Pickles as a name to look up."""

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name


class NamingPickler(pickle._Pickler):
    """Writes names that need not exist, even with dots in them."""

    def save(self, obj, save_persistent_id=True):
        if type(obj) is Named:
            super().save(obj.module)
            super().save(obj.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            super().save(obj, save_persistent_id)

    def save_reduce(self, func, args, *rest, obj=None):
        if type(func) is Named:
            self.save(func)
            self.save(args)
            self.write(pickle.REDUCE)
        else:
            super().save_reduce(func, args, *rest, obj=obj)


def hostile(content: object) -> bytes:
    written = io.BytesIO()
    NamingPickler(written, protocol=5).dump(plain(content))
    return written.getvalue()


def gadgets(trace: Path) -> dict[str, object]:
    touch = f"touch {trace}"
    write = f"open({str(trace)!r}, 'w')"
    hinkley = drift.PageHinkley()
    call_getattr = functools.partial(Calls, getattr)
    return {
        "os.system": Calls(os.system, touch),
        "subprocess": Calls(subprocess.check_call, ["touch", str(trace)]),
        "eval": Calls(eval, write),
        "exec": Calls(exec, write),
        "__import__": Calls(__import__, "os"),
        "open": Calls(open, str(trace), "w"),
        "importlib": Calls(importlib.import_module, "antigravity"),
        "getattr of a class": call_getattr(drift.PageHinkley, "__init__"),
        "getattr to globals": call_getattr(call_getattr(drift.PageHinkley, "__init__"), "__globals__"),
        "getattr of a model": call_getattr(hinkley, "__init__"),
        "getattr of its class": call_getattr(hinkley, "__class__"),
        "getattr to globals of a bound method": call_getattr(
            call_getattr(hinkley, "_test_both"), "__globals__"
        ),
        "getattr to the function of a bound method": call_getattr(
            call_getattr(hinkley, "_test_both"), "__func__"
        ),
        "getattr of another's method": call_getattr(hinkley, "_fixed_trigger"),
        "getattr of a number": call_getattr(7, "__class__"),
        "getattr of a deque": call_getattr(Calls(Named("collections", "deque")), "append"),
        "getattr by a name that is none": call_getattr(hinkley, ["_test_both"]),
        "a dotted name": Calls(Named("river.drift.adwin", "ADWIN.__init__"), 1),
        "a name behind an allowed one": Calls(
            Named("consumer.detectors.drift", "DriftState.__init__.__globals__"), 1
        ),
        "a module's import": Named("consumer.detectors.drift", "Base"),
        "River's data sets": Calls(datasets.Bikes),
        "River's own getattr": Named("river.base", "Base"),
        "partial": functools.partial(os.system, touch),
        "attrgetter": Calls(Named("operator", "attrgetter"), "__globals__"),
        "methodcaller": Calls(Named("operator", "methodcaller"), "system", touch),
        "copyreg": Calls(Named("copyreg", "_reconstructor"), drift.ADWIN, object, None),
        "numpy objects": np.array([Calls(os.system, touch)], dtype=object),
        "a numpy array": np.zeros(3),
        "numpy's object type": Calls(np.dtype, "O8", False, True),
        "numpy's object type as O": Calls(np.dtype, "O", False, True),
        "a numpy type by name": Calls(np.dtype, "object", False, True),
        "a structured numpy type": Calls(np.dtype, "i4,O", False, True),
        "a numpy type from a list": Calls(np.dtype, [("a", "O")], False, True),
        "a numpy scalar that is an object": Calls(
            Named("numpy._core.multiarray", "scalar"), Calls(np.dtype, "O8", False, True), b"12345678"
        ),
        "a numpy scalar of another length": Calls(
            Named("numpy._core.multiarray", "scalar"), Calls(np.dtype, "f8", False, True), b"1234"
        ),
        "a numpy scalar of no type": Calls(Named("numpy._core.multiarray", "scalar"), "f8", b"12345678"),
        "numpy's load": Calls(Named("numpy", "load"), "/etc/passwd", None, True),
        "numpy's eval": Calls(Named("numpy.f2py.capi_maps", "getinit"), 1, 2),
        "the old numpy": Calls(Named("numpy.core.multiarray", "scalar"), 1),
        "old names": Named("__builtin__", "eval"),
        "a class of this test": Calls(Calls, 1),
        "Path": trace,
        "an exception": ValueError("x"),
        "a set of classes": Named("builtins", "set"),
        "object": Named("builtins", "object"),
    }


@pytest.mark.parametrize("name", gadgets(Path("x")))
def test_a_hostile_pickle_in_a_right_envelope_is_unreadable_and_does_nothing(name, tmp_path):
    trace = tmp_path / "trace"
    page = enveloped(hostile(gadgets(trace)[name]))
    with pytest.raises(UnreadablePage, match="states cannot be read"):
        CODEC.decode(page)
    assert not trace.exists()


@pytest.mark.parametrize(
    "body",
    [
        f"cos\nsystem\n(S'touch {Path('/nonexistent')}'\ntR.".encode(),
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"(ios\nsystem\nS'true'\n.",
        b"(S'true'\nios\nsystem\n.",
        b"Pmodel\n.",
        b"\x80\x02\x82\x01.",
        b"\x80\x05(cos\nsystem\nS'true'\no.",
    ],
)
def test_the_opcodes_of_old_protocols_are_no_way_around(body):
    with pytest.raises(UnreadablePage):
        CODEC.decode(enveloped(body))


def test_the_hostile_pickles_would_do_something_elsewhere(tmp_path):
    trace = tmp_path / "trace"
    pickle.loads(hostile(gadgets(trace)["os.system"]))
    assert trace.exists()


def rust_window(state: bytes) -> bytes:
    """A page whose ADWIN holds these bytes as the state of its Rust part."""
    return enveloped(
        b"\x80\x05"
        + looking_up("river._river_rust.drift", "AdaptiveWindowing")
        + b"(G?\x60bM\xd2\xf1\xa9\xfcK\x20K\x05K\x05K\x0at\x81"
        + pickle.dumps(state, 5)[2:-1]
        + b"b."
    )


@pytest.mark.filterwarnings("ignore")
def test_a_state_that_makes_rust_panic_is_unreadable():
    try:
        with pytest.raises(UnreadablePage):
            CODEC.decode(rust_window(b""))
    except BaseException as error:
        pytest.fail(f"{type(error).__name__}: {error}")


def setting(module: str, name: str, attribute: str, value: bytes) -> bytes:
    """A pickle that sets an attribute of what it looks up; `value` is the opcodes that make it."""
    return b"\x80\x05]" + looking_up(module, name) + b"N}" + text(attribute) + value + b"s\x86ba."


ONE, NO_DRIFT = b"K\x01", looking_up("river.drift.no_drift", "NoDrift")


@pytest.mark.parametrize(
    ("module", "name", "attribute", "value"),
    [
        ("river.drift.page_hinkley", "PageHinkley", "evil", ONE),
        ("river.drift.page_hinkley", "PageHinkley", "__reduce__", ONE),
        ("river.drift.page_hinkley", "PageHinkley", "__qualname__", b"\x8c\x01x"),
        ("river.drift.adwin", "ADWIN", "update", NO_DRIFT),
        ("river.drift.adwin", "ADWIN", "__name__", b"\x8c\x01x"),
        ("river.drift.adwin", "ADWIN", "__bases__", NO_DRIFT + b"\x85"),
        ("collections", "deque", "append", ONE),
        ("river.stats.mean", "Mean", "update", ONE),
    ],
)
def test_a_pickle_cannot_change_an_allowed_class(module, name, attribute, value):
    looked_up = getattr(importlib.import_module(module), name)
    named_apart = ("__bases__", "__name__", "__qualname__")
    before = dict(vars(looked_up)), [getattr(looked_up, apart) for apart in named_apart]
    with pytest.raises(UnreadablePage, match=attribute):
        CODEC.decode(enveloped(setting(module, name, attribute, value)))
    assert (dict(vars(looked_up)), [getattr(looked_up, apart) for apart in named_apart]) == before


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_pickle_cannot_change_a_stand_in(name):
    before = FUNCTIONS[name][1].__defaults__
    for attribute, value in [("evil", ONE), ("__defaults__", ONE + b"\x85")]:
        with pytest.raises(UnreadablePage, match=attribute):
            CODEC.decode(enveloped(setting(*name, attribute, value)))
        assert not hasattr(FUNCTIONS[name][1], "evil")
        assert FUNCTIONS[name][1].__defaults__ == before


def with_column(number: int, column: object) -> bytes:
    """A page of one state, one column of which is another."""
    columns = list(columns_of({KEY: state(learned(DETECTORS["ADWIN"], VALUES))}))
    columns[number] = column
    return enveloped(pickle.dumps(tuple(columns), protocol=5))


def test_a_page_of_columns_made_by_hand_is_read():
    columns = columns_of({KEY: state(learned(DETECTORS["ADWIN"], VALUES))})
    assert CODEC.decode(with_column(0, columns.record_signals))[KEY].learned == 400


@pytest.mark.parametrize(
    ("number", "column"),
    [
        *((number, None) for number in range(12)),
        *((number, "text") for number in range(12)),
        *((number, [[]]) for number in (0, 1, 3, 4, 5, 6, 8, 9, 10, 11)),
        *((0, column) for column in ([7], [None], [b"plant"])),
        *((3, column) for column in ([None], ["400"], [4.5], [-1], [10**400])),
        (6, [("arn", 7)]),
        *((7, column) for column in ([2], [10**9], [3.0])),
        (8, [0, 1, 3]),
        (9, ["9", 9, 9]),
        (9, [9.5, 9, 9]),
        (10, [(7,), None, None]),
        (11, ["now", None, None]),
    ],
)
def test_columns_of_other_types_are_unreadable(number, column):
    with pytest.raises(UnreadablePage, match="states cannot be read"):
        CODEC.decode(with_column(number, column))


def with_health(health: Health) -> bytes:
    *others, alerts = astuple(health)
    if isinstance(alerts, dict):
        alerts = {name: registry.written(alert)[1] for name, alert in alerts.items()}
    return with_column(13, [(0, (*others, alerts))])


def test_a_page_with_a_sensors_health_is_read():
    health = Health(7, 1.5, alerts={"flat": AlertState(True, 1.0, 2.0, 3, 0, 1.0)})
    assert CODEC.decode(with_health(health))[KEY].health == health


@pytest.mark.parametrize(
    "health",
    [
        Health(seen="7"),
        Health(same=10**400),
        Health(last="1"),
        Health(alerts=[]),
        Health(alerts={1: AlertState()}),
        Health(alerts={"flat": 3}),
        Health(alerts={"flat": AlertState(is_open="no")}),
        Health(alerts={"flat": AlertState(since_s="now")}),
        Health(alerts={"flat": AlertState(values=10**400)}),
        Health(alerts={"flat": AlertState(tokens_used=[])}),
    ],
)
def test_a_sensors_health_of_other_types_is_unreadable(health):
    with pytest.raises(UnreadablePage, match="states cannot be read"):
        CODEC.decode(with_health(health))


@pytest.mark.parametrize("name", DETECTORS)
def test_a_model_whose_classes_are_allowed_passes_the_check(name):
    CODEC.check(DriftUseCase(DETECTORS[name]))


class Unlisted(drift.NoDrift):
    """A detector that nobody allowed."""


def test_a_model_whose_class_is_not_allowed_is_refused_by_name():
    with pytest.raises(ConfigurationError, match=r"Unlisted.*allow_list\.py"):
        CODEC.check(DriftUseCase(Unlisted()))


def test_the_header_counts_the_signals():
    length = int.from_bytes(PAGE[5:9], "big")
    header = msgspec.json.decode(PAGE[9 : 9 + length], type=Header)
    assert (header.signals, header.format, header.river) == (2, STATE_FORMAT, versions()["river"])
