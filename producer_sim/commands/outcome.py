"""What the terminal shows of a run: progress while it sends, then tables, a verdict and the report."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from clients.console import Console
from clients.kinesis_writer.sending import Sending
from producer_sim.commands.options import INTERRUPTED
from producer_sim.report.report import write_report
from producer_sim.report.summary import read_outcome
from producer_sim.report.verdict import verdict
from producer_sim.run_folder import RunFolder, RunSummary


@contextmanager
def sending_progress(console: Console, observations: int) -> Iterator[Callable[[int, Sending], None]]:
    """Show bars of the observations due and sent; call what it yields with both to move them."""
    columns = (TextColumn("{task.description:<8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=console) as progress:
        due_task = progress.add_task("due", total=observations, note="")
        sent_task = progress.add_task("sent", total=observations, note="")

        def show(due: int, sending: Sending) -> None:
            refused = f", {sending.refused:,} refused" if sending.refused else ""
            progress.update(due_task, completed=due)
            progress.update(sent_task, completed=sending.observations, note=f"{sending.rate:,.0f}/s{refused}")

        yield show


def print_run(console: Console, summary: RunSummary, sending: Sending, folder: Path) -> None:
    """Print what was sent, what became of it, and what each shard received."""
    title = "Sent until Ctrl-C" if summary.interrupted else "Sent"
    table = Table(title=title, show_header=False)
    target = f" of {summary.rate_target:,.0f}" if summary.rate_target else ""
    rows = [
        ("observations", f"{summary.observations_sent:,}"),
        ("observations a second", f"{summary.rate_achieved:,.1f}{target}"),
        ("records", f"{summary.records_sent:,}"),
        ("bytes", f"{summary.bytes_sent:,}"),
        ("seconds", f"{sending.seconds:,.1f}"),
        ("rejected (throttled or failed)", f"{summary.refused:,}"),
        ("sent again", f"{summary.retries:,}"),
        ("latest record", f"{sending.late_max_s:.2f} s"),
    ]
    for name in ("learned", "skipped", "quarantined", "lost"):
        if (counted := getattr(summary, name)) is not None:
            rows.append((name, f"{counted:,}"))
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(_shards(summary))
    if sending.first_late_s is not None:
        console.print(
            Text(f"From second {sending.first_late_s:.1f} on, records were sent late. ", "yellow"),
            "Lower --rate, add shards, put more into a record (--shape columns), or use more --processes.",
        )
    console.print(f"Everything is in {folder}")


def conclude(console: Console, folder: RunFolder, within: int, report: bool, interrupted: bool) -> None:
    """Print the verdict on a run, write its report, and exit with 130 if Ctrl-C ended the run."""
    console.print(verdict(read_outcome(folder, within)).sentence, highlight=False)
    if report:
        path = write_report(folder, within=within)
        console.print(f"Report: {path}", soft_wrap=True)
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _shards(summary: RunSummary) -> Table:
    table = Table("shard", "records", "bytes", "share", title="By shard")
    for column in table.columns[1:]:
        column.justify = "right"
    for shard in summary.shards:
        share = shard.bytes / summary.bytes_sent
        table.add_row(shard.shard_id, f"{shard.records:,}", f"{shard.bytes:,}", f"{share:.0%}")
    return table
