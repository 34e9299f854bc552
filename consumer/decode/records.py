"""The records of a batch, as Lambda delivers them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt


class Shard(NamedTuple):
    """The shard of a batch. Shard ids repeat in every stream, so the stream's ARN belongs to it."""

    stream_arn: str
    shard_id: str

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.stream_arn.rpartition("/")[2]


class Record(NamedTuple):
    """A record as Lambda delivers it, without its data; `arrived_s` is since 1970."""

    identifier: str
    partition_key: str
    arrived_s: float | None

    @property
    def sequence_number(self) -> int:
        """What `identifier` says: sequence numbers are compared as integers."""
        return int(self.identifier)


@dataclass
class Records:
    """The records of one shard, ascending. Shape: four columns of one length.

    A sequence number has 56 digits, and to read all of a batch would cost as much as to learn them: they are
    read when somebody asks.
    """

    identifiers: list[str] = field(default_factory=list)
    partition_keys: list[str] = field(default_factory=list)
    arrived_s: list[float | None] = field(default_factory=list)
    data: Sequence[str] = field(default_factory=list)
    """In base64. What was read by its types is read once more as soon as one of them is looked at."""
    are_distinct: bool = False
    """Whether it is known that no two of them share a sequence number."""
    texts: npt.NDArray[np.bytes_] | None = field(default=None, compare=False, repr=False)
    """The sequence numbers as texts of one length; None where they are not known to be distinct, and without
    zeros before them. They lie in the memory of the batch: whoever keeps some of them copies them.
    """

    def append(self, record: Record, data: str) -> None:
        """Add a record that does not lie before the others; all of them were added so."""
        cast("list[str]", self.data).append(data)
        self.extend([record.identifier], [record.partition_key], [record.arrived_s])

    def extend(
        self, identifiers: list[str], partition_keys: list[str], arrived_s: Sequence[float | None]
    ) -> None:
        """Add records whose `data` is there already."""
        self.identifiers += identifiers
        self.partition_keys += partition_keys
        self.arrived_s += arrived_s

    def shares_number(self, one: int, other: int) -> bool:
        """Whether two records, of different partition keys then, have one sequence number."""
        return int(self.identifiers[one]) == int(self.identifiers[other])

    @cached_property
    def first_sequence_number(self) -> int:
        """The lowest sequence number."""
        return int(self.identifiers[0])

    @cached_property
    def sequence_numbers(self) -> list[int]:
        """The sequence numbers, ascending."""
        return list(map(int, self.identifiers))

    @cached_property
    def arrival(self) -> npt.NDArray[np.float64]:
        """When they arrived; NaN where that is not known."""
        return np.array(self.arrived_s, np.float64)

    def __len__(self) -> int:
        return len(self.identifiers)

    def __getitem__(self, index: int) -> Record:
        return Record(self.identifiers[index], self.partition_keys[index], self.arrived_s[index])

    def __iter__(self) -> Iterator[Record]:
        return map(self.__getitem__, range(len(self)))
