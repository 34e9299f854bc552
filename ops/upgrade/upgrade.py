"""New models built beside the ones in use, from what the stream still holds: `python -m consumer upgrade`.

    layout.json says that the models are being built    # a function that starts on them waits
    each record that the models in use have learned is learned, up to their checkpoints; nobody is told
    the pages are written
    ... again, as often as one likes; and once more when nothing learns any more
    layout.json says where the models lie               # from here on they are in force

What lies above the checkpoints of the models in use was learned by nobody yet: the new function learns it,
for its mapping goes on from there. So each record is learned by the new models once, and what is told of it
is told by the models that were in use when it came first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from consumer.decode.batch import Shard
from consumer.decode.signal_names import SignalKey
from consumer.errors import BadDeployment, ConfigurationError, LayoutChanged, PageChanged
from consumer.learning.state import Checkpoint, State
from consumer.pages.layout import Layout, Recorded, read_layout, record_layout
from consumer.pages.store import Page, PageStore
from consumer.ports import ObjectStore
from consumer.settings.signal_settings import SettingsOfSignals
from ops.replay.offline_learner import SilentLearning, is_behind, states_of
from ops.upgrade.previous_models import PreviousModels, limits_of
from ops.upgrade.records import Stretch, read_merged

_RECORDS_PER_COMMIT = 100_000


@dataclass(slots=True)
class Upgrade:
    """The models under `prefix`, on their way to where those of `source` are."""

    name: str
    settings: SettingsOfSignals
    objects: ObjectStore
    pages: PageStore
    kinesis: Any
    prefix: str
    source: PreviousModels
    retained_since_s: Mapping[str, float]
    """Of each stream, by its ARN: what arrived before is not held any more."""
    now_s: float
    learning: SilentLearning = field(init=False)
    _loaded: dict[str, Page] = field(default_factory=dict)

    async def open(self) -> None:
        """Read what is there of the new models. Raises: `LayoutChanged`, `UnreadablePage`, `Unavailable`."""
        found = (await self._recorded())[0]
        if found is not None and found.moving_to is not None:
            raise LayoutChanged("the new models are being moved to other pages: finish that first")
        layout = Layout(self.prefix, self.source.layout.pages if found is None else found.pages)
        limits = limits_of(self.source, self.settings.use_case)
        self.learning = SilentLearning(self.name, self.settings, layout, limit=limits.of)
        for key in sorted(await self.pages.keys(layout.folder, None)):
            self._loaded[key] = await self.pages.load(key)
            self.learning.pages[key] = self._loaded[key].states

    @property
    def states(self) -> dict[SignalKey, State]:
        """The new models."""
        return states_of(self.learning.pages)

    async def is_being_built(self) -> bool:
        """Whether no function may learn with them yet."""
        found = (await self._recorded())[0]
        return found is not None and bool(found.upgrade_from)

    async def is_new(self) -> bool:
        """Whether there is nothing at all of them yet."""
        return (await self._recorded())[0] is None

    async def begun_s(self) -> float:
        """When it was first recorded that they are being built."""
        found = (await self._recorded())[0]
        return 0.0 if found is None else found.upgrade_begun_s

    def behind(self) -> dict[Shard, Stretch]:
        """What is to be read: the shards of which something is to be learned that the stream still holds."""
        limits, states = limits_of(self.source, self.settings.use_case), self.states
        starts: dict[Shard, list[float | None]] = {}
        for key, marks in limits.keys.items():
            for shard, mark in marks.items():
                state = states.get(key)
                if is_behind(state, shard, mark) and self._is_held(shard, mark):
                    own = None if state is None else state.checkpoints.get(shard)
                    starts.setdefault(shard, []).append(None if own is None else own.arrived_s)
        last = limits.last()
        return {shard: Stretch(_earliest(since), last=last[shard]) for shard, since in starts.items()}

    def _is_held(self, shard: Shard, mark: Checkpoint) -> bool:
        since_s = self.retained_since_s.get(shard.stream_arn, float("inf"))
        return mark.arrived_s is None or mark.arrived_s > since_s

    def passed(self) -> list[SignalKey]:
        """The signals whose new models have learned what the others have not: they are in use themselves."""
        limits, states = limits_of(self.source, self.settings.use_case), self.states
        return [
            key
            for key, state in states.items()
            if any(
                self._is_past(limits.of(key, shard), shard, own) for shard, own in state.checkpoints.items()
            )
        ]

    def _is_past(self, limit: Checkpoint | None, shard: Shard, own: Checkpoint) -> bool:
        """Whether those in use would have learned that too, were they in use."""
        if limit is None:
            return self._is_held(shard, own)
        return own.sequence_number > limit.sequence_number

    async def begin(self) -> None:
        """Have everybody else wait: a function that starts on these models learns nothing.

        Raises: `PageChanged` where somebody else records something at the same time; `Unavailable`.
        """
        found, e_tag = await self._recorded()
        begun = Recorded(
            self.learning.layout.pages, upgrade_from=self.source.fingerprint, upgrade_begun_s=self.now_s
        )
        if found is None or found.upgrade_from != self.source.fingerprint:
            await record_layout(self.objects, self.prefix, begun, e_tag)

    async def catch_up(self) -> None:
        """Learn up to the checkpoints of the models in use, and write the pages; a second run goes on.

        Raises: `BadDeployment` where nothing can be learned; `PageChanged` where somebody else writes these
            models; `UnreadablePage`, `Unavailable`. What was written until then is right.
        """
        since = 0
        for shard, records in read_merged(self.kinesis, self.behind()):
            self.learning.learn(shard, records)
            since += len(records)
            if since >= _RECORDS_PER_COMMIT:
                await self.commit()
                since = 0
        await self.commit()

    async def commit(self) -> None:
        """Write the pages that have learned something."""
        learning = self.learning
        if learning.refused and not learning.observations:
            [(reason, times)] = learning.refused.most_common(1)
            raise BadDeployment(f"nothing could be learned: {times} times {reason}")
        for key in sorted(learning.changed):
            page = self._loaded.get(key) or Page(key, None, {})
            page.states = learning.pages[key]
            try:
                await self.pages.commit(page)
            except PageChanged as error:
                raise PageChanged(
                    f"{error}: somebody else learns with these models. Run it again when nobody does"
                ) from error
            self._loaded[key] = page
        learning.changed.clear()

    async def activate(self) -> bool:
        """Let functions learn with them; whether they could not before. Raises: as `begin`."""
        found, e_tag = await self._recorded()
        if found is None:
            raise ConfigurationError("there are no new models yet: `upgrade build` makes them")
        if not found.upgrade_from:
            return False
        await record_layout(self.objects, self.prefix, Recorded(found.pages), e_tag)
        return True

    async def _recorded(self) -> tuple[Recorded | None, str | None]:
        return await read_layout(self.objects, self.prefix) or (None, None)


def _earliest(times: list[float | None]) -> float | None:
    """The first of these times, and None, which is from the beginning on, before all others.

    >>> _earliest([7.0, 5.0, 6.0]), _earliest([5.0, None])
    (5.0, None)
    """
    known = [each for each in times if each is not None]
    return min(known) if len(known) == len(times) else None
