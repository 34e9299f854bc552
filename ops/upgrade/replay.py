"""What a line of use_cases.py would have told of what the stream still holds; nothing is written to AWS."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from consumer.decode.batch import Shard
from consumer.detectors.base import fingerprint
from consumer.errors import ConfigurationError
from consumer.pages.codec import versions
from consumer.pages.layout import Layout
from consumer.settings.signal_settings import SettingsOfSignals
from ops.replay.offline_learner import Records, SilentLearning
from ops.upgrade.compare import Replayed, ShardStretch, Told
from ops.upgrade.records import Stretch, read_merged, shards_of


@dataclass(slots=True)
class Replaying:
    """Fresh models of one use case, that learn a stretch; `events` are the details of what they find."""

    name: str
    settings: SettingsOfSignals
    events: list[dict[str, Any]] = field(default_factory=list)
    learning: SilentLearning = field(init=False)
    _seen: dict[Shard, ShardStretch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.learning = SilentLearning(self.name, self.settings, Layout("", 1), found=self.events.extend)

    def learn(self, shard: Shard, records: Records) -> None:
        """Learn some records."""
        first, last = records[0]["kinesis"], records[-1]["kinesis"]
        seen = self._seen.get(shard)
        if seen is None:
            since_s = first["approximateArrivalTimestamp"]
            seen = ShardStretch(*shard, first["sequenceNumber"], "", since_s)
        self._seen[shard] = msgspec.structs.replace(seen, last=last["sequenceNumber"])
        self.learning.learn(shard, records)

    def replayed(self) -> Replayed:
        """What was learned."""
        return Replayed(
            self.name,
            fingerprint(self.settings.use_case, versions()),
            versions()["river"],
            self.learning.records,
            self.learning.observations,
            list(self._seen.values()),
        )

    def told(self) -> list[Told]:
        """The events, as they are compared."""
        return msgspec.convert(self.events, list[Told])

    def write(self, path: Path) -> None:
        """Write what was learned, and the events, line by line. Raises: `ConfigurationError`."""
        lines = [msgspec.json.encode(self.replayed()).decode(), *map(json.dumps, self.events)]
        try:
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error}") from error


def all_of(client: Any, stream_arn: str) -> dict[Shard, Stretch]:
    """All that the stream holds now."""
    return dict.fromkeys(shards_of(client, stream_arn), Stretch())


def same_as(replayed: Replayed) -> dict[Shard, Stretch]:
    """The stretch that another replay has learned."""
    return {
        Shard(each.stream_arn, each.shard_id): Stretch(each.since_s, int(each.first), int(each.last))
        for each in replayed.stretch
    }


def replay(client: Any, wanted: Mapping[Shard, Stretch], replaying: list[Replaying]) -> None:
    """Have each of them learn the stretch. Raises: `Unavailable`."""
    for shard, records in read_merged(client, wanted):
        for each in replaying:
            each.learn(shard, records)
