"""A fresh model of a signal, from where the last one ended: `python -m consumer reset SIGNAL…`.

The watermarks stay: nothing is learned twice, and nothing is skipped.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from consumer.core.signal_settings import SettingsOfSignals
from consumer.core.signals import SignalKey
from consumer.core.state import State
from consumer.core.use_case import new_model
from consumer.operate.changing import Changing, Place


@dataclass(frozen=True, slots=True)
class Reset:
    """Starts models of the use case of this name anew."""

    name: str
    settings: SettingsOfSignals
    changing: Changing

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
