"""A batch, decoded: columns of observations, and what can never be learned."""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from consumer.decode.observed_columns import (
    Floats,
    Mark,
    ObservedColumns,
    SignalColumns,
    SignalRuns,
)
from consumer.decode.records import Record, Records, Shard
from consumer.decode.rejections import Rejections
from consumer.decode.signal_names import AssetOf, SignalKey, SignalNumbers, known_signals
from consumer.decode.sorting import Integers
from consumer.decode.times import TimeLimits
from consumer.errors import Unlearnable

Indices = Sequence[int]
"""Indices into a signal's columns, ascending."""

OBSERVATIONS_PER_RECORD_MAX = 10_000
# Ten thousand records can unpack to more than any memory holds, and take longer than any invocation may.
OBSERVATIONS_PER_BATCH_MAX = 1_000_000  # some 100 MB
UNPACKED_BYTES_PER_BATCH_MAX = 256 * 1024 * 1024  # seconds


def fit_a_record(observations: int) -> bool:
    """Whether a record may hold so many."""
    return observations <= OBSERVATIONS_PER_RECORD_MAX


@dataclass
class Batch:
    """The records of one shard in order of their sequence numbers, and what they say.

    A batch is filled record by record: `begin` or `go_to`, then what the record holds, in its order. What
    it says is asked for when it is filled: the arrays, and the signals, are made once.
    """

    shard: Shard
    records: Records = field(default_factory=Records)
    numbering: SignalNumbers = field(default_factory=known_signals)
    """The numbers of the signals."""
    observed: ObservedColumns = field(init=False, default_factory=ObservedColumns)
    """The observations, in the order of the records."""
    is_regrouped: bool = field(init=False, default=False)
    """Whether `signals` are others than the records name, or a part of them."""
    has_untimed: bool = False
    """Whether some observations came without a timestamp of their own."""
    are_keyed_by_signals: bool = True
    """Whether each record of observations has its signal for partition key."""
    _excluded: npt.NDArray[np.bool_] | None = None
    of_no_asset: int = 0
    """Observations that no model of the use case learns."""
    rejections: Rejections = field(init=False)
    """What could not be decoded."""
    uncertain: int = 0
    observations: int = 0
    unpacked_bytes: int = 0
    unread_from: int | None = None
    """The first record left for the next delivery, because those before it fill the batch."""
    record: int = -1
    """The current record."""
    position: int = 0
    uncertain_before: int = 0
    """How many were uncertain before the current record."""
    unpacked_before: int = 0
    """How many bytes were unpacked before the current record."""
    observed_before: Mark = field(default_factory=Mark)
    """How much was observed before the current record."""

    def __post_init__(self) -> None:
        self.rejections = Rejections(self.records)

    def is_full(self) -> bool:
        """Whether to read no more records."""
        return (
            self.observations >= OBSERVATIONS_PER_BATCH_MAX
            or self.unpacked_bytes >= UNPACKED_BYTES_PER_BATCH_MAX
        )

    def has_room_for(self, observations: int) -> bool:
        """Whether that many more do not overfill it."""
        return self.observations + observations <= OBSERVATIONS_PER_BATCH_MAX

    def begin(self, record: Record, data: str = "") -> None:
        """Add a record, and go on to it."""
        self.records.append(record, data)
        self.go_to(len(self.records) - 1)

    def go_to(self, record: int) -> None:
        """Go on to a record further on."""
        self.record = record
        self.position = 0
        self.uncertain_before = self.uncertain
        self.unpacked_before = self.unpacked_bytes
        self.observed_before = self.observed.mark()

    def observe(self, record_signal: str, name: str | None, value: float, timestamp: float | None) -> None:
        """Add one observation of `record_signal` or its part `name`; without a timestamp, the arrival's."""
        number = self._number(record_signal, name)
        position = self._take()  # it may raise: the columns stay of one length
        self.has_untimed |= timestamp is None
        self.are_keyed_by_signals &= record_signal == self.records.partition_keys[self.record]
        self.observed.add(number, self.record, position, value, timestamp)

    def observe_column(
        self, record_signal: str, values: Sequence[float], timestamps: Sequence[float] | None
    ) -> None:
        """Add many observations of one signal at once; no timestamps: the arrival's."""
        number = self._number(record_signal)
        first = self._take(len(values))
        self.has_untimed |= timestamps is None
        self.are_keyed_by_signals &= record_signal == self.records.partition_keys[self.record]
        self.observed.add_column(number, self.record, first, values, timestamps)

    def observe_records(
        self,
        names: list[str],
        first: int,
        lengths: list[int] | None,
        values: "array[float]",
        timestamps: "array[float] | None",
    ) -> None:
        """Add all that records hold, from `first` on: values of one signal each. No lengths: one value each.

        Raises: `Unlearnable`, having added nothing, if one of the names cannot be a signal's.
        """
        numbers = self.numbering.of_names(names)
        self.has_untimed |= timestamps is None
        # Now: later, ten thousand of each would have to be fetched into the processor's cache again.
        self.are_keyed_by_signals &= names == self.records.partition_keys[first : first + len(names)]
        self.observed.add_records(numbers, first, lengths, values, timestamps)
        self.observations += len(values)

    def skip(self, record_signal: str, name: str | None = None) -> None:
        """Count an observation that is well-formed and carries nothing to learn."""
        number = self._number(record_signal, name)
        self.observed.skip(number, self.record, self._take())

    def reject(self, reason: str, signal: Any = None) -> None:
        """Reject an observation that can never be learned."""
        named = signal if isinstance(signal, str) else None
        self.rejections.add(self.record, self._take(), reason, named)

    def reject_record(self, reason: str) -> None:
        """Remove all that the current record brought, and reject it as a whole."""
        self.observed.truncate(self.observed_before)
        self.rejections.forget(self.record)
        self.position = 0
        self.uncertain = self.uncertain_before
        self.rejections.add(self.record, self._take(), reason, is_whole=True)

    def place(self, assets: AssetOf | None) -> None:
        """Have the signals' keys as their states are placed: by asset, or as the records name them.

        This is for the batch that is filled, before anything of it is learned or merged.
        """
        if assets is None:
            return
        self.observed.renumber(self.numbering.by_asset(assets))
        self.__dict__.pop("_runs", None)
        record_signals, partition_keys = self.numbering.record_signals, self.records.partition_keys
        self.are_keyed_by_signals = all(
            record_signals[number] == partition_keys[record]
            for number, record in self.observed.records_of_pieces()
        )

    def disbelieve(self, limits: TimeLimits) -> None:
        """What was measured at a time that cannot be counts as measured when it arrived, from now on.

        This is for the batch that is filled, before anything of it is learned or merged.
        """
        times = self.observed.time_array
        excluded = limits.excluded(times, self.records.arrival[self.record_of])
        if excluded.any():
            times[excluded] = math.nan
            self.has_untimed, self._excluded = True, excluded

    @property
    def times_not_believed(self) -> int:
        """Observations whose own timestamps cannot be when they were measured."""
        return 0 if self._excluded is None else int(np.count_nonzero(self._excluded))

    @cached_property
    def disbelieved(self) -> frozenset[tuple[int, int]]:
        """Their records and positions."""
        if self._excluded is None:
            return frozenset()
        columns = self.record_of[self._excluded], self.positions[self._excluded]
        return frozenset(zip(*(column.tolist() for column in columns), strict=True))

    @property
    def signals(self) -> Mapping[SignalKey, SignalColumns]:
        """The observations by signal, in the order of the signals' first ones.

        Others may be set: an asset's signals are learned together, and a command learns some of them.
        """
        return self._runs

    @signals.setter
    def signals(self, regrouped: Mapping[SignalKey, SignalColumns]) -> None:
        self._runs = regrouped
        self.is_regrouped = True

    @cached_property
    def _runs(self) -> Mapping[SignalKey, SignalColumns]:
        return SignalRuns(self.observed, self.numbering.keys)

    @property
    def numbers(self) -> Integers:
        """The number of each observation's signal."""
        return self.observed.numbers

    @property
    def value_array(self) -> Floats:
        """The values."""
        return self.observed.value_array

    def observation(self, place: int) -> tuple[int, int, float, float | None]:
        """One of them: its record, its position in it, the value, and the timestamp that came with it."""
        observed = self.observed
        at_s = float(observed.time_array[place])
        return (
            int(observed.record_of[place]),
            int(observed.positions[place]),
            float(observed.value_array[place]),
            None if math.isnan(at_s) else at_s,
        )

    @cached_property
    def at_s(self) -> Floats:
        """When each was measured: its own timestamp, else the record's arrival, else NaN."""
        own = self.observed.time_array
        if not self.has_untimed:
            return own
        return np.where(np.isnan(own), self.records.arrival[self.record_of], own)

    @property
    def record_of(self) -> Integers:
        """The record of each observation, ascending."""
        return self.observed.record_of

    @property
    def positions(self) -> Integers:
        """The position of each observation in its record."""
        return self.observed.positions

    @property
    def skipped_numbers(self) -> list[int]:
        """The numbers of the signals of what is skipped."""
        return self.observed.skipped_numbers

    @property
    def skipped_records(self) -> list[int]:
        """The records of what is skipped, ascending."""
        return self.observed.skipped_records

    @property
    def skipped_positions(self) -> list[int]:
        """The positions of what is skipped."""
        return self.observed.skipped_positions

    def _number(self, record_signal: str, name: str | None = None) -> int:
        if name is None:
            return self.numbering.of_name(record_signal)
        return self.numbering.of_part(record_signal, name)

    def _take(self, positions: int = 1) -> int:
        first = self.position
        self.position += positions
        self.observations += positions
        if not fit_a_record(self.position):
            raise UnlearnableRecord(f"the record holds more than {OBSERVATIONS_PER_RECORD_MAX} observations")
        return first


class UnlearnableRecord(Unlearnable):
    """The whole record is rejected, with all that it brought so far."""
