"""Rich's console, which prints only printable text: see `clients.terminal`."""

from collections.abc import Iterable
from typing import Any

import rich.console
from rich.segment import Segment

from clients.terminal import printable_lines


class Console(rich.console.Console):
    """A console for texts that others wrote: their brackets are no markup, and `:fire:` is no picture."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False} | options)

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        """As Rich does, with the characters escaped that are not printable.

        Here the text is laid out, so that no cell is cut short; the codes of styles are not added yet.
        """
        return super()._render_buffer(
            each if each.control else each._replace(text=printable_lines(each.text)) for each in buffer
        )
