"""What of a batch can never be learned: the positions by record, reason and signal."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

from consumer.decode.records import Records

FURTHER_REASONS = "for further reasons: the record has more of them than are kept beside it"
REASON_MAX = 1_000
"""Characters of a reason that are kept: a model may raise with all of its data in the text."""
_SIGNAL_MAX = 512
"""What is longer is no name of a signal, and may have been unpacked from little."""
_TEXT_MIN = 1_024
_TEXT_OF_EACH = 64
"""What a reason costs beside its text."""


class Rejection(NamedTuple):
    """What can never be learned: the `position`-th observation of record `record`, or the whole record."""

    record: int
    position: int
    reason: str
    signal: str | None = None
    is_whole: bool = False
    """Whether it is the whole record, because nothing of it could be read."""
    data: str | None = None
    """What to keep in place of the record, in base64, if it came before this batch."""


class RejectedColumns(NamedTuple):
    """Observations of one signal, rejected for one reason. Shape: two columns of one length.

    `records` ascends.
    """

    signal: str
    reason: str
    records: Sequence[int]
    positions: Sequence[int]
    payload: str | None = None
    """What to keep, in base64, in place of the one record, which did not bring it."""


class RejectedRecord:
    """What is rejected of one record: the positions by reason and signal, in the order in which they came."""

    __slots__ = ("further", "is_whole", "positions", "text_left")

    def __init__(self, text_max: int) -> None:
        self.positions: dict[tuple[str, str | None], array[int]] = {}
        self.further: array[int] = array("H")
        """Those whose reasons do not fit: a record of some bytes may unpack to ten thousand of them."""
        self.is_whole = False
        self.text_left = text_max

    def of_reason(self, reason: str, signal: str | None) -> "array[int]":
        """The positions that are rejected for this reason."""
        known = self.positions.get((reason, signal))
        if known is not None:
            return known
        cost = len(reason) + len(signal or "") + _TEXT_OF_EACH
        if self.positions and cost > self.text_left:
            return self.further
        self.text_left -= cost
        found = self.positions[reason, signal] = array("H")
        return found

    def __len__(self) -> int:
        return sum(map(len, self.positions.values())) + len(self.further)

    def reasons(self) -> Iterator[tuple[str, str | None, "array[int]"]]:
        """Each reason with its signal and positions."""
        for (reason, signal), positions in self.positions.items():
            yield reason, signal, positions
        if self.further:
            yield FURTHER_REASONS, None, self.further


class Rejections(Sequence[Rejection]):
    """The rejections of a batch, or a part of them, in the order of records and positions.

    The texts kept for a record take no more than the record itself, or a thousand characters if that is more.
    """

    def __init__(self, records: Records, columns: Iterable[RejectedColumns] = ()) -> None:
        self._records = records
        self.of_records: dict[int, RejectedRecord] = {}
        self.payloads: list[Rejection] = []
        """Those that are kept with payloads of their own."""
        # By name, and not in the order of the batch: which reasons fit must not depend on how it is cut.
        for each in sorted(columns, key=lambda each: (each.signal, each.reason)):
            self._add_columns(each)

    def add(
        self, record: int, position: int, reason: str, signal: str | None = None, *, is_whole: bool = False
    ) -> None:
        """Add an observation, or the whole record."""
        of_record = self._of_record(record)
        of_record.is_whole |= is_whole
        of_record.of_reason(*_kept(reason, signal)).append(position)

    def forget(self, record: int) -> None:
        """Remove what was added of a record."""
        self.of_records.pop(record, None)

    @property
    def first_record(self) -> int:
        """The first record of which something is rejected."""
        return min(self.of_records)

    def reasons(self) -> Counter[str]:
        """How often each reason occurs."""
        found: Counter[str] = Counter()
        for of_record in self.of_records.values():
            for reason, _, positions in of_record.reasons():
                found[reason] += len(positions)
        return found

    def __len__(self) -> int:
        return sum(map(len, self.of_records.values())) + len(self.payloads)

    def __iter__(self) -> Iterator[Rejection]:
        for record, of_record in sorted(self.of_records.items()):
            yield from sorted(
                Rejection(record, position, reason, signal, of_record.is_whole)
                for reason, signal, positions in of_record.reasons()
                for position in positions
            )
        yield from self.payloads

    @overload
    def __getitem__(self, index: int) -> Rejection: ...
    @overload
    def __getitem__(self, index: slice) -> list[Rejection]: ...
    def __getitem__(self, index: int | slice) -> Rejection | list[Rejection]:
        return list(self)[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__: Any = None

    def _add_columns(self, columns: RejectedColumns) -> None:
        signal, reason, records, positions, _ = columns
        reason, named = _kept(reason, signal)
        if columns.payload is not None:
            place = records[0], positions[0]
            self.payloads.append(Rejection(*place, reason, named, is_whole=True, data=columns.payload))
            return
        start = 0
        while start < len(records):
            end = bisect_right(records, records[start], start)
            self._of_record(records[start]).of_reason(reason, named).extend(positions[start:end])
            start = end

    def _of_record(self, record: int) -> RejectedRecord:
        of_record = self.of_records.get(record)
        if of_record is None:
            text_max = max(_TEXT_MIN, len(self._records.data[record]))
            of_record = self.of_records[record] = RejectedRecord(text_max)
        return of_record


def _kept(reason: str, signal: str | None) -> tuple[str, str | None]:
    if len(reason) > REASON_MAX:
        reason = f"{reason[:REASON_MAX]}…"
    return reason, None if signal is not None and len(signal) > _SIGNAL_MAX else signal
