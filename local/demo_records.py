"""What the demo sends: a simulated plant and a recorded series, in every shape that the consumer reads."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from producer_sim import kpl, payloads
from producer_sim.plant import SimulatedAsset, SimulatedPlant, SimulatedSignal
from producer_sim.sending.ordered_put import StreamRecord
from producer_sim.water_flow import RecordedSignal

Series = SimulatedSignal | RecordedSignal


@dataclass(frozen=True, slots=True)
class Sent:
    """A record, and what is in it by position: (signal, value), or None for what is not learned."""

    record: StreamRecord
    sent_s: float
    """When the plant sends it: the timestamp of its last observation."""
    observations: tuple[tuple[str, float] | None, ...]
    is_bad: bool = False
    """Whether the consumer must quarantine it."""


def demo_records(
    plant: SimulatedPlant, recorded: RecordedSignal, recorded_property: RecordedSignal
) -> list[Sent]:
    """All records in the order in which a plant would send them: within a signal, by time.

    `recorded_property` is named `asset:property`, as the consumer names what SiteWise notifies of.
    """
    sent = [one for asset in plant.assets for one in _several_values(asset)]
    together = {signal.name for asset in plant.assets for signal in asset.signals}
    alone = iter([signal for signal in plant.signals if signal.name not in together])
    left = len(plant.signals) - len(together)
    for number, (shape, share) in enumerate(_SHAPES):
        count = left if number == len(_SHAPES) - 1 else round((len(plant.signals) - len(together)) * share)
        left -= count
        sent += shape(list(islice(alone, count)))
    sent += _points(payloads.point)([recorded])
    sent += _chunks(20, _sitewise_notification)([recorded_property])
    sent.sort(key=lambda one: one.sent_s)
    return list(_with_odd_ones(sent))


def _with_odd_ones(sent: Sequence[Sent]) -> Iterator[Sent]:
    """Spread what must be quarantined, and what must be skipped, over the records."""
    odd = [(record, True) for record in payloads.bad_observations()]
    odd += [(record, False) for record in payloads.skipped_observations()]
    every = len(sent) // len(odd)
    for number, one in enumerate(sent):
        yield one
        if odd and number % every == 0:
            record, is_bad = odd.pop()
            yield Sent(StreamRecord(record.partition_key, record.payload), one.sent_s, (None,), is_bad)


def _several_values(asset: SimulatedAsset) -> Iterator[Sent]:
    for number, timestamp in enumerate(asset.signals[0].timestamps):
        values = {signal.quantity: signal.values[number] for signal in asset.signals}
        payload = payloads.several_values(asset.name, timestamp, values)
        observations = tuple((signal.name, signal.values[number]) for signal in asset.signals)
        yield Sent(StreamRecord(asset.name, payload), timestamp, observations)


def _points(encode: Callable[[str, float, float], bytes]) -> "_Shape":
    def shape(signals: Sequence[Series]) -> Iterator[Sent]:
        for signal in signals:
            for timestamp, value in zip(signal.timestamps, signal.values, strict=True):
                record = StreamRecord(signal.name, encode(signal.name, value, timestamp))
                yield Sent(record, timestamp, ((signal.name, value),))

    return shape


def _chunks(
    length: int, encode: Callable[[str, Sequence[float], Sequence[float]], bytes], separator: str = ""
) -> "_Shape":
    """Records of up to `length` observations of one signal."""

    def shape(signals: Sequence[Series]) -> Iterator[Sent]:
        for signal in signals:
            for start in range(0, len(signal.values), length):
                timestamps = signal.timestamps[start : start + length]
                values = signal.values[start : start + length]
                record = StreamRecord(signal.name, encode(signal.name, timestamps, values))
                yield Sent(record, timestamps[-1], tuple((signal.name, value) for value in values))

    return shape


def _groups(length: int, encode: Callable[[dict[str, list[tuple[float, float]]]], bytes]) -> "_Shape":
    """Records of up to `length` observations of each of up to four signals; the first one is their key."""

    def shape(signals: Sequence[Series]) -> Iterator[Sent]:
        for first in range(0, len(signals), 4):
            group = signals[first : first + 4]
            for start in range(0, len(group[0].values), length):
                end = start + length
                readings: dict[str, list[tuple[float, float]]] = {
                    signal.name: list(
                        zip(signal.timestamps[start:end], signal.values[start:end], strict=True)
                    )
                    for signal in group
                }
                observations = tuple(
                    (signal.name, value) for signal in group for value in signal.values[start:end]
                )
                record = StreamRecord(group[0].name, encode(readings))
                yield Sent(record, group[0].timestamps[start:end][-1], observations)

    return shape


def _sitewise_entry(name: str, timestamps: Sequence[float], values: Sequence[float]) -> bytes:
    return payloads.sitewise_entry(name, zip(timestamps, values, strict=True))


def _sitewise_notification(name: str, timestamps: Sequence[float], values: Sequence[float]) -> bytes:
    asset_id, _, property_id = name.partition(":")
    return payloads.sitewise_notification(asset_id, property_id, zip(timestamps, values, strict=True))


def _gzipped_columns(name: str, timestamps: Sequence[float], values: Sequence[float]) -> bytes:
    return payloads.gzipped(payloads.columns(name, timestamps, values))


def _zstandard_columns(name: str, timestamps: Sequence[float], values: Sequence[float]) -> bytes:
    return payloads.zstandard(payloads.columns(name, timestamps, values))


def _bare_number(name: str, value: float, timestamp: float) -> bytes:
    return payloads.bare_number(value)


def _aggregated(readings: dict[str, list[tuple[float, float]]]) -> bytes:
    return kpl.aggregate(
        [
            (name, payloads.point(name, value, timestamp))
            for name, signal_readings in readings.items()
            for timestamp, value in signal_readings
        ]
    )


_Shape = Callable[[Sequence[Series]], Iterator[Sent]]

# Each shape with its share of the signals that are not sent as several values of one asset.
_SHAPES: tuple[tuple[_Shape, float], ...] = (
    (_points(payloads.key_and_body), 0.06),
    (_points(payloads.point), 0.06),
    (_points(_bare_number), 0.06),
    (_chunks(20, _sitewise_entry), 0.12),
    (_chunks(50, _gzipped_columns), 0.15),
    (_chunks(50, _zstandard_columns), 0.15),
    (_groups(10, payloads.sitewise_entries), 0.1),
    (_groups(10, _aggregated), 0.1),
    (_chunks(50, payloads.columns), 0.2),
)
