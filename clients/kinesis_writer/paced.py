"""Records onto a Kinesis stream when they are due, in order for each partition key, whatever fails.

PutRecords promises no order, and fails records one by one: of two records of one key in one request, the
later can be stored and the earlier refused. So at most one record of a key is on its way at any time, and the
next one leaves when that one is acknowledged. Requests stay large because they carry many keys: a round trip
carries one record of each. Where that is too slow, put many observations into a record.

A request whose answer is lost may have stored its records, and sending it again would store them twice. So a
client's own retries must be off (make it with `SEND_ONCE`), and a lost answer is an error, unless the caller
accepts duplicates (`resend_when_answer_lost`).

A record is taken from its source when it is due, never before; if sending falls behind, it catches up. A due
record lingers a moment so that requests fill. When too many wait, none is taken until some are acknowledged:
`Sending` says how late records were.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from clients.interruption import interruptible
from clients.kinesis_writer.pending import PendingRecords, ScheduledRecord, Waiting
from clients.kinesis_writer.put_request import Acknowledgement, Outcome, RecordStream, check, put
from clients.kinesis_writer.sending import AnswerLost, PutFailed, RecordRefused, Sending, Tally

_TAKEN_AT_ONCE = 1000  # then whatever can be sent is, before more is taken
_WAIT_SECONDS_MAX = 0.25  # so often it looks whether it should stop


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: a rejected record waits a random part of a time that doubles at each rejection."""

    first_seconds: float = 0.05
    longest_seconds: float = 5.0
    attempts_max: int = 12

    def seconds(self, attempts: int, rng: random.Random) -> float:
        """Seconds to wait after `attempts` rejections, 1 or more."""
        return rng.uniform(0.0, min(self.longest_seconds, self.first_seconds * 2.0 ** (attempts - 1)))


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How long a due record waits for others, how many may wait, and what happens after rejections."""

    requests_in_flight: int = 4
    linger_s: float = 0.05
    waiting_records_max: int = 20_000
    waiting_bytes_max: int = 64 * 1024 * 1024
    backoff: Backoff = field(default_factory=Backoff)
    resend_when_answer_lost: bool = False


class Clock(Protocol):
    """Epoch seconds that never jump back, and a way to let them pass."""

    def now(self) -> float:
        """The time in epoch seconds."""
        ...

    def wait(self, answered: threading.Event | None, seconds: float) -> None:
        """Return when `answered` is set or that much time has passed; None if no answer can come."""
        ...


class WallClock:
    """The time when it was made, and what has passed since: it keeps its pace when the wall clock is set."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()

    def now(self) -> float:
        """The time in epoch seconds."""
        return time.monotonic() + self._offset_s

    def wait(self, answered: threading.Event | None, seconds: float) -> None:
        """Return when `answered` is set or that much time has passed."""
        if answered is None:
            time.sleep(seconds)
        else:
            answered.wait(seconds)


def send_paced(
    stream: RecordStream,
    stream_name: str,
    records: Iterable[ScheduledRecord],
    *,
    clock: Clock,
    start_s: float | None = None,
    options: SendOptions = SendOptions(),
    on_progress: Callable[[Sending], None] = lambda sending: None,
    on_acknowledged: Callable[[int, Acknowledgement], None] = lambda position, acknowledgement: None,
    is_stopped: Callable[[], bool] = lambda: False,
    rng: random.Random | None = None,
) -> Sending:
    """Send records, given in the order in which they are due, and return what was sent.

    `start_s`, in epoch seconds, is now if None. `on_progress` is called after each response and a few times a
    second, on the thread that sends; `on_acknowledged` gets the position and place of each record. Ctrl-C (on
    the main thread) and `is_stopped` end it: what is on its way is answered and counted, the rest is not
    sent, and the result says `interrupted`.

    Raises:
        ValueError: A record breaks a limit of Kinesis; those before it are sent, or on their way.
        PutFailed: See its two kinds; the requests on their way were answered.
        botocore.exceptions.ClientError: The request as a whole is wrong, as when there is no such stream.
    """
    sender = _Sender(stream, stream_name, records, clock, start_s, options, rng or random.Random())
    sender.on_progress, sender.on_acknowledged, sender.is_stopped = on_progress, on_acknowledged, is_stopped
    with (
        ThreadPoolExecutor(options.requests_in_flight, thread_name_prefix="put-records") as threads,
        interruptible(sender.interrupt),
    ):
        sender.run(threads)
    if sender.failure is not None:
        kind, reason = sender.failure
        raise kind(reason, sender.sending())
    return sender.sending()


class _Sender:
    """One sending: takes what is due, sends what is ready, settles what is answered, and waits."""

    on_progress: Callable[[Sending], None]
    on_acknowledged: Callable[[int, Acknowledgement], None]
    is_stopped: Callable[[], bool]

    def __init__(
        self,
        stream: RecordStream,
        stream_name: str,
        records: Iterable[ScheduledRecord],
        clock: Clock,
        start_s: float | None,
        options: SendOptions,
        rng: random.Random,
    ) -> None:
        self.failure: tuple[type[PutFailed], str] | None = None
        self._stream, self._stream_name = stream, stream_name
        self._clock, self._options, self._rng = clock, options, rng
        self._start_s = clock.now() if start_s is None else start_s
        self._pending = PendingRecords()
        self._tally = Tally(self._start_s)
        self._source = iter(records)
        self._next = next(self._source, None)
        self._positions = 0
        self._interrupted = False
        self._in_flight: dict[Future[list[Outcome]], list[Waiting]] = {}
        self._answers: deque[Future[list[Outcome]]] = deque()
        self._answered = threading.Event()

    def interrupt(self) -> None:
        """Take and send nothing more."""
        self._interrupted = True

    def sending(self) -> Sending:
        """What was sent so far."""
        return self._tally.sending(self._clock.now(), self._interrupted)

    def run(self, threads: ThreadPoolExecutor) -> None:
        """Send until nothing is left, or must not be sent any more."""
        while True:
            self._interrupted = self._interrupted or self.is_stopped()
            if not self._ends:
                elapsed_s = self._clock.now() - self._start_s
                self._take_due(elapsed_s)
                self._send_ready(threads, elapsed_s)
            if not self._in_flight and (self._ends or (self._next is None and not self._pending.records)):
                return
            self._clock.wait(self._answered if self._in_flight else None, self._seconds_to_wait())
            self._settle_answers()
            self.on_progress(self.sending())

    @property
    def _ends(self) -> bool:
        return self._interrupted or self.failure is not None

    @property
    def _has_room(self) -> bool:
        pending, options = self._pending, self._options
        return pending.records < options.waiting_records_max and pending.bytes < options.waiting_bytes_max

    def _take_due(self, elapsed_s: float) -> None:
        for _ in range(_TAKEN_AT_ONCE):
            scheduled = self._next
            if scheduled is None or scheduled.due_s > elapsed_s or not self._has_room:
                return
            self._pending.enter(Waiting(self._positions, scheduled, check(self._positions, scheduled.record)))
            self._tally.take(scheduled.observations)
            self._positions += 1
            self._next = next(self._source, None)

    def _send_ready(self, threads: ThreadPoolExecutor, elapsed_s: float) -> None:
        pending = self._pending
        pending.wake(elapsed_s)
        while len(self._in_flight) < self._options.requests_in_flight:
            due_s = pending.oldest_due_s
            lingers = self._next is not None and not pending.fills_a_request
            if due_s is None or (lingers and due_s + self._options.linger_s > elapsed_s):
                return
            taken = pending.take()
            request = [waiting.scheduled.record for waiting in taken]
            for waiting in taken:
                if waiting.refusals:
                    self._tally.retries += 1
                else:
                    self._tally.leave(waiting.scheduled.due_s, elapsed_s)
            future = threads.submit(put, self._stream, self._stream_name, request)
            self._in_flight[future] = taken
            future.add_done_callback(self._hear)

    def _hear(self, future: "Future[list[Outcome]]") -> None:
        self._answers.append(future)
        self._answered.set()

    def _seconds_to_wait(self) -> float:
        """Until a record leaves, is due with company, or has rested enough."""
        if self._ends:
            return _WAIT_SECONDS_MAX
        pending, linger_s = self._pending, self._options.linger_s
        until = [_WAIT_SECONDS_MAX + self._clock.now() - self._start_s]
        if self._next is not None and self._has_room:
            until.append(self._next.due_s + linger_s)
        if len(self._in_flight) < self._options.requests_in_flight:
            oldest_s = None if pending.oldest_due_s is None else pending.oldest_due_s + linger_s
            until += [time_s for time_s in (oldest_s, pending.next_wake) if time_s is not None]
        return max(0.0, min(until) - (self._clock.now() - self._start_s))

    def _settle_answers(self) -> None:
        self._answered.clear()
        while self._answers:
            future = self._answers.popleft()
            for waiting, outcome in zip(self._in_flight.pop(future), future.result(), strict=True):
                if isinstance(outcome, Acknowledgement):
                    self._pending.acknowledge(waiting)
                    self._tally.acknowledge(waiting.scheduled.observations, waiting.size_bytes, outcome)
                    self.on_acknowledged(waiting.position, outcome)
                else:
                    self._settle_refusal(waiting, outcome.reason, outcome.may_be_stored)

    def _settle_refusal(self, waiting: Waiting, reason: str, may_be_stored: bool) -> None:
        backoff = self._options.backoff
        waiting.refusals += 1
        self._tally.refused += 1
        until_s = self._clock.now() - self._start_s + backoff.seconds(waiting.refusals, self._rng)
        self._pending.rest(waiting, until_s)
        text = f"record {waiting.position} of key {waiting.key!r}: {reason}"
        if may_be_stored and not self._options.resend_when_answer_lost:
            self.failure = (AnswerLost, f"{text}. It may have been stored: read the stream")
        elif waiting.refusals >= backoff.attempts_max:
            self.failure = (RecordRefused, f"{text}, {waiting.refusals} times: send slower, or add shards")
