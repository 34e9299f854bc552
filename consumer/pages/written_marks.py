"""Checkpoints as a page has them: what all sequence numbers of a shard share is written once."""

from typing import Any

import msgspec
import numpy as np

from consumer.decode.records import Shard
from consumer.detectors.alert_policy import Count
from consumer.detectors.state_columns import Floats, Places
from consumer.learning.marks import DIGITS_MAX, Marks, Texts, digits_of
from consumer.pages.arrays import read_row, write_row

_ZERO = ord("0")
_CODES = bytes.maketrans(b"0123456789", bytes(range(10)))
_OTHER = 0xFF
"""In the template of the sequence numbers: a digit that is not the same in all."""


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
    slots = marks.slots
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
    shared = texts[:1].tobytes()
    differ = _differing(texts)
    digits = digits_of(texts).T[differ] - _ZERO  # below zero wraps to what is far above nine
    if not shared.isdigit() or (differ and np.maximum.reduce(digits, axis=None) > 9):
        raise ValueError("a sequence number that is none")
    template = bytearray(shared.translate(_CODES))
    for place in differ:
        template[place] = _OTHER
    if len(differ) % 2:
        digits = np.concatenate([np.zeros((1, len(texts)), np.uint8), digits])
    zeros = len(template) - len(template.lstrip(b"\0"))  # of a longer one that was there before
    return bytes(template[min(zeros, len(template) - 1) :]), (digits[::2] << 4 | digits[1::2]).tobytes()


def _differing(texts: Texts) -> list[int]:
    """Places at which the texts are not all the same."""
    width = texts.dtype.itemsize
    word = np.dtype(np.uint8 if width % 8 else np.uint64)  # eight digits at once, where that goes up
    words = np.ascontiguousarray(texts).view(word).reshape(len(texts), width // word.itemsize)
    differences = np.bitwise_or.reduce(words ^ words[:1], axis=0).tobytes()
    return [place for place, bits in enumerate(differences) if bits]


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
