"""The operators' command line: `python -m ops`, or `python -m consumer`. It is not in the Lambda asset."""

import typer

from ops.commands.backtest import backtest
from ops.commands.explain import explain
from ops.commands.inspect import inspect
from ops.commands.mute import mute, unmute
from ops.commands.new import new
from ops.commands.repage import repage
from ops.commands.reset import reset
from ops.commands.rollback import rollback
from ops.commands.signals import signals
from ops.failed_batches.command import failed
from ops.quarantine.command import quarantine
from ops.upgrade.command import upgrade

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
for command in (signals, inspect, explain, mute, unmute, reset, rollback, repage, backtest, new):
    app.command()(command)
app.add_typer(quarantine, name="quarantine")
app.add_typer(failed, name="failed")
app.add_typer(upgrade, name="upgrade")


@app.callback()
def main() -> None:
    """Tools for a deployment of the consumer."""


if __name__ == "__main__":
    app(prog_name="python -m ops")
