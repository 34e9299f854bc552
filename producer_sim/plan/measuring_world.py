"""The consumer's pipeline on a bucket in memory, and batches for it: its CPU is measured, no network."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from river import drift

from clients.lambda_event import lambda_record
from consumer.decode.delivery import typed
from consumer.detectors.drift import DriftUseCase
from consumer.errors import PageChanged
from consumer.events.event import Event
from consumer.pages.codec import PageCodec
from consumer.pages.layout import Layout, LayoutStore
from consumer.pages.packing import packed
from consumer.pages.store import PageStore
from consumer.pipeline import Pipeline
from consumer.ports import Found, Missing, Unchanged
from consumer.settings.signal_settings import SettingsOfSignals
from producer_sim.payloads import encoders

_ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/plant"
_START_S = 1_700_000_000.0
_WARM_BYTES = 2**30


class MemoryBucket:
    """A bucket with ETags in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[str, bytes]] = {}
        self._versions = 0

    async def get(
        self, key: str, *, bytes_max: int, unless: str | None = None
    ) -> Found | Missing | Unchanged:
        """As `ObjectStore.get`."""
        if key not in self.objects:
            return Missing()
        e_tag, body = self.objects[key]
        return Unchanged() if e_tag == unless else Found(e_tag, len(body), body)

    async def replace(self, key: str, body: bytes, e_tag: str | None) -> str:
        """As `ObjectStore.replace`."""
        if self.objects.get(key, (None, b""))[0] != e_tag:
            raise PageChanged(key)
        self._versions += 1
        self.objects[key] = (f'"{self._versions}"', body)
        return self.objects[key][0]

    async def write(self, key: str, body: bytes) -> None:
        """Refuse: nothing here should be quarantined."""
        raise AssertionError(f"quarantined: {body[:200]!r}")

    async def keys(self, prefix: str, before_s: float | None = None) -> list[str]:
        """As `ObjectStore.keys`."""
        return [key for key in self.objects if key.startswith(prefix)]


class _SilentBus:
    async def publish(self, events: Sequence[Event]) -> None:
        """Accept events at no cost."""


class _NoDeadline:
    def is_short(self) -> bool:
        """Never."""
        return False

    def seconds_to_answer(self) -> None:
        """No limit."""


def read(event: bytes) -> dict[str, Any]:
    """As the function has its events read in Lambda."""
    found = typed(event)
    assert found is not None, "it is as Lambda sends them"
    return found


@dataclass(slots=True)
class MeasuringWorld:
    """`signals` that hold a model each, in `pages` objects, after `values` values each."""

    signals: int
    pages: int
    values: int = 1000
    bucket: Any = field(default_factory=MemoryBucket)
    sent: int = 0
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    function: Pipeline = field(init=False)

    def __post_init__(self) -> None:
        self.function = self._cold()
        for _ in range(2):
            self.cpu_s(self.event(range(self.signals), 1, self.values // 2), cold=False)

    def event(self, signals: Sequence[int], records: int, values: int) -> bytes:
        """An invocation's event as JSON: of each signal so many records with so many values each."""
        names = [f"compressor{signal}.pressure" for _ in range(records) for signal in signals]
        return json.dumps({"Records": [self._record(name, values) for name in names]}).encode()

    def cpu_s(self, event: bytes, *, cold: bool) -> float:
        """Seconds of CPU that an invocation takes, its event's JSON included."""
        function = self._cold() if cold else self.function
        started = time.process_time()
        report = asyncio.run(function.consume(read(event), _NoDeadline()))
        taken_s = time.process_time() - started
        if report.failed or report.problems:
            raise AssertionError(f"the consumer could not learn what is measured: {report.problems}")
        self.function = function
        return taken_s

    def state_bytes(self) -> float:
        """Bytes of a state in its page, without those of its model, on average."""
        bodies = [body for key, (_, body) in self.bucket.objects.items() if "layout" not in key]
        states = [state for body in bodies for state in PageCodec().decode(body).values()]
        models = [packed(state.model.detector)[0] for state in states]
        return (sum(map(len, bodies)) - sum(map(len, models))) / len(states)

    def _cold(self) -> Pipeline:
        layout = Layout("models/drift/measured", self.pages)
        return Pipeline(
            "drift",
            SettingsOfSignals("drift", DriftUseCase(drift.ADWIN())),
            LayoutStore(self.bucket, layout, lambda text: None),
            PageStore(self.bucket, PageCodec(), _WARM_BYTES),
            _SilentBus(),
            self.bucket,
            random.Random(1),
            page_signals_max=10**9,
        )

    def _record(self, signal: str, values: int) -> dict[str, Any]:
        self.sent += 1
        at_s = _START_S + self.sent
        series = [round(self.rng.gauss(42.0, 1.0), 3) for _ in range(values)]
        times = [at_s + number for number in range(values)]
        payload = (
            encoders.columns(signal, times, series) if values > 1 else encoders.point(signal, series[0], at_s)
        )
        sequence_number = f"4959{self.sent:052d}"
        return lambda_record(_ARN, "shardId-000000000000", sequence_number, signal, payload, at_s)
