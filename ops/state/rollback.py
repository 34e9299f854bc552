"""A signal's earlier state, from the versions of its page: `python -m ops rollback SIGNAL… --to TIME`.

Its checkpoints stay those of now, so that records that Lambda delivers again are not learned twice. What
arrived in between does not come again: it is lost to the model, unless it is learned again here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.decode.values import iso8601
from consumer.errors import ConfigurationError, LayoutChanged, UnreadablePage
from consumer.learning.state import Checkpoint, State
from consumer.pages.codec import AnyStates, PageCodec, States
from consumer.settings.signal_settings import SettingsOfSignals
from ops.quarantine.left_out import QuarantinedObservations
from ops.replay.offline_learner import OfflineLearner
from ops.replay.stream_reader import StreamReader
from ops.state.page_editor import PageEditor, check_went_on
from ops.state.page_versions import ObjectVersions, Version
from ops.state.pages import Place

Checkpoints = Mapping[Shard, Checkpoint]


@dataclass(frozen=True, slots=True)
class Then:
    """A state in an earlier version of its page, and where it lies now."""

    place: Place
    version: Version
    state: State


@dataclass(slots=True)
class CatchUp:
    """One signal's earlier state learns what the stream has brought since.

    Called again, it goes on from where it is, so that little is left to learn at the commit.
    """

    learner: OfflineLearner
    stream: StreamReader
    key: SignalKey
    written_s: float
    """When the version of the state was written."""
    now_s: float
    rejected: int = 0
    """Observations that the model could not learn."""

    @property
    def state(self) -> State:
        """The state so far."""
        return self.learner.states[self.key]

    def check_retained(self, checkpoints: Checkpoints) -> None:
        """Raise `ConfigurationError` if records that are needed have expired."""
        for shard in self._behind(checkpoints):
            oldest_s = self.stream.retained_since_s(shard.stream, self.now_s)
            own = self.state.checkpoints.get(shard)
            since_s = own.arrived_s if own is not None and own.arrived_s is not None else self.written_s
            if oldest_s is None or since_s <= oldest_s:
                held = f"holds records since {iso8601(oldest_s)}" if oldest_s is not None else "is gone"
                raise ConfigurationError(
                    f"{self.key.signal}: the stream {held}, and those of {shard.shard_id} since "
                    f"{iso8601(since_s)} are needed. Without --relearn they are left out"
                )

    def run(self, checkpoints: Checkpoints) -> State:
        """Learn up to these checkpoints, shard by shard; the state that is returned has them.

        Raises: `Unavailable`.
        """
        self.learner.limit = lambda _, shard: checkpoints.get(shard)
        if self.learner.quarantined is not None:
            self.learner.quarantined.forget()  # all that lies up to these checkpoints is there by now
        for shard in self._behind(checkpoints):
            own, last = self.state.checkpoints.get(shard), checkpoints[shard]
            since_s = None if own is None else own.arrived_s
            for records in self.stream.read(shard, since_s, last.sequence_number):
                for batch in self.learner.learn(records):
                    self.rejected += sum(len(each.records) for each in batch.rejections)
        return _with_checkpoints(self.state, checkpoints)

    def _behind(self, checkpoints: Checkpoints) -> list[Shard]:
        """The shards with something to learn, in the order in which they fell silent: parents come first."""
        behind = [shard for shard, last in checkpoints.items() if self.state.checkpoints.get(shard) != last]
        return sorted(behind, key=lambda shard: checkpoints[shard].arrived_s or 0.0)


@dataclass(slots=True)
class Rollback:
    """Puts states from before `to_s` into the current pages."""

    settings: SettingsOfSignals
    editor: PageEditor
    codec: PageCodec
    versions: ObjectVersions
    to_s: float
    open_quarantine: Callable[[], QuarantinedObservations]
    _pages: dict[Version, States] = field(default_factory=dict)

    async def then(self, signal: str) -> list[Then]:
        """The signal's state in the newest readable version that had been written by `to_s`.

        Raises: `ConfigurationError` if there is none, or if the model had other parameters then;
            `UnreadablePage`, `Unavailable`.
        """
        return [self._then(place) for place in await self.editor.places(signal)]

    def _then(self, place: Place) -> Then:
        kept = self.versions.of(place.page.key)
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
        why = "; the models were moved to these pages then" if kept and self._was_moved(kept[-1]) else ""
        raise ConfigurationError(
            f"no version of {place.page.key} of {iso8601(self.to_s)} or before holds {place.key.signal!r}: "
            f"{oldest}{why}. `reset` starts it anew"
        )

    def _was_moved(self, version: Version) -> bool:
        """Whether it marks that the models were moved, in place of a page."""
        try:
            self._states(version)
        except (LayoutChanged, UnreadablePage) as error:
            return isinstance(error, LayoutChanged)
        return False

    def _check_parameters(self, key: SignalKey, state: State) -> None:
        if state.parameters != self.settings.of(key.signal).parameters:
            raise ConfigurationError(
                f"the model of {key.signal!r} had other parameters then than are set now, so it would start "
                "anew with the next record. First set them as they were, and deploy"
            )

    def _states(self, version: Version) -> States:
        """The states in a version, decoded once for all the signals of the page."""
        if version not in self._pages:
            self._pages[version] = self.codec.decode(self.versions.body(version))
        return self._pages[version]

    async def run(self, then: Then, catch_up: CatchUp | None = None) -> tuple[State, State]:
        """Put the state into its page, not written if that changes nothing; return what it was, and is now.

        Raises: as `PageEditor.change`; `ConfigurationError` if the signal has no model any more.
        """
        key = then.place.key

        def put_back(states: AnyStates) -> tuple[bool, tuple[State, State]]:
            if key not in states:
                raise ConfigurationError(f"{key.signal!r} has no model any more: nothing was done to it")
            current = states[key]
            check_went_on(key, then.place.state, current)
            states[key] = self._rolled_back(then, current, catch_up)
            return not self._are_same(key, current, states[key]), (current, states[key])

        return await self.editor.change(then.place.page.key, put_back)

    def would_change(self, then: Then, catch_up: CatchUp | None = None) -> bool:
        """Whether `run` would change anything, as things are now. Raises: `Unavailable`."""
        current = then.place.state
        return not self._are_same(then.place.key, current, self._rolled_back(then, current, catch_up))

    def _are_same(self, key: SignalKey, one: State, other: State) -> bool:
        return self._content(key, one) == self._content(key, other)

    def _content(self, key: SignalKey, state: State) -> bytes:
        """All that is kept of it, however its parts came to be."""
        codec = self.codec
        return codec.encode(codec.decode(codec.encode(codec.decode(codec.encode({key: state})))))

    def _rolled_back(self, then: Then, current: State, catch_up: CatchUp | None) -> State:
        """The earlier state with the checkpoints of now; with what came since, if asked for."""
        if catch_up is not None:
            return catch_up.run(current.checkpoints)
        key, state = then.place.key, then.state
        use_case = self.settings.of(key.signal).use_case
        if use_case.learns_assets:  # what waited then, and is in quarantine now, comes by a redrive
            state = self.codec.decode(self.codec.encode({key: state}))[key]
            self.open_quarantine().rows(self.settings.make_ready).forget(use_case, key, state)
        return _with_checkpoints(state, current.checkpoints)


def _with_checkpoints(state: State, checkpoints: Checkpoints) -> State:
    """A copy of the state that counts as having learned so far."""
    return msgspec.structs.replace(state, checkpoints=dict(checkpoints))
