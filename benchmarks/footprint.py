"""S3 traffic and memory."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.warm_function import function
from benchmarks.workloads import RECORDS_PER_BATCH, column_batches, point_batches

_SIGNALS = 1_000
_BATCHES = 10
_VALUES_OF_6_MB = 20


@dataclass(frozen=True, slots=True)
class S3Traffic:
    """Requests and bytes per million observations."""

    requests: float
    bytes: float


def s3_traffic(pages: int) -> S3Traffic:
    """A warm function; batches of 1,000 signals with ten values, one record each."""
    batches = point_batches(_SIGNALS)
    with function(pages=pages) as ours:
        ours.invoke(next(batches))
        traffic = ours.s3.traffic
        traffic.gets = traffic.puts = traffic.bytes_read = traffic.bytes_written = 0
        for _ in range(_BATCHES):
            ours.invoke(next(batches))
    millions = _BATCHES * RECORDS_PER_BATCH / 1e6
    return S3Traffic(
        (traffic.gets + traffic.puts) / millions, (traffic.bytes_read + traffic.bytes_written) / millions
    )


def peak_mib(what: str) -> float:
    """The peak memory of a process that learns `signals` (10,000 ADWINs) or a `batch` (6 MB of payloads)."""
    command = [sys.executable, "-m", "benchmarks.footprint", what]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    peak: float = json.loads(ran.stdout)
    return peak


def _peak(what: str) -> float:
    batches = (
        point_batches(RECORDS_PER_BATCH)
        if what == "signals"
        else column_batches(_SIGNALS, _VALUES_OF_6_MB, RECORDS_PER_BATCH)
    )
    with function() as ours:
        for _ in range(3):
            ours.invoke(next(batches))
    # `ru_maxrss` would be the parent's if that is larger.
    [kib] = re.findall(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), flags=re.MULTILINE)
    return int(kib) / 1024


if __name__ == "__main__":
    print(json.dumps(_peak(sys.argv[1])))
