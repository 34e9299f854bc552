"""Whatever a file holds, it is read or refused in a sentence; nothing else is raised."""

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from clients.recordings.refusal import ReplayRefused
from clients.recordings.rows import rows_of
from clients.recordings.survey import described, survey
from tests.clients.recordings.reading import chosen

WORDS = (
    "time Date Time tag value v w quality 2024-03-01 2024-03-01T00:00:00Z 1709251200 20240301000000 00:10 1"
)
OTHERS = "-3,5 1.234,5 1,5 NULL true Bad text °C , ; | , ; \" # sep=; nan 1e999 \ufeff ' GOOD 03/04/2024"
PIECES = st.sampled_from([*WORDS.split(), *OTHERS.split(), "\t", " ", "\n", "\n", "\r\n", ""])
CELLS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["2024-03-01", "1.5", 1709251200])
)
_OF_TABLES = ["time", "timestamp", "v", "w", "entity_id", "state", "data", "columns"]
NAMES = st.sampled_from([*_OF_TABLES, "signal", "value", "values", "entries", "type"])
DOCUMENTS = st.recursive(
    CELLS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


def is_read_or_refused(content, ending):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"rig.{ending}")
        path.write_bytes(content)
        try:
            choice = chosen(path)
            seen = survey(choice)
            assert len(described(choice, seen)) == 3
            read = list(rows_of(choice))
        except ReplayRefused:
            return
    assert sum(len(row.values) - row.values.count(None) for row in read) == seen.observations


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=60))
def test_a_csv_of_any_pieces(pieces):
    is_read_or_refused("".join(pieces).encode(), "csv")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(PIECES, min_size=3, max_size=3), max_size=12))
def test_a_table_of_any_cells(rows):
    is_read_or_refused(
        "\n".join(["time,v,w", *(",".join(row).replace("\n", " ") for row in rows)]).encode(), "csv"
    )


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(content):
    is_read_or_refused(content, "csv")


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS)
def test_any_document(document):
    is_read_or_refused(json.dumps(document).encode(), "json")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(NAMES, DOCUMENTS, max_size=4), max_size=5))
def test_any_lines_of_json(lines):
    is_read_or_refused("\n".join(map(json.dumps, lines)).encode(), "jsonl")
