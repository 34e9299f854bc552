"""S3 traffic and memory."""

import json
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.warm_function import Traffic, function
from benchmarks.workloads import RECORDS_PER_BATCH, column_batches, point_batches

_SIGNALS = 1_000
_BATCHES = 10
_VALUES_OF_6_MB = 20


def s3_traffic(pages: int) -> Traffic:
    """Of a warm function, per million observations: batches of 1,000 signals, ten records of each."""
    batches = point_batches(_SIGNALS)
    with function(pages=pages) as ours:
        ours.invoke(next(batches))
        traffic = ours.s3.traffic = Traffic()
        for _ in range(_BATCHES):
            ours.invoke(next(batches))
    millions = _BATCHES * RECORDS_PER_BATCH / 1e6
    return Traffic(traffic.requests / millions, traffic.bytes / millions)


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
