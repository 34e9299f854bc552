"""`simulate`: a plant with known faults sends to a pipeline at an exact rate."""

import math
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from clients import target_options
from clients.console import Console
from clients.deployment import open_pipeline
from clients.terminal import echo
from producer_sim.commands import options
from producer_sim.commands.outcome import conclude, print_run, sending_progress
from producer_sim.observe.observer import observing
from producer_sim.payloads.encoders import CompressionMissing
from producer_sim.payloads.record_groups import learned_names, record_groups_of
from producer_sim.payloads.shapes import SHAPES, ShapeUnknown
from producer_sim.plant.reading import PlantFileWrong, read_plant, shipped_plants
from producer_sim.plant.simulation import PlantImpossible
from producer_sim.plant.simulation import simulate as simulate_plant
from producer_sim.report.score import WITHIN_OBSERVATIONS
from producer_sim.report.summary import write_summary
from producer_sim.run_folder import DEFAULT_FOLDER, RunFolder, Unwritable, check_file, check_folder
from producer_sim.simulated_run import SimulatedRun, run_simulation

_PLANTS = " or ".join(shipped_plants())
_SHAPES = ", ".join(["mixed", *SHAPES])
_USAGE = (CompressionMissing, PlantFileWrong, PlantImpossible, ShapeUnknown, Unwritable)


def simulate(
    signals: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Number of signals. Default: what the plant's file says."),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(min=0.001, max=1e6, metavar="R", help="Observations a second, all signals together."),
    ] = 1000.0,
    duration: Annotated[
        float | None,
        typer.Option(min=0.1, metavar="S", help="Seconds to send. Default: 60, unless --count is given."),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Observations to send, instead of --duration; rounded up to as many of each signal.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed sends the same values, to the byte.")] = 0,
    plant: Annotated[
        str,
        typer.Option(metavar="FILE", help=f"The plant's YAML file, or one that ships: {_PLANTS}."),
    ] = "factory",
    shape: Annotated[
        str,
        typer.Option(
            metavar="SHAPE",
            help=f"Shape of the records: {_SHAPES}. All but mixed can be compressed: SHAPE+gzip, SHAPE+zstd.",
        ),
    ] = "point",
    partition: Annotated[
        Literal["signal", "random"],
        typer.Option(
            help="Partition keys: the signal's name, or random ones, as Greengrass stream manager picks them "
            "(a signal then arrives on several shards, in no particular order)."
        ),
    ] = "signal",
    batch: Annotated[
        int | None,
        typer.Option(
            min=1, max=2000, help="Observations of a signal in a record, for shapes that hold several."
        ),
    ] = None,
    processes: Annotated[
        str,
        typer.Option(metavar="N|auto", help="Sending processes; auto: as many as the rate needs."),
    ] = "auto",
    truth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the injected faults to this file.")
    ] = None,
    run: options.Run = DEFAULT_FOLDER,
    report: options.Report = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON, for scripts.")] = False,
    settle: options.Settle = 120.0,
    stack: target_options.Stack = None,
    local: options.Local = False,
    stream: options.Stream = None,
    region: target_options.Region = None,
    endpoint_url: target_options.EndpointUrl = None,
) -> None:
    """Send a simulated plant with known faults to a pipeline, and write the outcome to a folder.

    For example, a minute at 5,000 observations a second to the pipeline on this machine:
    python -m producer_sim simulate --local --rate 5000 --signals 1000
    """
    console = Console(stderr=as_json)
    with options.errors_shown(console, *_USAGE, stopped=options.STOPPED):
        if duration is not None and count is not None:
            raise typer.BadParameter("give --duration or --count, not both")
        observations = count or max(1, math.ceil(rate * (duration or 60.0)))
        plant_run = simulate_plant(read_plant(plant), seed, rate, observations, signals)
        simulated = SimulatedRun(
            simulation=plant_run,
            groups=record_groups_of(plant_run, shape, batch),
            partition=partition,
            processes=_number_of(processes),
            settle_timeout_s=settle,
            configuration={
                "plant": plant,
                "signals": len(plant_run.members),
                "rate": rate,
                "observations": plant_run.observations,
                "seed": seed,
                "shape": shape,
                "partition": partition,
                "batch": batch,
            },
        )
        check_folder(run, "--run")
        names = learned_names(simulated.groups).values()
        if truth is not None:
            check_file(truth, "--truth")
        folder = RunFolder.fresh(run)
        with (
            open_pipeline(stack, local, stream, region, endpoint_url) as pipeline,
            sending_progress(console, plant_run.observations) as on_progress,
        ):
            summary, sending = run_simulation(
                simulated, pipeline, observing(pipeline, folder, names), folder, on_progress, console.print
            )
    if truth is not None:
        truth.write_bytes((folder.path / "truth.json").read_bytes())
    if as_json:
        echo(msgspec.json.encode(summary).decode())
    print_run(console, summary, sending, folder.path)
    write_summary(folder, WITHIN_OBSERVATIONS)
    conclude(console, folder, WITHIN_OBSERVATIONS, report, summary.interrupted)


def _number_of(processes: str) -> int | None:
    if processes == "auto":
        return None
    if processes.isdecimal() and 1 <= int(processes) <= 64:
        return int(processes)
    raise typer.BadParameter(f"--processes is 'auto' or a number from 1 to 64, not {processes!r}")
