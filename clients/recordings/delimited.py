"""CSV as the world writes it: the rows below the header, and what is none of them."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from clients.recordings.cells import is_number
from clients.recordings.csv_layout import (
    COMMA_HINT,
    STRAY_ROWS_MAX,
    Layout,
    cells_of,
    find_layout,
    is_comment,
    is_of_a_table,
    is_ruled,
    parsed,
    unique_names,
)
from clients.recordings.refusal import PassedOver, ReplayRefused
from clients.recordings.table import Cells, Table
from clients.recordings.text_files import text_of
from clients.recordings.times.time_columns import is_time
from consumer.decode.times import is_time_of_day

_SAMPLE_LINES = 1000


def open_delimited(path: Path) -> Table:
    """Find the table in a file of lines with separators.

    Raises:
        ReplayRefused: There is none, or none with a header.
    """
    with text_of(path) as text:
        lines = list(islice(text, _SAMPLE_LINES))
    try:
        layout = find_layout(path, lines)
    except csv.Error as error:
        raise ReplayRefused(f"{path} cannot be read: {error}") from None
    names, renamed = unique_names(layout.header)
    said = layout.said + ((f"names that were there already, now {', '.join(renamed)}",) if renamed else ())
    return Table(
        path,
        names,
        lambda passed: _rows(path, layout, passed),
        said,
        layout.form,
        layout.separator,
        says_zone=layout.says_zone,
    )


def _lines(text: Iterable[str]) -> Iterator[str]:
    for line in text:
        if "\0" in line:
            raise csv.Error("it has bytes of zero, as a logger leaves whose power failed: remove the row")
        yield line


def _rows(path: Path, layout: Layout, passed: PassedOver) -> Iterator[tuple[int, Cells]]:
    """The rows below the header; what is none of them is counted, or refused."""
    width, above = len(layout.header), list(layout.again)
    is_first, row = layout.has_data, 0
    begins = {cells[0] for cells in above if cells}
    short: list[tuple[int, int]] = []
    short_of_data = 0
    with text_of(path) as text:
        try:
            lines = _lines(text)
            for _ in islice(lines, layout.start):
                pass
            reader, read_lines = cells_of(lines, layout.separator, layout.quote), 0
            for cells in reader:
                last_lines, read_lines = read_lines, getattr(reader, "line_num", 0)
                if not cells or cells == [""]:
                    continue
                row += 1
                if read_lines - last_lines > 1 and _has_swallowed(cells, layout):
                    raise ReplayRefused(
                        f"{path}, row {row} has other rows within a cell: a quotation mark is not closed. "
                        "Close or remove it"
                    )
                begin = cells[0]
                is_usual = (
                    len(cells) == width
                    and begin
                    and begin not in begins
                    and begin[0] != "#"
                    and begin[:2] != "--"
                )
                if not is_usual or is_first or short:
                    found = _unusual(cells, row, width, passed)
                    if isinstance(found, int):
                        short += [(row, found)] if found else []
                        short_of_data += bool(found) and is_of_a_table(cells)
                        if short_of_data > STRAY_ROWS_MAX:
                            raise _cut_short(path, short[0], width)
                        continue
                    if isinstance(found, str):
                        hint = COMMA_HINT if layout.separator == "," else ""
                        raise ReplayRefused(f"{path}, row {row} {found}.{hint} Mend or remove the row")
                    if short:
                        raise _cut_short(path, short[0], width)
                    cells = [cell.strip() for cell in found]
                    if cells in above:
                        passed.add("the header again", row)
                        continue
                    if is_first and not any(map(_holds_data, cells)):
                        passed.add(f"a row of units, {', '.join(filter(None, cells))[:80]!r}", row)
                        above.append(cells)
                        begins.add(cells[0])
                        continue
                    is_first = False
                yield row, cells
        except csv.Error as error:
            raise ReplayRefused(f"{path}, row {row + 1}: {error}") from None
    for row, length in short:
        passed.add(f"{'a line' if length == 1 else 'a row that is cut short'} below the table", row)


def _cut_short(path: Path, short: tuple[int, int], width: int) -> ReplayRefused:
    row, length = short
    return ReplayRefused(
        f"{path}, row {row} has {length} cells, and the header {width}. Mend or remove the row"
    )


def _holds_data(cell: str) -> bool:
    return is_number(cell) or is_time(cell) or is_time_of_day(cell)


def _has_swallowed(cells: Sequence[str], layout: Layout) -> bool:
    """Whether rows stand within a cell: its quotation mark was not closed, or by that of another cell."""
    for cell in cells:
        for line in cell.splitlines()[1:]:
            inner = parsed(line, layout.separator, layout.quote)
            if len(inner) >= len(layout.header) > 1 and any(map(_holds_data, inner)):
                return True
    return False


def _unusual(cells: list[str], row: int, width: int, passed: PassedOver) -> list[str] | int | str:
    """The cells of a row; how many there are, if too few, 0 if there is nothing; or what is wrong with it."""
    if not any(cell.strip() for cell in cells):
        passed.add("an empty row", row)
        return 0
    is_row = len(cells) == width and any(map(is_time, cells[1:]))  # of a tag such as #2 pump
    if is_comment(cells[0]) and not is_row:
        passed.add("a comment", row)
        return 0
    if is_ruled("|".join(cells)):
        passed.add("a line of dashes", row)
        return 0
    if len(cells) < width:
        return len(cells)
    if any(cell.strip() for cell in cells[width:]):
        return f"has {len(cells)} cells, and the header {width}"
    return cells[:width]
