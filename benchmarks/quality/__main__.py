"""`python -m benchmarks.quality`: how good the alerts are, on labelled series and on simulated signals.

Writes build/quality/results.json, part by part. Exits with 0 if all bars hold, else with 1 and names those
that do not.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.measuring import Figure
from benchmarks.quality.parts import PARTS, Outcome, left_out
from benchmarks.quality.watching import Candidate
from consumer.errors import ConfigurationError

RESULTS = Path("build/quality/results.json")
_WIDTH = 120
"""Columns, at least: the tables are wide."""


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write the results."""
    options = _parser().parse_args(words)
    candidate = Candidate(options.use_case, options.plant, tuple(map(_parameter, options.set)))
    console = Console()
    console.width = max(console.width, _WIDTH)
    try:
        _ = candidate.use_case
    except ConfigurationError as error:
        console.print(str(error), markup=False)
        return 2
    if options.grid:
        chosen = left_out(candidate, dict(map(_axis, options.grid)))
        for one in chosen.tables:
            one.show(console)
        return 0
    outcomes = {name: _measured(name, candidate, console) for name in options.only or PARTS}
    if candidate == Candidate():  # the documents are about what ships
        _write(outcomes)
    bars = [bar for outcome in outcomes.values() for bar in outcome.bars]
    missing = [f"{name}: {reason}" for name, outcome in outcomes.items() for reason in outcome.missing]
    return _verdict(bars, missing, console)


def _measured(name: str, candidate: Candidate, console: Console) -> Outcome:
    console.print(f"Measuring {name}: {PARTS[name].__doc__}", markup=False)
    start_s = time.perf_counter()
    outcome = PARTS[name](candidate)
    for one in outcome.tables:
        one.show(console)
    console.print(f"{name} took {time.perf_counter() - start_s:.0f} s", markup=False)
    return outcome


def _write(outcomes: Mapping[str, Outcome]) -> None:
    """Those of parts that were not measured now are kept."""
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for name, outcome in outcomes.items():
        results[name] = {
            "results": outcome.results,
            "tables": {one.name: one.markdown for one in outcome.tables},
            "bars": [asdict(bar) | {"holds": bar.holds} for bar in outcome.bars],
            "missing": outcome.missing,
        }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    ordered = {name: results[name] for name in PARTS if name in results}
    RESULTS.write_text(json.dumps(ordered, indent=2) + "\n")


def _verdict(bars: list[Figure], missing: list[str], console: Console) -> int:
    for bar in bars:
        holds, figure = "holds" if bar.holds else "MISSED", f"{bar.measured.median:.4g} {bar.unit}".strip()
        console.print(
            f"{holds}  {bar.name}: {figure} ({bar.bound} {bar.bar:g})",
            markup=False,
            style=None if bar.holds else "red",
        )
    for reason in missing:
        console.print(f"Not measured: {reason}", markup=False, style="red")
    low = sum(not bar.holds for bar in bars)
    if low or missing:
        console.print(f"{low} of {len(bars)} bars do not hold.")
        return 1
    console.print(f"All {len(bars)} bars hold.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(PARTS), help="a part; may be repeated")
    parser.add_argument(
        "--use-case",
        default="anomaly",
        help="which use case of single signals to measure: its name, module:NAME or path/to/file.py:NAME",
    )
    parser.add_argument("--plant", default="", help="the folder of the plant that names it")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=NUMBER", help="a parameter of it; may be repeated"
    )
    parser.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="NAME=NUMBER,NUMBER",
        help="instead: score each corpus with the numbers that are best on the others; may be repeated",
    )
    return parser


def _parameter(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    return name, int(number) if number.lstrip("-").isdigit() else float(number)


def _axis(text: str) -> tuple[str, list[float]]:
    name, _, numbers = text.partition("=")
    return name, [_parameter(f"{name}={number}")[1] for number in numbers.split(",")]


if __name__ == "__main__":
    sys.exit(main())
