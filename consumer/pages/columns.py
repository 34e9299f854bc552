"""The states of a page as it is written: arrays by slot, and what is in none of them as bytes.

A model that is not in an array is read when it is first asked for: one that cannot be read concerns its own
signal only. Those that nobody asked for are written back as they were.
"""

from collections.abc import Mapping
from itertools import accumulate, repeat
from typing import Any

import msgspec
import numpy as np

from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import Count
from consumer.detectors.in_columns.adwin_columns import AdwinColumns, are_parameters
from consumer.detectors.sensor_checks import Health
from consumer.detectors.state_columns import StateColumns
from consumer.detectors.state_layouts import StateLayout, layout_of
from consumer.detectors.states import class_tagged, tag_of
from consumer.errors import UnwritableModel, UnwritableModels
from consumer.learning.state import Checkpoint, Packed, State
from consumer.learning.states import States
from consumer.learning.stored_models import unreadable
from consumer.pages import river_classes as river_classes
from consumer.pages import river_packers as river_packers
from consumer.pages.arrays import NO_NUMBERS, read_row, read_rows, write_flags, write_row, write_rows
from consumer.pages.packing import packed
from consumer.pages.unpacking import unpacked
from consumer.pages.written_marks import WrittenMarks, marks_of, read_marks, write_marks

_DRIFTS = "drift"
"""The tag of drifts; those of ADWINs have columns of their own."""


class Columns(msgspec.Struct, array_like=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of all states. Rows, as in `arrays.py`, have a number for each state.

    Behind the columns lie the bytes of each model that is not in the arrays, in the order of the states; then
    the rows of the arrays of models and of sensors.
    """

    record_signals: list[str]
    signals: list[tuple[Count, str]]
    """Names, by index, that are not their record signal's own."""
    learned: bytes
    skipped: bytes
    latest_s: bytes
    marks: list[WrittenMarks]
    """The checkpoints, by shard."""
    parameters: list[tuple[Count, str]]
    """By index, those of models whose parameters are their own."""
    lengths: bytes
    """Row: of each model's bytes; of an ADWIN, of its window's."""
    memory: bytes
    """Row: how many bytes of memory each takes, beside some for each byte; 0 for what is in arrays."""
    model_class: str
    """The tag of the class whose states are in the arrays; "" if there are none."""
    in_arrays: bytes
    """Row: 1 for those whose model is there."""
    kinds: bytes
    """Of the rows behind the columns: those of the floats and then those of the integers of the class."""
    adwins: "Adwins | None"
    """The numbers of the models that are ADWINs, and nothing else, of a use case of drifts."""
    has_health: bytes
    """Row: 1 for those of whose sensor the state is in the arrays."""
    health_kinds: bytes
    """As `kinds`; none if there is no such state."""
    health: list[tuple[Count, bytes]]
    """By index, states of sensors that do not fit into the arrays."""


class Adwins(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The states of drifts, where the detectors are ADWINs: rows of those. Their windows are bytes."""

    parameters: list[tuple[float, int, int, int, int]]
    which: bytes
    """Index of each one's parameters."""
    counts: bytes
    totals: bytes
    drifted: bytes
    """0 or 1"""


def columns_of(states: Mapping[SignalKey, State]) -> tuple[Columns, list[bytes | memoryview]]:
    """The columns of the states, and what lies behind them. Raises: `UnwritableModels`."""
    whole = States.of(states)
    whole.settle()
    names = whole.names()
    models, memory = _models_of(whole)
    kinds, rows = _rows_of(whole.models)
    has_health = write_flags(whole.has_health)
    health_kinds, health_rows = _rows_of(None if has_health == NO_NUMBERS else whole.health)
    columns = Columns(
        record_signals=names.record_signals,
        signals=names.signals,
        learned=write_row(whole.learned),
        skipped=write_row(whole.skipped),
        latest_s=write_row(whole.latest_s),
        marks=[
            write_marks(shard, marks)
            for shard, marks in sorted(whole.checkpoints.marks.items())
            if len(marks.slots)
        ],
        parameters=sorted(whole.parameters.items()),
        lengths=write_row(np.array([*map(len, models)], np.int64)) if models else NO_NUMBERS,
        memory=write_row(np.array(memory, np.int64)) if memory else NO_NUMBERS,
        model_class=_tag_of(whole.models),
        in_arrays=write_flags(whole.in_models),
        kinds=kinds,
        adwins=_adwins_of(whole),
        has_health=has_health,
        health_kinds=health_kinds,
        health=sorted(whole.health_apart.items()),
    )
    return columns, [*models, *rows, *health_rows]


def states_of(columns: Columns, behind: memoryview) -> States:
    """The states again; each model that is not in the arrays is read when it is asked for.

    Raises: anything, where `columns_of` did not make them.
    """
    states = States()
    keys = keys_of(columns)
    slots = len(keys)
    states.add_slots(keys)
    states.learned = read_row(columns.learned, slots)
    states.skipped = read_row(columns.skipped, slots)
    states.latest_s = read_row(columns.latest_s, slots, float)
    for written in columns.marks:
        states.checkpoints.marks[Shard(*written.shard)] = marks_of(
            *read_marks(written, slots), dict(written.keys), slots
        )
    if len(states.checkpoints.marks) != len(columns.marks):
        raise ValueError("a shard is there twice")
    states.parameters = _by_slot(columns.parameters, slots)
    states.in_models = read_row(columns.in_arrays, slots, most=1).astype(np.bool_)
    lengths = read_row(columns.lengths, slots).tolist()
    start = sum(lengths)
    if start > len(behind):
        raise ValueError("the models are longer than the page")
    _read_models(states, columns, lengths, behind)
    if isinstance(states.models, StateColumns):
        start += _read_arrays(states.models, columns.kinds, behind[start:])
    elif columns.kinds:
        raise ValueError("rows of models that are in no arrays")
    states.has_health = read_row(columns.has_health, slots, most=1).astype(np.bool_)
    if states.has_health.any():
        states.health = StateColumns.empty(Health, slots)
        start += _read_arrays(states.health, columns.health_kinds, behind[start:])
    elif columns.health_kinds:
        raise ValueError("rows of no sensor")
    if start != len(behind):
        raise ValueError("there is more behind the columns than they say")
    states.health_apart = _by_slot(columns.health, slots)
    if states.health_apart and states.has_health[[*states.health_apart]].any():
        raise ValueError("a sensor is there twice")
    states.plain = states.in_models.copy()
    states.plain[[*states.parameters, *states.health_apart]] = False
    states.plain &= ~_are_far(states.models, columns.kinds, slots)
    return states


def checkpoints_of(columns: Columns) -> dict[SignalKey, dict[Shard, Checkpoint]]:
    """How far each signal has learned each shard; the other columns are not looked at.

    Raises: anything, where `columns_of` did not make them.
    """
    keys = keys_of(columns)
    found: dict[SignalKey, dict[Shard, Checkpoint]] = {key: {} for key in keys}
    if len(found) != len(keys):
        raise ValueError("a signal is there twice")
    for written in columns.marks:
        slots, texts, arrived_s = read_marks(written, len(keys))
        marks = marks_of(slots, texts, arrived_s, dict(written.keys), len(keys))
        for slot in slots.tolist():
            of_key, shard = found[keys[slot]], Shard(*written.shard)
            if shard in of_key:
                raise ValueError("a shard is there twice")
            of_key[shard] = marks.checkpoint(slot, keys[slot].record_signal)
    return found


def keys_of(columns: Columns) -> list[SignalKey]:
    """The signals. Raises: `IndexError` for a name of none."""
    names = columns.record_signals
    signals = names
    if columns.signals:
        signals = [*names]
        for slot, name in columns.signals:
            signals[slot] = name
    keys: list[SignalKey] = list(map(tuple.__new__, repeat(SignalKey), zip(names, signals, strict=True)))
    return keys


def layout_tagged(tag: str) -> StateLayout | None:
    """How the states of the arrays lie in them; None for ADWINs and for none. Raises: `ValueError`."""
    if tag in ("", _DRIFTS):
        return None
    try:
        return layout_of(class_tagged(tag).made)
    except TypeError as error:
        raise ValueError(f"there are no arrays for states {tag!r}") from error


def _by_slot(pairs: list[tuple[int, Any]], slots: int) -> dict[int, Any]:
    by_slot = dict(pairs)
    if len(by_slot) != len(pairs) or max(by_slot, default=-1) >= slots:
        raise ValueError("an index twice, or of no state")
    return by_slot


# Models.


def _tag_of(models: StateColumns | AdwinColumns | None) -> str:
    if models is None:
        return ""
    if isinstance(models, AdwinColumns):
        return _DRIFTS
    return tag_of(models.layout.made)


def _models_of(states: States) -> tuple[list[bytes], list[int]]:
    """Bytes and memory of what is in no arrays, and the windows of ADWINs; nothing if all is in arrays."""
    keys, in_models = states.keys_in_order, states.in_models
    all_in_models = in_models.all()
    windows = states.models.written(in_models) if isinstance(states.models, AdwinColumns) else []
    if all_in_models:
        return windows, []
    written = windows or [b""] * len(keys)
    memory, failed = [0] * len(keys), {}
    for slot in np.flatnonzero(~in_models).tolist():
        try:
            written[slot], memory[slot] = _packed(states.others.get(slot))
        except UnwritableModel as error:
            failed[keys[slot]] = str(error)
    if failed:
        raise UnwritableModels(failed)
    return written, memory


def _packed(stored: Any) -> tuple[bytes, int]:
    if type(stored) is not Packed:
        return packed(stored)
    if type(stored.written) is bytes:
        return stored.written, stored.memory_bytes
    return packed(stored.read(stored))  # of the arrays of another page


def _rows_of(columns: StateColumns | AdwinColumns | None) -> tuple[bytes, list[bytes | memoryview]]:
    if not isinstance(columns, StateColumns):
        return b"", []
    kinds, rows = write_rows(columns.floats, columns.layout.are_singles)
    integer_kinds, integer_rows = write_rows(columns.integers)
    return kinds + integer_kinds, rows + integer_rows


def _adwins_of(states: States) -> Adwins | None:
    models = states.models
    if not isinstance(models, AdwinColumns):
        return None
    which, counts, totals, drifted = models.which, models.counts, models.totals, models.drifted
    if not states.in_models.all():
        of = states.in_models
        which, counts, totals, drifted = which[of], counts[of], totals[of], drifted[of]
    # Whatever came and went before, the same states are the same bytes.
    used = [*dict.fromkeys(which.tolist())]
    if used == [0]:
        indices = NO_NUMBERS
    else:
        renumbered = np.zeros(len(models.parameters), np.int64)
        renumbered[used] = range(len(used))
        indices = write_row(renumbered[which])
    parameters = [models.parameters[index] for index in used]
    return Adwins(parameters, indices, write_row(counts), write_row(totals), write_flags(drifted))


def _read_models(states: States, columns: Columns, lengths: list[int], behind: memoryview) -> None:
    slots, in_models = len(lengths), states.in_models
    apart = np.flatnonzero(~in_models).tolist()
    memory = read_row(columns.memory, slots)
    if memory[in_models].any():
        raise ValueError("a model in the arrays that takes more memory")
    layout = layout_tagged(columns.model_class)
    if (columns.model_class == "") != (len(apart) == slots) or (columns.model_class == _DRIFTS) != (
        columns.adwins is not None
    ):
        raise ValueError("models in arrays that are not there")
    ends = [*accumulate(lengths)]
    if columns.adwins is not None:
        states.models = _read_adwins(columns.adwins, np.flatnonzero(in_models), slots)
        for slot in np.flatnonzero(in_models).tolist():
            states.models.windows[slot] = bytes(behind[ends[slot] - lengths[slot] : ends[slot]])
    elif layout is not None:
        states.models = StateColumns.empty(layout.made, slots)
        if sum(lengths) and any(lengths[slot] for slot in np.flatnonzero(in_models).tolist()):
            raise ValueError("a model in the arrays that has bytes")
    for slot in apart:
        model = bytes(behind[ends[slot] - lengths[slot] : ends[slot]])
        states.others[slot] = Packed(model, _read_model, int(memory[slot]))


def _read_adwins(adwins: Adwins, places: Any, slots: int) -> AdwinColumns:
    count, columns = len(places), AdwinColumns(slots)
    if not all(map(are_parameters, adwins.parameters)) or not adwins.parameters:
        raise ValueError("parameters that no ADWIN has")
    columns.parameters = [*adwins.parameters]
    columns.which[places] = read_row(adwins.which, count, most=len(adwins.parameters) - 1)
    columns.counts[places] = read_row(adwins.counts, count)
    columns.totals[places] = read_row(adwins.totals, count, float)
    columns.drifted[places] = read_row(adwins.drifted, count, most=1)
    return columns


def _read_arrays(columns: StateColumns, kinds: bytes, written: memoryview) -> int:
    layout = columns.layout
    if len(kinds) != layout.floats + layout.integers:
        raise ValueError("another number of rows than the class has")
    of_floats = kinds[: layout.floats]
    size = read_rows(columns.floats, of_floats, written, [0] * layout.floats, layout.are_singles)
    return size + read_rows(columns.integers, kinds[layout.floats :], written[size:], layout.most)


def _are_far(models: StateColumns | AdwinColumns | None, kinds: bytes, slots: int) -> Any:
    """Which have counts that could grow beyond the largest if they were learned in the arrays."""
    if isinstance(models, AdwinColumns):
        return models.are_far(slice(None))
    if models is None:
        return np.zeros(slots, np.bool_)
    wide = [row for row, kind in enumerate(kinds[models.layout.floats :]) if kind & 8]  # of eight bytes
    return models.are_far(slice(None), wide)


def _read_model(stored: Packed) -> Any:
    try:
        return unpacked(stored.written, stored.memory_bytes)
    except BaseException as error:
        raise unreadable(error) from error
