"""`python -m benchmarks.quality`: how good the alerts are, on labelled series and on simulated signals.

Writes build/quality/results.json, part by part. Exits with 0 if all bars hold, else with 1 and names those
that do not.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.measuring import Figure
from benchmarks.quality.parts import PARTS
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
    bars: list[Figure] = []
    missing: list[str] = []
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for name in options.only or PARTS:
        console.print(f"Measuring {name}: {PARTS[name].__doc__ or ''}", markup=False)
        start_s = time.perf_counter()
        outcome = PARTS[name](candidate)
        for one in outcome.tables:
            one.show(console)
        console.print(f"{name} took {time.perf_counter() - start_s:.0f} s", markup=False)
        bars += outcome.bars
        missing += [f"{name}: {reason}" for reason in outcome.missing]
        results[name] = {
            "use_case": asdict(candidate),
            "results": outcome.results,
            "tables": {one.name: one.markdown for one in outcome.tables},
            "bars": [asdict(bar) | {"holds": bar.holds} for bar in outcome.bars],
            "missing": outcome.missing,
        }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    return _verdict(bars, missing, console)


def _verdict(bars: list[Figure], missing: list[str], console: Console) -> int:
    for bar in bars:
        console.print(
            f"{'holds' if bar.holds else 'MISSED'}  {bar.name}: {bar.measured.median:.3g} {bar.unit}"
            f" ({bar.bound} {bar.bar:g})",
            markup=False,
            style=None if bar.holds else "red",
        )
    for reason in missing:
        console.print(f"Not measured: {reason}", markup=False, style="red")
    low = sum(not bar.holds for bar in bars)
    if low or missing:
        console.print(f"{low} of {len(bars)} bars do not hold. Results: {RESULTS}")
        return 1
    console.print(f"All {len(bars)} bars hold. Results: {RESULTS}")
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
    return parser


def _parameter(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    return name, int(number) if number.lstrip("-").isdigit() else float(number)


if __name__ == "__main__":
    sys.exit(main())
