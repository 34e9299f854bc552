"""The models that an upgrade is to take the place of: how far they have learned, whatever River they are of.

Their pages are read without River: nothing of a model is looked at, and no class of it is imported.
"""

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from consumer.aws.s3 import Found, Objects
from consumer.decode.batch import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import STATE_FORMAT, UseCase
from consumer.errors import ConfigurationError, UnreadablePage
from consumer.learning.state import Checkpoint
from consumer.pages import safe_unpickler
from consumer.pages.codec import opened
from consumer.pages.columns import Columns, checkpoints_of
from consumer.pages.layout import Layout, Recorded, layout_key, recorded_in
from ops.formatting import pluralize, shown

_BYTES_MAX = 256 * 1024 * 1024
Marks = Mapping[SignalKey, Mapping[Shard, Checkpoint]]


@dataclass(frozen=True, slots=True)
class PreviousModels:
    """The models of another fingerprint, and up to where each of them has learned each shard."""

    fingerprint: str
    layout: Layout
    river: str = ""
    marks: Marks = field(default_factory=dict)


class _Anything:
    """Stands for whatever models and alerts are made of."""

    def __new__(cls, *arguments: Any, **named: Any) -> "_Anything":
        return object.__new__(cls)

    def __init__(self, *arguments: Any, **named: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def __call__(self, *arguments: Any) -> "_Anything":
        return self

    def append(self, value: Any) -> None: ...

    def extend(self, values: Any) -> None: ...

    def add(self, value: Any) -> None: ...


class _ClassesUnread(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _Anything


def checkpoints_in(page: bytes) -> tuple[str, Marks]:
    """The River that wrote the page, and the checkpoints in it.

    Raises: `UnreadablePage`.
    """
    header, body = opened(page)
    if header.format != STATE_FORMAT:
        raise UnreadablePage(f"it is of format {header.format}; this checkout reads {STATE_FORMAT}")
    try:
        safe_unpickler.check_opcodes(body)
        # Models and alerts are stand-ins here, of whatever classes they were: only the checkpoints are read.
        marks = checkpoints_of(msgspec.convert(_ClassesUnread(io.BytesIO(body)).load(), Columns))
    except Exception as error:  # a pickle that was tampered with may raise anything
        raise UnreadablePage(f"its checkpoints cannot be read: {error!r}") from error
    return header.river, marks


async def recorded(objects: Objects, prefix: str) -> Recorded | None:
    """What is recorded of the layout under the prefix. Raises: `Unavailable`."""
    found = await objects.get(layout_key(prefix), bytes_max=4096)
    if not isinstance(found, Found) or found.body is None:
        return None
    return recorded_in(layout_key(prefix), found.body)


async def find_source(objects: Objects, prefix: str, named: str | None) -> PreviousModels | None:
    """The models beside those under `prefix`: those that are named, or the only others; None: there are none.

    Raises: `ConfigurationError` where it is not clear which; `UnreadablePage`, `Unavailable`.
    """
    folder, _, own = prefix.rpartition("/")
    others = {}
    for name in await objects.folders(f"{folder}/"):
        layout = await recorded(objects, f"{folder}/{name}") if name != own else None
        if layout is not None and layout.moving_to is None and not layout.upgrade_from:
            others[name] = Layout(f"{folder}/{name}", layout.pages)
    if named is not None:
        if named not in others:
            raise ConfigurationError(f"there are no models {folder}/{named}; there are {_names(others)}")
        others = {named: others[named]}
    if len(others) > 1:
        lines = [await _described(objects, name, layout) for name, layout in others.items()]
        raise ConfigurationError("\n  ".join(["say with --from which models are in use now:", *lines]))
    return await _read(objects, *others.popitem()) if others else None


async def _described(objects: Objects, name: str, layout: Layout) -> str:
    try:
        source = await _read(objects, name, layout)
    except UnreadablePage as error:
        return f"{name}: {error}"
    times = [mark.arrived_s or 0.0 for marks in source.marks.values() for mark in marks.values()]
    until = shown(max(times, default=None))
    return (
        f"{name}: River {source.river}, {pluralize(len(source.marks), 'signal')}, learned until {until} UTC"
    )


async def _read(objects: Objects, name: str, layout: Layout) -> PreviousModels:
    rivers: set[str] = set()
    marks: dict[SignalKey, Mapping[Shard, Checkpoint]] = {}
    for key in sorted(await objects.keys(layout.folder)):
        found = await objects.get(key, bytes_max=_BYTES_MAX)
        if not isinstance(found, Found) or found.body is None:
            raise UnreadablePage(f"the page {key} cannot be read whole")
        try:
            river, of_page = checkpoints_in(found.body)
        except UnreadablePage as error:
            raise UnreadablePage(f"the page {key}: {error}. Roll it back first") from error
        rivers.add(river)
        marks |= of_page
    return PreviousModels(name, layout, ", ".join(sorted(rivers)), marks)


def limits_of(source: PreviousModels, use_case: UseCase) -> "Limits":
    """Up to where the new models are to learn."""
    keys: dict[SignalKey, dict[Shard, Checkpoint]] = {}
    record_signals: dict[str, dict[Shard, Checkpoint]] = {}
    for key, marks in source.marks.items():
        own = use_case.learned_as(key) or key
        for shard, mark in marks.items():
            for each in (keys.setdefault(own, {}), record_signals.setdefault(key.record_signal, {})):
                if shard not in each or each[shard].sequence_number < mark.sequence_number:
                    each[shard] = mark
    return Limits(keys, record_signals)


@dataclass(frozen=True, slots=True)
class Limits:
    """The last record learned, by signal and shard; of a new signal, that of its record signal."""

    keys: Marks
    record_signals: Mapping[str, Mapping[Shard, Checkpoint]]

    def of(self, key: SignalKey, shard: Shard) -> Checkpoint | None:
        """None: nothing was learned."""
        marks = self.keys.get(key) or self.record_signals.get(key.record_signal) or {}
        return marks.get(shard)

    def last(self) -> dict[Shard, int]:
        """The highest sequence number of each shard."""
        highest: dict[Shard, int] = {}
        for marks in self.keys.values():
            for shard, mark in marks.items():
                highest[shard] = max(highest.get(shard, 0), mark.sequence_number)
        return highest


def _names(others: Mapping[str, Layout]) -> str:
    return ", ".join(sorted(others)) or "none"
