"""`python -m consumer reset SIGNAL…`: what it asks, and what it says."""

from typing import TYPE_CHECKING, Annotated

import typer

from consumer.operate.options import Yes, confirmed, somewhere

if TYPE_CHECKING:
    from consumer.operate.where import Named


@somewhere
def reset(
    named: "Named",
    signals: Annotated[list[str], typer.Argument(metavar="SIGNAL…", help="Whole names.")],
    yes: Yes = False,
) -> None:
    """Start the models of these signals anew, while data keeps arriving.

    Nothing is learned twice or skipped: the next observation is the first that the new model learns. A signal
    that has learned nothing since it was reset is left as it is.
    """
    import asyncio

    from consumer.operate.counted import counted
    from consumer.operate.opened import open_pages, settings_of
    from consumer.operate.reset import Reset
    from consumer.operate.where import find

    where = find(named)
    where.check_writable()
    settings = settings_of(where)

    async def run() -> None:
        resetting = Reset(where.use_case, settings, await open_pages(where, where.objects()))
        places = []
        for place in await resetting.places(signals):
            if resetting.is_fresh(place.key, place.state):
                typer.echo(f"{place.key.signal}: it is fresh already")
            else:
                typer.echo(
                    f"{place.key.signal}: it has a model of {counted(place.state.learned, 'observation')}"
                )
                places.append(place)
        if not places:
            typer.echo("There is nothing to do")
            return
        models = counted(len(places), "model")
        confirmed(
            f"To start anew: {models} of {where.use_case} in {where.name}. Alerts that these have open are "
            "not told as cleared. `rollback` takes it back while the bucket keeps the old version",
            yes,
        )
        for key, forgotten in (await resetting.run(places)).items():
            done = (
                "it was fresh already"
                if forgotten is None
                else f"it starts anew; {counted(forgotten, 'observation')} forgotten"
            )
            typer.echo(f"{key.signal}: {done}")

    asyncio.run(run())
