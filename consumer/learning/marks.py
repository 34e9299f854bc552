"""The checkpoints of a page's signals for one shard, as arrays."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from consumer.decode.records import Shard
from consumer.detectors.alert_policy import Count
from consumer.detectors.state_columns import Floats, Places
from consumer.learning.state import Checkpoint
from consumer.pages.arrays import read_row, write_row

Texts = npt.NDArray[np.bytes_]
Flags = npt.NDArray[np.bool_]

DIGITS_MAX = 129
"""Of a sequence number, as Kinesis documents it."""
_OTHER = 0xFF
"""In the template of the sequence numbers: a digit that is not the same in all."""


class Marks:
    """A checkpoint for each slot that has one. Shape of the arrays: (slots,).

    Sequence numbers are decimal texts of one width, with zeros before them, so that texts compare as numbers;
    b"" where there is none.
    """

    def __init__(self, slots: int) -> None:
        self.sequence_numbers: Texts = np.zeros(slots, "S1")
        self.arrived_s: Floats = np.full(slots, np.nan)
        self.keys: dict[int, tuple[str, ...]] = {}
        """The partition keys, where they are not the record signal alone."""
        self.highest = 0
        """No sequence number of the page is higher."""

    @property
    def width(self) -> int:
        """How many digits the sequence numbers have."""
        return self.sequence_numbers.dtype.itemsize

    def grow(self, slots: int) -> None:
        """Have at least so many slots."""
        added = slots - len(self.sequence_numbers)
        if added > 0:
            none = np.zeros(added, self.sequence_numbers.dtype)
            self.sequence_numbers = np.concatenate([self.sequence_numbers, none])
            self.arrived_s = np.concatenate([self.arrived_s, np.full(added, np.nan)])

    def keep(self, slots: Places) -> None:
        """Have only these slots, in this order."""
        self.sequence_numbers, self.arrived_s = self.sequence_numbers[slots], self.arrived_s[slots]
        self.keys = {index: self.keys[slot] for index, slot in enumerate(slots.tolist()) if slot in self.keys}

    def is_there(self, slots: Places | slice = slice(None)) -> Flags:
        """Which slots have a checkpoint."""
        there: Flags = self.sequence_numbers[slots] != b""
        return there

    def checkpoint(self, slot: int, record_signal: str) -> Checkpoint | None:
        """The checkpoint at a slot, if it has one."""
        text = self.sequence_numbers[slot]
        if not text:
            return None
        keys, arrived_s = self.keys.get(slot), float(self.arrived_s[slot])
        return Checkpoint(
            int(text),
            (record_signal,) if keys is None else keys,
            None if math.isnan(arrived_s) else arrived_s,
        )

    def below(self, slots: Places, sequence_number: int) -> Flags:
        """Which slots have a checkpoint that lies below this number."""
        if self.highest < sequence_number:
            return self.is_there(slots)
        text = str(sequence_number).encode()
        if len(text) > self.width:
            return self.is_there(slots)
        found = self.sequence_numbers[slots]
        lower: Flags = (found < text.rjust(self.width, b"0")) & (found != b"")
        return lower

    def put(
        self, slots: Places | Sequence[int], sequence_numbers: Texts, arrived_s: Floats, highest: int
    ) -> None:
        """Write checkpoints; their partition keys are written apart."""
        width = sequence_numbers.dtype.itemsize
        if width > self.width:
            self.sequence_numbers = _widened(self.sequence_numbers, width)
        elif width < self.width:
            sequence_numbers = _widened(sequence_numbers, self.width)
        self.sequence_numbers[slots], self.arrived_s[slots] = sequence_numbers, arrived_s
        self.highest = max(self.highest, highest)

    def put_keys(self, slots: Sequence[int], partition_keys: Sequence[tuple[str, ...] | None]) -> None:
        """Write the partition keys of checkpoints; None for the record signal alone."""
        for slot, keys in zip(slots, partition_keys, strict=True):
            if keys is None:
                self.keys.pop(slot, None)
            else:
                self.keys[slot] = keys

    def remove(self, slots: Places | Sequence[int]) -> None:
        """Have no checkpoint at these slots."""
        self.sequence_numbers[slots], self.arrived_s[slots] = b"", np.nan
        if self.keys:
            for slot in slots if isinstance(slots, list) else np.asarray(slots).tolist():
                self.keys.pop(slot, None)


def texts_of(sequence_numbers: Sequence[int]) -> Texts:
    """Sequence numbers as texts of one width. Raises: `ValueError` for one that is none."""
    if set(map(type, sequence_numbers)) - {int} or min(sequence_numbers, default=0) < 0:
        raise ValueError("a sequence number below zero, or of another type")
    if max(sequence_numbers, default=0) >= 10**DIGITS_MAX:
        raise ValueError(f"a sequence number of more than {DIGITS_MAX} digits")
    texts = list(map(str, sequence_numbers))
    width = max(map(len, texts), default=1)
    return np.array([text.rjust(width, "0").encode() for text in texts], f"S{width}")


def _widened(texts: Texts, width: int) -> Texts:
    """The same numbers with more zeros before them; b"" stays."""
    wide = np.zeros((len(texts), width), np.uint8)
    more = width - texts.dtype.itemsize
    wide[:, more:] = _digits(texts)
    wide[texts != b"", :more] = ord("0")
    return wide.view(f"S{width}")[:, 0]


def _digits(texts: Texts) -> npt.NDArray[np.uint8]:
    """Shape: texts, characters."""
    return np.ascontiguousarray(texts).view(np.uint8).reshape(len(texts), texts.dtype.itemsize)


class WrittenMarks(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The checkpoints of a page for one shard, ascending by slot."""

    shard: tuple[str, str]
    count: Count
    slots: bytes
    """Those that have one, as a row; none if all have."""
    template: bytes
    """The digits that all sequence numbers share; 255 at those that differ."""
    digits: bytes
    """Those that differ, two in a byte: for each place in the number those of all checkpoints."""
    arrived_s: bytes
    """Row of floats, NaN for None."""
    keys: list[tuple[Count, tuple[str, ...]]]
    """Partition keys by slot, where they are not the record signal alone."""


def write_marks(shard: Shard, marks: Marks) -> WrittenMarks:
    """The checkpoints as a page has them. Raises: `ValueError` for a sequence number that is none."""
    slots = np.flatnonzero(marks.is_there())
    texts, arrived_s = marks.sequence_numbers, marks.arrived_s
    is_whole = len(slots) == len(texts)
    if not is_whole:
        texts, arrived_s = texts[slots], arrived_s[slots]
    template, digits = _write_texts(texts)
    return WrittenMarks(
        (shard.stream_arn, shard.shard_id),
        len(slots),
        b"" if is_whole else write_row(slots.astype(np.int64)),
        template,
        digits,
        write_row(arrived_s),
        sorted(marks.keys.items()),
    )


def read_marks(written: WrittenMarks, slots_max: int) -> tuple[Places, Texts, Floats]:
    """Slots, sequence numbers and times of arrival. Raises: `ValueError` for what no page has."""
    count, width = written.count, len(written.template)
    if (
        not 1 <= width <= DIGITS_MAX
        or not 0 < count <= slots_max
        or (written.slots == b"") != (count == slots_max)
    ):
        raise ValueError("checkpoints of another number, or of no digits")
    slots: Places = np.arange(count)
    if written.slots:
        slots = read_row(written.slots, count, most=slots_max - 1).astype(np.intp)
        if (np.diff(slots) <= 0).any():
            raise ValueError("the slots of checkpoints do not ascend")
    texts = _read_texts(written.template, written.digits, count)
    return slots, texts, read_row(written.arrived_s, count, float)


def marks_of(slots: Places, texts: Texts, arrived_s: Floats, keys: dict[int, Any], slots_max: int) -> Marks:
    """The checkpoints that were read. Raises: `ValueError` for keys of no checkpoint."""
    marks = Marks(slots_max)
    marks.put(slots, texts, arrived_s, int(max(texts.tolist(), default=b"0")))
    if keys and not marks.is_there()[[*keys]].all():
        raise ValueError("partition keys of no checkpoint")
    marks.keys = keys
    return marks


def _write_texts(texts: Texts) -> tuple[bytes, bytes]:
    digits = _digits(texts)
    if len(digits) and (digits.min() < ord("0") or digits.max() > ord("9")):
        raise ValueError("a sequence number that is none")
    codes = digits - np.uint8(ord("0"))
    differ = (codes != codes[:1]).any(axis=0)
    template = np.where(differ, np.uint8(_OTHER), codes[0] if len(codes) else np.uint8(0))
    different = np.ascontiguousarray(codes[:, differ].T)
    if len(different) % 2:
        different = np.vstack([np.zeros((1, len(codes)), np.uint8), different])
    return template.tobytes(), (different[::2] << 4 | different[1::2]).tobytes()


def _read_texts(template: bytes, packed: bytes, count: int) -> Texts:
    shared = np.frombuffer(template, np.uint8)
    differ = shared == _OTHER
    pairs = (int(differ.sum()) + 1) // 2
    if len(packed) != pairs * count:
        raise ValueError("sequence numbers of different lengths")
    both = np.frombuffer(packed, np.uint8).reshape(pairs, count)
    different = np.empty((2 * pairs, count), np.uint8)
    different[::2], different[1::2] = both >> 4, both & 15
    digits = np.empty((count, len(shared)), np.uint8)
    digits[:] = shared
    digits[:, differ] = different[2 * pairs - int(differ.sum()) :].T
    if digits.max(initial=0) > 9 or (int(differ.sum()) % 2 and different[0].any()):
        raise ValueError("a sequence number that is none")
    digits += np.uint8(ord("0"))
    return digits.view(f"S{len(shared)}")[:, 0]
