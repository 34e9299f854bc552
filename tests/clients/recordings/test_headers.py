"""Headers of several rows: levels of pandas, merged cells of spreadsheets; and what only looks like one."""

import pytest

from tests.clients.recordings.reading import at, read, said, values, written

MINUTES = [f"2024-03-01 00:{minute:02}" for minute in range(12)]
SIGNALS = ["press.t", "press.p", "oven.t"]


def below(head, separator=",", columns=3):
    rows = [
        separator.join([moment, *(f"{n + c}" for c in range(columns))]) for n, moment in enumerate(MINUTES)
    ]
    return "\n".join([*head, *rows]) + "\n"


@pytest.mark.parametrize(
    "head",
    [
        ["machine,press,press,oven", "signal,t,p,t", "time,,,"],
        [",press,press,oven", ",t,p,t"],
        ["time,press,press,oven", ",t,p,t"],
        ["time,press,,oven", ",t,p,t"],
        [",press,press,oven", "time,t,p,t"],
        ["# exported", "time,press,press,oven", ",t,p,t"],
    ],
)
def test_names_of_several_rows_are_joined(tmp_path, head):
    path = written(tmp_path, below(head))
    assert values(path) == {name: [float(n + c) for n in range(12)] for c, name in enumerate(SIGNALS)}
    assert read(path)["press.t"][0][0] == at("2024-03-01T00:00")
    assert f"the names are of {3 if 'machine' in head[0] else 2} rows, joined by dots" in said(path)


def test_names_below_one_merged_cell(tmp_path):
    head = ["Zeit;Anlage 1;;;Anlage 2;", ";Temp.;Druck;Drehzahl;Temp.;Druck"]
    found = values(written(tmp_path, below(head, ";", 5)))
    assert list(found) == [f"Anlage 1.{n}" for n in ("Temp.", "Druck", "Drehzahl")] + [
        f"Anlage 2.{n}" for n in ("Temp.", "Druck")
    ]
    assert list(values(written(tmp_path, below(["time,rig,rig,rig", ",a,b,c"])))) == [
        "rig.a",
        "rig.b",
        "rig.c",
    ]


def test_three_levels_and_a_row_of_units_below(tmp_path):
    head = ["site,n,n,n", "machine,press,press,oven", "signal,t,p,t", "time,,,", "s,C,bar,C"]
    path = written(tmp_path, below(head))
    assert list(values(path)) == [f"n.{name}" for name in SIGNALS]
    assert "a row of units, 's, C, bar, C' (row 1)" in said(path)


def test_a_header_of_several_rows_that_is_there_again_is_counted(tmp_path):
    one = below(["time,press,press,oven", ",t,p,t"])
    path = written(tmp_path, one + one.replace("2024-03-01", "2024-03-02"))
    assert list(values(path)) == SIGNALS
    assert all(len(found) == 24 for found in values(path).values())
    assert "the header again (2 times, first in row 13)" in said(path)


@pytest.mark.parametrize(
    ("head", "names"),
    [
        (["time,a,b,c", "s,bar,C,m"], ["a", "b", "c"]),
        (["rig,rig,rig,7", "time,a,b,c", ",,Avg,Smp"], ["a", "b", "c"]),
        (["time,a,,c", "s,bar,C,m"], ["a", "column2", "c"]),
        (["Report,,,", "time,a,b,c"], ["a", "b", "c"]),
        (["time,a,a,a"], ["a", "a_1", "a_2"]),
    ],
)
def test_units_and_preambles_are_no_levels(tmp_path, head, names):
    assert list(values(written(tmp_path, below(head)))) == names
