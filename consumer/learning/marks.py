"""The checkpoints of a page's signals for one shard, as arrays."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from consumer.detectors.state_columns import Floats, Places
from consumer.learning.state import Checkpoint

Texts = npt.NDArray[np.bytes_]
Flags = npt.NDArray[np.bool_]

DIGITS_MAX = 129
"""Of a sequence number, as Kinesis documents it."""


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
        self._slots: Places | None = None
        """Those that have a checkpoint, once somebody has asked for them and until some come or go."""

    @property
    def width(self) -> int:
        """How many digits the sequence numbers have."""
        return self.sequence_numbers.dtype.itemsize

    @property
    def slots(self) -> Places:
        """Those that have a checkpoint, ascending."""
        if self._slots is None:
            self._slots = np.flatnonzero(self.is_there())
        return self._slots

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
        self._slots = None
        self.keys = {index: self.keys[slot] for index, slot in enumerate(slots.tolist()) if slot in self.keys}

    def is_there(self, slots: Places | slice = slice(None)) -> Flags:
        """Which slots have a checkpoint."""
        there: Flags = self.sequence_numbers[slots] != b""
        return there

    def checkpoint(self, slot: int, record_signal: str) -> Checkpoint:
        """The checkpoint at a slot that has one."""
        keys, arrived_s = self.keys.get(slot), self.arrived_s.item(slot)
        return Checkpoint(
            int(self.sequence_numbers[slot]),
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
        if self._slots is not None and len(self._slots) < len(self.sequence_numbers):
            self._slots = None
        self.highest = max(self.highest, highest)

    def put_one(self, slot: int, text: bytes, arrived_s: float, keys: tuple[str, ...] | None) -> None:
        """Write one checkpoint, and its partition keys; None for the record signal alone."""
        texts = self.sequence_numbers
        if len(text) > self.width:
            texts = self.sequence_numbers = _widened(texts, len(text))
        if self._slots is not None and not texts[slot]:
            self._slots = None
        texts[slot], self.arrived_s[slot] = text.rjust(self.width, b"0"), arrived_s
        self.highest = max(self.highest, int(text))
        self.put_keys([slot], [keys])

    def put_keys(self, slots: Sequence[int], partition_keys: Sequence[tuple[str, ...] | None]) -> None:
        """Write the partition keys of checkpoints; None for the record signal alone."""
        for slot, keys in zip(slots, partition_keys, strict=True):
            if keys is not None:
                self.keys[slot] = keys
            elif self.keys:
                self.keys.pop(slot, None)

    def remove(self, slots: Places | Sequence[int]) -> None:
        """Have no checkpoint at these slots."""
        self.sequence_numbers[slots], self.arrived_s[slots] = b"", np.nan
        self._slots = None
        if self.keys:
            for slot in slots if isinstance(slots, list) else np.asarray(slots).tolist():
                self.keys.pop(slot, None)


def text_of(sequence_number: int) -> bytes:
    """A sequence number as a text. Raises: `ValueError` for one that is none."""
    if type(sequence_number) is not int or sequence_number < 0:
        raise ValueError("a sequence number below zero, or of another type")
    text = b"%d" % sequence_number
    if len(text) > DIGITS_MAX:
        raise ValueError(f"a sequence number of more than {DIGITS_MAX} digits")
    return text


def number_of_time(at_s: float | None) -> float:
    """A time as arrays have it: NaN for None."""
    return math.nan if at_s is None else float(at_s)


def _widened(texts: Texts, width: int) -> Texts:
    """The same numbers with more zeros before them; b"" stays."""
    wide = np.zeros((len(texts), width), np.uint8)
    more = width - texts.dtype.itemsize
    wide[:, more:] = digits_of(texts)
    wide[texts != b"", :more] = ord("0")
    return wide.view(f"S{width}")[:, 0]


def digits_of(texts: Texts) -> npt.NDArray[np.uint8]:
    """Shape: texts, characters."""
    return np.ascontiguousarray(texts).view(np.uint8).reshape(len(texts), texts.dtype.itemsize)
