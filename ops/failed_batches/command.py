"""`python -m ops failed list|redrive`."""

import asyncio
import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from clients.terminal import echo, printable
from consumer.decode.values import iso8601
from ops.formatting import pluralize
from ops.options import TargetOptions, Yes, check_unchanged, confirmed, with_target

if TYPE_CHECKING:
    from consumer.aws.s3 import Objects
    from ops.failed_batches.batches import FailedBatch
    from ops.target import Target

failed = typer.Typer(
    no_args_is_help=True, help="Batches that Lambda gave up on: list them, learn what still can be."
)


@failed.command("list")
@with_target
def list_(
    options: TargetOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """List the batches, why Lambda gave up on them, and whether they were redriven."""
    from ops.failed_batches.batches import failed_batches
    from ops.target import find

    target = find(options)
    batches = asyncio.run(failed_batches(_bucket(target), target.function_name))
    for batch in batches:
        echo(_as_json(batch) if as_json else _in_full(batch))
    if not as_json:
        redriven = sum(batch.mark is not None for batch in batches)
        echo(f"{pluralize(len(batches), 'batch')} given up, {redriven:,} redriven")


@failed.command()
@with_target
def redrive(
    options: TargetOptions,
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY…]", help="Default: all.")] = None,
    yes: Yes = False,
) -> None:
    """Learn what can still be learned in order from these batches.

    Only what is after its signal's checkpoint can be learned. How much that is
    is shown before you confirm.
    """
    from ops.target import find

    target = find(options)
    target.check_writable()
    asyncio.run(_redrive(target, keys, yes))


async def _redrive(target: "Target", keys: list[str] | None, yes: bool) -> None:
    from ops.context import open_pages_or_new, settings_to_read
    from ops.failed_batches import learning
    from ops.failed_batches.batches import RedriveMark, failed_batches, mark
    from ops.state.other_models import check_in_use

    bucket, objects, settings = _bucket(target), target.objects(), settings_to_read(target)
    found = await failed_batches(bucket, target.function_name, keys)
    batches = [batch for batch in found if batch.mark is None]
    if len(found) > len(batches):
        echo(f"Skipped, redriven before: {pluralize(len(found) - len(batches), 'batch')}")
    if not batches:
        echo("There is nothing to redrive")
        return
    editor, use_case = await open_pages_or_new(target, objects, settings), settings.use_case
    learner = learning.learner_of(target, settings, objects, editor)
    total = learning.Learnable(0, 0, 0)
    for batch in batches:
        event, too_large = learning.deliverable(batch.event(), learner)
        learnable = await learning.learnable(event, use_case, editor)
        echo(f"{_in_full(batch)}\n  {learnable.text()}{_left_out(too_large)}")
        total += learnable
    confirmed(
        f"Deliver {pluralize(len(batches), 'batch')} of {target.use_case} in {target.name} again, unchanged. "
        f"Of their observations, {total.text()}",
        yes,
    )
    again = await failed_batches(bucket, target.function_name, keys)
    left = {batch.key for batch in again if batch.mark is None}
    check_unchanged(True, all(batch.key in left for batch in batches), "which batches are to be redriven")
    await check_in_use(target, objects)
    editor = await open_pages_or_new(target, objects, settings)
    for batch in batches:
        event, too_large = learning.deliverable(batch.event(), learner)
        done = await learning.redrive(event, use_case, editor, learner)
        at = iso8601(time.time()) or ""
        await mark(bucket, batch, RedriveMark(at, done.after, done.before, too_large))
        echo(f"{batch.key}: redriven; {done.text('were')}{_left_out(too_large)}")


def _bucket(target: "Target") -> "Objects":
    """The bucket of failed batches."""
    from consumer.errors import ConfigurationError

    if target.failed_bucket is None:
        raise ConfigurationError("name the bucket of failed batches: --failed-bucket NAME with --bucket")
    return target.bucket(target.failed_bucket)


def _in_full(batch: "FailedBatch") -> str:
    info, request = batch.stored.info, batch.stored.request_context
    redriven = ""
    if batch.mark is not None:
        redriven = f"\n  redriven at {batch.mark.redriven_at}{_left_out(batch.mark.too_large)}"
    return (
        f"{printable(batch.key)}\n"
        f"  {printable(request.condition)} at {batch.stored.timestamp}: "
        f"{pluralize(info.batch_size, 'record')} "
        f"of {info.shard_id}, {info.start_sequence_number} to {info.end_sequence_number}, arrived "
        f"{info.approximate_arrival_of_first_record} to {info.approximate_arrival_of_last_record}{redriven}"
    )


def _left_out(records: int) -> str:
    """What is said of records that are too large."""
    if not records:
        return ""
    return f"; {pluralize(records, 'record')} too large for an invocation, not learned and kept in it"


def _as_json(batch: "FailedBatch") -> str:
    info, request = batch.stored.info, batch.stored.request_context
    return json.dumps(
        {
            "key": batch.key,
            "condition": request.condition,
            "function": request.function_arn,
            "given_up_at": batch.stored.timestamp,
            "stream": info.stream_arn,
            "shard_id": info.shard_id,
            "records": info.batch_size,
            "first_sequence_number": info.start_sequence_number,
            "last_sequence_number": info.end_sequence_number,
            "first_arrived": info.approximate_arrival_of_first_record,
            "last_arrived": info.approximate_arrival_of_last_record,
            "redriven_at": None if batch.mark is None else batch.mark.redriven_at,
        }
    )
