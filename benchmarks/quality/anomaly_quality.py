"""The use case `anomaly` on NAB, by NAB's rules: one threshold for the whole corpus."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.quality.nab_corpus import Series
from benchmarks.quality.nab_scoring import LOW_FN, LOW_FP, STANDARD, Curve, Profile, curve, join
from consumer.use_cases import USE_CASES

USE_CASE = "anomaly"
_OTHERS: dict[str, tuple[float, ...]] = {
    "course": (0.03, 0.05, 0.08),
    "growth": (0.06, 0.08, 0.11),
    "lasting_share": (0.2, 0.3, 0.4),
}
"""Parameters that could have been chosen: the shipped ones, and a third less and more."""


@dataclass(frozen=True, slots=True)
class Quality:
    """NAB's scores, from 0 for a detector that is silent to 100 for a perfect one."""

    standard: float
    low_false_positives: float
    low_false_negatives: float
    threshold_held_out: float
    """The standard profile, each folder scored with the threshold that is best on the others."""
    parameters_held_out: float
    """The same, with parameters and threshold that are best on the others."""


def quality_of(corpus: Sequence[Series]) -> Quality:
    """Learn each series with a model of its own, in one pass; and with other parameters."""
    shipped: Any = USE_CASES[USE_CASE]
    scores = _scores(corpus, shipped)
    others = [_curves(corpus, _scores(corpus, other), STANDARD) for other in _others(shipped)]
    return Quality(
        _best(corpus, scores, STANDARD),
        _best(corpus, scores, LOW_FP),
        _best(corpus, scores, LOW_FN),
        _held_out(corpus, [_curves(corpus, scores, STANDARD)]),
        _held_out(corpus, others),
    )


def _others(shipped: Any) -> Iterator[Any]:
    """The use case with each combination of the parameters."""
    for values in itertools.product(*_OTHERS.values()):
        pace = dataclasses.replace(shipped.pace, **dict(zip(_OTHERS, values, strict=True)))
        yield dataclasses.replace(shipped, pace=pace)


def _scores(corpus: Sequence[Series], use_case: Any) -> list[list[float]]:
    scores = []
    for series in corpus:
        given: list[float] = []
        use_case.learn(use_case.create(seed=1), series.values, series.timestamps_s, given)
        scores.append(given)
    return scores


def _curves(corpus: Sequence[Series], scores: Sequence[Sequence[float]], profile: Profile) -> list[Curve]:
    return [curve(given, series.windows, profile) for series, given in zip(corpus, scores, strict=True)]


def _best(corpus: Sequence[Series], scores: Sequence[Sequence[float]], profile: Profile) -> float:
    """By the threshold that is best for all."""
    joined = join(_curves(corpus, scores, profile))
    return joined.normalised(joined.at(joined.best()))


def _held_out(corpus: Sequence[Series], candidates: Sequence[Sequence[Curve]]) -> float:
    """Each folder with the candidate, and the threshold, that are best on the others together."""
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
