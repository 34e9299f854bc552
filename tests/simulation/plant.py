"""Producers and their streams: records of all shapes, on shards that split and merge."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from local.emulator.stream_source import StreamUnavailable
from producer_sim.payloads.encoders import kpl_aggregated
from tests.local.fake_stream import START, FakeStream
from tests.simulation.chance import Chance

POISON = 666.0
"""A value at which the models of some seeds raise."""
FIRST_S = 1_699_999_000.0
"""The first time at which something is measured."""
_HASHES = 2**128
_IN_2000_S = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_IMPOSSIBLE_S = [
    datetime(year, 3, 1, tzinfo=UTC).timestamp() for year in (1601, 1969, 1970, 1999, 2106, 2203)
]


@dataclass(frozen=True)
class Observation:
    """What a producer put into a record: a value, None for one to be skipped, NaN for one to be refused."""

    signal: str
    position: int
    value: float | None
    timestamp: float | None


Place = tuple[str, str, int, str]
"""Stream, shard, sequence number and partition key: a record's place in the world."""


@dataclass
class Plant:
    """What was put where."""

    chance: Chance
    records: dict[Place, list[Observation]] = field(default_factory=dict)
    """No observations: the whole record is to be refused."""
    names: dict[float, str] = field(default_factory=dict)
    """Which property of its asset a value is of, where no two values are the same."""
    ahead_max_s: float = 86_400.0
    """How far ahead of its arrival a time may be that is believed."""
    pauses: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """When nothing is learned or told, by what the names of the signals begin with."""

    def is_paused(self, signal: str, at_s: float) -> bool:
        """Whether that time lies within a pause of the signal."""
        return any(
            signal.startswith(name) and any(from_s <= at_s < until_s for from_s, until_s in spans)
            for name, spans in self.pauses.items()
        )

    def is_believed(self, timestamp: float, arrived_s: float) -> bool:
        """Whether something may have been measured then."""
        return _IN_2000_S <= timestamp <= arrived_s + self.ahead_max_s


class Stream(FakeStream):
    """Shards own ranges of hashes; `reshard` splits one or merges two."""

    def __init__(self, number: int, plant: Plant):
        super().__init__("shardId-000000000000")
        self.stream_arn = f"arn:aws:kinesis:eu-west-1:123456789012:stream/plant{number}"
        self.plant, self.chance = plant, plant.chance
        self.ranges = {"shardId-000000000000": (0, _HASHES)}
        self.last_put: tuple[str, int, set[str]] | None = None
        self.number = 7  # text orders 7, 70 and 8 otherwise
        self.shares_numbers = 0.1
        """How often a record has the sequence number of the one before."""
        self.resumed_at: dict[str, int] = {}
        """How many records of each shard were done when the mapping was paused: it goes on after these."""

    def put_record(self, key: str, data: bytes, observations: list[Observation], hashed: int) -> None:
        """Put a record on the shard that owns the hash."""
        [shard] = [shard for shard, (low, high) in self.ranges.items() if low <= hashed < high]
        self.number += 1 + (hashed % 5 == 0)
        number = self.number
        is_free = self.last_put and self.last_put[0] == shard and key not in self.last_put[2]
        if is_free and self.chance.happens("equal sequence numbers", self.shares_numbers):
            number = self.number = self.last_put[1]
        keys = self.last_put[2] if self.last_put and self.last_put[:2] == (shard, number) else set()
        self.last_put = shard, number, keys | {key}
        arrived = START + asyncio.get_running_loop().time()
        self.put(key, data, shard=shard, number=number, arrived=arrived)
        self.plant.records[self.stream_arn, shard, number, key] = observations

    def reshard_at_random(self, rng: random.Random) -> None:
        """Split a shard, or merge two neighbours."""
        open_shards = sorted(self.ranges, key=lambda shard: self.ranges[shard])
        if len(open_shards) > 1 and rng.random() < 0.5:
            at = rng.randrange(len(open_shards) - 1)
            parents = open_shards[at : at + 2]
            low, high = self.ranges[parents[0]][0], self.ranges[parents[1]][1]
            halves = [(low, high)]
            self.chance.exercised["merge"] += 1
        else:
            parents = [rng.choice(open_shards)]
            low, high = self.ranges[parents[0]]
            middle = (low + high) // 2
            halves = [(low, middle), (middle, high)]
            self.chance.exercised["split"] += 1
        children = [f"shardId-{len(self.shards) + number:012}" for number in range(len(halves))]
        self.reshard(parents, children)
        for parent in parents:
            del self.ranges[parent]
        self.ranges |= dict(zip(children, halves, strict=True))
        self.last_put = None

    async def get_iterator(self, shard_id, position):
        if position.kind == "TRIM_HORIZON" and shard_id in self.resumed_at:
            return self._iterator(shard_id, self.resumed_at[shard_id])
        return await super().get_iterator(shard_id, position)

    def pause(self, checkpoints: dict[str, str | None]) -> None:
        """Keep where a mapping ends. Records may share the number of a checkpoint: the first one is done."""
        for shard, records in self.records.items():
            checkpoint, last = int(checkpoints.get(shard) or -1), -1
            done = self.resumed_at.get(shard, 0)
            for record in records[done:]:
                number = int(record.sequence_number)
                if number > checkpoint or number == last == checkpoint:
                    break
                done, last = done + 1, number
            self.resumed_at[shard] = done

    def undone(self) -> int:
        """How many records a mapping delivers that goes on."""
        return sum(len(records) - self.resumed_at.get(shard, 0) for shard, records in self.records.items())

    async def get_records(self, iterator, limit):
        if self.chance.happens("stream throttled", 0.03):
            raise StreamUnavailable("Rate exceeded")
        return await super().get_records(iterator, limit)


class Producer:
    """Makes the payloads of a few signals, whose means step now and then."""

    def __init__(self, plant: Plant, rng: random.Random):
        self.plant, self.chance, self.rng = plant, plant.chance, rng
        self.signals = [f"s{number}" for number in range(rng.randint(1, 6))]
        self.raises = rng.random() < 0.3
        self.wanders = {signal for signal in self.signals if rng.random() < 0.2}
        self.clock = FIRST_S
        self.values_max, self.steps, self.empty, self.tick_s = 12, 0.03, 0.03, 1.0
        """Values of one record; the shares of values at which a mean steps, and of those that are missing;
        between two timestamps."""
        self.shapes = ["point", "point", "columns", "values", "kpl"]
        self.brings_parts_alone = False
        """Whether a point may be of what is one of several values of a record otherwise."""
        self._levels = dict.fromkeys(self.signals, 0.0)

    def record(self) -> tuple[str, bytes, list[Observation]]:
        """A partition key, a payload, and what is in it."""
        signal = self.rng.choice(self.signals)
        key = signal
        if signal in self.wanders and self.chance.happens("random partition key", 0.5):
            key = f"{self.rng.randrange(10**9)}"
        if self.chance.happens("poison record", 0.03):
            return key, self.rng.choice([b"", b"{", b"\xff\xfe", b'{"signal": 5}']), []
        shape = self.rng.choice(self.shapes)
        if shape == "point":
            data, [one] = self._point(signal, 0)
            if one.signal != signal and self.chance.rng("parts alone").random() < 0.5:
                key = one.signal  # and so perhaps on another shard than the record of values
            return key, data, [one]
        if shape == "columns":
            return key, *self._columns(signal)
        if shape == "values":
            return key, *self._values(signal)
        self.chance.exercised["KPL record"] += 1
        parts = [
            self._point(self.rng.choice(self.signals), number) for number in range(self.rng.randint(1, 4))
        ]
        return key, kpl_aggregated([(key, data) for data, _ in parts]), [one for _, of in parts for one in of]

    def _point(self, signal: str, position: int) -> tuple[bytes, list[Observation]]:
        one = self._observation(signal, position)
        if self.brings_parts_alone and self.chance.rng("parts alone").random() < 0.5:
            one = replace(one, signal=f"{signal}.{self.chance.rng('parts alone').choice('abc')}")
        return json.dumps({"signal": one.signal, "value": one.value, **_timed(one)}).encode(), [one]

    def _columns(self, signal: str) -> tuple[bytes, list[Observation]]:
        column = [self._observation(signal, place) for place in range(self.rng.randint(1, self.values_max))]
        column = [
            Observation(signal, one.position, one.value, self.clock) if one.timestamp is None else one
            for one in column
        ]
        data = {
            "signal": signal,
            "values": [one.value for one in column],
            "timestamps": [one.timestamp for one in column],
        }
        return json.dumps(data).encode(), column

    def _values(self, record_signal: str, names: Sequence[str] = ()) -> tuple[bytes, list[Observation]]:
        names = names or ["a", "b", "c"][: self.rng.randint(1, 3)]
        timestamp = self._timestamp()
        values = [self._observation(record_signal, place) for place in range(len(names))]
        found = [
            Observation(f"{record_signal}.{name}", one.position, one.value, timestamp)
            for name, one in zip(names, values, strict=True)
        ]
        data = {
            "signal": record_signal,
            "values": dict(zip(names, [one.value for one in values], strict=True)),
        }
        return json.dumps(data | ({} if timestamp is None else {"timestamp": timestamp})).encode(), found

    def _observation(self, signal: str, position: int) -> Observation:
        if self.rng.random() < self.steps:
            self._levels[signal] = self.rng.choice([0.0, 5.0, -5.0])
        value: float | None = round(self._levels[signal] + self.rng.gauss(0, 0.5), 3)
        if self.rng.random() < 0.2:
            value = self._levels[signal]  # again, perhaps
        if self.rng.random() < self.empty:
            value = None
        elif self.chance.happens("observation that cannot be learned", 0.02):
            value = float("nan")
        elif self.raises and self.chance.happens("model raises", 0.05):
            value = POISON
        return Observation(signal, position, value, self._timestamp())

    def _timestamp(self) -> float | None:
        self.clock += self.tick_s
        drawn = self.rng.random()
        if drawn < 0.2:
            return None
        if self.chance.happens("a clock says what cannot be", 0.015):
            rng = self.chance.rng("impossible clocks")
            return rng.choice([0.0, *_IMPOSSIBLE_S, START + 1.5 * 86_400.0 + self.plant.ahead_max_s])
        if self.chance.happens("a clock is far ahead", 0.01):
            return self.clock + self.chance.rng("clocks").choice([3_600.0, 86_400.0, 4e9])
        return self.clock - (5.0 if drawn < 0.3 else 0.0)


def _timed(one: Observation) -> dict[str, object]:
    """Its time, as epoch seconds, or as text in UTC that names no zone: which of both, the time says."""
    if one.timestamp is None:
        return {}
    if int(one.timestamp) % 3:
        return {"timestamp": one.timestamp}
    return {"timestamp": datetime.fromtimestamp(one.timestamp, UTC).replace(tzinfo=None).isoformat()}
