"""The results as tables in the terminal."""

from rich.console import Console
from rich.table import Table

from benchmarks.quality.faults import FaultQuality
from benchmarks.quality.use_case_quality import AlertCounts, AssetQuality, Quality

NAB_ANCHORS = {
    "HTM": ("67.2", "61.2"),
    "Random Cut Forest": ("57.7", "45.8"),
    "River's ADWIN, or HalfSpaceTrees, on raw values": ("0.0", "0.0"),
}
"""NAB's standard and low-false-positive profiles on the same 25 series, by NAB's own code."""
SKAB_ANCHORS = {
    "T-squared and Q, fitted on the first 400 rows": ("0.77", "0.34"),
    "Conv-AE, published, all of SKAB": ("0.78", "0.14"),
    "Isolation Forest, published, all of SKAB": ("0.29", ""),
}


def show_nab(quality: Quality, alerts: dict[str, AlertCounts], console: Console) -> None:
    """NAB's scores beside the anchors, and the alerts of the use cases as shipped."""
    table = Table(
        "NAB score", "standard", "few false", "few missed", "threshold held out", "parameters held out too"
    )
    figures = (
        quality.standard,
        quality.low_false_positives,
        quality.low_false_negatives,
        quality.threshold_held_out,
        quality.parameters_held_out,
    )
    table.add_row("anomaly", *(f"{figure:.1f}" for figure in figures))
    for name, scores in NAB_ANCHORS.items():
        table.add_row(name, *scores, "", "", "")
    console.print(table)
    table = Table(
        "As shipped, on NAB",
        "alerts",
        "in labelled windows",
        "windows found",
        "per signal and week",
        "of these false",
    )
    for name, one in alerts.items():
        table.add_row(
            name,
            str(one.alerts),
            str(one.within),
            f"{one.found} of {one.windows}",
            f"{one.per_week:.2f}",
            f"{one.false_per_week:.2f}",
        )
    console.print(table)


def show_asset(quality: AssetQuality, console: Console) -> None:
    """SKAB's scores beside the anchors."""
    table = Table("SKAB, other", "F1", "false alarm rate", "missed", "changepoint score")
    row = (quality.f1, quality.false_alarms, quality.missed)
    table.add_row("asset", *(f"{figure:.2f}" for figure in row), f"{quality.changepoints['standard']:.1f}")
    for name, scores in SKAB_ANCHORS.items():
        table.add_row(name, *scores, "", "")
    console.print(table)


def show_faults(quality: FaultQuality, console: Console) -> None:
    """The faults that shift detects, and how soon."""
    table = Table(
        "shift, on simulated plants", "values", "fault", "sigma", "detected", "delay, values", "delay, s"
    )
    for one in quality.found:
        if one.kind not in ("step", "ramp", "variance"):
            continue
        delay = "" if one.delay_s is None else f"{one.delay_s:.1f}"
        table.add_row(
            one.plant,
            str(one.observations),
            one.kind,
            "" if one.size is None else f"{one.size:g}",
            f"{one.detected} of {one.injected}",
            "" if one.delay_observations is None else f"{one.delay_observations:g}",
            delay,
        )
    console.print(table)
    console.print(f"False alarms: on {quality.false} of {quality.healthy} healthy signals.")


def show_others(others: dict[str, FaultQuality], console: Console) -> None:
    """A short version for other use cases."""
    table = Table("As shipped, ten minutes", "steps", "ramps", "variances", "false alarms")
    for name, quality in others.items():
        shares = (quality.recall(kind) for kind in ("step", "ramp", "variance"))
        table.add_row(name, *(f"{share:.0%}" for share in shares), f"{quality.false} of {quality.healthy}")
    console.print(table)


def show_quiet(quiet: dict[str, int], console: Console) -> None:
    """Alerts by use case."""
    table = Table("Where nothing is wrong", "alerts")
    for name, count in quiet.items():
        table.add_row(name, str(count))
    console.print(table)
