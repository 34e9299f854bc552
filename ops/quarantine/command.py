"""`python -m ops quarantine list|show|redrive`."""

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.terminal import echo, printable
from consumer.decode.values import iso8601
from ops.formatting import past, pluralize
from ops.options import TargetOptions, Yes, check_unchanged, confirmed, with_target

if TYPE_CHECKING:
    from consumer.aws.s3 import Objects
    from consumer.decode.records import Shard
    from consumer.settings.signal_settings import SettingsOfSignals
    from ops.quarantine.lines import QuarantinedLine, QuarantineObject
    from ops.redrive.learned_since import Judged, LearnedSince
    from ops.redrive.redrive import RedrivePlan
    from ops.target import Target

quarantine = typer.Typer(
    no_args_is_help=True, help="What could not be learned: list it, show it, send it again."
)

_UNREPAIRED_SHOWN_MAX = 20
Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Only lines with this text in the reason.")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Only what was written since then.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]


@quarantine.command("list")
@with_target
def list_(
    options: TargetOptions, reason: Reason = None, since: Since = None, as_json: AsJson = False
) -> None:
    """Count the lines by object and reason, and show when their records arrived."""
    from ops.quarantine.lines import find_lines
    from ops.redrive.ledger import redriven_ids
    from ops.target import find

    target = find(options)
    since_s = None if since is None else past(since, "--since")

    async def run() -> None:
        store = target.objects()
        found = await find_lines(store, target.use_case, [], reason, since_s)
        redriven_before = await redriven_ids(
            store, (stored.first.shard for each in found for stored in each.stored)
        )
        counts = list(_counts(found, redriven_before))
        for text in map(json.dumps, counts) if as_json else _table(counts):
            echo(text)
        if not as_json:
            lines, redriven = (sum(row[name] for row in counts) for name in ("lines", "redriven"))
            echo(f"{pluralize(lines, 'line')} in the quarantine of {target.use_case}, {redriven:,} redriven")

    asyncio.run(run())


@quarantine.command()
@with_target
def show(
    options: TargetOptions,
    what: Annotated[list[str], typer.Argument(metavar="ID|KEY…", help="Ids of lines, or keys of objects.")],
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Show lines in full: why they were rejected, and the original record.

    To repair lines, edit the field `payload` of the --json output, and pass it
    to `redrive --repaired`.
    """
    from ops.quarantine.lines import find_lines
    from ops.quarantine.repaired import line_to_repair
    from ops.redrive.ledger import redriven_ids
    from ops.target import find

    target = find(options)

    async def run() -> None:
        store = target.objects()
        found = await find_lines(store, target.use_case, what, reason)
        stored = [line for each in found for line in each.stored]
        redriven = await redriven_ids(store, (line.first.shard for line in stored))
        for of_record in stored:
            # Once: a record of some bytes may be that of ten thousand lines.
            original: str | None = of_record.first.text()
            for line in of_record.each():
                is_redriven = line.id in redriven
                if as_json:
                    echo(line_to_repair(line, is_redriven, original))
                else:
                    echo(_in_full(line, is_redriven, "as above" if original is None else original))
                original = None

    asyncio.run(run())


@quarantine.command()
@with_target
def redrive(
    options: TargetOptions,
    what: Annotated[
        list[str] | None, typer.Argument(metavar="[ID|KEY…]", help="Lines or objects; default: all.")
    ] = None,
    reason: Reason = None,
    since: Since = None,
    repaired: Annotated[
        Path | None, typer.Option(metavar="FILE.ndjson", help="Send these instead of the originals.")
    ] = None,
    in_doubt: Annotated[
        str | None, typer.Option(metavar="send|leave", help="What to do with lines that may have been sent.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Put what was rejected onto the stream again, in order and once.

    If other observations of a record were learned, only the rejected ones are
    sent. What would be rejected again is listed and not sent.
    """
    from clients.kinesis_writer.put_request import SEND_ONCE
    from consumer.errors import ConfigurationError
    from ops.context import settings_to_read
    from ops.quarantine.lines import find_lines
    from ops.quarantine.repaired import read_repaired
    from ops.redrive.learned_since import Judged
    from ops.redrive.redrive import SendingStream, plan, send
    from ops.target import find

    target = find(options)
    target.check_writable()
    since_s = None if since is None else past(since, "--since")
    if target.stream_name is None:
        raise ConfigurationError("name the stream to send to: --stream NAME with --bucket")
    if in_doubt not in (None, "send", "leave"):
        raise ConfigurationError(f"--in-doubt is {in_doubt!r}; allowed: send, leave")
    replacements = None if repaired is None else read_repaired(repaired)
    names = what or list(replacements or ())
    stream = SendingStream(target.account.client("kinesis", SEND_ONCE), target.stream_name)

    settings = settings_to_read(target)

    async def run() -> None:
        store = target.objects()

        async def look() -> "tuple[RedrivePlan, Judged, LearnedSince | None]":
            found = await find_lines(store, target.use_case, names, reason, since_s)
            lines = [line for each in found for line in each.lines]
            if replacements is not None:
                lines = [line for line in lines if line.id in replacements]
            planned = await plan(store, lines, replacements, in_doubt, settings.times)
            models = await _models_of(target, store, settings)
            judged = Judged() if models is None else await models.judge(planned.to_send())
            left = judged.not_to_send(with_doubt=in_doubt != "send")
            lines = [line for line in lines if line.id not in left]
            return await plan(store, lines, replacements, in_doubt, settings.times), judged, models

        planned, judged, _ = await look()
        _show_skipped(planned)
        _show_judged(judged, in_doubt)
        if planned.is_empty:
            echo("There is nothing to send")
            return
        confirmed(
            f"Put {pluralize(planned.lines, 'line')}, as {pluralize(planned.records, 'record')}, onto the "
            f"stream {stream.stream_name} of {target.name}, in order. They get new sequence numbers, and are "
            "learned after all that arrived meanwhile, by every use case that reads the stream, even if it "
            "has learned them already",
            yes,
        )
        shown = planned
        planned, judged, models = await look()
        check_unchanged(shown.ids(), planned.ids(), "the lines to send")
        if models is not None:
            await models.pass_over(judged.ahead_of(planned.ids()))
        sent = await send(planned, stream, time.time())
        echo(f"Sent and marked: {pluralize(sent, 'line')}. No later run sends them again")

    asyncio.run(run())


async def _models_of(
    target: "Target", objects: "Objects", settings: "SettingsOfSignals"
) -> "LearnedSince | None":
    """The models that may have learned lines since; None: there are none yet."""
    from ops.context import editor_of
    from ops.failed_batches.batches import given_up_since
    from ops.quarantine.left_out import QuarantinedObservations
    from ops.redrive.learned_since import LearnedSince
    from ops.replay.stream_reader import StreamReader
    from ops.state.other_models import check_in_use, may_have_started_anew
    from ops.state.page_versions import ObjectVersions
    from ops.state.pages import NothingLearned, layout_of

    try:
        layout = await layout_of(target, objects)
    except NothingLearned:
        return None
    await check_in_use(target, objects)
    settings.placement = layout.assets
    stream = StreamReader(target.client("kinesis"))
    retained_since_s = stream.retained_since_s(target.stream_name or "", time.time())

    async def given_up(shard_ids: set[str]) -> "list[tuple[Shard, int, int]]":
        if target.failed_bucket is None:
            return []
        failed = target.bucket(target.failed_bucket)
        return await given_up_since(failed, target.function_name, shard_ids, retained_since_s)

    return LearnedSince(
        settings,
        editor_of(objects, layout),
        ObjectVersions(target.client("s3"), target.model_bucket),
        stream,
        QuarantinedObservations(objects, target.use_case),
        given_up,
        await may_have_started_anew(target, objects, retained_since_s),
    )


def _show_judged(judged: "Judged", in_doubt: str | None) -> None:
    if judged.learned:
        echo(
            f"Skipped, learned since, when their batches were delivered again: "
            f"{pluralize(len(judged.learned), 'line')}"
        )
    if judged.in_doubt and in_doubt != "send":
        echo(
            f"Not sent: {pluralize(len(judged.in_doubt), 'line')}. Their batches may have been learned since "
            "or may still be delivered, nobody can tell: use `--in-doubt send` to send them all the same"
        )
    for reason, lines in Counter(judged.unreadable.values()).items():
        echo(f"Not sent, they would be rejected again ({reason}): {pluralize(lines, 'line')}")


def _show_skipped(planned: "RedrivePlan") -> None:
    if planned.sent_before:
        echo(f"Skipped, redriven before: {pluralize(planned.sent_before, 'line')}")
    for unrepaired in planned.unrepaired[:_UNREPAIRED_SHOWN_MAX]:
        echo(f"Not sent, it would be rejected again ({unrepaired.reason}): {unrepaired.line.id}")
    more = len(planned.unrepaired) - _UNREPAIRED_SHOWN_MAX
    if more > 0:
        echo(f"Not sent, they would be rejected again: {more:,} more")
    if planned.unrepaired:
        echo("Repair them: edit the output of `quarantine show --json` for `redrive --repaired`")


def _counts(found: "Iterable[QuarantineObject]", redriven: set[str]) -> Iterator[dict[str, Any]]:
    """For each object and reason: the lines, how many of them are redriven, when their records arrived."""
    for each in found:
        lines: Counter[str] = Counter()
        sent: Counter[str] = Counter()
        arrivals: defaultdict[str, list[float]] = defaultdict(list)
        for stored in each.stored:
            for of_reason in stored.rejected:
                lines[of_reason.reason] += len(of_reason.positions)
                if stored.first.arrived_s is not None:
                    arrivals[of_reason.reason].append(stored.first.arrived_s)
            if redriven:
                sent.update(line.reason for line in stored.each() if line.id in redriven)
        for reason, count in lines.items():
            yield {
                "key": each.key,
                "reason": reason,
                "lines": count,
                "redriven": sent[reason],
                "first_arrived": iso8601(min(arrivals[reason], default=None)),
                "last_arrived": iso8601(max(arrivals[reason], default=None)),
            }


def _table(counts: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The key of each object, and below it a line for each reason."""
    key = None
    for row in counts:
        if row["key"] != key:
            key = row["key"]
            yield printable(key)
        redriven = f", {row['redriven']:,} redriven" if row["redriven"] else ""
        arrived = f"arrived {row['first_arrived']}"
        if row["last_arrived"] != row["first_arrived"]:
            arrived += f" to {row['last_arrived']}"
        yield f"  {pluralize(row['lines'], 'line')}{redriven}, {arrived}: {printable(row['reason'])}"


def _in_full(line: "QuarantinedLine", is_redriven: bool, original: str) -> str:
    what = "the whole record" if line.is_whole else f"observation {line.position} of the record"
    signal = "" if line.signal is None else f", signal {printable(line.signal)}"
    return (
        f"{printable(line.id)}{' (redriven)' if is_redriven else ''}\n"
        f"  reason:   {printable(line.reason)}\n"
        f"  rejected: {what}{signal}\n"
        f"  arrived:  {iso8601(line.arrived_s)}, with the partition key {printable(line.partition_key)}\n"
        f"  original: {original}"
    )
