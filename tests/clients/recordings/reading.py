"""What a test reads of a small file."""

from datetime import UTC, datetime

from clients.recordings.columns import ReadOptions, choose
from clients.recordings.opening import open_table
from clients.recordings.rows import rows_of
from clients.recordings.survey import described, survey

NOW_S = datetime(2026, 6, 1, tzinfo=UTC).timestamp()


def at(text: str) -> float:
    """Epoch seconds of ISO 8601 in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def written(tmp_path, content, name="rig.csv"):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, encoding="utf-8", newline="")
    return path


def chosen(path, **options):
    return choose(open_table(path), ReadOptions(**{"now_s": NOW_S, **options}))


def read(path, **options):
    """The values by signal, each with its time, in the order in which they are learned."""
    choice = chosen(path, **options)
    found = {name: [] for name in choice.names}
    for row in rows_of(choice):
        for name, value in zip(choice.names, row.values, strict=True):
            if value is not None:
                found[name].append((row.at_s, value))
    return found


def values(path, **options):
    return {name: [value for _, value in pairs] for name, pairs in read(path, **options).items()}


def times(path, **options):
    return [row.at_s for row in rows_of(chosen(path, **options))]


def said(path, **options):
    choice = chosen(path, **options)
    return "\n".join(described(choice, survey(choice)))
