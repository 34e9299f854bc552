"""What the terminal shows of a sending: progress while it goes on, tables in the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from clients.kinesis_writer.sending import Sending
from producer_sim.run_folder import RunSummary


@contextmanager
def sending_progress(console: Console, observations: int) -> Iterator[Callable[[int, Sending], None]]:
    """Bars of what is due and what was sent, of so many observations; call what it gives to move them."""
    columns = (TextColumn("{task.description:<8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[told]}"), console=console) as progress:
        due_task = progress.add_task("due", total=observations, told="")
        sent_task = progress.add_task("sent", total=observations, told="")

        def tell(due: int, sending: Sending) -> None:
            refused = f", {sending.refused:,} refused" if sending.refused else ""
            progress.update(due_task, completed=due)
            progress.update(sent_task, completed=sending.observations, told=f"{sending.rate:,.0f}/s{refused}")

        yield tell


def print_run(console: Console, summary: RunSummary, sending: Sending, folder: Path) -> None:
    """Print how a run went: what was sent, what became of it, and what each shard took."""
    title = "What was sent until Ctrl-C" if summary.interrupted else "What was sent"
    table = Table(title=title, show_header=False)
    target = f" of {summary.rate_target:,.0f}" if summary.rate_target else ""
    rows = [
        ("observations", f"{summary.observations_sent:,}"),
        ("observations a second", f"{summary.rate_achieved:,.1f}{target}"),
        ("records", f"{summary.records_sent:,}"),
        ("bytes", f"{summary.bytes_sent:,}"),
        ("seconds", f"{sending.seconds:,.1f}"),
        ("refused (throttled or failed)", f"{summary.refused:,}"),
        ("sent again", f"{summary.retries:,}"),
        ("late at most", f"{sending.late_max_s:.2f} s"),
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
            f"[yellow]From second {sending.first_late_s:.1f} on, records left later than they were due.[/] "
            "Lower --rate, add shards, put more into a record (--shape columns), or use more --processes."
        )
    console.print(f"The whole outcome: {folder}")


def _shards(summary: RunSummary) -> Table:
    table = Table("shard", "records", "bytes", "share", title="What each shard took")
    for column in table.columns[1:]:
        column.justify = "right"
    for shard in summary.shards:
        share = shard.bytes / summary.bytes_sent
        table.add_row(shard.shard_id, f"{shard.records:,}", f"{shard.bytes:,}", f"{share:.0%}")
    return table
