"""`python -m consumer explain`: why an event was told, by learning its records once more."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from consumer.decode.batch import Shard
from consumer.decode.signal_names import SignalKey
from consumer.decode.timestamps import iso8601
from consumer.errors import ConfigurationError
from consumer.pages.codec import States
from ops.context import settings_of
from ops.replay.published_events import event_of_id
from ops.replay.replayed import Replay, Scored
from ops.replay.retained_records import RetainedRecords
from ops.replay.stream_reader import number_of, records_of_file
from ops.state.describe import plain
from ops.state.page_versions import PageVersion, last_version
from ops.state.pages import find_signal
from ops.target import Target, TargetOptions, find

_OF_EVENT = ("id", "headline", "signal", "timestamp", "sequence_number", "evidence")
_SHOWN = 12
_FROM_NOTHING_MAX = 10_000
"""Observations: an event after more of them is explained by an earlier version, or not at all."""


def explain(named: TargetOptions, event_id: str, event_file: Path | None, records_file: Path | None) -> None:
    """Show what the model saw when it told of an event, and whether it would do so again.

    Raises: `ConfigurationError` where the event, its records or a version of its page before it are gone;
        `UnreadablePage`, `Unavailable`.
    """
    where = find(named)
    detail = _of_file(event_file, event_id) if event_file else event_of_id(where, event_id, time.time())
    if detail.get("use_case") != where.use_case:
        raise ConfigurationError(f"the event is of the use case {detail.get('use_case')}: say --use-case")
    told: dict[str, Any] = {
        name: detail[name]
        for name in ("id", "headline", "signal", "timestamp", "sequence_number", "evidence")
    }
    if detail["evidence"].get("fault") == "stale":
        told["explained"] = "by silence: nothing came after the record of that sequence number"
    else:
        told |= _again(where, detail, records_file)
    sys.stdout.write(yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100))


def _again(where: Target, detail: dict[str, Any], records_file: Path | None) -> dict[str, Any]:
    place = asyncio.run(find_signal(where, detail["signal"]))
    page, key, state = place.page, place.key, place.state
    number = int(detail["sequence_number"])
    shards = [shard for shard in state.checkpoints if _is_of(shard, detail)]
    if not shards:
        raise ConfigurationError(
            f"the model of {key.signal} has learned nothing of {detail['stream']}, {detail['shard_id']}"
        )
    shard = shards[0]

    def is_early(states: States) -> bool:
        return _learned_to(states, key, shard) < number

    earlier = last_version(where, page.key, is_early)
    known = None if earlier is None else earlier.states.get(key)
    if earlier is None and detail["observations"] > _FROM_NOTHING_MAX:
        raise ConfigurationError(
            f"no version of {page.key} is as old as the event: the bucket keeps each for a day, and ten more"
        )
    settings = settings_of(where)
    before = plain(None if known is None else known.model)
    replay = Replay(where.use_case, settings, key, known)
    if records_file is None:
        after = None if known is None else known.checkpoints.get(shard)
        retained = RetainedRecords(_kinesis(where))
        for records in retained.read(shard, None if after is None else after.arrived_s, number):
            replay.learn(records)
    else:
        wanted = records_of_file(records_file)
        replay.learn([each for each in wanted if number_of(each) <= number])
    return _found(detail, replay, earlier, before)


def _kinesis(where: Target) -> Any:
    if where.stream_name is None:
        raise ConfigurationError("no stream is named: give --stream, or the records in a file with --records")
    return where.client("kinesis")


def _found(
    detail: dict[str, Any], replay: Replay, earlier: PageVersion | None, before: Any
) -> dict[str, Any]:
    same = [event for event in replay.events if event["id"] == detail["id"]]
    verdict = "no: the same records and model do not tell it; are all of them there?"
    if same:
        is_equal = same[0]["evidence"] == detail["evidence"]
        verdict = "yes, with the same evidence" if is_equal else f"yes, but with {same[0]['evidence']}"
    return {
        "from_version": None
        if earlier is None
        else {"id": earlier.version, "written_at": iso8601(earlier.written_s)},
        "believed_before": before,
        "replayed": {"records": replay.records, "observations": replay.observations},
        "told_again": verdict,
        "values": [_shown(one, detail) for one in list(replay.scored)[-_SHOWN:]],
        **({"problems": replay.problems} if replay.problems else {}),
    }


def _shown(one: Scored, detail: dict[str, Any]) -> str:
    mark = "  <- the event" if one.sequence_number == detail["sequence_number"] else ""
    score = "" if one.score is None else f"  score {one.score:.3f}"
    return f"{iso8601(one.at_s) or '-'}  {one.value:.6g}{score}{mark}"


def _is_of(shard: Shard, detail: dict[str, Any]) -> bool:
    return (shard.stream, shard.shard_id) == (detail["stream"], detail["shard_id"])


def _learned_to(states: States, key: SignalKey, shard: Shard) -> int:
    """The sequence number up to which a version of a page has learned the signal's shard."""
    mark = states[key].checkpoints.get(shard) if key in states else None
    return -1 if mark is None else mark.sequence_number


def _of_file(path: Path, event_id: str) -> dict[str, Any]:
    """The event of a file: alone, or a line of several, whole or its detail only."""
    try:
        text = path.read_text(encoding="utf-8")
        try:
            found = [json.loads(text)]
        except ValueError:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} has no events: {error}") from None
    for event in found:
        detail = event.get("detail", event) if isinstance(event, dict) else {}
        if detail.get("id") == event_id:
            return dict(detail)
    raise ConfigurationError(f"{path} has no event {event_id}")
