"""One use case on all labelled corpora: what it finds, how its scores rank rows, how its alerts rank."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.quality.corpora import Labelled
from benchmarks.quality.nab import Curve, curve, join
from benchmarks.quality.scores import NOTHING, Found, buffer_of, found_of, vus_pr
from benchmarks.quality.watching import Candidate, each, watch

INCIDENT_S = 3600.0
"""Alerts of an asset that open so soon after one another are one incident."""
FALSE_TODAY = {"NAB": 25, "SKAB other": 2, "ASD": 16, "SMAP and MSL": 1}
"""False openings of the first shipped `anomaly`, a course and a range: no more are allowed."""
FIRST = (10, 25, 50)
"""Of the ranked openings, how many somebody looks at."""


class Opening(NamedTuple):
    """An alert that opened in the judged part."""

    asset: str
    signal: str
    at_s: float
    score: float
    """Of the row at which it opened."""
    is_true: bool
    """Whether it is in a labelled window."""


@dataclass(frozen=True, slots=True)
class SeriesScore:
    """What a use case made of one series."""

    corpus: str
    name: str
    found: Found
    vus_pr: float | None
    """None for a series without a window."""
    weeks: float
    """Judged and healthy."""
    openings: list[Opening]
    curve: Curve | None
    """For NAB's score."""


@dataclass(frozen=True, slots=True)
class CorpusScore:
    """The sum over the series of a corpus; VUS-PR is the mean over those with a window."""

    series: int
    found: Found
    vus_pr: float
    weeks: float

    @property
    def false_per_week(self) -> float:
        """Openings outside of windows, a signal and week."""
        return self.found.false / self.weeks if self.weeks else 0.0


@dataclass(frozen=True, slots=True)
class CorporaScore:
    """All corpora; means give each corpus the same weight."""

    corpora: dict[str, CorpusScore]
    nab_standard: float | None
    """With the threshold that is best for NAB; None if NAB was not read."""
    ranking: dict[int, int]
    """Of the first so many openings, ranked as people would look at them, how many are true."""
    openings: list[Opening] = field(repr=False, default_factory=list)

    @property
    def found_less_chance(self) -> float:
        """The mean over the corpora."""
        return float(np.mean([one.found.less_chance for one in self.corpora.values()]))

    @property
    def found_of_the_rest(self) -> float:
        """The mean over the corpora of what is found of what chance leaves."""
        return float(np.mean([one.found.of_the_rest for one in self.corpora.values()]))

    @property
    def vus_pr(self) -> float:
        """The mean over the corpora."""
        return float(np.mean([one.vus_pr for one in self.corpora.values()]))

    @property
    def false(self) -> int:
        """Openings outside of windows, over all corpora."""
        return sum(one.found.false for one in self.corpora.values())

    @property
    def false_per_week(self) -> float:
        """Openings outside of windows, a signal and week, over all corpora."""
        weeks = sum(one.weeks for one in self.corpora.values())
        return self.false / weeks if weeks else 0.0


def score_corpora(candidate: Candidate, corpora: Mapping[str, Sequence[Labelled]]) -> CorporaScore:
    """Let a new model learn each series in one pass, and judge what it said."""
    scored = each(
        partial(score_series, candidate), [series for several in corpora.values() for series in several]
    )
    by_corpus: dict[str, list[SeriesScore]] = defaultdict(list)
    for one in scored:
        by_corpus[one.corpus].append(one)
    curves = [one.curve for one in scored if one.curve is not None]
    openings = [opening for one in scored for opening in one.openings]
    return CorporaScore(
        {name: _summed(by_corpus[name]) for name in corpora},
        _standard(curves) if curves else None,
        ranking_of(openings),
        openings,
    )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A corpus, scored with what is best on the others."""

    chosen: Candidate
    score: CorpusScore


def leave_one_out(
    candidates: Sequence[Candidate], corpora: Mapping[str, Sequence[Labelled]]
) -> dict[str, LeftOut]:
    """Score each corpus with the candidate that is best on the other ones: what to expect of other series.

    Best is what finds most less chance, of those with no more false openings there than are allowed; of all,
    where none has so few.
    """
    scored = [(candidate, score_corpora(candidate, corpora).corpora) for candidate in candidates]
    chosen = {}
    for name in corpora:
        others = [other for other in corpora if other != name]
        allowed = sum(FALSE_TODAY.get(other, 0) for other in others)

        def worth(
            one: tuple[Candidate, dict[str, CorpusScore]], others: Sequence[str] = others, most: int = allowed
        ) -> tuple[bool, float, float]:
            there = [one[1][other] for other in others]
            is_quiet = sum(each.found.false for each in there) <= most
            found = float(np.mean([each.found.less_chance for each in there]))
            return is_quiet, found, float(np.mean([each.vus_pr for each in there]))

        best, scores = max(scored, key=worth)
        chosen[name] = LeftOut(best, scores[name])
    return chosen


def score_series(candidate: Candidate, series: Labelled) -> SeriesScore:
    """One series alone."""
    watched = watch(candidate, series.name, series.values, series.timestamps_s)
    start, windows = series.judged_from, series.judged_windows
    rows = [row - start for row in watched.openings if row >= start]
    labels = series.judged_labels
    openings = [
        Opening(
            f"{series.corpus}/{series.asset}",
            series.name,
            series.timestamps_s[row + start],
            float(watched.scores[row + start]),
            bool(labels[row]),
        )
        for row in rows
    ]
    volume = None
    if windows:
        # As wide as in the paper's own experiments: twice the period.
        volume = vus_pr(watched.scores[start:], windows, 2 * buffer_of(np.asarray(series.values)))
    return SeriesScore(
        series.corpus,
        series.name,
        found_of(rows, windows, series.judged),
        volume,
        series.judged_weeks,
        openings,
        curve(watched.scores, series.windows) if series.corpus == "NAB" else None,
    )


def ranking_of(openings: Iterable[Opening], first: Sequence[int] = FIRST) -> dict[int, int]:
    """How many of the first openings are true, ranked by how many signals of the asset joined, then by score.

    An incident is the openings of one asset, each within an hour of the one before.
    """
    by_asset: dict[str, list[Opening]] = defaultdict(list)
    for opening in openings:
        by_asset[opening.asset].append(opening)
    ranked: list[tuple[int, float, bool]] = []
    for several in by_asset.values():
        for incident in _incidents(sorted(several, key=lambda one: one.at_s)):
            joined = len({one.signal for one in incident})
            ranked += [(joined, one.score, one.is_true) for one in incident]
    ranked.sort(key=lambda one: (-one[0], -one[1]))
    return {number: sum(is_true for *_, is_true in ranked[:number]) for number in first}


def _incidents(openings: Sequence[Opening]) -> list[list[Opening]]:
    incidents: list[list[Opening]] = []
    for opening in openings:
        if incidents and opening.at_s - incidents[-1][-1].at_s <= INCIDENT_S:
            incidents[-1].append(opening)
        else:
            incidents.append([opening])
    return incidents


def _summed(several: Sequence[SeriesScore]) -> CorpusScore:
    volumes = [one.vus_pr for one in several if one.vus_pr is not None]
    return CorpusScore(
        len(several),
        sum((one.found for one in several), NOTHING),
        float(np.mean(volumes)) if volumes else 0.0,
        sum(one.weeks for one in several),
    )


def _standard(curves: Sequence[Curve]) -> float:
    joined = join(curves)
    return joined.normalised(joined.at(joined.best()))
