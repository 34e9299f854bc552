"""`make bench`: measure, print a table with the bars, write build/bench/results.json.

python -m benchmarks                          # everything, about six minutes on two cores
python -m benchmarks handler_vs_loop scaling  # only these
"""

import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.document import cells
from benchmarks.figures import measured
from benchmarks.measuring import Figure
from consumer.decode import plain

_RESULTS = Path(__file__).parent.parent / "build" / "bench" / "results.json"


def bench(
    names: Annotated[list[str] | None, typer.Argument(help="What to measure; default: everything.")] = None,
) -> None:
    """Measure; exit with 0 if all bars hold, else with 1 and the names of those that do not."""
    figures: list[Figure] = []
    console, work = Console(), measured()
    if unknown := set(names or ()) - work.keys():
        raise typer.BadParameter(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(work)}")
    _RESULTS.parent.mkdir(parents=True, exist_ok=True)
    for name in names or work:
        console.print(f"Measuring {name}", highlight=False)
        figures += work[name]()
    _write(figures)
    console.print(_table(figures))
    console.print("Written to build/bench/results.json")
    if not plain.is_compiled():
        console.print("Without the compiled reader: bars from dicts are those with it", style="yellow")
    if failed := [figure.name for figure in figures if not figure.holds]:
        console.print(f"Missed bars: {'; '.join(failed)}", style="red", highlight=False)
        raise typer.Exit(1)
    console.print("All bars hold", style="green")


def _table(figures: list[Figure]) -> Table:
    table = Table("figure", "", title="Medians with quartiles", title_justify="left")
    for heading in ("median", "quartiles", "bar"):
        table.add_column(heading, justify="right")
    table.add_column("note")
    for figure in figures:
        mark, style = ("", "") if figure.holds else ("✗", "red")
        table.add_row(figure.name, mark, *cells(figure), figure.note, style=style)
    return table


def _write(figures: list[Figure]) -> None:
    results = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "compiled_reader": plain.is_compiled(),
        "versions": {name: metadata.version(name) for name in ("river", "msgspec", "obstore", "boto3")},
        "figures": [asdict(figure) | {"holds": figure.holds} for figure in figures],
    }
    _RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    typer.run(bench)
