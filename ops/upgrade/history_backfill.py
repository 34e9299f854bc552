"""New models that start with recordings of the time before the stream: `upgrade build --history FILE`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clients.recordings.columns import ReadOptions
from clients.recordings.refusal import ReplayRefused
from clients.terminal import echo, printable
from consumer.decode.lambda_event import decode_all
from consumer.decode.signal_names import SignalKey, placed
from consumer.errors import ConfigurationError, PageChanged
from consumer.learning.signal_learner import times
from consumer.learning.state import State
from consumer.pages.codec import AnyStates, PageCodec
from consumer.pages.layout import (
    Layout,
    layout_at,
    read_layout,
    record_assets,
    record_layout,
    where_of,
)
from ops.backtest.backtest import Backtest, Row
from ops.backtest.command import Recording, read_recording
from ops.context import PAGES, editor_of, settings_of
from ops.formatting import pluralize, shown
from ops.replay.stream_reader import StreamReader
from ops.state.page_editor import PageEditor
from ops.target import Target
from ops.upgrade.previous_models import PreviousModels


@dataclass(frozen=True, slots=True)
class RecordingFiles:
    """The recordings that are given, and how to read them."""

    files: Sequence[Path]
    read: ReadOptions = ReadOptions()  # noqa: RUF009  # it is frozen
    are_rows: bool = False
    """Whether the stream brings an asset's values in one record; else each signal has records of its own."""


class HistoryBackfill:
    """Models of new signals from recordings, beside those that are there."""

    def __init__(self, target: Target, previous: PreviousModels | None, recordings: RecordingFiles) -> None:
        self._target, self._objects, self._recordings = target, target.objects(), recordings
        self._settings = settings_of(target)
        self._use_case = self._settings.use_case
        PageCodec().check(self._use_case)
        known = previous.limits(self._use_case).keys if previous else {}
        self._known = {key.signal: key for key in known}
        if previous is not None:
            self._settings.placement = previous.layout.assets

    async def wanted(self) -> list[SignalKey]:
        """The recordings' signals that have no model yet.

        Raises: `ConfigurationError` if a file cannot be read, or two have the same signal; `UnreadablePage`,
            `Unavailable`.
        """
        editor = await self._editor()
        keys = self._keys()
        existing: set[SignalKey] = set()
        for page_key in editor.layout.grouped(keys):
            existing |= (await editor.pages.load(page_key)).states.keys()
        return [key for key in keys if key not in existing]

    async def run(self, wanted: Iterable[SignalKey]) -> int:
        """Learn their recordings up to what the stream still holds; return how many models were added."""
        before_s = self._first_times(wanted)
        states = self._learn(wanted, before_s)
        for key, state in states.items():
            until = f", up to {shown(before_s[key])} UTC, where the stream starts" if key in before_s else ""
            echo(
                f"{printable(key.signal)}: {pluralize(state.learned, 'observation')} of its recording{until}"
            )
        editor = await self._editor()
        return sum(
            [
                await editor.change(page_key, _adding({key: states[key] for key in keys}))
                for page_key, keys in editor.layout.grouped(states).items()
            ]
        )

    async def record_layout(self) -> None:
        """If there is no model yet, record where they are going to lie."""
        layout = Layout(self._target.prefix(), PAGES, self._settings.placement)
        with suppress(PageChanged):
            await record_assets(self._objects, layout)
            await record_layout(self._objects, layout.prefix, where_of(layout).recorded(), None)

    def _keys(self) -> dict[SignalKey, Path]:
        found: dict[SignalKey, Path] = {}
        for path in self._recordings.files:
            recording = self._read(path)
            for line in recording.said:
                echo(printable(line), err=True)
            for key in set(map(self._key, recording.keys)):
                if key in found:
                    raise ConfigurationError(f"{found[key]} and {path} both have {key.signal!r}")
                found[key] = path
        return found

    def _key(self, key: SignalKey) -> SignalKey:
        """Of a signal and its asset, the key of the model."""
        if (placement := self._settings.placement) is not None:
            by_asset = placed(key, placement)
            return self._use_case.learned_as(by_asset) or by_asset
        if self._use_case.learns_assets:
            return SignalKey(key.record_signal, key.record_signal)
        return self._known.get(
            key.signal, key if self._recordings.are_rows else SignalKey(key.signal, key.signal)
        )

    def _read(self, path: Path) -> Recording:
        try:
            return read_recording(path, self._recordings.read)
        except ReplayRefused as error:
            raise ConfigurationError(str(error)) from error

    def _learn(
        self, wanted: Iterable[SignalKey], before_s: Mapping[SignalKey, float]
    ) -> dict[SignalKey, State]:
        """Models of these signals that have learned their recordings, each up to that time, or whole."""
        states, wanted = {}, set(wanted)
        for path in self._recordings.files:
            recording = self._read(path)
            keys = list(map(self._key, recording.keys))
            ends = [before_s.get(key, float("inf")) if key in wanted else float("-inf") for key in keys]
            name, settings = self._target.use_case, self._settings
            placement = settings.placement
            of_recording = [placed(key, placement) for key in recording.keys]
            backtest = Backtest(name, settings, recording.asset, recording.signals, of_recording)
            for _ in backtest.parts(_until(recording.rows, ends)):
                pass
            for key, state in backtest.learner.states.items():
                state.checkpoints = {}  # nothing of the stream is learned yet
                states[self._key(key) if placement is None else key] = state
        return states

    def _first_times(self, wanted: Iterable[SignalKey]) -> dict[SignalKey, float]:
        """When the first observation of each signal that the stream still holds was measured."""
        if self._target.stream_name is None:
            return {}
        stream, left = StreamReader(self._target.client("kinesis")), set(wanted)
        found: dict[SignalKey, float] = {}
        for _, records in stream.read_merged(stream.whole(stream.arn(self._target.stream_name))):
            for batch in decode_all(records, self._settings.make_ready):
                for key in left & batch.signals.keys():
                    columns = batch.signals[key]
                    measured = times(columns, range(len(columns.values)), batch)
                    known = [at_s for at_s in measured if at_s is not None]
                    if known:
                        found[key] = known[0]
                left -= found.keys()
            if not left:
                break
        return found

    async def _editor(self) -> PageEditor:
        """The pages as they are recorded, else as they are going to lie."""
        prefix = self._target.prefix()
        found = await read_layout(self._objects, prefix)
        layout = Layout(prefix, PAGES, self._settings.placement)
        if found is not None:
            layout = await layout_at(self._objects, prefix, found[0].where, self._settings.placement)
            self._settings.placement = layout.assets
        return editor_of(self._objects, layout)


def _until(rows: Iterable[Row], ends: Sequence[float]) -> Iterator[Row]:
    """The rows, without the values of each signal from its end on."""
    for at_s, values in rows:
        yield at_s, [value if at_s < end else None for value, end in zip(values, ends, strict=True)]


def _adding(states: Mapping[SignalKey, State]) -> Callable[[AnyStates], tuple[bool, int]]:
    """A change of a page that adds models, unless somebody has made one of that signal meanwhile."""

    def add(page: AnyStates) -> tuple[bool, int]:
        new = {key: state for key, state in states.items() if key not in page}
        page.update(new)
        return bool(new), len(new)

    return add
