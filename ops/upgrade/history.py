"""New models that start with what recordings tell of the time before: `upgrade build --history FILE`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.recordings.refusals import ReplayRefused
from consumer.decode.batch import Shard
from consumer.decode.lambda_event import batches_of
from consumer.decode.signal_names import SignalKey
from consumer.errors import ConfigurationError
from consumer.learning.signal_learner import times
from consumer.pages.codec import States
from consumer.settings.signal_settings import SettingsOfSignals
from ops.backtest.backtest import Backtest, Row
from ops.backtest.command import Columns, read_recording
from ops.state.page_editor import PageEditor
from ops.upgrade.records import Stretch, read_merged


@dataclass(frozen=True, slots=True)
class History:
    """Recordings of some assets, and how their signals come on the stream."""

    name: str
    settings: SettingsOfSignals
    files: Sequence[Path]
    columns: Columns
    known: Mapping[str, SignalKey]
    """By its name, a signal that the models in use know."""
    are_rows: bool = False
    """Whether the values of an asset come in one record; else each signal has records of its own."""

    def keys(self) -> dict[SignalKey, Path]:
        """What they have, and in which file.

        Raises: `ConfigurationError` where a file cannot be read, or two have the same signal.
        """
        found: dict[SignalKey, Path] = {}
        for path in self.files:
            recording = self._opened(path)
            for key in {self._key(recording.asset, signal) for signal in recording.signals}:
                if key in found:
                    raise ConfigurationError(f"{found[key]} and {path} both have {key.signal!r}")
                found[key] = path
        return found

    def learn(self, wanted: Iterable[SignalKey], before_s: Mapping[SignalKey, float]) -> States:
        """Models of these signals that have learned their recordings, each up to that time, or whole.

        Raises: `ConfigurationError`.
        """
        states, wanted = {}, set(wanted)
        for path in self.files:
            recording = self._opened(path)
            keys = [self._key(recording.asset, signal) for signal in recording.signals]
            ends = [before_s.get(key, float("inf")) if key in wanted else float("-inf") for key in keys]
            backtest = Backtest(self.name, self.settings, recording.asset, recording.signals)
            for _ in backtest.parts(_until(recording.rows, ends)):
                pass
            for key, state in backtest.states.items():
                state.checkpoints = {}  # nothing of the stream is learned yet
                states[self._key(recording.asset, key.signal)] = state
        return states

    def _key(self, asset: str, signal: str) -> SignalKey:
        if self.settings.use_case.learns_assets:
            return SignalKey(asset, asset)
        return self.known.get(signal, SignalKey(asset if self.are_rows else signal, signal))

    def _opened(self, path: Path) -> Any:
        try:
            return read_recording(path, self.columns)
        except ReplayRefused as error:
            raise ConfigurationError(str(error)) from error


def _until(rows: Iterable[Row], ends: Sequence[float]) -> Iterator[Row]:
    """Each signal up to its end; None is no value."""
    for at_s, values in rows:
        yield (
            at_s,
            [value if at_s < end else None for value, end in zip(values, ends, strict=True)],
        )


def first_times(
    client: Any, wanted: Mapping[Shard, Stretch], settings: SettingsOfSignals, keys: Iterable[SignalKey]
) -> dict[SignalKey, float]:
    """When the first observation of each of these signals was measured, of those the stream still holds.

    Raises: `Unavailable`.
    """
    found: dict[SignalKey, float] = {}
    left = set(keys)
    for _, records in read_merged(client, wanted):
        if not left:
            break
        while records:
            [batch] = batches_of({"Records": records})
            settings.use_case.merge_signals(batch)
            for key in left & batch.runs.keys():
                run = batch.runs[key]
                known = [at_s for at_s in times(run, range(len(run.values)), batch) if at_s is not None]
                if known:
                    found[key] = known[0]
            left -= found.keys()
            records = [] if batch.unread_from is None else records[batch.unread_from :]
    return found


async def put(changing: PageEditor, states: States) -> int:
    """Add models to the pages, where nobody has made one of that signal meanwhile; how many were added.

    Raises: as `PageEditor.change`.
    """
    return sum(
        [
            await changing.change(page_key, _adding({key: states[key] for key in keys}))
            for page_key, keys in changing.layout.grouped(states).items()
        ]
    )


def _adding(states: States) -> Callable[[States], tuple[bool, int]]:
    def add(page: States) -> tuple[bool, int]:
        new = {key: state for key, state in states.items() if key not in page}
        page |= new
        return bool(new), len(new)

    return add
