"""`python -m local`: run the demo, and leave its outcome in build/demo."""

import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from local.aws import EmbeddedAWSFailed
from local.demo import DemoSize, run_demo
from local.demo_verdict import RULE

FOLDER = Path("build/demo")


def main() -> int:
    """Give the exit code: 0 where all that is promised held."""
    console = Console()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        summary, broken = run_demo(FOLDER, DemoSize(), console)
    except EmbeddedAWSFailed as error:
        console.print(f"[red]{error}")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; what was started has been ended.")
        return 130
    table = Table(title="What happened", show_header=False)
    for name, value in asdict(summary).items():
        table.add_row(name.replace("_", " "), f"{value:,}" if value is not None else "none")
    console.print(table)
    console.print(f"The rule: {RULE}.")
    console.print(f"The whole outcome: {FOLDER}/summary.json; the function's logs: {FOLDER}/consumer.log")
    for promise in broken:
        console.print(f"[red]This does not hold: {promise}.")
    if not broken:
        console.print(
            "[green]Exact: the events and alerts are those of a plain River loop over the same values, "
            "though one invocation died between publish and commit and one batch arrived twice."
        )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
