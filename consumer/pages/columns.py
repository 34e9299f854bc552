"""The states of a page as columns: what is the same of all states lies together, each model apart as bytes.

A model is read when it is first asked for: one that cannot be read concerns its own signal only. Those that
nobody asked for are written back as they were.
"""

import operator
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import msgspec
from river._river_rust.drift import AdaptiveWindowing
from river.drift import ADWIN

from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import COUNT_MAX, Count
from consumer.detectors.drift import DriftState
from consumer.detectors.sensor_checks import Health
from consumer.errors import UnreadableModel, UnwritableModel, UnwritableModels, is_models_own
from consumer.learning.state import Checkpoint, Packed, State
from consumer.pages import river_classes as river_classes
from consumer.pages.packing import packed
from consumer.pages.river_packers import window
from consumer.pages.unpacking import unpacked

States = dict[SignalKey, State]


class Columns(msgspec.Struct, array_like=True, forbid_unknown_fields=True, kw_only=True):
    """An entry for each state, but for the shards and the checkpoints.

    `marks` says how many checkpoints each state has; they follow one another in the columns after it, where
    `mark_shards` are indices into `shards`. None stands for the record_signal's own name, as signal and as
    partition key. Sequence numbers are big-endian integers of one length. `parameters` has an entry only for
    those states whose parameters are their own, by index, and `health` for those whose sensors are looked at.
    """

    record_signals: list[str]
    signals: list[str | None]
    learned: list[Count]
    skipped: list[Count]
    latest_s: list[float | None]
    shards: list[tuple[str, str]]
    marks: list[Count]
    mark_shards: list[Count]
    mark_sequence_numbers: bytes
    mark_keys: list[tuple[str, ...] | None]
    mark_arrived_s: list[float | None]
    parameters: list[tuple[Count, str]]
    health: list[tuple[Count, bytes]]
    lengths: list[Count]
    """Of each model's bytes, which lie behind the columns in this order; of an ADWIN, of its window's."""
    adwins: "Adwins | None"
    """The other numbers of the models that are ADWINs, and nothing else, of a use case of drifts."""
    are_adwins: bytes
    """Which models are. Shape: n bytes, 0 or 1; none, if all are or none is."""
    memory: list[Count]
    """How many bytes the others take, beside some for each byte; 0 for an ADWIN. None, if all are ADWINs."""


class Adwins(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The states of drifts, where the detectors are ADWINs: arrays, and the bytes of their windows."""

    parameters: list[tuple[float, int, int, int, int]]
    which: bytes
    """Index of each one's parameters. Shape: n unsigned integers of 4 bytes."""
    counts: bytes
    """Shape: n integers of 8 bytes"""
    totals: bytes
    """Shape: n floats of 8 bytes"""
    drifted: bytes
    """Shape: n bytes, 0 or 1"""


_PARAMETERS = ("delta", "clock", "max_buckets", "min_window_length", "grace_period")
_ATTRIBUTES = len(_PARAMETERS) + len(("_drift_detected", "_helper"))
_parameters_of = operator.itemgetter(*_PARAMETERS)
_ENCODER = msgspec.msgpack.Encoder()
_COLUMNS = msgspec.msgpack.Decoder(Columns)
_HEALTH = msgspec.msgpack.Decoder(Health)
_AdwinParts = tuple[tuple[Any, ...], int, float, int, bytes]
"""Parameters, count, total, whether it has drifted, window."""


def columns_of(states: Mapping[SignalKey, State]) -> tuple[Columns, list[bytes]]:
    """The columns of the states, and the bytes of their models. Raises: `UnwritableModels`."""
    values = [*states.values()]
    stored = [state.stored for state in values]
    record_signals, signals = zip(*states, strict=True) if states else ((), ())
    checkpoints = [state.checkpoints for state in values]
    counts = list(map(len, checkpoints))
    pairs = [pair for each in checkpoints for pair in each.items()]
    of_shards, marks = zip(*pairs, strict=True) if pairs else ((), ())
    shards, mark_shards = _numbered(of_shards)
    of_marks = record_signals if set(counts) == {1} else _repeated(record_signals, counts)
    models, adwins, are_adwins, memory = _models_of(states, stored)
    return (
        Columns(
            record_signals=[*record_signals],
            signals=[
                None if signal == record_signal else signal
                for record_signal, signal in zip(record_signals, signals, strict=True)
            ],
            learned=_counts([state.learned for state in values]),
            skipped=_counts([state.skipped for state in values]),
            latest_s=[state.latest_s for state in values],
            mark_shards=mark_shards,
            shards=[(shard.stream_arn, shard.shard_id) for shard in shards],
            marks=counts,
            mark_sequence_numbers=_integers([mark.sequence_number for mark in marks]),
            mark_keys=[
                None if mark.partition_keys == (record_signal,) else mark.partition_keys
                for record_signal, mark in zip(of_marks, marks, strict=True)
            ],
            mark_arrived_s=[mark.arrived_s for mark in marks],
            parameters=[(index, state.parameters) for index, state in enumerate(values) if state.parameters],
            health=_healths(states, stored),
            lengths=list(map(len, models)),
            adwins=adwins,
            are_adwins=are_adwins,
            memory=memory,
        ),
        models,
    )


def states_of(columns: Columns, models: memoryview) -> States:
    """The states again; their models are read when they are asked for.

    Raises: anything, where `columns_of` did not make them.
    """
    parameters, health = dict(columns.parameters), dict(columns.health)
    states = {}
    for index, ((key, checkpoints), stored, learned, skipped, latest_s) in enumerate(
        zip(
            checkpoints_of(columns).items(),
            _stored_models(columns, models),
            columns.learned,
            columns.skipped,
            columns.latest_s,
            strict=True,
        )
    ):
        state = State(stored, checkpoints, learned, skipped, latest_s, parameters.get(index, ""))
        if index in health:
            _read_health(state, health[index])
        states[key] = state
    return states


def checkpoints_of(columns: Columns) -> dict[SignalKey, dict[Shard, Checkpoint]]:
    """How far each signal has learned each shard; the other columns are not looked at.

    Raises: anything, where `columns_of` did not make them.
    """
    shards = [Shard(*shard) for shard in columns.shards]
    marks = zip(
        columns.mark_shards,
        _read_integers(columns.mark_sequence_numbers, len(columns.mark_shards)),
        columns.mark_keys,
        columns.mark_arrived_s,
        strict=True,
    )
    found: dict[SignalKey, dict[Shard, Checkpoint]] = {}
    for record_signal, signal, count in zip(
        columns.record_signals, columns.signals, columns.marks, strict=True
    ):
        checkpoints = {}
        for _ in range(count):
            shard, sequence_number, keys, arrived_s = next(marks)
            checkpoints[shards[shard]] = Checkpoint(
                sequence_number, (record_signal,) if keys is None else keys, arrived_s
            )
        found[SignalKey(record_signal, record_signal if signal is None else signal)] = checkpoints
    if next(marks, None) is not None:
        raise ValueError("there are more checkpoints than the states have")
    if len(found) != len(columns.record_signals):
        raise ValueError("a signal is there twice")
    return found


def _numbered(shards: Sequence[Shard]) -> tuple[Sequence[Shard], list[int]]:
    """Each once, and which of them each is; most pages have learned one."""
    if not shards or shards.count(shards[0]) == len(shards):
        return shards[:1], [0] * len(shards)
    numbers = {shard: number for number, shard in enumerate(dict.fromkeys(shards))}
    return [*numbers], [numbers[shard] for shard in shards]


def _repeated(record_signals: Sequence[str], counts: list[int]) -> list[str]:
    return [
        record_signal
        for record_signal, count in zip(record_signals, counts, strict=True)
        for _ in range(count)
    ]


def _integers(numbers: list[int]) -> bytes:
    size = max(numbers, default=0).bit_length() // 8 + 1
    return b"".join([number.to_bytes(size) for number in numbers])


def _read_integers(packed_numbers: bytes, count: int) -> list[int]:
    size = len(packed_numbers) // max(1, count)
    if size * count != len(packed_numbers):
        raise ValueError("sequence numbers of different lengths")
    return [
        int.from_bytes(packed_numbers[start : start + size])
        for start in range(0, len(packed_numbers), max(1, size))
    ]


def _counts(numbers: list[int]) -> list[int]:
    """An altered page may say as many as there can be: one more, and it could not be read again."""
    if max(numbers, default=0) <= COUNT_MAX:
        return numbers
    return [min(number, COUNT_MAX) for number in numbers]


def _healths(states: Mapping[SignalKey, State], stored: list[Any]) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    healths = [state.health for state in states.values()]
    if healths.count(None) == len(healths) and Packed not in set(map(type, stored)):
        return found
    for index, (key, state) in enumerate(states.items()):
        if type(state.stored) is Packed and state.stored.health:
            found.append((index, state.stored.health))
        elif state.health is not None:
            try:
                found.append((index, _ENCODER.encode(_HEALTH.decode(_ENCODER.encode(state.health)))))
            except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
                reason = f"the state of its sensor cannot be written: {error}"
                raise UnwritableModels({key: reason}) from error
    return found


def _read_health(state: State, written: bytes) -> None:
    try:
        state.health = _HEALTH.decode(written)
        if _ENCODER.encode(state.health) != written:  # such as no fields at all: few bytes, and much memory
            raise ValueError("it is not written as such states are")
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        stored: Packed = state.stored
        state.health = None
        reason = f"the state of the sensor beside it cannot be read: {error}"
        state.stored = Packed(stored.written, lambda _: _raise(reason), stored.memory_bytes, written)


def _raise(reason: str) -> Any:
    raise UnreadableModel(reason)


# Models.


def _models_of(
    states: Mapping[SignalKey, State], stored: list[Any]
) -> tuple[list[bytes], Adwins | None, bytes, list[int]]:
    """Their bytes, and the columns of those that are ADWINs."""
    if not stored:
        return [], None, b"", []
    adwins = _only_adwins(stored)
    if adwins is not None:
        return *adwins, b"", []
    models, memory, adwin_parts, failed = [], [], [], {}
    for key, one in zip(states, stored, strict=True):
        parts = _adwin_parts(one)
        if parts is not None:
            adwin_parts.append(parts)
            written, takes = parts[-1], 0
        elif type(one) is Packed:
            written, takes = one.written, one.memory_bytes
        else:
            try:
                written, takes = packed(one)
            except UnwritableModel as error:
                failed[key] = str(error)
                continue
        models.append(written)
        memory.append(takes)
    if failed:
        raise UnwritableModels(failed)
    if not adwin_parts:
        return models, None, b"", memory
    parameters, counts, totals, drifted, _ = zip(*adwin_parts, strict=True)
    are_adwins = bytes(_adwin_parts(one) is not None for one in stored)
    if all(are_adwins):
        are_adwins, memory = b"", []
    return models, _adwins(parameters, counts, totals, drifted), are_adwins, memory


def _only_adwins(stored: list[Any]) -> tuple[list[bytes], Adwins] | None:
    """The windows and the columns, if all were read and are ADWINs: the same as of each alone, and faster."""
    if set(map(type, stored)) != {DriftState}:
        return None
    detectors = [watched.detector for watched in stored]
    if set(map(type, detectors)) != {ADWIN}:
        return None
    attributes: list[Any] = [*map(vars, detectors)]
    if set(map(len, attributes)) != {_ATTRIBUTES}:  # somebody has added one
        return None
    try:
        adwins = _adwins(
            [*map(_parameters_of, attributes)],
            [watched.count for watched in stored],
            [watched.total for watched in stored],
            [named["_drift_detected"] for named in attributes],
        )
        windows = [named["_helper"].__getstate__() for named in attributes]
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):  # one was altered
        return None
    if set(map(type, windows)) != {bytes} or not all(map(_are_parameters, adwins.parameters)):
        return None
    return windows, adwins


def _are_parameters(parameters: tuple[Any, ...]) -> bool:
    """Whether they can be read from a column: one that cannot would make the page unreadable."""
    kinds = [*map(type, parameters)] == [float, int, int, int, int]
    return kinds and all(abs(number) < 2**63 for number in parameters[1:])


def _adwins(
    parameters: Sequence[tuple[Any, ...]],
    counts: Sequence[int],
    totals: Sequence[float],
    drifted: Sequence[bool],
) -> Adwins:
    table: dict[tuple[Any, ...], int] = {parameters[0]: 0}
    which = bytes(4 * len(parameters))
    if parameters.count(parameters[0]) < len(parameters):
        which = array("I", [table.setdefault(each, len(table)) for each in parameters]).tobytes()
    return Adwins([*table], which, array("q", counts).tobytes(), array("d", totals).tobytes(), bytes(drifted))


def _adwin_parts(stored: Any) -> _AdwinParts | None:
    """The parts of an ADWIN, if it is one and nothing else."""
    if type(stored) is Packed:
        return stored.written if type(stored.written) is tuple else None
    if type(stored) is not DriftState or type(stored.detector) is not ADWIN:
        return None
    named = vars(stored.detector)
    if len(named) != _ATTRIBUTES or type(named.get("_helper")) is not AdaptiveWindowing:
        return None
    parameters, drifted = _parameters_of(named), named["_drift_detected"]
    kinds = [type(stored.count), type(stored.total), type(drifted)]
    if kinds != [int, float, bool] or abs(stored.count) >= 2**63 or not _are_parameters(parameters):
        return None
    return parameters, stored.count, stored.total, drifted, named["_helper"].__getstate__()


def _stored_models(columns: Columns, models: memoryview) -> list[Packed]:
    count, adwins = len(columns.record_signals), columns.adwins
    ends = [*accumulate(columns.lengths)]
    if len(ends) != count or (ends[-1] if ends else 0) != len(models):
        raise ValueError("the models have other lengths than the columns say")
    written = [bytes(models[end - length : end]) for end, length in zip(ends, columns.lengths, strict=True)]
    are_adwins = columns.are_adwins or bytes([adwins is not None]) * count
    memory = columns.memory or [0] * count
    parts = iter(() if adwins is None else _parts_of(adwins, sum(are_adwins)))
    stored = []
    for model, is_adwin, takes in zip(written, are_adwins, memory, strict=True):
        if is_adwin:
            stored.append(Packed((*next(parts), model), _read_adwin))
        else:
            stored.append(Packed(model, _read_model, takes))
    if next(parts, None) is not None:
        raise ValueError("there are more ADWINs than the columns say")
    return stored


def _parts_of(adwins: Adwins, count: int) -> Iterator[tuple[Any, ...]]:
    which, counts, totals = array("I"), array("q"), array("d")
    for column, content in ((which, adwins.which), (counts, adwins.counts), (totals, adwins.totals)):
        column.frombytes(content)
    if {len(which), len(counts), len(totals), len(adwins.drifted)} != {count}:
        raise ValueError("the columns of the ADWINs have other lengths than there are ADWINs")
    parameters = [adwins.parameters[index] for index in which]
    return zip(parameters, counts, totals, map(bool, adwins.drifted), strict=True)


def _read_adwin(stored: Packed) -> DriftState:
    parameters, count, total, drifted, state = stored.written
    try:
        helper = window(parameters, state)
    except BaseException as error:
        raise _unreadable(error) from error
    detector = ADWIN.__new__(ADWIN)
    attributes = vars(detector)  # in the order in which River's own constructor sets them
    attributes["_drift_detected"] = drifted
    attributes.update(zip(_PARAMETERS, parameters, strict=True), _helper=helper)
    return DriftState(detector, count, total)


def _read_model(stored: Packed) -> Any:
    try:
        return unpacked(stored.written, stored.memory_bytes)
    except BaseException as error:
        raise _unreadable(error) from error


def _unreadable(error: BaseException) -> BaseException:
    """What to raise for the error of a model that was altered: any, and also a lack of memory."""
    if not (is_models_own(error) or isinstance(error, MemoryError)):
        return error
    return UnreadableModel(f"the model cannot be read: {type(error).__name__}: {error}")
