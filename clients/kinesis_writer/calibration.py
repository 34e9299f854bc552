"""How many processes a rate needs, from making some of its records."""

import math
import os
import time
from collections.abc import Iterable

from clients.kinesis_writer.pending import ScheduledRecord

_CALIBRATION_SECONDS = 0.3
_PUT_SECONDS = 40e-6
"""What one record costs its sender in processor time, measured; making it comes on top."""
_BUSY_SHARE_MAX = 0.6
"""A process is planned to be busy so much of its time: the rest is for catching up."""


def processes_needed(rate: float, records: Iterable[ScheduledRecord], processors: int | None = None) -> int:
    """How many processes hold `rate` observations a second, from making a few of the records now.

    At most as many as there are processors; `records` are those of a single process, from their beginning.
    """
    made = observations = 0
    started = time.process_time()
    for planned in records:
        made, observations = made + 1, observations + planned.observations
        if time.process_time() - started > _CALIBRATION_SECONDS:
            break
    seconds = time.process_time() - started + made * _PUT_SECONDS
    needed = math.ceil(rate * seconds / max(1, observations) / _BUSY_SHARE_MAX)
    return max(1, min(needed, processors or os.cpu_count() or 1))
