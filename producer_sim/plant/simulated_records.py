"""A simulated plant's records in the order in which they are due; a seed gives the same bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, NamedTuple, TypeVar

from clients.kinesis_writer.pending import ScheduledRecord
from clients.kinesis_writer.put_request import StreamRecord
from producer_sim.payloads.encoded import Observation, Readings
from producer_sim.payloads.encoders import Value
from producer_sim.payloads.record_groups import RecordGroup, hash_of, share_of
from producer_sim.plant.randomness import key_of
from producer_sim.plant.simulation import Simulation
from producer_sim.plant.values import Stretch, stretches

Partition = Literal["signal", "random"]

_Number = TypeVar("_Number", int, float)


class SimulatedRecord(NamedTuple):
    """A record, when it is due (seconds after the start), and what is in it."""

    due_s: float
    record: StreamRecord
    observations: Sequence[Observation]


def simulated_records(
    simulation: Simulation,
    groups: Sequence[RecordGroup],
    start_s: float,
    partition: Partition = "signal",
    values_at_once: int = 65_536,
) -> Iterator[SimulatedRecord]:
    """The records of these groups; observations have the time when they are due, from `start_s` on.

    A group whose records hold many observations of a signal sends when so many are there, and what is left
    at the end. These times are spread over the groups, so that the stream is even.
    """
    if not groups:
        return
    rows = accumulate((len(group.members) for group in groups[:-1]), initial=0)
    fillings = [
        _Filling(simulation, group, row, start_s, partition) for group, row in zip(groups, rows, strict=True)
    ]
    members = [member for group in groups for member in group.members]
    schedule = _Schedule(fillings)
    for stretch in stretches(simulation, members, values_at_once):
        end = stretch.first_tick + stretch.ticks
        for tick in range(stretch.first_tick, end):
            for filling in fillings if tick == simulation.ticks - 1 else schedule.due_at(tick):
                if filling.end_tick < end:  # one by one: of many signals, all at once would be late
                    filling.extend(stretch)
                yield from filling.take(tick)
        for filling in fillings:
            if filling.end_tick < end:
                filling.extend(stretch)


@dataclass(frozen=True, slots=True)
class Shares:
    """A plant's records, share by share of its partition keys: what each of several processes sends."""

    simulation: Simulation
    groups: tuple[RecordGroup, ...]
    start_s: float
    partition: Partition

    def __call__(self, part: int, parts: int) -> Iterator[ScheduledRecord]:
        """The records of one share, in the order in which they are due."""
        groups = share_of(self.groups, part, parts)
        for due_s, record, observations in simulated_records(
            self.simulation, groups, self.start_s, self.partition
        ):
            yield ScheduledRecord(due_s, record, len(observations))


class _Filling:
    """A group's record that is being filled: what is there and not sent yet, a list for each signal."""

    def __init__(
        self, simulation: Simulation, group: RecordGroup, row: int, start_s: float, partition: Partition
    ) -> None:
        self.group = group
        self._simulation, self._start_s, self._partition = simulation, start_s, partition
        self._rows = range(row, row + len(group.members))
        # An asset's values are of one time.
        of_asset = group.shape.carries == "asset"
        self._positions = [group.last_position if of_asset else one.position for one in group.members]
        self._first_tick = self._sent_ticks = self._sent_records = 0
        self._values: list[list[Value]] = [[] for _ in self._rows]
        self._copies: list[list[int]] = [[] for _ in self._rows]
        self._shifts_s: list[list[float]] = [[] for _ in self._rows]

    @property
    def end_tick(self) -> int:
        """The first tick that is still missing."""
        return self._first_tick + len(self._values[0])

    def extend(self, stretch: Stretch) -> None:
        """Add what was measured in a stretch, and drop ticks that were sent."""
        sent, self._sent_ticks = self._sent_ticks, 0
        self._first_tick += sent
        for place, row in enumerate(self._rows):
            left, ticks = self._values[place][sent:], stretch.ticks
            copies, shifts_s = stretch.copies.get(row), stretch.shifts_s.get(row)
            self._copies[place] = _extended(self._copies[place][sent:], len(left), copies, ticks, 1)
            self._shifts_s[place] = _extended(self._shifts_s[place][sent:], len(left), shifts_s, ticks, 0.0)
            self._values[place] = [*left, *stretch.values[row]]

    def take(self, tick: int) -> Iterator[SimulatedRecord]:
        """The records of all up to this tick."""
        start, end = self._sent_ticks, tick - self._first_tick + 1
        self._sent_ticks = end
        group = self.group
        due_s = self._simulation.due_s(group.last_position, tick)
        readings = [self._readings(place, start, end) for place in range(len(self._rows))]
        for payload, observations in group.shape.payloads(group.names, readings):
            record = StreamRecord(self._partition_key(), payload)
            self._sent_records += 1
            yield SimulatedRecord(due_s, record, observations)

    def _readings(self, place: int, start: int, end: int) -> Readings:
        signals, rate = len(self._simulation.members), self._simulation.rate
        position = self._positions[place] + (self._first_tick + start) * signals
        values = self._values[place][start:end]
        dues = range(position, position + (end - start) * signals, signals)
        if not self._copies[place] and not self._shifts_s[place]:
            return [
                (round(self._start_s + due / rate, 6), value) for due, value in zip(dues, values, strict=True)
            ]
        copies = self._copies[place][start:end] or [1] * len(values)
        shifts_s = self._shifts_s[place][start:end] or [0.0] * len(values)
        return [
            (round(self._start_s + due / rate + shift_s, 6), value)
            for due, value, times, shift_s in zip(dues, values, copies, shifts_s, strict=True)
            for _ in range(times)
        ]

    def _partition_key(self) -> str:
        if self._partition == "signal" or self.group.shape.is_named_by_its_key:
            return self.group.key
        return f"{key_of(self._simulation.seed, self.group.key, f'record {self._sent_records}'):016x}"


class _Schedule:
    """Which groups send at a tick: each once in as many as its shape takes observations of a signal."""

    def __init__(self, fillings: Sequence[_Filling]) -> None:
        self._by_batch: dict[int, list[list[_Filling]]] = {}
        for filling in fillings:
            batch = filling.group.shape.batch
            phases = self._by_batch.setdefault(batch, [[] for _ in range(batch)])
            phases[hash_of(filling.group.key) % batch].append(filling)

    def due_at(self, tick: int) -> Sequence[_Filling]:
        """In the order in which they are due."""
        due = [phases[tick % batch] for batch, phases in self._by_batch.items()]
        if len(due) == 1:
            return due[0]
        return sorted((one for each in due for one in each), key=lambda one: one.group.last_position)


def _extended(
    before: list[_Number], missing: int, added: Sequence[_Number] | None, ticks: int, usual: _Number
) -> list[_Number]:
    """Extend a column that stays empty while all its values are the default."""
    if not before and added is None:
        return []
    return list(before or [usual] * missing) + list(added or [usual] * ticks)
