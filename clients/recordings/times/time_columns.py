"""Which columns of a recording hold its times: what they are called, and what one or several of them make."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from clients.recordings.cells import Cell
from clients.recordings.table import Cells, Column
from clients.recordings.times.utc_offsets import with_offset
from consumer.decode.times import readings
from consumer.errors import Unlearnable

_NAMES = {
    "time", "timestamp", "datetime", "date", "ts", "epoch", "t", "timestamps", "utc", "timeutc",
    "dateutc", "timestamputc",
    "datetimeutc", "utctime", "localtime", "timelocal", "timelocaltime", "eventtime", "sampletime",
    "logtime", "recordtime",
    "measuredat", "recordedat", "createdat", "lastchanged", "lastupdated", "timestring", "timems",
    "timestampms",
    "dt", "unix", "unixtime", "unixtimestamp", "epochtime", "epochms", "valuetime", "sourcetimestamp",
    "servertimestamp", "index",
    "timestampseconds", "zeit", "zeitstempel", "zeitpunkt", "datum", "datumzeit", "datumuhrzeit",
    "fecha", "fechahora",
    "horodatage", "horodate", "tijd", "tijdstip", "dataora", "timeinseconds",
}  # fmt: skip


_HALF = re.compile(r"(?:\s*[ap]\.?m\.?)?\Z", re.IGNORECASE)


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def is_named_like_a_time(name: str) -> bool:
    """True for Time, DATE_TIME, `Timestamp (UTC)` and the like.

    >>> is_named_like_a_time("Date/Time"), is_named_like_a_time("pressure")
    (True, False)
    """
    return _bare(name) in _NAMES or _bare(re.sub(r"[(\[].*", "", name)) in _NAMES


def is_of_times(name: str) -> bool:
    """True also for names that end so, such as load_ts: a column of epochs may be called."""
    return is_named_like_a_time(name) or _bare(name).endswith(("ts", "time", "timestamp", "date", "epoch"))


def is_time(cell: Cell) -> bool:
    """True for a date with or without a time of day; not for a bare number, which may be anything."""
    if isinstance(cell, datetime | date):
        return True
    if not isinstance(cell, str):
        return False
    try:
        return readings(cell.strip()).kind != "number"
    except Unlearnable:
        return False


@dataclass(frozen=True, slots=True)
class TimeColumns:
    """The columns that make a time together, and how: one, a date and a time of day, or parts."""

    columns: tuple[Column, ...]
    kind: Literal["one", "joined", "thousandths", "parts", "nanoseconds"] = "one"
    offset: Column | None = None
    """How far they are from UTC, in each row."""
    zone: str | None = None
    """The zone that a name says: that of their column, or one that the column of offsets has instead."""

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Those of the time, and that of its offset."""
        return self.columns if self.offset is None else (*self.columns, self.offset)

    @property
    def name(self) -> str:
        """Their names, for texts."""
        return ",".join(column.name for column in self.all_columns)

    def cell(self, cells: Cells) -> Cell:
        """What is to be read as a time."""
        moment = self._without_offset(cells)
        if self.offset is None or moment is None or moment == "":
            return moment
        offset = cells[self.offset.index]
        return moment if self.zone and offset == self.zone else with_offset(moment, offset)

    def _without_offset(self, cells: Cells) -> Cell:
        if self.kind == "one":
            return cells[self.columns[0].index]
        parts = [cells[column.index] for column in self.columns]
        if any(part is None or part == "" for part in parts):
            return None
        if self.kind in ("joined", "thousandths"):
            parts[1] = _with_colons(parts[1])
            joined = " ".join(
                part.isoformat() if isinstance(part, date) else str(part).strip() for part in parts[:2]
            )
            return joined if self.kind == "joined" else _with_thousandths(joined, parts[2])
        texts = [str(part).strip().removesuffix(".0") for part in parts]
        if self.kind == "nanoseconds":
            return f"{texts[0]}.{texts[1].rjust(9, '0')}"
        return "-".join(texts[:3]) + (f" {':'.join((*texts[3:], '00')[:3])}" if len(texts) > 3 else "")


def _with_thousandths(moment: str, cell: Cell) -> str:
    """A time with its thousandths of a second, before the AM or PM behind it."""
    return _HALF.sub(rf".{str(cell).strip().rjust(3, '0')}\g<0>", moment, count=1)


def _with_colons(cell: Cell) -> Cell:
    """A time of day of digits alone, an hour, HHMM or HHMMSS, as others write it."""
    text = str(cell).strip().removesuffix(".0")
    if not text.isdecimal() or len(text) not in (1, 2, 4, 6):
        return cell
    return ":".join([*(text[at : at + 2] for at in range(0, len(text), 2)), "00"][:3])
