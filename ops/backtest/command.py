"""`python -m consumer backtest`: reads recordings, learns them, and writes what came of it."""

import csv
import json
import time as clock
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from clients.recordings import columns as columns_of_table
from clients.recordings.labels import windows_of_file
from clients.recordings.survey import survey
from clients.recordings.table import open_table
from consumer.decode.signal_names import check_name
from consumer.decode.timestamps import iso8601
from consumer.detectors.base import UseCase
from consumer.detectors.forecast import ForecastUseCase
from consumer.errors import ConfigurationError
from consumer.plant import plant
from consumer.settings.signal_settings import SettingsOfSignals
from consumer.settings.signals_yaml import SHIPPED, read_signals_file
from ops.backtest.backtest import Backtest, Part, Row


@dataclass(frozen=True, slots=True)
class Outputs:
    """Files to write, if asked for; `windows` is read, to be drawn."""

    events: Path | None = None
    scores: Path | None = None
    plot: Path | None = None
    windows: Path | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns are read: the time's name, and the signals' with commas between; None: found out."""

    time: str | None = None
    signals: str | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """A file that was opened: the asset and the signals it is of, and its rows."""

    asset: str
    signals: list[str]
    rows: Iterator[Row]


def choose(
    name: str, upper: float | None, lower: float | None, settings: Path | None = None
) -> SettingsOfSignals:
    """The line of that name, a forecast's with these limits, and what is set for single signals.

    Raises: `ConfigurationError`.
    """
    use_case = plant().use_case(name)
    of_signals = read_signals_file(str(settings.absolute()) if settings else SHIPPED, plant())
    return SettingsOfSignals(name, _with_limits(name, use_case, upper, lower), of_signals)


def _with_limits(name: str, use_case: UseCase, upper: float | None, lower: float | None) -> UseCase:
    if upper is None and lower is None:
        return use_case
    if not isinstance(use_case, ForecastUseCase):
        raise ConfigurationError(f"{name} is no forecast, and has no limits")
    return replace(
        use_case,
        upper=use_case.upper if upper is None else upper,
        lower=use_case.lower if lower is None else lower,
    )


def run_backtest(
    files: Sequence[Path], name: str, settings: SettingsOfSignals, columns: Columns, outputs: Outputs
) -> None:
    """Run a use case over each of the files.

    Raises: `ConfigurationError`; `ReplayRefused` for a file that cannot be read.
    """
    if outputs.windows and not outputs.plot:
        raise ConfigurationError("--windows are drawn by --plot: give that too")
    if outputs.plot and len(files) > 1:
        raise ConfigurationError("--plot draws one file")
    with ExitStack() as opened:
        write_event = opened.enter_context(_events(outputs.events))
        write_scores = opened.enter_context(_scores(outputs.scores))
        for path in files:
            recording = read_recording(path, columns)
            run = Backtest(name, settings, recording.asset, recording.signals)
            parts = _learn(path, run, recording.rows, write_event, write_scores, outputs.plot is not None)
            if outputs.plot:
                from ops.backtest.plot import write_plot

                windows = windows_of_file(outputs.windows, path) if outputs.windows else []
                write_plot(outputs.plot, f"{path.name}, {name}", recording.signals, parts, windows)


def read_recording(path: Path, columns: Columns) -> Recording:
    """Open a file. Raises: `ReplayRefused` where it cannot be read, `Unlearnable` for a name."""
    signals = columns.signals.split(",") if columns.signals else ()
    choice = columns_of_table.choose(open_table(path), columns.time, signals)
    survey(choice)  # refuses a cell that is no time or no number, by its row
    asset = path.name.split(".")[0]
    names: list[str] = [check_name(f"{asset}.{column.name}") for column in choice.signals]
    cells = ", ".join([choice.seconds_sql, *map(choice.value_sql, choice.signals)])
    return Recording(asset, names, ((at_s, values) for at_s, *values in choice.table.rows(cells)))


def _learn(
    path: Path,
    run: Backtest,
    rows: Iterator[Row],
    write_event: Callable[[str], None],
    write_scores: Callable[[Part], None],
    is_kept: bool,
) -> list[Part]:
    start, told, kept = clock.perf_counter(), 0, []
    for part in run.parts(rows):
        for detail in part.events:
            told += 1
            typer.echo(f"{detail['timestamp']}  {detail['headline']}  {json.dumps(detail['evidence'])}")
            write_event(json.dumps(detail))
        write_scores(part)
        kept += [part] if is_kept else []
    took_s = clock.perf_counter() - start
    typer.echo(
        f"{path}: {run.learned:,} values of {len(run.signals)} signals, {run.learned / took_s:,.0f} a "
        f"second; {told} events of {run.name}; {run.refused.total()} values could not be learned",
        err=True,
    )
    for reason, times in run.refused.most_common(5):
        typer.echo(f"  {times} times: {reason}", err=True)
    return kept


@contextmanager
def _events(path: Path | None) -> Iterator[Callable[[str], None]]:
    if path is None:
        yield lambda line: None
        return
    with path.open("w") as file:
        yield lambda line: print(line, file=file)


@contextmanager
def _scores(path: Path | None) -> Iterator[Callable[[Part], None]]:
    if path is None:
        yield lambda part: None
        return
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["timestamp", "value", "anomaly_score"])
        yield lambda part: rows.writerows(
            (iso8601(at_s), value, score)
            for (at_s, _), (value, score) in zip(part.rows, part.scored, strict=True)
        )
