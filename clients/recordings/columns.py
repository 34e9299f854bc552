"""Which column holds times, which are signals, and which are labels."""

from collections.abc import Sequence
from dataclasses import dataclass

from clients.recordings.table import Column, ReplayRefused, Table, literal, quoted

_NAMES_OF_TIMES = {"time", "timestamp", "datetime", "date", "ts", "epoch", "t"}
_NAMES_OF_LABELS = {"anomaly", "changepoint", "label", "labels", "is_anomaly", "is_changepoint"}


@dataclass(frozen=True, slots=True)
class Choice:
    """The columns of a table by their use; `left_out` are numbers that are named like labels."""

    table: Table
    time: Column
    signals: tuple[Column, ...]
    labels: Column | None
    left_out: tuple[Column, ...]

    @property
    def texts(self) -> tuple[Column, ...]:
        """Columns that are not sent because they are not numbers."""
        known = (self.time, *self.signals, *self.left_out, *filter(None, [self.labels]))
        return tuple(one for one in self.table.columns if one not in known and not one.is_number)

    @property
    def seconds_sql(self) -> str:
        """A row's time in epoch seconds, null if it cannot be read; UTC if it has no zone."""
        cell = quoted(self.time.name)
        number = f"try_cast({cell} AS DOUBLE)"
        if self.time.is_number:
            return _epoch_sql(number)
        moments = [f"try_cast({cell} AS TIMESTAMPTZ)"]
        if self.table.moment_format:
            moments.append(f"try_strptime({cell}, {literal(self.table.moment_format)})::TIMESTAMPTZ")
        moment = f"epoch(coalesce({', '.join(moments)}))"
        return moment if self.time.is_moment else f"coalesce({moment}, {_epoch_sql(number)})"

    def value_sql(self, column: Column) -> str:
        """A cell as a number; null if it has none, or one that is not finite."""
        number = f"try_cast({quoted(column.name)} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"


def choose(
    table: Table, time: str | None = None, signals: Sequence[str] = (), labels: str | None = None
) -> Choice:
    """Take the columns that are named, and find the others: the time by its type, signals as numbers.

    Raises:
        ReplayRefused: A named column does not exist, or an unnamed one is ambiguous.
    """
    label = None if labels is None else table.column(labels)
    moment = table.column(time) if time is not None else _time(table)
    if signals:
        chosen = tuple(table.column(name) for name in dict.fromkeys(signals))
        return Choice(table, moment, chosen, label, ())
    numbers = [one for one in table.columns if one.is_number and one not in (moment, label)]
    left_out = tuple(one for one in numbers if one.name.lower() in _NAMES_OF_LABELS)
    chosen = tuple(one for one in numbers if one not in left_out)
    if not chosen:
        raise ReplayRefused(
            f"{table.path} has no column of numbers besides time and labels; it has {table.names}. "
            "Name the signals' columns with --signals; numbers need a decimal point, not a comma"
        )
    return Choice(table, moment, chosen, label, left_out)


def _time(table: Table) -> Column:
    named = [one for one in table.columns if one.name.lower() in _NAMES_OF_TIMES]
    for candidates in ([one for one in table.columns if one.is_moment], named):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            names = ", ".join(repr(column.name) for column in candidates)
            raise ReplayRefused(f"{table.path} has several columns of times, {names}: name one with --time")
    raise ReplayRefused(f"{table.path} has no column of times among {table.names}: name it with --time")


def _epoch_sql(number: str) -> str:
    """Tell seconds, milliseconds, microseconds and nanoseconds apart by their size."""
    return (
        f"(CASE WHEN abs({number}) < 1e11 THEN {number} WHEN abs({number}) < 1e14 THEN {number} / 1e3 "
        f"WHEN abs({number}) < 1e17 THEN {number} / 1e6 ELSE {number} / 1e9 END)"
    )
