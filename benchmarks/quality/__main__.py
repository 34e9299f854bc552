"""`python -m benchmarks.quality`: how good the alerts are, on labelled series and on simulated faults.

Writes build/quality/results.json. Exits with 0 if all bars hold, else with 1 and the missed bars.
"""

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from benchmarks.quality.faults import RUNS, FaultQuality, quality_of_faults
from benchmarks.quality.nab import NoCorpus, Series, read_corpus
from benchmarks.quality.skab import Run, read_folder, skab_folder
from benchmarks.quality.tables import show_asset, show_faults, show_nab, show_others, show_quiet
from benchmarks.quality.use_case_quality import (
    AlertCounts,
    AssetQuality,
    Quality,
    ShippedDetector,
    alerts_on_run,
    count_alerts,
    quality_of,
    quality_of_asset,
)

SIGMA_MIN = 3.0
QUIET = "artificialNoAnomaly"
OF_ONE_SIGNAL = ("anomaly", "shift", "drift")
"""Use cases of single signals that alert without a configured limit; drift is the reference."""
LONG = RUNS[3:]
"""Both plants for ten minutes, longer than the warm-up of anomaly."""
RESULTS = Path("build/quality/results.json")


class Bar(NamedTuple):
    """A figure with its lower or upper bound."""

    name: str
    figure: float
    bound: float
    is_most: bool = False

    @property
    def holds(self) -> bool:
        """True if the figure is within its bound."""
        return self.figure <= self.bound if self.is_most else self.figure >= self.bound

    def __str__(self) -> str:
        which = "at most" if self.is_most else "at least"
        return f"{self.name} is {self.figure:.3g}, but must be {which} {self.bound:g}"


def main() -> int:
    """Measure, print and write the results."""
    console = Console()
    try:
        corpus, runs, free = read_corpus(), read_folder(skab_folder() / "other"), _free()
    except NoCorpus as error:
        console.print(f"Not measured: {error}", markup=False)
        return 1
    console.print(f"Learning {len(corpus)} NAB series with 27 sets of parameters", markup=False)
    nab = quality_of(corpus)
    alerts = {name: count_alerts(corpus, name) for name in OF_ONE_SIGNAL}
    console.print(f"Learning {len(runs)} SKAB runs")
    asset = quality_of_asset(runs)
    console.print("Learning simulated plants with known faults")
    faults = quality_of_faults(partial(ShippedDetector, "shift"))
    others = {name: quality_of_faults(partial(ShippedDetector, name), LONG) for name in ("anomaly", "drift")}
    show_nab(nab, alerts, console)
    show_asset(asset, console)
    show_faults(faults, console)
    show_others(others, console)
    quiet = _quiet(corpus, free)
    show_quiet(quiet, console)
    bars = _bars(nab, asset, faults, quiet)
    _write(nab, alerts, asset, {"shift": faults, **others}, quiet, bars)
    low = [bar for bar in bars if not bar.holds]
    for bar in low:
        console.print(f"[red]{bar}")
    if not low:
        console.print(f"All {len(bars)} bars hold. Results: {RESULTS}")
    return 1 if low else 0


def _free() -> Run:
    [run] = read_folder(skab_folder() / "anomaly-free")
    return run


def _quiet(corpus: list[Series], free: Run) -> dict[str, int]:
    """The number of alerts where nothing is wrong, by use case."""
    quiet = [series for series in corpus if series.folder == QUIET]
    on_series = {name: count_alerts(quiet, name).alerts for name in OF_ONE_SIGNAL}
    return {
        name: on_series.get(name, 0) + alerts_on_run(free, name)
        for name in (*OF_ONE_SIGNAL, "asset", "clusters")
    }


def _bars(nab: Quality, asset: AssetQuality, faults: FaultQuality, quiet: dict[str, int]) -> list[Bar]:
    return [
        Bar("anomaly, NAB standard", nab.standard, 75.0),
        Bar("anomaly, NAB standard, chosen on the other folders", nab.parameters_held_out, 67.0),
        Bar("anomaly, NAB low false positives", nab.low_false_positives, 62.0),
        Bar("asset, SKAB F1", asset.f1, 0.76),
        Bar("asset, SKAB false alarm rate", asset.false_alarms, 0.35, is_most=True),
        Bar(
            f"shift, recall of steps of {SIGMA_MIN:g} sigma and more",
            faults.recall("step", size_min=SIGMA_MIN),
            0.95,
        ),
        Bar("shift, alerts on healthy simulated signals", faults.false, 0, is_most=True),
        *(
            Bar(f"{name}, alerts where nothing is wrong", count, 0, is_most=True)
            for name, count in quiet.items()
            if name in ("anomaly", "shift", "asset")
        ),
    ]


def _write(
    nab: Quality,
    alerts: dict[str, AlertCounts],
    asset: AssetQuality,
    faults: dict[str, FaultQuality],
    quiet: dict[str, int],
    bars: list[Bar],
) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    results = {
        "nab": {"anomaly": asdict(nab), "alerts": {name: asdict(one) for name, one in alerts.items()}},
        "skab": {"asset": asdict(asset)},
        "faults": {name: asdict(quality) for name, quality in faults.items()},
        "where_nothing_is_wrong": quiet,
        "bars": [bar._asdict() | {"holds": bar.holds} for bar in bars],
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
