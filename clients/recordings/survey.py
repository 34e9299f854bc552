"""One pass over a file before anything is sent: how long it is, and what is wrong with it."""

import math
from dataclasses import dataclass

from clients.recordings.columns import Choice
from clients.recordings.table import Column, ReplayRefused, quoted

_PERIOD_DEFAULT_S = 1.0


@dataclass(frozen=True, slots=True)
class Survey:
    """What a file holds.

    Units: `first_s` is the time of the first row, `last_s` the latest of all, epoch seconds; `period_s` the
           usual time between two rows; `observations` are the cells of the signals that hold a number
    """

    rows: int
    observations: int
    first_s: float
    last_s: float
    period_s: float
    backwards: int
    """Rows whose time is earlier than that of the row before: they are sent anyway."""
    empty: int
    """Cells of the signals without a number, or with one that is not finite: not sent."""

    @property
    def duration_s(self) -> float:
        """From the first row to the latest."""
        return self.last_s - self.first_s


def survey(choice: Choice) -> Survey:
    """Read a file once, in constant memory.

    Raises:
        ReplayRefused: A time or a number cannot be read (the text names row and column), or there is no row.
    """
    table, seconds = choice.table, choice.seconds_sql
    time = quoted(choice.time.name)
    columns = [f"{seconds} AS s_", "row_", f"{time}::VARCHAR AS time_"]
    figures = [
        "count(*)",
        "arg_min(s_, row_)",
        "max(s_)",
        "approx_quantile(step_, 0.5) FILTER (step_ > 0)",
        "count(*) FILTER (step_ < 0)",
        "min(row_) FILTER (s_ IS NULL OR NOT isfinite(s_))",
        "arg_min(time_, row_) FILTER (s_ IS NULL OR NOT isfinite(s_))",
    ]
    for number, column in enumerate(choice.signals):
        cell = quoted(column.name)
        columns += [f"{choice.value_sql(column)} AS v{number}_", f"{cell}::VARCHAR AS c{number}_"]
        columns.append(f"{cell} IS NOT NULL AND try_cast({cell} AS DOUBLE) IS NULL AS bad{number}_")
        figures += [f"count(v{number}_)", f"min(row_) FILTER (bad{number}_)"]
        figures.append(f"arg_min(c{number}_, row_) FILTER (bad{number}_)")
    inner = f"SELECT row_number() OVER () AS row_, * FROM {table.source}"
    stepped = f"SELECT *, s_ - lag(s_) OVER () AS step_ FROM (SELECT {', '.join(columns)} FROM ({inner}))"
    found = next(table.query(f"SELECT {', '.join(figures)} FROM ({stepped})"))
    rows, first_s, last_s, period_s, backwards, bad_row, bad_time = found[:7]
    if bad_row is not None:
        raise _bad_time(choice, bad_row, bad_time)
    if not rows:
        raise ReplayRefused(f"{table.path} has no rows below its header: there is nothing to replay")
    counts = [found[7 + 3 * number : 10 + 3 * number] for number in range(len(choice.signals))]
    for column, (_, row, cell) in zip(choice.signals, counts, strict=True):
        if row is not None:
            raise _bad_number(choice, column, row, cell)
    observations = sum(count for count, _, _ in counts)
    return Survey(
        rows=rows,
        observations=observations,
        first_s=first_s,
        last_s=last_s,
        period_s=_PERIOD_DEFAULT_S if period_s is None or not math.isfinite(period_s) else period_s,
        backwards=backwards,
        empty=rows * len(choice.signals) - observations,
    )


def _bad_time(choice: Choice, row: int, cell: str | None) -> ReplayRefused:
    what = "there is no time" if cell is None else f"{cell[:80]!r} is not a time"
    return ReplayRefused(
        f"{choice.table.path}, row {row}, column {choice.time.name!r}: {what}. Times are ISO 8601 or epoch "
        "numbers: remove the row, or name another column with --time"
    )


def _bad_number(choice: Choice, column: Column, row: int, cell: str) -> ReplayRefused:
    return ReplayRefused(
        f"{choice.table.path}, row {row}, column {column.name!r}: {cell[:80]!r} is not a number. "
        "Empty the cell, or name the columns of signals with --signals"
    )
