"""What a use case finds if each shard is learned in one go: nothing is cut, lost or delivered twice."""

import asyncio
from typing import Any

from consumer.detectors.base import UseCase
from consumer.settings.signal_settings import SettingsFile, SettingsOfSignals
from local.emulator.embedded_aws import EmbeddedAWS
from local.emulator.kinesis_event import EventFormat
from local.emulator.kinesis_source import KinesisSource
from local.emulator.stream_source import Position, StreamRecord
from ops.replay.offline_learner import OfflineLearner

_READ_MAX = 10_000


def whole_shards(aws: EmbeddedAWS, stream_arn: str) -> list[dict[str, Any]]:
    """All records of each shard, as Lambda's event."""
    return asyncio.run(_whole_shards(KinesisSource(aws.client("kinesis"), stream_arn), stream_arn))


async def _whole_shards(source: KinesisSource, stream_arn: str) -> list[dict[str, Any]]:
    events = []
    for shard in await source.list_shards():
        records: list[StreamRecord] = []
        iterator: str | None = await source.get_iterator(shard.shard_id, Position("TRIM_HORIZON"))
        while iterator is not None:
            page, iterator = await source.get_records(iterator, _READ_MAX)
            records += page
            if not page:
                break
        events.append(EventFormat(stream_arn, shard.shard_id).event(records))
    return events


def learned_at_once(
    name: str, use_case: UseCase, events: list[dict[str, Any]], signals: SettingsFile | None = None
) -> dict[str, str]:
    """All events that the use case finds in them: id -> the change that it reports."""
    learner = OfflineLearner(name, SettingsOfSignals(name, use_case, signals))
    learned = [batch for event in events for batch in learner.learn(event["Records"])]
    return {detail["id"]: detail["change"] for batch in learned for detail in batch.events}
