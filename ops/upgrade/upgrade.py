"""New models built beside the ones in use, from what the stream still holds: `python -m ops upgrade`.

    layout.json says that the models are being built    # a function that starts on them waits
    each record that the models in use have learned is learned, up to their checkpoints; nothing is published
    the pages are written
    ... again, as often as you like; and once more when nothing learns any more
    layout.json says where the models lie               # this activates them

Nobody has learned yet what lies above the checkpoints of the models in use: the new function learns it, for
its mapping goes on from there. So the new models learn each record once, and its events are published by
the models that were in use when it arrived.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from consumer.decode.records import Shard
from consumer.errors import BadDeployment, ConfigurationError, LayoutChanged, PageChanged
from consumer.learning.state import Checkpoint
from consumer.pages.codec import PageCodec, States
from consumer.pages.layout import (
    Layout,
    Recorded,
    layout_at,
    layout_key,
    read_layout,
    record_assets,
    record_layout,
    where_of,
)
from consumer.pages.store import Page, PageStore
from consumer.ports import ObjectStore
from consumer.settings.signal_settings import SettingsOfSignals
from ops.context import settings_to_read
from ops.formatting import pluralize
from ops.quarantine.left_out import QuarantinedObservations
from ops.replay.offline_learner import OfflineLearner, is_behind
from ops.replay.stream_reader import StreamReader, Stretch
from ops.target import Target
from ops.upgrade.previous_models import Limits, PreviousModels, find_previous_models

_RECORDS_PER_COMMIT = 100_000
_CHANGED = "another operator has begun or finished an upgrade to these models meanwhile: run it again"


@dataclass(slots=True)
class Upgrade:
    """The models under `prefix`, on their way to where the `previous` ones are."""

    name: str
    settings: SettingsOfSignals
    objects: ObjectStore
    pages: PageStore
    stream: StreamReader
    prefix: str
    previous: PreviousModels
    retained_since_s: Mapping[str, float]
    """Of each stream, by its ARN: records that arrived earlier have expired."""
    now_s: float
    recorded: Recorded | None = None
    """What `layout.json` says of the new models; None: there are none yet."""
    limits: Limits = field(init=False)
    learner: OfflineLearner = field(init=False)
    _loaded: dict[str, Page] = field(default_factory=dict)
    _e_tag: str | None = None
    """Of `layout.json`, as it was read."""

    async def open(self) -> None:
        """Read what there is of the new models. Raises: `LayoutChanged`, `UnreadablePage`, `Unavailable`."""
        self.recorded, self._e_tag = await self._read_layout()
        if self.recorded is not None and self.recorded.moving_to is not None:
            raise LayoutChanged("the new models are being moved to other pages: finish that first")
        previous = self.previous.layout
        layout = Layout(self.prefix, previous.pages, previous.assets)
        if self.recorded is not None:
            layout = await layout_at(self.objects, self.prefix, self.recorded.where, previous.assets)
        if layout.assets != previous.assets:
            raise ConfigurationError(
                f"the models in use lie in {previous.name}, and the new ones in {layout.name}, or by other "
                "assets, so that nothing says how far which signal has learned: move the former with "
                "`python -m ops repage` as it is deployed, then build these"
            )
        self.settings.placement = layout.assets
        self.limits = self.previous.limits(self.settings.use_case)
        quarantined = QuarantinedObservations(self.objects, self.name)
        self.learner = OfflineLearner(
            self.name, self.settings, layout, limit=self.limits.of, quarantined=quarantined
        )
        for key in sorted(await self.pages.keys(layout.folder, None)):
            self._loaded[key] = await self.pages.load(key)
            self.learner.pages[key] = self._loaded[key].states

    @property
    def is_being_built(self) -> bool:
        """Whether no function may learn with the new models yet."""
        return self.recorded is not None and bool(self.recorded.upgrade_from)

    def behind(self) -> dict[Shard, Stretch]:
        """What to read: the shards with something to learn that the stream still holds."""
        states = self.learner.states
        starts: dict[Shard, list[float | None]] = {}
        for key, checkpoints in self.limits.keys.items():
            state = states.get(key)
            for shard, limit in checkpoints.items():
                own = None if state is None else state.checkpoints.get(shard)
                if is_behind(own, limit) and self._is_held(shard, limit):
                    starts.setdefault(shard, []).append(None if own is None else own.arrived_s)
        last = self.limits.last()
        return {shard: Stretch(_earliest(since), last=last[shard]) for shard, since in starts.items()}

    def check_not_in_use(self) -> None:
        """Raise `ConfigurationError` if a function has learned with the new models already."""
        ahead = [
            key
            for key, state in self.learner.states.items()
            if any(
                self._is_ahead(self.limits.of(key, shard), shard, own)
                for shard, own in state.checkpoints.items()
            )
        ]
        if ahead and self.behind():
            raise ConfigurationError(
                "the models of the River and the use case that are installed here are in use themselves: "
                f"{pluralize(len(ahead), 'signal')}, such as {ahead[0].signal!r}, have learned what those of "
                f"{self.previous.fingerprint} have not. Nothing was built"
            )

    def check_not_begun(self) -> None:
        """Raise `ConfigurationError` if a function has begun with these models, and has learned nothing yet.

        Were they taken out of force now, it would wait for an upgrade that nobody deploys any more.
        """
        is_in_force = self.recorded is not None and not self.is_being_built
        if is_in_force and not self.learner.states and self.behind():
            raise ConfigurationError(
                "a function of the River and the use case that are installed here has begun to work: it has "
                f"recorded {layout_key(self.prefix)}, and has learned nothing yet. Nothing was built. Deploy "
                "the one that was in use before; then disable its event source mapping, and run this with "
                "--idle instead of --pause"
            )

    def _is_held(self, shard: Shard, checkpoint: Checkpoint) -> bool:
        since_s = self.retained_since_s.get(shard.stream_arn, float("inf"))
        return checkpoint.arrived_s is None or checkpoint.arrived_s > since_s

    def _is_ahead(self, limit: Checkpoint | None, shard: Shard, own: Checkpoint) -> bool:
        """Whether the new models have learned what the previous ones would have, were they in use."""
        if limit is None:
            return self._is_held(shard, own)
        return is_behind(limit, own)

    async def begin(self) -> None:
        """Record that the models are being built: a function that starts on them learns nothing.

        Raises: `PageChanged` if somebody else records something at the same time; `Unavailable`.
        """
        if self.recorded is None or self.recorded.upgrade_from != self.previous.fingerprint:
            layout, source = self.learner.layout, self.previous.fingerprint
            await record_assets(self.objects, layout)
            begun = where_of(layout).recorded(upgrade_from=source, upgrade_begun_s=self.now_s)
            await self._record(begun)
        else:
            found, _ = await self._read_layout()
            self.check_recorded(found)

    def check_recorded(self, recorded: Recorded | None) -> None:
        """Raise `PageChanged` if that is not what `layout.json` said when the models were opened."""
        if recorded != self.recorded:
            raise PageChanged(_CHANGED)

    async def _record(self, recorded: Recorded) -> None:
        """Write `layout.json`, if it is still as it was read."""
        try:
            self._e_tag = await record_layout(self.objects, self.prefix, recorded, self._e_tag)
        except PageChanged as error:
            raise PageChanged(_CHANGED) from error
        self.recorded = recorded

    async def catch_up(self) -> None:
        """Learn up to the checkpoints of the models in use, and write the pages; a second call goes on.

        Raises: `BadDeployment` if nothing can be learned; `PageChanged` if somebody else writes these models;
            `UnreadablePage`, `Unavailable`. What was written until then is right.
        """
        since = 0
        for _, records in self.stream.read_merged(self.behind()):
            self.learner.learn(records)
            since += len(records)
            if since >= _RECORDS_PER_COMMIT:
                await self.commit()
                since = 0
        await self.commit()

    async def commit(self) -> None:
        """Write the pages that have learned something. Raises: as `catch_up`."""
        learner = self.learner
        if learner.raised and not learner.observations:
            [(reason, times)] = learner.raised.most_common(1)
            raise BadDeployment(f"nothing could be learned: {times} times {reason}")
        for key in sorted(learner.changed):
            page = self._loaded.get(key) or Page(key, None, States())
            page.states = learner.pages[key]
            try:
                await self.pages.commit(page)
            except PageChanged as error:
                raise PageChanged(
                    f"{error}: somebody else learns with these models. Run it again when nobody does"
                ) from error
            self._loaded[key] = page
        learner.changed.clear()

    async def activate(self) -> None:
        """Let functions learn with the new models. Raises: as `begin`."""
        found, e_tag = await self._read_layout()
        if found is None:
            raise ConfigurationError("there are no new models yet: `upgrade build` makes them")
        if found.upgrade_from:
            self.check_recorded(found)
            self._e_tag = e_tag
            await self._record(found.where.recorded())

    async def _read_layout(self) -> tuple[Recorded | None, str | None]:
        return await read_layout(self.objects, self.prefix) or (None, None)


async def open_upgrade(target: Target, named: str | None) -> Upgrade | None:
    """The new models and the previous ones: those that are named, else those that the upgrade began with.

    None: there are no models but the new ones.

    Raises: as `find_previous_models`, `Upgrade.open` and `PageCodec.check`.
    """
    objects, prefix, now_s = target.objects(), target.prefix(), time.time()
    begun = await read_layout(objects, prefix)
    source = named or (begun[0].upgrade_from if begun else "") or None
    previous = await find_previous_models(objects, prefix, source)
    if previous is None:
        return None
    settings, stream = settings_to_read(target), StreamReader(target.client("kinesis"))
    PageCodec().check(settings.use_case)
    retained_since_s = {}
    for arn in {shard.stream_arn for shards in previous.checkpoints.values() for shard in shards}:
        since_s = stream.retained_since_s(arn.rpartition("/")[2], now_s)
        if since_s is not None:  # else the stream is gone, and holds nothing
            retained_since_s[arn] = since_s
    store = PageStore(objects, PageCodec(), 0)
    upgrade = Upgrade(
        target.use_case, settings, objects, store, stream, prefix, previous, retained_since_s, now_s
    )
    await upgrade.open()
    return upgrade


def _earliest(times: list[float | None]) -> float | None:
    """The first of these times; None, which stands for the beginning, comes before all others.

    >>> _earliest([7.0, 5.0, 6.0]), _earliest([5.0, None])
    (5.0, None)
    """
    known = [each for each in times if each is not None]
    return min(known) if len(known) == len(times) else None
