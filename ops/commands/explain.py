"""`python -m ops explain`: why an event was published, by learning its records once more."""

import time
from pathlib import Path
from typing import Annotated

import typer

from clients.terminal import echo
from ops.options import TargetOptions, with_target


@with_target
def explain(
    options: TargetOptions,
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
    import yaml

    from ops.replay.explanation import event_of_file, explanation
    from ops.replay.published_events import event_of_id
    from ops.target import find

    target = find(options)
    detail = event_of_file(event, event_id) if event else event_of_id(target, event_id, time.time())
    explained = explanation(target, detail, records)
    echo(yaml.safe_dump(explained, sort_keys=False, allow_unicode=True, width=100), nl=False)
