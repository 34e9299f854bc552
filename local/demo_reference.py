"""What a use case finds where each shard is learned in one batch: nothing is cut, lost or there twice."""

import asyncio
import json
from typing import Any

from consumer.core.assets import join_assets
from consumer.core.exclusions import Exclusions
from consumer.core.kinesis_event import batches_of
from consumer.core.learning import Learning
from consumer.core.signal_settings import SettingsOfSignals
from consumer.core.signals import SignalKey
from consumer.core.state import State
from consumer.core.use_case import UseCase
from local.aws import EmbeddedAWS
from local.kinesis_event import EventFormat
from local.kinesis_source import KinesisSource
from local.stream_source import Position, StreamRecord

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


def learned_at_once(name: str, use_case: UseCase, events: list[dict[str, Any]]) -> dict[str, str]:
    """All events that the use case finds in them: id -> the change that it tells of."""
    settings = SettingsOfSignals(name, use_case)
    states: dict[SignalKey, State] = {}
    found: dict[str, str] = {}
    for event in events:
        for batch in batches_of(event):
            join_assets(batch, use_case)
            learning = Learning(name, settings, batch, states, Exclusions(), lambda: False, 10**9)
            learning.learn(batch.runs)
            found |= {event.id: json.loads(event.detail)["change"] for event in learning.learned.events}
    return found
