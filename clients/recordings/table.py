"""Files as tables: DuckDB detects separators and types, and reads the rows in order.

Cells of CSV are read as text and cast one by one, so that an error names the row and column of a cell that is
not a number. Row 1 is the first one below the header.
"""

import contextlib
import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

_ROWS_AT_ONCE = 2048
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "BIGNUM")
_MOMENTS = ("TIMESTAMP", "DATE")
_JSON_LINES = (".jsonl", ".ndjson", ".json")


class ReplayRefused(Exception):
    """A file cannot be replayed as asked: the text names file, row or column, and what to do."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, by its name and by DuckDB's name of its type."""

    name: str
    type: str

    @property
    def is_number(self) -> bool:
        """Whether all sampled values are numbers."""
        return self.type.removeprefix("U").startswith(_NUMBERS)

    @property
    def is_moment(self) -> bool:
        """Whether all sampled values are dates, with or without times."""
        return self.type.startswith(_MOMENTS)


@dataclass(frozen=True, slots=True)
class Table:
    """A file: `source` is what DuckDB selects from, `moment_format` how a CSV's times are written."""

    path: Path
    columns: tuple[Column, ...]
    source: str
    moment_format: str | None = None

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            ReplayRefused: There is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise ReplayRefused(f"{self.path} has no column {name!r}; it has {self.names}")

    @property
    def names(self) -> str:
        """The columns' names, for texts."""
        return ", ".join(repr(column.name) for column in self.columns)

    def rows(self, select: str, where: str = "true") -> Iterator[tuple[Any, ...]]:
        """Select from numbered rows in order, in constant memory.

        Raises:
            ReplayRefused: The file cannot be read to its end.
        """
        numbered = f"SELECT row_number() OVER () AS row_, * FROM {self.source}"
        return self.query(f"SELECT {select} FROM ({numbered}) WHERE {where}")

    def query(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Run a query over `source`; its rows as they come.

        Raises:
            ReplayRefused: The file cannot be read to its end.
        """
        with _connection() as connection, _refusing(self.path):
            answer = connection.execute(sql)
            while rows := answer.fetchmany(_ROWS_AT_ONCE):
                yield from rows


def open_table(path: Path) -> Table:
    """Open a CSV, Parquet or JSON lines file, by its name's ending.

    Raises:
        ReplayRefused: It cannot be read.
    """
    if not path.is_file():
        raise ReplayRefused(f"{path}: there is no such file")
    ending = path.with_suffix("").suffix if path.suffix in (".gz", ".zst") else path.suffix
    with _connection() as connection, _refusing(path):
        if ending.lower() == ".parquet":
            return _described(connection, path, f"read_parquet({_file(path)})")
        if ending.lower() in _JSON_LINES:
            return _described(connection, path, f"read_json({_file(path)}, format='newline_delimited')")
        return _sniffed(connection, path)


def quoted(name: str) -> str:
    """A column's name, quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text, quoted for SQL."""
    return "'" + text.replace("'", "''") + "'"


def _file(path: Path) -> str:
    """The arguments that let DuckDB read this file alone: nothing in its path has a meaning.

    By itself it takes `line[1].csv` for a pattern, and a folder named `year=2024` for a column.

    >>> _file(Path("/line[1].csv"))
    "'/line[[]1].csv', hive_partitioning=false"

    Raises: `ReplayRefused` for the few names that it cannot be told.
    """
    text = str(path.absolute())  # so that neither ~ nor s3: begins it
    escaped = glob.escape(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ReplayRefused(f"{text!r}: its name is not UTF-8. Rename it") from None
    if escaped != text and os.sep == "/" and "\\" in text:  # in a pattern it would separate folders
        raise ReplayRefused(f"{text!r}: a name with a backslash cannot also have *, ? or [. Rename it")
    return f"{literal(escaped)}, hive_partitioning=false"


def _described(connection: duckdb.DuckDBPyConnection, path: Path, source: str) -> Table:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    return Table(path, tuple(Column(name, type_) for name, type_, *_ in rows), source)


def _sniffed(connection: duckdb.DuckDBPyConnection, path: Path) -> Table:
    found = connection.execute(
        "SELECT Delimiter, Quote, Escape, SkipRows, HasHeader, Columns, "
        f"coalesce(TimestampFormat, DateFormat) FROM sniff_csv({_file(path)})"
    ).fetchone()
    assert found is not None
    delimiter, quote, escape, skip, has_header, columns, moment_format = found
    if not has_header:
        raise ReplayRefused(
            f"{path} has no header line (or all its cells are text): begin it with the columns' names"
        )
    texts = ", ".join(f"{literal(column['name'])}: 'VARCHAR'" for column in columns)
    source = (
        f"read_csv({_file(path)}, auto_detect=false, header=true, skip={skip}, "
        f"delim={literal(_character(delimiter))}, quote={literal(_character(quote))}, "
        f"escape={literal(_character(escape))}, columns={{{texts}}})"
    )
    named = tuple(Column(column["name"], column["type"]) for column in columns)
    return Table(path, named, source, moment_format)


def _character(sniffed: str) -> str:
    return "" if sniffed == "(empty)" else sniffed.replace("\\t", "\t")


def _connection() -> duckdb.DuckDBPyConnection:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",  # download nothing: what is needed is linked in
        "threads": 1,
        "preserve_insertion_order": "true",
    }
    connection = duckdb.connect(config=settings)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@contextlib.contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn DuckDB's errors inside the block into ours."""
    try:
        yield
    except duckdb.Error as error:
        reason, *_ = str(error).partition("\n\n")  # the rest is the query and suggestions
        raise ReplayRefused(f"{path} cannot be read: {' '.join(reason.split())}") from None
