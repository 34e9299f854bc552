"""`python -m consumer backtest`: reads recordings, learns them, and writes what came of it."""

import csv
import json
import time as clock
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from consumer.backtest import Backtest, Part, Row
from consumer.core.errors import ConfigurationError
from consumer.core.signals import check_name
from consumer.core.timestamps import iso8601
from consumer.use_cases import USE_CASES
from producer_sim.replay.choice import choose
from producer_sim.replay.labels import windows_of_file
from producer_sim.replay.survey import survey
from producer_sim.replay.table import open_table


@dataclass(frozen=True, slots=True)
class Outputs:
    """Files to write, if asked for; `windows` is read, to be drawn."""

    events: Path | None = None
    scores: Path | None = None
    plot: Path | None = None
    windows: Path | None = None


@dataclass(frozen=True, slots=True)
class _Recording:
    asset: str
    signals: list[str]
    rows: Iterator[Row]


def run_backtest(
    files: Sequence[Path], use_case: str, time: str | None, signals: str | None, outputs: Outputs
) -> None:
    """Run a use case over each of the files.

    Raises: `ConfigurationError`; `ReplayRefused` for a file that cannot be read.
    """
    if use_case not in USE_CASES:
        known = ", ".join(sorted(USE_CASES))
        raise ConfigurationError(f"consumer/use_cases.py has no {use_case!r}; it has {known}")
    if outputs.plot and len(files) > 1:
        raise ConfigurationError("--plot draws one file")
    with ExitStack() as opened:
        write_event = opened.enter_context(_events(outputs.events))
        write_scores = opened.enter_context(_scores(outputs.scores))
        for path in files:
            recording = _read(path, time, signals)
            parts = _learn(path, use_case, recording, write_event, write_scores, outputs.plot is not None)
            if outputs.plot:
                from consumer.backtest_plot import write_plot

                windows = windows_of_file(outputs.windows, path) if outputs.windows else []
                write_plot(outputs.plot, f"{path.name}, {use_case}", recording.signals, parts, windows)


def _read(path: Path, time: str | None, signals: str | None) -> _Recording:
    choice = choose(open_table(path), time, signals.split(",") if signals else ())
    survey(choice)  # refuses a cell that is no time or no number, by its row
    asset = path.name.split(".")[0]
    names: list[str] = [check_name(f"{asset}.{column.name}") for column in choice.signals]
    cells = ", ".join([choice.seconds_sql, *map(choice.value_sql, choice.signals)])
    return _Recording(asset, names, ((at_s, values) for at_s, *values in choice.table.rows(cells)))


def _learn(
    path: Path,
    name: str,
    recording: _Recording,
    write_event: Callable[[str], None],
    write_scores: Callable[[Part], None],
    is_kept: bool,
) -> list[Part]:
    run = Backtest(name, USE_CASES[name], recording.asset, recording.signals)
    start, told, kept = clock.perf_counter(), 0, []
    for part in run.parts(recording.rows):
        for detail in part.events:
            told += 1
            typer.echo(f"{detail['timestamp']}  {detail['headline']}  {json.dumps(detail['evidence'])}")
            write_event(json.dumps(detail))
        write_scores(part)
        kept += [part] if is_kept else []
    took_s = clock.perf_counter() - start
    typer.echo(
        f"{path}: {run.learned:,} values of {len(recording.signals)} signals, {run.learned / took_s:,.0f} a "
        f"second; {told} events of {name}; {run.refused.total()} values could not be learned",
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
