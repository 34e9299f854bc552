"""How often use cases tell, as they are shipped: where nothing is wrong, and a week on NAB's series."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.quality.nab_corpus import Series
from benchmarks.quality.skab import Run
from consumer.use_cases import USE_CASES


@dataclass(frozen=True, slots=True)
class Told:
    """Alerts that one use case opened."""

    alerts: int
    within: int
    """Of them, those in a labelled window."""
    windows: int
    found: int
    """Of the windows, those with an alert."""
    weeks: float
    """Of all signals together."""

    @property
    def per_week(self) -> float:
        """Of a signal."""
        return self.alerts / self.weeks

    @property
    def false_per_week(self) -> float:
        """Of a signal, outside of the windows."""
        return (self.alerts - self.within) / self.weeks


class AsShipped:
    """A use case at work on one signal, by its name."""

    def __init__(self, name: str) -> None:
        self._use_case = USE_CASES[name]
        self._model = self._use_case.create(seed=1)

    def learn_one(self, value: float, timestamp_s: float | None, /) -> tuple[float, dict[str, Any] | None]:
        """The evidence of an alert that opens here, or is told again."""
        for finding in self._use_case.learn(self._model, [value], [timestamp_s]):
            if finding.change != "cleared":
                return 1.0, finding.evidence
        return 0.0, None


def opened(use_case: Any, values: Sequence[Any], timestamps_s: Sequence[float]) -> list[int]:
    """The rows at which a new model of this use case opens an alert, learning them in one pass."""
    found = use_case.learn(use_case.create(seed=1), values, timestamps_s)
    return [finding.index for finding in found if finding.change == "opened"]


def told_on(corpus: Iterable[Series], name: str) -> Told:
    """What the use case of this name tells on these series."""
    alerts = within = windows = found = 0
    weeks = 0.0
    for series in corpus:
        rows = opened(USE_CASES[name], series.values, series.timestamps_s)
        alerts += len(rows)
        within += sum(any(first <= row <= last for first, last in series.windows) for row in rows)
        found += sum(any(first <= row <= last for row in rows) for first, last in series.windows)
        windows += len(series.windows)
        weeks += series.weeks
    return Told(alerts, within, windows, found, weeks)


def told_of_run(run: Run, name: str) -> int:
    """Alerts on a run of SKAB: of each sensor by itself, or of its rows where the use case learns rows."""
    use_case: Any = USE_CASES[name]
    if hasattr(use_case, "rows"):
        rows = [dict(enumerate(row)) for row in run.rows]
        return len(opened(use_case.rows, rows, run.timestamps_s))
    columns = zip(*run.rows, strict=True)
    return sum(len(opened(use_case, list(column), run.timestamps_s)) for column in columns)
