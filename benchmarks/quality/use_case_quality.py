"""The shipped use cases on labelled series: scores on NAB and SKAB, and how many alerts they raise.

`anomaly` is scored on NAB by NAB's rules, with one threshold for the whole corpus; `asset` on SKAB's runs.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from benchmarks.quality.faults import Detector
from benchmarks.quality.nab import LOW_FN, LOW_FP, STANDARD, Curve, Profile, Series, curve, join
from benchmarks.quality.skab import SKIPPED_ROWS, OutlierScore, Run, changepoint_score, outlier_score
from benchmarks.quality.watching import each
from consumer.detectors.base import UseCase
from consumer.errors import ConfigurationError
from consumer.settings.tuning import with_parameters
from consumer.use_cases import USE_CASES

_OTHERS: dict[str, tuple[float, ...]] = {
    "course": (0.03, 0.05, 0.08),
    "growth": (0.06, 0.08, 0.11),
    "lasting_share": (0.2, 0.3, 0.4),
    "hour_rate": (0.03, 0.05, 0.08),
    "level_rate": (0.02, 0.03, 0.045),
    "memory": (1024, 1536, 2304),
}
"""Alternative parameters: the shipped ones, and a third less and more. Three are tried: those it has."""


@dataclass(frozen=True, slots=True)
class Quality:
    """NAB's scores, from 0 for a silent detector to 100 for a perfect one."""

    standard: float
    low_false_positives: float
    low_false_negatives: float
    threshold_held_out: float
    """The standard profile, each folder with the threshold that is best on the others."""
    parameters_held_out: float
    """The same, with the parameters and threshold that are best on the others."""


def quality_of(corpus: Sequence[Series]) -> Quality:
    """Learn each series with a new model, in one pass; then with other parameters."""
    shipped = USE_CASES["anomaly"]
    scores, *of_others = _scores(corpus, [shipped, *_others(shipped)])
    others = [_curves(corpus, other, STANDARD) for other in of_others]
    return Quality(
        _best(corpus, scores, STANDARD),
        _best(corpus, scores, LOW_FP),
        _best(corpus, scores, LOW_FN),
        _held_out(corpus, [_curves(corpus, scores, STANDARD)]),
        _held_out(corpus, others),
    )


def _others(shipped: UseCase) -> Iterator[UseCase]:
    """The use case with each combination of parameters."""
    tried = [name for name in _OTHERS if _has(shipped, name)]
    for values in itertools.product(*(_OTHERS[name] for name in tried)):
        yield with_parameters(shipped, dict(zip(tried, values, strict=True)))


def _has(use_case: UseCase, parameter: str) -> bool:
    try:
        with_parameters(use_case, {parameter: _OTHERS[parameter][1]})
    except ConfigurationError:
        return False
    return True


def _scores(corpus: Sequence[Series], use_cases: Sequence[UseCase]) -> list[list[list[float]]]:
    """For each use case, the scores of each series."""
    given = each(_scores_of, [(use_case, series) for use_case in use_cases for series in corpus])
    return [given[first : first + len(corpus)] for first in range(0, len(given), len(corpus))]


def _scores_of(task: tuple[UseCase, Series]) -> list[float]:
    use_case, series = task
    given: list[float] = []
    use_case.learn(use_case.create(seed=1), series.values, series.timestamps_s, given)
    return given


def _curves(corpus: Sequence[Series], scores: Sequence[Sequence[float]], profile: Profile) -> list[Curve]:
    return [curve(given, series.windows, profile) for series, given in zip(corpus, scores, strict=True)]


def _best(corpus: Sequence[Series], scores: Sequence[Sequence[float]], profile: Profile) -> float:
    """With the threshold that is best for all."""
    joined = join(_curves(corpus, scores, profile))
    return joined.normalised(joined.at(joined.best()))


def _held_out(corpus: Sequence[Series], candidates: Sequence[Sequence[Curve]]) -> float:
    """Each folder with the candidate and threshold that are best on the others together."""
    total = 0.0
    for folder in {series.folder for series in corpus}:
        is_own = [series.folder == folder for series in corpus]
        best = -float("inf"), 0.0
        for curves in candidates:
            others = join([one for one, own in zip(curves, is_own, strict=True) if not own])
            threshold = others.best()
            own_total = sum(one.at(threshold) for one, own in zip(curves, is_own, strict=True) if own)
            best = max(best, (others.at(threshold), own_total))
        total += best[1]
    return join(candidates[0]).normalised(total)


@dataclass(frozen=True, slots=True)
class AssetQuality(OutlierScore):
    """SKAB's two scores, without the first 400 rows of each run: shares, and points of 100."""

    changepoints: dict[str, float]
    """NAB's score with a window of 60 s to the right, by profile."""


def quality_of_asset(runs: Sequence[Run]) -> AssetQuality:
    """Learn each run with a new model, in one pass; rows count as anomalous while an alert is open."""
    use_case: Any = USE_CASES["asset"]
    labelled, changes = [], []
    for run in runs:
        rows = [dict(enumerate(row)) for row in run.rows]
        found = use_case.rows.learn(use_case.rows.create(seed=1), rows, run.timestamps_s)
        change_at = {finding.index: finding.change for finding in found}
        is_open, anomalous = False, []
        for index in range(len(rows)):
            is_open = change_at[index] != "cleared" if index in change_at else is_open
            anomalous.append(is_open)
        labelled.append((run.anomaly, anomalous))
        changed = [change_at.get(index) in ("opened", "cleared") for index in range(len(rows))]
        changes.append((run, changed))
    score = outlier_score(labelled)
    return AssetQuality(score.f1, score.false_alarms, score.missed, changepoint_score(changes))


class FalseOpenings(NamedTuple):
    """Alerts that open at rows that nobody labelled."""

    openings: int
    rows: int
    """All such rows."""


def false_openings_of_asset(runs: Iterable[Run]) -> FalseOpenings:
    """Of whole rows, each run with a new model; its first 400 rows do not count."""
    use_case: Any = USE_CASES["asset"]
    openings = healthy = 0
    for run in runs:
        rows = [dict(enumerate(row)) for row in run.rows]
        opened = alert_rows(use_case.rows, rows, run.timestamps_s)
        openings += sum(row >= SKIPPED_ROWS and not run.anomaly[row] for row in opened)
        healthy += sum(not label for label in run.anomaly[SKIPPED_ROWS:])
    return FalseOpenings(openings, healthy)


@dataclass(frozen=True, slots=True)
class AlertCounts:
    """The alerts that one use case opened."""

    alerts: int
    within: int
    """Alerts in a labelled window."""
    windows: int
    found: int
    """Windows with an alert."""
    weeks: float
    """Summed over all signals."""

    @property
    def per_week(self) -> float:
        """Alerts per signal and week."""
        return self.alerts / self.weeks

    @property
    def false_per_week(self) -> float:
        """Alerts per signal and week outside the windows."""
        return (self.alerts - self.within) / self.weeks


def shipped_detector(name: str) -> Detector:
    """A shipped use case, by its name, on one signal: it answers while an alert opens or is still open."""
    use_case = USE_CASES[name]
    model = use_case.create(seed=1)

    def learn(value: float, timestamp_s: float | None) -> dict[str, Any] | None:
        found = use_case.learn(model, [value], [timestamp_s])
        return next((finding.evidence for finding in found if finding.change != "cleared"), None)

    return learn


def alert_rows(use_case: Any, values: Sequence[Any], timestamps_s: Sequence[float]) -> list[int]:
    """The rows at which a new model of this use case opens an alert, in one pass."""
    found = use_case.learn(use_case.create(seed=1), values, timestamps_s)
    return [finding.index for finding in found if finding.change == "opened"]


def count_alerts(corpus: Iterable[Series], name: str) -> AlertCounts:
    """The alerts of the use case of this name on these series."""
    alerts = within = windows = found = 0
    weeks = 0.0
    for series in corpus:
        rows = alert_rows(USE_CASES[name], series.values, series.timestamps_s)
        alerts += len(rows)
        within += sum(any(first <= row <= last for first, last in series.windows) for row in rows)
        found += sum(any(first <= row <= last for row in rows) for first, last in series.windows)
        windows += len(series.windows)
        weeks += series.weeks
    return AlertCounts(alerts, within, windows, found, weeks)


def alerts_on_run(run: Run, name: str) -> int:
    """Alerts on a run of SKAB: of each sensor, or of whole rows if the use case learns rows."""
    use_case: Any = USE_CASES[name]
    if hasattr(use_case, "rows"):
        rows = [dict(enumerate(row)) for row in run.rows]
        return len(alert_rows(use_case.rows, rows, run.timestamps_s))
    columns = zip(*run.rows, strict=True)
    return sum(len(alert_rows(use_case, list(column), run.timestamps_s)) for column in columns)
