"""The commands that change what is learned, as the command line has them."""

import typer

from ops.commands.reset import reset
from ops.commands.rollback import rollback
from ops.failed_batches.command import failed
from ops.quarantine.command import quarantine
from ops.upgrade.command import upgrade


def register(app: typer.Typer) -> None:
    """Add them."""
    app.command()(reset)
    app.command()(rollback)
    app.add_typer(quarantine, name="quarantine")
    app.add_typer(failed, name="failed")
    app.add_typer(upgrade, name="upgrade")
