"""A document of JSON as rows: objects, columns, what pandas writes, or what a database answers."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from clients.recordings.cells import is_number
from clients.recordings.database_answers import rows_of_answer
from clients.recordings.refusal import ReplayRefused
from clients.recordings.times.time_columns import is_named_like_a_time, is_time
from clients.recordings.times.utc_offsets import is_named_like_an_offset
from consumer.decode.times import readings
from consumer.errors import Unlearnable

Row = Mapping[str, Any]
_ROWS_KEYS = ("data", "records", "rows", "results", "result", "items", "values", "value")


class Found(NamedTuple):
    """The rows of a document, the form that it has, and what of it is not in them, for people."""

    rows: Sequence[Row]
    form: str
    said: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """The key that names the signal of each row."""


def rows_of_document(path: Path, document: Any) -> Found:
    """Find the rows of one document.

    Raises:
        ReplayRefused: There are none, or it has no known form.
    """
    if document is None or document in ({}, []):
        raise ReplayRefused(f"{path} holds no row, only {'null' if document is None else document}")
    answer = rows_of_answer(path, document)
    if answer is not None:
        rows, form = answer
        series = {row.get("series") for row in rows}
        is_long = None not in series and (len(series) > 1 or len(rows[0]) == len(("series", "time", "value")))
        return Found(rows, form, tags=("series",) if is_long else ())
    if isinstance(document, list):
        return _of_list(path, document)
    if isinstance(document, dict):
        found = _of_columns(path, document) or _of_keys(document) or _of_one_key(path, document)
        if found is not None:
            return found
        if any(not isinstance(value, list | dict) for value in document.values()):
            return Found([document], "JSON, one object")
    _refuse(path)


def _refuse(path: Path) -> NoReturn:
    raise ReplayRefused(
        f"{path}: JSON of this form is not known. Write an object for each row, "
        '[{"timestamp": "2024-03-01T00:00:00Z", "pressure": 4.2}, …]; pandas does with '
        'to_json(orient="records") after reset_index()'
    )


def _of_list(path: Path, document: Sequence[Any]) -> Found:
    nulls = sum(one is None for one in document)
    if 0 < nulls < len(document):
        found = _of_list(path, [one for one in document if one is not None])
        return found._replace(said=(*found.said, f"{nulls} nulls among the rows"))
    if all(isinstance(one, dict) for one in document):
        if len(document) == 1 and isinstance(document[0].get("columns"), list):
            return rows_of_document(path, document[0])  # a table of Grafana
        unfolded = _unfolded(document)
        return Found(
            unfolded or document, f"JSON, an array of objects{' that hold several rows' * bool(unfolded)}"
        )
    if not all(isinstance(one, list) for one in document):
        _refuse(path)
    inner = [row for one in document for row in _filled(one)]
    if inner and all(isinstance(row, dict) for row in inner):
        return Found(inner, "JSON, arrays of objects")
    names = document[0]
    are_names = all(isinstance(name, str) and not is_time(name) and not is_number(name) for name in names)
    if len(document) > 1 and names and are_names:
        return Found(_zipped(path, names, document[1:]), "JSON, an array of rows below one of names")
    raise ReplayRefused(
        f"{path}: its rows have no names, as pandas' values. Put an array of the columns' names above them, "
        'or write them with to_json(orient="split")'
    )


def _unfolded(document: Sequence[Row]) -> list[Row]:
    """The rows in objects that have an array of rows each, or arrays of times and values; else none."""
    rows: list[Row] = []
    for one in document:
        lists = {name: value for name, value in one.items() if isinstance(value, list)}
        others = {name: value for name, value in one.items() if name not in lists}
        if any(is_named_like_a_time(name) or is_time(value) for name, value in others.items()):
            return []
        if len(lists) == 1 and _is_table(*lists.values()):
            rows += [{**others, **row} for row in next(iter(lists.values()))]
        elif (
            len(lists) > 1 and len(set(map(len, lists.values()))) == 1 and any(map(_are_times, lists.items()))
        ):
            together = zip(*lists.values(), strict=True)
            rows += [{**others, **dict(zip(lists, row, strict=True))} for row in together]
        else:
            return []
    return rows


def _are_times(column: tuple[str, Sequence[Any]]) -> bool:
    name, cells = column
    return bool(cells) and (is_named_like_a_time(name) or is_time(cells[0]))


def _of_columns(path: Path, document: Mapping[str, Any]) -> Found | None:
    """Names and rows, as pandas' split and others; or an array a column."""
    columns = document.get("columns")
    rows = document.get("data", document.get("values", document.get("rows")))
    if isinstance(columns, list) and isinstance(rows, list) and all(isinstance(row, list) for row in rows):
        names = [_name(column) for column in columns]
        index = document.get("index")
        if isinstance(index, list) and len(index) == len(rows):
            levels = [at if isinstance(at, list) else [at] for at in index]
            width = max(map(len, levels), default=1)
            named = [*(f"level_{level}" for level in range(width - 1)), "index"]
            together = [[*at, *row] for at, row in zip(levels, rows, strict=True)]
            return Found(_zipped(path, [*named, *names], together), "JSON, pandas' split")
        return Found(_zipped(path, names, rows), "JSON, columns and rows")
    lists = {name: value for name, value in document.items() if _is_plain_list(value) and value}
    nested = [
        name for name, value in document.items() if name not in lists and isinstance(value, list | dict)
    ]
    if not lists or nested or (len(lists) == 1 and len(document) > 1):
        return None
    lengths = {name: len(value) for name, value in lists.items()}
    if len(set(lengths.values())) > 1:
        (one, first), (other, second) = sorted(lengths.items(), key=lambda each: each[1])[:: len(lengths) - 1]
        raise ReplayRefused(f"{path}: {one!r} has {first} values, and {other!r} {second}. Mend one of them")
    found = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    return Found(found, "JSON, an array a column", _beside(document, lists))


def _name(column: Any) -> str:
    if isinstance(column, dict):
        return str(column.get("name", column.get("text")))
    return ".".join(map(str, column)) if isinstance(column, list) else str(column)


def _of_keys(document: Mapping[str, Any]) -> Found | None:
    """Objects by row or by column, as pandas writes them: keys that are numbers or times are rows'."""
    values = list(document.values())
    are_rows = all(map(_is_row_key, document))
    if (
        are_rows
        and any(map(_is_moment, document))
        and not any(isinstance(one, list | dict) for one in values)
    ):
        rows: list[Row] = [{"index": key, "value": value} for key, value in document.items()]
        return Found(rows, "JSON, a series of pandas")
    if not all(isinstance(value, dict) and value and _is_plain_list([*value.values()]) for value in values):
        return None
    keys = dict.fromkeys(key for value in values for key in value)
    if are_rows and not all(map(_is_row_key, keys)):
        return Found([{"index": key, **value} for key, value in document.items()], "JSON, pandas' index")
    if len(values) == 1 and not all(map(_is_row_key, keys)):
        return None
    by_key: list[Row] = [
        {"index": key, **{name: column.get(key) for name, column in document.items()}} for key in keys
    ]
    return Found(by_key, "JSON, pandas' columns")


def _is_row_key(key: str) -> bool:
    return is_number(key) or is_time(key)


def _is_moment(key: str) -> bool:
    """Whether a key is the time of a row: a date, or an epoch, and no row's number."""
    try:
        return is_time(key) or readings(key).seconds.get(None, 0.0) > 1e8
    except Unlearnable:
        return False


def _of_one_key(path: Path, document: Mapping[str, Any]) -> Found | None:
    """What stands below a key, such as data; what stands beside it is said."""
    tables = [key for key, one in document.items() if isinstance(one, list) and _is_table(one)]
    tables += [key for key, one in document.items() if _has_columns(one)]
    of_series = len(tables) > 1 and tables == [*document]
    if (
        of_series
        and all(isinstance(one, list) for one in document.values())
        and len({frozenset(row) for key in tables for row in document[key]}) == 1
    ):
        rows = [{"series": key, **row} for key in tables for row in document[key]]
        return Found(rows, "JSON, an array of objects a series", tags=("series",))
    if len(tables) > 1:
        names = ", ".join(map(repr, tables))
        raise ReplayRefused(f"{path} holds several tables, {names}: write each into a file of its own")
    wrapped = [key for key in _ROWS_KEYS if isinstance(document.get(key), list | dict) and document[key]]
    for key in tables or wrapped[:1]:
        found = rows_of_document(path, document[key])
        zones = {
            name: one for name, one in document.items() if is_named_like_an_offset(name) and _is_scalar(one)
        }
        timed: Sequence[Row] = [{**zones, **row} for row in found.rows] if zones else found.rows
        return found._replace(rows=timed, said=(*found.said, *_beside(document, [key, *zones])))
    return None


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and value != ""


def _has_columns(value: Any) -> bool:
    """Whether it is arrays of one length, one of them of times."""
    if not isinstance(value, dict) or len(value) < 2 or not all(map(_is_plain_list, value.values())):
        return False
    return len(set(map(len, value.values()))) == 1 and any(map(_are_times, value.items()))


def _is_table(value: Sequence[Any]) -> bool:
    return bool(value) and all(isinstance(one, dict) for one in value)


def _beside(document: Mapping[str, Any], read: Any) -> tuple[str, ...]:
    others = ", ".join(repr(name) for name in document if name not in read)
    return (f"beside the rows, {others[:200]}",) if others else ()


def _is_plain_list(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(one, dict | list) for one in value)


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
    texts = list(map(str, names))
    if len(set(texts)) < len(texts):
        again = next(name for name in texts if texts.count(name) > 1)
        raise ReplayRefused(f"{path}: two columns are named {again!r}. Rename one")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != len(names):
            raise ReplayRefused(f"{path}, row {number} has not the {len(names)} cells that the names have")
        found.append(dict(zip(texts, row, strict=True)))
    return found
