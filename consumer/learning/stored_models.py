"""A signal's model, and its sensor's state, as they are stored: numbers of arrays, or bytes."""

from collections.abc import Sequence
from typing import Any

import msgspec

from consumer.decode.signal_names import SignalKey
from consumer.detectors.drift import DriftState
from consumer.detectors.in_columns.adwin_columns import AdwinColumns, AdwinNumbers
from consumer.detectors.sensor_checks import Health
from consumer.detectors.state_columns import Row, StateColumns
from consumer.detectors.state_layouts import Unfit, has_layout
from consumer.detectors.states import class_of
from consumer.errors import UnreadableModel, UnwritableModels, is_models_own
from consumer.learning.state import Packed, State

ModelColumns = StateColumns | AdwinColumns

_ENCODER = msgspec.msgpack.Encoder()
_HEALTH = msgspec.msgpack.Decoder(Health)


def read_numbers(stored: Packed) -> Any:
    """The model whose numbers these are. Raises: `UnreadableModel`."""
    columns = StateColumns if type(stored.written) is Row else AdwinColumns
    try:
        return columns.state_of(stored.written)
    except BaseException as error:
        raise unreadable(error) from error


def unreadable(error: BaseException) -> BaseException:
    """What to raise for the error of a model that was altered: any, and also a lack of memory."""
    if not (is_models_own(error) or isinstance(error, MemoryError)):
        return error
    return UnreadableModel(f"the model cannot be read: {type(error).__name__}: {error}")


def numbers_in(columns: ModelColumns, stored: Any) -> Any:
    """What these arrays keep of a model; None if it does not fit."""
    if type(stored) is Packed:
        written = stored.written
        if isinstance(columns, AdwinColumns):
            return written if type(written) is AdwinNumbers else None
        return written if type(written) is Row and written.made is columns.layout.made else None
    try:
        return columns.numbers_of(stored)
    except (Unfit, AttributeError, TypeError, ValueError):  # such as one that was altered
        return None


def columns_for(stored: Sequence[Any], count: int) -> ModelColumns | None:
    """Arrays with so many places for the class of the first model that fits into any; None if none does."""
    tried = set()
    for one in stored:
        kind = type(one)
        if kind is Packed and type(one.written) is Row:
            return StateColumns.empty(one.written.made, count)
        if kind is Packed and type(one.written) is AdwinNumbers:
            return AdwinColumns(count)
        if kind is DriftState:
            try:
                AdwinColumns.numbers_of(one)
            except (Unfit, AttributeError, TypeError, ValueError):
                continue
            return AdwinColumns(count)
        if kind in tried or class_of(one) is None or not has_layout(kind):
            tried.add(kind)
            continue
        columns = StateColumns.empty(kind, count)
        if numbers_in(columns, one) is not None:
            return columns
    return None


def without_health(stored: Any) -> Any:
    """A model as it was before the health beside it could not be read."""
    return stored.written if type(stored) is Packed and stored.health else stored


def read_health(state: State, written: bytes) -> None:
    """Read the sensor's state; one that cannot be read makes the model beside it unreadable."""
    try:
        state.health = _HEALTH.decode(written)
        if _ENCODER.encode(state.health) != written:  # such as no fields at all: few bytes, and much memory
            raise ValueError("it is not written as such states are")
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        state.health = None
        reason = f"the state of the sensor beside it cannot be read: {error}"
        state.stored = Packed(state.stored, lambda _: _raise(reason), health=written)


def _raise(reason: str) -> Any:
    raise UnreadableModel(reason)


def write_health(key: SignalKey, health: Health) -> bytes:
    """A sensor's state as bytes. Raises: `UnwritableModels`."""
    try:
        return _ENCODER.encode(_HEALTH.decode(_ENCODER.encode(health)))
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
        reason = f"the state of its sensor cannot be written: {error}"
        raise UnwritableModels({key: reason}) from error
