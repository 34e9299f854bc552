"""Whatever the documents say to do about the quarantine, in any order: each observation is learned once."""

from collections import Counter

import pytest
from river import drift

from consumer.detectors.drift import DriftUseCase
from tests.ops.live_plant import Plant, a_second_passes, endpoint, plant
from tests.ops.test_redrive import payload_of
from tests.ops.test_upgrade import Checkout, checkout

__all__ = ["checkout", "endpoint", "plant"]
SQUEAMISH, MENDED = DriftUseCase(drift.PageHinkley()), DriftUseCase(drift.PageHinkley(threshold=60.0))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("ops.replay.stream_reader._READ_EVERY_S", 0.0)


class Squeamish:
    """Models that raise at some values, until they are mended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.raises_above = float("inf")
        update = drift.PageHinkley.update

        def fussy(model: drift.PageHinkley, x: float) -> None:
            if self.raises_above < x < 2_000.0:
                raise OverflowError("too large")
            update(model, x)

        monkeypatch.setattr(drift.PageHinkley, "update", fussy)


@pytest.fixture
def models(monkeypatch, checkout: Checkout) -> Squeamish:
    made = Squeamish(monkeypatch)
    checkout.install(SQUEAMISH)
    checkout.deploy()
    return made


def learned(plant: Plant) -> dict[str, int]:
    """How many observations each signal has learned, in the models that learned last."""
    return {signal: state.learned for signal, state in plant.states().items()}


def deliver_what_is_redriven(plant: Plant) -> Counter:
    """The values that were sent again, which the function learns now."""
    records = plant.arrived()
    assert plant.deliver(records) == []
    return Counter(payload_of(record)["value"] for record in records)


VALUES = [("a", 1_000.0 + number) for number in range(20)]


def upgrade(plant: Plant, checkout: Checkout) -> str:
    checkout.install(MENDED)
    said = plant.command("upgrade", "build")
    checkout.deploy()
    return said + plant.command("upgrade", "finish", "--idle")


def of_mended(plant: Plant) -> int:
    from tests.ops.test_upgrade import fingerprint, prefix_of, states_under, versions

    return states_under(plant, prefix_of("drift", fingerprint(MENDED, versions())))["a"].learned


def test_an_upgrade_leaves_out_what_a_redrive_sends_after_it(plant, checkout, models):
    """Otherwise 35 of 20 would be learned."""
    models.raises_above = 1_004.0
    plant.learn(VALUES)
    assert len(plant.quarantined()) == 15
    models.raises_above = float("inf")
    said = upgrade(plant, checkout)
    assert "15 times not: it is in quarantine" in said
    assert of_mended(plant) == 5
    written = plant.versions()
    assert "There is nothing to do" in plant.command("upgrade", "build")
    assert plant.deliver(plant.sent) == []
    assert plant.versions() == written, "what was left out is not learned when it is delivered again"
    plant.command("quarantine", "redrive")
    assert deliver_what_is_redriven(plant) == Counter(value for _, value in VALUES[5:])
    assert of_mended(plant) == 20


def test_an_upgrade_leaves_out_what_a_redrive_has_sent_before_it(plant, checkout, models):
    """The copies are on the stream too."""
    models.raises_above = 1_004.0
    plant.learn(VALUES)
    models.raises_above = float("inf")
    plant.command("quarantine", "redrive")
    assert sum(deliver_what_is_redriven(plant).values()) == 15
    upgrade(plant, checkout)
    assert of_mended(plant) == 20


def test_a_signal_of_which_all_is_in_quarantine_is_no_obstacle_to_an_upgrade(plant, checkout, models):
    models.raises_above = 999.0
    plant.learn(VALUES)
    models.raises_above = float("inf")
    upgrade(plant, checkout)
    assert of_mended(plant) == 0
    assert "There is nothing to do" in plant.command("upgrade", "build")
    plant.command("quarantine", "redrive")
    deliver_what_is_redriven(plant)
    assert of_mended(plant) == 20


@pytest.mark.parametrize("is_redriven_before", [False, True])
def test_what_is_relearned_is_what_was_learned(plant, models, is_redriven_before):
    plant.learn(VALUES[:3])
    to = a_second_passes()
    models.raises_above = 1_004.0
    plant.learn(VALUES[3:])
    assert len(plant.quarantined()) == 15
    models.raises_above = float("inf")
    if is_redriven_before:
        plant.command("quarantine", "redrive")
        deliver_what_is_redriven(plant)
    plant.command("reset", "a")
    said = plant.command("rollback", "a", "--to", to, "--relearn")
    assert "15 left in quarantine" in said
    assert learned(plant) == {"a": 20 if is_redriven_before else 5}
    if not is_redriven_before:
        plant.command("quarantine", "redrive")
        deliver_what_is_redriven(plant)
    assert learned(plant) == {"a": 20}
