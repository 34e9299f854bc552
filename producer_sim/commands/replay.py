"""`replay`: send recorded measurements through a pipeline, and score its events by their labels."""

import json
from pathlib import Path

from clients import target_options
from clients.console import Console
from clients.deployment import open_pipeline
from clients.recordings import recording_options
from clients.recordings.columns import ReadOptions, column_names
from clients.terminal import echo
from producer_sim.commands import options, replay_options
from producer_sim.commands.outcome import conclude, sending_progress
from producer_sim.observe.observer import observing
from producer_sim.replay.options import ReplayOptions, prepare, speed_of
from producer_sim.replay.replay import run_replay
from producer_sim.report.score import WITHIN_OBSERVATIONS
from producer_sim.report.summary import write_summary
from producer_sim.run_folder import RunFolder, check_folder


def replay_command(
    files: replay_options.Files,
    time: recording_options.Time = None,
    signals: replay_options.Signals = None,
    tag: recording_options.Tag = None,
    time_format: recording_options.TimeFormat = None,
    time_zone: recording_options.TimeZone = None,
    decimal: recording_options.Decimal = None,
    assets: replay_options.Assets = None,
    labels: replay_options.Labels = None,
    label_kind: replay_options.Kind = "auto",
    windows: replay_options.Windows = None,
    within: replay_options.Within = WITHIN_OBSERVATIONS,
    speed: replay_options.Speed = "recorded",
    shape: replay_options.Shape = "auto",
    rows: replay_options.Rows = None,
    shift: replay_options.Shift = True,
    stack: target_options.Stack = None,
    local: options.Local = False,
    stream: options.Stream = None,
    region: target_options.Region = None,
    endpoint_url: target_options.EndpointUrl = None,
    settle: options.Settle = 60.0,
    run: options.Run = Path("build/replay"),
    report: options.Report = True,
    as_json: replay_options.AsJson = False,
) -> None:
    """Send recorded measurements through a pipeline, and score its events by their labels.

    Example: python -m producer_sim replay data/*.csv --local --labels changepoint --speed 60
    """
    console = Console(stderr=True)
    with options.errors_shown(console, stopped=options.STOPPED):
        replay = prepare(
            ReplayOptions(
                files=files,
                assets=assets or (),
                read=ReadOptions(time, column_names(signals), labels, tag, time_format, time_zone, decimal),
                label_kind=label_kind,
                windows=windows,
                speed=speed_of(speed),
                shape=shape,
                rows_in_columns=rows,
                times="shifted" if shift else "kept",
                settle_s=settle,
            ),
            say=lambda text: console.print(text, highlight=False, soft_wrap=True),
        )
        check_folder(run, "--run")
        folder = RunFolder.fresh(run)
        with (
            open_pipeline(stack, local, stream, region, endpoint_url) as pipeline,
            sending_progress(console, replay.observations) as on_progress,
        ):
            outcome = run_replay(
                replay,
                pipeline,
                observing(pipeline, folder, replay.signals),
                folder,
                lambda sending: on_progress(sending.taken, sending),
                console.print,
            )
    summary = write_summary(folder, within)
    if as_json:
        echo(json.dumps(summary))
    conclude(console, folder, within, report, outcome.interrupted)
