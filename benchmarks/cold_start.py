"""The time of a cold start of the deployed asset, built for this machine, in Lambda's own runtime client."""

import platform
import sys
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.measuring import Spread, spread
from benchmarks.workloads import point_batches
from local.emulator.embedded_aws import EmbeddedAWS
from local.emulator.pipeline_resources import create_pipeline_resources
from local.function.lambda_runtime import LambdaRuntime
from stack.bundling import Asset, bundle

_SIGNALS, _RECORDS = 100, 1_000


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Seconds. With SnapStart, `init_s` is spent when a version is published, and `first_s` remains."""

    init_s: Spread
    """Python, imports, clients, writing and reading a model: until it asks for the first invocation."""
    first_s: Spread
    """The first invocation: connections, credentials, the layout and cold pages."""
    second_s: Spread
    """The next one, warm."""


def asset_for_this_machine() -> Asset:
    """The deployed asset, with packages for this machine and Python."""
    return bundle(
        f"{platform.machine()}-manylinux_2_28", f"{sys.version_info.major}.{sys.version_info.minor}"
    )


def cold_start(rounds: int = 3) -> ColdStart:
    """Start the function that many times and invoke it twice; S3 and the bus are the embedded AWS."""
    asset = asset_for_this_machine()
    init, first, second = [], [], []
    with tempfile.TemporaryDirectory() as folder, EmbeddedAWS(Path(folder) / "aws.log") as aws:
        resources = create_pipeline_resources(aws, shards=1)
        environment = aws.environment() | {
            "MODEL_BUCKET": resources.model_bucket,
            "EVENT_BUS_NAME": resources.event_bus_name,
        }
        events = islice(point_batches(_SIGNALS, _RECORDS), 2 * rounds)
        for one, other in zip(events, events, strict=False):
            with LambdaRuntime(asset.folder, environment, Path(folder) / "function.log") as function:
                init.append(function.init_s)
                first.append(function.invoke(one).duration_s)
                second.append(function.invoke(other).duration_s)
    return ColdStart(spread(init), spread(first), spread(second))
