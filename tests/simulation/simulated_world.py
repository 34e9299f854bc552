"""One seed's world: plants, streams, mappings, functions and a bucket, from the first record to the last."""

import asyncio
import hashlib
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import msgspec
from river import drift

from consumer.decode import batch
from consumer.decode.times import TimeLimits
from consumer.detectors.drift import DriftUseCase
from consumer.errors import ConfigurationError, Unavailable
from consumer.learning import columns_learner
from consumer.learning.state import State
from consumer.pages.codec import PageCodec, unmarked
from consumer.pages.layout import Layout, LayoutStore, prefix_of
from consumer.pages.store import PageStore
from consumer.pipeline import Pipeline
from consumer.settings.assets import AssetRule, Assets
from consumer.settings.signal_settings import SettingsFile, SettingsOfSignals
from local.emulator.clock import Pace as MappingPace
from local.emulator.event_source_mapping import EventSourceMapping, MappingConfig
from ops.state.repage import Repage
from tests.local.fake_stream import SimulatedClock
from tests.simulation.audit import Audit
from tests.simulation.chance import Chance
from tests.simulation.cloud import Bucket, Bus, Destination, SimulatedObjects
from tests.simulation.coverage import published_in
from tests.simulation.functions import Lambda
from tests.simulation.fussy import Fussy
from tests.simulation.plan import Plan
from tests.simulation.plant import Plant, Producer, Stream
from tests.simulation.reference import kept_in
from tests.simulation.shipped import SHIPPED, own_settings, pauses_of
from tests.simulation.verdict import Verdict

PACE = MappingPace(
    discovery_interval_s=3.0, backoff_first_s=0.1, backoff_cap_s=20.0, destination_attempts=100
)
PATIENCE_S = 300.0
"""How long a mapping that stops may struggle with faults; batches under way are finished first."""


class World:
    """Everything, made from a plan."""

    may_be_columnar = True
    """Whether its models may have places in arrays."""
    may_be_by_asset = True
    """Whether its models may be placed by asset."""

    def __init__(self, plan: Plan):
        self.plan, self.chance = plan, Chance(plan.seed, plan.without)
        rng = self.rng = self.chance.rng("world")
        # Of the process, which plays one world at a time.
        batch.OBSERVATIONS_PER_RECORD_MAX, batch.UNPACKED_BYTES_PER_BATCH_MAX = 10_000, 2**28
        self.plant = Plant(self.chance)
        self.assets = self.new_assets()
        self.producer = self.new_producer(rng)
        self.records = plan.records or rng.randint(5, 120)
        self.late: Any = "skip" if rng.random() < 0.2 else "learn"
        of_columns = self.chance.rng("learns in columns")
        self.few = of_columns.choice([1, 1, 100])
        """Fewer signals than these do not learn together."""
        self.is_columnar = self.may_be_columnar and of_columns.random() < 0.6
        """Whether there is little that would keep signals from learning in columns."""
        if self.is_columnar:
            self.few, self.late = 1, "learn"
        self.of_signals: SettingsFile | None = None
        self.versions = self.use_cases(rng)
        if self.producer.tick_s > 1.0:  # its clock runs ahead of all that arrives
            self.plant.ahead_max_s = 1e9
        times = TimeLimits(ahead_max_s=self.plant.ahead_max_s)
        self.settings = [
            SettingsOfSignals("drift", version, self.of_signals, times) for version in self.versions
        ]
        self.prefixes = self.new_prefixes()
        self.deployed = 0
        self.audit = self.new_audit(self._signals_max())
        self.bucket = Bucket(self.chance, self.audit.written)
        self.objects = SimulatedObjects(self.bucket)
        self.bus = Bus(self.chance)
        self.pages = rng.choice([0, 0, 1, 2, 4, 16])
        if self.is_columnar:
            self.pages = of_columns.choice([1, 2, 4, 4])
        # Of the process, which plays one world at a time.
        slices = self.chance.rng("slices").choice([2, 5, 100_000])
        columns_learner.OBSERVATIONS_PER_SLICE = slices
        self.functions = Lambda(self.chance, self.cold)
        if self.is_columnar:  # so that now and then it is short just when a signal leaves the columns
            self.functions.is_short_share = 0.06
        self.functions.violations = self.functions.progress.violations = self.audit.violations
        self.destination = Destination(self.chance)
        self.destination.on_put = self.functions.progress.given_up
        self.streams = [Stream(0, self.plant)]
        if rng.random() < 0.2 and "two streams" not in plan.without:
            self.chance.exercised["two streams"] += 1
            self.streams.append(Stream(1, self.plant))
        self.mapping_config = MappingConfig(
            batch_size=rng.choice([1, 3, 10, 40, 100]),
            batching_window_s=rng.choice([0, 0, 2]),
            bisect_on_error=rng.random() < 0.8,
            maximum_retry_attempts=rng.choice([-1, -1, 0, 2, 5]),
        )
        if self.is_columnar:  # batches of many records, whose pages are warm
            self.mapping_config = replace(self.mapping_config, batch_size=40, batching_window_s=5)
            for stream in self.streams:
                stream.number, stream.shares_numbers = of_columns.choice([80, 980]), 0.003
        # Of the process, which plays one world at a time.
        is_low = self.chance.happens("batch of too many observations", 0.1)
        batch.OBSERVATIONS_PER_BATCH_MAX = rng.randint(1, 30) if is_low else 1_000_000
        self.running: list[tuple[EventSourceMapping, asyncio.Task]] = []
        self.events_by_change: Counter[str] = Counter()
        """What was published, by kind and change; known at the end."""

    def new_producer(self, rng: random.Random) -> Producer:
        """What fills the streams; by asset, what comes among the values of a record comes alone as well."""
        producer = Producer(self.plant, rng)
        producer.brings_parts_alone = self.assets is not None
        return producer

    def new_assets(self) -> Assets | None:
        """The rules by which models are placed in this world; None: by record."""
        rng = self.chance.rng("placement")
        if not self.may_be_by_asset or rng.random() > 0.3 or "placed by asset" in self.plan.without:
            return None
        self.chance.exercised["placed by asset"] += 1
        return Assets(rng.choice([[], [AssetRule(("s0*", "s1.b"), "the first"), AssetRule(("*.a",), "s2")]]))

    def use_cases(self, rng: random.Random) -> list[Any]:
        """Two versions of a use case: the one that is deployed first, and another."""
        detector: Any = drift.ADWIN(delta=0.3, clock=1, grace_period=3, min_window_length=1)
        if rng.random() < 0.4 and not self.is_columnar:
            detector = drift.DummyDriftDetector(trigger_method="random", t_0=4, w=2)
        use_case = (Fussy if self.producer.raises else DriftUseCase)(detector, late=self.late)
        self.use_case = self.chance.rng("use case").choice([*SHIPPED, *SHIPPED, "drift"])
        if self.producer.raises or "sensors are looked at" in self.chance.without:
            self.use_case = "drift"
        if self.use_case == "drift":
            return [use_case, replace(use_case, detector=drift.ADWIN(clock=3, grace_period=5))]
        self.chance.exercised["sensors are looked at"] += 1
        shipped = SHIPPED[self.use_case]
        shipped.fit(self.producer)
        self.records = self.plan.records or max(self.records, shipped.records_min)
        self.of_signals = own_settings(self.producer.signals, self.chance.rng("settings of signals"))
        calendars = pauses_of(self.producer.signals, self.producer.tick_s, self.chance.rng("calendars"))
        if "calendar pauses an observation" in self.chance.without:
            calendars = []
        self.of_signals = msgspec.structs.replace(self.of_signals, calendars=calendars)
        self.plant.pauses = {each.file.removesuffix(".ics"): each.spans or [] for each in calendars}
        return shipped.versions(self.late)

    def new_prefixes(self) -> list[str]:
        """Where their models lie."""
        return [prefix_of("drift", f"{number:016}") for number in range(2)]

    def new_audit(self, signals_max: int) -> Any:
        """What hears of each object that is written."""
        return Audit(self.plant, self.late, self.producer.raises, signals_max, assets=self.assets)

    def _signals_max(self) -> int:
        """Of a page; in some worlds fewer than there are signals."""
        is_small = self.chance.happens("flood of signals", 0.1)
        return self.chance.rng("signals").randint(1, 3) if is_small else 10_000

    def new_codec(self) -> PageCodec:
        """What a function reads and writes pages with."""
        return PageCodec()

    def cold(self) -> Pipeline:
        """A new execution environment of what is deployed now."""
        layout = Layout(self.prefixes[self.deployed], self.pages, self.assets)
        warm_bytes = self.rng.choice([0, 3_000, 2**26])
        return Pipeline(
            "drift",
            self.settings[self.deployed],
            LayoutStore(self.objects, layout, lambda text: None),
            PageStore(self.objects, self.new_codec(), 2**26 if self.is_columnar else warm_bytes),
            self.bus,
            self.objects,
            random.Random(1),
            self.audit.signals_max,
            few=self.few,
        )

    async def run(self) -> None:
        """Produce, deliver, disturb; then let all come to its end, and look."""
        self.start_mappings()
        for _ in range(self.records):
            await asyncio.sleep(self.rng.choice([0.0, 0.0, 0.05, 0.5, 3.0]))
            key, data, observations = self.producer.record()
            stream = self.rng.choice(self.streams)
            hashed = int.from_bytes(hashlib.md5(key.encode()).digest())
            stream.put_record(key, data, observations, hashed)
            await self.disturb(stream)
        await asyncio.sleep(30.0)
        self.chance.is_quiet = True
        await self.stop_mappings(all_is_done=True)
        await self.functions.settled()
        self.look()

    async def disturb(self, stream: Stream) -> None:
        """What operators do, and what Kinesis does to a stream."""
        if self.chance.rng("reshard").random() < 0.02 and not self.chance.without & {"split", "merge"}:
            stream.reshard_at_random(self.chance.rng("reshard"))
        if self.deployed == 0 and self.chance.happens("deployment", 0.003):
            self.deployed = 1
            self.functions.deploy(self.cold)
        if self.chance.happens("visit", 0.1):
            self.functions.sweep()
        if self.chance.happens("mapping made anew", 0.005):
            await self.stop_mappings()
            self.start_mappings()
        if self.chance.happens("repage", 0.005):
            is_careless = self.chance.happens("repage while functions are at work", 0.3)
            if not is_careless:
                await self.stop_mappings()
            await self.repage()
            if not is_careless:
                self.start_mappings()

    def start_mappings(self) -> None:
        """A mapping for each stream, from its beginning."""
        for number, stream in enumerate(self.streams):
            mapping = EventSourceMapping(
                stream,
                self.functions.invoke,
                self.config_of(number),
                SimulatedClock(),
                self.destination,
                rng=self.chance.rng(f"mapping {number}"),
                pace=PACE,
            )
            self.running.append((mapping, asyncio.create_task(mapping.run())))

    def config_of(self, number: int) -> MappingConfig:
        """Of the mapping of a stream."""
        return self.mapping_config

    async def stop_mappings(self, all_is_done: bool = False) -> None:
        """Stop them; first wait until all that is on their streams is done, if asked."""
        for (mapping, running), stream in zip(self.running, self.streams, strict=True):
            if all_is_done:
                await mapping.progress.wait_until_done(sum(map(len, stream.records.values())))
            mapping.stop()
            await asyncio.wait({running}, timeout=PATIENCE_S)
            was_quiet, self.chance.is_quiet = self.chance.is_quiet, True
            await running
            self.chance.is_quiet = was_quiet
        self.running = []

    async def repage(self) -> None:
        """Move the models elsewhere, as often as it takes; zombies may be at work."""
        pages = self.rng.choice([0, 1, 3, 16, 64])
        for tries in range(40):
            self.chance.is_quiet = tries > 20
            try:
                repage = Repage(self.objects, PageCodec(), self.prefixes[self.deployed], lambda line: None)
                await repage.run(pages)
                break
            except Unavailable:
                await asyncio.sleep(tries)
            except ConfigurationError:
                break  # nothing was learned yet
        self.chance.is_quiet = False

    def look(self) -> None:
        """All invariants, now that nothing moves."""
        states = self.states()
        kept = kept_in(self.bucket.objects, self.destination.objects, self.plant)
        published = {event.id for event in self.bus.events}
        started = 1 + self.deployed
        settings = dict(list(zip(self.prefixes, self.settings, strict=True))[:started])
        Verdict(self.audit).look(states, published, kept, settings)
        self.events_by_change = published_in(self.bus.events, self.versions[0].kind)

    def states(self) -> dict[str, dict[str, State]]:
        """All states in the layouts in force, by prefix and signal."""
        codec = PageCodec()
        found: dict[str, dict[str, State]] = {}
        for prefix, layout in self.audit.layouts.items():
            states = found[prefix] = {}
            for key, (_, body) in self.bucket.objects.items():
                content = unmarked(body) if key.startswith(layout.folder) else b""
                for (_, signal), state in (codec.decode(content) if content else {}).items():
                    if signal in states:
                        self.audit.violations.append(f"{signal} has two models")
                    states[signal] = state
        return found
