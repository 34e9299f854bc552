"""What a use case finds where each shard is learned in one batch: nothing is cut, lost or there twice."""

import asyncio
import json
from typing import Any

from consumer.decode.lambda_event import batches_of
from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import UseCase
from consumer.learning.outcome import FailedObservations
from consumer.learning.page_learner import PageLearner
from consumer.learning.state import State
from consumer.settings.signal_settings import SettingsFile, SettingsOfSignals
from local.emulator.embedded_aws import EmbeddedAWS
from local.emulator.kinesis_event import EventFormat
from local.emulator.kinesis_source import KinesisSource
from local.emulator.stream_source import Position, StreamRecord

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
    """All events that the use case finds in them: id -> the change that it tells of."""
    settings = SettingsOfSignals(name, use_case, signals)
    states: dict[SignalKey, State] = {}
    found: dict[str, str] = {}
    for event in events:
        for batch in batches_of(event):
            use_case.merge_signals(batch)
            learning = PageLearner(name, settings, batch, states, FailedObservations(), lambda: False, 10**9)
            learning.learn(batch.runs)
            found |= {event.id: json.loads(event.detail)["change"] for event in learning.learned.events}
    return found
