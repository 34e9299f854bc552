"""What the mapping needs from a stream: shards, iterators, records.

StreamError
├── IteratorExpired     get a new one, after the last record read
├── StreamUnavailable   throttled or out of reach: the same call may work later
└── ShardGone           the stream no longer has this shard: nothing more can be read from it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


class StreamError(Exception):
    """A read from the stream failed; the subclass says what to do next."""


class IteratorExpired(StreamError):
    """Get a new iterator, after the last record read: iterators live for five minutes."""


class StreamUnavailable(StreamError):
    """Back off and call again: throttled, or out of reach for now."""


class ShardGone(StreamError):
    """Go on with the children: the stream no longer has this shard."""


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """What was put on a shard.

    Units: `sequence_number` is text as the stream gave it, compared as an integer; `arrived` epoch seconds
    """

    sequence_number: str
    partition_key: str
    data: bytes
    arrived: float


Batch = tuple[StreamRecord, ...]
"""The records of one invocation."""


@dataclass(frozen=True, slots=True)
class ShardDescription:
    """A shard as listed: one parent after a split, two after a merge, none otherwise."""

    shard_id: str
    parents: tuple[str, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a shard to read from; only the field that its kind needs is set."""

    kind: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP", "AFTER_SEQUENCE_NUMBER"]
    sequence_number: str | None = None
    timestamp: float | None = None

    @classmethod
    def after(cls, record: StreamRecord) -> Position:
        """The position right after `record`."""
        return cls("AFTER_SEQUENCE_NUMBER", sequence_number=record.sequence_number)

    @classmethod
    def at_timestamp(cls, epoch_s: float) -> Position:
        """The first record that arrived at that time or later."""
        return cls("AT_TIMESTAMP", timestamp=epoch_s)


class StreamSource(Protocol):
    """A stream that can be read shard by shard. Every method may raise StreamUnavailable."""

    @property
    def stream_arn(self) -> str:
        """The stream's ARN: its region and account appear in the events."""
        ...

    async def list_shards(self) -> Sequence[ShardDescription]:
        """List every shard within the retention period, the closed ones too."""
        ...

    async def get_iterator(self, shard_id: str, position: Position) -> str:
        """An iterator at that position, or ShardGone."""
        ...

    async def get_records(self, iterator: str, limit: int) -> tuple[Sequence[StreamRecord], str | None]:
        """Read at most `limit` records and the next iterator, which is None at the end of a closed shard.

        Errors: IteratorExpired; ShardGone
        """
        ...
