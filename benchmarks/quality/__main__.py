"""`python -m benchmarks.quality`: how right the use case `anomaly` is on NAB's labelled series.

Leaves build/quality/results.json. Exits 0 where all bars hold, 1 where one does not, naming it.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.quality.anomaly_quality import Quality, quality_of
from benchmarks.quality.nab_corpus import NoCorpus, read_corpus

BARS = {"standard": 75.0, "low_false_positives": 62.0, "threshold_held_out": 67.0}
ANCHORS = {
    "River's ADWIN on raw values": 0.0,
    "River's HalfSpaceTrees": 0.0,
    "Random Cut Forest": 57.7,
    "HTM": 67.2,
}
"""NAB's standard profile on the same 25 series, by NAB's own code."""
RESULTS = Path("build/quality/results.json")


def main() -> int:
    """Measure, print, write."""
    console = Console()
    try:
        corpus = read_corpus()
    except NoCorpus as error:
        console.print(f"Not measured: {error}", markup=False)
        return 1
    console.print(f"Scoring {len(corpus)} series of NAB with the use case anomaly, as it is shipped")
    quality = quality_of(corpus)
    _show(quality, console)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"nab": {"anomaly": asdict(quality)}, "bars": BARS}, indent=2) + "\n")
    low = [name for name, bar in BARS.items() if getattr(quality, name) < bar]
    for name in low:
        console.print(f"[red]{name} is {getattr(quality, name):.1f}, below its bar, {BARS[name]:.1f}")
    return 1 if low else 0


def _show(quality: Quality, console: Console) -> None:
    table = Table("NAB's score", "standard", "few false", "few missed", "threshold held out")
    figures = (
        quality.standard,
        quality.low_false_positives,
        quality.low_false_negatives,
        quality.threshold_held_out,
    )
    table.add_row("anomaly", *(f"{figure:.1f}" for figure in figures))
    for name, score in ANCHORS.items():
        table.add_row(name, f"{score:.1f}", "", "", "")
    console.print(table)
    console.print(
        f"As shipped it tells {quality.told} times: of {quality.windows} labelled stretches it finds "
        f"{quality.found}, and {quality.false_per_week:.2f} times a week and signal it tells outside of them."
    )


if __name__ == "__main__":
    sys.exit(main())
