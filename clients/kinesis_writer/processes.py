"""One sending by several processes, where one cannot hold the rate: each has a share of the partition keys.

Each process makes the records of its share and sends them when they are due, against the same start: their
rates add up, and a key stays with one process, so that its order is kept.
"""

import contextlib
import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import parent_process
from multiprocessing.synchronize import Event
from typing import Protocol

from clients.interruption import interruptible, interrupts_ignored
from clients.kinesis_writer.paced import WallClock, send_paced
from clients.kinesis_writer.pending import ScheduledRecord
from clients.kinesis_writer.put_request import RecordStream
from clients.kinesis_writer.sending import PutFailed, Sending, merged

_REPORT_SECONDS = 0.25
_CALIBRATION_SECONDS = 0.3
_PUT_SECONDS = 40e-6
"""Processor time to send one record, measured; making it comes on top."""
_BUSY_SHARE_MAX = 0.6
"""A process is planned to be busy this share of its time: the rest is for catching up."""

_Report = tuple[Sending | None, str | None, bool]
"""What was sent so far, an error, and whether the process has ended."""


class Shares(Protocol):
    """The records of one share of the keys; it and its answer must be picklable, the records need not be."""

    def __call__(self, part: int, parts: int) -> Iterable[ScheduledRecord]:
        """Give share number `part`, 0 to `parts` - 1, in the order in which they are due."""
        ...


class ProcessFailed(Exception):
    """A sending process failed, as the text says; `sending` is what all of them sent."""

    def __init__(self, reason: str, sending: Sending | None) -> None:
        super().__init__(reason)
        self.sending = sending


def processes_needed(rate: float, records: Iterable[ScheduledRecord], processors: int | None = None) -> int:
    """How many processes it takes to send `rate` observations a second, by making a few records now.

    At most one for each processor; `records` are those of a single process, from their beginning.
    """
    made = observations = 0
    started = time.process_time()
    for scheduled in records:
        made, observations = made + 1, observations + scheduled.observations
        if time.process_time() - started > _CALIBRATION_SECONDS:
            break
    seconds = time.process_time() - started + made * _PUT_SECONDS
    needed = math.ceil(rate * seconds / max(1, observations) / _BUSY_SHARE_MAX)
    return max(1, min(needed, processors or os.cpu_count() or 1))


def send_in_processes(
    processes: int,
    shares: Shares,
    connect: Callable[[], RecordStream],
    stream_name: str,
    *,
    start_s: float,
    on_progress: Callable[[Sending], None] = lambda sending: None,
) -> Sending:
    """Send all shares; `connect` makes each process its client. Ctrl-C ends all, as it does `send_paced`.

    Raises:
        PutFailed: See `send_paced`, where this is the only process.
        ProcessFailed: One of several failed; the others were ended, and what they had sent is counted.
    """
    if processes == 1:
        return send_paced(
            connect(),
            stream_name,
            shares(0, 1),
            clock=WallClock(),
            start_s=start_s,
            on_progress=on_progress,
        )
    spawning = multiprocessing.get_context("spawn")  # threads do not survive a fork
    stop = spawning.Event()
    team = _Team(on_progress, stop)
    with interruptible(stop.set), contextlib.ExitStack() as at_end:
        at_end.callback(stop.set)
        for part in range(processes):
            receiver, reports = spawning.Pipe(duplex=False)
            arguments = (part, processes, shares, connect, stream_name, start_s, stop, reports)
            process = spawning.Process(target=_send_share, args=arguments, name=f"sender-{part}")
            with interrupts_ignored():
                process.start()
            at_end.callback(process.join)
            reports.close()  # ours: the end of the process then ends the pipe
            team.join(part, receiver)
        team.listen()
    if team.errors:
        raise ProcessFailed(team.errors[0], team.sending)
    assert team.sending is not None
    return team.sending


class _Team:
    """The reports of the processes, until all have ended."""

    def __init__(self, on_progress: Callable[[Sending], None], stop: Event) -> None:
        self.errors: list[str] = []
        self._on_progress, self._stop = on_progress, stop
        self._receivers: dict[Connection, int] = {}
        self._sendings: dict[int, Sending] = {}

    @property
    def sending(self) -> Sending | None:
        """What all have sent; None where none has reported."""
        return merged(self._sendings.values()) if self._sendings else None

    def join(self, part: int, receiver: Connection) -> None:
        self._receivers[receiver] = part

    def listen(self) -> None:
        """Receive reports until the last process has ended; the first error ends the others."""
        while self._receivers:
            for receiver in wait(list(self._receivers)):
                assert isinstance(receiver, Connection)
                self._hear(receiver)
            if (sending := self.sending) is not None:
                self._on_progress(sending)

    def _hear(self, receiver: Connection) -> None:
        part = self._receivers[receiver]
        try:
            sending, error, has_ended = receiver.recv()
        except EOFError:
            text = f"sending process {part} was killed; is there enough memory?"
            sending, error, has_ended = None, text, True
        if sending is not None:
            self._sendings[part] = sending
        if error is not None:
            self.errors.append(error)
            self._stop.set()
        if has_ended:
            del self._receivers[receiver]
            receiver.close()


def _send_share(
    part: int,
    parts: int,
    shares: Shares,
    connect: Callable[[], RecordStream],
    stream_name: str,
    start_s: float,
    stop: Event,
    reports: Connection,
) -> None:
    clock, parent = WallClock(), parent_process()
    next_report_s = 0.0

    def report(sending: Sending) -> None:
        nonlocal next_report_s
        if clock.now() >= next_report_s:
            next_report_s = clock.now() + _REPORT_SECONDS
            reports.send((sending, None, False))

    def is_stopped() -> bool:
        return stop.is_set() or parent is None or not parent.is_alive()

    ended: _Report
    try:
        sending = send_paced(
            connect(),
            stream_name,
            shares(part, parts),
            clock=clock,
            start_s=start_s,
            on_progress=report,
            is_stopped=is_stopped,
        )
        ended = (sending, None, True)
    except PutFailed as failure:
        ended = (failure.sending, f"{type(failure).__name__}: {failure}", True)
    except Exception as error:  # whatever it is, the first process has to know
        ended = (None, f"sending process {part} failed: {type(error).__name__}: {error}", True)
    with contextlib.suppress(OSError):  # the first process has ended
        reports.send(ended)
