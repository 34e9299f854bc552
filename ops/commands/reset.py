"""`python -m ops reset SIGNAL…`: a new model of a signal, from where the last one ended.

The checkpoints stay: nothing is learned twice, and nothing is skipped.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from clients.terminal import echo, printable
from ops.options import TargetOptions, Yes, confirmed, with_target

if TYPE_CHECKING:
    from consumer.decode.signal_names import SignalKey
    from consumer.learning.state import State
    from consumer.pages.codec import AnyStates
    from consumer.settings.signal_settings import SettingsOfSignals
    from ops.state.page_editor import PageEditor
    from ops.state.pages import Place


@with_target
def reset(
    options: TargetOptions,
    signals: Annotated[list[str], typer.Argument(metavar="SIGNAL…", help="Full names.")],
    yes: Yes = False,
) -> None:
    """Start the models of these signals anew, while data keeps arriving.

    Nothing is learned twice or skipped: the new model starts with the next
    observation. A signal that has learned nothing since its last reset is left
    as it is.
    """
    from ops.context import open_pages, settings_of
    from ops.formatting import pluralize
    from ops.state.page_editor import check_went_on
    from ops.target import find

    target = find(options)
    target.check_writable()
    settings = settings_of(target)

    async def run() -> None:
        resetting = Reset(target.use_case, settings, await open_pages(target, target.objects()))
        places = []
        for place in await resetting.places(signals):
            name = printable(place.key.signal)
            if resetting.is_fresh(place.key, place.state):
                echo(f"{name}: already fresh")
            else:
                echo(f"{name}: has learned {pluralize(place.state.learned, 'observation')}")
                places.append(place)
        if not places:
            echo("There is nothing to do")
            return
        confirmed(
            f"Reset {pluralize(len(places), 'model')} of {target.use_case} in {target.name}. No event "
            "will clear their open alerts. `rollback` undoes it while the bucket keeps the old version",
            yes,
        )
        now = {(place.page.key, place.key): place.state for place in await resetting.places(signals)}
        for place in places:
            check_went_on(place.key, place.state, now.get((place.page.key, place.key)))
        for key, forgotten in (await resetting.run(places)).items():
            done = "was fresh already" if forgotten is None else "starts anew"
            was = "" if forgotten is None else f"; {pluralize(forgotten, 'observation')} forgotten"
            echo(f"{printable(key.signal)}: {done}{was}")

    asyncio.run(run())


@dataclass(frozen=True, slots=True)
class Reset:
    """Starts models of one use case anew."""

    use_case: str
    settings: "SettingsOfSignals"
    editor: "PageEditor"

    async def places(self, signals: Iterable[str]) -> "list[Place]":
        """Where the models are. Raises: `ConfigurationError` if one of the signals has none."""
        return [place for signal in dict.fromkeys(signals) for place in await self.editor.places(signal)]

    async def run(self, places: "Sequence[Place]") -> "dict[SignalKey, int | None]":
        """Start these models anew, page by page.

        Returns: how many observations each signal has forgotten; None if it was fresh or is gone: its page
            was not written for it.
        """
        from ops.state.page_editor import check_went_on

        shown = {(place.page.key, place.key): place.state for place in places}
        of_pages: defaultdict[str, list[SignalKey]] = defaultdict(list)
        for place in places:
            of_pages[place.page.key].append(place.key)
        forgotten: dict[SignalKey, int | None] = {}
        for page_key, keys in of_pages.items():

            def start_anew(
                states: "AnyStates", keys: "Sequence[SignalKey]" = keys, page_key: str = page_key
            ) -> "tuple[bool, dict[SignalKey, int | None]]":
                for key in keys:
                    check_went_on(key, shown[page_key, key], states.get(key))
                done = {key: self._start_anew(key, states.get(key)) for key in keys}
                return any(count is not None for count in done.values()), done

            forgotten |= await self.editor.change(page_key, start_anew)
        return forgotten

    def is_fresh(self, key: "SignalKey", state: "State") -> bool:
        """Whether its model has learned nothing, and has the current parameters."""
        return state.learned == 0 and state.parameters == self.settings.of(key.signal).parameters

    def _start_anew(self, key: "SignalKey", state: "State | None") -> int | None:
        if state is None or self.is_fresh(key, state):
            return None
        from consumer.detectors.base import new_model

        settings, learned = self.settings.of(key.signal), state.learned
        state.start_anew(new_model(self.use_case, settings.use_case, key.signal), settings.parameters)
        if state.health is not None:
            # It hid alerts of the old model; a fault of the sensor itself stays open until it clears.
            state.health.is_hiding = False
        return learned
