"""The parts of `make quality`: what each measures, its tables, and its bars."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from typing import Any

from benchmarks.measuring import Bound, Figure, spread
from benchmarks.quality import tables
from benchmarks.quality.clock_changes import score_clock_changes
from benchmarks.quality.corpora import Labelled, read_there
from benchmarks.quality.corpus_scores import FALSE_TODAY, CorporaScore, leave_one_out, score_corpora
from benchmarks.quality.faults import RUNS, FaultQuality, Runs, SignalAlerts, judge, signal_alerts
from benchmarks.quality.lasting.assets import false_when_begun_anew, score_wide
from benchmarks.quality.lasting.signals import score_lasting
from benchmarks.quality.load import load_of
from benchmarks.quality.modes import MODE_SETTING, can_tell, score_beside, score_modes
from benchmarks.quality.nab import NoCorpus, Series, read_corpus
from benchmarks.quality.samplings import score_cold_start, score_steps
from benchmarks.quality.scenarios import FAULTS, LATER, PERIODS, ScenarioScore, score_scenarios
from benchmarks.quality.skab import Run, read_folder, skab_folder
from benchmarks.quality.tables import Table
from benchmarks.quality.use_case_quality import (
    AssetQuality,
    Quality,
    alerts_on_run,
    count_alerts,
    false_openings_of_asset,
    quality_of,
    quality_of_asset,
    shipped_detector,
)
from benchmarks.quality.watching import Candidate, each

QUIET = "artificialNoAnomaly"
OF_ONE_SIGNAL = ("anomaly", "shift", "drift")
"""Use cases of single signals that alert without a configured limit; drift is the reference."""
SILENT = {"anomaly": 0, "shift": 1, "asset": 0}
"""How often use cases may alert where nothing is wrong: `art_daily_perfect_square_wave` stands exactly still
for its first night and then moves at once, which `shift` is to tell."""
LONG = RUNS[3:]
"""Both plants for ten minutes, longer than the warm-up of anomaly."""
LASTING = "shift"
"""The shipped use case for changes that last."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a part measured."""

    tables: list[Table] = field(default_factory=list)
    bars: list[Figure] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """What could not be measured, and why."""


def bar(name: str, value: float, bound: Bound, limit: float, unit: str = "", note: str = "") -> Figure:
    """One figure and its bar."""
    return Figure(name, spread([value]), unit, bound, limit, note)


def shipped(_: Candidate) -> Outcome:
    """NAB's and SKAB's own scores of the shipped use cases, and the faults of simulated plants."""
    try:
        corpus, runs = read_corpus(), read_folder(skab_folder() / "other")
        [free] = read_folder(skab_folder() / "anomaly-free")
    except NoCorpus as error:
        return Outcome(missing=[str(error)])
    nab = quality_of(corpus)
    alerts = {name: count_alerts(corpus, name) for name in OF_ONE_SIGNAL}
    asset, false = quality_of_asset(runs), false_openings_of_asset([*runs, free])
    by_name = _faults({"anomaly": LONG, "drift": LONG, "shift": RUNS})
    faults, others = by_name["shift"], {name: by_name[name] for name in ("anomaly", "drift")}
    quiet = _quiet(corpus, free)
    return Outcome(
        [
            tables.of_nab(nab),
            tables.of_alerts(alerts),
            tables.of_asset(asset, false),
            tables.of_faults(faults),
            tables.of_others(others),
            tables.of_quiet(quiet),
        ],
        _shipped_bars(nab, asset, faults, quiet),
        {
            "nab": {"anomaly": asdict(nab), "alerts": {name: asdict(one) for name, one in alerts.items()}},
            "skab": {"asset": asdict(asset) | {"false_openings": false._asdict()}},
            "faults": {name: asdict(quality) for name, quality in {"shift": faults, **others}.items()},
            "where_nothing_is_wrong": quiet,
        },
    )


def _faults(several: Mapping[str, Sequence[Runs]]) -> dict[str, FaultQuality]:
    """Use case by use case; each seed of each run is a task of its own."""
    tasks = [
        (name, replace(runs, seeds=range(seed, seed + 1)))
        for name, all_runs in several.items()
        for runs in all_runs
        for seed in runs.seeds
    ]
    done = list(zip(tasks, each(_alerts_on_plant, tasks), strict=True))
    return {
        name: judge([signal for (of, _), signals in done if of == name for signal in signals])
        for name in several
    }


def _alerts_on_plant(task: tuple[str, Runs]) -> list[SignalAlerts]:
    name, runs = task
    return signal_alerts(partial(shipped_detector, name), runs)


def _quiet(corpus: list[Series], free: Run) -> dict[str, int]:
    """The number of alerts where nothing is wrong, by use case."""
    quiet = [series for series in corpus if series.folder == QUIET]
    on_series = {name: count_alerts(quiet, name).alerts for name in OF_ONE_SIGNAL}
    return {
        name: on_series.get(name, 0) + alerts_on_run(free, name)
        for name in (*OF_ONE_SIGNAL, "asset", "clusters")
    }


def _shipped_bars(
    nab: Quality, asset: AssetQuality, faults: FaultQuality, quiet: dict[str, int]
) -> list[Figure]:
    least = {
        "anomaly, NAB standard": (nab.standard, 75.0),
        "anomaly, NAB standard, chosen on the other folders": (nab.parameters_held_out, 67.0),
        "anomaly, NAB low false positives": (nab.low_false_positives, 62.0),
        "asset, SKAB F1": (asset.f1, 0.76),
        "shift, recall of steps of 3 sigma and more": (faults.recall("step", size_min=3.0), 0.95),
    }
    most = {
        "asset, SKAB false alarm rate": (asset.false_alarms, 0.35),
        "shift, alerts on healthy simulated signals": (faults.false, 0),
    }
    most |= {f"{name}, alerts where nothing is wrong": (quiet[name], limit) for name, limit in SILENT.items()}
    return [
        *(bar(name, value, "at least", limit) for name, (value, limit) in least.items()),
        *(bar(name, value, "at most", limit) for name, (value, limit) in most.items()),
    ]


# Several parts need these, and each is measured once.
@cache
def _there() -> tuple[Mapping[str, list[Labelled]], list[str]]:
    return read_there()


def corpora(candidate: Candidate) -> Outcome:
    """What is found less chance, VUS-PR, NAB's score and the ranking of alerts, on all corpora."""
    there, missing = _there()
    if not there:
        return Outcome(missing=missing)
    score = _corpora_score(candidate)
    name, allowed = candidate.name, sum(FALSE_TODAY[corpus] for corpus in there)
    bars = [
        bar(f"{name}, found less chance, mean of the corpora", score.found_less_chance, "at least", 0.60),
        bar(f"{name}, false openings on the corpora", score.false, "at most", allowed),
        bar(f"{name}, VUS-PR of rows, mean of the corpora", score.vus_pr, "at least", 0.52),
    ]
    if score.nab_standard is not None:
        bars.append(bar(f"{name}, NAB standard, every row's score", score.nab_standard, "at least", 78.0))
    shown = [tables.of_corpora(one.name, _corpora_score(one)) for one in _with_beside(candidate)]
    results: dict[str, Any] = {"by corpus": {corpus: asdict(one) for corpus, one in score.corpora.items()}}
    results |= {"ranking": {str(first): true for first, true in score.ranking.items()}}
    return Outcome(shown, bars, results, missing)


def _with_beside(candidate: Candidate) -> tuple[Candidate, ...]:
    """The use case that is measured, and the shipped one for lasting changes: it is shown, and has no bar."""
    return (candidate, Candidate(LASTING)) if candidate == Candidate() else (candidate,)


@cache
def _corpora_score(candidate: Candidate) -> CorporaScore:
    return score_corpora(candidate, _there()[0])


def left_out(candidate: Candidate, grid: Mapping[str, Sequence[float]]) -> Outcome:
    """Each corpus with the parameters of this grid that are best on the others."""
    there, missing = _there()
    names = tuple(grid)
    candidates = [
        replace(candidate, parameters=(*candidate.parameters, *zip(names, numbers, strict=True)))
        for numbers in itertools.product(*grid.values())
    ]
    scored = leave_one_out(candidates, there)
    results = {corpus: asdict(one) for corpus, one in scored.items()}
    return Outcome([tables.of_left_out(candidate.name, scored)], [], results, missing)


@cache
def _scenario_score(candidate: Candidate) -> ScenarioScore:
    return score_scenarios(candidate)


def scenarios(candidate: Candidate) -> Outcome:
    """False alerts on healthy signals of 26 kinds, and faults of six sigma in each."""
    score, name = _scenario_score(candidate), candidate.name
    lasting = score.share("burst", "step")
    white = score.scenarios["white noise"].whole.false_per_week
    return Outcome(
        [
            shown(one.name, _scenario_score(one))
            for one in _with_beside(candidate)
            for shown in (tables.of_scenarios, tables.of_periods)
        ],
        [
            bar(f"{name}, false a healthy signal and week", score.false_per_week, "at most", 0.12),
            bar(f"{name}, false a week of white noise", white, "at most", 0.10),
            bar(f"{name}, bursts and steps of 6 sigma found", lasting, "at least", 0.70),
        ],
        {one.name: _summary(_scenario_score(one)) for one in _with_beside(candidate)},
    )


def _summary(score: ScenarioScore) -> dict[str, Any]:
    """What the documents draw: the kinds, and the periods of a signal's life."""
    names = [fault.name for fault in FAULTS]
    return {
        "kinds": {
            kind: {"false a week": one.whole.false_per_week}
            | {name: one.periods[LATER].share(name) for name in names}
            for kind, one in score.scenarios.items()
        },
        "periods": {
            period.name: {"false a week": score.false_per_week_in(period.name)}
            | {name: score.share(name, period=period.name) for name in names}
            for period in PERIODS
        },
    }


def cold_start(candidate: Candidate) -> Outcome:
    """A fault of six sigma soon after a signal's first value."""
    scored, name = score_cold_start(candidate), candidate.name
    return Outcome(
        [tables.of_cold_start(one.name, score_cold_start(one)) for one in _with_beside(candidate)],
        [bar(f"{name}, fault after {one.sampling} found", one.share, "at least", 0.9) for one in scored],
        {one.sampling: asdict(one) for one in scored},
    )


def steps(_: Candidate) -> Outcome:
    """Lasting steps of three sigma at every sampling, which `shift` is to tell soon, and once."""
    scored = score_steps(Candidate(LASTING))
    slowest = max(one.delay_values for one in scored)
    most = max(one.alerts / one.steps for one in scored)
    return Outcome(
        [tables.of_steps(LASTING, scored)],
        [
            bar(f"{LASTING}, until a step of 3 sigma is told", slowest, "at most", 60, "values"),
            bar(f"{LASTING}, alerts for a step", most, "at most", 1.1),
        ],
        {one.sampling: asdict(one) for one in scored},
    )


def lasting(_: Candidate) -> Outcome:
    """Steps on schedules and between levels, ramps and spreads, which `shift` is to tell, and once."""
    scored = score_lasting(Candidate(LASTING))
    return Outcome(
        [tables.of_lasting(LASTING, scored)],
        [
            *(bar(f"{LASTING}, {one.kind}, found", one.share, "at least", 0.9) for one in scored),
            bar(
                f"{LASTING}, alerts for a change",
                sum(one.alerts for one in scored) / sum(one.changes for one in scored),
                "at most",
                1.1,
            ),
        ],
        {one.kind: asdict(one) for one in scored},
    )


def assets(_: Candidate) -> Outcome:
    """False alerts of `asset` on healthy valves, and a fault in one of a hundred properties."""
    wide = score_wide()
    try:
        runs = read_folder(skab_folder() / "other")
        [free] = read_folder(skab_folder() / "anomaly-free")
    except NoCorpus as error:
        return Outcome(missing=[str(error)])
    healthy = {
        "`other` and `anomaly-free`, outside of faults": false_openings_of_asset([*runs, free]),
        "`anomaly-free`, begun anew at many rows": false_when_begun_anew(free),
    }
    found, false = quality_of_asset(runs).f1, "false alerts in 10,000 healthy rows"
    return Outcome(
        [tables.of_assets(healthy, wide)],
        [
            *(
                bar(f"asset, {false}, {name}", 1e4 * one.openings / one.rows, "at most", 1.0)
                for name, one in healthy.items()
            ),
            bar("asset, SKAB F1 at that", found, "at least", 0.76),
            bar("asset, faults in one property of 100 found", wide.found / wide.assets, "at least", 1.0),
            bar("asset, false alerts on 100 properties", wide.false, "at most", 0),
        ],
        {
            "healthy": {name: one._asdict() for name, one in healthy.items()},
            "wide": asdict(wide),
            "f1": found,
        },
    )


def modes(candidate: Candidate) -> Outcome:
    """Faults of six sigma within one of three modes, found by themselves and with `mode`."""
    name, missing = candidate.name, []
    scores = {"by itself": score_modes(candidate)}
    limits = {"by itself": 0.85, "with `mode`": 1.0}
    if not can_tell():
        missing.append("signals.yaml has no setting `mode`")
    elif ":" in name:
        missing.append("a use case that no plant has cannot be given a `mode`")
    else:
        scores["with `mode`"] = score_beside(candidate, MODE_SETTING)
    bars = []
    for how, one in scores.items():
        bars += [
            bar(f"{name}, faults within a mode found, {how}", one.share, "at least", limits[how]),
            bar(f"{name}, false in 20 days of modes, {how}", one.false_in_20_days, "at most", 1.0),
        ]
    results = {how: asdict(one) for how, one in scores.items()}
    return Outcome([tables.of_modes(name, scores)], bars, results, missing)


def clock_changes(candidate: Candidate) -> Outcome:
    """Healthy signals on local schedules, over a change of the clocks."""
    score, name = score_clock_changes(candidate), candidate.name
    return Outcome(
        [tables.of_clock_changes(name, score)],
        [bar(f"{name}, of 20 signals, false by a clock change", score.by_change, "at most", 0)],
        asdict(score),
    )


def load(candidate: Candidate) -> Outcome:
    """Alerts a day of ten thousand healthy signals, and what a value and a state cost."""
    name = candidate.name
    corpora_score = _corpora_score(candidate) if _there()[0] else None
    measured = load_of(candidate, _scenario_score(candidate), corpora_score)
    bars = [Figure(f"{name}, a value", measured.us_a_value, "us", "at most", 40.0)]
    missing = []
    if measured.state_bytes is None:
        missing.append("no page may hold such a model: its state has no size")
    else:
        bars.append(bar(f"{name}, a state", measured.state_bytes, "at most", 12_000, "bytes"))
    return Outcome([tables.of_load(name, measured)], bars, asdict(measured), missing)


PARTS: dict[str, Callable[[Candidate], Outcome]] = {
    "shipped": shipped,
    "corpora": corpora,
    "scenarios": scenarios,
    "cold-start": cold_start,
    "steps": steps,
    "lasting": lasting,
    "assets": assets,
    "modes": modes,
    "clock-changes": clock_changes,
    "load": load,
}
"""In the order of the output; each takes the use case of single signals that it measures."""
