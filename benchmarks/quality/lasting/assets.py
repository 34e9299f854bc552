"""`asset` where nothing is wrong, from its first row on; and in one property of a hundred."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.quality.nab import Numbers
from benchmarks.quality.skab import SKIPPED_ROWS, Run
from benchmarks.quality.use_case_quality import FalseOpenings, alert_rows
from benchmarks.quality.watching import each
from consumer.use_cases import USE_CASES

BEGUN_EVERY, BEGUN_FOR = 173, 1_150
"""Rows: the run without a fault is begun anew so often, and lasts as long as runs with one do."""
PROPERTIES, FACTORS, FAULTY = 100, 5, 70
KNOWN, AFTER = 1_000, 400
"""Rows before a fault, and after it."""
SIGMAS = 3.0
"""Of the faulty property's own, most of which others explain."""
SEEDS = 3


@dataclass(frozen=True, slots=True)
class Wide:
    """Synthetic assets of a hundred properties, a fault in one of each."""

    assets: int
    found: int
    """Opened after the fault, with the faulty property as the first that is named."""
    delay_rows: float
    """The most of those found."""
    false: int
    """Alerts before the fault."""


def false_when_begun_anew(free: Run) -> FalseOpenings:
    """Of the run without a fault, begun at many rows: most alerts that are false come soon after a start."""
    starts = range(0, len(free.rows) - BEGUN_FOR // 2, BEGUN_EVERY)
    parts = [
        (free.rows[first : first + BEGUN_FOR], free.timestamps_s[first : first + BEGUN_FOR])
        for first in starts
    ]
    opened = each(_openings, parts)
    return FalseOpenings(sum(opened), sum(len(rows) - SKIPPED_ROWS for rows, _ in parts))


def _openings(part: tuple[Sequence[Sequence[float]], Sequence[float]]) -> int:
    use_case: Any = USE_CASES["asset"]
    return len(alert_rows(use_case.rows, [dict(enumerate(row)) for row in part[0]], part[1]))


def wide_rows(seed: int) -> Numbers:
    """Properties that follow a few slow causes, one of which leaves its own level at `KNOWN`."""
    rng = np.random.default_rng([seed, PROPERTIES])
    causes, steps = np.zeros((KNOWN + AFTER, FACTORS)), rng.normal(0.0, 0.2, (KNOWN + AFTER, FACTORS))
    for row in range(1, len(causes)):
        causes[row] = 0.98 * causes[row - 1] + steps[row]
    shares = rng.normal(size=(FACTORS, PROPERTIES))
    shares /= np.sqrt((shares**2).sum(axis=0))
    rows: Numbers = causes @ shares + rng.normal(0.0, 0.3, (len(causes), PROPERTIES))
    rows[KNOWN:, FAULTY] += SIGMAS
    return rows


def score_wide() -> Wide:
    """Learn each from its first row to some after its fault."""
    told = each(_told, range(SEEDS))
    delays = [delay for delay, _ in told if delay is not None]
    return Wide(len(told), len(delays), float(max(delays, default=AFTER)), sum(false for _, false in told))


def _told(seed: int) -> tuple[int | None, int]:
    """After how many rows the faulty property is named, and the alerts before it."""
    use_case: Any = USE_CASES["asset"]
    rows = [dict(enumerate(row)) for row in wide_rows(seed).tolist()]
    found = use_case.rows.learn(use_case.rows.create(seed=1), rows, [float(at) for at in range(len(rows))])
    opened = [one for one in found if one.change == "opened"]
    named = (
        one.index for one in opened if one.index >= KNOWN and next(iter(one.evidence["signals"])) == FAULTY
    )
    first = next(named, None)
    return None if first is None else first - KNOWN + 1, sum(one.index < KNOWN for one in opened)
