"""Values that waited in an asset's state when its model raised at their row: learned once, in any order."""

import pytest
from river import cluster, preprocessing

from consumer.detectors.asset_rows import AssetUseCase
from consumer.detectors.base import fingerprint
from consumer.detectors.clusters import ClustersUseCase
from consumer.errors import ModelRaised, Unavailable
from consumer.handler import start
from consumer.pages.codec import versions
from consumer.pages.layout import prefix_of
from consumer.pages.store import PageStore
from tests.ops.live_plant import Plant, a_second_passes, endpoint, plant
from tests.ops.test_redrive import spoil_pages
from tests.ops.test_upgrade import Checkout, checkout, states_under

__all__ = ["checkout", "endpoint", "plant"]
POISON = 666.0
START_S = 1_700_000_000.0


def rows_of(count: int) -> AssetUseCase:
    model = preprocessing.StandardScaler() | cluster.KMeans(n_clusters=count, halflife=0.1, sigma=1.0)
    return AssetUseCase(ClustersUseCase(model), pattern=None)


OLD, NEW = rows_of(8), rows_of(4)


def learned(plant: Plant, use_case: AssetUseCase) -> int:
    return states_under(plant, prefix_of("drift", fingerprint(use_case, versions())))["asset"].learned


def row(number: int, **values: float) -> tuple[str, object]:
    return "asset", {"signal": "asset", "values": values, "timestamp": START_S + 60.0 * number}


class Choosy:
    """Models of rows that raise at poison, until they are mended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.raises = True
        learn = ClustersUseCase.learn

        def choosy(use_case, state, rows, *rest):
            for index, each in enumerate(rows):
                if self.raises and POISON in each.values():
                    raise ModelRaised(index, "the model raised ZeroDivisionError")
            return learn(use_case, state, rows, *rest)

        monkeypatch.setattr(ClustersUseCase, "learn", choosy)


@pytest.fixture
def models(monkeypatch, checkout: Checkout) -> Choosy:
    monkeypatch.setattr("ops.replay.stream_reader._READ_EVERY_S", 0.0)
    checkout.install(OLD)
    checkout.deploy()
    return Choosy(monkeypatch)


def deliver(plant: Plant, payloads: list[tuple[str, object]]) -> None:
    """In a cold function, whose state comes from the bucket."""
    records = plant.send(payloads)
    start.cache_clear()
    assert plant.deliver(records) == []


def a_row_waits(plant: Plant) -> None:
    """Twelve values are learned, of which the last two wait for a third one."""
    deliver(
        plant, [row(n, p=n % 5.0, t=n % 7.0, v=1.0) for n in range(3)] + [row(3, p=1.0), row(3, t=POISON)]
    )
    assert learned(plant, OLD) == 11


def its_model_raises(plant: Plant) -> None:
    deliver(plant, [row(3, v=3.0), row(4, p=4.0, t=4.0, v=4.0)])
    assert learned(plant, OLD) == 12
    assert {line["position"] < 0 for line in plant.quarantined()} == {True, False}


def redrive(plant: Plant, models: Choosy) -> None:
    models.raises = False
    plant.command("quarantine", "redrive")
    assert plant.deliver(plant.arrived()) == []


@pytest.mark.parametrize("is_begun_before", [False, True])
@pytest.mark.parametrize("is_redriven_before", [False, True])
def test_an_upgrade_leaves_out_what_had_waited(plant, checkout, models, is_begun_before, is_redriven_before):
    """Also if its models have learned it already, since those before had not raised yet."""
    a_row_waits(plant)
    if is_begun_before:
        checkout.install(NEW)
        plant.command("upgrade", "build")
        assert learned(plant, NEW) == 11
        checkout.install(OLD)
    its_model_raises(plant)
    models.raises = False
    if is_redriven_before:
        redrive(plant, models)
        assert learned(plant, OLD) == 15
    checkout.install(NEW)
    assert "3 times not: it is in quarantine" in plant.command("upgrade", "build")
    checkout.deploy()
    plant.command("upgrade", "finish", "--idle")
    if not is_redriven_before:
        assert learned(plant, NEW) == 12
        redrive(plant, models)
    assert learned(plant, NEW) == 15


@pytest.mark.parametrize("relearn", [[], ["--relearn"]])
@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_rollback_brings_nothing_back_that_a_redrive_sends(plant, models, relearn, is_waiting):
    deliver(plant, [row(n, p=n % 5.0, t=n % 7.0, v=1.0) for n in range(3)])
    before = a_second_passes()
    deliver(plant, [row(3, p=1.0), row(3, t=POISON)])
    waiting = a_second_passes()
    its_model_raises(plant)
    models.raises = False
    plant.command("rollback", "asset", "--to", waiting if is_waiting else before, *relearn)
    put_back = 12 if relearn else 9
    assert learned(plant, OLD) == put_back
    redrive(plant, models)
    assert learned(plant, OLD) == put_back + 3


def fails(plant: Plant, records: list[dict]) -> None:
    """An invocation that has quarantined, and whose commit fails."""

    async def unavailable(*arguments):
        raise Unavailable("PUT: 503")

    start.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PageStore, "commit", unavailable)
        assert plant.deliver(records) != []
    start.cache_clear()


def test_a_row_at_which_two_records_have_raised_is_sent_once(plant, models):
    """The first of them is given up."""
    a_row_waits(plant)
    fails(plant, plant.send([row(3, v=3.0)]))
    deliver(plant, [row(4, p=4.0, t=4.0, v=4.0)])
    assert sorted(line["position"] for line in plant.quarantined()) == [-1, -1, 0]
    redrive(plant, models)
    assert learned(plant, OLD) == 15
    assert "There is nothing to send" in plant.command("quarantine", "redrive")


@pytest.mark.parametrize("is_upgraded", [False, True])
def test_values_of_which_one_delivery_has_kept_the_row_and_another_each_are_sent_once(
    plant, checkout, models, is_upgraded
):
    deliver(plant, [row(n, p=n % 5.0, t=n % 7.0, v=1.0) for n in range(3)])
    records = plant.send([row(3, p=1.0), row(3, t=POISON), row(3, v=3.0), row(4, p=4.0, t=4.0, v=4.0)])
    fails(plant, records)
    assert plant.deliver(records[:2]) == plant.deliver(records[2:]) == []
    assert learned(plant, OLD) == 12
    models.raises = False
    if is_upgraded:
        checkout.install(NEW)
        plant.command("upgrade", "build")
        checkout.deploy()
        plant.command("upgrade", "finish", "--idle")
    said = plant.command("quarantine", "redrive")
    assert ("Not sent: 2 lines" if is_upgraded else "delivered again: 2 lines") in said
    assert plant.deliver(plant.arrived()) == []
    assert learned(plant, NEW if is_upgraded else OLD) == 15


def test_what_was_learned_beside_a_row_that_left_the_state_nobody_can_tell(plant, models):
    """The model has forgotten what had waited: it counts fewer than it has learned."""
    a_row_waits(plant)
    pages = spoil_pages(plant)
    batch = plant.send([row(3, v=3.0), row(4, p=4.0, t=4.0, v=4.0)])
    deliver_again(plant, batch)
    for key, body in pages.items():
        plant.s3.put_object(Bucket="models", Key=key, Body=body)
    deliver_again(plant, batch)
    models.raises = False
    assert "Not sent: 3 lines" in plant.command("quarantine", "redrive")
    assert plant.deliver(plant.arrived()) == []
    assert learned(plant, OLD) == 15


def deliver_again(plant: Plant, batch: list[dict]) -> None:
    start.cache_clear()
    assert plant.deliver(batch) == []
