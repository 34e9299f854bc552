"""The decimal sign of each column: what the cells of one leave open, those of another decide."""

from typing import Literal

from clients.recordings.cells import CellsOfColumn, DecimalSign
from clients.recordings.refusal import ReplayRefused, refused_cell, sample
from clients.recordings.table import Column, Table


def decimal_signs(
    table: Table, cells: dict[Column, CellsOfColumn], decimal: Literal["point", "comma"] | None
) -> dict[Column, DecimalSign]:
    """The decimal sign of each column; what one leaves open, another decides.

    Raises:
        ReplayRefused: A column has both, or none can decide.
    """
    if decimal is not None:
        return dict.fromkeys(cells, "," if decimal == "comma" else ".")
    with_comma = any(one.has_comma_only for one in cells.values() if one.holds_numbers)
    with_point = any("." in one.first_of for one in cells.values() if one.holds_numbers)
    signs: dict[Column, DecimalSign] = {}
    for column, one in cells.items():
        signs[column] = "."
        if not one.holds_numbers:
            signs[column] = "," if with_comma and not with_point else "."
            continue
        if "," in one.first_of and "." in one.first_of:
            (row, text), (other_row, other) = one.first_of[","], one.first_of["."]
            raise refused_cell(
                table.path,
                row,
                column.name,
                f"{sample(text)} has a decimal comma, and {sample(other)} in row {other_row} a "
                "point: say which it is with --decimal comma or --decimal point; the others are gaps then",
            )
        if "," in one.first_of:
            signs[column] = ","
        elif "." in one.first_of:
            pass
        elif "?" in one.first_of:
            if with_comma == with_point and table.separator != ";":
                raise _either(table, column, one.first_of["?"], "comma")
            signs[column] = "," if with_comma or (not with_point and table.separator == ";") else "."
        elif one.dots_may_group and not with_point:
            if (
                not with_comma and table.separator == ";"
            ):  # as where decimals have commas, and thousands points
                raise _either(table, column, one.dots_may_group, "point")
            signs[column] = "," if with_comma else "."
    return signs


def _either(table: Table, column: Column, seen: tuple[int, str], sign: str) -> ReplayRefused:
    row, text = seen
    return refused_cell(
        table.path,
        row,
        column.name,
        f"{sample(text)} is a number with a decimal {sign} or one of thousands: say which with "
        "--decimal comma or --decimal point",
    )
