"""Names of signals with brackets, as PLCs write them, and patterns: an exact name wins."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from river import drift

from consumer.detectors.drift import DriftUseCase
from consumer.errors import ConfigurationError
from consumer.events.mutes import Mute, MuteIndex
from consumer.settings.patterns import can_match, is_wild, literal, matches, matching
from consumer.settings.signal_settings import Entry, SettingsFile, SettingsOfSignals
from consumer.settings.signals_yaml import read_signal_settings

NAMES = st.text("Ta2[]*?!-.é", min_size=1, max_size=8)


@given(NAMES, NAMES)
@example("Tank[2]", "Tank2")
def test_a_name_is_matched_by_itself_and_meant_alone_where_it_is_known(name, other):
    assert matches(name, name)
    assert matching(name, [name, other]) == {name}


@given(NAMES, NAMES)
@example("Motor[12]", "Motor1")
@example("a*", "a[*]")
def test_a_literal_pattern_matches_its_name_alone(name, other):
    assert matches(literal(name), name)
    assert matches(literal(name), other) == (other in (name, literal(name)))


@pytest.mark.parametrize("name", ["Tank[2].Level", "Rack[A].Temp", "Program:Main.Valve[7]"])
def test_one_letter_or_digit_in_brackets_is_an_index(name):
    assert not is_wild(name)
    without = name.replace("[", "").replace("]", "")
    assert not matches(name, without)
    assert matches(name[:-1] + "*", name)
    assert not matches(name[:-1] + "*", without)


def test_classes_stay_classes():
    assert matching("pump[12]", ["pump1", "pump2", "pump3", "pump12"]) == {"pump1", "pump2"}
    assert matching("pump[!1]", ["pump1", "pump2"]) == {"pump2"}
    assert matching("pump[1-3]*", ["pump1", "pump2.a", "pump4"]) == {"pump1", "pump2.a"}
    assert matching("Motor[[]12].*", ["Motor1.a", "Motor[12].a"]) == {"Motor[12].a"}


@pytest.mark.parametrize(
    ("pattern", "matched", "others"),
    [
        ("Tank[2].Level", ["Tank[2].Level"], ["Tank2.Level", "Tank[3].Level"]),
        ("Motor[[]12].*", ["Motor[12].Speed"], ["Motor1.Speed", "Motor12.Speed"]),
        ("Line[*].x", ["Line[*].x", "Line*.x"], ["Line1.x"]),
    ],
)
def test_mutes_and_settings_mean_the_same_by_a_pattern(pattern, matched, others):
    mutes = MuteIndex([Mute(pattern, "2026-01-01", "2026-01-02")])
    file = SettingsFile(1, [Entry(match=pattern, name="found")])
    settings = SettingsOfSignals("drift", DriftUseCase(drift.ADWIN()), file)
    at_s = 1_767_225_700.0
    for name in [*matched, *others]:
        assert (mutes.until("drift", name, at_s) is not None) == (name in matched), name
        assert (settings.of(name).shown.get("name") == "found") == (name in matched), name


@pytest.mark.parametrize("pattern", ["pump[z-a]", "a*[9-0].b"])
def test_a_pattern_that_no_name_can_match_is_a_mistake_of_its_line(pattern):
    assert not can_match(pattern)
    text = (
        f'version: 1\nsignals:\n  - match: a\n    unit: bar\n  - match: ["b", "{pattern}"]\n    unit: bar\n'
    )
    with pytest.raises(
        ConfigurationError, match=r"signals\.yaml, line 5: .* matches no name; a bracket is written"
    ):
        read_signal_settings(text, "signals.yaml", {})
