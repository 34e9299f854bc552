"""`replay`: recorded measurements through a pipeline, and what it tells of them."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from clients import target_options
from clients.deployment import Pipeline, open_pipeline
from clients.kinesis_writer.sending import PutFailed, Sending
from clients.recordings.refusals import ReplayRefused
from producer_sim.commands import options as which
from producer_sim.observe.observer import Observing, observe
from producer_sim.output_checks import Unwritable, check_folder
from producer_sim.replay import option_group
from producer_sim.replay.options import ReplayOptions, prepare, speed_of
from producer_sim.replay.replay import Replay, run_replay
from producer_sim.report.report import write_report
from producer_sim.report.score import WITHIN_OBSERVATIONS
from producer_sim.report.summary import read_outcome, write_summary
from producer_sim.report.verdict import verdict
from producer_sim.run_folder import RunFolder, RunSummary


def replay_command(
    files: option_group.Files,
    time: option_group.Time = None,
    signals: option_group.Signals = None,
    assets: option_group.Assets = None,
    labels: option_group.Labels = None,
    label_kind: option_group.Kind = "auto",
    windows: option_group.Windows = None,
    within: option_group.Within = WITHIN_OBSERVATIONS,
    speed: option_group.Speed = "recorded",
    shape: option_group.Shape = "auto",
    rows: option_group.Rows = None,
    shift: option_group.Shift = True,
    stack: target_options.Stack = None,
    local: which.Local = False,
    stream: which.Stream = None,
    region: target_options.Region = None,
    endpoint_url: target_options.EndpointUrl = None,
    settle: option_group.Settle = 60.0,
    run: option_group.Run = Path("build/replay"),
    report: option_group.Report = True,
    as_json: option_group.AsJson = False,
) -> None:
    """Send recorded measurements through a pipeline, and hold what it tells against their labels.

    Example: python -m producer_sim replay data/*.csv --local --labels changepoint --speed 60
    """
    console = Console(stderr=True)
    with which.stop_told(console), _refusals_shown(console):
        replay = prepare(
            ReplayOptions(
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
