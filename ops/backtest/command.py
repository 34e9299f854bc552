"""`python -m ops backtest`: reads recordings, learns them, and writes the events and scores."""

import csv
import json
import time as clock
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from clients.recordings import columns as columns_of_table
from clients.recordings.columns import ReadOptions
from clients.recordings.labels import windows_of_file
from clients.recordings.opening import open_table
from clients.recordings.rows import rows_of
from clients.recordings.survey import described, survey
from clients.terminal import echo, printable
from consumer.decode.signal_names import SignalKey, check_name
from consumer.decode.values import iso8601
from consumer.detectors.base import UseCase
from consumer.detectors.forecast import ForecastUseCase
from consumer.errors import ConfigurationError
from consumer.pages.codec import PageCodec
from consumer.plant import plant
from consumer.settings.signal_settings import SettingsOfSignals
from consumer.settings.signals_yaml import SHIPPED, read_signals_file
from ops.backtest.backtest import Backtest, Part, Row
from ops.formatting import pluralize


@dataclass(frozen=True, slots=True)
class Outputs:
    """Files to write, if asked for; `windows` is read, to be drawn."""

    events: Path | None = None
    scores: Path | None = None
    plot: Path | None = None
    windows: Path | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """An opened file: its asset, its signals, what was found in it, for people, and its rows."""

    asset: str
    signals: list[str]
    keys: list[SignalKey]
    """The signals with their assets: the file, or of tags what stands before their last part."""
    said: list[str]
    rows: Iterator[Row]


def choose(
    name: str, upper: float | None, lower: float | None, settings: Path | None = None
) -> SettingsOfSignals:
    """The use case of that name, a forecast with these limits, and the settings of single signals.

    Raises: `ConfigurationError`.
    """
    use_case = plant().use_case(name)
    of_signals = read_signals_file(str(settings.absolute()) if settings else SHIPPED, plant())
    return SettingsOfSignals(name, _with_limits(name, use_case, upper, lower), of_signals)


def _with_limits(name: str, use_case: UseCase, upper: float | None, lower: float | None) -> UseCase:
    if upper is None and lower is None:
        return use_case
    if not isinstance(use_case, ForecastUseCase):
        raise ConfigurationError(f"{name} is no forecast: --upper and --lower do not apply")
    return replace(
        use_case,
        upper=use_case.upper if upper is None else upper,
        lower=use_case.lower if lower is None else lower,
    )


def run_backtest(
    files: Sequence[Path], name: str, settings: SettingsOfSignals, read: ReadOptions, outputs: Outputs
) -> None:
    """Run a use case over each of the files.

    Raises: `ConfigurationError`; `ReplayRefused` for a file that cannot be read.
    """
    if outputs.windows and not outputs.plot:
        raise ConfigurationError("--windows needs --plot, which draws them")
    if outputs.plot and len(files) > 1:
        raise ConfigurationError("--plot draws one file")
    PageCodec().check(settings.use_case)  # what the function refuses at its start
    with ExitStack() as files_open:
        events = files_open.enter_context(outputs.events.open("w")) if outputs.events else None
        scores = None
        if outputs.scores:
            scores = csv.writer(files_open.enter_context(outputs.scores.open("w", newline="")))
            scores.writerow(["timestamp", "value", "anomaly_score"])
        for path in files:
            recording = read_recording(path, read)
            for line in recording.said:
                echo(printable(line), err=True)
            backtest = Backtest(name, settings, recording.asset, recording.signals, recording.keys)
            kept: list[Part] = []
            for part in _reported(path, backtest, recording.rows):
                kept += [part] if outputs.plot else []
                if events:
                    events.writelines(f"{json.dumps(detail)}\n" for detail in part.events)
                if scores:
                    times = [iso8601(at_s) for at_s, _ in part.rows]
                    scores.writerows((at, *scored) for at, scored in zip(times, part.scored, strict=True))
            if outputs.plot:
                from ops.backtest.plot import write_plot

                windows = windows_of_file(outputs.windows, path) if outputs.windows else []
                write_plot(outputs.plot, f"{path.name}, {name}", recording.signals, kept, windows)


def read_recording(path: Path, read: ReadOptions) -> Recording:
    """Open a file. Raises: `ReplayRefused` where it cannot be read, `Unlearnable` for a name."""
    choice = columns_of_table.choose(open_table(path), read)
    said = described(choice, survey(choice))
    asset = path.name.split(".")[0]
    keys = list(choice.signal_keys(asset))
    names: list[str] = [check_name(key.signal) for key in keys]
    return Recording(asset, names, keys, said, ((row.at_s, row.values) for row in rows_of(choice)))


def _reported(path: Path, backtest: Backtest, rows: Iterator[Row]) -> Iterator[Part]:
    """Learn the rows; print each event, and at the end a summary."""
    start, events, learner = clock.perf_counter(), 0, backtest.learner
    for part in backtest.parts(rows):
        events += len(part.events)
        for detail in part.events:
            echo(f"{detail['timestamp']}  {printable(detail['headline'])}  {json.dumps(detail['evidence'])}")
        yield part
    took_s = clock.perf_counter() - start
    paused = f"{learner.paused:,} more not learned, during events of calendars; " if learner.paused else ""
    if learner.outside_modes:
        paused += f"{learner.outside_modes:,} more not learned, outside of the modes that are; "
    echo(
        f"{printable(str(path))}: {learner.observations:,} values of "
        f"{pluralize(len(backtest.signals), 'signal')}, "
        f"{learner.observations / took_s:,.0f} a second; "
        f"{pluralize(events, 'event')} of {backtest.name}; {paused}"
        f"{learner.rejected.total()} values could not be learned",
        err=True,
    )
    for reason, times in learner.rejected.most_common(5):
        echo(f"  {times} times: {printable(reason)}", err=True)
