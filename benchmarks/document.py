"""`python -m benchmarks.document`: write the last results of `make bench` into docs/costs.md and README.

It replaces what lies between `<!-- measured: NAME -->` and `<!-- end -->`.
"""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.measuring import Figure
from benchmarks.shipped_vs_loop import SHIPPED
from benchmarks.stages import table_of_stages

_ROOT = Path(__file__).parent.parent
_RESULTS = _ROOT / "build" / "bench" / "results.json"
_SIGNALS = ("1,000", "10,000")
_MARKED = re.compile(r"(<!-- measured: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)

Measured = dict[str, Any]


def documented(text: str, texts: dict[str, str]) -> str:
    """The document with these texts between its marks. Raises: `KeyError` for a mark without a text."""
    return _MARKED.sub(lambda marked: f"{marked[1]}{texts[marked[2]]}\n{marked[3]}", text)


def table_of_figures(results: Measured) -> str:
    """The figures as a Markdown table, with date and machine."""
    lines = [
        f"Measured on {results['measured_at'][:10]}, on {results['machine']}, Python {results['python']}:",
        "",
        "| | median | quartiles | bar | |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for figure in msgspec.convert(results["figures"], list[Figure]):
        median, quartiles, bar = cells(figure)
        bar += "" if figure.holds else " ✗"
        lines.append(f"| {figure.name} | {median} | {quartiles} | {bar} | {figure.note} |")
    return "\n".join(lines)


def cells(figure: Figure) -> tuple[str, str, str]:
    """The median with its unit, the quartiles, and the bar."""
    low, median, high = (number(value) for value in figure.measured)
    bar = "" if figure.bar is None else f"{figure.bound} {number(figure.bar)}"
    return f"{median} {figure.unit}".strip(), f"{low} to {high}", bar


def in_short(results: Measured) -> str:
    """Three lines for the README."""
    medians = {figure["name"]: number(figure["measured"][1]) for figure in results["figures"]}
    of = {
        name: [medians[f"shipped_vs_loop, from bytes, {name}, {signals} signals"] for signals in _SIGNALS]
        for name in SHIPPED
    }
    reader = ", plain records read by the optional compiled code" if results["compiled_reader"] else ""
    few, many = (" and ".join(of[name][at] for name in SHIPPED) for at in range(2))
    return f"""\
- An invocation of 10,000 records, from the event's bytes, takes {few} times the processor time of a loop
  that only decodes and learns (`anomaly` and `shift`, 1,000 signals), with 10,000 signals {many} times.
- It learns {medians["handler_vs_seed"]} times as many observations a second as one GET and one PUT for each,
  and {medians["handler_vs_bytewax"]} times as many a second of processor as Bytewax with recovery{reader}.
- A million observations are {medians["S3 requests per million observations, 16 pages"]} requests to S3, and \
10,000 signals take {medians["peak memory, 10,000 ADWINs"]} MiB of memory."""


def number(value: float) -> str:
    """At least three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def write(results: Measured, stages: str, documents: Iterable[Path]) -> None:
    """Write the results into the documents."""
    texts = {"figures": table_of_figures(results), "in short": in_short(results), "stages": stages}
    for document in documents:
        document.write_text(documented(document.read_text(), texts))


def main() -> None:
    """Rewrite the documents."""
    if not _RESULTS.exists():
        sys.exit(f"{_RESULTS} does not exist: run `make bench` first")
    documents = [_ROOT / "docs" / "costs.md", _ROOT / "README.md"]
    write(json.loads(_RESULTS.read_text()), table_of_stages(), documents)
    print("Wrote", " and ".join(str(document.relative_to(_ROOT)) for document in documents))


if __name__ == "__main__":
    main()
