"""One pass over a recording before it is sent or learned: how long it is, and what was left out."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from clients.recordings.cells import CellsOfColumn
from clients.recordings.columns import Choice
from clients.recordings.refusal import ReplayRefused, sample
from clients.recordings.rows import Counts, rows_of
from clients.recordings.table import Column
from consumer.decode.values import iso8601

_PERIOD_DEFAULT_S = 1.0
_STEPS_KNOWN_MAX = 10_000
_SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Survey:
    """What a recording holds.

    Units: `first_s` is the time of the first row, `last_s` the latest of all, epoch seconds; `period_s` the
           usual time between two rows; `observations` are the cells of the signals that hold a number
    """

    rows: int
    """Of the file."""
    observations: int
    first_s: float
    last_s: float
    period_s: float
    backwards: int
    """Rows whose time is earlier than that of the row before: they are sent anyway."""
    empty: int
    """Cells of the signals without a number, or with one that is not finite: not sent."""
    passed_over: tuple[str, ...] = ()
    """Lines that are no rows: what, how many, and where first."""
    qualities: tuple[tuple[str, int], ...] = ()
    repeated: int = 0
    """Rows with the time of the row before; of a long table, values whose tag has one of that time."""

    @property
    def duration_s(self) -> float:
        """From the first row to the latest."""
        return self.last_s - self.first_s


def survey(choice: Choice) -> Survey:
    """Read a recording once.

    Raises:
        ReplayRefused: There is no row, or the file has changed.
    """
    counts, steps = Counts(), Counter[float]()
    observations, backwards, repeated = 0, 0, 0
    first_s = last_s = before_s = None
    for _, at_s, values, _ in rows_of(choice, counts):
        observations += len(values) - values.count(None)
        if before_s is None or last_s is None:
            first_s = last_s = at_s
        else:
            step_s = at_s - before_s
            backwards += step_s < 0
            repeated += step_s == 0
            if step_s > 0 and (len(steps) < _STEPS_KNOWN_MAX or step_s in steps):
                steps[round(step_s, 6)] += 1
            last_s = max(last_s, at_s)
        before_s = at_s
    if first_s is None or last_s is None or not observations:
        gaps = "; ".join(f"quality {quality}: {times:,}" for quality, times in counts.qualities.items())
        why = f", as all of them are gaps ({gaps})" if gaps else ""
        raise ReplayRefused(f"{choice.table.path} has no rows with a value{why}: there is nothing to replay")
    return Survey(
        rows=counts.file_rows,
        observations=observations,
        first_s=first_s,
        last_s=last_s,
        period_s=_median(steps),
        backwards=backwards,
        empty=counts.cells - observations,
        passed_over=tuple(counts.passed.texts),
        qualities=tuple(counts.qualities.items()),
        repeated=repeated,
    )


def _median(steps: Counter[float]) -> float:
    left = steps.total() / 2
    for step_s, times in sorted(steps.items()):
        left -= times
        if left <= 0:
            return step_s
    return _PERIOD_DEFAULT_S


def described(choice: Choice, seen: Survey) -> list[str]:
    """What was read, in three lines, for people: times, signals with their gaps, and what was left out."""
    backwards = (
        f"; {seen.backwards:,} rows are earlier than the row before: kept, in this order"
        if seen.backwards
        else ""
    )
    if seen.repeated:
        what = "rows have the time of the row before" if choice.tags is None else "values repeat a tag's time"
        backwards += f"; {seen.repeated:,} {what}: kept"
    turned = ""
    if choice.order == "descending":
        turned = "; the rows run backwards: turned round"
    elif choice.order == "mixed" and choice.tags is not None:
        turned = "; sorted by time"
    names = choice.names
    shown = ", ".join(names[:_SHOWN_MAX]) + (
        f" and {len(names) - _SHOWN_MAX} more" if len(names) > _SHOWN_MAX else ""
    )
    by_tag = ""
    if choice.tags is not None:
        by_tag = f", by the tags in {', '.join(repr(column.name) for column in choice.tags.columns)}"
    form = f"{choice.table.form}; " if choice.table.form else ""
    lines = [
        f"{choice.table.path}: {form}time by {choice.time.name!r}, {choice.reader.shown}; one row every "
        f"{seen.period_s:g} s, from "
        f"{_shown(seen.first_s)} to {_shown(seen.last_s)}{backwards}{turned}",
        f"  {len(names)} signals{by_tag} ({shown}), {seen.rows:,} rows, {seen.observations:,} observations, "
        f"{seen.empty:,} cells without a finite number{_gaps(choice, seen)}",
    ]
    left_out = list(_left_out(choice, seen))
    return [*lines, f"  Left out: {'; '.join(left_out) or 'nothing'}"]


def _shown(at_s: float) -> str | None:
    text = iso8601(at_s)
    return text and text.replace(".000000Z", "Z")


def _gaps(choice: Choice, seen: Survey) -> str:
    """Which words stand where there is no number."""
    found = ["decimal commas"] if any(choice.signs[column] == "," for column in choice.signals) else []
    found += [f"{c.name!r} without its unit {unit}" for c in choice.signals if (unit := choice.cells[c].unit)]
    found += [text for column in choice.signals if (text := _gaps_of(column, choice.cells[column], choice))]
    found += [f"quality {name}: {times:,}" for name, times in seen.qualities if times and name != "good"]
    return f": {'; '.join(found)}" if found else ""


def _gaps_of(column: Column, cells: CellsOfColumn, choice: Choice) -> str:
    parts = [
        f"{sample(word) if word else 'empty'} {times:,}"
        for word, times in cells.missing.most_common(_SHOWN_MAX)
    ]
    if len(cells.missing) > _SHOWN_MAX:
        parts.append(
            f"other words "
            f"{cells.missing.total() - sum(n for _, n in cells.missing.most_common(_SHOWN_MAX)):,}"
        )
    if cells.not_finite:
        parts.append(f"not finite {cells.not_finite:,}")
    if not cells.reads_t_and_f:
        texts = sorted(cells.texts.items(), key=lambda each: -each[1].times)
        parts += [
            f"text {sample(text)} {seen.times:,} (first in row {seen.row})"
            for text, seen in texts[:_SHOWN_MAX]
        ]
        others = sum(seen.times for _, seen in texts[_SHOWN_MAX:]) + cells.other_texts
        parts += [f"other texts {others:,}"] if others else []
    if cells.moments:
        parts.append(f"dates {cells.moments:,}")
    return f"{column.name!r} {', '.join(parts)}" if parts else ""


def _left_out(choice: Choice, seen: Survey) -> Iterator[str]:
    """Columns and lines that are not observations, and the forms that were found."""
    for column, why in choice.others:
        yield f"column {column.name!r} ({why})"
    if choice.tags is not None and choice.tags.without_numbers:
        names = choice.tags.without_numbers
        yield f"{len(names)} tags without a number, such as {names[0]!r}"
    if choice.tags is not None and choice.tags.not_named:
        names = choice.tags.not_named
        yield f"{len(names)} tags that are not named, such as {names[0]!r}"
    yield from seen.passed_over
    yield from choice.table.said
