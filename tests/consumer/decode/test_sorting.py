"""Runs by signal are what a plain loop finds, whatever the numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from consumer.decode.observed_columns import ObservedColumns
from consumer.decode.sorting import ranges, runs_of, stable_order

NUMBERS = st.lists(st.one_of(st.integers(0, 5), st.integers(0, 200_000), st.integers(0, 2**32 - 1)))


@given(NUMBERS)
def test_equal_numbers_stay_in_order(numbers):
    assert stable_order(np.array(numbers, np.int64)).tolist() == sorted(
        range(len(numbers)), key=numbers.__getitem__
    )


def in_runs(numbers, of_rank):
    """The places of each number, by rank and number."""
    found = {number: [] for number in sorted(set(numbers), key=lambda number: (of_rank(number), number))}
    for place, number in enumerate(numbers):
        found[number].append(place)
    return found


def as_dict(runs):
    ends = np.cumsum(runs.counts).tolist()
    return {
        number: runs.places[end - count : end].tolist()
        for number, count, end in zip(runs.numbers.tolist(), runs.counts.tolist(), ends, strict=True)
    }


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 3), min_size=10, max_size=10))
def test_runs_are_by_rank_and_then_by_number(numbers, ranks):
    array = np.array(numbers, np.int64)
    assert list(as_dict(runs_of(array)).items()) == list(in_runs(numbers, lambda _: 0).items())
    ranked = runs_of(array, np.array(ranks, np.int64))
    assert list(as_dict(ranked).items()) == list(in_runs(numbers, ranks.__getitem__).items())


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 4))))
def test_ranges_follow_each_other(pairs):
    starts, counts = (
        np.array(column, np.int64) for column in (zip(*pairs, strict=True) if pairs else ([], []))
    )
    expected = [number for start, count in pairs for number in range(start, start + count)]
    assert ranges(starts, counts).tolist() == expected


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4))), st.booleans())
def test_columns_of_several_values_are_sorted_as_their_values_are(pieces, are_single):
    """A piece, which is what one record says of one signal, is sorted as a whole."""
    columns, of_each = ObservedColumns(), []
    for record, (number, length) in enumerate(pieces):
        length = 1 if are_single else length
        columns.add_column(number, record, 0, [0.5] * length, None)
        of_each += [number] * length
    ranks = np.array([1, 0, 1, 0, 1, 0, 1])
    expected = in_runs(of_each, ranks.tolist().__getitem__)
    assert list(as_dict(columns.by_signal(ranks)).items()) == list(expected.items())
    assert columns.numbers.tolist() == of_each
