"""`python -m local serve` as a child process: its work shares no interpreter with who sends and looks."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local.served import Served, find_served

_ROOT = Path(__file__).parents[1]
_READY_WITHIN_S = 90.0
_END_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.1
_LOG_TAIL_BYTES = 2000


class ServingFailed(Exception):
    """The local pipeline did not start, or ended too early; the text has the end of its log."""


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Served, Callable[[], None]]]:
    """Have a pipeline run in the folder inside the `with` block; it ends with this process at the latest.

    Returns: what it is, and a check that raises `ServingFailed` where it has ended.
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
            start_new_session=True,  # Ctrl-C is for us; the child ends when we are done with it
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
        f"The local pipeline was not ready within {_READY_WITHIN_S:g} s: see {folder / 'serve.log'}"
    )
