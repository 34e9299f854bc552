"""What is in quarantine, for whoever learns records outside of the function: it is left out.

Only `quarantine redrive` brings it again, as new records. So an observation is learned once, in whichever
order models are built, put back and redriven, and wherever one of these is interrupted.
"""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from consumer.decode.batch import Batch
from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.ports import ObjectStore
from ops.quarantine.lines import PlaceOfLine, keys_of_rows, keys_of_shard, read_lines, span_of
from ops.quarantine.waiting_rows import MakeReady, WaitingRows
from ops.redrive.ledger import read_ledger

IN_QUARANTINE = "it is in quarantine"
_WHOLE = -1

_T = TypeVar("_T")


class QuarantinedPositions(dict[int, bool]):
    """The positions of a record that are in quarantine, and of each whether a model rejected it."""

    def __missing__(self, position: int) -> bool:
        return self[_WHOLE]

    def __contains__(self, position: object) -> bool:
        return super().__contains__(position) or super().__contains__(_WHOLE)


_OfRecords = dict[tuple[int, str], QuarantinedPositions]
"""By sequence number and partition key."""


@dataclass(slots=True)
class QuarantinedObservations:
    """What is in a use case's quarantine, or was sent again from there; read as far as it is needed."""

    objects: ObjectStore
    use_case: str
    _keys: dict[Shard, list[str]] = field(default_factory=dict)
    _redriven: dict[Shard, _OfRecords] = field(default_factory=dict)
    """The objects of what was sent again may be deleted."""
    _read: dict[str, _OfRecords] = field(default_factory=dict)
    _rows: WaitingRows = field(default_factory=WaitingRows)
    _keys_of_rows: set[str] | None = None
    """Those that were read; None: they are to be listed."""

    def forget(self) -> None:
        """List the objects anew next time: there may be more."""
        self._keys.clear()
        self._keys_of_rows = None

    def rows(self, make_ready: MakeReady | None) -> WaitingRows:
        """The rows that had waited in states; `make_ready` is that of the settings. Raises: `Unavailable`."""
        if self._keys_of_rows is None:
            self._keys_of_rows = set(_answer(keys_of_rows(self.objects, self.use_case)))
            for key in sorted(self._keys_of_rows):
                self._rows.add(_answer(read_lines(self.objects, key)).lines, make_ready)
        return self._rows

    def of(self, batch: Batch, make_ready: MakeReady | None = None) -> dict[SignalKey, dict[int, str]]:
        """The observations of the batch to leave out, with the reason.

        They are indices into the columns of their signals. Raises: `Unavailable`.
        """
        rows = self.rows(make_ready)
        found: defaultdict[SignalKey, dict[int, str]] = defaultdict(dict)
        of_records = self.positions(batch)
        if of_records:
            for key, columns in batch.signals.items():
                places = zip(columns.records, columns.positions, strict=True)
                for index, (record, position) in enumerate(places):
                    if record in of_records and position in of_records[record]:
                        found[key][index] = IN_QUARANTINE
        for key, columns in batch.signals.items() if rows.of_signals else ():
            found[key] |= dict.fromkeys(rows.found_in(batch, key, columns), IN_QUARANTINE)
        return found

    def positions(self, batch: Batch) -> dict[int, QuarantinedPositions]:
        """What is in quarantine of the batch's records, by their indices. Raises: `Unavailable`."""
        records = batch.records
        of_records = self._within(batch.shard, records.sequence_numbers[0], records.sequence_numbers[-1])
        if not of_records:
            return {}
        names = zip(records.sequence_numbers, records.partition_keys, strict=True)
        return {index: of_records[name] for index, name in enumerate(names) if name in of_records}

    def _within(self, shard: Shard, first: int, last: int) -> _OfRecords:
        """From one sequence number to another."""
        if shard not in self._keys:
            ledger = _answer(read_ledger(self.objects, shard)).record
            self._redriven[shard] = _of_records(map(PlaceOfLine.of_id, (*ledger.sent, *ledger.sending)))
            self._keys[shard] = _answer(keys_of_shard(self.objects, self.use_case, shard))
        spans = {key: span_of(key) for key in self._keys[shard]}
        needed = [key for key, span in spans.items() if span[0] <= last and span[1] >= first]
        self._read = {key: self._read.get(key) or self._read_object(key) for key in needed}
        found: _OfRecords = {}
        for of_records in (self._redriven[shard], *self._read.values()):
            for record, positions in of_records.items():
                if first <= record[0] <= last:
                    known = found.setdefault(record, QuarantinedPositions())
                    for position, is_of_model in positions.items():
                        known[position] = is_of_model or known.get(position, False)
        return found

    def _read_object(self, key: str) -> _OfRecords:
        return _of_records(line.place for line in _answer(read_lines(self.objects, key)).lines)


def _of_records(places: Iterable[PlaceOfLine]) -> _OfRecords:
    found: _OfRecords = {}
    for place in places:
        if place.position < 0:
            continue  # of a row that had waited: nothing of this record is in quarantine for it
        positions = found.setdefault((place.sequence_number, place.partition_key), QuarantinedPositions())
        position = _WHOLE if place.is_whole else place.position
        positions[position] = place.is_of_model or positions.get(position, False)
    return found


def _answer(asked: Coroutine[Any, Any, _T]) -> _T:
    """The answer, on a thread with an event loop of its own: who learns waits for it, inside of another."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asked).result()
