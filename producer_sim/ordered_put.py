"""Records onto a Kinesis stream, in order for each partition key, whatever fails on the way.

PutRecords promises no order, and fails records one by one: of two records of one key in one request, the
later can be stored and the earlier refused. So at most one record of a key is on its way at any time, and the
next one leaves when that one is acknowledged. Requests stay large because they carry many keys: a round trip
carries one record of each. Where that is too slow, put many observations into a record.

A request whose answer is lost may have stored its records, and sending it again would store them twice. So a
client's own retries must be off (make it with `SEND_ONCE`), and a lost answer is an error, unless the caller
prefers records that repeat to an end.

    PutFailed           what is known to be stored is in `acknowledgements`
    ├── RecordRefused   a record was refused too often: the stream may need more shards
    └── AnswerLost      nobody knows whether the records without acknowledgement were stored
"""

import random
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from producer_sim.put_request import (
    RECORDS_PER_REQUEST_MAX,
    REQUEST_BYTES_MAX,
    SEND_ONCE,
    Acknowledgement,
    Outcome,
    RecordStream,
    StreamRecord,
    check,
    put,
)

__all__ = ["SEND_ONCE", "Acknowledgement", "OrderedPut", "StreamRecord"]


class PutFailed(Exception):
    """Not every record was acknowledged: `acknowledgements` are in order of submission, None for those."""

    def __init__(self, reason: str, acknowledgements: Sequence[Acknowledgement | None]) -> None:
        super().__init__(reason)
        self.acknowledgements = tuple(acknowledgements)


class RecordRefused(PutFailed):
    """A record was refused at every attempt: send it and those behind it later, slower, or add shards."""


class AnswerLost(PutFailed):
    """Records without acknowledgement may have been stored: read the stream before you send them again."""


_Failure = tuple[type[PutFailed], str]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of a refused record: a random part of a time that doubles, so that records do not go in step."""

    first_seconds: float = 0.05
    longest_seconds: float = 5.0
    attempts_max: int = 12

    def seconds(self, attempts: int, rng: random.Random) -> float:
        """How long to wait after `attempts` refusals, 1 or more."""
        return rng.uniform(0.0, min(self.longest_seconds, self.first_seconds * 2.0 ** (attempts - 1)))


@dataclass(frozen=True, slots=True)
class OrderedPut:
    """Sends records, several requests at a time; a failed request changes nothing for the keys of the others.

    `progress` hears (acknowledged, total) after every answer, on the thread that sends; `rng` spreads waits.
    """

    stream: RecordStream
    stream_name: str
    requests_in_flight: int = 4
    backoff: Backoff = Backoff()
    resend_when_answer_lost: bool = False
    progress: Callable[[int, int], None] = lambda acknowledged, total: None
    rng: random.Random = field(default_factory=random.Random)

    def send(self, records: Sequence[StreamRecord]) -> list[Acknowledgement]:
        """Send all, and give one acknowledgement for each, in order of submission.

        An error is raised when the requests on their way have been answered.

        Raises:
            ValueError: A record breaks a limit of Kinesis; nothing was sent.
            PutFailed: See its two kinds.
            botocore.exceptions.ClientError: The request as a whole is wrong, as when there is no such stream.
        """
        check(records)
        line = _Line(records)
        in_flight: dict[Future[list[Outcome]], list[int]] = {}
        failure: _Failure | None = None
        with ThreadPoolExecutor(self.requests_in_flight, thread_name_prefix="put-records") as threads:
            while in_flight or not (failure or line.acknowledged == len(records)):
                while failure is None and len(in_flight) < self.requests_in_flight and (taken := line.take()):
                    request = [records[position] for position in taken]
                    in_flight[threads.submit(put, self.stream, self.stream_name, request)] = taken
                may_send = failure is None and len(in_flight) < self.requests_in_flight
                for answered in _wait(in_flight, line.seconds_until_due() if may_send else None):
                    failure = self._settle(line, in_flight.pop(answered), answered.result()) or failure
                    self.progress(line.acknowledged, len(records))
        if failure is not None:
            kind, reason = failure
            raise kind(reason, line.acknowledgements)
        return [acknowledgement for acknowledgement in line.acknowledgements if acknowledgement is not None]

    def _settle(self, line: "_Line", taken: list[int], answer: list[Outcome]) -> "_Failure | None":
        failure: _Failure | None = None
        for position, outcome in zip(taken, answer, strict=True):
            if isinstance(outcome, Acknowledgement):
                line.acknowledge(position, outcome)
                continue
            attempts = line.rest(position, self.backoff, self.rng)
            text = f"record {position} of key {line.records[position].partition_key!r}: {outcome.reason}"
            if outcome.may_be_stored and not self.resend_when_answer_lost:
                failure = (AnswerLost, f"{text}. It may have been stored: read the stream")
            elif attempts >= self.backoff.attempts_max:
                failure = (RecordRefused, f"{text}, {attempts} times: send slower, or add shards")
        return failure


class _Line:
    """The records that wait, key by key: the next one of a key moves up when the one before it is stored."""

    def __init__(self, records: Sequence[StreamRecord]) -> None:
        self.records = records
        self.acknowledgements: list[Acknowledgement | None] = [None] * len(records)
        self.acknowledged = 0
        self._behind: dict[str, deque[int]] = defaultdict(deque)
        for position, record in enumerate(records):
            self._behind[record.partition_key].append(position)
        self._ready = deque(behind.popleft() for behind in self._behind.values())  # one position of a key
        self._resting: dict[int, float] = {}  # refused, and when to try again
        self._refusals: dict[int, int] = defaultdict(int)

    def take(self) -> list[int]:
        """One request's records, by position, each of another key; empty if none may be sent now."""
        now = time.monotonic()
        due = [position for position, until in self._resting.items() if until <= now]
        self._ready.extend(due)
        for position in due:
            del self._resting[position]
        taken: list[int] = []
        room = REQUEST_BYTES_MAX
        while self._ready and len(taken) < RECORDS_PER_REQUEST_MAX:
            room -= self.records[self._ready[0]].size_bytes
            if room < 0:
                break
            taken.append(self._ready.popleft())
        return taken

    def acknowledge(self, position: int, acknowledgement: Acknowledgement) -> None:
        self.acknowledgements[position] = acknowledgement
        self.acknowledged += 1
        if behind := self._behind[self.records[position].partition_key]:
            self._ready.append(behind.popleft())

    def rest(self, position: int, backoff: Backoff, rng: random.Random) -> int:
        """Hold a refused record back, and so all behind it; gives the number of its refusals."""
        self._refusals[position] += 1
        self._resting[position] = time.monotonic() + backoff.seconds(self._refusals[position], rng)
        return self._refusals[position]

    def seconds_until_due(self) -> float | None:
        """How long until a refused record may be sent again; None if there is none."""
        return max(0.0, min(self._resting.values()) - time.monotonic()) if self._resting else None


def _wait(in_flight: Iterable[Future[list[Outcome]]], seconds: float | None) -> set[Future[list[Outcome]]]:
    """The requests that have been answered, as soon as there is one, or none after `seconds`."""
    waiting = set(in_flight)
    if waiting:
        return wait(waiting, timeout=seconds, return_when=FIRST_COMPLETED).done
    time.sleep(seconds or 0.0)
    return set()
