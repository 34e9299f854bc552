"""What cells hold: gaps by their words, numbers as locales write them, yes and no; nothing of it vanishes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.recordings.cells import CellsOfColumn, ValueReader, number_of
from clients.recordings.refusal import ReplayRefused
from tests.clients.recordings.reading import read, said, values, written


def column(cells, separator=",", name="flow"):
    rows = [
        f"2024-03-01T00:{row // 60:02}:{row % 60:02}Z{separator}{row}{separator}{cell}"
        for row, cell in enumerate(cells)
    ]
    return "\n".join([separator.join(("time", "n", name)), *rows]) + "\n"


@pytest.mark.parametrize(
    "word",
    [
        "",
        "NULL",
        "null",
        "NaN",
        "N/A",
        "#N/A",
        "-",
        "<NA>",
        "None",
        "Bad",
        "Bad Input",
        "I/O Timeout",
        "No Data",
        "Pt Created",
        "Shutdown",
        "Scan Off",
        "Calc Failed",
        "#DIV/0!",
        "unavailable",
        "\\N",
        "-1.#IND",
        "Comm Fail",
        " n/a ",
    ],
)
def test_a_word_for_a_gap_is_a_gap_and_counted(tmp_path, word):
    path = written(tmp_path, column(["1.5", word, "2.5", word, "3.5", "4.5"]))
    assert values(path)["flow"] == [1.5, 2.5, 3.5, 4.5]
    assert f"2 cells without a finite number: 'flow' {repr(word.strip()) if word else 'empty'} 2" in said(
        path
    )


@pytest.mark.parametrize("text", ["Overload", "12 bar", "see note", "1.2.3", "<0.05", "0x1F", "1_000"])
def test_any_other_text_among_numbers_is_a_gap_counted_and_named(tmp_path, text):
    path = written(tmp_path, column(["1", "2", text, "4", text]))
    assert values(path)["flow"] == [1.0, 2.0, 4.0]
    assert f"2 cells without a finite number: 'flow' text {text!r} 2 (first in row 3)" in said(path)


def test_a_text_far_down_does_not_cost_its_column(tmp_path):
    cells = [f"{row}.5" for row in range(3000)]
    cells[2777] = "Ersatzwert"
    path = written(tmp_path, column(cells))
    assert len(values(path)["flow"]) == 2999
    assert "'Ersatzwert' 1 (first in row 2778)" in said(path)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["True", "False", "True"], [1, 0, 1]),
        (["true", "", "false"], [1, 0]),
        (["ON", "OFF", "ON"], [1, 0, 1]),
        (["yes", "no", "NULL"], [1, 0]),
        (["WAHR", "FALSCH", "WAHR"], [1, 0, 1]),
        (["VRAI", "FAUX", ""], [1, 0]),
        (["t", "f", "t"], [1, 0, 1]),
        (["TRUE", "0", "1"], [1, 0, 1]),
    ],
)
def test_yes_and_no_are_one_and_zero(tmp_path, cells, expected):
    assert values(written(tmp_path, column(cells)))["flow"] == expected


@pytest.mark.parametrize(
    ("cells", "separator", "expected"),
    [
        (["49,63", "50", "1,5e3"], ";", [49.63, 50.0, 1500.0]),
        (["1.234,5", "999,0", "12.345.678,25"], ";", [1234.5, 999.0, 12345678.25]),
        (["1.234", "2.500", "9,5"], ";", [1234.0, 2500.0, 9.5]),
        (["1 234,5", "12 345,0", "7"], ";", [1234.5, 12345.0, 7.0]),
        (["1\u2009234,5", "2\u2007345,5", "7"], ";", [1234.5, 2345.5, 7.0]),
        (["1\u202f234,5", "2\u00a0345,5", "-7"], "\t", [1234.5, 2345.5, -7.0]),
        (['"1,234.5"', '"12,345"', "7"], ",", [1234.5, 12345.0, 7.0]),
        (["1'234.5", "12'345", "7"], ",", [1234.5, 12345.0, 7.0]),
        (["\u22127.5", "+3", ".5"], ",", [-7.5, 3.0, 0.5]),
        (["0,125", "0,250", "0,375"], ";", [0.125, 0.25, 0.375]),
    ],
)
def test_numbers_are_read_as_their_locale_writes_them(tmp_path, cells, separator, expected):
    assert values(written(tmp_path, column(cells, separator)))["flow"] == expected


@pytest.mark.parametrize(
    ("cells", "separator", "expected"),
    [
        (["49.6 bar", "50 bar", "51.2 bar"], ",", [49.6, 50.0, 51.2]),
        (["45%", "NULL", "47.5%"], ",", [45.0, 47.5]),
        (["21,5 °C", "22,0 °C", "out"], ";", [21.5, 22.0]),
        (["1.5 m3/h", "2.5 m3/h", ""], ",", [1.5, 2.5]),
    ],
)
def test_a_unit_behind_every_number_is_left_out_and_said(tmp_path, cells, separator, expected):
    path = written(tmp_path, column(cells, separator))
    assert values(path)["flow"] == expected
    assert f"'flow' without its unit {cells[0].lstrip('0123456789., ')}" in said(path)


@pytest.mark.parametrize("cells", [["1.5D+01", "2.5D+01", "3.5D+01"], ["0x10", "0x10", "0x10"]])
def test_an_exponent_and_a_hexadecimal_number_are_no_units(tmp_path, cells):
    path = written(tmp_path, column(cells))
    assert list(values(path)) == ["n"]
    assert f"column 'flow' (texts, such as '{cells[0]}')" in said(path)


def test_a_text_that_ends_in_the_unit_is_a_gap_counted_and_named(tmp_path):
    path = written(tmp_path, column(["49.6 mg/L", "<0.5 mg/L", "51.2 mg/L"]))
    assert values(path)["flow"] == [49.6, 51.2]
    assert "text '<0.5 mg/L' 1 (first in row 2)" in said(path)


def test_numbers_of_several_units_are_no_signal(tmp_path):
    path = written(tmp_path, column(["49.6 bar", "49600 mbar", "50 bar"]))
    assert list(values(path)) == ["n"]
    assert "column 'flow' (texts, such as '49.6 bar')" in said(path)


def test_one_column_decides_for_another_that_leaves_it_open(tmp_path):
    path = written(
        tmp_path, "time;count;flow\n2024-03-01;1.234;0,5\n2024-03-02;2.500;0,7\n2024-03-03;3.100;0,9\n"
    )
    assert values(path) == {"count": [1234.0, 2500.0, 3100.0], "flow": [0.5, 0.7, 0.9]}
    path = written(
        tmp_path, "time;count;flow\n2024-03-01;1.234;0.5\n2024-03-02;2.500;0.7\n2024-03-03;3.100;0.9\n"
    )
    assert values(path)["count"] == [1.234, 2.5, 3.1]


def test_a_number_that_may_be_two_is_refused_until_it_is_said(tmp_path):
    path = written(tmp_path, column(['"1,234"', '"2,500"', '"3,100"']))
    with pytest.raises(
        ReplayRefused, match=r"row 1, column 'flow': '1,234' is .* --decimal comma or --decimal point"
    ):
        values(path)
    assert values(path, decimal="comma")["flow"] == [1.234, 2.5, 3.1]
    assert values(path, decimal="point")["flow"] == [1234.0, 2500.0, 3100.0]


def test_a_column_with_both_signs_is_refused_until_it_is_said(tmp_path):
    path = written(tmp_path, column(["1,5", "2,5", "3.75", "4,5"], ";"))
    with pytest.raises(ReplayRefused, match=r"row 1, column 'flow': '1,5' has .*'3\.75' in row 3"):
        values(path)
    assert values(path, decimal="comma")["flow"] == [1.5, 2.5, 4.5]


def test_a_decimal_comma_where_the_comma_separates_leads_to_the_separator(tmp_path):
    path = written(
        tmp_path,
        "time,flow\n"
        + "".join(f"2024-03-01T00:00:0{row}Z,{row}\n" for row in range(4))
        + "2024-03-01T00:00:05Z,1,5\n",
    )
    with pytest.raises(ReplayRefused, match=r"row 5 has 3 cells, and the header 2\. A decimal comma needs"):
        values(path)


@pytest.mark.parametrize("header", ["time,flow", "time,flow,level"])
def test_a_decimal_comma_in_every_row_is_not_taken_for_another_column(tmp_path, header):
    cells = "1,5" if header == "time,flow" else "1,5,2,5"
    rows = "".join(f"2024-03-01T00:00:0{row}Z,{cells}\n" for row in range(4))
    with pytest.raises(ReplayRefused, match=rf"rows have .* cells, and '{header}' .* A decimal comma needs"):
        values(written(tmp_path, f"{header}\n{rows}"))


def test_a_column_of_texts_is_named_as_left_out(tmp_path):
    path = written(tmp_path, column(["auto", "manual", "auto", "3"], name="mode"))
    assert list(values(path)) == ["n"]
    assert "column 'mode' (3 texts such as 'auto', and 1 numbers)" in said(path)
    path = written(tmp_path, column(["", "", ""], name="spare"))
    assert "column 'spare' (empty)" in said(path)


def test_a_number_that_is_not_finite_is_a_gap(tmp_path):
    path = written(tmp_path, column(["1", "inf", "-Infinity", "1e999", "2"]))
    assert values(path)["flow"] == [1.0, 2.0]
    assert "'flow' not finite 3" in said(path)


def test_cells_of_json_have_types(tmp_path):
    rows = [
        '{"time": "2024-03-01T00:00:00Z", "a": 1, "b": true, "c": "2.5", "d": null}',
        '{"time": "2024-03-01T00:00:01Z", "a": 2.5, "b": false, "c": "Bad", "d": 4}',
    ]
    path = written(tmp_path, "\n".join(rows), "rig.jsonl")
    assert values(path) == {"a": [1.0, 2.5], "b": [1.0, 0.0], "c": [2.5], "d": [4.0]}


def test_a_value_stays_beside_its_time_whatever_stands_around_it(tmp_path):
    path = written(tmp_path, column(["1", "Bad", "", "true", "5"]))
    start = 1_709_251_200.0
    assert read(path)["flow"] == [(start, 1.0), (start + 3, 1.0), (start + 4, 5.0)]


def test_numbers_are_of_one_locale_at_a_time():
    assert number_of("1.234.567", ".") is None
    assert number_of("1.234.567", ",") == 1_234_567.0
    assert number_of("12,34", ".") is None
    assert number_of("1,2,3", ",") is None
    assert number_of("١٢", ".") is None


TEXTS = """1 1,5 1,234 -1,234 0,123 1.5 1.234 12.345 1.234,5 1,234.5 - NULL 1e5 1,5e3 1e999 1,234,567
1.234.567 true x +3 .5 ,5 5. 5, 1'234 -- e5 1,2,3 ١٢ 1_0 °C"""
WRITTEN = st.sampled_from([*TEXTS.split(), "", "12 bar", " 7"])


@given(st.lists(st.lists(WRITTEN, min_size=1, max_size=6), min_size=1, max_size=4))
def test_cells_that_are_looked_at_together_are_found_as_one_by_one(chunks):
    together, alone, row = CellsOfColumn(), CellsOfColumn(), 0
    for cells in chunks:
        rows = range(row + 1, row + 1 + len(cells))
        row += len(cells)
        together.add(rows, cells)
        for number, cell in zip(rows, cells, strict=True):
            alone.add([number], [cell])
        for sign in (".", ","):
            reader = ValueReader(sign)
            assert reader.column(cells) == [reader.value(cell) for cell in cells]
    for what in ("numbers", "missing", "texts", "yes_and_no", "not_finite", "first_of", "dots_may_group"):
        assert getattr(together, what) == getattr(alone, what), what


def test_points_that_may_be_of_thousands_beside_semicolons_are_refused_until_it_is_said(tmp_path):
    path = written(tmp_path, "time;flow\n2024-03-01;1.234\n2024-03-02;2.500\n2024-03-03;3.100\n")
    with pytest.raises(
        ReplayRefused, match=r"row 1, column 'flow': '1\.234' is .* decimal point or .*--decimal"
    ):
        values(path)
    assert values(path, decimal="point")["flow"] == [1.234, 2.5, 3.1]
    assert values(path, decimal="comma")["flow"] == [1234.0, 2500.0, 3100.0]
    path = written(tmp_path, "time;flow;x\n2024-03-01;1.234;0.5\n2024-03-02;2.500;7\n")
    assert values(path)["flow"] == [1.234, 2.5]


def test_the_times_decide_nothing_about_the_values(tmp_path):
    path = written(tmp_path, 'time,flow\n1709251200.5,"1,234"\n1709251201.5,"2,500"\n')
    with pytest.raises(ReplayRefused, match=r"row 1, column 'flow': '1,234' is .*--decimal"):
        values(path)
    with pytest.raises(ReplayRefused, match="--signals names 'time', which has the times"):
        values(path, decimal="comma", signals=["time"])
