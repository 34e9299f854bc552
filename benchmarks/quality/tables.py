"""The results as tables, which the terminal and the documents show alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.quality.clock_changes import ClockScore
from benchmarks.quality.corpus_scores import CorporaScore, LeftOut
from benchmarks.quality.faults import FaultQuality
from benchmarks.quality.lasting.assets import FAULTY, PROPERTIES, Wide
from benchmarks.quality.lasting.signals import Lasting
from benchmarks.quality.load import ALL_SIGNALS, Load
from benchmarks.quality.modes import ModeScore
from benchmarks.quality.samplings import ColdStart, Step
from benchmarks.quality.scenarios import FAULTS, LATER, PERIODS, ScenarioScore
from benchmarks.quality.use_case_quality import AlertCounts, AssetQuality, FalseOpenings, Quality
from producer_sim.run_folder import InjectedKind

NAB_ANCHORS = (
    ("HTM", "67.2", "61.2"),
    ("Random Cut Forest", "57.7", "45.8"),
    ("River's ADWIN, or HalfSpaceTrees, on raw values", "0.0", "0.0"),
)
"""NAB's standard and low-false-positive profiles on the same 25 series, by NAB's own code."""
SKAB_ANCHORS = (
    ("T-squared and Q, fitted on the first 400 rows", "0.77", "0.34"),
    ("Conv-AE, published, all of SKAB", "0.78", "0.14"),
    ("Isolation Forest, published, all of SKAB", "0.29"),
)
KINDS: tuple[InjectedKind, ...] = ("step", "ramp", "variance")
"""The faults that last, which shift is for."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings."""

    name: str
    """Where a document has it, between `<!-- measured: NAME -->` and `<!-- end -->`."""
    headings: tuple[str, ...]
    """The first says what the table is about."""
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def show(self, console: Console) -> None:
        """In the terminal."""
        table = RichTable(*self.headings)
        for row in self.rows:
            table.add_row(*row)
        console.print(table)
        if self.note:
            console.print(self.note, markup=False)

    @property
    def markdown(self) -> str:
        """For a document."""
        width = len(self.headings)
        lines = [self.headings, ("---",) + ("---:",) * (width - 1)]
        lines += [row + ("",) * (width - len(row)) for row in self.rows]
        text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{text}\n\n{self.note}" if self.note else text


def table(name: str, headings: Sequence[str], rows: Iterable[Iterable[object]], note: str = "") -> Table:
    """A table of anything that has a text."""
    return Table(name, tuple(headings), tuple(tuple(map(str, row)) for row in rows), note)


def of_nab(quality: Quality) -> Table:
    """NAB's scores beside the anchors."""
    figures = (
        quality.standard,
        quality.low_false_positives,
        quality.low_false_negatives,
        quality.threshold_held_out,
        quality.parameters_held_out,
    )
    headings = "standard", "few false", "few missed", "threshold held out", "parameters held out too"
    own = "`anomaly`", *(f"{figure:.1f}" for figure in figures)
    return table("nab", ("NAB score", *headings), [own, *NAB_ANCHORS])


def of_alerts(alerts: dict[str, AlertCounts]) -> Table:
    """The alerts of the use cases as shipped, on NAB."""
    rows = (
        (
            f"`{name}`",
            one.alerts,
            one.within,
            f"{one.found} of {one.windows}",
            f"{one.per_week:.2f}",
            f"{one.false_per_week:.2f}",
        )
        for name, one in alerts.items()
    )
    headings = "alerts", "in labelled windows", "windows found", "per signal and week", "of these false"
    return table("nab alerts", ("As shipped, on NAB", *headings), rows)


def of_asset(quality: AssetQuality, false: FalseOpenings) -> Table:
    """SKAB's scores beside the anchors."""
    shares = (f"{share:.2f}" for share in (quality.f1, quality.false_alarms, quality.missed))
    own = "`asset`", *shares, f"{quality.changepoints['standard']:.1f}"
    headings = "SKAB, other", "F1", "false alarm rate", "missed", "changepoint score"
    note = f"False alerts: {false.openings} in {false.rows:,} healthy rows of `other` and `anomaly-free`."
    return table("skab", headings, [own, *SKAB_ANCHORS], note)


def of_faults(quality: FaultQuality) -> Table:
    """The faults that shift detects, and how soon."""
    rows = (
        (
            one.plant,
            one.observations,
            one.kind,
            "" if one.size is None else f"{one.size:g}",
            f"{one.detected} of {one.injected}",
            "" if one.delay_observations is None else f"{one.delay_observations:g}",
            "" if one.delay_s is None else f"{one.delay_s:.1f}",
        )
        for one in quality.found
        if one.kind in KINDS
    )
    headings = "values", "fault", "sigma", "detected", "delay, values", "delay, s"
    note = f"False alarms: on {quality.false:,} of {quality.healthy:,} healthy signals."
    return table("shift faults", ("`shift`, on simulated plants", *headings), rows, note)


def of_others(others: dict[str, FaultQuality]) -> Table:
    """A short version for other use cases."""
    rows = (
        (f"`{name}`", *(f"{one.recall(kind):.0%}" for kind in KINDS), f"{one.false} of {one.healthy}")
        for name, one in others.items()
    )
    headings = "As shipped, ten minutes", "steps", "ramps", "variances", "false alarms"
    return table("other faults", headings, rows)


def of_quiet(quiet: dict[str, int]) -> Table:
    """Alerts by use case."""
    rows = ((f"`{name}`", alerts) for name, alerts in quiet.items())
    return table("quiet", ("Where nothing is wrong", "alerts"), rows)


def of_corpora(name: str, score: CorporaScore) -> Table:
    """What is found, corpus by corpus, and the mean of all."""
    rows: list[tuple[object, ...]] = [
        (
            corpus,
            one.series,
            f"{one.found.found} of {one.found.windows}",
            f"{one.found.by_chance:.1f}",
            f"{one.found.less_chance:.3f}",
            f"{one.found.of_the_rest:.3f}",
            one.found.false,
            f"{one.false_per_week:.2f}",
            f"{one.vus_pr:.3f}",
        )
        for corpus, one in score.corpora.items()
    ]
    means = (f"{score.found_less_chance:.3f}", f"{score.found_of_the_rest:.3f}", score.false)
    rows.append(("mean, or sum", "", "", "", *means, f"{score.false_per_week:.2f}", f"{score.vus_pr:.3f}"))
    headings = (
        f"`{name}`, on series",
        "series",
        "windows found",
        "by chance",
        "found less chance",
        "of what chance leaves",
        "false openings",
        "a signal and week",
        "VUS-PR",
    )
    true = ", ".join(f"{true} of the first {first}" for first, true in score.ranking.items())
    return table(
        f"corpora {name}", headings, rows, f"Openings ranked, by who joined and by score: {true} true."
    )


def of_left_out(name: str, scored: Mapping[str, LeftOut]) -> Table:
    """Each corpus with what was chosen on the others, and the mean."""
    rows: list[tuple[object, ...]] = [
        (
            corpus,
            ", ".join(f"{parameter} {number:g}" for parameter, number in one.chosen.parameters),
            f"{one.score.found.less_chance:.3f}",
            one.score.found.false,
            f"{one.score.vus_pr:.3f}",
        )
        for corpus, one in scored.items()
    ]
    several = [one.score for one in scored.values()]
    found = mean(one.found.less_chance for one in several)
    volume = mean(one.vus_pr for one in several)
    false = sum(one.found.false for one in several)
    rows.append(("mean, or sum", "", f"{found:.3f}", false, f"{volume:.3f}"))
    headings = f"`{name}`, left out", "best on the others", "found less chance", "false openings", "VUS-PR"
    return table(f"left out {name}", headings, rows)


def of_scenarios(name: str, score: ScenarioScore) -> Table:
    """Kind by kind, and the mean of all; faults of the last four weeks."""
    faults = [fault.name for fault in FAULTS]
    rows = [
        (
            kind,
            f"{one.whole.false_per_week:.2f}",
            one.whole.sensor_faults,
            *(f"{one.periods[LATER].share(fault):.0%}" for fault in faults),
        )
        for kind, one in score.scenarios.items()
    ]
    shares = (f"{score.share(fault):.0%}" for fault in faults)
    rows.append(("mean", f"{score.false_per_week:.2f}", "", *shares))
    headings = (
        f"`{name}`, six weeks of",
        "false a week",
        "sensor faults",
        *(f"{one}s found" for one in faults),
    )
    return table(f"scenarios {name}", headings, rows)


def of_periods(name: str, score: ScenarioScore) -> Table:
    """What to expect, by how long a signal has been known; the mean of all kinds."""
    rows = [
        (
            period.name,
            f"{score.false_per_week_in(period.name):.2f}",
            f"{ALL_SIGNALS * score.false_per_week_in(period.name) / 7.0:,.0f}",
            *(f"{score.share(fault.name, period=period.name):.0%}" for fault in FAULTS),
        )
        for period in PERIODS
    ]
    found = (f"{fault.name}s of 6 sigma found" for fault in FAULTS)
    headings = f"`{name}`, on a signal's", "false a week", "a day of 10,000 signals", *found
    return table(f"periods {name}", headings, rows)


def of_cold_start(name: str, scored: Sequence[ColdStart]) -> Table:
    """Sampling by sampling."""
    rows = ((one.sampling, one.values_before, f"{one.found} of {one.injected}", one.false) for one in scored)
    headings = f"`{name}`, fault of 6 sigma after", "values before", "found", "false before it"
    return table(f"cold start {name}", headings, rows)


def of_steps(name: str, scored: Sequence[Step]) -> Table:
    """Sampling by sampling."""
    rows = (
        (
            one.sampling,
            f"{one.found} of {one.steps}",
            f"{one.delay_values:g}" if 2 * one.found > one.steps else "never",
            one.alerts,
            one.false,
        )
        for one in scored
    )
    headings = (
        f"`{name}`, steps of 3 sigma at",
        "found",
        "median delay, values",
        "alerts",
        "false before them",
    )
    return table(f"steps {name}", headings, rows)


def of_lasting(name: str, scored: Sequence[Lasting]) -> Table:
    """Sort by sort."""
    rows = (
        (
            one.kind,
            f"{one.found} of {one.changes}",
            f"{one.delay_values:g}" if 2 * one.found > one.changes else "never",
            one.alerts,
            one.false,
        )
        for one in scored
    )
    headings = (
        f"`{name}`, after three weeks of",
        "found",
        "median delay, values",
        "alerts",
        "false before them",
    )
    return table(f"lasting {name}", headings, rows)


def of_assets(healthy: Mapping[str, FalseOpenings], wide: Wide) -> Table:
    """Where nothing is wrong; and the fault in one of many properties."""
    rows = (
        (name, one.rows, one.openings, f"{10_000.0 * one.openings / one.rows:.2f}")
        for name, one in healthy.items()
    )
    note = (
        f"Of {PROPERTIES} properties, a fault in property {FAULTY} was found and named in {wide.found} of "
        f"{wide.assets} assets, within {wide.delay_rows:g} rows, with {wide.false} false alerts before it."
    )
    return table("assets", ("`asset`, healthy rows of SKAB", "rows", "false alerts", "in 10,000"), rows, note)


def of_modes(name: str, scores: Mapping[str, ModeScore]) -> Table:
    """Found by itself, and with a setting."""
    rows = (
        (how, f"{one.found} of {one.injected}", f"{one.false} in {one.days:.0f}")
        for how, one in scores.items()
    )
    headings = f"`{name}`, faults of 6 sigma within one of three modes", "found", "false, in signal-days"
    return table(f"modes {name}", headings, rows)


def of_clock_changes(name: str, score: ClockScore) -> Table:
    """The week after, with and without a change."""
    how = "with `time_zone`" if score.knows_zone else "in UTC"
    headings = (
        f"`{name}`, of {score.signals} healthy signals on local time",
        "false in the week after a change",
        "without a change",
        "by the change alone",
    )
    return table(f"clock changes {name}", headings, [(how, score.changed, score.unchanged, score.by_change)])


def of_load(name: str, load: Load) -> Table:
    """Alerts, time and bytes."""
    rows = [
        ("alerts a day of 10,000 healthy signals, like the made-up ones", f"{load.alerts_scenarios:,.0f}"),
        ("the same, like the labelled series outside of their windows", _or_unknown(load.alerts_real)),
        ("alerts of a healthy test bench, 8 sensors for 2.6 hours", _or_unknown(load.alerts_bench)),
        ("microseconds of the processor for a value", f"{load.us_a_value.median:.1f}"),
        ("bytes of a page with one signal, at most", _or_unknown(load.state_bytes)),
    ]
    return table(f"load {name}", (f"`{name}`", "measured"), rows)


def _or_unknown(number: float | None) -> str:
    return "not measured" if number is None else f"{number:,.0f}"
