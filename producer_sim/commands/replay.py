"""`replay`: recorded measurements through a pipeline, and what it tells of them."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from producer_sim.outcome.report import write_report
from producer_sim.outcome.score import WITHIN_OBSERVATIONS
from producer_sim.outcome.summary import read_outcome, write_summary
from producer_sim.outcome.verdict import verdict
from producer_sim.pipeline import options as which
from producer_sim.pipeline.observer import observe
from producer_sim.pipeline.protocols import Observing
from producer_sim.pipeline.target import Pipeline, open_pipeline
from producer_sim.replay import options
from producer_sim.replay.asked import Asked, prepare, speed_of
from producer_sim.replay.refusals import ReplayRefused
from producer_sim.replay.run import Replay, run_replay
from producer_sim.run_folder import RunFolder, RunSummary
from producer_sim.sending.failures import PutFailed
from producer_sim.sending.sent import Sending
from producer_sim.writable import Unwritable, check_folder


def replay_command(
    files: options.Files,
    time: options.Time = None,
    signals: options.Signals = None,
    assets: options.Assets = None,
    labels: options.Labels = None,
    label_kind: options.Kind = "auto",
    windows: options.Windows = None,
    within: options.Within = WITHIN_OBSERVATIONS,
    speed: options.Speed = "recorded",
    shape: options.Shape = "auto",
    rows: options.Rows = None,
    shift: options.Shift = True,
    stack: which.Stack = None,
    local: which.Local = False,
    stream: which.Stream = None,
    region: which.Region = None,
    endpoint_url: which.EndpointUrl = None,
    settle: options.Settle = 60.0,
    run: options.Run = Path("build/replay"),
    report: options.Report = True,
    as_json: options.AsJson = False,
) -> None:
    """Send recorded measurements through a pipeline, and hold what it tells against their labels.

    Example: python -m producer_sim replay data/*.csv --local --labels changepoint --speed 60
    """
    console = Console(stderr=True)
    with which.stop_told(console), _refusals_shown(console):
        replay = prepare(
            Asked(
                files=files,
                assets=assets or (),
                time=time,
                signals=[name.strip() for name in (signals or "").split(",") if name.strip()],
                labels=labels,
                label_kind=label_kind,
                windows=windows,
                speed=speed_of(speed),
                shape=shape,
                rows_in_columns=rows,
                times="shifted" if shift else "kept",
                settle_s=settle,
            ),
            say=lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True),
        )
        check_folder(run, "--run")
        folder = RunFolder.fresh(run)
        with (
            which.errors_shown(console),
            open_pipeline(stack, local, stream, region, endpoint_url) as pipeline,
        ):
            went = _run(replay, pipeline, folder, console)
    summary = write_summary(folder, within)
    if as_json:
        typer.echo(json.dumps(summary.as_dict()))
    console.print(verdict(read_outcome(folder, within)).sentence, markup=False, highlight=False)
    if report:
        console.print(f"The report is {write_report(folder, within=within)}", markup=False, soft_wrap=True)
    if went.interrupted:
        raise typer.Exit(which.INTERRUPTED)


def _run(replay: Replay, pipeline: Pipeline, folder: RunFolder, console: Console) -> RunSummary:
    with _progress(replay.observations, console) as on_progress:
        return run_replay(replay, pipeline, _observing(pipeline, folder, replay), folder, on_progress)


def _observing(pipeline: Pipeline, folder: RunFolder, replay: Replay) -> Observing:
    return observe(pipeline, folder, replay.signals) if pipeline.models else contextlib.nullcontext()


@contextlib.contextmanager
def _progress(observations: int, console: Console) -> Iterator[Callable[[Sending], None]]:
    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("sending", total=observations)

        def on_progress(sending: Sending) -> None:
            progress.update(task, completed=sending.observations)
            if sending.observations >= observations:
                progress.update(task, description="learning")

        yield on_progress


@contextlib.contextmanager
def _refusals_shown(console: Console) -> Iterator[None]:
    try:
        yield
    except (ReplayRefused, Unwritable, PutFailed) as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        if isinstance(error, PutFailed):
            sent = error.sending
            console.print(f"Sent until then: {sent.observations:,} observations in {sent.records:,} records")
        raise typer.Exit(1) from None
