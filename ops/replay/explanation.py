"""Why an event was published: learns its records once more, from the model as it was before."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consumer.decode.observed_columns import SignalColumns
from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.decode.values import iso8601
from consumer.errors import ConfigurationError
from consumer.learning.signal_learner import times
from consumer.learning.state import Checkpoint
from consumer.pages.codec import States
from consumer.pages.layout import Layout
from ops.context import settings_to_read
from ops.replay.offline_learner import LearnedBatch, OfflineLearner
from ops.replay.stream_reader import Records, StreamReader, number_of, records_of_file
from ops.state.describe import plain
from ops.state.page_versions import last_version
from ops.state.pages import Place, find_signal, layout_of
from ops.target import Target

_OF_EVENT = ("id", "headline", "signal", "timestamp", "sequence_number", "evidence")
_VALUES_SHOWN = 12
_FROM_NOTHING_MAX = 10_000
"""Observations: an event after more of them is explained from an earlier version, or not at all."""


def explanation(target: Target, detail: dict[str, Any], records_file: Path | None) -> dict[str, Any]:
    """What the model saw at an event, given its detail, and whether it would find the same again.

    Raises: `ConfigurationError` if its records or a version of its page before it are gone;
        `UnreadablePage`, `Unavailable`.
    """
    if detail.get("use_case") != target.use_case:
        raise ConfigurationError(f"the event is of the use case {detail.get('use_case')}: give --use-case")
    explained = {name: detail[name] for name in _OF_EVENT}
    if detail["evidence"].get("fault") == "stale":
        return explained | {
            "explained": "by silence: nothing arrived after the record of that sequence number"
        }
    return explained | _learned_again(target, detail, records_file)


def _learned_again(target: Target, detail: dict[str, Any], records_file: Path | None) -> dict[str, Any]:
    place, layout = asyncio.run(_found(target, detail["signal"]))
    key, state = place.key, place.state
    number = int(detail["sequence_number"])
    source = detail["stream"], detail["shard_id"]
    shard = next((each for each in state.checkpoints if (each.stream, each.shard_id) == source), None)
    if shard is None:
        raise ConfigurationError(
            f"the model of {key.signal} has learned nothing from {detail['stream']}, {detail['shard_id']}"
        )

    def is_early(states: States) -> bool:
        checkpoint = states[key].checkpoints.get(shard) if key in states else None
        return checkpoint is None or checkpoint.sequence_number < number

    earlier = last_version(target, place.page.key, is_early)
    version, states = earlier or (None, States())
    known = states.get(key)
    if version is None and detail["observations"] > _FROM_NOTHING_MAX:
        raise ConfigurationError(
            f"no version of {place.page.key} is as old as the event: the bucket keeps each for a day, "
            "and ten more"
        )
    before = plain(None if known is None else known.model)
    settings = settings_to_read(target)
    settings.placement = layout.assets
    learner = OfflineLearner(target.use_case, settings, only=key, has_scores=True)
    if known is not None:
        learner.add(key, known)
    checkpoint = None if known is None else known.checkpoints.get(shard)
    learned = [
        batch
        for records in _records(target, shard, checkpoint, number, records_file)
        for batch in learner.learn(records)
    ]
    events = [event for batch in learned for event in batch.events]
    values = [value for batch in learned for value in _scored(batch, key, detail)]
    problems = list(dict.fromkeys(each.reason for batch in learned for each in batch.rejections))
    return {
        "from_version": None
        if version is None
        else {"id": version.version_id, "written_at": iso8601(version.written_s)},
        "believed_before": before,
        "replayed": {"records": learner.records, "observations": learner.observations},
        "told_again": _verdict(detail, events),
        "values": values[-_VALUES_SHOWN:],
        **({"problems": problems} if problems else {}),
    }


async def _found(target: Target, signal: str) -> tuple[Place, Layout]:
    return await find_signal(target, signal), await layout_of(target, target.objects())


def _records(
    target: Target, shard: Shard, checkpoint: Checkpoint | None, number: int, records_file: Path | None
) -> Iterator[Records]:
    """The records since the checkpoint, up to the event's, from the file or the stream."""
    if records_file is not None:
        yield [each for each in records_of_file(records_file) if number_of(each) <= number]
        return
    if target.stream_name is None:
        raise ConfigurationError("no stream is named: give --stream, or the records in a file with --records")
    since_s = None if checkpoint is None else checkpoint.arrived_s
    yield from StreamReader(target.client("kinesis")).read(shard, since_s, number)


def _scored(learned: LearnedBatch, key: SignalKey, detail: dict[str, Any]) -> Iterator[str]:
    """A line for each observation of the signal that was learned, with its score."""
    columns = learned.batch.signals.get(key, SignalColumns())
    identifiers = learned.batch.records.identifiers
    timestamps = times(columns, range(len(columns.values)), learned.batch)
    for index, score in learned.scores.get(key, {}).items():
        is_event = identifiers[columns.records[index]] == detail["sequence_number"]
        value, mark = float(columns.values[index]), "  <- the event" if is_event else ""
        yield f"{iso8601(timestamps[index]) or '-'}  {value:.6g}  score {score:.3f}{mark}"


def _verdict(detail: dict[str, Any], events: list[dict[str, Any]]) -> str:
    same = [event for event in events if event["id"] == detail["id"]]
    if not same:
        return "no: the same records and model do not give this event; are all of the records there?"
    if same[0]["evidence"] == detail["evidence"]:
        return "yes, with the same evidence"
    return f"yes, but with {same[0]['evidence']}"


def event_of_file(path: Path, event_id: str) -> dict[str, Any]:
    """The detail of an event in a file that holds it alone or as a line, whole or its detail only.

    Raises: `ConfigurationError` if it is not there.
    """
    try:
        text = path.read_text(encoding="utf-8")
        try:
            found = [json.loads(text)]
        except ValueError:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} holds no events: {error}") from None
    for event in found:
        detail = event.get("detail", event) if isinstance(event, dict) else {}
        if detail.get("id") == event_id:
            return dict(detail)
    raise ConfigurationError(f"{path} has no event {event_id}")
