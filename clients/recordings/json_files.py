"""JSON as tables: a line a row, an array of them, columns, or what time series databases answer."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from clients.recordings.payload_archive import is_payload, open_archive
from clients.recordings.refusal import PassedOver, ReplayRefused
from clients.recordings.table import Cells, Table
from clients.recordings.text_files import text_of

Row = Mapping[str, Any]
_DECODER = json.JSONDecoder()
_PAYLOADS = "JSON, this pipeline's own payloads"
_ROWS_KEYS = ("data", "records", "rows", "results", "result", "items", "values", "value")


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
    rows, form = _of_document(path, document)
    if rows and is_payload(rows[0]):
        return open_archive(path, lambda: enumerate(rows, 1), _PAYLOADS)
    names = _names(rows)
    return Table(path, names, lambda passed: _cells(path, names, enumerate(rows, 1), passed), form=form)


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


def _of_document(path: Path, document: Any) -> tuple[list[Row], str]:
    """The rows of one document, and what form it has."""
    if isinstance(document, list) and document:
        if all(isinstance(one, dict) for one in document):
            return document, "JSON, an array of objects"
        if all(isinstance(one, list) for one in document):
            inner = [row for one in document for row in _filled(one)]
            if inner and all(isinstance(row, dict) for row in inner):
                return inner, "JSON, arrays of objects"
            if all(isinstance(name, str) for name in document[0]) and len(document) > 1:
                return _zipped(path, document[0], document[1:]), "JSON, an array of rows below one of names"
    if isinstance(document, dict):
        found = _of_object(path, document)
        if found is not None:
            return found
        if any(not isinstance(value, list | dict) for value in document.values()):
            return [document], "JSON, one object"
    raise ReplayRefused(
        f"{path}: JSON of this form is not known. Write an object for each row, "
        '[{"timestamp": "2024-03-01T00:00:00Z", "pressure": 4.2}, …]'
    )


def _of_object(path: Path, document: Mapping[str, Any]) -> tuple[list[Row], str] | None:
    columns, rows = document.get("columns"), document.get("data", document.get("values"))
    if isinstance(columns, list) and isinstance(rows, list) and all(isinstance(row, list) for row in rows):
        names = [
            str(column.get("name", column.get("text"))) if isinstance(column, dict) else str(column)
            for column in columns
        ]
        index = document.get("index")
        if isinstance(index, list) and len(index) == len(rows):
            return _zipped(
                path, ["index", *names], [[at, *row] for at, row in zip(index, rows, strict=True)]
            ), "JSON, pandas' split"
        return _zipped(path, names, rows), "JSON, columns and rows"
    series = _series(document)
    if series:
        return series, "JSON of a time series database"
    values = list(document.values())
    if values and all(map(_is_plain_list, values)) and len(set(map(len, values))) == 1:
        rows_found: list[Row] = [dict(zip(document, row, strict=True)) for row in zip(*values, strict=True)]
        return rows_found, "JSON, an array a column"
    if len(values) > 1 and all(
        isinstance(value, dict) and _is_plain_list([*value.values()]) for value in values
    ):
        keys = dict.fromkeys(key for value in values for key in value)
        by_key: list[Row] = [
            {"index": key, **{name: column.get(key) for name, column in document.items()}} for key in keys
        ]
        return by_key, "JSON, pandas' columns"
    for key in _ROWS_KEYS:
        if isinstance(document.get(key), list | dict) and document[key]:
            return _of_document(path, document[key])
    of_objects = [
        value for value in values if isinstance(value, list) and value and isinstance(value[0], dict)
    ]
    return _of_document(path, of_objects[0]) if len(of_objects) == 1 else None


def _is_plain_list(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(one, dict | list) for one in value)


def _series(document: Mapping[str, Any]) -> list[Row]:
    """The rows of an answer of InfluxDB 1 or Prometheus, with the series that each belongs to."""
    rows: list[Row] = []
    for result in document["results"] if isinstance(document.get("results"), list) else ():
        for series in result.get("series", ()) if isinstance(result, dict) else ():
            tags = ",".join(f"{key}={value}" for key, value in (series.get("tags") or {}).items())
            name = f"{series.get('name', '')}{',' if tags else ''}{tags}"
            rows += [
                {"series": name, **dict(zip(series["columns"], row, strict=True))}
                for row in series.get("values", ())
            ]
    answer = document.get("data")
    for series in (
        answer.get("result", ())
        if isinstance(answer, dict) and isinstance(answer.get("result"), list)
        else ()
    ):
        if isinstance(series, dict) and isinstance(series.get("metric"), dict):
            labels = dict(series["metric"])
            name = str(labels.pop("__name__", ""))
            name += "{" + ",".join(f"{key}={value}" for key, value in labels.items()) + "}" if labels else ""
            rows += [{"series": name, "time": at, "value": value} for at, value in series.get("values", ())]
    return rows


def _filled(rows: Sequence[Any]) -> Iterator[Any]:
    """Rows of which, as in Home Assistant's history, the first alone may name the entity."""
    entity = None
    for row in rows:
        if isinstance(row, dict):
            entity = row.get("entity_id", entity)
            yield row if entity is None else {**row, "entity_id": entity}
        else:
            yield row


def _zipped(path: Path, names: Sequence[Any], rows: Sequence[Any]) -> list[Row]:
    found: list[Row] = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != len(names):
            raise ReplayRefused(f"{path}, row {number} has not the {len(names)} cells that the names have")
        found.append(dict(zip(map(str, names), row, strict=True)))
    return found
