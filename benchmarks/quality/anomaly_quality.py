"""The use case `anomaly` on NAB: its scores by NAB's rules, and what it would have told as it is shipped."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.quality.nab_corpus import Series
from benchmarks.quality.nab_scoring import LOW_FN, LOW_FP, STANDARD, Curve, Profile, curve, join
from consumer.use_cases import USE_CASES

USE_CASE = "anomaly"


@dataclass(frozen=True, slots=True)
class Quality:
    """NAB's scores, from 0 for a detector that is silent to 100 for a perfect one; and what is told."""

    standard: float
    low_false_positives: float
    low_false_negatives: float
    threshold_held_out: float
    """The standard profile, each folder scored with the threshold that is best on the others."""
    told: int
    windows: int
    found: int
    false_per_week: float
    """Of a signal, outside the labelled windows."""


def quality_of(corpus: Sequence[Series]) -> Quality:
    """Learn each series with a model of its own, in one pass."""
    scores, told = [], []
    for series in corpus:
        use_case, given = USE_CASES[USE_CASE], list[float]()
        found = use_case.learn(use_case.create(seed=1), series.values, series.timestamps_s, given)
        scores.append(given)
        told.append([one.index for one in found if one.change == "opened"])
    pairs = list(zip(corpus, told, strict=True))
    false = sum(not _is_within(row, series) for series, rows in pairs for row in rows)
    return Quality(
        _best(corpus, scores, STANDARD),
        _best(corpus, scores, LOW_FP),
        _best(corpus, scores, LOW_FN),
        _held_out(corpus, scores),
        sum(map(len, told)),
        sum(len(series.windows) for series in corpus),
        sum(
            any(first <= row <= last for row in rows)
            for series, rows in pairs
            for first, last in series.windows
        ),
        false / sum(series.weeks for series in corpus),
    )


def _is_within(row: int, series: Series) -> bool:
    return any(first <= row <= last for first, last in series.windows)


def _curves(corpus: Sequence[Series], scores: Sequence[Sequence[float]], profile: Profile) -> list[Curve]:
    return [curve(given, series.windows, profile) for series, given in zip(corpus, scores, strict=True)]


def _best(corpus: Sequence[Series], scores: Sequence[Sequence[float]], profile: Profile) -> float:
    """By the threshold that is best for all."""
    joined = join(_curves(corpus, scores, profile))
    return joined.normalised(joined.at(joined.best()))


def _held_out(corpus: Sequence[Series], scores: Sequence[Sequence[float]]) -> float:
    curves = _curves(corpus, scores, STANDARD)
    total = 0.0
    for folder in {series.folder for series in corpus}:
        others = [one for series, one in zip(corpus, curves, strict=True) if series.folder != folder]
        own = [one for series, one in zip(corpus, curves, strict=True) if series.folder == folder]
        threshold = join(others).best()
        total += sum(one.at(threshold) for one in own)
    return join(curves).normalised(total)
