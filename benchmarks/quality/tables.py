"""The results as tables in the terminal."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from benchmarks.quality.faults import FaultQuality
from benchmarks.quality.use_case_quality import AlertCounts, AssetQuality, Quality
from producer_sim.run_folder import InjectedKind

NAB_ANCHORS = (
    ("HTM", "67.2", "61.2"),
    ("Random Cut Forest", "57.7", "45.8"),
    ("River's ADWIN, or HalfSpaceTrees, on raw values", "0.0", "0.0"),
)
"""NAB's standard and low-false-positive profiles on the same 25 series, by NAB's own code."""
SKAB_ANCHORS = (
    ("T-squared and Q, fitted on the first 400 rows", "0.77", "0.34"),
    ("Conv-AE, published, all of SKAB", "0.78", "0.14"),
    ("Isolation Forest, published, all of SKAB", "0.29"),
)
KINDS: tuple[InjectedKind, ...] = ("step", "ramp", "variance")
"""The faults that last, which shift is for."""


def show_nab(quality: Quality, alerts: dict[str, AlertCounts], console: Console) -> None:
    """NAB's scores beside the anchors, and the alerts of the use cases as shipped."""
    figures = (
        quality.standard,
        quality.low_false_positives,
        quality.low_false_negatives,
        quality.threshold_held_out,
        quality.parameters_held_out,
    )
    headings = "standard", "few false", "few missed", "threshold held out", "parameters held out too"
    own = "anomaly", *(f"{figure:.1f}" for figure in figures)
    _show(console, ("NAB score", *headings), [own, *NAB_ANCHORS])
    rows = (
        (
            name,
            one.alerts,
            one.within,
            f"{one.found} of {one.windows}",
            f"{one.per_week:.2f}",
            f"{one.false_per_week:.2f}",
        )
        for name, one in alerts.items()
    )
    headings = "alerts", "in labelled windows", "windows found", "per signal and week", "of these false"
    _show(console, ("As shipped, on NAB", *headings), rows)


def show_asset(quality: AssetQuality, console: Console) -> None:
    """SKAB's scores beside the anchors."""
    shares = (f"{share:.2f}" for share in (quality.f1, quality.false_alarms, quality.missed))
    own = "asset", *shares, f"{quality.changepoints['standard']:.1f}"
    headings = "SKAB, other", "F1", "false alarm rate", "missed", "changepoint score"
    _show(console, headings, [own, *SKAB_ANCHORS])


def show_faults(quality: FaultQuality, console: Console) -> None:
    """The faults that shift detects, and how soon."""
    rows = (
        (
            one.plant,
            one.observations,
            one.kind,
            "" if one.size is None else f"{one.size:g}",
            f"{one.detected} of {one.injected}",
            "" if one.delay_observations is None else f"{one.delay_observations:g}",
            "" if one.delay_s is None else f"{one.delay_s:.1f}",
        )
        for one in quality.found
        if one.kind in KINDS
    )
    headings = "values", "fault", "sigma", "detected", "delay, values", "delay, s"
    _show(console, ("shift, on simulated plants", *headings), rows)
    console.print(f"False alarms: on {quality.false} of {quality.healthy} healthy signals.")


def show_others(others: dict[str, FaultQuality], console: Console) -> None:
    """A short version for other use cases."""
    rows = (
        (name, *(f"{quality.recall(kind):.0%}" for kind in KINDS), f"{quality.false} of {quality.healthy}")
        for name, quality in others.items()
    )
    _show(console, ("As shipped, ten minutes", "steps", "ramps", "variances", "false alarms"), rows)


def show_quiet(quiet: dict[str, int], console: Console) -> None:
    """Alerts by use case."""
    _show(console, ("Where nothing is wrong", "alerts"), quiet.items())


def _show(console: Console, headings: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    table = Table(*headings)
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)
