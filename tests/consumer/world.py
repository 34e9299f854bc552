"""The pipeline on memory: an S3 with versions, a bus, a clock, and faults before or after any effect.

The codec, the page store, the layout store and all of the core are the real ones.
"""

import asyncio
import base64
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import river.drift

from clients.lambda_event import lambda_record
from consumer.decode.signal_names import identity
from consumer.decode.times import ANY_TIME, TimeLimits
from consumer.detectors.base import UseCase
from consumer.detectors.drift import DriftUseCase
from consumer.errors import PageChanged, Unavailable
from consumer.events.event import Event
from consumer.events.quarantine import RECORD, each_rejected
from consumer.learning.state import State
from consumer.pages.codec import PageCodec, unmarked
from consumer.pages.layout import Layout, LayoutStore
from consumer.pages.store import PageMemory, PageStore
from consumer.pipeline import FEW, Pipeline
from consumer.ports import Found, Missing, Unchanged
from consumer.settings.assets import Assets
from consumer.settings.signal_settings import SettingsFile, SettingsOfSignals
from consumer.staleness_sweep import sweep

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/plant"
SHARD = "shardId-000000000000"
PREFIX = "models/drift/0123456789abcdef"


class Crash(BaseException):
    """The invocation dies: no code of ours may catch this."""


class Faults:
    """Raises what a test planned when a call matches, before or after its effect."""

    def __init__(self):
        self.calls: list[tuple[str, str]] = []
        self._planned: list[tuple[str, str, str, object, int]] = []

    def plan(self, when: str, call: str, what: object, *, key: str = "", times: int = 10**9) -> None:
        """`when`: before or after; `call`: get, put or publish; `what`: an exception, or what to call."""
        self._planned.append([when, call, key, what, times])

    def plan_nth(self, when: str, call: str, what: object, number: int) -> None:
        """Only at the `number`-th call of this name from now on."""
        left = [number]

        def happen():
            left[0] -= 1
            if left[0] == 0:
                raise what

        self.plan(when, call, happen)

    def clear(self) -> None:
        self._planned.clear()

    def happen(self, when: str, call: str, key: str) -> None:
        if when == "before":
            self.calls.append((call, key))
        for planned in self._planned:
            at, name, part, what, times = planned
            if (at, name) == (when, call) and part in key and times > 0:
                planned[4] -= 1
                if isinstance(what, BaseException):
                    raise what
                what()


@dataclass
class InMemoryObjects:
    """A bucket: what obstore's S3 does with conditions, and 403 for what is missing without ListBucket."""

    faults: Faults = field(default_factory=Faults)
    objects: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    versions: int = 0
    may_list: bool = True

    async def get(self, key, *, bytes_max, unless=None):
        await asyncio.sleep(0)
        self.faults.happen("before", "get", key)
        stored = self.objects.get(key)
        self.faults.happen("after", "get", key)
        if stored is None:
            if not self.may_list:
                raise Unavailable(f"GET {key}: 403")
            return Missing()
        e_tag, body = stored
        if e_tag == unless:
            return Unchanged()
        return Found(e_tag, len(body), body if len(body) <= bytes_max else None)

    async def replace(self, key, body, e_tag):
        await asyncio.sleep(0)
        self.faults.happen("before", "put", key)
        current = self.objects.get(key, (None, b""))[0]
        if current != e_tag:
            raise PageChanged(key)
        new = self._store(key, body)
        self.faults.happen("after", "put", key)
        return new

    async def write(self, key, body):
        await asyncio.sleep(0)
        self.faults.happen("before", "put", key)
        self._store(key, body)
        self.faults.happen("after", "put", key)

    async def keys(self, prefix, before_s=None):
        await asyncio.sleep(0)
        self.faults.happen("before", "list", prefix)
        found = [key for key in self.objects if key.startswith(prefix)]
        self.faults.happen("after", "list", prefix)
        return found

    def _store(self, key, body):
        self.versions += 1
        self.objects[key] = (f'"{self.versions}"', body)
        return self.objects[key][0]

    def quarantined(self) -> list[dict]:
        return [
            line
            for key, (_, body) in sorted(self.objects.items())
            if key.startswith("quarantine/") and not key.endswith(RECORD)
            for line in each_rejected(body)
        ]


@dataclass
class InMemoryBus:
    faults: Faults
    events: list[Event] = field(default_factory=list)

    async def publish(self, events: Sequence[Event]) -> None:
        await asyncio.sleep(0)
        self.faults.happen("before", "publish", "")
        self.events += events
        self.faults.happen("after", "publish", "")


class NoHurry:
    """There is always time."""

    def is_short(self):
        return False

    def seconds_to_answer(self):
        return None


class RunsShort:
    """Time for `looks` looks at the clock."""

    def __init__(self, looks: int):
        self.looks = looks

    def is_short(self):
        self.looks -= 1
        return self.looks < 0

    def seconds_to_answer(self):
        return None


@dataclass
class World:
    """One bucket and one bus, and as many warm functions as a test asks for."""

    pages: int = 16
    use_case: UseCase = field(default_factory=lambda: DriftUseCase(river.drift.ADWIN()))
    objects: InMemoryObjects = field(default_factory=InMemoryObjects)
    signals_max: int = 10_000
    memory_bytes_max: int = 2**30
    warm_bytes_max: int = 64 * 2**20
    signals: SettingsFile | None = None
    times: TimeLimits = ANY_TIME
    """Most tests count seconds from 0."""
    assets: Assets | None = None
    """The rules by which models are placed; None: by record."""

    def __post_init__(self):
        self.faults = self.objects.faults
        self.bus = InMemoryBus(self.faults)
        self.function = self.cold()

    def cold(self, pages: int | None = None, few: int = FEW) -> Pipeline:
        """A new execution environment: nothing is warm."""
        layout = Layout(PREFIX, self.pages if pages is None else pages, self.assets)
        return Pipeline(
            "drift",
            SettingsOfSignals("drift", self.use_case, self.signals, self.times),
            LayoutStore(self.objects, layout, lambda text: None),
            PageStore(
                self.objects,
                PageCodec(self.memory_bytes_max),
                self.warm_bytes_max,
                PageMemory(self.memory_bytes_max),
            ),
            self.bus,
            self.objects,
            random.Random(1),
            self.signals_max,
            few=few,
        )

    def invoke(self, records: Iterable[dict], function: Pipeline | None = None, time_left=None):
        return self.invoke_event({"Records": list(records)}, function, time_left)

    def invoke_event(self, event: Mapping[str, Any], function: Pipeline | None = None, time_left=None):
        return asyncio.run((function or self.function).consume(event, time_left or NoHurry()))

    def sweep(self, now_s: float, function: Pipeline | None = None):
        return asyncio.run(sweep(function or self.function, now_s, NoHurry()))

    def states(self) -> dict[str, State]:
        """All states in S3, by signal."""
        codec = PageCodec()
        states = {}
        for key, (_, body) in self.objects.objects.items():
            if key.startswith("models/") and not key.endswith(".json"):
                content = unmarked(body)
                for (_, signal), state in (codec.decode(content) if content else {}).items():
                    assert signal not in states, f"{signal} has two models"
                    states[signal] = state
        return states

    def event_ids(self) -> list[str]:
        return [event.id for event in self.bus.events]


def record(sequence_number, payload, *, key="plant", shard=SHARD, arn=ARN, arrived=1_700_000_000.0) -> dict:
    """A record as Lambda delivers it."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return lambda_record(arn, shard, str(sequence_number), key, body, arrived)


def points(values: Iterable[tuple[str, float]], first: int = 100) -> list[dict]:
    """A record for each (signal, value), partitioned by signal."""
    return [
        record(first + number, {"signal": signal, "value": value}, key=signal)
        for number, (signal, value) in enumerate(values)
    ]


def step(signal: str, count: int = 200, at: int = 100, seed: int = 0) -> list[tuple[str, float]]:
    """A signal whose mean changes once."""
    rng = random.Random(f"{signal}{seed}")
    return [(signal, rng.gauss(0.0 if number < at else 8.0, 1.0)) for number in range(count)]


def interleaved(*series: list) -> list:
    """One observation of each in turn."""
    return [observation for row in zip(*series, strict=True) for observation in row]


@dataclass
class Reference:
    """What a plain River loop finds: a model for each signal, the values one after the other."""

    models: dict[str, river.drift.ADWIN]
    learned: dict[str, int]
    ids: list[str]


def plain_loop(records: list[dict], make: Callable = river.drift.ADWIN) -> Reference:
    """Learn points, each once, in the order of the records; the ids as DESIGN has them."""
    reference = Reference({}, {}, [])
    for delivered in records:
        kinesis = delivered["kinesis"]
        point = json.loads(base64.b64decode(kinesis["data"]))
        signal = point["signal"]
        model = reference.models.setdefault(signal, make())
        model.update(point["value"])
        reference.learned[signal] = reference.learned.get(signal, 0) + 1
        if model.drift_detected:
            shard = delivered["eventID"].rpartition(":")[0]
            place = (delivered["eventSourceARN"], shard, kinesis["sequenceNumber"], kinesis["partitionKey"])
            reference.ids.append(identity("drift", *place, signal, "drift", 0))
    return reference


def assert_exact(world: World, records: list[dict]) -> None:
    """Each model equals the plain loop's, each event id was published, and none besides."""
    reference = plain_loop(records)
    states = world.states()
    assert {signal: state.learned for signal, state in states.items()} == reference.learned
    for signal, model in reference.models.items():
        assert state_of(states[signal].model.detector) == state_of(model), signal
    assert set(world.event_ids()) == set(reference.ids)


def state_of(adwin: river.drift.ADWIN) -> tuple:
    """All that an ADWIN knows."""
    return adwin.drift_detected, adwin._helper.__reduce_ex__(4)[2]
