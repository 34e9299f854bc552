"""What commands need of a target: its pages and the settings of its signals."""

import random

from clients.terminal import echo, printable
from consumer.aws.s3 import Objects
from consumer.decode.times import TimeLimits
from consumer.decode.values import iso8601
from consumer.pages.codec import PageCodec
from consumer.pages.layout import Layout
from consumer.pages.store import PageStore
from consumer.plant import plant
from consumer.settings.environment import read_time_limits
from consumer.settings.signal_settings import SettingsOfSignals
from consumer.settings.signals_yaml import SHIPPED, read_shipped_signals
from ops.lambda_function import LambdaFunction
from ops.state.page_editor import PageEditor
from ops.state.pages import NothingLearned, layout_of
from ops.target import Target

PAGES = 16
"""Used if nothing is recorded yet: the function's default too."""


async def open_pages(target: Target, objects: Objects) -> PageEditor:
    """The pages of the use case; nothing is cached. Raises: as `layout_of`."""
    return editor_of(objects, await layout_of(target, objects))


async def open_pages_or_new(target: Target, objects: Objects, settings: SettingsOfSignals) -> PageEditor:
    """The same; where nothing was learned yet, as the function lays them out by default, and all missing.

    The settings are to place signals as the pages do.
    """
    try:
        editor = await open_pages(target, objects)
    except NothingLearned:
        editor = editor_of(objects, Layout(target.prefix(), PAGES, settings.placement))
    settings.placement = editor.layout.assets
    return editor


def editor_of(objects: Objects, layout: Layout) -> PageEditor:
    """The pages of a layout; nothing is cached."""
    return PageEditor(PageStore(objects, PageCodec(), 0), layout, random.SystemRandom())


def settings_of(target: Target, line: str | None = None) -> SettingsOfSignals:
    """The settings of single signals, and the times that are believed, as the function has them.

    Without a function: those of the shipped file, and the default limits, as `settings_to_read` says.

    `line` names another use case of use_cases.py to take in place of the target's own. Signals are placed as
    the function's environment says; who knows where the models lie sets `placement` by that.

    Raises: `ConfigurationError`, `Unavailable`.
    """
    name, times, placement = SHIPPED, TimeLimits(), None
    if target.function_name is not None:
        environment = LambdaFunction(target.client("lambda"), target.function_name).environment()
        name, times = environment.get("SIGNAL_SETTINGS", SHIPPED), read_time_limits(environment)
        placement = environment.get("PLACEMENT")
    use_case = plant().use_case(line or target.use_case)
    settings = SettingsOfSignals(target.use_case, use_case, read_shipped_signals(name, plant()), times)
    settings.placement = settings.assets if placement == "asset" else None
    return settings


def settings_to_read(target: Target) -> SettingsOfSignals:
    """The same for who reads records again; says which times are believed where no function tells."""
    settings = settings_of(target)
    if target.function_name is None:
        echo(
            f"{printable(target.name)} names no function: by the default limits, times are believed from "
            f"{iso8601(settings.times.from_s)} to {settings.times.ahead_max_s:g} s after their arrival. "
            "If the function has others, name its stack: --stack NAME",
            err=True,
        )
    return settings
