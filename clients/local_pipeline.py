"""The local pipeline as other processes see it: its `pipeline.json`, and how to find or start one."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from clients.errors import ServingFailed

FOLDER = Path("build/local")
"""Where `python -m local serve` runs unless another folder is named."""

_ROOT = Path(__file__).parents[1]
_READY_WITHIN_S = 90.0
_END_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.1
_LOG_TAIL_BYTES = 2000


@dataclass(frozen=True, slots=True)
class PipelineResources:
    """The pipeline's AWS resources, apart from the function and its event source mapping."""

    stream_name: str
    stream_arn: str
    model_bucket: str
    failed_batch_bucket: str
    event_bus_name: str
    alert_topic_arn: str
    alert_queue_url: str
    audit_queue_url: str


class Served(msgspec.Struct, frozen=True):
    """A running local pipeline, as `pipeline.json` describes it; process `pid` ends it."""

    pid: int
    endpoint_url: str
    region: str
    use_case: str
    consumer: bool
    """Whether records are learned; if not, they stay on the stream."""
    consumer_logs: str
    """The folder of the function's logs, a file for each of its processes."""
    resources: PipelineResources

    @staticmethod
    def path(folder: Path) -> Path:
        """Where a pipeline that runs in `folder` describes itself."""
        return folder / "pipeline.json"

    def is_alive(self) -> bool:
        """Whether its process still runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def find_served(folder: Path) -> Served | None:
    """The pipeline that runs in the folder; None if there is none, or it was killed."""
    try:
        served = msgspec.json.decode(Served.path(folder).read_bytes(), type=Served)
    except (OSError, msgspec.MsgspecError):
        return None
    return served if served.is_alive() and _answers(served.endpoint_url) else None


def _answers(endpoint_url: str) -> bool:
    """Whether anything listens there: a killed pipeline's process id may belong to another by now."""
    place = urlsplit(endpoint_url)
    try:
        socket.create_connection((place.hostname or "", place.port or 0), timeout=2.0).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[Served, Callable[[], None]]]:
    """Run a pipeline in the folder during the `with` block, as a process that ends with this one.

    Returns: its description, and a check that raises `ServingFailed` once it has ended.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "serve.log"
    command = [sys.executable, "-m", "local", "serve", "--folder", str(folder), "--parent", str(os.getpid())]
    import_path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=os.environ | {"PYTHONPATH": import_path},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us; we end the child
        )

    def check() -> None:
        if process.poll() is not None:
            tail = log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
            raise ServingFailed(
                f"The local pipeline ended with status {process.returncode}; see {log}, which ends:\n{tail}"
            )

    try:
        yield _wait_until_served(folder, process.pid, check), check
    finally:
        process.terminate()
        try:
            process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()  # its own children watch for this
            process.wait()


def _wait_until_served(folder: Path, pid: int, check: Callable[[], None]) -> Served:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        served = find_served(folder)
        if served and served.pid == pid:
            return served
        check()
        time.sleep(_LOOK_EVERY_S)
    raise ServingFailed(
        f"The local pipeline did not start within {_READY_WITHIN_S:g} s: see {folder / 'serve.log'}"
    )
