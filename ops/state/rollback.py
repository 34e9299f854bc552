"""A signal's state as it was, from the versions of its page: `python -m consumer rollback SIGNAL… --to TIME`.

Its checkpoints stay those of now: what Lambda delivers again is still known, and learned no second time. What
came between then and now comes no more; it is not part of the model, unless it is learned again here.
"""

from dataclasses import dataclass, field
from typing import Protocol

from consumer.decode.signal_names import SignalKey
from consumer.decode.timestamps import iso8601
from consumer.errors import ConfigurationError, LayoutChanged, UnreadablePage
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.settings.signal_settings import SettingsOfSignals
from ops.replay.relearning import Relearning, with_checkpoints
from ops.state.page_editor import PageEditor
from ops.state.page_versions import Version
from ops.state.pages import Place

_States = dict[SignalKey, State]


class Versions(Protocol):
    """The versions of objects."""

    def of(self, key: str) -> list[Version]:
        """Those that are kept, newest first."""

    def body(self, version: Version) -> bytes:
        """What one holds."""


@dataclass(frozen=True, slots=True)
class Then:
    """A state as a version of its page has it."""

    place: Place
    version: Version
    state: State


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one signal."""

    before: State
    after: State


@dataclass(slots=True)
class Rollback:
    """Puts states of before `to_s` into the pages of now."""

    settings: SettingsOfSignals
    changing: PageEditor
    codec: PageCodec
    versions: Versions
    to_s: float
    _pages: dict[Version, _States] = field(default_factory=dict)

    async def then(self, signal: str) -> list[Then]:
        """The signal's state in the newest version that holds it, of those written by then and readable.

        Raises: `ConfigurationError` where there is none, or where the model was of other parameters;
            `UnreadablePage`, `Unavailable`.
        """
        return [self._then(place) for place in await self.changing.places(signal)]

    def _then(self, place: Place) -> Then:
        kept = self.versions.of(place.page_key)
        for version in kept:
            if version.written_s > self.to_s:
                continue
            try:
                states = self._states(version)
            except (UnreadablePage, LayoutChanged):
                continue
            if place.key in states:
                self._check_parameters(place.key, states[place.key])
                return Then(place, version, states[place.key])
        oldest = f"its oldest version is of {iso8601(kept[-1].written_s)}" if kept else "it has no versions"
        why = "; the models were moved to these pages then" if kept and self._is_mark(kept[-1]) else ""
        raise ConfigurationError(
            f"no version of {place.page_key} of {iso8601(self.to_s)} or before holds {place.key.signal!r}: "
            f"{oldest}{why}. `reset` starts it anew"
        )

    def _is_mark(self, version: Version) -> bool:
        """Whether it is of a move, in place of a page."""
        try:
            self._states(version)
        except LayoutChanged:
            return True
        except UnreadablePage:
            return False
        return False

    def _check_parameters(self, key: SignalKey, state: State) -> None:
        if state.parameters != self.settings.of(key.signal).parameters:
            raise ConfigurationError(
                f"the model of {key.signal!r} had other parameters then than are set for it now: it would "
                "start anew with the next record. Set them as they were, and deploy, before"
            )

    def _states(self, version: Version) -> _States:
        """As they were; decoded once for all the signals of a page."""
        if version not in self._pages:
            self._pages[version] = self.codec.decode(self.versions.body(version))
        return self._pages[version]

    async def run(self, then: Then, relearning: Relearning | None = None) -> Done:
        """Put the state into its page; the page is not written where it is so already.

        Raises: as `PageEditor.change`; `ConfigurationError` where the signal is gone.
        """
        key = then.place.key

        def put_back(states: _States) -> tuple[bool, Done]:
            if key not in states:
                raise ConfigurationError(f"{key.signal!r} has no model any more: nothing was done to it")
            current = states[key]
            states[key] = _state(then, current, relearning)
            return not self._are_same(key, current, states[key]), Done(current, states[key])

        return await self.changing.change(then.place.page_key, put_back)

    def foreseen(self, then: Then, relearning: Relearning | None = None) -> Done | None:
        """What `run` would do as things are now; None: nothing. Raises: `Unavailable`."""
        current = then.place.state
        state = _state(then, current, relearning)
        return None if self._are_same(then.place.key, current, state) else Done(current, state)

    def _are_same(self, key: SignalKey, one: State, other: State) -> bool:
        return self._content(key, one) == self._content(key, other)

    def _content(self, key: SignalKey, state: State) -> bytes:
        """All that is kept of it, however its parts came to be."""
        codec = self.codec
        return codec.encode(codec.decode(codec.encode(codec.decode(codec.encode({key: state})))))


def _state(then: Then, current: State, relearning: Relearning | None) -> State:
    """As it was, with the checkpoints of now; with what came since, if asked for."""
    if relearning is not None:
        return relearning.catch_up(current.checkpoints)
    return with_checkpoints(then.state, current.checkpoints)
