"""Which asset a signal is of."""

import pytest
from river import drift

from consumer.detectors.drift import DriftUseCase
from consumer.errors import ConfigurationError
from consumer.settings.assets import AssetRule, Assets, read_assets
from consumer.settings.signal_settings import SettingsOfSignals
from consumer.settings.signals_yaml import read_signal_settings

ASSET_ID, PROPERTY_ID = "3f8e1c52-0d3e-4b52-9c1b-5f0d8f2a7e11", "9d2b7a40-6a58-4f6e-8d55-0f9f1c2b3a44"
EVERYTHING = AssetRule(("*",), "Hall")


def settings_of(text):
    use_cases = {"drift": DriftUseCase(drift.ADWIN())}
    return SettingsOfSignals("drift", use_cases["drift"], read_signal_settings(text, "s.yaml", use_cases))


@pytest.mark.parametrize(
    ("signal", "asset"),
    [
        ("compressor1.pressure", "compressor1"),
        ("line1.compressor1.pressure", "line1.compressor1"),
        ("line1.pump1:flow", "line1.pump1"),
        ("temperature", "temperature"),
        ("line3/press/force", "line3/press/force"),
        (".hidden", ".hidden"),
        (":hidden", ":hidden"),
        (f"{ASSET_ID}:{PROPERTY_ID}", ASSET_ID),
    ],
)
def test_without_settings_a_name_says_its_asset(signal, asset):
    assert Assets().of(signal) == asset


def test_sitewises_asset_goes_before_the_settings_which_go_before_the_name():
    assets = Assets([EVERYTHING])
    assert assets.of(f"{ASSET_ID}:{PROPERTY_ID}") == ASSET_ID
    assert assets.of("compressor1.pressure") == "Hall"
    assert assets.of("line1.pump1:flow") == "Hall"


def test_of_several_entries_the_last_that_matches_and_has_an_asset_says_it():
    settings = settings_of(
        """
        version: 1
        signals:
          - {match: p3.force, asset: Named}
          - {match: ["p3.*", "oil"], asset: Press 3}
          - {match: p3.heat, asset: Furnace}
          - {match: "*", unit: bar}
        """
    )
    assert [settings.assets.of(name) for name in ("p3.force", "p3.heat", "oil", "p4.force")] == [
        "Press 3",
        "Furnace",
        "Press 3",
        "p4",
    ]
    assert settings.of("p3.force").shown["asset"] == "Press 3"


def test_rules_are_the_same_after_they_were_written_and_other_rules_are_others():
    assets = Assets([AssetRule(("p3.*", "oil"), "Press 3"), EVERYTHING])
    again = read_assets(assets.written())
    assert again == assets
    assert hash(again) == hash(assets)
    assert again.of("oil") == "Hall"
    assert Assets([EVERYTHING]) != assets
    assert Assets([EVERYTHING, AssetRule(("p3.*", "oil"), "Press 3")]) != assets


@pytest.mark.parametrize("written", [b"", b"{}", b'[["p3", "a"]]', b'[[["p3"], 3]]'])
def test_what_is_no_rules_is_refused(written):
    with pytest.raises(ConfigurationError, match="no rules of assets"):
        read_assets(written)
