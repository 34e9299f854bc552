"""`python -m consumer signals`: a line for each signal that has a model."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from consumer.decode.signal_names import SignalKey
from consumer.decode.timestamps import iso8601
from consumer.detectors.alert_policy import AlertState
from consumer.detectors.base import UseCase
from consumer.errors import ConfigurationError
from consumer.events.mutes import Mute
from consumer.learning.state import State
from ops.context import settings_of
from ops.formatting import lasted, shown
from ops.state.mutes_file import Mutes, read_mutes
from ops.state.pages import NothingLearned, no_such_signal, read_pages
from ops.target import Target, TargetOptions, find_each

_ALWAYS = "always, by signals.yaml"


class Line(msgspec.Struct, frozen=True):
    """What is shown of a signal; None: its state does not know. Times are ISO 8601."""

    signal: str
    use_case: str
    observations: int
    last_value: float | None
    last_arrived_at: str | None
    open_alerts: list[str]
    age_s: float | None
    """Since the first arrival that is known."""
    last_drift_observations_ago: int | None
    alert_changed_at: str | None
    muted_until: str | None


def signals(named: TargetOptions, pattern: str, as_json: bool) -> None:
    """Show the signals that match, of one use case or of all.

    Raises: `ConfigurationError` where none does; `UnreadablePage`, `Unavailable`.
    """
    now_s = time.time()
    lines: list[Line] = []
    problems: list[str] = []
    places = find_each(named)
    mutes: Mutes = ()
    try:
        mutes = asyncio.run(read_mutes(places[0].objects()))
    except ConfigurationError as error:
        problems.append(f"which signals are muted is not known: {error}")
    known: set[str] = set()
    for where in places:
        found, wrong, names = _of_use_case(where, pattern, mutes, now_s, is_only=len(places) == 1)
        lines += found
        problems += wrong
        known |= names
    lines.sort(key=lambda line: (line.signal, line.use_case))
    if as_json:
        for line in lines:
            typer.echo(msgspec.json.encode(line).decode())
    elif lines:
        _show(lines)
    for problem in problems:
        typer.echo(problem, err=True)
    if not known and not problems:
        raise NothingLearned(f"nothing was learned in {places[0].name} yet")
    if not lines and not problems:
        raise ConfigurationError(no_such_signal(places[0].name, pattern, known))
    if problems:
        raise typer.Exit(1)


def _of_use_case(
    where: Target, pattern: str, mutes: Sequence[Mute], now_s: float, is_only: bool
) -> tuple[list[Line], list[str], set[str]]:
    """The lines of what matches, what could not be read, and the names of all."""
    try:
        read = asyncio.run(read_pages(where))
    except ConfigurationError as error:
        if is_only:
            raise
        return [], [] if isinstance(error, NothingLearned) else [str(error)], set()
    settings = settings_of(where)
    lines, names = [], set()
    for _, key, state in read.states():
        names.add(key.signal)
        if fnmatchcase(key.signal, pattern):
            is_always = settings.of(key.signal).is_muted
            muted = _ALWAYS if is_always else muted_until(where.use_case, key.signal, mutes, now_s)
            lines.append(line_of(where.use_case, settings.of(key.signal).use_case, key, state, muted, now_s))
    return lines, read.problems, names


def line_of(
    name: str, use_case: UseCase, key: SignalKey, state: State, muted: str | None, now_s: float
) -> Line:
    """What its state says of a signal."""
    health = state.health
    first_s = None if health is None else health.first_arrived_s
    arrived = [mark.arrived_s for mark in state.checkpoints.values() if mark.arrived_s is not None]
    since = use_case.observations_since_finding(state.model)
    has_drifted = since is not None and since < state.learned
    return Line(
        signal=key.signal,
        use_case=name,
        observations=state.learned,
        last_value=None if health is None else health.last,
        last_arrived_at=iso8601(max(arrived, default=None)),
        open_alerts=open_alerts(use_case, state),
        age_s=None if first_s is None else now_s - first_s,
        last_drift_observations_ago=since if has_drifted else None,
        alert_changed_at=iso8601(_changed_s(use_case.alert_of(state.model))),
        muted_until=muted,
    )


def _changed_s(alert: AlertState | None) -> float | None:
    if alert is None:
        return None
    return alert.since_s if alert.is_open else alert.cleared_s


def open_alerts(use_case: UseCase, state: State) -> list[str]:
    """The model's alert, and the sensor's faults, as far as they are open."""
    alert = use_case.alert_of(state.model)
    own = ["alert"] if alert is not None and alert.is_open else []
    faults = {} if state.health is None else state.health.alerts
    return own + [f"sensor {fault}" for fault, each in sorted(faults.items()) if each.is_open]


def muted_until(use_case: str, signal: str, mutes: Iterable[Mute], now_s: float) -> str | None:
    """Until when a signal is muted, if it is."""
    ends = [mute.until_s for mute in mutes if mute.is_on(now_s) and mute.matches(use_case, signal)]
    return iso8601(max(ends, default=None))


def _show(lines: Sequence[Line]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("signal", "use case"):
        table.add_column(name, overflow="fold")
    for name in (
        "observations",
        "last value",
        "arrived (UTC)",
        "open",
        "age",
        "last drift or alert",
        "muted until",
    ):
        table.add_column(name, justify="left" if name in ("open", "muted until") else "right")
    for line in lines:
        ago = line.last_drift_observations_ago
        changed = None if line.alert_changed_at is None else line.alert_changed_at[:16].replace("T", " ")
        table.add_row(
            Text(line.signal),
            line.use_case,
            f"{line.observations:,}",
            "-" if line.last_value is None else f"{line.last_value:.6g}",
            _short(line.last_arrived_at),
            Text(", ".join(line.open_alerts) or "-", style="red" if line.open_alerts else ""),
            lasted(line.age_s),
            changed or "-" if ago is None else f"{ago:,} values ago",
            _short(line.muted_until),
        )
    console = Console()
    # Target it goes into a file there is no width to keep to.
    console.print(table, width=None if console.is_terminal else 200)
    typer.echo(f"{len(lines)} signals at {shown(time.time())} UTC")


def _short(at: str | None) -> str:
    return "-" if at is None else at[:19].replace("T", " ") if at[:1].isdigit() else at
