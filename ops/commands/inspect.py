"""`python -m consumer inspect`: one model in full."""

import asyncio
import sys
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import typer
import yaml

from consumer.decode.signal_names import SignalKey
from consumer.decode.timestamps import iso8601
from consumer.errors import ConfigurationError, ConsumerError
from consumer.learning.state import State
from consumer.settings.signal_settings import SignalSettings
from ops.commands.prediction import predicted
from ops.commands.signals import muted_until, open_alerts
from ops.context import settings_of
from ops.replay.published_events import last_events
from ops.state.describe import parameters, plain
from ops.state.mutes_file import read_mutes
from ops.state.pages import ReadPage, find_signal
from ops.target import Target, TargetOptions, aws_answers, find

_EVENTS_SHOWN = 5


def inspect(named: TargetOptions, signal: str, predict: str | None, as_json: bool) -> None:
    """Show a signal's state, and what holds it; or what it would say of a value.

    Raises: `ConfigurationError`, `UnreadablePage`, `Unavailable`.
    """
    where, now_s = find(named), time.time()
    page, key, state = asyncio.run(find_signal(where, signal))
    settings = settings_of(where).of(signal)
    if predict is not None:
        told = {"signal": signal, "use_case": where.use_case, "open": open_alerts(settings.use_case, state)}
        told |= predicted(settings, state, predict, now_s)
        told["written"] = "nothing: the model is as it was"
    else:
        told = _in_full(where, page, key, state, settings, now_s)
    if as_json:
        typer.echo(msgspec.json.encode(told).decode())
    else:
        text = yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100)
        sys.stdout.write(text)


def _in_full(
    where: Target, page: ReadPage, key: SignalKey, state: State, settings: SignalSettings, now_s: float
) -> dict[str, Any]:
    is_current = state.parameters == settings.parameters
    return {
        "signal": key.signal,
        "record_signal": key.record_signal,
        "use_case": where.use_case,
        "observations": state.learned,
        "skipped": state.skipped,
        "muted_until": "always, by signals.yaml" if settings.is_muted else _muted_until(where, key, now_s),
        "open": open_alerts(settings.use_case, state),
        "parameters": parameters(settings.use_case)
        if is_current
        else "others than those of signals.yaml and use_cases.py here",
        "believes": plain(state.model),
        "sensor": plain(state.health),
        "checkpoints": [
            {
                "stream": shard.stream,
                "shard": shard.shard_id,
                "sequence_number": str(mark.sequence_number),
                "arrived_at": iso8601(mark.arrived_s),
            }
            for shard, mark in state.checkpoints.items()
        ],
        "page": {"key": page.key, "signals": len(page.states), "e_tag": page.e_tag} | _version(where, page),
        "last_events": _events(where, key.signal, now_s),
    }


def _muted_until(where: Target, key: SignalKey, now_s: float) -> str | None:
    """Until when, if it is muted; or why that cannot be said."""
    try:
        mutes = asyncio.run(read_mutes(where.objects()))
    except ConfigurationError as error:
        return str(error)
    return muted_until(where.use_case, key.signal, mutes, now_s)


def _version(where: Target, page: ReadPage) -> dict[str, Any]:
    """Which version of the object it is, and when it was written."""
    if where.folder is not None:
        written_s = (where.folder / page.key).stat().st_mtime
        return {"last_modified": iso8601(written_s)}
    client = where.client("s3")
    try:
        with aws_answers(f"HEAD {page.key}"):
            head = client.head_object(Bucket=where.model_bucket, Key=page.key)
    except ConsumerError as error:
        return {"version": str(error)}
    if head["ETag"] != page.e_tag:
        return {"version": "it was written again meanwhile"}
    modified: datetime = head["LastModified"]
    return {"version": head.get("VersionId"), "last_modified": iso8601(modified.astimezone(UTC).timestamp())}


def _events(where: Target, signal: str, now_s: float) -> Any:
    """What was told of it, or why that cannot be said."""
    try:
        events = last_events(where, signal, now_s, _EVENTS_SHOWN)
    except ConsumerError as error:
        return str(error)
    return events or "none in the past week"
