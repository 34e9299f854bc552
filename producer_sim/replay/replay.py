"""A replay, from its first record to the files in the run's folder."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from clients.deployment import Pipeline
from clients.kinesis_writer.paced import Clock, WallClock, send_paced
from clients.kinesis_writer.pending import ScheduledRecord
from clients.kinesis_writer.put_request import SEND_ONCE
from clients.kinesis_writer.sending import PutFailed, Sending
from clients.recordings.labels import Window
from producer_sim.observe.observer import Observer, Observing, settle
from producer_sim.replay.chart_series import ChartSeries
from producer_sim.replay.recording import FLAT_OUT, Recording
from producer_sim.replay.shapes import ReplayShape, scheduled_records
from producer_sim.run_folder import Fault, RunFolder, RunSummary, SimulatedSignal, Truth

_OPENING_S = 0.3  # for each file: they are open, and their first rows read, when the replay starts


@dataclass(frozen=True, slots=True)
class Replay:
    """What is replayed, and how; all recordings start together. `windows` are the labels of each of them."""

    recordings: Sequence[Recording]
    windows: Sequence[Sequence[Window]]
    shape: ReplayShape = "points"
    rows_in_columns: int = 1
    settle_s: float = 60.0
    configuration: dict[str, Any] = field(default_factory=dict)
    is_labelled: bool = False
    """Whether labels were given, if only to say that there are none."""

    @property
    def signals(self) -> list[str]:
        """The names of all signals, as they are learned."""
        return [signal for recording in self.recordings for signal in recording.signals]

    @property
    def observations(self) -> int:
        """How many will be sent."""
        return sum(recording.survey.observations for recording in self.recordings)

    @property
    def rate_target(self) -> float | None:
        """Observations a second, over the longest of the files; None flat out."""
        longest_s = max(recording.duration_s for recording in self.recordings)
        flat_out = any(recording.speed == FLAT_OUT for recording in self.recordings)
        return None if flat_out or not longest_s else self.observations / longest_s

    def truth(self, started_s: float) -> Truth:
        """The signals and labels, at the times that are sent."""
        signals = [
            SimulatedSignal(signal, name, "", recording.survey.period_s)
            for recording in self.recordings
            for signal, name in zip(recording.signals, recording.choice.names, strict=True)
        ]
        found: list[Fault] = []
        for recording, windows in zip(self.recordings, self.windows, strict=True):
            period_s, shift_s = recording.survey.period_s, recording.shift_s(started_s)
            found += faults(windows, recording.signals, period_s, shift_s)
        return Truth(tuple(signals), tuple(found), self.is_labelled)


def faults(windows: Sequence[Window], signals: Sequence[str], period_s: float, shift_s: float) -> list[Fault]:
    """The windows, moved by `shift_s`, as faults of all the file's signals: an event on any detects them."""
    return [
        Fault(tuple(signals), "changepoint", first_s + shift_s, last_s + shift_s, period_s, "alert")
        for first_s, last_s in windows
    ]


def run_replay(
    replay: Replay,
    pipeline: Pipeline,
    observing: Observing,
    folder: RunFolder,
    on_progress: Callable[[Sending], None] = lambda sending: None,
    on_stage: Callable[[str], None] = lambda text: None,
    clock: Clock | None = None,
) -> RunSummary:
    """Send everything, wait until it is learned, and write the run's folder.

    Raises:
        PutFailed: Not everything could be sent; the folder has what was.
        ReplayRefused: A file has changed since it was checked.
    """
    clock = clock or WallClock()
    stream = pipeline.account.client("kinesis", SEND_ONCE)
    with observing as observer:
        started_s = clock.now() + _OPENING_S * len(replay.recordings)
        folder.write("truth", replay.truth(started_s))
        charts = [ChartSeries(recording) for recording in replay.recordings]
        failure: PutFailed | None = None
        try:
            sending = send_paced(
                stream,
                pipeline.stream_name,
                _in_due_order(replay, charts, started_s),
                clock=clock,
                start_s=started_s,
                on_progress=lambda progress: _report(progress, observer, on_progress),
            )
        except PutFailed as error:
            failure, sending = error, error.sending
        _report(sending, observer, on_progress)
        if observer is not None:
            on_stage("Waiting until the pipeline has learned everything")
        settled = settle(observer, sending.observations, replay.settle_s)
    folder.write("series", [series for one in charts for series in one.series()])
    summary = settled.summary(
        sending,
        command="replay",
        pipeline=pipeline.name,
        seed=None,
        ended_s=clock.now(),
        rate_target=replay.rate_target,
        configuration=replay.configuration,
    )
    folder.write("run", summary)
    if failure is not None:
        raise failure
    return summary


def _in_due_order(
    replay: Replay, charts: Sequence[ChartSeries], started_s: float
) -> Iterator[ScheduledRecord]:
    plans = [
        scheduled_records(
            recording, one.watch(recording.rows(started_s)), replay.shape, replay.rows_in_columns
        )
        for recording, one in zip(replay.recordings, charts, strict=True)
    ]
    return heapq.merge(*plans, key=lambda plan: plan.due_s)


def _report(sending: Sending, observer: Observer | None, on_progress: Callable[[Sending], None]) -> None:
    if observer is not None:
        observer.progress(sending.taken, sending.observations)
    on_progress(sending)
