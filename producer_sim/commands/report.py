"""`report`: one HTML file that shows how a run went."""

from pathlib import Path
from typing import Annotated

import typer

from clients.console import Console
from clients.terminal import echo
from producer_sim.commands.options import RunOf, Within, errors_shown
from producer_sim.report.report import write_report
from producer_sim.report.score import WITHIN_OBSERVATIONS
from producer_sim.run_folder import DEFAULT_FOLDER, RunFolder, Unwritable


def report_command(
    run: RunOf = DEFAULT_FOLDER,
    out: Annotated[
        Path | None, typer.Option(help="The HTML file. Default: report.html in the run's folder.")
    ] = None,
    within: Within = WITHIN_OBSERVATIONS,
) -> None:
    """Write a run's report, one HTML file that opens without network.

    Example: python -m producer_sim report --run build/run
    """
    with errors_shown(Console(stderr=True)):
        try:
            path = write_report(RunFolder(run), out, within)
        except OSError as error:
            raise Unwritable(f"{error.filename}: {error.strerror}. Choose another file with --out") from None
    echo(f"Report: {path}")
