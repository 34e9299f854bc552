"""A local pipeline that runs until Ctrl-C, and how to use it meanwhile."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from clients.console import Console
from clients.interruption import sigterm_as_ctrl_c
from clients.local_pipeline import FOLDER, Served, find_served
from clients.plant_files import deployed_use_cases
from consumer.plant import plant
from local.emulator.embedded_aws import REGION
from local.session import LocalOptions, LocalPipeline

STARTING = "Starting an embedded AWS on 127.0.0.1: stream, buckets, event bus, alert topic and queues"
STOPPED = "Stopped, together with everything it had started."
_LOOK_EVERY_S = 0.5


class AlreadyServed(Exception):
    """Stop the other pipeline, or serve in another folder."""


@contextlib.contextmanager
def described(pipeline: LocalPipeline, folder: Path) -> Iterator[Served]:
    """Keep `pipeline.json` in the folder while the `with` block runs."""
    served = Served(
        pid=os.getpid(),
        endpoint_url=pipeline.aws.endpoint_url,
        region=REGION,
        use_case=pipeline.options.use_case,
        consumer=pipeline.options.consumer,
        consumer_logs=str(pipeline.consumer_logs.absolute()),
        resources=pipeline.resources,
    )
    path = Served.path(folder)
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(served)) + b"\n")
    partial.replace(path)  # whoever reads finds all of it, or none
    try:
        yield served
    finally:
        path.unlink(missing_ok=True)


def serve_until_interrupted(
    folder: Path, consumer: bool, console: Console, parent: int | None = None
) -> None:
    """Return after Ctrl-C or SIGTERM, or when the process `parent` has ended, if one is given.

    Everything that was started has ended by then.

    Raises: `AlreadyServed`, `EmbeddedAWSFailed`, `MappingFailed`.
    """
    if running := find_served(folder):
        raise AlreadyServed(
            f"A pipeline already runs in {folder}: process {running.pid}, {running.endpoint_url}. Stop it "
            f"(`kill {running.pid}`) or choose another --folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    console.print(STARTING)
    try:
        with (
            sigterm_as_ctrl_c(),
            LocalPipeline(folder, _options(consumer)) as pipeline,
            described(pipeline, folder) as served,
        ):
            _print_usage(served, folder, console)
            while parent is None or os.getppid() == parent:
                pipeline.check()
                time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        console.print(STOPPED)


def _options(consumer: bool) -> LocalOptions:
    """The use cases that `PLANT` deploys, or `drift` if it is not set."""
    use_case, *others = deployed_use_cases(plant()) or ("drift",)
    return LocalOptions(use_case=use_case, more_use_cases=tuple(others), consumer=consumer, warm=True)


def _print_usage(served: Served, folder: Path, console: Console) -> None:
    lines = [
        f"The pipeline is running at {served.endpoint_url} (this machine only). Press Ctrl-C to stop it.",
        "" if served.consumer else "No consumer is running (--no-consumer): records stay on the stream.",
        "In another terminal, try:",
        "  python -m producer_sim smoke --local        follow one signal through every step",
        "  python -m producer_sim watch --local        show alerts as they arrive",
        "  python -m producer_sim simulate --local     simulate a plant with faults",
        "",
        "For any other AWS tool:",
        f"  export AWS_ENDPOINT_URL={served.endpoint_url} AWS_DEFAULT_REGION={served.region} \\",
        "    AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test",
        f"  stream {served.resources.stream_name}, bucket {served.resources.model_bucket}, "
        f"event bus {served.resources.event_bus_name}",
        "" if folder.resolve() == FOLDER.resolve() else f"Note that --local only looks in {FOLDER}.",
        f"Function logs, one for each process: {served.consumer_logs}",
        f"Everything above as JSON, for scripts: {folder / 'pipeline.json'}",
    ]
    console.print("\n".join(lines), soft_wrap=True, highlight=False)
