"""Where the table of a CSV begins: its separator, its header, and what stands above it."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clients.recordings.cells import MISSING, is_number
from clients.recordings.refusal import ReplayRefused, sample
from clients.recordings.times.time_columns import is_named_like_a_time, is_time

STRAY_ROWS_MAX = 2
"""So many rows of another length may be the dates of a preamble, or the end of a file that was cut off."""
COMMA_HINT = " A decimal comma needs another separator than the comma."
_TYPICAL_ROWS = 200
_SEPARATORS = ";\t|,"
"""In this order where several fit as well: a comma may also be a decimal sign."""
_BLANKS = " "
_UNITS = re.compile(
    r"[(\[<].*[)\]>]|°.*|%.*|deg ?[cfk]?|unitless|dimensionless|-|"
    r"[a-zµμΩ²³°]{1,4}\d?(?:[/*·^ ][a-zµμΩ²³°0-9^-]{1,5})*",
    re.IGNORECASE,
)
_OPEN = re.compile(r'(?:^|[;,\t|])\s*"[^"]*$')
_RULE = re.compile(r"[-+|:=\s]*-{2}[-+|:=\s]*")
"""Below the header of psql, mysql and Markdown."""
_SAYS_ZONE = re.compile(r"time[ _-]?zone|utc[ _-]?offset|zeitzone|(?:UTC|GMT) ?[+-] ?\d", re.IGNORECASE)
_SAYS_UTC = re.compile(r"\b(?:UTC|GMT|Z)\b(?! ?[+-]| ?offset|_)", re.IGNORECASE)
_BROKEN_MAX = 20
"""Into so many lines a header may be broken."""
_IN_APOSTROPHES = re.compile(r"(?:^|[;,\t|])\s*'[^']*'\s*(?:[;,\t|]|$)")
_SITEWISE_TYPES = {"STRING", "INTEGER", "DOUBLE", "BOOLEAN"}
_SITEWISE = ("DATA_TYPE", "TIMESTAMP_SECONDS", "TIMESTAMP_NANO_OFFSET", "QUALITY", "VALUE")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a file's table begins: its names, and the number of lines above its first row."""

    separator: str
    header: tuple[str, ...]
    start: int
    said: tuple[str, ...] = ()
    form: str = ""
    quote: str = '"'
    has_data: bool = True
    """Whether there is a row with a time or a number; else none can be one of units."""
    again: Sequence[list[str]] = ()
    """The rows of the header, which may stand in the file again."""
    says_zone: str = ""
    """A line above the header that names a time zone."""


def cells_of(lines: Iterable[str], separator: str, quote: str = '"') -> Iterator[list[str]]:
    """Lines as cells, a row at a time."""
    if separator == _BLANKS:
        return (_between_blanks(line, quote) for line in lines)
    return csv.reader(lines, delimiter=separator, quotechar=quote, skipinitialspace=True)


def _between_blanks(line: str, quote: str) -> list[str]:
    words = " ".join(line.split())
    return next(csv.reader([words], delimiter=" ", quotechar=quote)) if quote in words else words.split(" ")


def parsed(line: str, separator: str, quote: str = '"') -> list[str]:
    """The cells of one line, without blanks around them."""
    return [cell.strip() for cell in next(iter(cells_of([line], separator, quote)), [])]


def _quote(lines: Sequence[str]) -> str:
    """An apostrophe, if most lines have a cell in apostrophes and none a quotation mark."""
    quoted = sum(bool(_IN_APOSTROPHES.search(line)) for line in lines)
    return "'" if quoted > len(lines) / 2 and not any('"' in line for line in lines) else '"'


def _whole(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Lines and where they end: one with names that go on below, as Excel breaks them, is one."""
    at = 0
    while at < len(lines):
        whole = lines[at]
        if whole.count('"') % 2 and _OPEN.search(whole):
            for end in range(at + 1, min(at + _BROKEN_MAX, len(lines))):
                whole += lines[end]
                if not whole.count('"') % 2:
                    at = end
                    break
            else:
                whole = lines[at]
        yield at, whole
        at += 1


def is_comment(line: str) -> bool:
    """Whether a line begins as comments do; `#N/A` is a cell."""
    return line.startswith("#") and line[1:].split(",")[0].strip().casefold() not in {"n/a", "na"}


def is_ruled(line: str) -> bool:
    """Whether a line is drawn of dashes, and holds nothing."""
    return _RULE.fullmatch(line) is not None


def find_layout(path: Path, lines: Sequence[str]) -> Layout:
    """Find where the table begins. Raises: `ReplayRefused` if there is none, or none with a header."""
    said: list[str] = []
    form = ""
    separator, first = None, 0
    if lines and (found := re.fullmatch(r'"?sep=(.)"?', lines[0].strip(), re.IGNORECASE)):
        separator, first = found[1], 1
    elif lines and lines[0].strip().casefold() in ("sep=", '"sep="'):
        separator, first = "\t", 1
    numbered = [(at, line) for at, line in _whole(lines) if at >= first and line.strip()]
    plain = [(at, line) for at, line in numbered if not is_comment(line) and not is_ruled(line)]
    if not plain:
        raise ReplayRefused(f"{path} is empty: there is nothing to read")
    separator = separator or _separator([line for _, line in plain])
    quote = _quote([line for _, line in plain])
    rows = [(at, parsed(line, separator, quote)) for at, line in plain]
    widths = Counter(len(cells) for _, cells in rows)
    width = max(widths, key=lambda each: (widths[each], each))
    different = dict.fromkeys(tuple(cells) for _, cells in rows if len(cells) == width)
    typical = list(different)[-_TYPICAL_ROWS:]  # a header that is there again counts once
    times = [column for column in range(width) if _mostly(typical, column, is_time)]
    numbers = [column for column in range(width) if _mostly(typical, column, is_number)]

    def holds_data(cells: Sequence[str]) -> bool:
        if len(cells) != width:
            return False
        if times:
            return any(is_time(cells[column]) for column in times)
        return any(is_number(cells[column]) for column in numbers)

    below = next((number for number, (_, cells) in enumerate(rows) if holds_data(cells)), len(rows))
    above = [(at, cells) for at, cells in rows[:below] if len(cells) == width or below == len(rows)]
    above = [(at, cells) for at, cells in above if not any(map(is_time, cells))]
    data_at = rows[below][0] if below < len(rows) else len(lines)
    levels = _levels(above)
    begins_at = levels[0][0] if levels else None
    if levels:
        header_at, header = levels[-1][0], _joined_names([cells for _, cells in levels])
        said.append(f"the names are of {len(levels)} rows, joined by dots")
    elif above:
        header_at, header = _header(above)
    else:
        found_header = _header_elsewhere(
            rows, below, [line for at, line in numbered if at < data_at], separator, width, typical
        )
        if found_header is None and below and 1 < len(rows[below - 1][1]) < width:
            length = len(rows[below - 1][1])
            hint = COMMA_HINT if separator == "," else ""
            above_them = sample(lines[rows[below - 1][0]].strip())
            raise ReplayRefused(
                f"{path}: rows have {width} cells, and {above_them} above {length}.{hint} Name each column"
            )
        if found_header is None:
            raise ReplayRefused(
                f"{path} has no header line: its first row is {sample(lines[data_at].strip())}. Begin it "
                f"with the "
                "columns' names"
            )
        header, header_at = found_header, data_at - 1
        if header[-len(_SITEWISE) :] == list(_SITEWISE):
            form = "AWS IoT SiteWise's bulk import, which has no header"
    preamble = [line for at, line in numbered if at < (header_at if begins_at is None else begins_at)]
    others = Counter(len(cells) for at, cells in rows if at < header_at and is_of_a_table(cells))
    for length, found_rows in others.items():
        if found_rows > STRAY_ROWS_MAX:
            raise ReplayRefused(
                f"{path}: {found_rows} rows of {length} cells stand above the header "
                f"{sample(lines[header_at].strip())}, whose rows have {width}: it holds several tables. "
                "Write each into a file of its own"
            )
    start = header_at + 1
    if _is_label(header) and start < data_at:
        said.append(f"{data_at - start} lines between the names and the rows left out")
        start = data_at
    if first:
        said.append(f"{sample(lines[0].strip())} names the separator")
    if preamble:
        said.append(
            f"{len(preamble)} lines above the header left out, the first {sample(preamble[0].strip())}"
        )
    while len(header) > 1 and not header[-1] and all(not cells[-1] for cells in typical):
        header = header[:-1]  # a separator at the end of each line
        typical = [cells[:-1] for cells in typical]
    again = tuple(cells for _, cells in levels) or (list(header),)
    zones = (line.strip() for line in preamble if _SAYS_ZONE.search(line) and not _SAYS_UTC.search(line))
    return Layout(
        separator,
        tuple(header),
        start,
        tuple(said),
        form,
        quote,
        below < len(rows),
        again,
        next(zones, ""),
    )


def _separator(lines: Sequence[str]) -> str:
    """The one that divides most lines into as many cells."""
    best, best_share = ",", 0.0
    for separator in _SEPARATORS:
        share = _share(lines, separator)
        if share > best_share:
            best, best_share = separator, share
    return _BLANKS if best_share < 0.5 and _share(lines, _BLANKS) > 0.5 else best


def _share(lines: Sequence[str], separator: str) -> float:
    try:
        widths = Counter(len(parsed(line, separator)) for line in lines)
    except csv.Error:
        return 0.0
    return max((times for width, times in widths.items() if width > 1), default=0) / len(lines)


def _mostly(rows: Sequence[Sequence[str]], column: int, test: object) -> bool:
    assert callable(test)
    cells = [cell for row in rows if (cell := row[column]).casefold() not in MISSING]
    return bool(cells) and sum(map(test, cells)) >= 0.5 * len(cells)


def _header(above: Sequence[tuple[int, list[str]]]) -> tuple[int, list[str]]:
    """Of the rows above the first with data, the one that has the columns' names."""
    for at, cells in above:
        if (_is_label(cells) or any(map(is_named_like_a_time, cells))) and sum(map(is_number, cells)) <= len(
            cells
        ) / 2:
            return at, cells
    if len(above) > 1 and _are_units(above[-1][1]):
        return above[-2]
    return above[-1]


def _levels(above: Sequence[tuple[int, list[str]]]) -> Sequence[tuple[int, list[str]]]:
    """The rows that make names together, as levels of pandas or merged cells; none: one row has the names.

    The upper has names again, or none right of one; joined with what is below, all differ.
    """
    for first in range(len(above) - 1):
        for last in range(first + 1, len(above)):
            levels = above[first : last + 1]
            rows = [cells for _, cells in levels]
            is_ragged = len(set(map(len, rows))) > 1
            if (
                is_ragged
                or any(map(_is_whole_header, rows))
                or not _is_of_groups(rows[0])
                or not all(rows[-1][1:])
            ):
                break
            names = _joined_names(rows)[1:]
            are_units = (
                not all(rows[0][1:]) and len(set(rows[-1][1:])) == len(names) and _are_units(rows[-1][1:])
            )
            if len(set(names)) == len(names) and not are_units:
                below = above[last + 1 : last + 2]  # pandas: the index's name alone
                is_index = bool(below) and len(below[0][1]) == len(rows[0]) and not any(below[0][1][1:])
                return [*levels, *below] if is_index else levels
    return ()


def _is_of_groups(cells: Sequence[str]) -> bool:
    """Whether names repeat, or merged cells leave blanks; those at the end are a separator's."""
    written = [cell for cell in cells[1:] if cell]
    return 0 < len(set(written)) < len(cells) - 1


def _is_whole_header(cells: Sequence[str]) -> bool:
    is_timed = any(is_named_like_a_time(cell) for cell in cells if len(cell) > 1)
    return is_timed and all(cells) and len(set(cells)) == len(cells)


def _joined_names(levels: Sequence[Sequence[str]]) -> list[str]:
    """The names of each column, from above, those of merged cells from the left."""
    columns: list[list[str]] = [[] for _ in levels[0]]
    for cells in levels:
        last = ""
        for number, cell in enumerate(cells):
            last = cell if number == 0 or cell else last if number > 1 else ""
            columns[number] += [last] if last else []
    index = next((name for name in reversed(columns[0]) if is_named_like_a_time(name)), "")
    return [index or (columns[0][-1] if columns[0] else ""), *(".".join(names) for names in columns[1:])]


def _is_label(cells: Sequence[str]) -> bool:
    """Whether they are the names that CloudWatch's console writes, above statistics and periods."""
    return cells[0].casefold() in ("label", "full label")


def _are_units(cells: Sequence[str]) -> bool:
    written = [cell for cell in cells if cell]
    return len(written) < len(cells) or all(_UNITS.fullmatch(cell) for cell in written)


def _header_elsewhere(
    rows: Sequence[tuple[int, list[str]]],
    below: int,
    before: Sequence[str],
    separator: str,
    width: int,
    typical: Sequence[Sequence[str]],
) -> list[str] | None:
    """Names in a comment, without one for R's row names, or SiteWise's, which are known."""
    if before and is_comment(before[-1]):
        names = parsed(before[-1].lstrip("#% ").strip(), separator)
        if len(names) == width and not any(map(is_number, names)):
            return names
    if below and len(rows[below - 1][1]) == width - 1 > 1 and not any(map(is_number, rows[below - 1][1])):
        names = rows[below - 1][1]
        if all(not cells[-1] for cells in typical):
            return [*names, ""]
        # Row names are no times: else it is a decimal comma that makes a cell too many.
        return None if _mostly(typical, 0, is_time) else ["", *names]
    for at in range(1, width - 4):
        if all(row[at].upper() in _SITEWISE_TYPES for row in typical) and width - at == len(_SITEWISE):
            return [*(["ALIAS"] if at == 1 else ["ASSET_ID", "PROPERTY_ID"][:at]), *_SITEWISE]
    return None


def unique_names(header: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Names that are all different, and which were changed for that."""
    names: list[str] = []
    renamed = []
    for number, broken in enumerate(header):
        name = re.sub(r"\s*[\r\n]\s*", " ", broken)
        unique, again = name or f"column{number}", 0
        while unique in names:
            again += 1
            unique = f"{name}_{again}"
        renamed += [f"{unique!r}"] if again else []
        names.append(unique)
    return tuple(names), renamed


def is_of_a_table(cells: Sequence[str]) -> bool:
    """Whether they are a row, though not of this table: a time and a number."""
    return any(map(is_time, cells)) and any(map(is_number, cells))
