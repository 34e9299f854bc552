"""`python -m consumer failed list|redrive`."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import Yes, confirmed, somewhere

if TYPE_CHECKING:
    from consumer.aws.s3 import Objects
    from ops.target import Target, TargetOptions

failed = typer.Typer(no_args_is_help=True, help="Batches that were given up: look, learn what still can be.")


@failed.command("list")
@somewhere
def list_(
    named: "TargetOptions",
    json: Annotated[bool, typer.Option("--json", help="A line of JSON for each.")] = False,
) -> None:
    """The batches that were given up, why, and whether they were redriven."""
    import asyncio

    from ops.failed_batches.batches import failed_batches
    from ops.failed_batches.report import as_json, shown
    from ops.formatting import pluralize
    from ops.target import find

    where = find(named)
    batches = asyncio.run(failed_batches(_bucket(where), where.function_name))
    for batch in batches:
        typer.echo(as_json(batch) if json else shown(batch))
    if not json:
        redriven = sum(batch.mark is not None for batch in batches)
        typer.echo(f"{pluralize(len(batches), 'batch')} given up, {redriven:,} redriven")


@failed.command()
@somewhere
def redrive(
    named: "TargetOptions",
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY…]", help="Else all.")] = None,
    yes: Yes = False,
) -> None:
    """Have batches that were given up learned after all, as far as that is possible in their order.

    Only what lies above its signal's checkpoint can be learned: how much that is, is said before.
    """
    import asyncio

    from ops.context import open_pages, settings_of
    from ops.failed_batches.batches import FailedBatch, Mark, failed_batches, mark
    from ops.failed_batches.redrive import Learnable, learnable
    from ops.failed_batches.redrive import redrive as redrive_batch
    from ops.failed_batches.report import now, shown
    from ops.formatting import pluralize
    from ops.redrive.learners import learner_of
    from ops.target import find

    where = find(named)
    where.check_writable()

    async def run() -> None:
        stored, objects, settings = _bucket(where), where.objects(), settings_of(where)
        found = await failed_batches(stored, where.function_name, keys)
        batches: list[FailedBatch] = [batch for batch in found if batch.mark is None]
        if len(found) > len(batches):
            before = pluralize(len(found) - len(batches), "batch")
            typer.echo(f"Left alone, for they were redriven before: {before}")
        if not batches:
            typer.echo("There is nothing to redrive")
            return
        changing, use_case = await open_pages(where, objects), settings.use_case
        total = Learnable(0, 0, 0)
        for batch in batches:
            of_batch = await learnable(batch.event(), use_case, changing)
            typer.echo(f"{shown(batch)}\n  {of_batch.text()}")
            total += of_batch
        confirmed(
            f"To be delivered again, as they were: {pluralize(len(batches), 'batch')} of {where.use_case} in "
            f"{where.name}. Of their observations, {total.text()}",
            yes,
        )
        learner = learner_of(where, settings, objects, changing)
        for batch in batches:
            done = await redrive_batch(batch.event(), use_case, changing, learner)
            await mark(stored, batch, Mark(now(), done.above, done.below))
            typer.echo(f"{batch.key}: redriven; {done.text(was=True)}")

    asyncio.run(run())


def _bucket(where: "Target") -> "Objects":
    """The bucket of failed batches."""
    from consumer.aws.s3 import open_bucket
    from consumer.errors import ConfigurationError

    if where.failed_bucket is None:
        raise ConfigurationError("say where batches are that failed: --failed-bucket NAME beside --bucket")
    return open_bucket(where.failed_bucket, where.region, where.endpoint, where.account.session())
