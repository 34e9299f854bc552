"""`python -m consumer explain`: why an event was published, by learning its records once more."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import somewhere

if TYPE_CHECKING:
    from ops.target import TargetOptions


@somewhere
def explain(
    options: "TargetOptions",
    event_id: Annotated[str, typer.Argument(help="The `id` in its detail.")],
    event: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The event itself, if no stack logs events."),
    ] = None,
    records: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its records, if the stream no longer has them.")
    ] = None,
) -> None:
    """Show why an event was published: learn its records again, from the model as it was before."""
    from ops.replay.explanation import explain as run

    run(options, event_id, event, records)
