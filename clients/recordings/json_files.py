"""JSON as tables: a line a row, an array of them, columns, or what time series databases answer."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from clients.recordings.json_documents import rows_of_document
from clients.recordings.payload_archive import is_payload, open_archive
from clients.recordings.refusal import PassedOver, ReplayRefused
from clients.recordings.table import Cells, Table
from clients.recordings.text_files import text_of

Row = Mapping[str, Any]
_DECODER = json.JSONDecoder()
_PAYLOADS = "JSON, this pipeline's own payloads"


def open_json(path: Path) -> Table:
    """Find the table in a file of JSON.

    Raises:
        ReplayRefused: It is no JSON, or has another form.
    """
    if _is_lines(path):
        first = next(_of_lines(path), (0, {}))[1]
        if is_payload(first):
            return open_archive(path, lambda: _of_lines(path), _PAYLOADS)
        names = _names(row for _, row in _of_lines(path))
        return Table(
            path,
            names,
            lambda passed: _cells(path, names, _of_lines(path), passed),
            form="JSON, an object a row",
        )
    with text_of(path) as text:
        try:
            documents = list(_objects(text.read()))
        except ValueError as error:
            raise ReplayRefused(f"{path} cannot be read: malformed JSON: {error}") from None
    document = documents[0] if len(documents) == 1 else documents
    if isinstance(document, dict) and is_payload(document):
        return open_archive(path, lambda: iter([(1, document)]), _PAYLOADS)
    rows, form, said, tags = rows_of_document(path, document)
    if rows and is_payload(rows[0]):
        return open_archive(path, lambda: enumerate(rows, 1), _PAYLOADS)
    names = _names(rows)

    def read(passed: PassedOver) -> Iterator[tuple[int, Cells]]:
        return _cells(path, names, enumerate(rows, 1), passed)

    return Table(path, names, read, said, form, tags=tags)


def _is_lines(path: Path) -> bool:
    """Whether the first line is a whole object and others follow, there or below."""
    with text_of(path) as text:
        first, *others = [*islice((line for line in text if line.strip()), 2)] or [""]
    is_named_so = path.suffix.lower() in (".jsonl", ".ndjson")
    if not first.lstrip().startswith("{"):
        return False
    try:
        return len(list(_objects(first))) > 1 or bool(others) or is_named_so
    except ValueError:
        return is_named_so


def _of_lines(path: Path) -> Iterator[tuple[int, Row]]:
    row = 0
    with text_of(path) as text:
        for line in text:
            if not line.strip():
                continue
            try:
                for found in _objects(line):
                    row += 1
                    if not isinstance(found, dict):
                        raise ReplayRefused(
                            f"{path}, row {row}: a line is an object, not {line.strip()[:80]!r}"
                        )
                    yield row, found
            except ValueError as error:
                raise ReplayRefused(
                    f"{path} cannot be read: row {row + 1}: malformed JSON: {error}"
                ) from None


def _objects(line: str) -> Iterator[Any]:
    """The values of a text: Firehose puts objects one after the other, without a separator.

    Python's decoder reads NaN too, which many a producer writes.

    Raises:
        ValueError: It is no JSON.
    """
    line = line.strip()
    try:
        yield msgspec.json.decode(line)
        return
    except (msgspec.DecodeError, RecursionError):
        at = 0
    while at < len(line):
        try:
            found, at = _DECODER.raw_decode(line, at)
        except RecursionError:
            raise ValueError("nested too deep") from None
        yield found
        while at < len(line) and line[at] in " \t\r\n,":
            at += 1


def _names(rows: Iterable[Row]) -> tuple[str, ...]:
    holds_any: dict[str, bool] = {}
    """By name, whether it ever holds more than a null or an empty object."""
    for row in rows:
        is_flat = row.keys() <= holds_any.keys() and not any(isinstance(each, dict) for each in row.values())
        for name, value in (row if is_flat else _flat(row)).items():
            if not holds_any.get(name):
                holds_any[name] = value is not None and value != {}
    return tuple(
        name
        for name, is_held in holds_any.items()
        if is_held or not any(other.startswith(f"{name}.") for other in holds_any)
    )


def _flat(row: Row, prefix: str = "") -> dict[str, Any]:
    """A row without objects in it: `{"a": {"b": 1}}` has `a.b`."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and value:
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _cells(
    path: Path, names: Sequence[str], rows: Iterable[tuple[int, Row]], passed: PassedOver
) -> Iterator[tuple[int, Cells]]:
    for number, row in rows:
        flat = _flat(row)
        if not flat:
            passed.add("an empty object", number)
            continue
        yield number, [_cell(flat.get(name)) for name in names]


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value
