"""Which shards may start, and at which position: after a split or merge, children follow their parents."""

from __future__ import annotations

from collections.abc import Sequence

from local.emulator.mapping_config import MappingConfig
from local.emulator.stream_source import Position, ShardDescription


class ShardLineage:
    """Remembers every shard ever listed, because streams forget them."""

    def __init__(self, config: MappingConfig, started_at: float) -> None:
        """No shards yet; `started_at`, in epoch seconds, is when the mapping started."""
        self._config = config
        self._started_at = started_at
        self._known: dict[str, ShardDescription] = {}
        self._there_from_the_start: frozenset[str] | None = None
        self._started: set[str] = set()
        self._finished: set[str] = set()

    def listed(self, shards: Sequence[ShardDescription]) -> None:
        """Add a listing of the stream's shards."""
        self._known.update((shard.shard_id, shard) for shard in shards)
        if self._there_from_the_start is None:
            self._there_from_the_start = frozenset(self._known)

    def start_next(self) -> list[tuple[str, Position]]:
        """The shards that start now, with their positions; each is returned once.

        A parent that was never listed was trimmed before the mapping started: nothing waits for it.
        """
        ready = [
            shard
            for shard in self._known.values()
            if shard.shard_id not in self._started
            and all(parent in self._finished or parent not in self._known for parent in shard.parents)
        ]
        self._started.update(shard.shard_id for shard in ready)
        return [(shard.shard_id, self._first_position(shard)) for shard in ready]

    def finished(self, shard_id: str) -> None:
        """Mark a shard as read to its end, with all its batches done."""
        self._finished.add(shard_id)

    def _first_position(self, shard: ShardDescription) -> Position:
        # A shard that appeared later is read from its start, whatever the starting position, so that nothing
        # is missed between a split and its discovery.
        if self._there_from_the_start is None or shard.shard_id not in self._there_from_the_start:
            return Position("TRIM_HORIZON")
        if self._config.starting_timestamp is not None:
            return Position.at_timestamp(self._config.starting_timestamp)
        if self._config.starting_position == "TRIM_HORIZON":
            return Position("TRIM_HORIZON")
        had_to_wait = any(parent in self._known for parent in shard.parents)
        # By now its latest record may have arrived after the mapping started.
        return Position.at_timestamp(self._started_at) if had_to_wait else Position("LATEST")
