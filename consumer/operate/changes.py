"""The commands that change what is learned, as the command line has them."""

import typer

from consumer.operate.failed_command import failed
from consumer.operate.quarantine_command import quarantine
from consumer.operate.reset_command import reset
from consumer.operate.rollback_command import rollback
from consumer.operate.upgrade_command import upgrade


def register(app: typer.Typer) -> None:
    """Add them."""
    app.command()(reset)
    app.command()(rollback)
    app.add_typer(quarantine, name="quarantine")
    app.add_typer(failed, name="failed")
    app.add_typer(upgrade, name="upgrade")
