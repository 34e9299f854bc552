"""No row and no column of a recording vanishes without being counted and said."""

import csv
import io
import json
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.recordings.refusal import ReplayRefused
from clients.recordings.rows import rows_of
from clients.recordings.survey import described, survey
from tests.clients.recordings.reading import chosen

START = datetime(2024, 3, 1, tzinfo=UTC)
NUMBERS = st.decimals(-1000, 1000, allow_nan=False, places=2).map(str)
GAPS = ("", "NULL", "Bad Input", "NaN", "-")
WORDS = st.sampled_from(GAPS)
BOOLEANS = st.sampled_from(["True", "False"])
TEXTS = st.sampled_from(["auto", "manual", "Overload", "see note 7", "12 of 20", "x;y", 'a "b"', "1.2.3"])
COLUMNS = st.sampled_from(
    [NUMBERS, NUMBERS | WORDS, NUMBERS | WORDS | TEXTS, BOOLEANS | WORDS, TEXTS, WORDS, TEXTS | WORDS]
)
NAMES = st.text("abcdefgh ", min_size=1, max_size=8).map(str.strip).filter(lambda name: name and name != "t")


@st.composite
def tables(draw):
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.casefold))
    rows = draw(st.integers(2, 12))
    columns = [draw(st.lists(draw(COLUMNS), min_size=rows, max_size=rows)) for _ in names]
    return names, [list(row) for row in zip(*columns, strict=True)]


def times_of(rows):
    return [(START + timedelta(minutes=row)).strftime("%Y-%m-%dT%H:%M:%SZ") for row in range(rows)]


def csv_of(names, rows, separator=","):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator)
    writer.writerow(["timestamp", *names])
    writer.writerows([at, *row] for at, row in zip(times_of(len(rows)), rows, strict=True))
    return out.getvalue()


def jsonl_of(names, rows):
    lines = zip(times_of(len(rows)), rows, strict=True)
    return "".join(
        json.dumps({"timestamp": at, **dict(zip(names, row, strict=True))}) + "\n" for at, row in lines
    )


def is_value(cell):
    return cell in ("True", "False") or cell.lstrip("-").replace(".", "", 1).isdecimal()


def has_numbers(rows):
    """Whether some column has a value, and not more texts than values."""
    for column in zip(*rows, strict=True):
        texts = [cell for cell in column if not is_value(cell) and cell not in GAPS]
        found = sum(map(is_value, column))
        if found and found >= len(texts):
            return True
    return False


def check_accounts(names, rows, content, ending):
    """Each cell is an observation or a gap whose word is said, or its column is named as left out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"rig.{ending}")
        path.write_text(content, newline="")
        if not has_numbers(rows):
            with pytest.raises(ReplayRefused, match="no column of numbers"):
                chosen(path)
            return
        choice = chosen(path)
        seen = survey(choice)
        text = "\n".join(described(choice, seen))
        read = list(rows_of(choice))
    assert seen.rows == len(read) == len(rows)
    assert seen.observations + seen.empty == len(rows) * len(choice.signals)
    for position, name in enumerate(names):
        cells = [row[position] for row in rows]
        if name not in choice.names:
            assert f"column {name!r} (" in text
            continue
        values = [row.values[choice.names.index(name)] for row in read]
        gaps = Counter(cell for cell, value in zip(cells, values, strict=True) if value is None)
        for word, times in gaps.items():
            assert f"{word!r} {times}" in text or (not word and f"empty {times}" in text), (word, text)
        for cell, value in zip(cells, values, strict=True):
            if value is not None:
                assert value == {"True": 1.0, "False": 0.0}.get(cell, value)
                assert cell in ("True", "False") or float(cell) == value


@settings(max_examples=150, deadline=None)
@given(tables(), st.sampled_from([",", ";", "\t", "|"]))
def test_every_cell_of_a_csv_is_an_observation_or_named(table, separator):
    names, rows = table
    check_accounts(names, rows, csv_of(names, rows, separator), "csv")


@settings(max_examples=80, deadline=None)
@given(tables())
def test_every_cell_of_json_lines_is_an_observation_or_named(table):
    names, rows = table
    check_accounts(names, rows, jsonl_of(names, rows), "jsonl")


LINES = st.sampled_from(["", ",,", "# a comment", "timestamp,v,w", "   "])


@settings(max_examples=100, deadline=None)
@given(st.lists(LINES | st.just("row"), min_size=3, max_size=30).filter(lambda lines: lines.count("row") > 2))
def test_every_line_of_a_csv_is_a_row_or_counted(lines):
    at, content = iter(times_of(len(lines))), ["timestamp,v,w"]
    content += [f"{next(at)},1,2" if line == "row" else line for line in lines]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rig.csv")
        path.write_text("\n".join(content) + "\n")
        choice = chosen(path)
        seen = survey(choice)
        text = "\n".join(described(choice, seen))
    assert seen.rows == lines.count("row")
    for line, what in (
        ("# a comment", "a comment"),
        ("timestamp,v,w", "the header again"),
        (",,", "an empty row"),
    ):
        times = lines.count(line)
        if times:
            counted = f"{what} ({times} times" if times > 1 else f"{what} (row"
            assert counted in text or "above the header" in text or "columns' names" in text, (what, text)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["a.p", "b.p", "c.p"]), min_size=3, max_size=40),
    st.lists(NUMBERS | WORDS, min_size=40, max_size=40),
)
def test_every_row_of_a_long_table_is_an_observation_or_counted(tags, cells):
    tags = [*tags, "a.p", "b.p"]
    at, count, moments = -1, Counter(), []
    for tag in tags:  # all tags of a minute, then the next
        if not moments or tag in count:
            at, count = at + 1, Counter()
        count[tag] += 1
        moments.append((START + timedelta(minutes=at)).strftime("%Y-%m-%d %H:%M"))
    lines = [f"{moment},{tag},{cell}" for moment, tag, cell in zip(moments, tags, cells, strict=False)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rig.csv")
        path.write_text("\n".join(["time,tag,value", *lines]) + "\n")
        if not any(map(is_value, cells[: len(lines)])):
            with pytest.raises(ReplayRefused, match="number"):
                chosen(path)
            return
        choice = chosen(path)
        seen = survey(choice)
        read = [value for row in rows_of(choice) for value in row.values if value is not None]
    numbers = [cell for cell in cells[: len(lines)] if cell not in GAPS]
    assert seen.rows == len(lines)
    assert Counter(read) == Counter(map(float, numbers))
    assert (seen.observations, seen.empty) == (len(numbers), len(lines) - len(numbers))
    assert set(choice.names) | set(choice.tags.without_numbers) == set(tags[: len(lines)])
