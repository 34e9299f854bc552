"""Vectorised learning: many signals learn a value each, by the arithmetic of the scalar class, bit for bit.

The scalar class stays the definition. A twin does the same over the rows of many signals, where nothing
unusual happens; a row where something does, such as an alert that opens, leaves before that value, and the
scalar code goes on from there. So each operation here is one ufunc whose result is that of Python's floats.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from consumer.detectors.state_columns import Floats, Integers, Place, Places, StateColumns, layout_of

Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[Any]

FEW = 24
"""Rows: fewer learn faster one by one; a value for each takes 80 us at least, as long as 20 to 40 alone."""


class Source(NamedTuple):
    """Rows from the arrays of one page: those at these places."""

    columns: StateColumns
    places: Places


class Step(NamedTuple):
    """What comes of one value for each row."""

    leaves: Bools
    """Whether the value is one for the scalar code. Shape: (rows,)."""
    commit: Callable[[Bools | None], None]
    """Writes the new states of the rows where True, None of all, to the working copy."""


class Twin(Protocol):
    """The states of one batch's rows as a working copy, which learns as the scalar class does."""

    def step(self, rows: slice, values: Floats, at_s: Floats) -> Step:
        """Let the first rows learn a value each, all finite and of known times; nothing is committed yet."""

    def scatter(self) -> None:
        """Write the working copy back to the pages' arrays."""


class Rows:
    """Where the rows of a twin lie in the pages' arrays.

    Row i is the `order[i]`-th of the sources' places, one source after another.
    """

    def __init__(self, sources: Sequence[Source], order: Places) -> None:
        self.sources = [source for source in sources if len(source.places)]
        self.order = order
        lengths = [len(source.places) for source in self.sources]
        self._ends = np.cumsum(lengths)
        self._places = np.concatenate([np.empty(0, np.intp), *(source.places for source in self.sources)])
        self.is_in_order = bool((order[1:] > order[:-1]).all())

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.order)

    def by_source(self, rows: Places) -> tuple[Places, Places, list[tuple[StateColumns, slice]]]:
        """Some rows in the order of the sources, their places, and which of them are of each source."""
        number = self.order[rows]
        if not (self.is_in_order and bool((rows[1:] > rows[:-1]).all())):
            sorting = np.argsort(number, kind="stable")  # fast where runs ascend, as those of one count do
            rows, number = rows[sorting], number[sorting]
        bounds = [0, *np.searchsorted(number, self._ends).tolist()]
        parts = [
            (source.columns, slice(bounds[at], bounds[at + 1]))
            for at, source in enumerate(self.sources)
            if bounds[at + 1] > bounds[at]
        ]
        return rows, self._places[number], parts


class Gathered:
    """Some fields of the rows' states, copied from the pages' arrays; all others stay there.

    `learned` are the fields that are written back, and `known` those that are only read. Shape: `floats` and
    `integers` (fields, rows): the learned fields in the order of the class's layout, then the known ones.
    """

    def __init__(
        self, made: type[Any], rows: Rows, learned: Sequence[str], known: Sequence[str] = ()
    ) -> None:
        places = layout_of(made).places
        self._places = {path: places[path] for path in (*learned, *known)}
        self._rows = rows
        self._learned = {kind: self._starts(kind, learned) for kind in ("floats", "integers")}
        self._fields = {kind: self._learned[kind] + self._starts(kind, known) for kind in self._learned}
        self.floats: Floats = self._gather("floats", np.float64)
        self.integers: Integers = self._gather("integers", np.int64)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def index(self, path: str) -> int:
        """Which row of `floats` or `integers` holds a field."""
        place: Place = self._places[path]
        return self._fields[place.kind].index(place.start)

    def field(self, path: str) -> Numbers:
        """The working copy of a field, as a view. Shape: (rows,)."""
        whole: Numbers = getattr(self, self._places[path].kind)
        values: Numbers = whole[self.index(path)]
        return values

    def pair(self, one: str, other: str) -> Numbers:
        """The working copies of two fields, as one view. Shape: (2, rows)."""
        whole: Numbers = getattr(self, self._places[one].kind)
        start, last = self.index(one), self.index(other)
        values: Numbers = whole[start : last + 1 : last - start]
        return values

    def scatter(self) -> None:
        """Write the learned fields back."""
        back = None
        if not self._rows.is_in_order:
            back = np.empty_like(self._rows.order)
            back[self._rows.order] = np.arange(len(self._rows))
        for kind, fields in self._learned.items():
            whole: Numbers = getattr(self, kind)[: len(fields)]
            whole = whole if back is None else whole.take(back, axis=1)
            start = 0
            for columns, places in self._rows.sources:
                ours, theirs = whole[:, start : start + len(places)], getattr(columns, kind)
                for first, last, at in _runs(fields):
                    theirs[first:last, places] = ours[at : at + last - first]
                start += len(places)

    def _starts(self, kind: str, paths: Sequence[str]) -> list[int]:
        return sorted(self._places[path].start for path in paths if self._places[path].kind == kind)

    def _gather(self, kind: str, dtype: type[Any]) -> Numbers:
        fields = self._fields[kind]
        whole = np.empty((len(fields), len(self._rows)), dtype=dtype)
        start = 0
        for columns, places in self._rows.sources:
            ours, theirs = whole[:, start : start + len(places)], getattr(columns, kind)
            for first, last, at in _runs(fields):
                ours[at : at + last - first] = theirs[first:last].take(places, axis=1)
            start += len(places)
        return whole if self._rows.is_in_order else whole.take(self._rows.order, axis=1)


def _runs(fields: Sequence[int]) -> list[tuple[int, int, int]]:
    """Numbers as runs of neighbours: the first, the one after the last, and where the run begins.

    >>> _runs([0, 5, 6, 7, 9])
    [(0, 1, 0), (5, 8, 1), (9, 10, 4)]
    """
    starts = [at for at, field in enumerate(fields) if at == 0 or field != fields[at - 1] + 1]
    ends = [*starts[1:], len(fields)]
    return [(fields[at], fields[at] + end - at, at) for at, end in zip(starts, ends, strict=True)]


def first_max(one: Any, other: Any) -> Floats:
    """Python's `max(one, other)`: the first, if they are equal, such as 0.0 and -0.0, or not comparable."""
    greater: Floats = np.where(other > one, other, one)
    return greater


def first_min(one: Any, other: Any) -> Floats:
    """Python's `min(one, other)`: the first, if they are equal or not comparable."""
    smaller: Floats = np.where(other < one, other, one)
    return smaller


def write(to: Numbers, new: Any, where: Bools | None) -> None:
    """Write to a working copy, in the rows where True; None: in all."""
    if where is None:
        to[...] = new
    else:
        np.copyto(to, new, where=where)


def learn_by_rank(
    twins: Sequence[Twin], values: Floats, at_s: Floats, starts: Places, counts: Places, few: int = FEW
) -> Places:
    """Let the rows learn their values, all the first, then all the second, until fewer than `few` are left.

    Row i learns `values[starts[i] : starts[i] + counts[i]]`; those with most values come first. A row that
    leaves one twin at a value leaves all, before it. Returns how many values each row has learned: where
    these are fewer than `counts`, the scalar code has to go on, once the twins are scattered.

    All twins are made of the same rows, in the order of `starts`: row i is the `order[i]`-th of the places in
    their sources, so `order` sorts the places by count. If anything raises, the pages are to be read again.

        order = np.argsort(-counts, kind="stable")
        twins = [
            SeasonalAnomalyTwin(use_case, [Source(page.models, slots), ...], order),
            HealthTwin(use_case.sensor_checks, [Source(page.health, slots), ...], order),
        ]
        left = learn_by_rank(twins, values, at_s, starts[order], counts[order])
        for twin in twins:
            twin.scatter()
    """
    left = counts.copy()
    here = np.ones(len(counts), dtype=np.bool_)
    most = int(counts[0]) if len(counts) else 0
    lengths = np.searchsorted(-counts, -np.arange(most), side="left")  # of each rank: how many have one
    with np.errstate(all="ignore"):
        for rank in range(most):
            rows = slice(0, int(lengths[rank]))
            if np.count_nonzero(here[rows]) < few:
                np.copyto(left[rows], rank, where=here[rows])
                break
            at = starts[rows] + rank
            value, time_s = values[at], at_s[at]
            steps = [twin.step(rows, value, time_s) for twin in twins]
            leaves = ~(np.isfinite(value) & np.isfinite(time_s))
            for step in steps:
                leaves |= step.leaves
            if leaves.any():
                np.copyto(left[rows], rank, where=leaves & here[rows])
                here[rows] &= ~leaves
            where = None if here[rows].all() else here[rows].copy()
            for step in steps:
                step.commit(where)
    return left
