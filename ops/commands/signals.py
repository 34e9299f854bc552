"""`python -m ops signals`: a line for each signal that has a model."""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from clients.terminal import echo, printable
from ops.options import NAMES, TargetOptions, with_target

if TYPE_CHECKING:
    from consumer.events.mutes import MuteIndex
    from ops.state.signal_summary import SignalSummary
    from ops.target import Target


@with_target
def signals(
    options: TargetOptions,
    pattern: Annotated[str, typer.Argument(help=NAMES)] = "*",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """List the signals with a model: observations, last value, open alerts, mutes."""
    from msgspec.json import encode

    from consumer.errors import ConfigurationError
    from consumer.events.mutes import MuteIndex
    from consumer.settings.patterns import matching
    from ops.context import settings_of
    from ops.state.mutes_file import read_mutes
    from ops.state.pages import NothingLearned, no_such_signal
    from ops.target import find_each

    now_s, targets = time.time(), find_each(options)
    summaries: list[SignalSummary] = []
    problems: list[str] = []
    known: set[str] = set()
    mutes = MuteIndex(())
    try:
        read = asyncio.run(read_mutes(targets[0].objects()))
        settings = None
        if any(each.has_conditions for each in read):
            settings = settings_of(targets[0])
        mutes = MuteIndex((each for each in read if each.is_on(now_s)), settings)
    except ConfigurationError as error:
        problems.append(f"cannot show which signals are muted: {error}")
    for target in targets:
        try:
            of_use_case, unreadable, names = _summaries(target, pattern, mutes, now_s)
        except ConfigurationError as error:
            if len(targets) == 1:
                raise
            problems += [] if isinstance(error, NothingLearned) else [str(error)]
            continue
        summaries += of_use_case
        problems += unreadable
        known |= names
    wanted = matching(pattern, known)
    summaries = [summary for summary in summaries if summary.signal in wanted]
    summaries.sort(key=lambda summary: (summary.signal, summary.use_case))
    if as_json:
        for summary in summaries:
            echo(encode(summary).decode())
    elif summaries:
        _show(summaries)
    for problem in problems:
        echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
    if not known:
        raise NothingLearned(f"nothing was learned yet: {targets[0].name} has no models")
    if not summaries:
        raise ConfigurationError(no_such_signal(targets[0].name, pattern, known))


def _summaries(
    target: "Target", pattern: str, mutes: "MuteIndex", now_s: float
) -> "tuple[list[SignalSummary], list[str], set[str]]":
    """The signals that match, what could not be read, and the names of all signals."""
    from consumer.settings.patterns import matches
    from ops.context import settings_of
    from ops.state.pages import read_pages
    from ops.state.signal_summary import muted_until, summary_of

    read, settings = asyncio.run(read_pages(target)), settings_of(target)
    summaries, names = [], set()
    for place in read.places():
        signal = place.key.signal
        names.add(signal)
        if matches(pattern, signal):
            muted = muted_until(target.use_case, signal, settings.of(signal), mutes, now_s)
            use_case = settings.of(signal).use_case
            summaries.append(summary_of(target.use_case, use_case, signal, place.state, muted, now_s))
    return summaries, read.problems, names


def _show(summaries: "Sequence[SignalSummary]") -> None:
    from rich.table import Table
    from rich.text import Text

    from clients.console import Console
    from ops.formatting import lasted, shown

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("signal", "use case"):
        table.add_column(name, overflow="fold")
    for name in ("observations", "last value", "arrived (UTC)"):
        table.add_column(name, justify="right")
    table.add_column("open")
    for name in ("age", "last drift or alert"):
        table.add_column(name, justify="right")
    table.add_column("muted until")
    have_modes = any(summary.mode is not None for summary in summaries)
    if have_modes:
        table.add_column("mode", justify="right")
    for summary in summaries:
        ago = summary.last_drift_observations_ago
        changed = summary.alert_changed_at
        table.add_row(
            Text(printable(summary.signal)),
            summary.use_case,
            f"{summary.observations:,}",
            "-" if summary.last_value is None else f"{summary.last_value:.6g}",
            _short(summary.last_arrived_at),
            Text(", ".join(summary.open_alerts) or "-", style="red" if summary.open_alerts else ""),
            lasted(summary.age_s),
            f"{ago:,} values ago" if ago is not None else _short(changed)[:16],
            _short(summary.muted_until),
            *(["-" if summary.mode is None else f"{summary.mode:.6g}"] if have_modes else []),
        )
    # In a file there is no width to keep to.
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    echo(f"{len(summaries)} signals at {shown(time.time())} UTC")


def _short(at: str | None) -> str:
    """The time to the second, without its T; "always, by …" as it is."""
    return "-" if at is None else at[:19].replace("T", " ") if at[:1].isdigit() else at
