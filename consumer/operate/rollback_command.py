"""`python -m consumer rollback SIGNAL… --to TIME`: what it asks, and what it says."""

from typing import TYPE_CHECKING, Annotated

import typer

from consumer.operate.options import Yes, confirmed, somewhere

if TYPE_CHECKING:
    from consumer.core.signal_settings import SettingsOfSignals
    from consumer.operate.relearning import Relearning
    from consumer.operate.rollback import Then
    from consumer.operate.where import Named, Where


@somewhere
def rollback(
    named: "Named",
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

    from consumer.edge.page_codec import PageCodec
    from consumer.operate.counted import counted
    from consumer.operate.moments import past
    from consumer.operate.object_versions import ObjectVersions
    from consumer.operate.opened import open_pages, settings_of
    from consumer.operate.rollback import Rollback
    from consumer.operate.rollback_words import outcome_of, plan_of
    from consumer.operate.where import find

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
            f"To be put back: {counted(len(planned), 'model')} of {where.use_case} in {where.name}. Their "
            "watermarks stay, so that nothing is learned twice",
            yes,
        )
        for then, relearning in planned:
            typer.echo(outcome_of(then, await rolling.run(then, relearning), relearning))

    asyncio.run(run())


def _relearning(where: "Where", settings: "SettingsOfSignals", then: "Then") -> "Relearning":
    """A state that can learn again all that came since."""
    import time

    from consumer.edge.page_codec import PageCodec
    from consumer.operate.relearning import Relearning
    from consumer.operate.retained_records import RetainedRecords

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
    relearning.check_retained(then.place.state.watermarks)
    return relearning
