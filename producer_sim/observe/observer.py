"""Observes a run: events and alerts as they arrive, and every second how much is learned.

    with observe(pipeline, folder, signals) as observer:
        ...                                    # send, and call observer.progress(due, acknowledged)
        counts = observer.wait_until_settled(observations, timeout_s=60)

Permissions needed on AWS: see queues.py and learned_counts.py.
"""

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from clients.deployment import Pipeline
from clients.kinesis_writer.sending import Sending
from producer_sim.observe.learned_counts import Counts, LearnedCounts
from producer_sim.observe.listening import AlertMessage, Inbox, listening
from producer_sim.run_folder import ReceivedAlert, RunFolder, RunSummary, Sample

_SAMPLE_EVERY_S = 1.0
_SHARE_MAX = 0.25
_QUIET_S = 3.0
_LOOK_EVERY_S = 0.2


class Observer:
    """What was observed so far; counts are of observations since the start."""

    def __init__(self, pipeline: Pipeline, folder: RunFolder, looks: list[LearnedCounts]) -> None:
        self._pipeline = pipeline
        self._folder = folder
        self._looks = looks
        self._due = 0
        self._acknowledged = 0
        self._counts = Counts()  # of several use cases, those of the one furthest behind
        self._last_change = time.monotonic()
        self._error: Exception | None = None
        self._stopped = threading.Event()

    def progress(self, due: int, acknowledged: int) -> None:
        """Set how many observations were due, and how many the stream has acknowledged, until now."""
        self._due, self._acknowledged = due, acknowledged

    def check(self) -> None:
        """Raise what stopped this observer, and what `Pipeline.check` raises."""
        self._pipeline.check()
        if self._error is not None:
            raise self._error

    def wait_until_settled(self, observations: int, timeout_s: float) -> Counts:
        """Return when so many observations were learned, skipped or quarantined and no more events arrive.

        Or when time is up: see the counts.

        Raises: as `check`.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.check()
            if self._counts.total >= observations and time.monotonic() - self._last_change > _QUIET_S:
                break
            time.sleep(_LOOK_EVERY_S)
        return self._counts

    def stop(self) -> None:
        """Stop observing."""
        self._stopped.set()

    def take_arrivals(self, inbox: Inbox) -> None:
        """Write events and alerts into the folder until `stop`."""
        with self._noting_errors():
            while not self._stopped.is_set():
                arrival = inbox.next(_LOOK_EVERY_S)
                if arrival is None:
                    continue
                self._last_change = time.monotonic()
                if isinstance(arrival, AlertMessage):
                    alert = ReceivedAlert(arrival.received_s, arrival.alert, arrival.id)
                    self._folder.append("alerts", [alert])
                else:
                    self._folder.append("events", [arrival])

    def take_samples(self) -> None:
        """Write a sample about every second until `stop`, using at most a quarter of this thread's time."""
        with self._noting_errors():
            while True:
                started, worked_before_s = time.monotonic(), time.thread_time()
                self._sample()
                took_s, worked_s = time.monotonic() - started, time.thread_time() - worked_before_s
                if self._stopped.wait(max(_SAMPLE_EVERY_S - took_s, worked_s * (1 / _SHARE_MAX - 1))):
                    break
            self._sample()

    def _sample(self) -> None:
        counts = min((look.look() for look in self._looks), key=lambda counts: counts.total)
        if counts != self._counts:
            self._last_change = time.monotonic()
        self._counts = counts
        sample = Sample(
            time.time(),  # after looking, so that nothing counts as learned too early
            self._due,
            self._acknowledged,
            learned=counts.learned,
            skipped=counts.skipped,
            quarantined=counts.quarantined,
        )
        self._folder.append("samples", [sample])

    @contextmanager
    def _noting_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever it is, `check` has to raise it in the main thread
            self._error = self._error or error


@contextmanager
def observe(pipeline: Pipeline, folder: RunFolder, signals: Collection[str]) -> Iterator[Observer]:
    """Observe the pipeline inside the `with` block; temporary resources in AWS are removed at its end.

    Only observations of `signals` are counted, without those learned before.

    Raises: `NotObservable` for a stream alone; `StatesUnreadable`; what botocore raises.
    """
    with listening(pipeline) as inbox:
        s3 = pipeline.client("s3")
        looks = [LearnedCounts(s3, models, pipeline.stream_name, signals) for models in pipeline.models]
        observer = Observer(pipeline, folder, looks)
        threads = [
            threading.Thread(target=observer.take_arrivals, args=[inbox], name="arrivals", daemon=True),
            threading.Thread(target=observer.take_samples, name="samples", daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield observer
        finally:
            observer.stop()
            for thread in threads:
                thread.join()


Observing = AbstractContextManager[Observer | None]
"""None if nobody observes: a stream alone."""


def observing(pipeline: Pipeline, folder: RunFolder, signals: Collection[str]) -> Observing:
    """As `observe`, where there is something to observe."""
    return observe(pipeline, folder, signals) if pipeline.models else nullcontext()


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the observations sent; `counts` is None if nobody observed, or the wait was interrupted.

    What was not learned yet at an interruption is not lost: so nothing is counted.
    """

    counts: Counts | None = None
    interrupted: bool = False

    def summary(
        self,
        sending: Sending,
        *,
        command: str,
        pipeline: str,
        seed: int | None,
        ended_s: float,
        rate_target: float | None,
        configuration: dict[str, Any],
    ) -> RunSummary:
        """The run's summary, from what was sent and what became of it."""
        return RunSummary(
            command=command,
            pipeline=pipeline,
            seed=seed,
            started_s=sending.started_s,
            ended_s=ended_s,
            rate_target=rate_target,
            rate_achieved=round(sending.rate, 3),
            records_sent=sending.records,
            observations_sent=sending.observations,
            bytes_sent=sending.bytes,
            retries=sending.retries,
            refused=sending.refused,
            shards=tuple(sending.by_shard.values()),
            learned=self.counts.learned if self.counts else None,
            skipped=self.counts.skipped if self.counts else None,
            quarantined=self.counts.quarantined if self.counts else None,
            interrupted=sending.interrupted or self.interrupted,
            configuration=configuration,
        )


def settle(observer: Observer | None, observations: int, timeout_s: float) -> Settled:
    """Wait until so many observations are learned, skipped or quarantined, until time is up, or Ctrl-C."""
    if observer is None:
        return Settled()
    try:
        return Settled(observer.wait_until_settled(observations, timeout_s))
    except KeyboardInterrupt:
        return Settled(interrupted=True)
