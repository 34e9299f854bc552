"""What stands around the rows of a table, and how cells are wrapped: read past, counted, or refused."""

import json

import pytest

from clients.recordings.refusal import ReplayRefused
from tests.clients.recordings.reading import read, said, values, written

DAYS = [f"2024-03-{day:02}T06:00:00" for day in range(1, 10)]
FLOW = [round(4.5 + day / 8, 3) for day in range(9)]
ROWS = [f"{day},{flow},7" for day, flow in zip(DAYS, FLOW, strict=True)]
BOTH = {"flow": FLOW, "level": [7.0] * 9}


def lines(*texts):
    return "\n".join(texts) + "\n"


@pytest.mark.parametrize(
    "below",
    [
        ["Total,51.0,63"],
        ["Mittelwert;,5.0,7.0", "Maximum,6.0,7"],
        ["Sum,,", "Average,,7", "StdDev,0.4,0"],
        ["Printed by X,2024-03-10 10:00,9"],
    ],
)
def test_totals_below_a_table_are_left_out_and_counted(tmp_path, below):
    path = written(tmp_path, lines("time,flow,level", *ROWS, *below))
    assert values(path) == BOTH
    times = f" ({len(below)} times, first in row 10)" if len(below) > 1 else " (row 10)"
    assert f"a row of totals below the table{times}" in said(path)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([*ROWS[:4], "Total,20,28", *ROWS[4:]], "row 5, column 'time': 'Total' is not a time"),
        ([*ROWS, *(f"Sum {n},1,2" for n in range(7))], "row 10, column 'time': 'Sum 0' is not a time"),
        ([*ROWS, "2024-03-1x,5,7"], "row 10, column 'time': '2024-03-1x' is not a time"),
        ([*ROWS, "NULL,5,7"], "row 10, column 'time': there is no time"),
    ],
)
def test_words_for_times_elsewhere_and_broken_times_are_refused(tmp_path, rows, reason):
    with pytest.raises(ReplayRefused, match=reason):
        values(written(tmp_path, lines("time,flow,level", *rows)))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("wrapping", ['="{}"', '"=""{}"""'])
def test_cells_that_are_texts_for_excel_are_read_as_they_are(tmp_path, separator, wrapping):
    rows = [separator.join(wrapping.format(cell) for cell in row.split(",")) for row in ROWS]
    path = written(tmp_path, lines(separator.join(("time", '="flow"', "level")), *rows))
    assert values(path) == BOTH


def test_a_header_with_a_separator_at_its_end_alone(tmp_path):
    assert values(written(tmp_path, lines("time,flow,level,", *ROWS))) == BOTH


def test_limits_above_a_header_are_no_levels_of_names(tmp_path):
    above = ["Channel,A,B", "Unit,bar,degC", "Min,0,0", "Max,100,10"]
    path = written(tmp_path, lines(*above, "", "time,flow,level", *ROWS))
    assert values(path) == BOTH
    assert "4 lines above the header left out, the first 'Channel,A,B'" in said(path)


@pytest.mark.parametrize("rule", [[], ["----------  --------  ----  -----"]])
@pytest.mark.parametrize("name", ["timestamp", "Zeit"])
def test_a_date_and_a_time_of_day_between_blanks_may_have_one_name(tmp_path, name, rule):
    rows = [row.replace("T", "  ").replace(",", "   ") for row in ROWS]
    path = written(tmp_path, lines(f"{name}            flow  level", *rule, *rows))
    assert values(path) == BOTH
    assert f"time by '{name},{name} of day'" in said(path)


def test_a_name_too_few_is_refused_where_it_is_not_that_of_a_time(tmp_path):
    rows = [row.replace("T", "  ").replace(",", "   ") for row in ROWS]
    with pytest.raises(ReplayRefused, match="rows have 4 cells, and 'flow level x' above 3"):
        values(written(tmp_path, lines("flow level x", *rows)))


def test_names_and_units_in_two_comments(tmp_path):
    """As buoys of NDBC have them: months in capitals, minutes in small letters."""
    rows = [f"2024 03 01 {hour:02} 50 {flow}" for hour, flow in enumerate(FLOW)]
    path = written(tmp_path, lines("#YY  MM DD hh mm WSPD", "#yr  mo dy hr mn m/s", *rows))
    start = 1_709_251_200 + 50 * 60
    assert read(path) == {"WSPD": [(start + 3600.0 * hour, flow) for hour, flow in enumerate(FLOW)]}


@pytest.mark.parametrize("keys", [["d", "results"], ["response", "data", "items"], ["answer", "table"]])
def test_rows_below_several_keys_of_a_document(tmp_path, keys):
    document = [{"time": day, "flow": flow} for day, flow in zip(DAYS, FLOW, strict=True)]
    for key in reversed(keys):
        document = {key: document}
    assert values(written(tmp_path, json.dumps(document), "rig.json")) == {"flow": FLOW}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (
            "plant,host=a p=1.5,t=2 1709251200000000000\nplant,host=a p=1.6,t=2 1709251260000000000\n",
            "line protocol",
        ),
        ("plant p=1.5 1709251200000000000\n", "line protocol"),
        ('# HELP p Pressure\n# TYPE p gauge\np{unit="bar"} 1.5 1709251200000\n', "Prometheus' text"),
    ],
)
def test_lines_of_databases_that_are_no_table_are_named(tmp_path, content, what):
    with pytest.raises(ReplayRefused, match=f"{what}.*export the answer"):
        values(written(tmp_path, content, "rig.txt"))
