"""Opens a file as a table, whatever it is: CSV, JSON or Parquet."""

import glob
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from clients.recordings.delimited import open_delimited
from clients.recordings.json_files import open_json
from clients.recordings.refusal import PassedOver, ReplayRefused
from clients.recordings.table import Cells, Table
from clients.recordings.text_files import head_of

_ROWS_AT_ONCE = 2048
_BEGINS_AS_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\[\s*[\[\]{]|\{\s*["}])')
_JSON_ENDINGS = (".jsonl", ".ndjson", ".json")


def open_table(path: Path) -> Table:
    """Open a CSV, Parquet or JSON file, by what it holds.

    Raises:
        ReplayRefused: It cannot be read.
    """
    if not path.is_file():
        raise ReplayRefused(f"{path}: there is no such file")
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ReplayRefused(f"{text!r}: its name is not UTF-8. Rename it") from None
    head = head_of(path)
    if head.startswith(b"PAR1"):
        return _open_parquet(path)
    ending = path.with_suffix("").suffix if path.suffix in (".gz", ".zst") else path.suffix
    if ending.lower() in _JSON_ENDINGS or _BEGINS_AS_JSON.match(head):
        return open_json(path)
    return open_delimited(path)


def _open_parquet(path: Path) -> Table:
    source = f"read_parquet({_file(path)})"
    with _connection() as connection, _refusing(path):
        rows = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    return Table(path, tuple(name for name, *_ in rows), lambda passed: _rows(path, source, passed))


def _rows(path: Path, source: str, passed: PassedOver) -> Iterator[tuple[int, Cells]]:
    row = 0
    with _connection() as connection, _refusing(path):
        answer = connection.execute(f"SELECT * FROM {source}")
        while rows := answer.fetchmany(_ROWS_AT_ONCE):
            for cells in rows:
                row += 1
                yield row, cells


def _file(path: Path) -> str:
    """The arguments that let DuckDB read this file alone: nothing in its path has a meaning.

    By itself it takes `line[1].parquet` for a pattern, and a folder named `year=2024` for a column.

    >>> _file(Path("/line[1].parquet"))
    "'/line[[]1].parquet', hive_partitioning=false"

    Raises: `ReplayRefused` for the few names that it cannot be told.
    """
    text = str(path.absolute())  # so that neither ~ nor s3: begins it
    escaped = glob.escape(text)
    if escaped != text and os.sep == "/" and "\\" in text:  # in a pattern it would separate folders
        raise ReplayRefused(f"{text!r}: a name with a backslash cannot also have *, ? or [. Rename it")
    return "'" + escaped.replace("'", "''") + "', hive_partitioning=false"


def _connection() -> duckdb.DuckDBPyConnection:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",  # download nothing: what is needed is linked in
        "threads": 1,
        "preserve_insertion_order": "true",
    }
    connection = duckdb.connect(config=settings)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn DuckDB's errors inside the block into ours."""
    try:
        yield
    except duckdb.Error as error:
        reason, *_ = str(error).partition("\n\n")  # the rest is the query and suggestions
        raise ReplayRefused(f"{path} cannot be read: {' '.join(reason.split())}") from None
