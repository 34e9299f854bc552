"""`python -m consumer rollback SIGNAL… --to TIME`: what it asks, and what it says."""

from typing import TYPE_CHECKING, Annotated

import typer

from consumer.decode.timestamps import iso8601
from consumer.learning.state import State
from ops.formatting import pluralize
from ops.options import Yes, confirmed, somewhere
from ops.replay.relearning import Relearning
from ops.state.rollback import Done, Then


def plan_of(then: Then, foreseen: Done | None, relearning: Relearning | None) -> str:
    """What is going to be done; `foreseen` is None where it is so already."""
    name = then.place.key.signal
    version = f"{iso8601(then.version.written_s)} (version {then.version.version_id})"
    if foreseen is None:
        return f"{name}: it is already as it was at {version}"
    lines = [
        f"{name}: as it was at {version}, of "
        f"{pluralize(then.state.learned, 'observation')}; now it is of {then.place.state.learned:,}"
    ]
    between = left_out(then.state, then.place.state)
    if relearning is not None:
        lines.append(
            f"  what came since is learned again, {relearning.observations:,} observations of it so far:"
        )
    elif between:
        lines.append("  what came since is not part of it, and is not learned again:")
    return "\n".join([*lines, *(f"    {line}" for line in between)])


def outcome_of(then: Then, done: Done, relearning: Relearning | None) -> str:
    """What was done."""
    name, before, after = then.place.key.signal, done.before.learned, done.after.learned
    if relearning is None:
        between = "; ".join(left_out(then.state, done.before)) or "nothing"
        return f"{name}: put back, {before:,} observations before, {after:,} now. Not part of it: {between}"
    refused = f", {relearning.refused:,} refused by the model" if relearning.refused else ""
    return (
        f"{name}: put back, and {relearning.observations:,} observations learned again{refused}: "
        f"{before:,} before, {after:,} now"
    )


def left_out(then: State, current: State) -> list[str]:
    """Which arrivals are between the two: a line for each shard."""
    lines = []
    for shard, mark in current.checkpoints.items():
        own = then.checkpoints.get(shard)
        if own == mark:
            continue
        since = "its first record" if own is None else f"after {iso8601(own.arrived_s)}"
        lines.append(f"{shard.stream} {shard.shard_id}: {since}, up to {iso8601(mark.arrived_s)}")
    return lines


if TYPE_CHECKING:
    from consumer.settings.signal_settings import SettingsOfSignals
    from ops.replay.relearning import Relearning
    from ops.state.rollback import Then
    from ops.target import Target, TargetOptions


@somewhere
def rollback(
    named: "TargetOptions",
    signals: Annotated[list[str], typer.Argument(metavar="SIGNAL…", help="Whole names.")],
    to: Annotated[str, typer.Option(metavar="TIME", help="Such as 2026-01-31T12:00:00Z.")],
    relearn: Annotated[
        bool, typer.Option("--relearn", help="Learn again what came since, while the stream holds it.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Put back these signals' models and counters as they were, while data keeps arriving.

    What came since is not part of them, and does not come again: --relearn learns it here, in its order, and
    tells nobody what it finds. Nothing is learned twice.
    """
    import asyncio

    from consumer.pages.codec import PageCodec
    from ops.context import open_pages, settings_of
    from ops.formatting import past, pluralize
    from ops.state.page_versions import ObjectVersions
    from ops.state.rollback import Rollback

    pass
    from ops.target import find

    where = find(named)
    where.check_writable()
    to_s = past(to, "--to")
    versions = ObjectVersions(where.client("s3"), where.model_bucket)

    async def run() -> None:
        settings = settings_of(where)
        rolling = Rollback(settings, await open_pages(where, where.objects()), PageCodec(), versions, to_s)
        planned: list[tuple[Then, Relearning | None]] = []
        for signal in dict.fromkeys(signals):
            for then in await rolling.then(signal):
                relearning = _relearning(where, settings, then) if relearn else None
                foreseen = rolling.foreseen(then, relearning)
                typer.echo(plan_of(then, foreseen, relearning))
                if foreseen is not None:
                    planned.append((then, relearning))
        if not planned:
            typer.echo("There is nothing to do")
            return
        confirmed(
            f"To be put back: {pluralize(len(planned), 'model')} of {where.use_case} in {where.name}. Their "
            "checkpoints stay, so that nothing is learned twice",
            yes,
        )
        for then, relearning in planned:
            typer.echo(outcome_of(then, await rolling.run(then, relearning), relearning))

    asyncio.run(run())


def _relearning(where: "Target", settings: "SettingsOfSignals", then: "Then") -> "Relearning":
    """A state that can learn again all that came since."""
    import time

    from consumer.pages.codec import PageCodec
    from ops.replay.relearning import Relearning
    from ops.replay.retained_records import RetainedRecords

    codec, key = PageCodec(), then.place.key
    own = codec.decode(codec.encode({key: then.state}))[key]
    relearning = Relearning(
        where.use_case,
        settings,
        codec,
        RetainedRecords(where.client("kinesis")),
        key,
        own,
        then.version.written_s,
        time.time(),
    )
    relearning.check_retained(then.place.state.checkpoints)
    return relearning
