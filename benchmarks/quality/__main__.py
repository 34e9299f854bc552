"""`python -m benchmarks.quality`: how good the alerts are, on labelled series and on simulated faults.

Writes build/quality/results.json. Exits with 0 if all bars hold, else with 1 and the missed bars.
"""

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks.measuring import Figure, spread
from benchmarks.quality.faults import RUNS, FaultQuality, quality_of_faults
from benchmarks.quality.nab import NoCorpus, Series, read_corpus
from benchmarks.quality.skab import Run, read_folder, skab_folder
from benchmarks.quality.tables import show_asset, show_faults, show_nab, show_others, show_quiet
from benchmarks.quality.use_case_quality import (
    AssetQuality,
    Quality,
    alerts_on_run,
    count_alerts,
    quality_of,
    quality_of_asset,
    shipped_detector,
)

QUIET = "artificialNoAnomaly"
OF_ONE_SIGNAL = ("anomaly", "shift", "drift")
"""Use cases of single signals that alert without a configured limit; drift is the reference."""
SILENT = {"anomaly": 0, "shift": 1, "asset": 0}
"""How often use cases may alert where nothing is wrong: `art_daily_perfect_square_wave` stands exactly still
for its first night and then moves at once, which `shift` is to tell."""
LONG = RUNS[3:]
"""Both plants for ten minutes, longer than the warm-up of anomaly."""
RESULTS = Path("build/quality/results.json")


def main() -> int:
    """Measure, print and write the results."""
    console = Console()
    try:
        corpus, runs = read_corpus(), read_folder(skab_folder() / "other")
        [free] = read_folder(skab_folder() / "anomaly-free")
    except NoCorpus as error:
        console.print(f"Not measured: {error}", markup=False)
        return 1
    console.print(f"Learning {len(corpus)} NAB series with 27 sets of parameters", markup=False)
    nab = quality_of(corpus)
    alerts = {name: count_alerts(corpus, name) for name in OF_ONE_SIGNAL}
    console.print(f"Learning {len(runs)} SKAB runs")
    asset = quality_of_asset(runs)
    console.print("Learning simulated plants with known faults")
    faults = quality_of_faults(partial(shipped_detector, "shift"))
    others = {name: quality_of_faults(partial(shipped_detector, name), LONG) for name in ("anomaly", "drift")}
    show_nab(nab, alerts, console)
    show_asset(asset, console)
    show_faults(faults, console)
    show_others(others, console)
    quiet = _quiet(corpus, free)
    show_quiet(quiet, console)
    bars = _bars(nab, asset, faults, quiet)
    results = {
        "nab": {"anomaly": asdict(nab), "alerts": {name: asdict(one) for name, one in alerts.items()}},
        "skab": {"asset": asdict(asset)},
        "faults": {name: asdict(quality) for name, quality in {"shift": faults, **others}.items()},
        "where_nothing_is_wrong": quiet,
        "bars": [asdict(bar) | {"holds": bar.holds} for bar in bars],
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    low = [bar for bar in bars if not bar.holds]
    for bar in low:
        at = f"{bar.measured.median:.3g}, but must be {bar.bound} {bar.bar:g}"
        console.print(f"[red]{bar.name} is {at}")
    if not low:
        console.print(f"All {len(bars)} bars hold. Results: {RESULTS}")
    return 1 if low else 0


def _quiet(corpus: list[Series], free: Run) -> dict[str, int]:
    """The number of alerts where nothing is wrong, by use case."""
    quiet = [series for series in corpus if series.folder == QUIET]
    on_series = {name: count_alerts(quiet, name).alerts for name in OF_ONE_SIGNAL}
    return {
        name: on_series.get(name, 0) + alerts_on_run(free, name)
        for name in (*OF_ONE_SIGNAL, "asset", "clusters")
    }


def _bars(nab: Quality, asset: AssetQuality, faults: FaultQuality, quiet: dict[str, int]) -> list[Figure]:
    least = {
        "anomaly, NAB standard": (nab.standard, 75.0),
        "anomaly, NAB standard, chosen on the other folders": (nab.parameters_held_out, 67.0),
        "anomaly, NAB low false positives": (nab.low_false_positives, 62.0),
        "asset, SKAB F1": (asset.f1, 0.76),
        "shift, recall of steps of 3 sigma and more": (faults.recall("step", size_min=3.0), 0.95),
    }
    most = {
        "asset, SKAB false alarm rate": (asset.false_alarms, 0.35),
        "shift, alerts on healthy simulated signals": (faults.false, 0),
    }
    most |= {f"{name}, alerts where nothing is wrong": (quiet[name], bar) for name, bar in SILENT.items()}
    return [
        *(Figure(name, spread([value]), "", "at least", bar) for name, (value, bar) in least.items()),
        *(Figure(name, spread([value]), "", "at most", bar) for name, (value, bar) in most.items()),
    ]


if __name__ == "__main__":
    sys.exit(main())
