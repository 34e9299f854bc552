"""Vectorised learning: many signals learn a value each, by the arithmetic of the scalar class, bit for bit.

The scalar class stays the definition. A twin does the same over the rows of many signals, where nothing
unusual happens; a row where something does, such as an alert that opens, leaves before that value, and the
scalar code goes on from there. So each operation here is one ufunc whose result is that of Python's floats.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from consumer.detectors.state_columns import Floats, Integers, Places, StateColumns
from consumer.detectors.state_layouts import Place, layout_of

Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[Any]

FEW = 24
"""Values: a value for each row, however few these are, takes 80 us at least, as long as so many alone."""
_LEAVING = 16
"""Values: as long as so many takes what learns alone to leave the arrays, and to return to them."""


def pays(ranks: int, values: int, rows: int, few: int = FEW) -> bool:
    """Whether these rows are rather to learn their values together, a value of each in a rank, than alone.

    >>> pays(1, 5, 5), pays(10, 50, 5)
    (True, False)
    """
    return ranks * few <= values + _LEAVING * rows


class Source(NamedTuple):
    """Rows from the arrays of one page: those at these places."""

    columns: StateColumns
    places: Places


class Step(NamedTuple):
    """What comes of one value for each row."""

    leaves: Bools
    """Whether the value is one for the scalar code: a new array. Shape: (rows,)."""
    commit: Callable[[Bools | None], None]
    """Writes the new states of the rows where True, None of all, to the working copy."""


class Twin(Protocol):
    """The states of one batch's rows as a working copy, which learns as the scalar class does."""

    def step(self, rows: slice, values: Floats, at_s: Floats) -> Step:
        """Let the first rows learn a value each, all finite and of known times; nothing is committed yet."""

    def scatter(self) -> None:
        """Write the working copy back to the pages' arrays."""


class Part(NamedTuple):
    """Of some rows, those of one page."""

    columns: StateColumns
    places: Places
    at: Places | slice
    """The same; as a slice, if each is the next after the one before: that copies faster."""
    rows: slice


class Rows:
    """Where the rows of a twin lie in the pages' arrays.

    Row i is the `order[i]`-th of the sources' places, one source after another.
    """

    def __init__(self, sources: Sequence[Source], order: Places) -> None:
        sources = [source for source in sources if len(source.places)]
        self.order = order
        self._columns = [source.columns for source in sources]
        self._ends = np.cumsum([len(source.places) for source in sources])
        self._places = np.concatenate([np.empty(0, np.intp), *(source.places for source in sources)])
        self.parts = self._parts(self._places, self._ends)
        """All rows in the sources' order."""
        self.is_in_order = bool((order[1:] > order[:-1]).all())

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.order)

    def by_source(self, rows: Places) -> tuple[Places, list[Part]]:
        """Some rows in the order of the sources, and which of them are of each source."""
        number = self.order[rows]
        if not (self.is_in_order and bool((rows[1:] > rows[:-1]).all())):
            sorting = np.argsort(number, kind="stable")  # fast where runs ascend, as those of one count do
            rows, number = rows[sorting], number[sorting]
        if len(rows) == len(self):
            return rows, self.parts
        return rows, self._parts(self._places[number], np.searchsorted(number, self._ends))

    def _parts(self, places: Places, ends: Places) -> list[Part]:
        if not len(places):
            return []
        gaps = np.zeros(len(places), np.intp)
        np.cumsum(places[1:] != places[:-1] + 1, out=gaps[1:])
        parts, start = [], 0
        for columns, end in zip(self._columns, ends.tolist(), strict=True):
            if end > start:
                own = places[start:end]
                is_slice = gaps[start] == gaps[end - 1]
                at = slice(int(own[0]), int(own[-1]) + 1) if is_slice else own
                parts.append(Part(columns, own, at, slice(start, end)))
            start = end
        return parts


class Fields:
    """Some fields of a class's states: which rows of the pages' arrays they are.

    `learned` are the fields that are written back, and `known` those that are only read. Copies of them have
    the learned fields in the order of the class's layout, then the known ones.
    """

    def __init__(self, made: type[Any], learned: Sequence[str], known: Sequence[str] = ()) -> None:
        places = layout_of(made).places
        self._places = {path: places[path] for path in (*learned, *known)}
        of_learned = {kind: self._rows(kind, learned) for kind in ("floats", "integers")}
        self._of_all = {kind: rows + self._rows(kind, known) for kind, rows in of_learned.items()}
        self._runs = {kind: _runs(rows) for kind, rows in self._of_all.items()}
        self._runs_learned = {kind: _runs(rows) for kind, rows in of_learned.items()}

    def count(self, kind: str) -> int:
        """How many of them are floats, or integers."""
        return len(self._of_all[kind])

    def at(self, path: str) -> tuple[str, int, int]:
        """Where a field is in copies: among the floats or the integers, from where on, and how many it is."""
        place: Place = self._places[path]
        return place.kind, self._of_all[place.kind].index(place.start), place.size

    def read(self, kind: str, part: Part, ours: Numbers) -> None:
        """Copy the fields of states. Shape of `ours`: (fields, states)."""
        theirs: Numbers = getattr(part.columns, kind)
        for first, last, at in self._runs[kind]:
            found = theirs[first:last]
            whole = found[:, part.at] if isinstance(part.at, slice) else found.take(part.at, axis=1)
            ours[at : at + last - first] = whole

    def write(self, kind: str, part: Part, ours: Numbers) -> None:
        """Write the learned fields of states back."""
        theirs: Numbers = getattr(part.columns, kind)
        for first, last, at in self._runs_learned[kind]:
            theirs[first:last, part.at] = ours[at : at + last - first]

    def _rows(self, kind: str, paths: Sequence[str]) -> list[int]:
        places = (self._places[path] for path in paths)
        of_kind = (range(one.start, one.start + max(1, one.size)) for one in places if one.kind == kind)
        return sorted(chain.from_iterable(of_kind))


_FIELDS: dict[tuple[type[Any], tuple[str, ...], tuple[str, ...]], Fields] = {}


def fields_of(made: type[Any], learned: Sequence[str], known: Sequence[str] = ()) -> Fields:
    """The fields, made once for all batches."""
    key = made, tuple(learned), tuple(known)
    found = _FIELDS.get(key)
    if found is None:
        found = _FIELDS[key] = Fields(*key)
    return found


class Gathered:
    """Some fields of the rows' states, copied from the pages' arrays; all others stay there.

    Shape: `floats` and `integers` (fields, rows), as `Fields` has them.
    """

    def __init__(
        self, made: type[Any], rows: Rows, learned: Sequence[str], known: Sequence[str] = ()
    ) -> None:
        self._fields, self._rows = fields_of(made, learned, known), rows
        self.floats: Floats = self._gather("floats", np.float64)
        self.integers: Integers = self._gather("integers", np.int64)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def field(self, path: str) -> Numbers:
        """The working copy of a field, as a view. Shape: (rows,), or (values, rows) of a list."""
        kind, start, size = self._fields.at(path)
        whole: Numbers = getattr(self, kind)
        return whole[start] if size == 0 else whole[start : start + size]

    def block(self, first: str, last: str) -> Numbers:
        """The working copies of fields of one kind, from one to another, as one view."""
        kind, start, _ = self._fields.at(first)
        _, end, size = self._fields.at(last)
        whole: Numbers = getattr(self, kind)
        return whole[start : end + max(1, size)]

    def pair(self, one: str, other: str) -> Numbers:
        """The working copies of two fields, as one view. Shape: (2, rows)."""
        kind, start, _ = self._fields.at(one)
        _, last, _ = self._fields.at(other)
        whole: Numbers = getattr(self, kind)
        return whole[start : last + 1 : last - start]

    def scatter(self) -> None:
        """Write the learned fields back."""
        back = None
        if not self._rows.is_in_order:
            back = np.empty_like(self._rows.order)
            back[self._rows.order] = np.arange(len(self._rows))
        for kind in ("floats", "integers"):
            whole: Numbers = getattr(self, kind)
            whole = whole if back is None else whole.take(back, axis=1)
            for part in self._rows.parts:
                self._fields.write(kind, part, whole[:, part.rows])

    def _gather(self, kind: str, dtype: type[Any]) -> Numbers:
        whole = np.empty((self._fields.count(kind), len(self._rows)), dtype=dtype)
        for part in self._rows.parts:
            self._fields.read(kind, part, whole[:, part.rows])
        return whole if self._rows.is_in_order else whole.take(self._rows.order, axis=1)


def _runs(fields: Sequence[int]) -> list[tuple[int, int, int]]:
    """Numbers as runs of neighbours: the first, the one after the last, and where the run begins.

    >>> _runs([0, 5, 6, 7, 9])
    [(0, 1, 0), (5, 8, 1), (9, 10, 4)]
    """
    starts = [at for at, field in enumerate(fields) if at == 0 or field != fields[at - 1] + 1]
    ends = [*starts[1:], len(fields)]
    return [(fields[at], fields[at] + end - at, at) for at, end in zip(starts, ends, strict=True)]


def neighbours(places: Places) -> Places | slice:
    """The places as a slice, if each is the next after the one before: that copies faster.

    >>> neighbours(np.array([3, 4, 5])), neighbours(np.array([3, 5]))
    (slice(3, 6, None), array([3, 5]))
    """
    count = len(places)
    if count and places[-1] - places[0] == count - 1 and bool((places[1:] > places[:-1]).all()):
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


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
    """Let the rows learn their values, all the first, then all the second, until too few are left.

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
    here, are_all_here = np.ones(len(counts), dtype=np.bool_), True
    most = int(counts[0]) if len(counts) else 0
    lengths = np.searchsorted(-counts, -np.arange(most), side="left")  # of each rank: how many have one
    is_finite = np.isfinite(values) & np.isfinite(at_s)
    are_finite = bool(is_finite.all())
    with np.errstate(all="ignore"):
        for rank in range(most):
            rows = slice(0, int(lengths[rank]))
            count = rows.stop if are_all_here else int(np.count_nonzero(here[rows]))
            if count < few and not pays(
                most - rank, int((counts[rows] - rank)[here[rows]].sum()), count, few
            ):
                np.copyto(left[rows], rank, where=here[rows])
                break
            at = starts[rows] + rank
            value, time_s = values[at], at_s[at]
            steps = [twin.step(rows, value, time_s) for twin in twins]
            leaves = steps[0].leaves
            for step in steps[1:]:
                leaves |= step.leaves
            if not are_finite:
                leaves |= ~is_finite[at]
            if leaves.any():
                np.copyto(left[rows], rank, where=leaves & here[rows])
                here[rows] &= ~leaves
                are_all_here = False
            where = None if are_all_here or here[rows].all() else here[rows].copy()
            for step in steps:
                step.commit(where)
    return left
