"""The models that an upgrade replaces: how far they have learned, whatever River they are of.

Their pages are read without River: no model is looked at, and no class of it is imported.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from consumer.aws.s3 import Objects
from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import STATE_FORMAT, UseCase
from consumer.errors import ConfigurationError, UnreadablePage
from consumer.learning.state import Checkpoint
from consumer.pages.codec import opened, read_columns
from consumer.pages.columns import checkpoints_of
from consumer.pages.layout import Layout, layout_at, read_layout
from consumer.pages.store import read_page_body
from ops.formatting import pluralize, shown

Checkpoints = Mapping[SignalKey, Mapping[Shard, Checkpoint]]


@dataclass(frozen=True, slots=True)
class Limits:
    """The last record to learn, by signal and shard; of a new signal, that of its record signal."""

    keys: Checkpoints
    record_signals: Mapping[str, Mapping[Shard, Checkpoint]]

    def of(self, key: SignalKey, shard: Shard) -> Checkpoint | None:
        """None: do not learn the shard."""
        checkpoints = self.keys.get(key) or self.record_signals.get(key.record_signal) or {}
        return checkpoints.get(shard)

    def last(self) -> dict[Shard, int]:
        """The highest sequence number of each shard."""
        highest: dict[Shard, int] = {}
        for checkpoints in self.keys.values():
            for shard, checkpoint in checkpoints.items():
                highest[shard] = max(highest.get(shard, 0), checkpoint.sequence_number)
        return highest


@dataclass(frozen=True, slots=True)
class PreviousModels:
    """The models of another fingerprint, and how far each of them has learned each shard."""

    fingerprint: str
    layout: Layout
    river: str = ""
    checkpoints: Checkpoints = field(default_factory=dict)

    def limits(self, use_case: UseCase) -> Limits:
        """How far models of this use case, which may merge an asset's signals, have to learn."""
        keys: dict[SignalKey, dict[Shard, Checkpoint]] = {}
        record_signals: dict[str, dict[Shard, Checkpoint]] = {}
        for key, checkpoints in self.checkpoints.items():
            own = use_case.learned_as(key) or key
            for shard, checkpoint in checkpoints.items():
                for each in (keys.setdefault(own, {}), record_signals.setdefault(key.record_signal, {})):
                    each[shard] = _further(each.get(shard), checkpoint)
        return Limits(keys, record_signals)


def _further(one: Checkpoint | None, other: Checkpoint) -> Checkpoint:
    """What either has learned of a shard: records of several partition keys may share a number.

    >>> _further(Checkpoint(7, ("b",), None), Checkpoint(7, ("a",), 1.5)).partition_keys
    ('a', 'b')
    """
    if one is None or one.sequence_number < other.sequence_number:
        return other
    if one.sequence_number > other.sequence_number:
        return one
    partition_keys = tuple(sorted({*one.partition_keys, *other.partition_keys}))
    return msgspec.structs.replace(other, partition_keys=partition_keys)


def checkpoints_in(page: bytes) -> tuple[str, Checkpoints]:
    """The River that wrote the page, and the checkpoints in it.

    Raises: `UnreadablePage`.
    """
    header, body = opened(page)
    if header.format != STATE_FORMAT:
        raise UnreadablePage(f"it is of format {header.format}; this checkout reads {STATE_FORMAT}")
    try:
        checkpoints = checkpoints_of(read_columns(header, body))
    except Exception as error:  # of a page that was altered
        raise UnreadablePage(f"its checkpoints cannot be read: {error!r}") from error
    return header.river, checkpoints


async def find_previous_models(objects: Objects, prefix: str, named: str | None) -> PreviousModels | None:
    """The models beside those under `prefix`: those that are named, or the only others; None: there are none.

    Raises: `ConfigurationError` if there are several; `UnreadablePage`, `Unavailable`.
    """
    folder, _, own = prefix.rpartition("/")
    others = {}
    for name in await objects.folders(f"{folder}/"):
        found = await read_layout(objects, f"{folder}/{name}") if name != own else None
        if found is not None and found[0].moving_to is None and not found[0].upgrade_from:
            others[name] = await layout_at(objects, f"{folder}/{name}", found[0].where)
    if named is not None:
        if named not in others:
            names = ", ".join(sorted(others)) or "none"
            raise ConfigurationError(f"there are no models {folder}/{named}; there are {names}")
        others = {named: others[named]}
    if len(others) > 1:
        lines = [await _described(objects, name, layout) for name, layout in others.items()]
        raise ConfigurationError("\n  ".join(["say with --from which models are in use now:", *lines]))
    return await _read(objects, *others.popitem()) if others else None


async def _described(objects: Objects, name: str, layout: Layout) -> str:
    try:
        models = await _read(objects, name, layout)
    except UnreadablePage as error:
        return f"{name}: {error}"
    times = [each.arrived_s or 0.0 for shards in models.checkpoints.values() for each in shards.values()]
    signals, until = pluralize(len(models.checkpoints), "signal"), shown(max(times, default=None))
    return f"{name}: River {models.river}, {signals}, learned until {until} UTC"


async def _read(objects: Objects, name: str, layout: Layout) -> PreviousModels:
    rivers: set[str] = set()
    checkpoints: dict[SignalKey, Mapping[Shard, Checkpoint]] = {}
    for key in sorted(await objects.keys(layout.folder)):
        found = await read_page_body(objects, key)
        if found is None:
            raise UnreadablePage(f"the page {key} is gone")
        try:
            river, of_page = checkpoints_in(found[1])
        except UnreadablePage as error:
            raise UnreadablePage(
                f"the page {key}: {error}. If it was damaged, roll it back first; models of another format "
                "cannot be carried over"
            ) from error
        rivers.add(river)
        checkpoints |= of_page
    return PreviousModels(name, layout, ", ".join(sorted(rivers)), checkpoints)
