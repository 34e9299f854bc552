"""The logs of the function's processes: one file for each process, in one folder.

Two processes must not append to the same file: Python writes a long line in several pieces, and they would
interleave.
"""

import contextlib
import io
import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_SUFFIX = ".log"


def new_log(logs: Path, name: str) -> Path:
    """Create the next empty log of that name in the folder; every caller gets a different one."""
    logs.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        log = logs / f"{name}-{number:03}{_SUFFIX}"
        with contextlib.suppress(FileExistsError):
            log.touch(exist_ok=False)
            break
    return log


def redirect_output(log: Path) -> None:
    """Send the output of this process and its C libraries to its log, line by line."""
    with log.open("ab") as output:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), stream.fileno())
            assert isinstance(stream, io.TextIOWrapper)
            # Output to stderr would otherwise split a block-buffered line in two.
            stream.reconfigure(encoding="utf-8", line_buffering=True)


def whole_lines(logs: Path) -> Iterator[str]:
    """The lines in all logs of the folder, one log after the other.

    A last line without its newline is left out: its process was killed or is still writing it.
    """
    for log in sorted(logs.glob(f"*{_SUFFIX}")):
        *whole, _cut_off = log.read_bytes().split(b"\n")
        for line in whole:
            yield line.decode()


def metric_sums(logs: Path, use_case: str) -> Counter[str]:
    """The sum of each metric that the use case's processes printed."""
    sums: Counter[str] = Counter()
    for line in whole_lines(logs):
        if line.startswith('{"_aws"'):
            metrics = json.loads(line)
            if metrics["use_case"] == use_case:
                sums.update({name: sum(of) for name, of in metrics.items() if isinstance(of, list)})
    return sums


def remove_logs(logs: Path) -> None:
    """Delete the logs of an earlier run."""
    for log in logs.glob(f"*{_SUFFIX}"):
        log.unlink()
