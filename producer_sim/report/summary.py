"""A run in fourteen figures for scripts: `summary.json`."""

from dataclasses import dataclass
from typing import Any

from producer_sim.report import latency
from producer_sim.report.score import WITHIN_OBSERVATIONS, Score, quantile, score
from producer_sim.run_folder import RunFolder, RunSummary, Sample, SignalSeries, Truth


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything in a run's folder, read once, with its score."""

    run: RunSummary
    truth: Truth
    series: list[SignalSeries]
    samples: list[Sample]
    score: Score
    lag: latency.Lag
    alerts: latency.AlertLatency

    @property
    def is_observed(self) -> bool:
        """Whether the pipeline was observed: a stream alone is not."""
        return bool(self.samples or self.score.detections) or self.run.learned is not None

    @property
    def is_scored(self) -> bool:
        """Whether events were observed, and can be compared with labels."""
        return self.is_observed and self.score.is_labelled

    @property
    def summary(self) -> dict[str, Any]:
        """The content of `summary.json`; null is what was not observed, or could not be measured."""
        return {
            "rate_target": self.run.rate_target,
            "rate_achieved": self.run.rate_achieved,
            "observations_sent": self.run.observations_sent,
            "observations_learned": self.run.learned,
            "skipped": self.run.skipped,
            "quarantined": self.run.quarantined,
            "lag_p50_s": self.lag.quantile_s(0.5),
            "lag_p99_s": self.lag.quantile_s(0.99),
            "put_to_alert_p50_s": quantile(self.alerts.put_to_alert_s, 0.5),
            "put_to_alert_p99_s": quantile(self.alerts.put_to_alert_s, 0.99),
            "detected": self.score.detected if self.is_scored else None,
            "missed": self.score.missed if self.is_scored else None,
            "false_alarms": len(self.score.false_alarms) if self.is_scored else None,
            "lost": self.run.lost,
        }


def read_outcome(folder: RunFolder, within: int = WITHIN_OBSERVATIONS) -> Outcome:
    """Read a run's folder; truth and series may be absent, `run.json` may not.

    Raises:
        RunFolderIncomplete: A file is missing that must be there, or cannot be read.
    """
    run = folder.run
    truth = folder.truth if (folder.path / "truth.json").exists() else Truth((), ())
    series = folder.series if (folder.path / "series.json").exists() else []
    samples = folder.samples
    scored = score(truth, folder.events, within)
    return Outcome(
        run=run,
        truth=truth,
        series=series,
        samples=samples,
        score=scored,
        lag=latency.lag(samples, run.started_s),
        alerts=latency.alert_latency(folder.alerts, scored.detections),
    )


def write_summary(folder: RunFolder, within: int = WITHIN_OBSERVATIONS) -> dict[str, Any]:
    """Read the run's folder, write `summary.json` there, and return its content."""
    summary = read_outcome(folder, within).summary
    folder.write("summary", summary)
    return summary
