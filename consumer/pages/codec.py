"""A page as bytes: a versioned, checksummed envelope around its states, as data.

b"RVPG" | envelope version, 1 byte | length of the header, 4 bytes | header, JSON
        | CRC-32 of header and body, 4 bytes | body: the columns, msgpack, and the bytes of the models

The checksum finds what was damaged on its way. Nothing relies on it against somebody who may write pages:
what is read is data of known types, whose size is bounded, and calls nothing.
"""

import platform
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from zlib import crc32

import msgspec

from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import Count
from consumer.detectors.base import STATE_FORMAT, UseCase
from consumer.detectors.sensor_checks import Health
from consumer.detectors.state_columns import StateColumns
from consumer.detectors.state_layouts import StateLayout, layout_of
from consumer.errors import (
    ConfigurationError,
    LayoutChanged,
    ModelRaised,
    UnreadablePage,
    UnwritableModels,
    is_models_own,
)
from consumer.learning.state import State
from consumer.learning.states import AnyStates as AnyStates
from consumer.learning.states import States as States
from consumer.learning.states import out_max
from consumer.pages.arrays import sum_and_most
from consumer.pages.columns import Columns, columns_of, layout_tagged, states_of

_MAGIC = b"RVPG\x02"
_MOVED = b"RVPG moved\n"
_COMING = b"RVPG coming\n"
_LENGTH_BYTES = 4
_CHECKSUM_BYTES = 4
_NEARLY_FULL = 0.8
_JOINED_BYTES = 64 * 1024
"""Of models whose checksum is taken at once: of all it would take a copy of the page, of each many calls."""


# Bytes of memory, at most; measured.
_PER_BYTE = 4
"""For a byte of a model: as its page has it, and as text or in Rust. What else it takes, it says."""
_PER_BYTE_READ = 96
"""The same while it is read, one at a time."""
_PER_COLUMN_BYTE = 60
"""For a byte of the columns, which have names and lists."""
_PER_STATE = 640
_PER_SLOT = 16
"""Of a shard, for each state, beside the digits of its sequence number."""
_PER_CHECKPOINT = 400
_PER_NUMBER = 24
"""In an array, and in the copies that learn or are written."""
_PER_NUMBER_OUT = 56
"""The same where the state is an object, too, as `out_max` are at the same time."""
_PER_NUMBER_WARM = 8
_PER_ADWIN = 800


@cache
def versions() -> dict[str, str]:
    """The versions on which it depends whether a model can be read: River's, numpy's and scipy's."""
    return {name: metadata.version(name) for name in ("river", "numpy", "scipy")}


class Header(msgspec.Struct, frozen=True):
    """What wrote the page. `python` is for operators; `format` and `river` must equal the reader's own."""

    format: int
    river: str
    python: str
    signals: int
    column_bytes: Count
    """Of the body, before the models' bytes."""
    memory_bytes: Count
    """How much memory the states take at most while they learn."""


_ENCODER, _COLUMNS = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Columns)


class PageCodec:
    """Writes and reads pages, for the River that is installed.

    A page that could take more memory than `memory_bytes_max` is not read.
    """

    def __init__(self, memory_bytes_max: int = 4 * 1024**3) -> None:
        self._memory_bytes_max = memory_bytes_max
        self._river = versions()["river"]
        self._python = platform.python_version()

    def encode(self, states: Mapping[SignalKey, State]) -> bytes:
        """The page that holds these states. Raises: as `encode_measured`."""
        return self.encode_measured(states)[0]

    def encode_measured(self, states: Mapping[SignalKey, State]) -> tuple[bytes, bool]:
        """The page that holds these states, and whether it is nearly full.

        Raises: `UnwritableModels` for models that a page cannot hold; `UnreadablePage` where the page could
            not be read again, for it would take too much memory.
        """
        try:
            columns, models = columns_of(states)
            encoded = _ENCODER.encode(columns)
        except UnwritableModels:
            raise
        except Exception as error:  # the counters of a page that was altered may be anything
            raise UnreadablePage(f"the page's states cannot be written: {error!r}") from error
        memory_bytes = memory_bytes_of(columns, len(encoded))
        if memory_bytes > self._memory_bytes_max:
            raise UnreadablePage(
                f"the page's {len(states)} states would take more than {self._memory_bytes_max} bytes of "
                "memory: spread them over more pages, or give the function more"
            )
        header = msgspec.json.encode(
            Header(STATE_FORMAT, self._river, self._python, len(states), len(encoded), memory_bytes)
        )
        checksum = crc32(encoded, crc32(header))
        joined = max(1, _JOINED_BYTES * len(models) // max(1, sum(map(len, models))))
        for start in range(0, len(models), joined):
            checksum = crc32(b"".join(models[start : start + joined]), checksum)
        envelope = (_MAGIC, len(header).to_bytes(_LENGTH_BYTES), header, checksum.to_bytes(_CHECKSUM_BYTES))
        page = b"".join([*envelope, encoded, *models])
        return page, memory_bytes > _NEARLY_FULL * self._memory_bytes_max

    def decode(self, page: bytes) -> States:
        """The states that the page holds; each model is read when it is asked for.

        Raises: `UnreadablePage` for anything that `encode`, in the same version, did not write.
            `LayoutChanged` for a page whose models were moved, or are on their way to it.
        """
        if page.startswith((_MOVED, _COMING)):
            raise LayoutChanged("the page's models were or are being moved: the layout is to be read again")
        header, body = opened(page)
        if (header.format, header.river) != (STATE_FORMAT, self._river):
            raise UnreadablePage(
                f"the page is of format {header.format} and River {header.river}; "
                f"this function reads format {STATE_FORMAT} and River {self._river}"
            )
        try:
            columns = read_columns(header, body, self._memory_bytes_max)
            return states_of(columns, body[header.column_bytes :])
        except BaseException as error:  # of a page that was altered
            # It can ask for all memory too: such a page must not block its shard.
            if isinstance(error, UnreadablePage) or not (
                is_models_own(error) or isinstance(error, MemoryError)
            ):
                raise
            raise UnreadablePage(f"the page's states cannot be read: {error!r}") from error

    def is_nearly_full(self, page: bytes) -> bool:
        """Whether models that are there may grow, and no new one may come."""
        return memory_bytes_for(page) > _NEARLY_FULL * self._memory_bytes_max

    def check(self, use_case: UseCase) -> None:
        """Let a model of the use case learn a little, be written and be read back.

        Raises: `ConfigurationError` where it cannot, with what the model raised, or the class that is not
            allowed.
        """
        model = use_case.create(seed=0)
        values, times = [float(value % 7) for value in range(64)], [60.0 * minute for minute in range(64)]
        try:
            use_case.learn(model, values, times)
        except ModelRaised as error:
            raise ConfigurationError(
                f"the model of use_cases.py cannot learn a series of numbers: {error.reason}, at the value "
                f"{error.index + 1} of {len(values)}"
            ) from error
        key = SignalKey("signal", "signal")
        try:
            page = self.encode({key: State(model)})
            _ = self.decode(page)[key].model
        except Exception as error:
            raise ConfigurationError(
                f"the model of use_cases.py cannot be kept in a page: {error}. "
                "If a class of River's is not allowed, add it to consumer/pages/river_classes.py; "
                "the module of one of your own, to OWN_MODULES"
            ) from error


def memory_bytes_for(page: bytes) -> int:
    """How much memory the page says that its states take; 0 for what is no page."""
    try:
        return _header(page)[0].memory_bytes
    except UnreadablePage:
        return 0


def opened(page: bytes) -> tuple[Header, memoryview]:
    """What wrote the page, and its body, unread. Raises: `UnreadablePage`."""
    header, start = _header(page)
    whole = memoryview(page)
    checksum, body = page[start - _CHECKSUM_BYTES : start], whole[start:]
    encoded = whole[_START : start - _CHECKSUM_BYTES]
    if crc32(body, crc32(encoded)).to_bytes(_CHECKSUM_BYTES) != checksum:
        raise UnreadablePage("the page's checksum does not agree with its content")
    return header, body


_START = len(_MAGIC) + _LENGTH_BYTES


def _header(page: bytes) -> tuple[Header, int]:
    """The header, and where the body starts. Raises: `UnreadablePage`."""
    if not page.startswith(_MAGIC) or len(page) < _START:
        raise UnreadablePage("the object is not a page")
    end = _START + int.from_bytes(page[len(_MAGIC) : _START])
    try:
        return msgspec.json.decode(page[_START:end], type=Header), end + _CHECKSUM_BYTES
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadablePage(f"the page's header cannot be read: {error}") from error


def read_columns(header: Header, body: memoryview, memory_bytes_max: int = 4 * 1024**3) -> Columns:
    """The columns of a page's body; its models are not read.

    Raises: `UnreadablePage` where its states could take more memory; `ValueError` and
        `msgspec.ValidationError` for other columns than `encode` writes.
    """
    takes = max(_PER_COLUMN_BYTE * header.column_bytes, header.memory_bytes)
    if takes > memory_bytes_max:
        raise UnreadablePage(f"it could take {takes} bytes of memory, of {memory_bytes_max}")
    columns = _COLUMNS.decode(body[: header.column_bytes])
    if memory_bytes_of(columns, header.column_bytes) != header.memory_bytes:
        raise ValueError("it takes another amount of memory than it says")
    return columns


def memory_bytes_of(columns: Columns, column_bytes: int) -> int:
    """How much memory the states take at most, however many of them are taken out, and put back.

    Raises: `ValueError` for columns that are of another length than there are states.
    """
    states = len(columns.record_signals)
    length, length_max = sum_and_most(columns.lengths, states)
    memory, _ = sum_and_most(columns.memory, states)
    adwins, arrays = 0, sum(map(len, (columns.learned, columns.skipped, columns.latest_s)))
    if columns.adwins is not None:
        adwins, _ = sum_and_most(columns.in_arrays, states, most=1)
        each = columns.adwins
        arrays += sum(map(len, (each.which, each.counts, each.totals, each.drifted)))
    per_state, checkpoints = _PER_STATE, 0
    for marks in columns.marks:
        per_state += len(marks.template) + _PER_SLOT
        checkpoints += marks.count
        arrays += len(marks.slots) + len(marks.digits) + len(marks.arrived_s)
    layout = layout_tagged(columns.model_class)
    learning = _memory_of(layout, states) if layout is not None else 0
    if columns.health_kinds:
        per_state += _PER_NUMBER_OUT * _numbers_of(layout_of(Health))
    return (
        _PER_COLUMN_BYTE * (column_bytes - arrays)
        + _PER_BYTE * arrays
        + per_state * states
        + _PER_STATE * len(columns.marks)
        + _PER_CHECKPOINT * checkpoints
        + _PER_ADWIN * adwins
        + _PER_BYTE * length
        + _PER_BYTE_READ * length_max
        + memory
        + learning
    )


def _memory_of(layout: StateLayout, states: int) -> int:
    """Of models: all in the arrays, and some as objects."""
    out = out_max(states)
    return _numbers_of(layout) * (_PER_NUMBER * (states - out) + _PER_NUMBER_OUT * out)


def _numbers_of(layout: StateLayout) -> int:
    return layout.floats + layout.integers


def warm_bytes_of(states: States, memory_bytes: int) -> int:
    """What of that memory they take as long as none is taken out of the arrays, as between invocations."""
    count, beyond = len(states), 0
    if isinstance(states.models, StateColumns):
        layout = states.models.layout
        beyond += _memory_of(layout, count) - _PER_NUMBER_WARM * _numbers_of(layout) * count
    if states.health is not None:
        beyond += (_PER_NUMBER_OUT - _PER_NUMBER_WARM) * _numbers_of(states.health.layout) * count
    return memory_bytes - beyond


def moved(page: bytes) -> bytes:
    """What takes the place of a page whose models are moved: nobody who has the page can write it then."""
    return _MOVED + unmarked(page)


def coming(page: bytes) -> bytes:
    """What stands for a page until the layout that it is of is in force: nobody learns from it before."""
    return _COMING + unmarked(page)


def unmarked(page: bytes) -> bytes:
    """The page itself, whether or not its models are being moved; nothing, once they were."""
    return page.removeprefix(_MOVED).removeprefix(_COMING)
