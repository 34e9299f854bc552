"""The use case `asset` on SKAB's runs: which rows it calls anomalous, and where it tells of a change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.quality.skab import Run, changepoint_score, outlier_score
from consumer.use_cases import USE_CASES

USE_CASE = "asset"


@dataclass(frozen=True, slots=True)
class AssetQuality:
    """SKAB's two scores, after the first 400 rows of each run; shares, and points of 100."""

    f1: float
    false_alarms: float
    missed: float
    changepoints: dict[str, float]
    """NAB's score with a window of 60 s to the right, by profile."""


def quality_of_asset(runs: Sequence[Run]) -> AssetQuality:
    """Learn each run with a model of its own, in one pass; an alert is an answer for all rows it is open."""
    use_case: Any = USE_CASES[USE_CASE]
    answers, changes = [], []
    for run in runs:
        rows = [dict(enumerate(row)) for row in run.rows]
        found = use_case.rows.learn(use_case.rows.create(seed=1), rows, run.timestamps_s)
        change_at = {finding.index: finding.change for finding in found}
        is_open, of_run = False, []
        for index in range(len(rows)):
            is_open = change_at[index] != "cleared" if index in change_at else is_open
            of_run.append(is_open)
        answers.append((run.anomaly, of_run))
        told = [change_at.get(index) in ("opened", "cleared") for index in range(len(rows))]
        changes.append((run, told))
    score = outlier_score(answers)
    return AssetQuality(score.f1, score.false_alarms, score.missed, changepoint_score(changes))
