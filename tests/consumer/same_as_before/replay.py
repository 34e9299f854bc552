"""Replays the batches through the real pipeline, and notes what became of each."""

import asyncio
import json
import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
from river import cluster, drift, preprocessing

from consumer.detectors.asset_rows import AssetUseCase
from consumer.detectors.base import UseCase
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.multivariate import Multivariate
from consumer.errors import PageChanged, Unavailable
from consumer.handler import TypedMarshaller
from consumer.learning.outcome import InvocationReport
from consumer.learning.state import State
from consumer.settings.signal_settings import SettingsFile
from consumer.use_cases import USE_CASES
from tests.consumer.every_model import OFTEN, anomalies, rare, trees
from tests.consumer.same_as_before.mixed_batches import SILENT_S, Delivery, deliveries, settings_with
from tests.consumer.seasonal import seasonal_anomaly
from tests.consumer.world import NoHurry, World


@dataclass(frozen=True)
class Case:
    """A use case, the parameters that some signals have of their own."""

    use_case: UseCase
    own: dict[str, float] = field(default_factory=dict)


CASES = {
    "drift": Case(USE_CASES["drift"], {"delta": 0.05}),
    "anomaly": Case(USE_CASES["anomaly"], {"hour_rate": 0.1}),
    "shift": Case(USE_CASES["shift"]),
    "asset": Case(USE_CASES["asset"]),
    "clusters": Case(USE_CASES["clusters"], {"n_clusters": 5}),
    "forecast": Case(USE_CASES["forecast"], {"alpha": 0.5}),
    "drift, late skipped": Case(DriftUseCase(drift.ADWIN(), late="skip"), {"delta": 0.05}),
    "anomaly, often": Case(seasonal_anomaly(alert=OFTEN, warm_up=20), {"hour_rate": 0.1}),
    "shift, often": Case(ChangePoint(alert=OFTEN)),
    "clusters, often": Case(AssetUseCase(rare(preprocessing.StandardScaler() | cluster.KMeans(3)))),
    "assets by pattern": Case(AssetUseCase(Multivariate(warm_up=40, delay=20, alert=OFTEN))),
    "HalfSpaceTrees": Case(anomalies(trees()), {"window_size": 50}),
}
"""All that ship, and some more: what is skipped if late, alerts that come often, one of River's models."""


# What became of it, as plain text.


def dump(part: Any) -> Any:
    """A state, or a part of one, as JSON can say it: each float to the last bit and sign, each type named."""
    kind = type(part)
    if kind is float:  # most parts are
        return part.hex()
    if kind is list:
        return [each.hex() if type(each) is float else dump(each) for each in part]
    if part is None or isinstance(part, bool | int | str):
        return part
    if isinstance(part, float):
        return part.hex()
    if isinstance(part, bytes):
        return ["bytes", part.hex()]
    if isinstance(part, np.generic):
        return dump(part.item())
    if isinstance(part, np.ndarray):
        return ["array", part.dtype.str, dump(part.tolist())]
    if isinstance(part, list | tuple):
        return [dump(each) for each in part]
    if isinstance(part, set | frozenset):
        return ["set", *sorted(map(json.dumps, map(dump, part)))]
    if isinstance(part, dict):
        return ["dict", *([dump(key), dump(value)] for key, value in part.items())]
    name = type(part).__qualname__
    if isinstance(part, msgspec.Struct):
        return [name, *(dump(getattr(part, field)) for field in part.__struct_fields__)]
    if isinstance(part, type) or (callable(part) and hasattr(part, "__qualname__")):
        return f"{part.__module__}.{part.__qualname__}"
    made_of = [list(each) if isinstance(each, Iterator) else each for each in part.__reduce_ex__(4)[1:]]
    return [name, *map(dump, made_of)]


def dump_state(state: State) -> Any:
    """All that is known of a signal; of checkpoints and sensor alerts, the order says nothing."""
    health = state.health
    return {
        "learned": state.learned,
        "skipped": state.skipped,
        "latest_s": dump(state.latest_s),
        "parameters": state.parameters,
        "checkpoints": sorted(
            [list(shard), str(mark.sequence_number), list(mark.partition_keys), dump(mark.arrived_s)]
            for shard, mark in state.checkpoints.items()
        ),
        "health": health
        and [dump(getattr(health, name)) for name in health.__struct_fields__ if name != "alerts"],
        "alerts": health and dump(dict(sorted(health.alerts.items()))),
        "model": dump(state.model),
    }


def digest(what: Any) -> str:
    """Of anything that JSON can say."""
    return sha256(json.dumps(what).encode()).hexdigest()


def states_of(world: World) -> dict[str, str]:
    """A digest of each signal's state, as it is in S3."""
    return {signal: digest(dump_state(state)) for signal, state in sorted(world.states().items())}


def events_of(world: World) -> list[str]:
    """What each event was, with a digest of the whole, once; those of a signal in their order."""
    found: dict[str, tuple[str, str]] = {}
    for event in world.bus.events:
        detail = json.loads(event.detail)
        place = f"{detail['change']} {(detail.get('sequence_number') or '')[-6:]}"
        text = f"{detail['signal']} {place} {digest([event.id, event.detail_type, event.detail])[:16]}"
        assert found.setdefault(event.id, (detail["signal"], text))[1] == text, "one id, two events"
    return [text for _, text in sorted(found.values(), key=lambda each: each[0])]


def objects_of(world: World) -> str:
    """A digest of the quarantine's objects, byte by byte."""
    stored = sorted(world.objects.objects.items())
    return digest([[key, body.hex()] for key, (_, body) in stored if key.startswith("quarantine/")])


def quarantine_of(world: World) -> list[str]:
    """What was refused, observation by observation; in which objects it lies depends on the pages."""
    found = {}
    for line in world.objects.quarantined():
        whole = digest({name: value for name, value in line.items() if name not in ("data", "data_in")})
        found[line["id"]] = f"{line['id'][-60:]} {line['reason'][:40]} {whole[:12]}"
    return sorted(found.values())


# Replays.

TRIES_MAX = 20


class Lambdas:
    """The runtime client's own marshaller."""

    def unmarshal_request(self, request, content_type):
        return json.loads(request)


def read_from_bytes(records: list[dict]) -> Any:
    """The event as the handler gets it in Lambda."""
    request = json.dumps({"Records": records}).encode()
    return TypedMarshaller(Lambdas()).unmarshal_request(request, "application/json")


def read_from_dicts(records: list[dict]) -> Any:
    """The event as any other caller gives it."""
    return {"Records": records}


class Short:
    """After it was asked a number of times, the time is short."""

    def __init__(self, times: int) -> None:
        self.left = times

    def is_short(self):
        self.left -= 1
        return self.left < 0

    def seconds_to_answer(self):
        return None


@dataclass
class Replay:
    """One use case in a world of its own, with so many pages, and events that are read in one of two ways."""

    case: Case
    pages: int
    read: Callable[[list[dict]], Any]
    is_interrupted: bool = False
    reports: list[Any] = field(default_factory=list)
    """The failed records and the counts of each invocation, and of a sweep at the end."""
    deliveries: int = 0
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random("interrupted")
        file = msgspec.convert(settings_with(self.case.own), SettingsFile)
        self.world = World(self.pages, self.case.use_case, signals=file)

    def run(self, deliveries: Iterable[Delivery]) -> Iterator[int]:
        """Replay them, and yield the number of each when it is done; the reports are kept."""
        for number, delivery in enumerate(deliveries):
            if delivery.is_cold:
                self.world.function = self.world.cold()
            if self.is_interrupted:
                self._deliver_until_done(number, delivery)
            else:
                self._note(self._invoke(delivery.records, NoHurry()))
            yield number

    def sweep(self) -> None:
        """Look for silent signals, long after the last batch."""
        self._note(self.world.sweep(SILENT_S))

    def _deliver_until_done(self, number: int, delivery: Delivery) -> None:
        """Lambda delivers again when time runs short, or S3 or the bus refuse something.

        Where it is interrupted depends on how the pages are learned; what comes of it must not.
        """
        self._plan(number)
        left = delivery.records
        for tried in range(TRIES_MAX):
            is_short = tried < 2 and number % 4
            report = self._invoke(left, Short(self._rng.randrange(60)) if is_short else NoHurry())
            self.deliveries += 1
            left = _again(left, report.failed)
            if not left:
                self.world.faults.clear()
                return
        raise AssertionError(f"{delivery.name} is not done after {TRIES_MAX} deliveries: {report.problems}")

    def _note(self, report: InvocationReport) -> None:
        counts = {name: count for name, count in sorted(report.counts.items()) if count}
        self.reports.append([report.failed, counts])

    def _plan(self, number: int) -> None:
        faults = self.world.faults
        if number % 3 == 0:
            faults.plan("before", "put", PageChanged("412"), key="models/", times=1)
        if number % 3 == 1:
            faults.plan("after", "put", Unavailable("the answer was lost"), key="models/", times=2)
        if number % 5 == 2:
            faults.plan("before", "publish", Unavailable("throttled"), times=1)
        if number % 5 == 4:
            faults.plan("after", "put", Unavailable("500"), key="quarantine/", times=1)

    def _invoke(self, records: list[dict], time_left: Any) -> Any:
        return asyncio.run(self.world.function.consume(self.read(records), time_left))


def _again(records: list[dict], failed: list[str]) -> list[dict]:
    """What Lambda delivers again: from the failed record on. Of two shards in one event, all of it."""
    if not failed:
        return []
    if len({record["eventID"].partition(":")[0] for record in records}) > 1:
        return records
    first = min(map(int, failed))
    return [record for record in records if int(record["kinesis"]["sequenceNumber"]) >= first]


WAYS = {
    "16 pages, from bytes": (16, read_from_bytes, False),
    "one page, from dicts": (1, read_from_dicts, False),
    "a page for each signal, from bytes": (0, read_from_bytes, False),
    "16 pages, from dicts, interrupted": (16, read_from_dicts, True),
}
"""In which each use case is replayed."""


@dataclass
class Became:
    """What became of the batches in one way; all but `reports` and `objects` is the same in all of them."""

    states: list[dict[str, str]]
    """After each batch, a digest for each signal."""
    events: list[str]
    quarantine: list[str]
    reports: list[Any]
    objects: str
    swept: list[Any]
    """What a sweep then makes of the silence; signals of one page fall silent together."""


def became_of(case: str, way: str) -> Became:
    """Replay a use case in one of the ways."""
    pages, read, is_interrupted = WAYS[way]
    replay = Replay(CASES[case], pages, read, is_interrupted)
    states = [states_of(replay.world) for _ in replay.run(deliveries())]
    assert not is_interrupted or replay.deliveries > len(states) + 5, "it was hardly interrupted"
    world = replay.world
    became = Became(states, events_of(world), quarantine_of(world), replay.reports, objects_of(world), [])
    world.bus.events.clear()
    replay.sweep()
    became.swept += [events_of(world), digest(states_of(world))]
    return became


def machine() -> str:
    """A digest of what the last bits of a float may depend on: the C library's functions, Python's `sum`."""
    numbers = [number * 0.37 + 1e-3 for number in range(1, 400)]
    functions = (math.exp, math.log, math.sin, math.tanh, math.sqrt, math.lgamma)
    found = [function(number) for function in functions for number in numbers]
    found += [math.hypot(*numbers[at : at + 2]) for at in range(300)] + [math.pow(1.1, at) for at in numbers]
    found += [sum(numbers), float(np.dot(numbers, numbers)), float(np.sum(numbers)), float(np.std(numbers))]
    return digest([number.hex() for number in found])[:16]
