"""`python -m benchmarks.quality.document`: write the last results of `make quality` into docs/alerts.md.

It replaces what lies between `<!-- measured: NAME -->` and `<!-- end -->`, and draws the plots beside it.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.document import documented
from benchmarks.measuring import Figure
from benchmarks.quality.__main__ import RESULTS

_ROOT = Path(__file__).parents[2]
_DOCUMENT = Path("docs/alerts.md")
_KINDS_PLOT, _PERIODS_PLOT = Path("docs/images/kinds.svg"), Path("docs/images/periods.svg")
_COLOURS = ("#2471a3", "#1e8449", "#d68910")
_FALSE_COLOUR = "#c0392b"
_WIDTH, _LINE, _LABEL, _MARGIN = 900, 16, 190, 14
_FALSE_MAX = 1.5
"""False alerts a week at the right edge of a plot."""

Results = dict[str, Any]
Shares = Mapping[str, float]
"""What is found of each sort of fault, and the false alerts a week."""
_FALSE = "false a week"


def texts(results: Results, measured_on: date) -> dict[str, str]:
    """What stands between the marks, by their names."""
    tables = {name: text for part in results.values() for name, text in part["tables"].items()}
    return tables | {"bars": table_of_bars(results, measured_on)}


def table_of_bars(results: Results, measured_on: date) -> str:
    """Each bar, what was measured, and whether it holds."""
    lines = ["| | measured | bar | |", "| --- | ---: | ---: | --- |"]
    for part in results.values():
        for bar in msgspec.convert(part["bars"], list[Figure]):
            figure = f"{_number(bar.measured.median)} {bar.unit}".strip()
            held = "" if bar.holds else "missed"
            lines.append(f"| {bar.name} | {figure} | {bar.bound} {_number(bar.bar or 0.0)} | {held} |")
        lines += [f"| {reason} | | | not measured |" for reason in part["missing"]]
    return "\n".join([f"Measured on {measured_on}:", "", *lines])


def _number(value: float) -> str:
    """Whole from a hundred on, else three digits."""
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def plot(title: str, groups: Mapping[str, Mapping[str, Shares]]) -> str:
    """Bars to the right as SVG: for each group, such as a use case, a row of bars for each of its names.

    Shares reach from 0 to 1; false alerts, below them, from 0 to 1.5 a week.
    """
    parts: list[str] = []
    top = 30
    for group, rows in groups.items():
        parts.append(_text(_MARGIN, top + 12, group, bold=True))
        top += 22
        for name, shares in rows.items():
            sorts = [sort for sort in shares if sort != _FALSE]
            parts.append(_text(_LABEL - 8, top + _LINE, name, anchor="end"))
            bars = [(shares[sort], colour) for sort, colour in zip(sorts, _COLOURS, strict=False)]
            bars.append((min(1.0, shares[_FALSE] / _FALSE_MAX), _FALSE_COLOUR))
            parts += [_bar(top + 2 + 5 * number, *bar) for number, bar in enumerate(bars)]
            top += 5 * len(bars) + 6
        top += 8
    sorts = [sort for sort in next(iter(next(iter(groups.values())).values())) if sort != _FALSE]
    legend = [f"{sort}s found, 0 to 100 %" for sort in sorts]
    parts += _legend(top, [*legend, f"false alerts a week, 0 to {_FALSE_MAX:g}"])
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top + 30}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{top + 30}" fill="white"/>',
            _text(_MARGIN, 18, title, bold=True),
            *parts,
            "</svg>\n",
        ]
    )


def _bar(top: int, share: float, colour: str) -> str:
    width = max(1.0, share * (_WIDTH - _LABEL - _MARGIN))
    return f'<rect x="{_LABEL}" y="{top}" width="{width:.1f}" height="4" fill="{colour}"/>'


def _legend(top: int, names: Sequence[str]) -> list[str]:
    parts = []
    for number, (name, colour) in enumerate(zip(names, (*_COLOURS, _FALSE_COLOUR), strict=True)):
        left = _MARGIN + number * (_WIDTH - 2 * _MARGIN) // len(names)
        parts.append(f'<rect x="{left}" y="{top + 4}" width="12" height="8" fill="{colour}"/>')
        parts.append(_text(left + 18, top + 12, name))
    return parts


def _text(left: int, top: int, text: str, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{left}" y="{top}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def write(results: Results, root: Path, measured_on: date) -> list[Path]:
    """Rewrite the document and the plots under `root`.

    Raises: `KeyError` for what was not measured.
    """
    document = root / _DOCUMENT
    document.write_text(documented(document.read_text(), texts(results, measured_on)))
    scored = results["scenarios"]["results"]
    kinds = {name: one["kinds"] for name, one in scored.items()}
    periods = {name: one["periods"] for name, one in scored.items()}
    (root / _KINDS_PLOT).write_text(plot("By kind of signal, once it has been known for two weeks", kinds))
    (root / _PERIODS_PLOT).write_text(plot("By how long a signal has been known", periods))
    return [_DOCUMENT, _KINDS_PLOT, _PERIODS_PLOT]


def main() -> None:
    """Rewrite what is measured in the documents."""
    if not RESULTS.is_file():
        sys.exit(f"{RESULTS} does not exist: run `make quality` first")
    measured_on = datetime.fromtimestamp(RESULTS.stat().st_mtime, UTC).date()
    try:
        written = write(json.loads(RESULTS.read_text()), _ROOT, measured_on)
    except KeyError as error:
        sys.exit(f"{RESULTS} lacks {error}: run `make quality` whole")
    print("Wrote", ", ".join(map(str, written)))


if __name__ == "__main__":
    main()
