"""`python -m ops inspect`: one model in full."""

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.terminal import echo
from ops.options import TargetOptions, with_target

if TYPE_CHECKING:
    from consumer.settings.signal_settings import SignalSettings
    from ops.state.pages import Place
    from ops.target import Target

_EVENTS_SHOWN = 5
_CHANGES_SHOWN = 5


@with_target
def inspect(
    options: TargetOptions,
    signal: Annotated[str, typer.Argument(help="Its full name.")],
    predict: Annotated[
        str | None,
        typer.Option(metavar="VALUE", help="Try a value on a copy of the model: 42, or speed=104,flow=3."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show one model in full: what it has learned and expects, its checkpoints, page and last events."""
    import yaml
    from msgspec.json import encode

    from ops.context import settings_of
    from ops.state.pages import find_signal
    from ops.state.prediction import predicted
    from ops.state.signal_summary import open_alerts
    from ops.target import find

    target, now_s = find(options), time.time()
    place = asyncio.run(find_signal(target, signal))
    settings = settings_of(target).of(signal)
    if predict is None:
        report = _in_full(target, place, settings, now_s)
    else:
        report = {
            "signal": signal,
            "use_case": target.use_case,
            "open": open_alerts(settings.use_case, place.state),
        }
        target.check_same_code()
        report |= predicted(settings, place.state, predict, now_s)
        report["written"] = "nothing: the model is as it was"
    if as_json:
        echo(encode(report).decode())
    else:
        echo(yaml.safe_dump(report, sort_keys=False, allow_unicode=True, width=100), nl=False)


def _in_full(target: "Target", place: "Place", settings: "SignalSettings", now_s: float) -> dict[str, Any]:
    from consumer.decode.values import iso8601
    from ops.state.describe import parameters, plain
    from ops.state.signal_summary import open_alerts

    page, key, state = place.page, place.key, place.state
    is_current = state.parameters == settings.parameters
    return {
        "signal": key.signal,
        "record_signal": key.record_signal,
        "use_case": target.use_case,
        "observations": state.learned,
        "skipped": state.skipped,
        "muted_until": _muted_until(target, key.signal, settings, now_s),
        "paused_until": None if settings.pauses is None else iso8601(settings.pauses.until(now_s)),
        "mode": _mode(place, settings),
        "open": open_alerts(settings.use_case, state),
        "parameters": parameters(settings.use_case)
        if is_current
        else "not those of signals.yaml and use_cases.py here",
        "believes": plain(state.model),
        "sensor": plain(state.health),
        "checkpoints": [
            {
                "stream": shard.stream,
                "shard": shard.shard_id,
                "sequence_number": str(checkpoint.sequence_number),
                "arrived_at": iso8601(checkpoint.arrived_s),
            }
            for shard, checkpoint in state.checkpoints.items()
        ],
        "page": {"key": page.key, "signals": len(page.states), "e_tag": page.e_tag} | _version(target, place),
        "last_events": _events(target, key.signal, now_s),
    }


def _mode(place: "Place", settings: "SignalSettings") -> dict[str, Any] | None:
    """The mode of its machine, by the signal that tells it; None where it has none, and tells none."""
    from consumer.decode.values import iso8601
    from consumer.detectors.modes.by_mode import ModesState
    from consumer.learning.mode_tracks import timeline_of

    rule, model = settings.mode, place.state.model
    if settings.use_case.learns_assets:
        timeline = model.timeline if isinstance(model, ModesState) else None
    else:
        telling = place.key if rule is None else rule.signal_of(place.key)
        timeline = timeline_of(place.page.states.get(telling))
    if timeline is None:
        return None if rule is None else {"by": rule.by, "now": "not known: nothing of it is learned"}
    changes = [{"since": iso8601(since_s), "mode": mode} for since_s, _, mode in timeline.changes]
    shown: dict[str, Any] = {} if rule is None else {"by": rule.by}
    shown |= {"now": changes[-1]["mode"] if changes else None, "last_changes": changes[-_CHANGES_SHOWN:]}
    if isinstance(model, ModesState):
        shown["learned"] = {f"{mode:.6g}": count for mode, count in model.learned.items()}
        shown["forgotten"] = model.forgotten
    return shown


def _muted_until(target: "Target", signal: str, settings: "SignalSettings", now_s: float) -> str | None:
    """The time until which it is muted, or why that is not known."""
    from consumer.errors import ConfigurationError
    from consumer.events.mutes import MuteIndex
    from ops.context import settings_of
    from ops.state.mutes_file import read_mutes
    from ops.state.signal_summary import muted_until

    try:
        read = () if settings.is_muted else asyncio.run(read_mutes(target.objects()))
    except ConfigurationError as error:
        return str(error)
    of_plant = settings_of(target) if any(each.has_conditions for each in read) else None
    mutes = MuteIndex((each for each in read if each.is_on(now_s)), of_plant)
    return muted_until(target.use_case, signal, settings, mutes, now_s)


def _version(target: "Target", place: "Place") -> dict[str, Any]:
    """The version of the page's object, and when it was written."""
    from consumer.decode.values import iso8601
    from consumer.errors import ConsumerError
    from ops.target import aws_answers

    page = place.page
    if target.folder is not None:
        return {"last_modified": iso8601((target.folder / page.key).stat().st_mtime)}
    client = target.client("s3")
    try:
        with aws_answers(f"HEAD {page.key}"):
            head = client.head_object(Bucket=target.model_bucket, Key=page.key)
    except ConsumerError as error:
        return {"version": str(error)}
    if head["ETag"] != page.e_tag:
        return {"version": "it was written again meanwhile"}
    modified: datetime = head["LastModified"]
    return {"version": head.get("VersionId"), "last_modified": iso8601(modified.astimezone(UTC).timestamp())}


def _events(target: "Target", signal: str, now_s: float) -> Any:
    """Its last events, or why they are not known."""
    from consumer.errors import ConsumerError
    from ops.replay.published_events import last_events

    try:
        return last_events(target, signal, now_s, _EVENTS_SHOWN) or "none in the past week"
    except ConsumerError as error:
        return str(error)
