"""Plain records and payloads, read at once by compiled code, where that was built: `compiled_reader.c`.

What is right is defined by the code in Python of whoever asks here. That reads whatever is not plain, all
the same, and everything where nothing was built.
"""

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

try:
    from consumer.decode.plain import compiled_reader
except ImportError:  # not built, or for another machine
    _compiled = None
else:
    _compiled = compiled_reader


def is_compiled() -> bool:
    """Whether compiled code reads what is plain."""
    return _compiled is not None


class RecordColumns(NamedTuple):
    """The fields of some records of one shard."""

    identifiers: list[str]
    partition_keys: list[str]
    arrived_s: list[float]
    data: list[str]
    payloads: list[bytes]
    joined: bytes
    """The sequence numbers one after the other, ascending, each of one length."""


class PayloadColumns(NamedTuple):
    """What some payloads hold: values of one signal each."""

    names: list[str]
    lengths: list[int]
    values: "array[float]"
    timestamps: "array[float] | None"


def plain_records(
    entries: list[Any], start: int, end: int, arn: str, prefix: str, width: int, arrived_s_end: float
) -> RecordColumns | None:
    """The fields of `entries[start:end]`; None: Python is to read them.

    Their events' ids are `prefix` and a sequence number of `width` digits.
    """
    if _compiled is None:
        return None
    found = _compiled.records(entries, start, end, arn, prefix, width, arrived_s_end)
    return None if found is None else RecordColumns(*found)


def plain_payloads(
    payloads: Sequence[bytes],
    partition_keys: list[str],
    first: int,
    *,
    are_lists: bool,
    count_max: int,
    value_max: float,
    times: tuple[float, float],
) -> PayloadColumns | None:
    """What the payloads hold, of the records from `first` on; None: Python is to read them.

    Each is of one value, or of a list of at most `count_max`. Values are within ± `value_max`; timestamps,
    which all have or none has, from the first of `times` to before the second.
    """
    if _compiled is None or type(payloads) is not list:
        return None
    found = _compiled.payloads(payloads, partition_keys, first, are_lists, count_max, value_max, *times)
    if found is None:
        return None
    names, lengths, values, timestamps = found
    return PayloadColumns(names, lengths, array("d", values), array("d", timestamps) if timestamps else None)
