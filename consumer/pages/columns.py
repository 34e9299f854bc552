"""The states of a page as columns: plain lists, written and read faster than thousands of small objects."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from river.drift import ADWIN

from consumer.decode.batch import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import AlertState, Count
from consumer.detectors.drift import DriftState
from consumer.detectors.sensor_checks import Health
from consumer.detectors.states import read, written
from consumer.learning.state import Checkpoint, State
from consumer.pages import allow_list

_STATES, _ADWINS = "states", "ADWINs"
_PARAMETERS = ("delta", "clock", "max_buckets", "min_window_length", "grace_period")
_ATTRIBUTES = len(_PARAMETERS) + len(("_drift_detected", "_helper"))
_HEALTH_FIELDS = Health.__struct_fields__
_parameters_of = operator.itemgetter(*_PARAMETERS)


def packed(models: Sequence[Any]) -> tuple[Any, ...]:
    """What is to be pickled of these models."""
    if set(map(type, models)) == {DriftState}:
        detectors = [watched.detector for watched in models]
        if set(map(type, detectors)) == {ADWIN}:
            attributes: list[dict[str, Any]] = [vars(detector) for detector in detectors]
            if set(map(len, attributes)) == {_ATTRIBUTES}:  # nobody has added one
                return _packed_adwins(models, attributes)
    tagged = [written(model) for model in models]
    return _STATES, [tag for tag, _ in tagged], [fields for _, fields in tagged]


def unpacked(pickled: tuple[Any, ...]) -> list[Any]:
    """The models again.

    Raises: anything, where `packed` did not make it.
    """
    form, *columns = pickled
    if form == _STATES:
        tags, parts = columns
        return [read(tag, fields) for tag, fields in zip(tags, parts, strict=True)]
    if form != _ADWINS:
        raise ValueError(f"models in the unknown form {form!r}")
    parameters, *others = columns
    return [_adwin(parameters[which], *rest) for which, *rest in zip(*others, strict=True)]


def _packed_adwins(models: Sequence[DriftState], attributes: list[dict[str, Any]]) -> tuple[Any, ...]:
    table: dict[tuple[Any, ...], int] = {}
    which = [table.setdefault(_parameters_of(named), len(table)) for named in attributes]
    return (
        _ADWINS,
        list(table),
        which,
        [watched.count for watched in models],
        [watched.total for watched in models],
        [named["_drift_detected"] for named in attributes],
        [named["_helper"].__getstate__() for named in attributes],
    )


def _adwin(parameters: tuple[Any, ...], count: int, total: float, drifted: bool, window: bytes) -> DriftState:
    helper = allow_list.adwin_window(*parameters)
    allow_list.check_window(window)
    helper.__setstate__(window)
    detector = ADWIN.__new__(ADWIN)
    attributes = vars(detector)  # in the order in which River's own constructor sets them
    attributes["_drift_detected"] = drifted
    attributes.update(zip(_PARAMETERS, parameters, strict=True), _helper=helper)
    return DriftState(detector, count, total)


States = dict[SignalKey, State]


class Columns(NamedTuple):
    """A column an entry: one value for each state, but for the shards and the checkpoints.

    `marks` says how many checkpoints each state has; they follow one another in the columns after it, where
    `mark_shards` are indices into `shards`. None stands for the record_signal's own name, as signal and as
    partition key. `parameters` has an entry only for those states whose parameters are their own, by index,
    and `health` for those whose sensors are looked at: its fields, in order.
    """

    record_signals: list[str]
    signals: list[str | None]
    models: tuple[Any, ...]
    learned: list[Count]
    skipped: list[Count]
    latest_s: list[float | None]
    shards: list[tuple[str, str]]
    marks: list[int]
    mark_shards: list[int]
    mark_sequence_numbers: list[int]
    mark_keys: list[tuple[str, ...] | None]
    mark_arrived_s: list[float | None]
    parameters: Sequence[tuple[int, str]] = ()
    health: Sequence[tuple[int, tuple[Any, ...]]] = ()


def columns_of(states: Mapping[SignalKey, State]) -> Columns:
    """The states, ready to be pickled."""
    values = states.values()
    record_signals = [record_signal for record_signal, _ in states]
    checkpoints = [state.checkpoints for state in values]
    counts = list(map(len, checkpoints))
    marks = [mark for each in checkpoints for mark in each.values()]
    shards: dict[Shard, int] = {}
    of_marks = record_signals if set(counts) == {1} else _repeated(record_signals, counts)
    return Columns(
        record_signals,
        [None if signal == record_signal else signal for record_signal, signal in states],
        packed([state.model for state in values]),
        [state.learned for state in values],
        [state.skipped for state in values],
        [state.latest_s for state in values],
        [],
        counts,
        [shards.setdefault(shard, len(shards)) for each in checkpoints for shard in each],
        [mark.sequence_number for mark in marks],
        [
            None if mark.partition_keys == (record_signal,) else mark.partition_keys
            for record_signal, mark in zip(of_marks, marks, strict=True)
        ],
        [mark.arrived_s for mark in marks],
        [(index, state.parameters) for index, state in enumerate(values) if state.parameters],
        [
            (index, _written_health(state.health))
            for index, state in enumerate(values)
            if state.health is not None
        ],
    )._replace(shards=[(shard.stream_arn, shard.shard_id) for shard in shards])


def _repeated(record_signals: list[str], counts: list[int]) -> list[str]:
    return [
        record_signal
        for record_signal, count in zip(record_signals, counts, strict=True)
        for _ in range(count)
    ]


def states_of(columns: Columns) -> States:
    """The states again.

    Raises: anything, where `columns_of` did not make them.
    """
    parameters, health = dict(columns.parameters), dict(columns.health)
    states = {}
    for index, ((key, checkpoints), model, learned, skipped, latest_s) in enumerate(
        zip(
            checkpoints_of(columns).items(),
            unpacked(columns.models),
            columns.learned,
            columns.skipped,
            columns.latest_s,
            strict=True,
        )
    ):
        state = State(model, checkpoints, learned, skipped, latest_s, parameters.get(index, ""))
        if index in health:
            state.health = _read_health(health[index])
        states[key] = state
    return states


def checkpoints_of(columns: Columns) -> dict[SignalKey, dict[Shard, Checkpoint]]:
    """How far each signal has learned each shard; the other columns are not looked at.

    Raises: anything, where `columns_of` did not make them.
    """
    shards = [Shard(*shard) for shard in columns.shards]
    marks = zip(
        columns.mark_shards,
        columns.mark_sequence_numbers,
        columns.mark_keys,
        columns.mark_arrived_s,
        strict=True,
    )
    found = {}
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
    return found


def _written_health(health: Health) -> tuple[Any, ...]:
    *others, alerts = msgspec.structs.astuple(health)
    return *others, {name: written(alert)[1] for name, alert in alerts.items()}


def _read_health(fields: tuple[Any, ...]) -> Health:
    # By their fields: an object of the type asked for is converted unseen.
    *others, alerts = fields
    named = dict(zip(_HEALTH_FIELDS, (*others, {}), strict=True))
    health = msgspec.convert(named, Health)
    for name, parts in msgspec.convert(alerts, dict[str, list[Any]]).items():
        health.alerts[name] = msgspec.convert(dict(zip(AlertState.__slots__, parts, strict=True)), AlertState)
    return health
