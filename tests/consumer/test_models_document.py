"""The examples of docs/models.md work: each is learned, kept in a page, and finds what it should."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from consumer.pages.codec import PageCodec
from tests.consumer.own_model import allow_own_modules
from tests.consumer.world import World, points

DOCUMENT = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
OWN = "consumer.own_models"
# Steady, then elsewhere for good; it rises towards the end.
VALUES = [30.0 + number * 7919 % 13 for number in range(2_500)]
VALUES += [60.0 + number * 7919 % 13 for number in range(600)]
VALUES += [60.0 + number * 7919 % 13 + 0.05 * number for number in range(600)]


def lines() -> dict[str, object]:
    """Every line of every example, by its name."""
    own = ModuleType(OWN)
    sys.modules[OWN] = own
    found, modules = {}, ()
    for example in EXAMPLES:
        if example.startswith("class "):
            exec(example, vars(own))
            continue
        names: dict[str, object] = {}
        exec(example, names)
        found |= names["USE_CASES"]
        modules += names.get("OWN_MODULES", ())
    assert modules == (OWN,)
    return found


LINES = lines()


@pytest.fixture(autouse=True)
def own_module(monkeypatch):
    allow_own_modules(monkeypatch, OWN)


def test_there_is_an_example_of_each_family_and_of_a_class_of_ones_own():
    assert {type(line).__name__ for line in LINES.values()} == {
        "DriftUseCase",
        "AnomalyUseCase",
        "ChangePoint",
        "ClustersUseCase",
        "ForecastUseCase",
        "AssetUseCase",
    }
    assert type(LINES["wobble"].detector.anomaly_detector).__name__ == "Wobble"
    assert len(LINES) == 16


@pytest.mark.parametrize("name", LINES)
def test_an_example_passes_the_check_at_the_start_and_learns(name):
    PageCodec().check(LINES[name])
    world = World(use_case=LINES[name])
    records = points([("a", value) for value in VALUES])
    assert world.invoke(records[:2_000]).failed == []
    assert world.invoke(records[2_000:], world.cold()).failed == []
    if name not in OF_RECORDS:
        assert world.states()["a"].learned == len(VALUES)
    assert world.objects.quarantined() == []
    details = [event.detail for event in world.bus.events]
    assert name in SILENT or details, "it tells of what happens in these values"


# What does not happen in these values, or is not rare enough.
SILENT = {"running-dry", "means", "trees", "doing", "asset"}

# Learned from records that bring several values together; these bring one.
OF_RECORDS = {"asset"}


def test_a_class_of_ones_own_whose_module_is_not_named_is_refused(monkeypatch):
    allow_own_modules(monkeypatch)
    with pytest.raises(Exception, match=r"consumer\.own_models\.Wobble is not allowed"):
        PageCodec().check(LINES["wobble"])
