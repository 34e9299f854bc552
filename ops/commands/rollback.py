"""`python -m ops rollback SIGNAL… --to TIME`: what it asks, and what it reports."""

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from clients.terminal import echo, printable
from ops.formatting import past, pluralize
from ops.options import TargetOptions, Yes, confirmed, with_target

if TYPE_CHECKING:
    from consumer.learning.state import State
    from consumer.settings.signal_settings import SettingsOfSignals
    from ops.quarantine.left_out import QuarantinedObservations
    from ops.state.rollback import CatchUp, Then
    from ops.target import Target


@with_target
def rollback(
    options: TargetOptions,
    signals: Annotated[list[str], typer.Argument(metavar="SIGNAL…", help="Full names.")],
    to: Annotated[str, typer.Option(metavar="TIME", help="Such as 2026-01-31T12:00:00Z.")],
    relearn: Annotated[
        bool, typer.Option("--relearn", help="Learn what came since again, while the stream holds it.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Put these signals' models and counters back as they were at a time, while data keeps arriving.

    What came since is lost to them and does not come again, unless --relearn
    learns it here, in order and without publishing what it finds. Nothing is
    learned twice.
    """
    from ops.target import find

    target = find(options)
    target.check_writable()
    asyncio.run(_rollback(target, signals, past(to, "--to"), relearn, yes))


async def _rollback(target: "Target", signals: list[str], to_s: float, relearn: bool, yes: bool) -> None:
    from consumer.pages.codec import PageCodec
    from ops.context import open_pages, settings_of, settings_to_read
    from ops.state.page_versions import ObjectVersions
    from ops.state.rollback import Rollback

    settings = settings_to_read(target) if relearn else settings_of(target)
    versions = ObjectVersions(target.client("s3"), target.model_bucket)
    pages, open_quarantine = await open_pages(target, target.objects()), partial(_quarantine, target)
    settings.placement = pages.layout.assets
    rolling = Rollback(settings, pages, PageCodec(), versions, to_s, open_quarantine)
    planned: list[tuple[Then, CatchUp | None]] = []
    for signal in dict.fromkeys(signals):
        for then in await rolling.then(signal):
            catch_up = _catch_up(target, settings, then) if relearn else None
            if rolling.would_change(then, catch_up):
                echo(_plan_of(then, catch_up))
                planned.append((then, catch_up))
            else:
                echo(f"{signal}: it is already as it was at {_version_of(then)}")
    if not planned:
        echo("There is nothing to do")
        return
    confirmed(
        f"Roll back {pluralize(len(planned), 'model')} of {target.use_case} in {target.name}. Checkpoints "
        "stay as they are, so that nothing is learned twice",
        yes,
    )
    for then, catch_up in planned:
        echo(_outcome_of(then, *await rolling.run(then, catch_up), catch_up))


def _quarantine(target: "Target") -> "QuarantinedObservations":
    from ops.quarantine.left_out import QuarantinedObservations

    return QuarantinedObservations(target.objects(), target.use_case)


def _catch_up(target: "Target", settings: "SettingsOfSignals", then: "Then") -> "CatchUp":
    """Prepare a copy of the earlier state to learn all that came since."""
    from consumer.pages.codec import PageCodec
    from ops.replay.offline_learner import OfflineLearner
    from ops.replay.stream_reader import StreamReader
    from ops.state.rollback import CatchUp

    codec, key = PageCodec(), then.place.key
    learner = OfflineLearner(target.use_case, settings, only=key, quarantined=_quarantine(target))
    learner.add(key, codec.decode(codec.encode({key: then.state}))[key])
    stream = StreamReader(target.client("kinesis"))
    catch_up = CatchUp(learner, stream, key, then.version.written_s, time.time())
    catch_up.check_retained(then.place.state.checkpoints)
    return catch_up


def _version_of(then: "Then") -> str:
    from consumer.decode.values import iso8601

    return f"{iso8601(then.version.written_s)} (version {then.version.version_id})"


def _plan_of(then: "Then", catch_up: "CatchUp | None") -> str:
    lines = [
        f"{printable(then.place.key.signal)}: back to {_version_of(then)}, when it had learned "
        f"{pluralize(then.state.learned, 'observation')}; it has {then.place.state.learned:,} now"
    ]
    between = _left_out(then.state, then.place.state)
    if catch_up is not None:
        lines.append(f"  what came since is learned again, {catch_up.learner.observations:,} so far:")
    elif between:
        lines.append("  what came since is lost to it, and is not learned again:")
    return "\n".join([*lines, *(f"    {line}" for line in between)])


def _outcome_of(then: "Then", was: "State", now: "State", catch_up: "CatchUp | None") -> str:
    name, before, after = printable(then.place.key.signal), was.learned, now.learned
    if catch_up is None:
        between = "; ".join(_left_out(then.state, was)) or "nothing"
        return f"{name}: put back, {before:,} observations before, {after:,} now. Not part of it: {between}"
    rejected = f", {catch_up.rejected:,} rejected by the model" if catch_up.rejected else ""
    left_out = f", {catch_up.learner.left_out:,} left in quarantine" if catch_up.learner.left_out else ""
    return (
        f"{name}: put back, and {catch_up.learner.observations:,} observations learned again"
        f"{rejected}{left_out}: "
        f"{before:,} before, {after:,} now"
    )


def _left_out(then: "State", current: "State") -> list[str]:
    """The arrivals between the two states: a line for each shard."""
    from consumer.decode.values import iso8601

    lines = []
    for shard, last in current.checkpoints.items():
        own = then.checkpoints.get(shard)
        if own != last:
            since = "its first record" if own is None else f"after {iso8601(own.arrived_s)}"
            lines.append(f"{shard.stream} {shard.shard_id}: {since}, up to {iso8601(last.arrived_s)}")
    return lines
