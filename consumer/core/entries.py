"""Entries of a run's columns: which are to be learned, and in which parts."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TypeVar

from consumer.core.batch import Batch
from consumer.core.runs import Run
from consumer.core.state import State

# How much is learned between two looks at the time; a KSWIN takes half a millisecond for each.
OBSERVATIONS_PER_LOOK = 128

_T = TypeVar("_T")


def unlearned(records: list[int], state: State | None, batch: Batch) -> Sequence[int]:
    """Which entries of the column `records` lie above the watermark."""
    return range(len(records)) if state is None else state.above_watermark(records, batch)


def looks(entries: Sequence[int], records: list[int]) -> Iterator[Sequence[int]] | tuple[Sequence[int]]:
    """Cut `entries` at records' ends, so that the time is looked at now and then."""
    return (entries,) if 0 < len(entries) <= OBSERVATIONS_PER_LOOK else _parts(entries, records)


def _parts(entries: Sequence[int], records: list[int]) -> Iterator[Sequence[int]]:
    start = 0
    while start < len(entries):
        end = min(start + OBSERVATIONS_PER_LOOK, len(entries))
        while end < len(entries) and records[entries[end]] == records[entries[end - 1]]:
            end += 1
        yield entries[start:end]
        start = end


def taken(column: list[_T], entries: Sequence[int]) -> list[_T]:
    """These entries of a column: the column itself where it is all of them."""
    return column if len(entries) == len(column) else [column[entry] for entry in entries]


def times(run: Run, entries: Sequence[int], batch: Batch) -> list[float | None]:
    """When these entries were observed, in seconds: where nobody said, when they arrived."""
    timestamps = taken(run.timestamps, entries)
    if not batch.has_untimed:
        return timestamps
    arrived_s = batch.records.arrived_s
    return [
        arrived_s[run.records[entry]] if timestamp is None else timestamp
        for entry, timestamp in zip(entries, timestamps, strict=True)
    ]


def before_record(left: int, records: list[int]) -> list[int]:
    """Those of the ascending `records` that lie before record `left`: the list itself where it is all."""
    return records if not records or records[-1] < left else records[: bisect_left(records, left)]
