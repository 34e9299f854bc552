"""Six-sigma faults within one of three modes of a machine: found by themselves, and with a setting `mode`."""

import copy
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

import msgspec
import numpy as np

from benchmarks.quality.healthy import DAY_S, START_S
from benchmarks.quality.nab import Numbers
from benchmarks.quality.watching import Candidate, Watch, each, opened_rows
from consumer.decode.signal_names import SignalKey
from consumer.pages.codec import PageCodec, States
from consumer.settings.signal_settings import SettingsFile, SettingsOfSignals
from ops.backtest.backtest import Backtest, Row

SIGMAS = 6.0
LEVELS = np.array([20.0, 50.0, 80.0])
STEP_S = 60.0
DAYS = 14
SIGNALS = 6
FAULTS = 8
"""In each signal, in its second week."""
FAULT_ROWS = 30
_SETTLED_ROWS = 10
"""Of a mode, before a fault may begin in it."""
MODE_SETTING: dict[str, Any] = {"by": "press.mode"}
"""As signals.yaml has it."""
_ASSET, _VALUE, _MODE = "press", "press.value", "press.mode"


@dataclass(frozen=True, slots=True)
class ModeScore:
    """All signals together."""

    injected: int
    found: int
    false: int
    days: float
    """Signal-days in which the false alerts came."""

    @property
    def share(self) -> float:
        """What is found."""
        return self.found / self.injected

    @property
    def false_in_20_days(self) -> float:
        """False alerts in twenty signal-days."""
        return 20.0 * self.false / self.days


@dataclass(frozen=True, slots=True)
class Machine:
    """A signal of a machine, the mode it is in, and where its faults begin.

    Shape: n times, values and modes; rows of the faults, ascending
    """

    times_s: Numbers
    values: Numbers
    modes: Numbers
    faults: list[int]
    signs: list[float]


def machine(seed: int) -> Machine:
    """Half an hour to three hours in a mode, in no order, and each fault well within one."""
    rng = np.random.default_rng([3, seed])
    rows, row, mode = round(DAYS * DAY_S / STEP_S), 0, 0
    modes = np.empty(rows)
    while row < rows:
        length = int(rng.integers(30, 180))
        modes[row : row + length] = mode
        row, mode = row + length, (mode + int(rng.integers(1, len(LEVELS)))) % len(LEVELS)
    values = LEVELS[modes.astype(int)] + rng.normal(0.0, 1.0, rows)
    places = []
    for _, stretch in groupby(range(rows), key=modes.tolist().__getitem__):
        within = list(stretch)
        start = within[0] + _SETTLED_ROWS
        if start >= rows // 2 and start + FAULT_ROWS <= within[-1]:
            places.append(int(rng.integers(start, within[-1] - FAULT_ROWS + 1)))
    chosen = np.sort(rng.choice(places, FAULTS, replace=False)).tolist()
    signs = rng.choice((-1.0, 1.0), FAULTS).tolist()
    return Machine(START_S + STEP_S * np.arange(rows, dtype=np.float64), values, modes, chosen, signs)


def score_modes(candidate: Candidate) -> ModeScore:
    """The signal alone: nobody says which mode it is in."""
    return _sum(each(partial(_alone, candidate), range(SIGNALS)))


def _alone(candidate: Candidate, seed: int) -> ModeScore:
    one = machine(seed)
    values, times_s = one.values.tolist(), one.times_s.tolist()
    watch, row, found, false = Watch(f"machine {seed}", candidate.use_case), 0, 0, 0
    for start, sign in zip(one.faults, one.signs, strict=True):
        false += len(opened_rows(watch.learn(values[row:start], times_s[row:start])))
        row, end = start, start + FAULT_ROWS
        shown = [value + sign * SIGMAS for value in values[start:end]]
        found += bool(opened_rows(watch.copied().learn(shown, times_s[start:end])))
    false += len(opened_rows(watch.learn(values[row:], times_s[row:])))
    return ModeScore(len(one.faults), found, false, float(DAYS))


def can_tell() -> bool:
    """Whether signals.yaml has a setting `mode`."""
    try:
        _settings(Candidate(), MODE_SETTING)
    except msgspec.ValidationError:
        return False
    return True


def score_beside(candidate: Candidate, setting: Mapping[str, Any] | None = None) -> ModeScore:
    """The signal beside that of its mode, with this setting: through all that the function does with them.

    Each fault is shown to a copy of all that was learned until then, as where the signal is alone: a fault
    that comes eight times running is no surprise any more, and not what is measured here.
    """
    return _sum(each(partial(_beside, candidate, setting), range(SIGNALS)))


def _beside(candidate: Candidate, setting: Mapping[str, Any] | None, seed: int) -> ModeScore:
    one = machine(seed)
    learned = Backtest(
        candidate.name,
        _settings(candidate, setting),
        _ASSET,
        [_VALUE, _MODE],
        [SignalKey(_ASSET, _VALUE), SignalKey(_ASSET, _MODE)],
    )
    values, modes, times_s = one.values.tolist(), one.modes.tolist(), one.times_s.tolist()
    rows = list(zip(times_s, zip(values, modes, strict=True), strict=True))
    row, found, false = 0, 0, 0
    for start, sign in zip(one.faults, one.signs, strict=True):
        false += _openings(learned, rows[row:start])
        row, end = start, start + FAULT_ROWS
        shown = [(at_s, (value + sign * SIGMAS, mode)) for at_s, (value, mode) in rows[start:end]]
        found += _openings(_copied(learned), shown) > 0
    false += _openings(learned, rows[row:])
    return ModeScore(len(one.faults), found, false, float(DAYS))


def _openings(backtest: Backtest, rows: Sequence[Row]) -> int:
    """How many alerts of the value's model open while these rows are learned."""
    return sum(
        detail["change"] == "opened" and detail["signal"] == _VALUE and "fault" not in detail["evidence"]
        for part in backtest.parts(rows)
        for detail in part.events
    )


def _copied(backtest: Backtest) -> Backtest:
    """One that has learned the same, and goes on by itself."""
    copied = copy.copy(backtest)
    codec, pages = PageCodec(), backtest.learner.pages
    again = {key: codec.decode(codec.encode(page)) for key, page in pages.items()}
    copied.learner = replace(backtest.learner, pages=defaultdict(States, again))
    return copied


def _settings(candidate: Candidate, setting: Mapping[str, Any] | None) -> SettingsOfSignals:
    entry: dict[str, Any] = {"match": _VALUE} | ({"mode": dict(setting)} if setting else {})
    file = msgspec.convert({"version": 1, "signals": [entry]}, SettingsFile)
    return SettingsOfSignals(candidate.name, candidate.use_case, file)


def _sum(several: Sequence[ModeScore]) -> ModeScore:
    return ModeScore(
        sum(one.injected for one in several),
        sum(one.found for one in several),
        sum(one.false for one in several),
        sum(one.days for one in several),
    )
