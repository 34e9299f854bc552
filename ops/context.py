"""What the commands that change models have open: the pages, and what is set for single signals."""

import random
from dataclasses import replace

from consumer.aws.s3 import Objects
from consumer.pages.codec import PageCodec
from consumer.pages.store import PageStore
from consumer.plant import plant
from consumer.settings.signal_settings import SettingsOfSignals
from consumer.settings.signals_yaml import SHIPPED, read_shipped_signals
from ops.state.page_editor import PageEditor, layout_in_force
from ops.target import Target, aws_answers


async def open_pages(where: Target, objects: Objects) -> PageEditor:
    """The pages of the use case, read afresh each time. Raises: as `layout_in_force`."""
    layout = await layout_in_force(objects, where.prefix())
    return PageEditor(PageStore(objects, PageCodec(), 0), layout, random.SystemRandom())


def settings_of(where: Target, line: str | None = None) -> SettingsOfSignals:
    """What is set for single signals, in the file that the function is told; else in the shipped one.

    `line` is another one of use_cases.py, in place of the use case's own.

    Raises: `ConfigurationError`, `Unavailable`.
    """
    name = SHIPPED
    if where.function_name is not None:
        client = where.client("lambda")
        with aws_answers(f"the function {where.function_name}"):
            found = client.get_function_configuration(FunctionName=where.function_name)
        name = found.get("Environment", {}).get("Variables", {}).get("SIGNAL_SETTINGS", SHIPPED)
    use_case = replace(where, use_case=line or where.use_case).line()
    return SettingsOfSignals(where.use_case, use_case, read_shipped_signals(name, plant()))
