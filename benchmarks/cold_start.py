"""A cold start of the deployed asset for this machine: in Lambda's own runtime client, and its imports."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.measuring import Pair, Spread, spread
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


@dataclass(frozen=True, slots=True)
class Imports:
    """What it takes to import the handler; of the processor, in seconds."""

    compiled: Pair
    """As deployed where the function's Python is at hand, beside the same asset without compiled modules."""
    deferred: Pair
    """As deployed, beside all that River imports run at once."""
    memory_mib: Spread
    """What the process has in memory then, its shared libraries included."""


_PROBE = """
import json, sys, time
if "all at once" in sys.argv:
    from consumer import loaded_later
    loaded_later.LATER = frozenset()
start = time.process_time()
import consumer.handler
took_s = time.process_time() - start
with open("/proc/self/smaps_rollup") as file:
    (kib,) = [int(line.split()[1]) for line in file if line.startswith("Rss:")]
print(json.dumps([took_s, kib / 1024]))
"""


def imports(rounds: int = 5) -> Imports:
    """Import the handler in that many new processes, alternately with and without what makes it fast."""
    asset = asset_for_this_machine()
    ours, plain, at_once, memory = [], [], [], []
    with tempfile.TemporaryDirectory(dir=asset.folder.parent) as folder:
        not_compiled = Path(folder) / "asset"
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(asset.folder, not_compiled, ignore=without, copy_function=os.link)
        for number in range(rounds + 1):
            took_s, mib = _imported(asset.folder)
            others = _imported(not_compiled)[0], _imported(asset.folder, "all at once")[0]
            if number:  # the first reads all from the disk
                ours.append(took_s)
                memory.append(mib)
                plain.append(others[0])
                at_once.append(others[1])
    return Imports(Pair(ours, plain), Pair(ours, at_once), spread(memory))


def _imported(folder: Path, *arguments: str) -> tuple[float, float]:
    """Seconds of the processor, and MiB."""
    ran = subprocess.run(
        [sys.executable, "-S", "-B", "-c", _PROBE, *arguments],
        cwd=folder,
        # Lambda traces: what sends the traces is imported too, as it is in Lambda.
        env={
            "PATH": os.environ["PATH"],
            "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:9",
            "LAMBDA_TASK_ROOT": str(folder),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    took_s, mib = json.loads(ran.stdout)
    return took_s, mib


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
