"""A world with operators at work: their commands, in its traffic."""

import asyncio
import hashlib
import random
from dataclasses import replace
from typing import Any

from river import cluster, drift, preprocessing, time_series

from clients.kinesis_writer.put_request import StreamRecord
from clients.lambda_event import lambda_record
from consumer.decode import batch
from consumer.decode.lambda_event import decode
from consumer.detectors.asset_rows import AssetUseCase
from consumer.detectors.base import fingerprint
from consumer.detectors.clusters import ClustersUseCase
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.forecast import ForecastUseCase
from consumer.detectors.sensor_checks import SensorChecks
from consumer.events.mutes import MuteStore
from consumer.pages.codec import versions
from consumer.pages.layout import Recorded, layout_key, prefix_of, recorded_in
from consumer.pipeline import Pipeline
from tests.local.fake_stream import START
from tests.simulation.cloud import Bucket, SimulatedObjects
from tests.simulation.functions import TIMEOUT_S
from tests.simulation.operated.account import CommandObjects, in_world
from tests.simulation.operated.console import installed
from tests.simulation.operated.damage import Damage, FullCodec
from tests.simulation.operated.distinct_producer import DistinctProducer
from tests.simulation.operated.ending import Ending
from tests.simulation.operated.ledger import Ledger
from tests.simulation.operated.operators import Operators
from tests.simulation.operated.page_memory import ObservedMemory, ObservedStore
from tests.simulation.operated.recorded import recorded
from tests.simulation.operated.silences import check_silences
from tests.simulation.plan import Plan
from tests.simulation.plant import Observation, Stream
from tests.simulation.reference import kept_in
from tests.simulation.simulated_world import World

_STOP_S = 60.0


def _inner(kind: str) -> Any:
    if kind == "drift":
        return DriftUseCase(drift.ADWIN(delta=0.3, clock=1, grace_period=3, min_window_length=1))
    if kind == "forecast":
        forecaster = time_series.HoltWinters(alpha=0.3, beta=0.1)
        return ForecastUseCase(forecaster, horizon=5, upper=5.0, every=2, warm_up=3)
    clusterer = preprocessing.StandardScaler() | cluster.KMeans(n_clusters=2, halflife=0.1, sigma=1.0)
    return AssetUseCase(ClustersUseCase(clusterer, rare=0.3, warm_up=4))


class OperatedWorld(World):
    """Operators run their commands while functions learn; each model keeps what it has learned."""

    may_be_by_asset = False  # for operators' commands are looked at by record
    may_be_columnar = False  # for no arrays have places for all that

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.is_on, self.wants_on = True, True
        self.changing: asyncio.Task[None] | None = None
        self.deployed_at = 0.0
        self.invoked_bytes_max = 6 * 1024 * 1024
        self.audit.objects = self.bucket.objects
        self.failed = Bucket(self.chance, lambda *_: None)
        self.destination.objects = _Bodies(self.failed)
        is_small = self.chance.happens("memory for few pages", 0.3)
        self.memory_bytes = self.rng.choice([100_000, 300_000]) if is_small else 2**30
        self.audit.are_all_harmed = is_small  # whatever does not fit is quarantined
        self.operators = Operators(self)
        self.damage = Damage(self)
        self.functions.progress.is_excused = self.is_in_between

    def new_producer(self, rng: random.Random) -> DistinctProducer:
        return DistinctProducer(self.plant, rng)

    def use_cases(self, rng: random.Random) -> list[Any]:
        """The second is often one that raises no more."""
        kind = rng.choice(["drift", "drift", "forecast", "clusters"])
        self.chance.exercised[f"models of {kind}"] += 1
        if kind == "clusters":  # which learn rows of named values alone
            self.producer.shapes = ["point", "columns", "values", "values", "values", "values"]
            self.producer.signals = self.producer.signals[:2]
        self._scale_limits_down(rng)
        is_fussy = self.producer.raises or self.producer.has_venom
        late = "learn" if kind == "clusters" else self.late
        self.late = late
        checks = (
            SensorChecks(flat=0, empty=2, stale_s=20.0) if kind != "clusters" and rng.random() < 0.5 else None
        )
        inner = _inner(kind)
        first = recorded(inner, late, is_fussy)
        other = recorded(inner, late, is_fussy and rng.random() < 0.5)
        first, other = replace(first, sensor_checks=checks), replace(other, sensor_checks=checks)
        if fingerprint(first, versions()) == fingerprint(other, versions()):
            other = replace(other, kind=f"{other.kind}2")
        return [first, other]

    def _scale_limits_down(self, rng: random.Random) -> None:
        """Those of a record and of a batch, in some worlds."""
        if self.chance.happens("records at their limits", 0.15):
            batch.OBSERVATIONS_PER_RECORD_MAX = rng.randint(3, 8)
            batch.UNPACKED_BYTES_PER_BATCH_MAX = rng.randint(100, 2_000)

    def new_prefixes(self) -> list[str]:
        return [prefix_of("drift", fingerprint(each, versions())) for each in self.versions]

    def new_audit(self, signals_max: int) -> Ledger:
        return Ledger(self.plant, self.versions[0], signals_max)

    def new_codec(self) -> FullCodec:
        return FullCodec(self.memory_bytes, self.damage.is_full)

    def cold(self) -> Pipeline:
        now_s = asyncio.get_running_loop().time
        mutes = MuteStore(self.objects, lambda: START + now_s(), lambda text: None)
        pages = ObservedStore(
            self.objects,
            self.new_codec(),
            self.rng.choice([0, self.memory_bytes // 4]),
            ObservedMemory(self.memory_bytes),
        )
        pages.sizes, pages.violations = self.bucket.objects, self.audit.violations
        return replace(super().cold(), mutes=mutes, pages=pages)

    def command_objects(self, name: str) -> SimulatedObjects:
        """A bucket, as commands reach it."""
        return CommandObjects(self.failed if name == "failed" else self.bucket)

    def signals(self) -> list[str]:
        """Those that have a model, or may."""
        found = [key.signal for key in self.audit.states(self.prefixes[self.deployed])]
        return sorted(set(found)) or ["s0"]

    def note(self, text: str) -> None:
        """For the trace."""

    def is_in_between(self) -> bool:
        """Whether the models are being moved, or built."""
        _, body = self.bucket.objects.get(layout_key(self.prefixes[self.deployed]), ("", b""))
        found = recorded_in("", body) if body else Recorded(0)
        is_moving = found.moving_to is not None or bool(found.upgrade_from)
        return is_moving or self.operators.unfinished is not None

    def deploy(self) -> None:
        """Deploy the other checkout."""
        if self.deployed == 0:
            self.chance.exercised["deployment"] += 1
            self.deployed, self.deployed_at = 1, asyncio.get_running_loop().time()
            self.functions.deploy(self.cold)

    async def run(self) -> None:
        """Produce, deliver, operate; then let all come to its end, and look."""
        with installed(**dict(in_world(self))):
            try:
                await self._run()
            finally:
                await self.operators.stop()

    async def _run(self) -> None:
        self.start_mappings()
        for _ in range(self.records):
            await asyncio.sleep(self.rng.choice([0.0, 0.0, 0.05, 0.5, 3.0]))
            key, data, observations = self.producer.record()
            stream = self.rng.choice(self.streams)
            self._put(stream, key, data, observations)
            await self.disturb(stream)
        await asyncio.sleep(30.0)
        self.chance.is_quiet = True
        await self.damage.done()
        await self.operators.done()
        await self.conclude()
        await self._all_is_done()
        await self.functions.settled()
        self.look()

    async def disturb(self, stream: Stream) -> None:
        """What happens to a stream, and what else is done."""
        if self.chance.rng("reshard").random() < 0.02 and not self.chance.without & {"split", "merge"}:
            stream.reshard_at_random(self.chance.rng("reshard"))
        if self.chance.happens("visit", 0.1):
            self.functions.sweep()
        # Without an upgrade, new models may be given batches of what was redriven: see docs/guarantees.md.
        if not self.chance.exercised["quarantine redrive"] and self.chance.happens("deployment", 0.001):
            self.deploy()
        self.damage.happen()
        if self.chance.happens("the stream is silent for a while", 0.01):
            for _ in range(self.chance.rng("silence").randint(1, 6)):
                await asyncio.sleep(self.chance.rng("silence").uniform(5.0, 20.0))
                self.functions.sweep()
        if self.chance.rng("begin").random() < 0.06:
            self.operators.begin()

    def _put(self, stream: Stream, key: str, data: bytes, observations: list[Observation]) -> None:
        if len(observations) > batch.OBSERVATIONS_PER_RECORD_MAX:
            observations = []  # it is refused whole
        hashed = int.from_bytes(hashlib.md5(key.encode()).digest())
        self.plant.names |= {one.value: _name(one.signal) for one in observations if one.value is not None}
        self.audit.put(observations)
        stream.put_record(key, data, observations, hashed)

    def put_again(self, stream: Stream, record: StreamRecord) -> None:
        """A redrive's record."""
        entry = lambda_record(stream.stream_arn, "shardId-0", "1", record.partition_key, record.payload, 0.0)
        [read] = decode({"Records": [entry]})
        found = [
            Observation(key.signal, position, value, timestamp)
            for key, columns in read.signals.items()
            for position, value, timestamp in zip(
                columns.positions, columns.values, columns.timestamps, strict=True
            )
        ]
        found += [
            Observation(key.signal, position, None, None)
            for key, columns in read.signals.items()
            for position in columns.skipped_positions
        ]
        found += [
            Observation(rejection.signal or "", rejection.position, float("nan"), None)
            for rejection in read.rejections
            if not rejection.is_whole
        ]
        self.chance.exercised["a record is redriven"] += 1
        self._put(stream, record.partition_key, record.payload, sorted(found, key=lambda one: one.position))

    def mappings_state(self) -> str:
        """As Lambda names it."""
        if self.changing is not None and not self.changing.done():
            return "Enabling" if self.wants_on else "Disabling"
        return "Enabled" if self.is_on else "Disabled"

    def set_mappings(self, enabled: bool) -> None:
        """Enable or disable the event source mappings, which takes a while."""
        self.wants_on = enabled
        if self.changing is None or self.changing.done():
            self.changing = asyncio.get_running_loop().create_task(self._change())

    async def _change(self) -> None:
        while self.is_on != self.wants_on:
            if self.wants_on:
                self.start_mappings()
            else:
                await self._pause()
            self.is_on = not self.is_on

    async def _pause(self) -> None:
        """Stop them, and wait for the invocations under way, but for those that outlive their time."""
        for number, (mapping, running) in enumerate(self.running):
            mapping.stop()
            await asyncio.wait({running}, timeout=_STOP_S)
            running.cancel()
            await asyncio.wait({running})
            self.streams[number].pause(mapping.checkpoints)
        self.running = []
        if self.functions.background:
            await asyncio.wait(self.functions.background, timeout=TIMEOUT_S)

    async def conclude(self) -> None:
        """What was begun is ended: a move or an upgrade that was cut short is run again."""
        self.chance.without |= {"an operator says no"}
        for _ in range(3):
            if self.operators.unfinished is not None:
                await self.operators.finish_move(*self.operators.unfinished)
            for checkout, prefix in enumerate(self.prefixes):
                _, body = self.bucket.objects.get(layout_key(prefix), ("", b""))
                if not body:
                    continue
                recorded_now = recorded_in(prefix, body)
                if recorded_now.moving_to is not None:
                    await self.operators.finish_move(recorded_now.moving_to, checkout)
                elif recorded_now.upgrade_from and checkout == self.deployed:
                    await self.operators.finish_upgrade()
        self.set_mappings(True)

    async def _all_is_done(self) -> None:
        if self.changing is not None:
            await self.changing
        for (mapping, running), stream in zip(self.running, self.streams, strict=True):
            await mapping.progress.wait_until_done(stream.undone())
            mapping.stop()
            await running
        self.running = []

    def look(self) -> None:
        """All invariants, now that nothing moves."""
        kept = kept_in(self.bucket.objects, dict(self.destination.objects.items()), self.plant)
        started = dict(list(zip(self.prefixes, self.versions, strict=True))[: 1 + self.deployed])
        Ending(self.audit).look(started, kept)
        if not self.deployed:
            check_silences(self.audit, self.prefixes[0], self.bus.events)


def _name(signal: str) -> str:
    return signal.partition(".")[2] or "value"


class _Bodies:
    """What was stored at the destination, in the bucket that commands read."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def __setitem__(self, key: str, body: bytes) -> None:
        self._bucket.store(key, body)

    def items(self) -> list[tuple[str, bytes]]:
        """The batches, without their marks."""
        return [
            (key, body) for key, (_, body) in self._bucket.objects.items() if key.startswith("aws/lambda/")
        ]
