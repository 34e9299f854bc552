"""`python -m benchmarks.quality`: how right the alerts are, on labelled series and on simulated faults.

Leaves build/quality/results.json. Exits 0 where all bars hold, 1 where one does not, naming it.
"""

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from benchmarks.quality.anomaly_quality import Quality, quality_of
from benchmarks.quality.asset_quality import AssetQuality, quality_of_asset
from benchmarks.quality.faults import RUNS, FaultQuality, quality_of_faults
from benchmarks.quality.nab_corpus import NoCorpus, Series, read_corpus
from benchmarks.quality.skab import Run, read_folder, skab_folder
from benchmarks.quality.tables import show_asset, show_faults, show_nab, show_others, show_quiet
from benchmarks.quality.told import AsShipped, Told, told_of_run, told_on

SIGMA_MIN = 3.0
QUIET = "artificialNoAnomaly"
OF_ONE_SIGNAL = ("anomaly", "shift", "drift")
"""Use cases that learn each signal by itself and tell without being given a limit; drift is the reference."""
LONG = RUNS[3:]
"""Both plants for ten minutes, long enough for the warm-up of anomaly."""
RESULTS = Path("build/quality/results.json")


class Bar(NamedTuple):
    """A figure, and what it has to be at least, or at most."""

    name: str
    figure: float
    bound: float
    is_most: bool = False

    @property
    def holds(self) -> bool:
        """Whether it is."""
        return self.figure <= self.bound if self.is_most else self.figure >= self.bound

    def __str__(self) -> str:
        which = "at most" if self.is_most else "at least"
        return f"{self.name} is {self.figure:.3g}; it has to be {which} {self.bound:g}"


def main() -> int:
    """Measure, print, write."""
    console = Console()
    try:
        corpus, runs, free = read_corpus(), read_folder(skab_folder() / "other"), _free()
    except NoCorpus as error:
        console.print(f"Not measured: {error}", markup=False)
        return 1
    console.print(f"Learning {len(corpus)} series of NAB, with 27 sets of parameters", markup=False)
    nab = quality_of(corpus)
    told = {name: told_on(corpus, name) for name in OF_ONE_SIGNAL}
    console.print(f"Learning {len(runs)} runs of SKAB")
    asset = quality_of_asset(runs)
    console.print("Learning simulated plants with known faults")
    faults = quality_of_faults(partial(AsShipped, "shift"))
    others = {name: quality_of_faults(partial(AsShipped, name), LONG) for name in ("anomaly", "drift")}
    show_nab(nab, told, console)
    show_asset(asset, console)
    show_faults(faults, console)
    show_others(others, console)
    quiet = _quiet(corpus, free)
    show_quiet(quiet, console)
    bars = _bars(nab, asset, faults, quiet)
    _write(nab, told, asset, {"shift": faults, **others}, quiet, bars)
    low = [bar for bar in bars if not bar.holds]
    for bar in low:
        console.print(f"[red]{bar}")
    if not low:
        console.print(f"All {len(bars)} bars hold. The figures are in {RESULTS}")
    return 1 if low else 0


def _free() -> Run:
    [run] = read_folder(skab_folder() / "anomaly-free")
    return run


def _quiet(corpus: list[Series], free: Run) -> dict[str, int]:
    """Alerts where nothing is wrong, by use case."""
    quiet = [series for series in corpus if series.folder == QUIET]
    on_series = {name: told_on(quiet, name).alerts for name in OF_ONE_SIGNAL}
    return {
        name: on_series.get(name, 0) + told_of_run(free, name)
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
    told: dict[str, Told],
    asset: AssetQuality,
    faults: dict[str, FaultQuality],
    quiet: dict[str, int],
    bars: list[Bar],
) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    results = {
        "nab": {"anomaly": asdict(nab), "told": {name: asdict(one) for name, one in told.items()}},
        "skab": {"asset": asdict(asset)},
        "faults": {name: asdict(quality) for name, quality in faults.items()},
        "where_nothing_is_wrong": quiet,
        "bars": [bar._asdict() | {"holds": bar.holds} for bar in bars],
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
