"""The times of a recording, all of them together: how they are written, and how each is read for it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path

from clients.recordings.cells import MISSING, Cell
from clients.recordings.refusal import refused_cell, sample
from clients.recordings.times.time_formats import ORDERS, converter, converter_of, of_moment
from consumer.decode.times import (
    AHEAD_MAX_S,
    BELIEVED_FROM_S,
    Kind,
    Order,
    Readings,
    iso_seconds,
    names_zone,
    readings,
)
from consumer.decode.values import check_seconds, iso8601
from consumer.errors import Unlearnable

_ORDER_SHOWN = {"DMY": "the day first", "MDY": "the month first", "YMD": "the year first"}
_ENDS_IN_LETTERS = re.compile(r":\d\d(?:[.,]\d+)? ?\(?(?!AM|PM)(?:[A-Z]{3,5}|[A-Z][a-z]+/[A-Za-z_/]+)\)?\Z")
_DATE_LENGTH = 10
_ELAPSED_BELOW_S = 1e8
_SHARED = 0.2
"""The share of rows with the time of the row before, from which on they may be of several signals."""
_CLEARLY = 2.0
"""How much longer the way through all times has to be with any other order than the right one."""


@dataclass(frozen=True, slots=True)
class TimeReader:
    """Reads the times of one recording, all by the same rules."""

    path: Path
    column: str
    shown: str
    """The form, for people."""
    convert: Callable[[Cell], float]
    first_s: float
    last_s: float
    """Earlier and later ones are refused."""
    zone: tzinfo = UTC
    has_rows_of_one_time: bool = False
    has_shared_times: bool = False
    """Whether many rows have the time of the row before."""

    def after(self, before_s: float, at_s: float) -> float:
        """The time of a row below another: the second one, where clocks were put back and show it twice.

        It is the second where it lies before that of the row above, or is the same, as in hourly rows.
        """
        if at_s > before_s or (at_s == before_s and self.has_rows_of_one_time):
            return at_s
        return _second_time(at_s, self.zone)

    def seconds(self, row: int, cell: Cell) -> float:
        """Seconds since 1970.

        Raises:
            ReplayRefused: It is no time, or none that can be.
        """
        try:
            at_s = self.convert(cell)
        except Unlearnable as error:
            raise refused_cell(self.path, row, self.column, _no_time(cell, error)) from None
        if not self.first_s <= at_s <= self.last_s:
            elapsed = " (elapsed times need the start added)" if 0 <= at_s < _ELAPSED_BELOW_S else ""
            what = f"before 2000{elapsed}" if at_s < self.first_s else "more than a day ahead of now"
            raise refused_cell(
                self.path,
                row,
                self.column,
                f"{sample(cell)} would be {iso8601(at_s)}, which is {what}. Remove the row; or, if it is "
                f"right, say how "
                "times are written with --time-format (iso, s, ms, us, ns, excel, or such as %d.%m.%Y)",
            )
        return at_s


def _second_time(at_s: float, zone: tzinfo) -> float:
    """When the clocks of the zone showed the same for the second time, having been put back; else `at_s`."""
    if zone is UTC:
        return at_s
    return datetime.fromtimestamp(at_s, zone).replace(fold=1).timestamp()


def _no_time(cell: Cell, error: Unlearnable) -> str:
    if cell is None or str(cell).strip().casefold() in MISSING:
        return "there is no time. Remove the row, or name another column with --time"
    if _ENDS_IN_LETTERS.search(str(cell)):
        return (
            f"{sample(cell)} is not a time: it ends in a zone's name. Write its offset, such as +01:00; or "
            "say the zone with --time-zone, such as Europe/Berlin, and the form, with the name in it, with "
            "--time-format, such as '%Y-%m-%d %H:%M:%S CET'"
        )
    return (
        f"{sample(cell)} is not a time: {error}. Say how times are written with --time-format, remove the "
        f"row, or name "
        "another column with --time"
    )


@dataclass(slots=True)
class _Way:
    """The way through all times in the order of the rows, for one order of their dates."""

    zone: tzinfo = UTC
    length_s: float = 0.0
    last_s: float | None = None
    ascending: int = 0
    descending: int = 0
    stands: bool = False
    """Whether two rows have one time that clocks show once."""
    same: int = 0
    """Rows with the time of the row before."""

    def go(self, at_s: float) -> None:
        if self.last_s is not None:
            step_s = at_s - self.last_s
            self.length_s += abs(step_s)
            if step_s > 0:
                runs_back = self.descending > self.ascending  # there, clocks that were put back jump ahead
                self.ascending += not (runs_back and _second_time(self.last_s, self.zone) > at_s)
            self.descending += step_s < 0
            if not step_s:
                self.same += 1
                self.stands = self.stands or _second_time(at_s, self.zone) == at_s
        self.last_s = at_s


@dataclass(slots=True)
class TimesOfColumn:
    """All times of a recording, looked at once before any is believed.

    `format_` is what `--time-format` says: iso, s, ms, us, ns, excel, DMY, MDY, YMD, or as strptime has it.
    """

    path: Path
    column: str
    format_: str | None = None
    zone: tzinfo = UTC
    may_mix_zones: bool = False
    """Whether it is said what those mean that name no zone."""
    _count: int = 0
    _kinds: dict[Kind, tuple[int, Cell]] = field(default_factory=dict)
    _zoned: dict[bool, tuple[int, Cell]] = field(default_factory=dict)
    """The first that names its zone, and the first that does not."""
    _ways: dict[Order | None, _Way] = field(default_factory=dict)
    _excluded: dict[Order, tuple[int, Cell]] = field(default_factory=dict)
    """Where an order was found not to be the one."""
    _is_iso: bool = False
    """Whether the rows before were."""
    _has_time_of_day: bool = False
    _has_dots: bool = True
    _repeated: int = 0
    _convert: Callable[[Cell], float] | None = None

    def __post_init__(self) -> None:
        if self.format_ is not None:
            self._convert = converter(self.format_, self.zone)

    def add(self, row: int, cell: Cell) -> None:
        """Look at one more.

        Raises:
            ReplayRefused: It is no time, or written otherwise than those before.
        """
        try:
            if self._is_iso and type(cell) is str:
                iso_s = iso_seconds(cell, self.zone)
                if iso_s is not None:
                    if (cell[-1] in "Zz" or "+" in cell or "-" in cell[11:]) not in self._zoned:
                        self._check_zone(row, cell)
                    self._count += 1
                    self._has_time_of_day |= len(cell) > _DATE_LENGTH
                    self._ways[None].go(iso_s)
                    return
            found = self._readings(cell)
            if not self._count:
                self._ways = {order: _Way(self.zone) for order in found.seconds}
                self._has_dots = found.has_dots
            self._check_kind(row, cell, found)
            self._check_zone(row, cell)
            for read_s in found.seconds.values():
                check_seconds(read_s, cell)
        except Unlearnable as error:
            raise refused_cell(self.path, row, self.column, _no_time(cell, error)) from None
        self._count += 1
        self._has_time_of_day |= found.has_time_of_day
        for order in list(self._ways):
            at_s: float | None = found.seconds.get(order)
            if at_s is None:
                at_s = found.seconds.get(None)
            if at_s is None:
                del self._ways[order]
                if order is not None:
                    self._excluded.setdefault(order, (row, cell))
            else:
                self._ways[order].go(at_s)
        if not self._ways:
            raise refused_cell(self.path, row, self.column, self._no_order(cell))

    def _readings(self, cell: Cell) -> Readings:
        if self._convert is not None:
            return Readings("number", {None: self._convert(cell)})
        if isinstance(cell, date):
            return Readings("ISO 8601", {None: of_moment(cell, self.zone)}, isinstance(cell, datetime))
        if isinstance(cell, str):
            return readings(cell, self.zone)
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            return readings(cell)
        raise Unlearnable("it is neither a number nor a text")

    def _check_kind(self, row: int, cell: Cell, found: Readings) -> None:
        self._is_iso = found.kind == "ISO 8601" and self._convert is None
        if found.kind not in self._kinds:
            self._kinds[found.kind] = (row, cell)
            if len(self._kinds) > 1:
                first_row, first = next(iter(self._kinds.values()))
                raise refused_cell(
                    self.path,
                    row,
                    self.column,
                    f"{sample(cell)} is written otherwise than {sample(first)} in row {first_row}, so one "
                    f"of them may "
                    "be read wrongly. Write all times alike, or say how with --time-format",
                )

    def _check_zone(self, row: int, cell: Cell) -> None:
        if self.may_mix_zones or self._convert is not None or not isinstance(cell, str):
            return
        self._zoned.setdefault(names_zone(cell), (row, cell))
        if len(self._zoned) > 1:
            (first_row, first), _ = self._zoned.values()
            named, other = ("a", "none") if names_zone(cell) else ("no", "one")
            raise refused_cell(
                self.path,
                row,
                self.column,
                f"{sample(cell)} names {named} zone, and {sample(first)} in row {first_row} {other}, so one "
                "of them may be hours off. Write all alike, or say with --time-zone which zone is meant",
            )

    def _no_order(self, cell: Cell) -> str:
        orders = "".join(
            f"; {_ORDER_SHOWN[order]} is not possible in row {row}, {sample(where)}"
            for order, (row, where) in self._excluded.items()
        )
        return f"{sample(cell)}: no order of day and month fits all rows{orders}. Write ISO 8601"

    def reader(self, now_s: float) -> TimeReader:
        """Decide how all of them are read.

        Raises:
            ReplayRefused: It cannot be decided whether days or months come first.
        """
        order, why = self._order()
        convert = self._convert or converter_of(order, self.zone, self._is_iso)
        limits = (
            (BELIEVED_FROM_S, now_s + AHEAD_MAX_S) if self.format_ in (None, *ORDERS) else (-1e300, 1e300)
        )
        shown, way = self._shown(order, why), self._ways[order]
        is_shared = way.same >= _SHARED * self._count
        return TimeReader(self.path, self.column, shown, convert, *limits, self.zone, way.stands, is_shared)

    @property
    def is_descending(self) -> bool:
        """Whether the rows run from the newest to the oldest."""
        way = self._ways[self._order()[0]]
        return way.descending > 0 and not way.ascending

    @property
    def is_ascending(self) -> bool:
        """Whether no row is earlier than the one before."""
        return not self._ways[self._order()[0]].descending

    @property
    def stands_still(self) -> bool:
        """Whether three rows or more have one time, all of them."""
        return self._count > 2 and self._ways[self._order()[0]].same == self._count - 1

    @property
    def repeats_days(self) -> bool:
        """Whether they are days without a time of day, most of them the same as the row before."""
        way = next(iter(self._ways.values()))
        return not self._has_time_of_day and way.ascending + way.descending < self._count / 2 - 1

    def _order(self) -> tuple[Order | None, str]:
        if len(self._ways) == 1:
            (order,) = self._ways
            if order is None:
                return None, ""
            others = [(other, self._excluded[other]) for other in self._excluded]
            return order, f", as row {others[0][1][0]} has {sample(others[0][1][1])}" if others else ""
        if self._has_dots:
            return "DMY", ", as with dots it is"
        by_length = sorted(self._ways, key=lambda order: self._ways[order].length_s)
        best, second = by_length[:2]
        if self._ways[second].length_s >= _CLEARLY * self._ways[best].length_s > 0:
            return best, ": so the times follow each other steadily"
        row, cell = next(iter(self._kinds.values()))
        shown = " or ".join(_ORDER_SHOWN[order] for order in self._ways if order)
        options = " or ".join(f"--time-format {order}" for order in self._ways if order)
        raise refused_cell(
            self.path,
            row,
            self.column,
            f"{sample(cell)} may have {shown}, as all other rows: say which with {options}",
        )

    def _shown(self, order: Order | None, why: str) -> str:
        if self.format_ is not None:
            said = f"dates with {_ORDER_SHOWN[self.format_]}" if self.format_ in ORDERS else self.format_
            form = f"{said}, as --time-format says"
        elif order is not None:
            form = f"dates with {_ORDER_SHOWN[order]}{why}"
        else:
            (kind,) = self._kinds or ("ISO 8601",)
            row_cell = next(iter(self._kinds.values()), (0, None))[1]
            form = {
                "number": f"epoch {_unit_of(row_cell)}",
                "digits": "digits of YYYYMMDDhhmmss",
                "ISO 8601": "ISO 8601",
                "date": "dates",
            }[kind]
        return form if self.zone is UTC else f"{form}, in {self.zone}"


def _unit_of(cell: Cell) -> str:
    try:
        size = abs(float(cell))
    except (TypeError, ValueError):
        return "numbers"
    for below, unit in ((1e11, "seconds"), (1e14, "milliseconds"), (1e17, "microseconds")):
        if size < below:
            return unit
    return "nanoseconds"
