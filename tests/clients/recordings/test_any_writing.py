"""However a recording is written, its values and times are those that were measured, or it is refused.

The tables here are written in the ways of exports: separators, decimal signs, units, thousands, encodings,
ends of lines, forms of times, and what stands above, among and below the rows. Nothing may be read as another
number or at another time, and no row may be lost without being counted.
"""

import re
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.recordings.refusal import ReplayRefused
from clients.recordings.rows import rows_of
from clients.recordings.survey import described, survey
from tests.clients.recordings.reading import chosen

LEADS_ON = r"(?s)row \d+|--time|--decimal|--signals|--tag|[Mm]end|[Rr]emove|[Nn]ame"
GAPS = ("", "NULL", "Bad Input", "#N/A", "-", "No Data")
FORMS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S+00:00",
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%d-%b-%y %H:%M:%S",
    "%Y%m%d%H%M%S",
    "%d/%m/%y %H:%M:%S",
    "epoch s",
    "epoch ms",
    "epoch 1e9",
)
SAID = {
    "comment": "a comment (row",
    "empty": "",
    "header": "the header again",
    "separators": "an empty row",
    "(4 rows)": "a line below the table",
    "Total": "a line below the table",
    "Export of plant 4": "above the header left out",
    "# a comment": "above the header left out",
}
UNITS = ("", "", "", " bar", "%", " °C", "\u00a0kW", "\u2009m³/h")
GROUPS = ("", "", "", "other", " ", "\u00a0", "\u2009", "\u202f", "'")


def moment(form, at):
    if form == "epoch s":
        return str(int(at.timestamp()))
    if form == "epoch ms":
        return str(int(at.timestamp() * 1000))
    return f"{at.timestamp():.9e}" if form == "epoch 1e9" else f"{at:{form}}"


def number(value, decimal, group, plus, places):
    text = f"{value:,.{places}f}" if group else f"{value:.{places}f}"
    group = {"": "", "other": "." if decimal == "," else ","}.get(group, group)
    text = text.replace(",", "\0").replace(".", decimal).replace("\0", group)
    return f"+{text}" if plus and value > 0 else text


@st.composite
def recordings(draw):
    rows = draw(st.integers(3, 14))
    start = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=draw(st.integers(0, 5000)))
    step = timedelta(seconds=draw(st.sampled_from([1, 60, 600, 3600, 86_400])))
    columns = []
    for _ in range(draw(st.integers(1, 3))):
        size = draw(st.sampled_from([1.0, 40.0, 3000.0, 2e6]))
        found = draw(st.lists(st.integers(-10_000, 10_000), min_size=rows, max_size=rows))
        places = draw(st.integers(0, 3))
        columns.append(([round(each / 10_000 * size, places) for each in found], places))
    moments = [start + row * step for row in range(rows)]
    return moments, columns


def is_usual(writing):
    """Whether thousands are 1.000 beside semicolons and 1,000 elsewhere: others look like decimals."""
    return writing["group"] != "other" or (writing["decimal"] == ",") == (writing["separator"] == ";")


@st.composite
def writings(draw):
    return {
        "separator": draw(st.sampled_from([",", ";", "\t", "|"])),
        "decimal": draw(st.sampled_from([".", ","])),
        "form": draw(st.sampled_from(FORMS)),
        "group": draw(st.sampled_from(GROUPS)),
        "unit": draw(st.sampled_from(UNITS)),
        "plus": draw(st.booleans()),
        "end": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])),
        "quoted": draw(st.booleans()),
        "trailing": draw(st.booleans()),
        "time_at": draw(st.sampled_from(["first", "last"])),
        "above": draw(st.lists(st.sampled_from(["Export of plant 4", "# a comment", ""]), max_size=2)),
        "sep": draw(st.booleans()),
        "units_row": draw(st.booleans()),
        "among": draw(st.sampled_from(["", "comment", "empty", "header", "separators"])),
        "below": draw(st.sampled_from(["", "", "(4 rows)", "Total"])),
        "reverse": draw(st.booleans()),
        "gap": draw(st.sampled_from(GAPS)),
    }


def cell(text, writing):
    separator = writing["separator"]
    is_quoted = writing["quoted"] or separator in text
    return f'"{text}"' if is_quoted else text


def written_lines(moments, columns, gaps, writing):
    separator = writing["separator"]
    names = [f"s{number_of}" for number_of in range(len(columns))]

    def line(time, cells):
        ordered = [time, *cells] if writing["time_at"] == "first" else [*cells, time]
        return separator.join(cell(each, writing) for each in ordered) + separator * writing["trailing"]

    header = line("Timestamp", names)
    lines = [f"sep={separator}"] * writing["sep"] + writing["above"] + [header]
    lines += [line("", ["bar"] * len(columns))] * writing["units_row"]
    body = []
    for row, at in enumerate(moments):
        cells = [
            writing["gap"]
            if (row, column) in gaps
            else number(found[row], writing["decimal"], writing["group"], writing["plus"], places)
            + writing["unit"]
            for column, (found, places) in enumerate(columns)
        ]
        body.append(line(moment(writing["form"], at), cells))
    body = body[::-1] if writing["reverse"] else body
    among = {"comment": "# note", "empty": "", "header": header, "separators": separator * len(names)}
    if writing["among"]:
        body.insert(len(body) // 2, among[writing["among"]])
    return [*lines, *body, *([writing["below"]] if writing["below"] else [])]


@settings(max_examples=400, deadline=None)
@given(
    recordings(),
    st.sets(st.tuples(st.integers(0, 13), st.integers(0, 2)), max_size=3),
    writings().filter(is_usual),
)
def test_values_and_times_are_those_that_were_measured(recording, gaps, writing):
    moments, columns = recording
    lines = written_lines(moments, columns, gaps, writing)
    content = (writing["end"].join(lines) + writing["end"]).encode(writing["encoding"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rig.csv")
        path.write_bytes(content)
        try:
            choice = chosen(path)
            seen = survey(choice)
            text = "\n".join(described(choice, seen))
        except ReplayRefused as error:
            refused = str(error)
        else:
            refused = ""
        if refused:
            assert re.search(LEADS_ON, refused), refused
            return
        read = list(rows_of(choice))
    assert seen.rows == len(moments)
    assert seen.observations + seen.empty == len(moments) * len(choice.signals)
    for line in (writing["among"], writing["below"], *writing["above"]):
        assert not line or SAID[line] in text
    check(moments, columns, gaps, choice.names, read, text)


def check(moments, columns, gaps, names, read, text):
    assert [row.at_s for row in read] == pytest.approx([at.timestamp() for at in moments], abs=1e-3), text
    for column, (found, _) in enumerate(columns):
        name = f"s{column}"
        expected = [None if (row, column) in gaps else value for row, value in enumerate(found)]
        if name not in names:
            assert f"column {name!r} (" in text
            continue
        values = [row.values[names.index(name)] for row in read]
        assert values == expected, text
