"""`score`: injected faults compared with the events received."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from clients.console import Console
from clients.terminal import echo
from producer_sim.commands.options import RunOf, Within, errors_shown
from producer_sim.report.formatting import count
from producer_sim.report.score import (
    WITHIN_OBSERVATIONS,
    Score,
    kept,
    kinds_of_disturbances,
    kinds_of_faults,
    score,
)
from producer_sim.run_folder import (
    DEFAULT_FOLDER,
    ReceivedEvent,
    RunFolder,
    RunSummary,
    Truth,
    read_json,
    read_lines,
)


def score_command(
    run: RunOf = DEFAULT_FOLDER,
    truth: Annotated[
        Path | None, typer.Option(help="File of injected faults, instead of the run's; with --events.")
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(help="File of events received, instead of the run's; with --truth."),
    ] = None,
    within: Within = WITHIN_OBSERVATIONS,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
) -> None:
    """Show which faults were detected, how soon, which were missed, and which alarms were false.

    Example: python -m producer_sim score --run build/run
    """
    if (truth is None) != (events is None):
        raise typer.BadParameter("--truth and --events go together: give both, or neither")
    with errors_shown(Console(stderr=True)):
        scored, summary = _read(run, truth, events, within)
    if as_json:
        echo(json.dumps(_as_dict(scored, summary), indent=2))
    else:
        _print(scored, summary, Console())


def _read(run: Path, truth: Path | None, events: Path | None, within: int) -> tuple[Score, RunSummary | None]:
    if truth is not None and events is not None:
        return score(read_json(truth, Truth), read_lines(events, ReceivedEvent), within), None
    folder = RunFolder(run)
    summary = folder.run if (run / "run.json").exists() else None
    return score(folder.truth, folder.events, within), summary


def _as_dict(scored: Score, run: RunSummary | None) -> dict[str, Any]:
    return {
        "injected": len(scored.outcomes),
        "detected": scored.detected,
        "missed": scored.missed,
        "false_alarms": len(scored.false_alarms) if scored.is_labelled else None,
        "within_observations": scored.within,
        "kinds": [asdict(kind) for kind in kinds_of_faults(scored)],
        "not_to_alert": [asdict(kind) for kind in kinds_of_disturbances(scored)],
        "kept": [asdict(line) | {"agrees": line.agrees} for line in kept(scored, run)],
        "false_alarms_by_family": scored.false_alarms_by_family,
    }


def _print(scored: Score, run: RunSummary | None, console: Console) -> None:
    if not scored.is_labelled:
        console.print(f"{len(scored.detections)} events; there are no labels to compare them with.")
        return
    if scored.outcomes:
        console.print(_faults(scored))
    else:
        console.print("No fault that should alert was injected.")
    console.print(
        f"Detected {scored.detected} of {len(scored.outcomes)} faults "
        f"within {scored.within} observations; {len(scored.false_alarms)} false alarms."
    )
    for family, alarms in sorted(scored.false_alarms_by_family.items(), key=lambda line: -line[1]):
        console.print(f"  {alarms} of them in {family}")
    if scored.unwanted:
        console.print(_disturbances(scored))
    for line in kept(scored, run):
        if line.injected or line.counted:
            console.print(f"To {line.expected}: {count(line.injected)}; counted: {count(line.counted)}.")


def _table(title: str, *texts: str, figures: tuple[str, ...]) -> Table:
    table = Table(*texts, title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in figures:
        table.add_column(heading, justify="right")
    return table


def _faults(scored: Score) -> Table:
    figures = ("injected", "detected", "missed", "p50 s", "p90 s", "p50 obs.", "p90 obs.")
    table = _table("Faults that should alert", "kind", figures=figures)
    for kind in kinds_of_faults(scored):
        counts = (str(kind.injected), str(kind.detected), str(kind.missed))
        delays = (kind.delay_median_s, kind.delay_p90_s)
        in_observations = (kind.delay_median_observations, kind.delay_p90_observations)
        table.add_row(kind.kind, *counts, *map(count, delays + in_observations))
    return table


def _disturbances(scored: Score) -> Table:
    figures = ("injected", "observations")
    table = _table("Disturbances that should not alert", "kind", "expected", figures=figures)
    words = {"skip": "skipped", "quarantine": "quarantined", "learn": "learned"}
    for kind in kinds_of_disturbances(scored):
        should_be = words.get(kind.expected, kind.expected)
        table.add_row(kind.kind, should_be, str(kind.injected), count(kind.observations))
    return table
