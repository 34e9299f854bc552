"""24 invocations of all kinds: the same each time, whatever the machine.

Some 140 signals in every shape and packing, of which some come as points and some as columns, on two shards
and more; with steps, spikes, flat lines, late and future times, poison, new signals on the way, whole and
partial redeliveries. Three days pass, so that days and hours differ.
"""

import gzip
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from clients.lambda_event import lambda_record
from consumer.decode.values import iso8601
from producer_sim.payloads import encoders
from tests.consumer.world import ARN

START_S = 1_699_999_200.0
"""A Tuesday, 22:00 UTC."""
BATCH_S = 3 * 3600.0
SILENT_S = START_S + 30 * BATCH_S
"""When all signals have been silent for more than a day."""
FRESH, ROWS, POINTS = 18, 25, 5
SHARDS = tuple(f"shardId-{number:012}" for number in range(3))
FIRST = 49590338271490256608559692538361571095921575989136588898
"""A sequence number such as Kinesis gives."""

SETTINGS = {
    "version": 1,
    "signals": [
        {"match": "col1.*", "asset": "Column 1", "line": "Line 1", "unit": "bar"},
        {"match": "col1.step", "name": "Pressure", "severity": "error", "limits": {"low": -5.0, "high": 9.0}},
        {"match": ["col1.spikes", "p001*"], "range": {"low": -4.0, "high": 4.0}},
        {"match": "p00[2-4]*", "muted": True, "name": "Muted"},
        {"match": ["*.ramp", "*.integers", "*.saw"], "limits": {"low": -2.0, "high": 12.0}},
        {"match": "col0.noise", "severity": "info", "range": {"high": 2.0}},
    ],
}
"""Of single signals, for every use case."""
OWN = ["col0.step", "p005*", "col1.saw", "p01[0-2]*", "asset1", "asset1.*"]
"""Names of signals that have parameters of their own, where the use case has any."""


class Delivery(NamedTuple):
    """An event, and whether a new execution environment reads it."""

    name: str
    records: list[dict]
    is_cold: bool = False


class Payload(NamedTuple):
    """When it is sent, under which partition key, and what."""

    at_s: float
    partition_key: str
    content: bytes


@dataclass
class Signal:
    """A series that goes on from batch to batch."""

    name: str
    kind: str
    count: int = 0

    def __post_init__(self):
        self.rng = random.Random(self.name)
        self.level = self.rng.uniform(-3.0, 3.0)

    def next(self, at_s: float) -> float:
        """The next value."""
        count, noise = self.count, self.rng.gauss(0.0, 1.0)
        self.count += 1
        wave = math.floor(1000.0 * abs((at_s / 43_200.0) % 2.0 - 1.0)) / 250.0  # without a libm's sine
        match self.kind:
            case "step":
                return self.level + noise + (8.0 if count % 1300 >= 800 else 0.0)
            case "spikes":
                return noise * 0.3 + (40.0 + count / 100 if count % 211 in (180, 181, 182) else 0.0)
            case "flat":
                return 7.5
            case "stuck":
                return round(noise, 3) if count % 260 < 130 else 1.25
            case "saw":
                return wave + 0.1 * noise + (6.0 if count % 390 > 355 else 0.0)
            case "zeros":
                return (0.0, -0.0, 0.0, 1.0, -1.0)[count % 5] if count % 97 else -0.0
            case "huge":
                return 1e99 if count % 150 == 149 else 1e60 * noise if count % 50 == 49 else noise
            case "tiny":
                return 5e-324 * (count % 3) if count % 40 < 20 else 1e-300 * noise
            case "ramp":
                return count * 0.01 + noise * 0.2
            case "integers":
                return float(count * 7919 % 13 + (30 if count % 300 > 240 else 0))
            case "rare":
                return 20.0 + 0.01 * noise + (3.0 if count in (25, 26, 60, 61, 62) else 0.0)
        return self.level + noise


KINDS = (
    "noise",
    "step",
    "spikes",
    "flat",
    "stuck",
    "saw",
    "zeros",
    "huge",
    "tiny",
    "ramp",
    "integers",
    "rare",
)


class Plant:
    """All signals, and what they send."""

    def __init__(self):
        self.rng = random.Random("plant")
        names = [(0, kind) for kind in KINDS] + [(1, kind) for kind in KINDS[:6]]
        self.columns = [Signal(f"col{group}.{kind}", kind) for group, kind in names]
        self.points = [Signal(f"p{n:03}.{KINDS[n % 12]}", KINDS[n % 12]) for n in range(96)]
        self.rows = {
            f"asset{asset}": [
                Signal(f"asset{asset}.{name}", kind)
                for name, kind in zip("abcd", ("noise", "step", "saw", "flat"), strict=True)
            ]
            for asset in range(4)
        }

    def batch(self, number: int) -> list[Payload]:
        """What is sent in the time of this batch, in order."""
        start_s = START_S + number * BATCH_S
        sent = [*self._columns(number, start_s), *self._points(number, start_s), *self._rows(start_s)]
        sent += poison(number, start_s)
        return sorted(sent, key=lambda payload: payload.at_s)

    def _columns(self, number: int, start_s: float) -> Iterator[Payload]:
        for place, signal in enumerate(self.columns):
            if place >= 12 and number < 4:
                continue  # they start later
            parts, size = ((1, 100), (2, 100), (2, 50), (3, 100), (4, 25))[place % 5]
            step_s = BATCH_S / (parts * size)
            for part in range(parts):
                times = [start_s + step_s * (part * size + n) + place for n in range(size)]
                values = [signal.next(at_s) for at_s in times]
                key = signal.name if place % 3 else f"{self.rng.getrandbits(64):x}"
                yield Payload(times[-1], key, self._column(place, number, signal.name, times, values))

    def _column(self, place, number, name, times, values) -> bytes:
        if (place + number) % 7 == 1:
            return packed(encoders.columns(name, times, values))
        if (place + number) % 7 == 2:
            return encoders.zstandard(encoders.columns(name, times, values))
        if (place + number) % 11 == 3:
            readings = [(round(at_s, 3), value) for at_s, value in zip(times, values, strict=True)]
            for at in (3, 4, 5, 6, 7, 8):
                readings[at] = (*readings[at][:2], "BAD" if number % 2 else "UNCERTAIN")
            readings[20] = (readings[20][0], None)
            return encoders.sitewise_entry(name, readings)
        if (place + number) % 11 == 4:  # NaN, text and null among them cost an observation each
            values = [*values[:5], encoders.Garbled("NaN"), None, *values[7:-1], encoders.Garbled("x")]
        if (place + number) % 11 == 5:  # the last ones come again as if they were late
            times = [*times[:-5], *times[:5]]
        if (place + number) % 11 == 6:  # a clock that is ahead for a while
            times = [at_s + (86_400.0 if 10 < at < 14 else 0.0) for at, at_s in enumerate(times)]
        return encoders.columns(name, times, values)

    def _points(self, number: int, start_s: float) -> Iterator[Payload]:
        aggregated: list[tuple[str, bytes]] = []
        for place, signal in enumerate(self.points):
            if place >= 72 and (number * 24 + place) % 96 > number * 8:
                continue  # more and more of them
            count = POINTS + (place * 7 + number) % 9 if place % 5 else 2
            for n in range(count):
                at_s = start_s + (n + place / 100) * BATCH_S / count
                key, content = self._point(place, number, n, signal, at_s)
                if place % 12 == 11:
                    aggregated.append((key, content))
                else:
                    yield Payload(at_s + 0.5, key, content)
        half = len(aggregated) // 2
        yield Payload(start_s + BATCH_S / 3, "kpl", encoders.kpl_aggregated(aggregated[:half]))
        yield Payload(start_s + BATCH_S / 2, "kpl", encoders.kpl_aggregated(aggregated[half:]))

    def _point(self, place, number, n, signal, at_s) -> tuple[str, bytes]:
        name, value = signal.name, signal.next(at_s)
        shape = place % 8
        if n == 1 and (place + number) % 13 == 0:
            at_s -= 2 * BATCH_S  # late
        if n == 2 and (place + number) % 17 == 0:
            at_s += 7200.0  # ahead
        if shape == 1:
            return name, encoders.point(name, value)
        if shape == 2:
            return name, encoders.key_and_body(name, value, at_s)
        if shape == 3:
            return name, encoders.bare_number(value)
        if shape == 4:
            quality = "BAD" if number in (6, 7) else "UNCERTAIN" if n == 3 else "GOOD"
            return name, encoders.sitewise_entry(name, [(round(at_s, 3), value)], quality)
        if shape == 5:
            return f"{self.rng.getrandbits(64):x}", encoders.point(name, value, at_s)
        if shape == 6:
            return name, b'{"signal":"%b","value":%b,"timestamp":"%b"}' % (
                name.encode(),
                repr(value).encode(),
                str(iso8601(math.floor(at_s))).encode(),
            )
        if (place + number + n) % 19 == 0:
            return name, encoders.point(name, None, at_s)
        return name, encoders.point(name, value, at_s)

    def _rows(self, start_s: float) -> Iterator[Payload]:
        for asset, signals in self.rows.items():
            for n in range(ROWS):
                at_s = start_s + n * BATCH_S / ROWS + len(asset)
                values = {signal.name.rpartition(".")[2]: signal.next(at_s) for signal in signals}
                if n % 7 == 4:
                    values.popitem()
                if n == 5:
                    values["b"] = encoders.Garbled("none")
                yield Payload(at_s, asset, encoders.several_values(asset, at_s, values))


def packed(payload: bytes) -> bytes:
    """As gzip that every zlib writes the same: stored, not compressed."""
    return gzip.compress(payload, compresslevel=0, mtime=0)


_UNSTABLE = {"gzip that unpacks to 128 MiB", "zstd that is cut short", "gzip that is cut short"}
"""They are slow, or their bytes depend on the releases of libraries."""
_POISON = [odd for odd in encoders.bad_observations() if odd.name not in _UNSTABLE]
_POISON += encoders.skipped_observations()


def poison(number: int, start_s: float) -> Iterator[Payload]:
    """A few records in which something is wrong, of signals that are fine otherwise too."""
    for n in range(4):
        odd = _POISON[(number * 4 + n) % len(_POISON)]
        yield Payload(start_s + n * 900.0 + 0.25, odd.partition_key, odd.payload)
    yield Payload(start_s + 800.0, "p000.noise", b'{"signal":"p000.noise","value":1e300}')
    yield Payload(start_s + 801.0, "p001.step", b'{"signal":"p001.step","value":NaN}')
    if number % 3 == 0:
        yield Payload(start_s + 802.0, "p002.spikes", packed(encoders.point("p002.spikes", 1.0))[:-9])
        yield Payload(
            start_s + 803.0, "plant", encoders.several_values("asset0", start_s, {"a": 1.0, "": 2.0})
        )


class Stream:
    """Gives what is sent its sequence numbers, shard by shard."""

    def __init__(self):
        self.next = {SHARDS[0]: FIRST, SHARDS[1]: FIRST + 10**9, SHARDS[2]: 90}

    def records(self, payloads: list[Payload], shard: str = SHARDS[0], arn: str = ARN) -> list[dict]:
        """The records as Lambda delivers them."""
        return [self.record(payload, shard, arn) for payload in payloads]

    def record(self, payload: Payload, shard: str = SHARDS[0], arn: str = ARN) -> dict:
        """One of them."""
        number = self.next[shard]
        self.next[shard] += 1 + number % 3 if number > 10**6 else 1
        return lambda_record(
            arn, shard, str(number), payload.partition_key, payload.content, round(payload.at_s + 1.5, 3)
        )


@cache
def deliveries() -> tuple[Delivery, ...]:
    """The 24 of them, made once: nobody may change them."""
    plant, stream, rng = Plant(), Stream(), random.Random("deliveries")
    fresh = iter([plant.batch(number) for number in range(FRESH)])
    found: list[Delivery] = []

    def add(name: str, records: list[dict], **how) -> list[dict]:
        found.append(Delivery(name, records, **how))
        return records

    first = add("all signals are new", stream.records(next(fresh)))
    add("the same once more", first)
    second = add("it goes on", stream.records(next(fresh)))
    third = stream.records(next(fresh))
    add("the second half once more, and new ones", [*second[len(second) // 2 :], *third])
    add("a new environment", stream.records(next(fresh)), is_cold=True)
    add("later columns start", stream.records(next(fresh)))
    moved = next(fresh)
    add("a third of the signals on another shard", stream.records(moved[::3], SHARDS[1]))
    rest = add("the others", stream.records([one for at, one in enumerate(moved) if at % 3]))
    add("an old batch", first[100:400], is_cold=True)
    add("bad quality", stream.records(next(fresh)))
    two = next(fresh)
    mixed = [stream.record(one, SHARDS[at % 2]) for at, one in enumerate(two)]
    rng.shuffle(mixed)
    add("two shards in one event, shuffled, some twice", [*mixed, *mixed[::9]])
    add("numbers of other lengths", stream.records(next(fresh), SHARDS[2]))
    poisoned = stream.records(next(fresh))
    for at in range(7, len(poisoned), 61):
        kinesis = poisoned[at]["kinesis"]
        if kinesis["data"].startswith("KLUv"):
            continue  # zstd, whose releases compress otherwise
        kinesis["data"] = ("***", "YQ", kinesis["data"] + "=", "a\u00e9==", "")[at // 61 % 5]
    add("data that is no base64", poisoned)
    enhanced = stream.records(next(fresh), arn=f"{ARN}/consumer/river:1700000000")
    add("enhanced fan-out", enhanced, is_cold=True)
    shared = stream.records(next(fresh))
    for at in range(5, len(shared), 50):  # as few producers do: unique by partition key alone
        shared[at]["kinesis"]["sequenceNumber"] = shared[at - 1]["kinesis"]["sequenceNumber"]
        shared[at]["eventID"] = shared[at - 1]["eventID"]
    last = shared[-1]
    for key in ("one", "another", "a third"):  # and one of them is delivered later
        shared.append(stream.record(Payload(two[-1].at_s, key, encoders.point("p000.noise", 1.0))))
        shared[-1]["kinesis"]["sequenceNumber"] = last["kinesis"]["sequenceNumber"]
        shared[-1]["eventID"] = last["eventID"]
    add("shared sequence numbers", shared[:-1])
    add("these again, cut at such a number", [*shared[5:-3], shared[-1]])
    add("all of it twice", [*shared, *shared])
    add("three old records and two new ones", [*rest[-3:], *stream.records(next(fresh))[:2]])
    for at, batch in enumerate(fresh):
        records = stream.records(batch)
        add(f"more of the same, {at}", records, is_cold=at == 2)
        if at == 1:
            add("from its middle", records[len(records) // 2 :])
        if at == 3:
            for record in records[::7]:
                del record["kinesis"]["approximateArrivalTimestamp"]
    assert len(found) == 24, len(found)
    return tuple(found)


def settings_with(parameters: dict[str, float]) -> dict:
    """The settings of single signals, with a use case's own parameters for some."""
    own = [{"match": OWN, "use_cases": {"drift": parameters}}] if parameters else []
    return {**SETTINGS, "signals": [*SETTINGS["signals"], *own]}
