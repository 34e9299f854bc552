"""A fresh model of a signal, from where the last one ended: `python -m consumer reset SIGNAL…`.

The checkpoints stay: nothing is learned twice, and nothing is skipped.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import new_model
from consumer.learning.state import State
from consumer.settings.signal_settings import SettingsOfSignals
from ops.options import Yes, confirmed, somewhere
from ops.state.page_editor import PageEditor, Place


@dataclass(frozen=True, slots=True)
class Reset:
    """Starts models of the use case of this name anew."""

    name: str
    settings: SettingsOfSignals
    changing: PageEditor

    async def places(self, signals: Iterable[str]) -> list[Place]:
        """Where the models lie; raises `ConfigurationError` where one of the signals has none."""
        return [place for signal in dict.fromkeys(signals) for place in await self.changing.places(signal)]

    async def run(self, places: Sequence[Place]) -> dict[SignalKey, int | None]:
        """Start these models anew, page by page.

        Gives for each signal how many observations are forgotten; None: it was fresh, or is gone, and its
        page was not written for it.
        """
        of_pages: defaultdict[str, list[SignalKey]] = defaultdict(list)
        for place in places:
            of_pages[place.page_key].append(place.key)
        forgotten: dict[SignalKey, int | None] = {}
        for page_key, keys in of_pages.items():

            def start_anew(
                states: dict[SignalKey, State], keys: Sequence[SignalKey] = keys
            ) -> tuple[bool, dict[SignalKey, int | None]]:
                done = {key: self._start_anew(key, states.get(key)) for key in keys}
                return any(count is not None for count in done.values()), done

            forgotten |= await self.changing.change(page_key, start_anew)
        return forgotten

    def is_fresh(self, key: SignalKey, state: State) -> bool:
        """Whether it has a model that has learned nothing, of the parameters that are set."""
        return state.learned == 0 and state.parameters == self.settings.of(key.signal).parameters

    def _start_anew(self, key: SignalKey, state: State | None) -> int | None:
        if state is None or self.is_fresh(key, state):
            return None
        settings, learned = self.settings.of(key.signal), state.learned
        state.start_anew(new_model(self.name, settings.use_case, key.signal), settings.parameters)
        if state.health is not None:
            # What it hid was the old model's; a fault of the sensor itself stays open until it clears.
            state.health.is_hiding = False
        return learned


if TYPE_CHECKING:
    from ops.target import TargetOptions


@somewhere
def reset(
    named: "TargetOptions",
    signals: Annotated[list[str], typer.Argument(metavar="SIGNAL…", help="Whole names.")],
    yes: Yes = False,
) -> None:
    """Start the models of these signals anew, while data keeps arriving.

    Nothing is learned twice or skipped: the next observation is the first that the new model learns. A signal
    that has learned nothing since it was reset is left as it is.
    """
    import asyncio

    from ops.context import open_pages, settings_of
    from ops.formatting import pluralize

    pass
    from ops.target import find

    where = find(named)
    where.check_writable()
    settings = settings_of(where)

    async def run() -> None:
        resetting = Reset(where.use_case, settings, await open_pages(where, where.objects()))
        places = []
        for place in await resetting.places(signals):
            if resetting.is_fresh(place.key, place.state):
                typer.echo(f"{place.key.signal}: it is fresh already")
            else:
                typer.echo(
                    f"{place.key.signal}: it has a model of {pluralize(place.state.learned, 'observation')}"
                )
                places.append(place)
        if not places:
            typer.echo("There is nothing to do")
            return
        models = pluralize(len(places), "model")
        confirmed(
            f"To start anew: {models} of {where.use_case} in {where.name}. Alerts that these have open are "
            "not told as cleared. `rollback` takes it back while the bucket keeps the old version",
            yes,
        )
        for key, forgotten in (await resetting.run(places)).items():
            done = (
                "it was fresh already"
                if forgotten is None
                else f"it starts anew; {pluralize(forgotten, 'observation')} forgotten"
            )
            typer.echo(f"{key.signal}: {done}")

    asyncio.run(run())
