"""The options by which any command is told how to read a recording."""

from functools import partial
from typing import Annotated, Literal

import typer

DecimalSign = Literal["point", "comma"]

_option = partial(typer.Option, rich_help_panel="Columns")

Time = Annotated[
    str | None,
    _option(
        metavar="COLUMN",
        help="Column of times, or those that make one: DATE,TIME or TIME,OFFSET. Default: the only one "
        "there is, with its date, time of day and offset from UTC.",
    ),
]
Tag = Annotated[
    str | None,
    _option(
        metavar="COLUMN",
        help="Column that names the signal of each row, where a row is one value. Default: found by itself.",
    ),
]
TimeFormat = Annotated[
    str | None,
    _option(
        metavar="FORMAT",
        help="How times are written, where it cannot be told: iso, s, ms, us, ns, excel, DMY, MDY, YMD, or "
        "such as '%d.%m.%Y %H:%M'. Times so read are believed, whenever they are.",
    ),
]
TimeZone = Annotated[
    str | None,
    _option(metavar="ZONE", help="Zone of times that name none, such as Europe/Berlin. Default: UTC."),
]
Decimal = Annotated[DecimalSign | None, _option(help="Decimal sign, where it cannot be told.")]
