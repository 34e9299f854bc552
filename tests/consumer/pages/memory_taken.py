"""How much memory pages take: `python -m tests.consumer.pages.memory_taken page...` prints a line for each.

Each page is read in a process of its own, Rust's memory counts, and so does what is only there for a moment.
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from river.drift import ADWIN

from consumer.decode.signal_names import SignalKey
from consumer.detectors.drift import DriftState
from consumer.detectors.sensor_checks import Health
from consumer.errors import UnreadableModel, UnreadablePage
from consumer.learning.state import State
from consumer.pages.codec import PageCodec, opened
from tests.consumer import every_model as every_model  # whose states are registered

_ROOT = Path(__file__).parents[3]
_UNIT = 1024 if sys.platform == "linux" else 1
_PROCESSOR_S_MAX = 20


class Taken(NamedTuple):
    """What became of a page: the models that were read, or else why it was not."""

    outcome: int | str
    memory_bytes: int
    says: int
    """How many bytes its header says, or 0 where none can be read."""
    processor_s: float
    """To read them; not to put them back."""


def taken(pages: Iterable[Path], memory_bytes_max: int = 4 * 1024**3) -> list[Taken]:
    """Read all that is in these pages."""
    ran = subprocess.run(
        [sys.executable, "-m", __name__, str(memory_bytes_max), *map(str, pages)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"RUST_BACKTRACE": "0"},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return [Taken(*json.loads(line)) for line in ran.stdout.splitlines()]


def _read(page: bytes, codec: PageCodec) -> tuple[int | str, float]:
    """What became of a page, and the processor's seconds that went into putting states back."""
    read, put_back_s = 0, 0.0
    try:
        states = codec.decode(page)
    except UnreadablePage as error:
        return str(error), 0.0
    for state in states.values():
        try:
            _ = state.model
            read += 1
        except UnreadableModel:
            pass
        start = time.process_time()
        states.put_back()  # as whoever learns does
        put_back_s += time.process_time() - start
    return read, put_back_s


def _measured(page: bytes, codec: PageCodec) -> Taken:
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    outcome, put_back_s = _read(page, codec)
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    try:
        says = opened(page)[0].memory_bytes
    except UnreadablePage:
        says = 0
    return Taken(outcome, more * _UNIT, says, time.process_time() - start - put_back_s)


def _main() -> None:
    codec = PageCodec(int(sys.argv[1]))
    small = PageCodec().encode({SignalKey("a", "a"): State(DriftState(ADWIN()), health=Health())})
    _read(small, PageCodec())  # what the first page makes and frees again, such as of layouts, is no page's
    libc = ctypes.CDLL(None)
    for name in sys.argv[2:]:
        page = Path(name).read_bytes()
        if hasattr(libc, "malloc_trim"):
            libc.malloc_trim(0)  # what is free here would be taken there, and not be seen
        sys.stdout.flush()
        child = os.fork()
        if not child:
            resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_S_MAX, _PROCESSOR_S_MAX))
            _read(small, PageCodec())  # a new process maps the code of libraries when it first runs
            print(json.dumps(_measured(page, codec)), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            print(json.dumps(Taken(f"ended its process with {status}", 0, 0, 0.0)), flush=True)


if __name__ == "__main__":
    _main()
