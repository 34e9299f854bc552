"""Settings per signal: names, limits and severity act at once; other parameters start one model anew."""

import contextlib
import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from river import anomaly, cluster, drift, preprocessing, time_series

from consumer.detectors.alert_policy import DeadBand
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.asset_rows import AssetUseCase
from consumer.detectors.clusters import ClustersUseCase
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.forecast import ForecastUseCase
from consumer.errors import ConfigurationError
from consumer.plant import Plant, plant
from consumer.river_models.counters import COUNTER_KIND, UNDECIDED
from consumer.settings.signal_settings import SettingsOfSignals
from consumer.settings.signals_yaml import (
    SHIPPED,
    as_json,
    read_shipped,
    read_shipped_signals,
    read_signal_settings,
    read_signals_file,
)
from consumer.use_cases import USE_CASES
from tests.consumer.own_model import Wobble
from tests.consumer.world import World, record

DOCUMENT = Path(__file__).parents[3] / "docs" / "models.md"
KINDS = {
    "drift": DriftUseCase(drift.ADWIN()),
    "anomaly": AnomalyUseCase(
        anomaly.QuantileFilter(preprocessing.StandardScaler() | anomaly.OneClassSVM(nu=0.1), q=0.99)
    ),
    "clusters": AssetUseCase(ClustersUseCase(preprocessing.StandardScaler() | cluster.KMeans(n_clusters=8))),
    "forecast": ForecastUseCase(time_series.HoltWinters(alpha=0.3), upper=100.0),
    "own": AnomalyUseCase(anomaly.ThresholdFilter(Wobble(), threshold=0.8)),
}


def settings(text: str, use_cases=None):
    return read_signal_settings("version: 1\nsignals:\n" + text, "signals.yaml", use_cases or KINDS)


def of(use_case: str, text: str, signal: str = "c1.p"):
    return SettingsOfSignals(use_case, KINDS[use_case], settings(text)).of(signal)


def test_each_field_is_that_of_the_last_entry_that_matches_and_has_it():
    text = """
  - {match: "c*", asset: any, line: Line 3, severity: error}
  - {match: c1.p, asset: Compressor 1, limits: {low: 1}}
  - {match: ["c2.*", c3], asset: another}
"""
    found = of("drift", text)
    assert found.shown == {"asset": "Compressor 1", "line": "Line 3", "limits": {"low": 1.0}}
    assert (found.severity, found.is_muted, found.parameters) == ("error", False, "")
    assert of("drift", text, "c3").shown == {"asset": "another", "line": "Line 3"}
    assert of("drift", text, "d").shown == {}
    assert of("drift", text, "d").use_case is KINDS["drift"]


@pytest.mark.parametrize(
    ("use_case", "parameters", "reached"),
    [
        ("drift", {"delta": 0.1}, lambda use_case: use_case.detector.delta),
        ("anomaly", {"nu": 0.1 / 2}, lambda use_case: use_case.detector.anomaly_detector["OneClassSVM"].nu),
        ("anomaly", {"q": 0.5}, lambda use_case: use_case.detector.q),
        ("clusters", {"n_clusters": 3}, lambda use_case: use_case.rows.clusterer["KMeans"].n_clusters),
        ("clusters", {"within_s": 2}, lambda use_case: use_case.within_s),
        ("forecast", {"alpha": 0.9}, lambda use_case: use_case.forecaster.alpha),
        ("own", {"slowness": 0.5}, lambda use_case: use_case.detector.anomaly_detector.slowness),
    ],
)
def test_a_parameter_is_found_by_its_name_and_the_model_is_another(use_case, parameters, reached):
    found = of(use_case, f"  - {{match: c1.p, use_cases: {{{use_case}: {json.dumps(parameters)}}}}}")
    [value] = parameters.values()
    assert reached(found.use_case) == value
    assert reached(KINDS[use_case]) != value
    assert found.parameters
    found.use_case.create(seed=1)


def test_what_kind_a_signal_is_may_be_said_in_its_entry():
    text = "version: 1\nsignals:\n  - {match: c1.*, use_cases: {anomaly: {kind: counter}}}\n"
    settings = SettingsOfSignals(
        "anomaly", USE_CASES["anomaly"], read_signal_settings(text, "signals.yaml", USE_CASES)
    )
    own, other = settings.of("c1.energy"), settings.of("c2.p")
    assert own.parameters != other.parameters == ""
    assert own.use_case.create(seed=1).model.kind.kind == COUNTER_KIND
    assert other.use_case.create(seed=1).model.kind.kind == UNDECIDED
    assert (own.use_case.kind, own.use_case.detail_type) == ("anomaly", "Anomaly Detected")
    for mistake, told in (
        ("pump", "kind cannot be 'pump': allowed: auto, level, counter"),
        ("3", "kind is 3; allowed: a value such as 'auto'"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            read_signal_settings(text.replace("counter", mistake), "signals.yaml", USE_CASES)


@pytest.mark.parametrize(
    ("use_case", "parameters"),
    [("forecast", {"horizon": 3, "every": 2}), ("clusters", {"rare": 0.5}), ("anomaly", {"clear_after": 1})],
)
def test_when_something_is_told_may_change_without_a_new_model(use_case, parameters):
    found = of(use_case, f"  - {{match: c1.p, use_cases: {{{use_case}: {json.dumps(parameters)}}}}}")
    assert found.use_case != KINDS[use_case]
    assert found.parameters == ""


def test_hours_go_by_the_clocks_of_the_plant_or_of_the_signals_own_entry():
    text = "version: 1\ntime_zone: Asia/Kolkata\nsignals:\n  - {match: 'c*', time_zone: Europe/Berlin}\n"
    file = read_signal_settings(text, "signals.yaml", USE_CASES)
    for name in ("anomaly", "shift"):
        settings = SettingsOfSignals(name, USE_CASES[name], file)
        zones = {signal: settings.of(signal).use_case.time_zone for signal in ("c1.p", "d")}
        assert zones == {"c1.p": "Europe/Berlin", "d": "Asia/Kolkata"}
        assert settings.of("c1.p").parameters != settings.of("d").parameters != ""
    drifts = SettingsOfSignals("drift", USE_CASES["drift"], file)
    assert (drifts.of("d").use_case, drifts.of("d").parameters) == (USE_CASES["drift"], "")
    with pytest.raises(ConfigurationError, match=r"signals.yaml, line 2: 'Kolkata' is no time zone"):
        read_signal_settings(text.replace("Asia/Kolkata", "Kolkata"), "signals.yaml", USE_CASES)


@pytest.mark.parametrize("name", ["anomaly", "shift"])
@pytest.mark.parametrize(
    ("text", "band"),
    [
        ("least: 0.5", DeadBand(least=0.5)),
        ("least: 2%", DeadBand(least_share=0.02)),
        ('least: "2.5 %", direction: fall', DeadBand(least_share=0.025, direction="fall")),
        ("direction: rise", DeadBand(direction="rise")),
    ],
)
def test_a_dead_band_is_that_of_the_entry_and_no_other_model(name, text, band):
    file = read_signal_settings(f"version: 1\nsignals:\n  - {{match: c1.p, {text}}}", "s", USE_CASES)
    settings = SettingsOfSignals(name, USE_CASES[name], file)
    found = settings.of("c1.p")
    assert (found.use_case.alert.dead_band, found.parameters) == (band, "")
    assert settings.of("d").use_case.alert.dead_band is None
    drifts = SettingsOfSignals("drift", USE_CASES["drift"], file)
    assert drifts.of("c1.p").use_case is USE_CASES["drift"]


@pytest.mark.parametrize("name", ["anomaly", "shift"])
def test_utc_is_what_models_learned_by_before_there_were_zones(name):
    file = read_signal_settings("version: 1\ntime_zone: UTC\nsignals: []\n", "signals.yaml", USE_CASES)
    found = SettingsOfSignals(name, USE_CASES[name], file).of("c1.p")
    assert (found.parameters, found.use_case) == ("", USE_CASES[name])
    assert "UTC" not in found.use_case.parameters


def test_limits_are_a_forecasts_in_place_of_its_lines():
    found = of("forecast", "  - {match: c1.p, limits: {low: 3}}")
    assert (found.use_case.lower, found.use_case.upper, found.parameters) == (3.0, None, "")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("  - {name: x}", 3, "missing required field `match`"),
        ("  - match: x\n    linee: x", 4, "linee is not a field"),
        ("  - match: x\n    line: 3", 4, "line: Expected `str"),
        ("  - match: x\n    severity: bad", 4, "severity: Invalid enum value 'bad'"),
        ("  - match: x\n    time_zone: Europe/Berln", 4, "no time zone; nearest: Europe/Berlin"),
        ("  - match: x\n    time_zone: +01:00", 4, "'+01:00' is no time zone"),
        ("  - match: x\n    time_zone: 1", 4, "time_zone: Expected `str"),
        *(
            (f"  - match: x\n    least: {least}", 4, "allowed: a number above 0, or a percentage")
            for least in ("0", "-1", ".nan", ".inf", "0%", "2 percent", "010", "-2%", "'%'")
        ),
        ("  - match: x\n    direction: up", 4, "direction: Invalid enum value 'up'"),
        ("  - match: x\n    limits: {low: 3, high: 3}", 4, "not below high"),
        ("  - match: x\n    limits: {low: .nan}", 4, "finite"),
        ("  - match: x\n    limits: {}", 4, "low, high or both"),
        ("  - match: []", 3, "length >= 1"),
        ("  - match: x\n    use_cases:\n      drift:\n        clocc: 3", 6, "clock, delta"),
        ("  - match: x\n    use_cases:\n      drift:\n        delta: yes", 6, "delta is True"),
        ("  - match: x\n    use_cases:\n      drift:\n        delta: low", 6, "delta is 'low'"),
        *(
            (f"  - match: x\n    use_cases:\n      drift:\n        delta: {number}", 6, f"delta is {shown}")
            for number, shown in (
                *(
                    (".inf", "inf"),
                    ("-.inf", "-inf"),
                    (".nan", "nan"),
                    ("9" * 400, "9"),
                    ("1.0e+101", "1e+101"),
                ),
                *(("010", "'010'"), ("1:30", "'1:30'"), ("1e5", "'1e5'"), ("1,5", "'1,5'")),
            )
        ),
        *(
            (f"  - match: x\n    limits: {{low: {number}}}", 4, said)
            for number, said in (
                *(
                    (".inf", "finite"),
                    ("9" * 400, "limits.low"),
                    ("010", "got `str`"),
                    ("-1:30", "got `str`"),
                ),
                *(("1e5", "got `str`"), ("5 bar", "got `str`"), ("true", "got `bool`")),
            )
        ),
        ("  - match: x\n    use_cases:\n      nope: {}", 5, "nope is no line of consumer/use_cases.py"),
        ("  - match: x\n    use_cases:\n      drift: {severity: error}", 5, "severity cannot be set"),
        ("  - match: x\n    use_cases:\n      forecast: {upper: 3}", 5, "upper cannot be set"),
        ("  - match: x\n    use_cases:\n      forecast: {horizon: 0}", 5, "horizon cannot be 0"),
        *(
            (f"  - match: x\n    {field}: {text}", 4, f"{field}: allowed: one line, without")
            for field in ("unit", "name", "asset", "line")
            for text in ("|\n      b\n", '"b\\n"', '"b\\na"', '"b\\x9b"', '"b\\x7f"', '"b\\u2028"', '"\\tb"')
        ),
        ("  - match: |\n      pump*\n", 3, "match: allowed: one line"),
        ("  - match: x\n    match: y", 4, "match is there twice; the first is in line 3"),
        ("  - match: [x", 4, "expected"),
        ("  - match: x\n    use_cases: &a {drift: *a}", 4, "it holds itself: the alias *a"),
        ("  - &a\n    match: x\n  - <<: *a\n    use_cases: &b\n      drift: [*b]", 7, "it holds itself"),
        ("  - &a [*a]", 3, "it holds itself"),
        ("  - &a\n    <<: *a", 4, "it holds itself"),
        ("  - match: &a [x, x]\n  - match: &a [*a, *a]", 4, "it holds itself"),
        ("  - " + "[" * 200 + "]" * 200, 3, "nested more than 100 levels"),
        ("  - match: x\n    name: " + "{a: " * 5_000 + "1" + "}" * 5_000, 4, "nest"),
        ("  - match: x\n    name: 2024-13-45", 4, "no timestamp: month must be in 1..12"),
        ("  - match: x\n    limits:\n      low: !!int x", 5, "no int: invalid literal"),
        ("  - match: x\n    limits:\n      low: !!timestamp x", 5, "no timestamp"),
        ("  - match: x\n    muted: !!bool x", 4, "no bool"),
        (f"  - match: x\n    limits: {{low: {'9' * 5_000}}}", 4, "no int"),
        ("  - match: x\n    name: *b", 4, "found undefined alias"),
        ("  - match: é\n    name: \x01", 4, "this is not YAML: control characters are not allowed"),
        ("  - match: x\n    <<: {name: y}\n    <<: {name: z}", 5, "<< is there twice"),
        ("  - &a {name: y, name: z, match: x}\n  - *a\n  - {<<: *a}", 3, "name is there twice"),
    ],
)
def test_a_mistake_is_refused_with_its_line(text, line, said):
    with pytest.raises(ConfigurationError, match=rf"^signals.yaml, line {line}: .*{re.escape(said)}"):
        settings(text)


@pytest.mark.parametrize("read", [lambda text: settings(f"  []\n{text}"), as_json])
@pytest.mark.parametrize("level", ["[{}]", "{{<<: [{}]}}", "{{a: [{}]}}"])
def test_aliases_that_stand_for_billions_are_refused_before_they_are_followed(level, read):
    lines = ["x0: &x0 {match: x}"]
    for number in range(1, 30):
        lines.append(f"x{number}: &x{number} {level.format(', '.join([f'*x{number - 1}'] * 10))}")
    with pytest.raises(ConfigurationError, match=r"line \d+: its aliases stand for more than 1,000,000"):
        read("\n".join(lines))


def test_what_is_merged_may_be_given_again_and_wins():
    text = """
  - &usual
    match: c1.p
    severity: error
    limits: {low: 1}
  - <<: *usual
    match: c2.p
    severity: info
"""
    assert (of("drift", text).severity, of("drift", text, "c2.p").severity) == ("error", "info")
    assert of("drift", text, "c2.p").shown == {"limits": {"low": 1.0}}
    with pytest.raises(ConfigurationError, match="line 11: severity is there twice; the first is in line 10"):
        settings(text + "    severity: warning\n")
    with pytest.raises(ConfigurationError, match=r"line 10: signals\.severity: Invalid enum value 'bad'"):
        settings(text.replace("info", "bad"))


def test_a_file_with_many_aliases_is_read():
    entries = "".join(f"  - {{<<: *usual, match: s{number}}}\n" for number in range(2_000))
    assert len(settings(f"  - &usual {{match: x, line: L, severity: info}}\n{entries}").signals) == 2_001


@given(
    st.lists(
        st.sampled_from(
            ["&a ", "*a ", "&b ", "*b ", "<<: ", "[", "]", "{", "}", ", ", "- ", "\n", "  ", "x: "]
        )
        | st.sampled_from(
            ["match", "1", "!!int ", "!!set ", "? ", "2024-99-99", "'", '"', "\x00", "é", ".nan", "~"]
        ),
        max_size=30,
    ).map("".join)
)
@example("!!set match")
def test_no_text_ends_in_another_error(text):
    for prefix in ("", "version: 1\nsignals:\n  - "):
        with contextlib.suppress(ConfigurationError):
            read_signal_settings(prefix + text, "signals.yaml", KINDS)


def test_an_unknown_use_case_is_looked_for_in_the_plants_own_file(tmp_path):
    (tmp_path / "use_cases.py").write_text("from consumer.use_cases import USE_CASES\n")
    file = tmp_path / "signals.yaml"
    file.write_text("version: 1\nsignals:\n  - match: x\n    use_cases: {nope: {}}\n")
    own = Plant(tmp_path, USE_CASES, (), str(tmp_path / "use_cases.py"))
    for read in (read_signals_file, read_shipped_signals):
        with pytest.raises(
            ConfigurationError, match=re.escape(f"nope is no line of {tmp_path}/use_cases.py")
        ):
            read(SHIPPED, own)


@pytest.mark.parametrize("text", ["", "version: 2\nsignals: []", "signals: []", "- a"])
def test_a_file_of_another_shape_is_refused(text):
    with pytest.raises(ConfigurationError, match=r"^signals.yaml"):
        read_signal_settings(text, "signals.yaml", KINDS)


def test_as_it_ships_it_says_the_same():
    text = (
        "version: 1\nsignals:\n  - match: 'c*'\n    limits: {low: 1}\n    use_cases: {drift: {delta: 0.1}}\n"
    )
    read = read_signal_settings(text, "signals.yaml", KINDS)
    assert read_shipped(as_json(text).decode(), "signals.yaml", {}) == read
    assert read_shipped(text, "signals.yaml", KINDS) == read
    assert read.signals[0].limits.low == 1.0


def test_a_file_of_ones_own_in_json_is_checked_too():
    with pytest.raises(ConfigurationError, match="line 1: clocc cannot be set"):
        read_signal_settings(
            '{"version": 1, "signals": [{"match": "x", "use_cases": {"drift": {"clocc": 3}}}]}', "s", KINDS
        )


def test_json_that_is_nested_without_end_is_refused_too():
    nested = '{"version": 1, "signals": [{"match": "x", "use_cases": {"drift": {"delta": ' + "[" * 100_000
    with pytest.raises(ConfigurationError, match=r"line 1: .*nest"):
        read_shipped(nested, "signals.yaml", KINDS)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere.yaml.*cannot be read"):
        read_signals_file(str(tmp_path / "nowhere.yaml"), plant())


def test_a_name_that_several_parts_have_asks_for_the_part():
    several = {"two": AnomalyUseCase(anomaly.QuantileFilter(
        preprocessing.StandardScaler(window_size=9) | anomaly.GaussianScorer(window_size=50), q=0.9
    ))}  # fmt: skip
    with pytest.raises(ConfigurationError, match=r"GaussianScorer.window_size, StandardScaler.window_size"):
        settings("  - match: x\n    use_cases: {two: {window_size: 3}}", several)
    text = '  - match: x\n    use_cases: {two: {"GaussianScorer.window_size": 30}}'
    found = SettingsOfSignals("two", several["two"], settings(text, several)).of("x")
    assert found.use_case.detector.anomaly_detector["GaussianScorer"].window_size == 30


def test_the_shipped_file_sets_nothing_and_its_example_is_right():
    assert read_signals_file(SHIPPED, plant()).signals == []
    text = plant().settings_file(SHIPPED).read_text()
    example = "\n".join(line[1:] for line in text.splitlines() if line.startswith("#   "))
    assert len(settings(example).signals) == 2


def test_the_documents_example_is_right_and_names_every_field():
    section = DOCUMENT.read_text().partition("## Single signals")[2].partition("\n## ")[0]
    [example] = re.findall(r"```yaml\n(.*?)```", section, flags=re.DOTALL)
    read = read_signal_settings(example, "models.md", USE_CASES)
    used = {field for entry in yaml.safe_load(example)["signals"] for field in entry}
    table = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]+)\|", section, flags=re.MULTILINE))))
    assert used == table == set(read.signals[0].__struct_fields__)


# At work, through pages


LEVELS = [0.0] * 500 + [5.0] * 100


def sent(signals, values, first=0):
    return [
        record(
            100 + first + number * len(signals) + position,
            {"signal": signal, "value": value, "timestamp": 1.7e9 + first + number},
            key=signal,
        )
        for number, value in enumerate(values)
        for position, signal in enumerate(signals)
    ]


def deployed(world, text):
    """The world's functions after a deployment of other settings."""
    world.signals = settings(text) if text else None
    world.function = world.cold()


def details(world):
    return [json.loads(event.detail) for event in world.bus.events]


def test_names_limits_severity_and_mute_act_at_once_on_models_that_go_on():
    world = World()
    records = sent(["c1.p", "c2.p"], LEVELS)
    world.invoke(records[:900])
    deployed(world, "  - {match: c1.p, name: Pressure, asset: Compressor 1, line: Line 3, unit: bar,\n"
             "     limits: {high: 4}, severity: critical, muted: true}")  # fmt: skip
    world.invoke(records[900:])
    told = {detail["signal"]: detail for detail in details(world)}
    assert told["c1.p"]["headline"] == (
        "critical: Drift Detected on Pressure, Compressor 1, Line 3 (c1.p), value 5 bar"
    )
    assert told["c1.p"]["limits"] == {"high": 4.0}
    assert (told["c1.p"]["muted"], told["c2.p"]["muted"]) == (True, False)
    assert told["c1.p"]["observations"] == told["c2.p"]["observations"] == 512
    assert told["c1.p"]["severity"] == "critical"
    assert "name" not in told["c2.p"]


def test_other_parameters_start_the_model_of_that_signal_anew_and_of_no_other():
    world = World()
    records = sent(["c1.p", "c2.p"], LEVELS)
    world.invoke(records[:600])
    text = "  - {match: c1.p, use_cases: {drift: {delta: 0.1}}}"
    deployed(world, text)
    world.invoke(records[600:])
    states = world.states()
    assert (states["c1.p"].learned, states["c2.p"].learned) == (300, 600)
    assert states["c1.p"].model.detector.delta == 0.1
    assert states["c2.p"].model.detector.delta == drift.ADWIN().delta

    deployed(world, text)  # again, with the same
    more = sent(["c1.p", "c2.p"], [5.0] * 10, first=10_000)
    world.invoke(more)
    assert world.states()["c1.p"].learned == 310

    deployed(world, "")  # and back
    world.invoke(sent(["c1.p", "c2.p"], [5.0], first=20_000))
    states = world.states()
    assert (states["c1.p"].learned, states["c2.p"].learned) == (1, 611)
    assert states["c1.p"].parameters == ""


def test_a_model_with_parameters_of_its_own_learns_each_value_once():
    text = "  - {match: c1.p, use_cases: {drift: {delta: 0.1}}}"
    whole, cut = World(), World()
    records = sent(["c1.p", "c2.p"], LEVELS)
    for world in (whole, cut):
        deployed(world, text)
    whole.invoke(records)
    for start in range(0, len(records), 77):
        cut.invoke(records[max(0, start - 50) : start + 77], cut.cold())
    assert cut.event_ids()
    assert set(cut.event_ids()) == set(whole.event_ids())
    of_whole, of_cut = whole.states(), cut.states()
    assert {signal: state.learned for signal, state in of_cut.items()} == {"c1.p": 600, "c2.p": 600}
    for signal in ("c1.p", "c2.p"):
        detectors = [states[signal].model.detector for states in (of_whole, of_cut)]
        assert detectors[0].estimation == detectors[1].estimation


def test_records_that_are_known_start_nothing_anew():
    world = World()
    records = sent(["c1.p"], LEVELS)
    world.invoke(records)
    deployed(world, "  - {match: c1.p, use_cases: {drift: {delta: 0.1}}}")
    world.invoke(records)
    assert world.states()["c1.p"].learned == 600
