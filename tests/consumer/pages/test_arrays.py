"""Rows of numbers as bytes: the same, whether they are written one by one or together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.pages.arrays import read_row, read_rows, sum_and_most, write_flags, write_row, write_rows

COUNTS = st.sampled_from([0, 0, 0, 1, 7, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53])
FLOATS = st.sampled_from([0.0, 0.0, -0.0, 1.5, float("nan"), float("inf")])


def rows_of(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[list[list[float]]]:
    """Some rows of one length, of which some are the same at all places, or at all but the last."""

    def of_length(places: int) -> st.SearchStrategy[list[list[float]]]:
        one = numbers.map(lambda number: [number] * places)
        last = st.tuples(numbers, numbers).map(lambda two: [two[0]] * (places - 1) + [two[1]] * (places > 0))
        each = st.lists(numbers, min_size=places, max_size=places)
        return st.lists(st.one_of(one, last, each), max_size=6)

    return st.sampled_from([0, 1, 2, 31, 32, 33, 70]).flatmap(of_length)


@pytest.mark.parametrize(("kind", "numbers"), [(np.int64, COUNTS), (np.float64, FLOATS)])
def test_rows_written_together_are_as_each_by_itself_and_are_read_again(kind, numbers):
    @given(rows_of(numbers))
    def check(listed):
        rows = np.array(listed, kind).reshape(len(listed), len(listed[0]) if listed else 0)
        kinds, contents = write_rows(rows)
        together = [bytes([kind]) + bytes(content) for kind, content in zip(kinds, contents, strict=True)]
        assert together == [write_row(row) for row in rows]
        read = np.zeros_like(rows)
        read_rows(read, kinds, memoryview(b"".join(contents)), [2**53] * len(rows))
        assert read.tobytes() == rows.tobytes()
        if kind is np.int64:
            expected = [(sum(row), max(row, default=0)) for row in listed]
            assert [sum_and_most(written, rows.shape[1]) for written in together] == expected

    check()


@given(st.lists(st.booleans(), max_size=5))
def test_flags_are_a_row_of_zeros_and_ones(flags):
    array = np.array(flags, np.bool_)
    assert write_flags(array) == write_row(array.astype(np.int64))
    assert read_row(write_flags(array), len(flags), most=1).tolist() == flags


@pytest.mark.parametrize("number", [-1, 2**53 + 1])
def test_what_is_no_count_is_not_written(number):
    for row in ([number] * 3, [0, number, 0]):
        with pytest.raises(ValueError, match="a count"):
            write_row(np.array(row))
        with pytest.raises(ValueError, match="a count"):
            write_rows(np.array([[1, 2, 3], row]))
    with pytest.raises(ValueError, match="the most"):
        sum_and_most(b"\x08" + (2**53 + 1).to_bytes(8, "little") * 2, 2)


def test_a_sum_that_64_bits_do_not_hold_is_exact():
    assert sum_and_most(b"\x88" + (2**53).to_bytes(8, "little"), 4096) == (2**65, 2**53)


SINGLES = st.floats(width=32)


@given(rows_of(st.one_of(SINGLES, FLOATS)), rows_of(st.one_of(SINGLES, st.floats())))
def test_floats_that_fit_have_four_bytes_where_they_are_to_and_all_are_read_again(fitting, others):
    for listed, all_fit in ((fitting, True), (others, False)):
        rows = np.array(listed, np.float64).reshape(len(listed), len(listed[0]) if listed else 0)
        rows[np.isnan(rows)] = np.nan  # of one kind, as states have them
        for are_singles in (np.ones(len(rows), np.bool_), np.arange(len(rows)) % 2 == 0):
            kinds, contents = write_rows(rows, are_singles)
            sizes = [kind & 0x7F for kind in kinds]
            if all_fit:
                assert set(sizes) <= {0, 4, 8}
                assert [size == 4 for size in sizes] == [
                    bool(one and size) for one, size in zip(are_singles, sizes, strict=True)
                ]
            read = np.zeros_like(rows)
            size = read_rows(read, kinds, memoryview(b"".join(contents)), [0] * len(rows), are_singles)
            assert (read.tobytes(), size) == (rows.tobytes(), sum(map(len, contents)))
            for row, kind, content in zip(rows, kinds, contents, strict=True):
                if kind & 0x7F == 4:
                    with pytest.raises(ValueError, match="no row of the kind"):
                        read_row(bytes([kind]) + bytes(content), len(row), float)
                else:
                    again = read_row(bytes([kind]) + bytes(content), len(row), float)
                    assert again.tobytes() == row.tobytes()


@pytest.mark.parametrize("kind", [1, 2, 0x81, 3, 16])
def test_floats_of_another_size_are_refused(kind):
    with pytest.raises(ValueError, match="no row of the kind"):
        read_row(bytes([kind]) + bytes(kind & 0x7F if kind & 0x80 else 3 * kind), 3, float)
