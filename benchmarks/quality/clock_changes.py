"""Healthy signals that follow the local clock, over a change of it: none is a fault."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.quality.healthy import DAY_S, STEP_S
from benchmarks.quality.nab import Numbers
from benchmarks.quality.watching import Candidate, Watch, each, opened_rows, with_settings

ZONE = "Europe/Berlin"
CHANGES = (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC))
"""One hour forward, one back."""
_STAYS = ("Etc/GMT-1", "Etc/GMT-2")
"""The same offset as before each change, for good: the sign is POSIX's."""
WEEKS_BEFORE = 4
SIGNALS = 20
"""Half over each change; of each half, half are shifts and half have a smooth course."""


@dataclass(frozen=True, slots=True)
class ClockScore:
    """All signals together: those with an alert in the week after the change."""

    signals: int
    changed: int
    unchanged: int
    """The same signals, of a place whose clocks are not changed: what is false on any week."""
    by_change: int
    """Signals with an alert after the change that have none where the clocks stay."""
    knows_zone: bool
    """Whether the signals had a setting `time_zone`."""


def score_clock_changes(candidate: Candidate) -> ClockScore:
    """With `time_zone` set, where signals.yaml has it."""
    knows_zone = with_settings(candidate, time_zone=ZONE) is not None
    told = each(partial(_told, candidate), range(SIGNALS))
    changed, unchanged = (sum(each_of) for each_of in zip(*told, strict=True))
    by_change = sum(changes and not stays for changes, stays in told)
    return ClockScore(SIGNALS, changed, unchanged, by_change, knows_zone)


def on_local_time(number: int, zone_name: str = ZONE) -> tuple[Numbers, Numbers, float]:
    """Times and values of a signal, and the time at which the clocks change in Berlin."""
    change_s = CHANGES[number % 2].timestamp()
    start_s = change_s - WEEKS_BEFORE * 7 * DAY_S
    rows = round((WEEKS_BEFORE + 1) * 7 * DAY_S / STEP_S)
    times_s = start_s + STEP_S * np.arange(rows, dtype=np.float64)
    rng = np.random.default_rng([29, number])
    zone = ZoneInfo(zone_name)
    local = [datetime.fromtimestamp(at_s, zone) for at_s in times_s.tolist()]
    hour = np.array([at.hour + at.minute / 60.0 for at in local])
    if number % 4 < 2:
        starts, ends = 5.0 + number % 5 * 0.5, 17.0 + number % 7 * 0.5
        workday = np.array([at.weekday() < 5 for at in local])
        level = np.where(workday & (hour >= starts) & (hour < ends), 60.0, 5.0)
    else:
        level = 20.0 - 8.0 * np.cos(2 * np.pi * (hour - number / 5.0) / 24.0)
    return times_s, level + rng.normal(0.0, 0.5, len(times_s)), change_s


def _told(candidate: Candidate, number: int) -> tuple[bool, bool]:
    """Whether there is an alert in the week after the change, and without a change."""
    changed, unchanged = (_alerts_after(candidate, number, zone) for zone in (ZONE, _STAYS[number % 2]))
    return changed, unchanged


def _alerts_after(candidate: Candidate, number: int, zone: str) -> bool:
    times_s, values, change_s = on_local_time(number, zone)
    use_case = with_settings(candidate, time_zone=zone) or candidate.use_case
    reported = Watch(f"local {number}", use_case).learn(values.tolist(), times_s.tolist())
    return bool(np.any(times_s[opened_rows(reported)] >= change_s))
