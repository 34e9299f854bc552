"""`python -m consumer quarantine list|show|redrive`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import Yes, confirmed, somewhere

if TYPE_CHECKING:
    from ops.target import TargetOptions

quarantine = typer.Typer(no_args_is_help=True, help="What could not be learned: look, repair, send again.")

Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Only lines whose reason has this in it.")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Only what was written since then.")]
AsJson = Annotated[bool, typer.Option("--json", help="A line of JSON for each.")]


@quarantine.command("list")
@somewhere
def list_(named: "TargetOptions", reason: Reason = None, since: Since = None, json: AsJson = False) -> None:
    """How many lines are kept, by object and reason, and when their records arrived."""
    import asyncio
    from json import dumps

    from ops.formatting import past, pluralize
    from ops.quarantine.entries import kept_of, with_reason
    from ops.quarantine.report import listed, sent_of, table
    from ops.target import find

    where = find(named)
    since_s = None if since is None else past(since, "--since")

    async def run() -> None:
        objects = where.objects()
        kept = with_reason(await kept_of(objects, where.use_case, [], since_s), reason)
        rows = list(listed(kept, await sent_of(objects, kept)))
        for text in map(dumps, rows) if json else table(rows):
            typer.echo(text)
        if not json:
            lines, sent = (sum(row[name] for row in rows) for name in ("lines", "redriven"))
            typer.echo(f"{pluralize(lines, 'line')} in the quarantine of {where.use_case}, {sent:,} redriven")

    asyncio.run(run())


@quarantine.command()
@somewhere
def show(
    named: "TargetOptions",
    what: Annotated[list[str], typer.Argument(metavar="ID|KEY…", help="Of lines, or of whole objects.")],
    reason: Reason = None,
    json: AsJson = False,
) -> None:
    """Lines in full: why they were refused, and the original record.

    With --json they can be repaired, in the field `payload`, and given to `redrive --repaired`.
    """
    import asyncio

    from ops.quarantine.entries import kept_of, with_reason
    from ops.quarantine.report import as_json, sent_of, shown
    from ops.target import find

    where = find(named)

    async def run() -> None:
        objects = where.objects()
        kept = with_reason(await kept_of(objects, where.use_case, what), reason)
        sent = await sent_of(objects, kept)
        for line in (line for each in kept for line in each.lines):
            is_sent = line.id in sent
            typer.echo(as_json(line, is_sent) if json else "\n".join(shown(line, is_sent)))

    asyncio.run(run())


@quarantine.command()
@somewhere
def redrive(
    named: "TargetOptions",
    what: Annotated[
        list[str] | None, typer.Argument(metavar="[ID|KEY…]", help="Of lines or objects; else all.")
    ] = None,
    reason: Reason = None,
    since: Since = None,
    repaired: Annotated[
        Path | None, typer.Option(metavar="FILE.ndjson", help="Send these in place of the originals.")
    ] = None,
    in_doubt: Annotated[
        str | None, typer.Option(metavar="send|leave", help="What to do with what may be sent already.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Put what was refused onto the stream again, in its order and once.

    Of a record of which other observations were learned, only those that were refused are sent. What would be
    refused again is not sent, and said.
    """
    import asyncio

    from ops.quarantine.redrive import redrive_lines

    asyncio.run(
        redrive_lines(named, what or [], reason, since, repaired, in_doubt, lambda text: confirmed(text, yes))
    )
