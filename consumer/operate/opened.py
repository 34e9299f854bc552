"""What the commands that change models have open: the pages, and what is set for single signals."""

import random

from consumer.core.errors import ConfigurationError, Unlearnable
from consumer.core.signal_settings import SettingsOfSignals
from consumer.core.timestamps import seconds
from consumer.edge.objects import Objects
from consumer.edge.page_codec import PageCodec
from consumer.edge.page_store import PageStore
from consumer.edge.signals_file import SHIPPED, read_shipped_signals
from consumer.operate.changing import Changing, layout_in_force
from consumer.operate.where import Where, aws_answers
from consumer.use_cases import USE_CASES


async def open_pages(where: Where, objects: Objects) -> Changing:
    """The pages of the use case, read afresh each time. Raises: as `layout_in_force`."""
    layout = await layout_in_force(objects, where.prefix())
    return Changing(PageStore(objects, PageCodec(), 0), layout, random.SystemRandom())


def settings_of(where: Where) -> SettingsOfSignals:
    """What is set for single signals, in the file that the function is told; else in the shipped one.

    Raises: `ConfigurationError`, `Unavailable`.
    """
    name = SHIPPED
    if where.function_name is not None:
        client = where.client("lambda")
        with aws_answers(f"the function {where.function_name}"):
            found = client.get_function_configuration(FunctionName=where.function_name)
        name = found.get("Environment", {}).get("Variables", {}).get("SIGNAL_SETTINGS", SHIPPED)
    where.prefix()  # which says so where there is no such use case
    return SettingsOfSignals(where.use_case, USE_CASES[where.use_case], read_shipped_signals(name, USE_CASES))


def moment(text: str, option: str) -> float:
    """A time as the command line gives it, in seconds since 1970.

    Raises: `ConfigurationError`.
    """
    try:
        return seconds(text)
    except Unlearnable as error:
        raise ConfigurationError(f"{option}: {error}. Such as 2026-01-31T12:00:00Z") from None
