"""A page gives back the states that were written, or says that it cannot be read: nothing else."""

import pickle
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly, drift

from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import AlertState
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.base import STATE_FORMAT
from consumer.detectors.drift import DriftState, DriftUseCase
from consumer.detectors.sensor_checks import Health
from consumer.errors import (
    ConfigurationError,
    LayoutChanged,
    UnreadableModel,
    UnreadablePage,
    UnwritableModels,
)
from consumer.learning.state import Checkpoint, State
from consumer.pages.arrays import read_row, write_row
from consumer.pages.codec import Header, PageCodec, unmarked, versions
from consumer.pages.columns import columns_of
from tests.consumer.pages.hostile_pages import enveloped, planted, sealed, with_columns, with_models

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
        OTHER_PLACES[0]: Checkpoint(9, ("another", "compressor1", "Öldruck €"), None),
        OTHER_PLACES[1]: Checkpoint(0, (), 1.0),
    }
    return State(model, checkpoints, learned=400, skipped=3, latest_s=1_700_000_000.5)


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
    found += [replace(finding, index=finding.index + cut) for finding in use_case.learn(moved, VALUES[cut:])]
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


@pytest.mark.parametrize("name", DETECTORS)
def test_models_that_nobody_asked_for_are_written_back_byte_for_byte(name):
    others = {
        SignalKey("b", "b"): State(learned(drift.NoDrift(), VALUES)),
        KEY: State(learned(drift.ADWIN(), VALUES)),
    }
    page = CODEC.encode({SignalKey("a", "a"): state(learned(DETECTORS[name], VALUES)), **others})
    states = CODEC.decode(page)
    assert CODEC.encode(states) == page
    _ = states[SignalKey("a", "a")].model
    assert CODEC.encode(states) == page


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


def test_a_bit_changed_is_noticed_at_every_byte():
    for index in range(len(PAGE)):
        with pytest.raises(UnreadablePage):
            CODEC.decode(PAGE[:index] + bytes([PAGE[index] ^ 1 << index % 8]) + PAGE[index + 1 :])


@given(st.integers(0, len(PAGE) - 1))
def test_a_page_cut_short_is_noticed(length):
    with pytest.raises(UnreadablePage):
        CODEC.decode(PAGE[:length])


@given(st.integers(0, len(PAGE)), st.binary(min_size=1, max_size=20))
def test_bytes_that_slipped_in_are_noticed(index, more):
    page = PAGE[:index] + more + PAGE[index:]
    with pytest.raises(LayoutChanged if page != unmarked(page) else UnreadablePage):
        CODEC.decode(page)


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"R",
        b"RVPG",
        b"RVPG\x02",
        b"RVPG\x02\0\0\0",
        b"RVPG\x02\0\0\0\0",
        b"RVPG\x02\0\0\0\0\0\0\0\0",
        b"RVPG\x02\xff\xff\xff\xff",
        b"RVPG\x01" + PAGE[5:],
        b"RVPG\x03" + PAGE[5:],
        b"<?xml version='1.0'?><Error/>",
        pickle.dumps([("a", "a", None, [], 0, 0, None)]),
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
        ({"column_bytes": -1}, "header cannot be read"),
        ({"column_bytes": 10**6}, "cannot be read"),
        ({"column_bytes": 2**70}, "header cannot be read"),
        ({"column_bytes": 2**40}, "could take"),
        ({"memory_bytes": 7}, "another amount of memory"),
        ({"memory_bytes": -1}, "header cannot be read"),
    ],
)
def test_a_page_of_another_version_or_of_a_false_header_is_unreadable_and_says_which(fields, told):
    with pytest.raises(UnreadablePage, match=told):
        CODEC.decode(enveloped(msgspec.msgpack.encode(columns_of({})[0]), **fields))
    assert CODEC.decode(enveloped(msgspec.msgpack.encode(columns_of({})[0]))) == {}


@pytest.mark.parametrize(
    "header",
    [
        *(b"", b"{", b"null", b"[]", b"{}", b'{"format":1}'),
        b'{"format":1,"river":"\xff","python":"","signals":1}',
        b'{"x":' + b"[" * 9999 + b"]" * 9999 + b"}",
    ],
)
def test_a_sealed_header_that_is_none_or_hostile_is_unreadable(header):
    with pytest.raises(UnreadablePage):
        CODEC.decode(sealed(header, b"x"))


@pytest.mark.parametrize(
    "columns",
    [
        *(b"", b"\xc0", b"\x90", b"\x80", b"garbage", b"\xc1"),
        *(b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff"),
        *(b"\x91" * 200_000 + b"\xc0", b"\x81" * 200_000 + b"\xc0"),
    ],
)
def test_a_sealed_body_that_holds_no_columns_is_unreadable(columns):
    with pytest.raises(UnreadablePage, match="states cannot be read"):
        CODEC.decode(enveloped(columns))


# Columns.

WHOLE = {
    KEY: state(learned(drift.ADWIN(), VALUES)),
    SignalKey("b", "b"): State(learned(drift.NoDrift(), VALUES), parameters="0123456789abcdef"),
    SignalKey("b", "b.c"): State(
        learned(drift.ADWIN(delta=0.1), VALUES),
        health=Health(7, 1.5, alerts={"flat": AlertState(True, 1.0, 2.0, 3, 0, 1.0)}),
    ),
}
COLUMNS, MODELS = columns_of(WHOLE)
TWO_ADWINS = COLUMNS.adwins


def row(*numbers: float) -> bytes:
    """A row of integers, or of floats."""
    return write_row(np.array(numbers))


def test_a_page_of_columns_made_by_hand_is_read():
    states = CODEC.decode(with_columns(COLUMNS, MODELS))
    assert states[KEY].learned == 400
    assert states[SignalKey("b", "b.c")].health == WHOLE[SignalKey("b", "b.c")].health
    assert [type(each.model.detector).__name__ for each in states.values()] == ["ADWIN", "NoDrift", "ADWIN"]


def altered_adwins(**fields: object) -> dict[str, object]:
    return {"adwins": msgspec.structs.replace(TWO_ADWINS, **fields)}


def altered_marks(**fields: object) -> dict[str, object]:
    """The checkpoints for one shard, which only the first signal has."""
    return {"marks": [msgspec.structs.replace(COLUMNS.marks[0], **fields), *COLUMNS.marks[1:]]}


OF_NO_TYPE = {name: 7 if name == "model_class" else "text" for name in COLUMNS.__struct_fields__}
ROWS = ("learned", "skipped", "latest_s", "lengths", "memory", "in_arrays", "has_health")
"""Those that have a number for each state."""
INTEGERS = tuple(name for name in ROWS if name != "latest_s")
BEYOND = (2**53 + 1).to_bytes(8, "little")
HOSTILE_COLUMNS = {
    **{f"{name} of another type": {name: value} for name, value in OF_NO_TYPE.items()},
    **{f"{name} of nothing": {name: None} for name in COLUMNS.__struct_fields__ if name != "adwins"},
    **{f"{name} of a map": {name: {}} for name in COLUMNS.__struct_fields__},
    **{f"{name} too short": {name: getattr(COLUMNS, name)[:-1]} for name in (*ROWS, "record_signals")},
    **{f"{name} too long": {name: getattr(COLUMNS, name) + b"\0"} for name in ROWS},
    **{f"{name} of no bytes": {name: b""} for name in ROWS},
    **{f"{name} below zero": {name: b"\x08" + b"\xff" * 24} for name in INTEGERS},
    **{f"{name} below zero, all": {name: b"\x88" + b"\xff" * 8} for name in INTEGERS},
    **{f"{name} beyond the largest": {name: b"\x08" + bytes(16) + BEYOND} for name in INTEGERS},
    **{f"{name} of three bytes each": {name: b"\x03" + bytes(9)} for name in ROWS},
    **{f"{name} of no bytes for all": {name: b"\x80"} for name in ROWS},
    "times of four bytes": {"latest_s": b"\x04" + bytes(12)},
    "names of bytes": {"record_signals": [b"compressor1", "b", "b"]},
    "a name too many": {"record_signals": [*COLUMNS.record_signals, "x"]},
    "a signal twice": {"signals": [(0, "a")]},
    "a name of no signal": {"signals": [*COLUMNS.signals, (3, "x")]},
    "a name of a number": {"signals": [(0, 7), (2, "b.c")]},
    "a name below zero": {"signals": [(-1, "b.c"), (0, "x")]},
    "shards of three": altered_marks(shard=("a", "b", "c")),
    "shards of numbers": altered_marks(shard=("arn", 7)),
    "a shard twice": {"marks": [COLUMNS.marks[0], *COLUMNS.marks]},
    "more checkpoints than there are": altered_marks(count=2),
    "more checkpoints than states": altered_marks(count=4),
    "no checkpoints": altered_marks(count=0),
    "checkpoints below zero": altered_marks(count=-1),
    "a checkpoint of all": altered_marks(slots=b""),
    "checkpoints of no state": altered_marks(slots=row(3)),
    "checkpoints far away": altered_marks(slots=row(2**40)),
    "a checkpoint twice": altered_marks(count=2, slots=row(1, 1), arrived_s=row(1.0, 2.0)),
    "checkpoints that do not ascend": altered_marks(count=2, slots=row(1, 0), arrived_s=row(1.0, 2.0)),
    "sequence numbers of no digits": altered_marks(template=b""),
    "sequence numbers of too many digits": altered_marks(template=b"\1" * 130),
    "sequence numbers of an A": altered_marks(template=b"\x0a"),
    "too few digits": altered_marks(template=b"\1\xff\xff", digits=b""),
    "too many digits": altered_marks(template=b"\1\xff\xff", digits=b"\1\1"),
    "a digit that is none": altered_marks(template=b"\1\xff\xff", digits=b"\xa0"),
    "a digit that is half of none": altered_marks(template=b"\1\xff", digits=b"\x11"),
    "keys of numbers": altered_marks(keys=[(0, (7,))]),
    "keys of no checkpoint": altered_marks(keys=[(1, ("x",))]),
    "keys of no state": altered_marks(keys=[(3, ("x",))]),
    "a time too many": altered_marks(arrived_s=row(1.0, 2.0)),
    "a time of text": altered_marks(arrived_s="now"),
    "lengths beyond the end": {"lengths": row(10**6, 0, 0)},
    "lengths that overflow": {"lengths": b"\x08" + (2**63).to_bytes(8, "little") * 3},
    "lengths within the end": {"lengths": row(1, 1, 1)},
    "parameters of numbers": {"parameters": [(1, 7)]},
    "parameters of no state": {"parameters": [(3, "x")]},
    "parameters twice": {"parameters": [(1, "x"), (1, "y")]},
    "health of text": {"health": [(2, "x")]},
    "health of no state": {"health": [(3, b"x")]},
    "health that is there twice": {"health": [(2, b"x")]},
    "a sensor that has none": {"has_health": row(0, 0, 0)},
    "more sensors than there are": {"has_health": row(1, 1, 2)},
    "rows of a sensor too few": {"health_kinds": COLUMNS.health_kinds[:-1]},
    "rows of a sensor too many": {"health_kinds": COLUMNS.health_kinds + b"\0"},
    "no rows of sensors": {"health_kinds": b""},
    "rows of other sizes": {"health_kinds": b"\x08" * len(COLUMNS.health_kinds)},
    "rows of models that are in none": {"kinds": b"\0"},
    "models of a class that is not there": {"model_class": "nobody"},
    "models of a class without arrays": {"model_class": "row_buffer", "adwins": None},
    "models of another class": {"model_class": "alert"},
    "models of no class": {"model_class": ""},
    "more ADWINs than there are": {"in_arrays": row(1, 1, 1)},
    "fewer ADWINs than there are": {"in_arrays": row(0, 0, 1)},
    "ADWINs by a 2": {"in_arrays": row(2, 0, 0)},
    "ADWINs by a 2 and a 1": {"in_arrays": row(2, 0, 1)},
    "no ADWINs": {"adwins": None},
    "memory of an ADWIN": {"memory": row(1, 0, 0)},
    "no counts": altered_adwins(counts=b""),
    "a count too few": altered_adwins(counts=b"\x08" + bytes(8)),
    "half a count": altered_adwins(counts=b"\x08" + bytes(15)),
    "half a total": altered_adwins(totals=b"\x08" + bytes(15)),
    "a flag too many": altered_adwins(drifted=row(0, 1, 0)),
    "a flag of 2": altered_adwins(drifted=row(2, 2)),
    "parameters that are not there": altered_adwins(which=row(2, 2)),
    "no parameters": altered_adwins(parameters=[]),
    "parameters of text": altered_adwins(parameters=[("x", 32, 5, 5, 10)] * 2),
    "four parameters": altered_adwins(parameters=[(0.1, 32, 5, 5)] * 2),
}


@pytest.mark.parametrize("name", HOSTILE_COLUMNS)
def test_columns_of_other_types_or_lengths_are_unreadable(name):
    with pytest.raises(UnreadablePage, match="states cannot be read"):
        CODEC.decode(with_columns(COLUMNS, MODELS, **HOSTILE_COLUMNS[name]))


def test_columns_more_or_fewer_than_there_are_are_unreadable():
    fields = msgspec.structs.astuple(COLUMNS)
    assert len(CODEC.decode(enveloped(msgspec.msgpack.encode(fields), b"".join(MODELS)))) == 3
    for columns in (fields[:-1], (*fields, []), [[*fields]], dict(enumerate(fields))):
        with pytest.raises(UnreadablePage, match="states cannot be read"):
            CODEC.decode(enveloped(msgspec.msgpack.encode(columns), b"".join(MODELS)))


@pytest.mark.parametrize("surrogate", [b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xff\xfe\xfd"])
def test_a_lone_surrogate_in_a_name_is_unreadable(surrogate):
    """Whoever writes the name elsewhere, as in an object's key, would raise."""
    page = with_columns(COLUMNS, MODELS, record_signals=["~~~", "b", "b"])
    length = int.from_bytes(page[5:9])
    header, body = page[9 : 9 + length], page[13 + length :]
    assert CODEC.decode(sealed(header, body))
    with pytest.raises(UnreadablePage, match="states cannot be read"):
        CODEC.decode(sealed(header, body.replace(b"~~~", surrogate)))


@pytest.mark.parametrize("keys", [SignalKey("a\ud800", "a\ud800"), SignalKey("a", "a.\ud800")])
def test_a_name_that_no_page_can_hold_is_said(keys):
    with pytest.raises(UnreadablePage, match="cannot be written"):
        CODEC.encode({keys: State(learned(drift.ADWIN(), []))})


# One model that cannot be read.

A, B, C = (SignalKey(name, name) for name in "abc")
UNREADABLE = msgspec.msgpack.encode([11, "Nobody"])


def three(*, adwins: bool, **altered: object) -> bytes:
    """A page of three signals, where something of the second is altered."""
    detector = drift.ADWIN() if adwins else drift.PageHinkley()
    states = {key: State(learned(detector, VALUES), learned=7) for key in (A, B, C)}
    columns, models = columns_of(states)
    if "model" in altered:
        models[1] = altered.pop("model")
    return with_columns(columns, models, lengths=row(*map(len, models)), **altered)


@pytest.mark.parametrize(
    "page",
    [
        three(adwins=False, model=UNREADABLE),
        three(adwins=False, model=b""),
        three(adwins=False, model=b"\xc1"),
        three(adwins=False, model=b"\x92\x01" * 200_000 + b"\xc0"),
        three(adwins=False, memory=row(10**5, 0, 10**5)),
        three(adwins=True, model=b""),
        three(adwins=True, model=b"\xff" * 248),
        three(adwins=False, health=[(1, b"\xc1")]),
        three(adwins=True, health=[(1, b"\xc1")]),
        three(adwins=True, health=[(1, b"\x90")]),
    ],
)
def test_a_model_that_cannot_be_read_costs_its_own_signal_and_stays_as_it_is(page):
    states = CODEC.decode(page)
    with pytest.raises(UnreadableModel):
        _ = states[B].model
    with pytest.raises(UnreadableModel):
        _ = states[B].model
    assert states[B].learned == 7
    assert CODEC.encode(states) == page, "also when it was tried"
    for key in (A, C):
        assert states[key].model.count == states[key].model.count > 0
        states[key].learned = 8
    again = CODEC.decode(CODEC.encode(states))
    assert [again[key].learned for key in (A, B, C)] == [8, 7, 8]
    assert again[B].stored.written == states[B].stored.written
    assert again[B].stored.health == states[B].stored.health
    with pytest.raises(UnreadableModel):
        _ = again[B].model


HEALTH = Health(7, 1.5, alerts={"flat": AlertState(True, 1.0, 2.0, 3, 0, 1.0)})


@pytest.mark.parametrize(
    "health",
    [
        Health(seen="7"),
        Health(same=-1),
        Health(last="1"),
        Health(alerts=[]),
        Health(alerts={1: AlertState()}),
        Health(alerts={"flat": 3}),
        Health(alerts={"flat": AlertState(is_open="no")}),
        Health(alerts={"flat": AlertState(since_s="now")}),
        Health(alerts={"flat": AlertState(values=2**64 - 1)}),
        Health(alerts={"flat": AlertState(tokens_used=[])}),
        [],
        [7, 1.5, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ],
)
def test_a_sensors_health_of_other_types_costs_its_own_signal(health):
    page = three(adwins=True, health=[(1, msgspec.msgpack.encode(health))])
    states = CODEC.decode(page)
    with pytest.raises(UnreadableModel, match="sensor"):
        _ = states[B].model
    assert states[A].model
    assert states[C].model
    assert CODEC.encode(states) == page


def test_a_page_with_a_sensors_health_is_read():
    page = three(adwins=True, health=[(1, msgspec.msgpack.encode(HEALTH))])
    states = CODEC.decode(page)
    assert (states[A].health, states[B].health) == (None, HEALTH)
    assert states[B].model


def test_a_model_that_no_page_can_hold_is_named_with_its_signal_and_the_page_not_written():
    states = {key: State(learned(drift.ADWIN(), VALUES)) for key in (A, B, C)}
    states[B].model = Unlisted()
    with pytest.raises(UnwritableModels, match=r"b: .*Unlisted") as raised:
        CODEC.encode(states)
    assert [*raised.value.reasons] == [B]


# The check at the start.


@pytest.mark.parametrize("name", DETECTORS)
def test_a_model_whose_classes_are_known_passes_the_check(name):
    CODEC.check(DriftUseCase(DETECTORS[name]))


class Unlisted(drift.NoDrift):
    """A detector that nobody allowed."""


def test_a_model_whose_class_is_not_known_is_refused_by_name():
    with pytest.raises(ConfigurationError, match=r"Unlisted.*river_classes\.py.*OWN_MODULES"):
        CODEC.check(DriftUseCase(Unlisted()))


def test_a_model_that_raises_at_once_is_refused_with_what_it_raised():
    needs_features = anomaly.QuantileFilter(anomaly.PredictiveAnomalyDetection(), q=0.995)
    with pytest.raises(ConfigurationError, match=r"the model raised .*, at the value 1 of 64"):
        CODEC.check(AnomalyUseCase(needs_features))


def test_the_header_counts_the_signals_and_says_where_the_models_begin():
    length = int.from_bytes(PAGE[5:9], "big")
    header = msgspec.json.decode(PAGE[9 : 9 + length], type=Header)
    assert (header.signals, header.format, header.river) == (2, STATE_FORMAT, versions()["river"])
    assert len(PAGE) == 9 + length + 4 + header.column_bytes + sum(read_lengths(PAGE, header))


def read_lengths(page: bytes, header: Header) -> list[int]:
    start = len(page) - int.from_bytes(page[5:9]) - 13
    columns = page[len(page) - start :][: header.column_bytes]
    lengths = msgspec.msgpack.decode(columns)[COLUMNS.__struct_fields__.index("lengths")]
    return read_row(lengths, header.signals).tolist()


def test_a_page_of_one_planted_model_is_read():
    assert CODEC.decode(planted([1, 7, None, "x"]))[SignalKey("0", "0")].model == [7, None, "x"]
    assert CODEC.decode(with_models(b"\x07"))[SignalKey("0", "0")].model == 7
