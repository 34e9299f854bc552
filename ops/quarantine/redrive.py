"""`python -m consumer quarantine redrive`: what it looks up, says, asks and does."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import typer

from clients.kinesis_writer.put_request import SEND_ONCE
from consumer.errors import ConfigurationError
from ops.formatting import past, pluralize
from ops.quarantine.entries import kept_of, with_reason
from ops.quarantine.report import read_repaired
from ops.redrive.redrive import InDoubt, ScheduledRecord, plan, send
from ops.redrive.sending import SendingStream
from ops.target import Target, TargetOptions, find

_UNREPAIRED_SHOWN_MAX = 20


async def redrive_lines(
    named: TargetOptions,
    what: Sequence[str],
    reason: str | None,
    since: str | None,
    repaired: Path | None,
    in_doubt: str | None,
    confirm: Callable[[str], None],
) -> None:
    """Find the lines, say what would be sent, ask, and send it.

    Raises: as `plan` and `send`.
    """
    where = find(named)
    where.check_writable()
    stream_name = _stream_of(where)
    in_place = None if repaired is None else read_repaired(repaired)
    since_s = None if since is None else past(since, "--since")
    objects = where.objects()
    names = what or (list(in_place) if in_place else [])
    kept = with_reason(await kept_of(objects, where.use_case, names, since_s), reason)
    lines = [line for each in kept for line in each.lines if in_place is None or line.id in in_place]
    planned = await plan(objects, lines, in_place, _checked(in_doubt))
    _say(planned)
    if not planned.lines and not any(each.is_settled for each in planned.redriven.values()):
        typer.echo("There is nothing to send")
        return
    what_is_sent = f"{pluralize(planned.lines, 'line')}, as {pluralize(planned.records, 'record')}"
    confirm(
        f"To be put onto the stream {stream_name} of {where.name}, in their order: {what_is_sent}. They are "
        "learned after all that came meanwhile, with new sequence numbers, by every use case that reads the "
        "stream: one that had learned them learns them again"
    )
    stream = SendingStream(where.account.client("kinesis", SEND_ONCE), stream_name)
    sent = await send(planned, stream, time.time())
    typer.echo(f"Sent and marked: {pluralize(sent, 'line')}. No later run sends them again")


def _stream_of(where: Target) -> str:
    if where.stream_name is None:
        raise ConfigurationError("say onto which stream: --stream NAME beside --bucket")
    return where.stream_name


def _checked(in_doubt: str | None) -> InDoubt | None:
    for known in get_args(InDoubt):
        if in_doubt == known:
            return known  # type: ignore[no-any-return]  # get_args does not tell
    if in_doubt is None:
        return None
    raise ConfigurationError(f"--in-doubt is {in_doubt!r}; allowed: send, leave")


def _say(planned: ScheduledRecord) -> None:
    if planned.sent_before:
        typer.echo(f"Left alone, for they were redriven before: {pluralize(planned.sent_before, 'line')}")
    for unrepaired in planned.unrepaired[:_UNREPAIRED_SHOWN_MAX]:
        typer.echo(f"not sent, for it would be refused again ({unrepaired.reason}): {unrepaired.line.id}")
    more = len(planned.unrepaired) - _UNREPAIRED_SHOWN_MAX
    if more > 0:
        typer.echo(f"not sent, for they would be refused again: {more:,} more")
    if planned.unrepaired:
        typer.echo("Repair them: `quarantine show --json` writes what `redrive --repaired` reads")
