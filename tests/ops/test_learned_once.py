"""Whatever the documents say to do about the quarantine, in any order: each observation is learned once."""

from collections import Counter

import pytest
from river import drift
from typer.testing import CliRunner

import consumer.plant
from consumer.detectors.drift import DriftUseCase
from consumer.handler import start
from ops.__main__ import app
from ops.replay.stream_reader import StreamReader
from tests.consumer.world import interleaved, step
from tests.ops.live_plant import (
    Plant,
    a_second_passes,
    before_the_answer,
    before_the_next_commit,
    endpoint,
    plant,
)
from tests.ops.test_failed_batches import give_up
from tests.ops.test_redrive import payload_of, spoil_pages
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


def test_what_an_upgrade_left_out_is_sent_also_when_the_stream_has_lost_what_it_learned(
    plant, checkout, models, monkeypatch
):
    models.raises_above = 1_004.0
    plant.learn(VALUES)
    models.raises_above = float("inf")
    upgrade(plant, checkout)
    read = StreamReader.read

    def expired(self, shard, since_s, last):
        for number, records in enumerate(read(self, shard, since_s, last)):
            yield records if number else records[3:]

    monkeypatch.setattr(StreamReader, "read", expired)
    plant.command("quarantine", "redrive")
    assert sum(deliver_what_is_redriven(plant).values()) == 15
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


# A page is put back between two deliveries of a batch.

SIGNALS = ["a", "b", "c"]
SERIES = interleaved(*(step(signal, 30, at=15) for signal in SIGNALS))
PARTS = [SERIES[:30], SERIES[30:45], SERIES[45:60], SERIES[60:]]


def put_back(plant: Plant, pages: dict[str, bytes]) -> None:
    for key, body in pages.items():
        plant.s3.put_object(Bucket="models", Key=key, Body=body)


def learn_spoilt(plant: Plant, values: list) -> list[dict]:
    """A batch whose models could not be read: it is in quarantine, and could be delivered again."""
    pages = spoil_pages(plant)
    batch = plant.learn(values)
    put_back(plant, pages)
    return batch


def learn_one_spoilt_batch_of_two(plant: Plant) -> None:
    """The first one, which is delivered again; the second is only in quarantine."""
    plant.learn(PARTS[0])
    batch = learn_spoilt(plant, PARTS[1])
    assert plant.deliver(batch) == []
    learn_spoilt(plant, PARTS[2])
    plant.learn(PARTS[3])


def assert_each_is_learned_once(plant: Plant, of_each: int = 30) -> None:
    assert learned(plant) == dict.fromkeys(SIGNALS, of_each)


def redrive(plant: Plant, *more: str) -> tuple[str, int]:
    """What it says, and how many were sent; the function learns them."""
    said = plant.command("quarantine", "redrive", *more)
    records = plant.arrived()
    assert records == [] or plant.deliver(records) == []
    return said, len(records)


def test_what_was_learned_when_its_batch_was_delivered_again_is_not_sent(plant):
    """Otherwise five of three are learned."""
    plant.learn(PARTS[0])
    batch = learn_spoilt(plant, PARTS[1])
    assert plant.deliver(batch) == []
    said, sent = redrive(plant)
    assert "Skipped, learned since, when their batches were delivered again: 15 lines" in said
    assert sent == 0
    plant.learn([*PARTS[2], *PARTS[3]])
    assert redrive(plant)[1] == 0
    assert_each_is_learned_once(plant)


@pytest.mark.parametrize("is_next_delivered_with_it", [False, True])
@pytest.mark.parametrize("left_out", [0, 4])
def test_of_two_batches_the_one_that_was_delivered_again_is_told_from_the_other(
    plant, is_next_delivered_with_it, left_out
):
    """Lambda may cut what it delivers again anew."""
    plant.learn(PARTS[0])
    pages = spoil_pages(plant)
    plant.learn(PARTS[1])
    second = plant.learn(PARTS[2])
    put_back(plant, pages)
    third = plant.points(PARTS[3])
    again = [
        record
        for shard in plant.shard_ids
        for record in [each for each in second if each["eventID"].startswith(shard)][left_out:]
    ]
    if is_next_delivered_with_it:
        assert plant.deliver(again + third) == []
    else:
        assert plant.deliver(again) == plant.deliver(third) == []
    said, sent = redrive(plant)
    assert sent == 30 - len(again)
    assert f"delivered again: {len(again)} lines" in said
    assert_each_is_learned_once(plant)
    assert redrive(plant)[1] == 0


def test_a_version_that_cannot_be_read_hides_nothing_of_what_was_learned_before_it(plant):
    """The first batch was delivered again and learned, the last one was not."""
    learn_one_spoilt_batch_of_two(plant)
    said, sent = redrive(plant)
    assert "delivered again: 15 lines" in said
    assert sent == 15
    assert_each_is_learned_once(plant)


def test_of_models_that_were_moved_since_nobody_can_tell(plant):
    """The versions of the pages in which they were learned are of other objects."""
    learn_one_spoilt_batch_of_two(plant)
    assert CliRunner().invoke(app, ["repage", "--pages", "3", "--force"]).exit_code == 0
    said, sent = redrive(plant)
    assert "Not sent: 30 lines" in said
    assert sent == 0


def test_nothing_is_redriven_from_a_checkout_that_is_no_longer_deployed(plant, checkout, models):
    """What its models have not learned, those of the deployed code may have."""
    plant.learn(VALUES[:3])
    batch = learn_spoilt(plant, VALUES[3:])
    give_up(plant, batch)
    a_second_passes()
    checkout.install(MENDED)
    checkout.deploy()
    assert plant.deliver(batch) == []
    checkout.install(SQUEAMISH)
    for command in ("quarantine", "failed"):
        said = plant.command(command, "redrive", code=1)
        assert "learned in models of another code" in said
        assert "Check out what is deployed" in said
    assert plant.arrived() == []
    checkout.install(MENDED)
    assert redrive(plant)[1] == 0
    assert learned(plant) == {"a": 17}


@pytest.mark.parametrize("is_killed", [False, True])
def test_what_is_sent_before_its_batch_is_delivered_again_is_learned_by_one_of_them(
    plant, monkeypatch, is_killed
):
    plant.learn(PARTS[0])
    batch = learn_spoilt(plant, PARTS[1])
    if is_killed:

        async def dies(*arguments):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("ops.redrive.redrive.send", dies)
            plant.command("quarantine", "redrive", code=130)
        assert plant.arrived() == []
    plant.command("quarantine", "redrive")
    assert plant.deliver(batch) == []
    assert learned(plant) == dict.fromkeys(SIGNALS, 10)
    assert plant.deliver(plant.arrived()) == []
    plant.learn([*PARTS[2], *PARTS[3]])
    assert_each_is_learned_once(plant)


def test_a_batch_that_is_learned_while_the_question_waits_is_not_sent(plant, monkeypatch):
    plant.learn(PARTS[0])
    batch = learn_spoilt(plant, PARTS[1])
    with before_the_answer(monkeypatch, lambda: plant.deliver(batch)):
        assert "changed while the question waited" in plant.command(
            "quarantine", "redrive", answer="y", code=1
        )
    assert redrive(plant)[1] == 0
    plant.learn([*PARTS[2], *PARTS[3]])
    assert_each_is_learned_once(plant)


def test_a_batch_that_is_learned_before_the_checkpoints_are_raised_is_not_sent(plant, monkeypatch):
    plant.learn(PARTS[0])
    batch = learn_spoilt(plant, PARTS[1])
    with before_the_next_commit(monkeypatch, lambda: plant.deliver(batch)):
        assert "learned meanwhile" in plant.command("quarantine", "redrive", code=1)
    assert redrive(plant)[1] == 0
    plant.learn([*PARTS[2], *PARTS[3]])
    assert_each_is_learned_once(plant)


def test_a_signal_that_the_page_did_not_know_is_passed_over_too(plant):
    plant.learn([("a", 1.0)])
    batch = learn_spoilt(plant, SERIES)
    plant.command("quarantine", "redrive")
    assert plant.deliver(batch) == []
    assert plant.deliver(plant.arrived()) == []
    assert learned(plant) == {"a": 31, "b": 30, "c": 30}


def test_what_was_learned_beside_a_batch_that_was_given_up_nobody_can_tell(plant):
    """The next batch raises the checkpoints over it: the stream has more than was learned or is kept."""
    plant.learn(PARTS[0])
    batch = learn_spoilt(plant, PARTS[1])
    lost = plant.points(PARTS[2])
    give_up(plant, lost)
    assert plant.deliver([*batch, *plant.points(PARTS[3])]) == []
    said, sent = redrive(plant)
    assert "Not sent: 15 lines" in said
    assert sent == 0


def test_what_was_learned_by_a_model_that_started_anew_in_between_nobody_can_tell(
    plant, tmp_path, monkeypatch
):
    """With parameters of its signal's own: its count began again."""
    plant.learn(VALUES[:3])
    pages = spoil_pages(plant)
    batch = plant.learn(VALUES[3:8])
    put_back(plant, pages)
    own = tmp_path / "signals.yaml"
    own.write_text("version: 1\nsignals:\n  - {match: a, use_cases: {drift: {delta: 0.0001}}}\n")
    monkeypatch.setattr(consumer.plant.Plant, "settings_file", lambda *_: own)
    start.cache_clear()
    assert plant.deliver(batch) == []
    assert learned(plant) == {"a": 5}
    said, sent = redrive(plant)
    assert "Not sent: 5 lines" in said
    assert sent == 0


@pytest.mark.parametrize("is_redriven_first", [False, True])
def test_a_batch_that_was_given_up_is_learned_by_one_of_the_redrives(plant, is_redriven_first):
    plant.learn(PARTS[0])
    pages = spoil_pages(plant)
    give_up(plant, plant.learn(PARTS[1]))
    put_back(plant, pages)
    commands = [["failed", "redrive"], ["quarantine", "redrive"]]
    for command in reversed(commands) if is_redriven_first else commands:
        plant.command(*command)
        assert not (records := plant.arrived()) or plant.deliver(records) == []
    plant.learn([*PARTS[2], *PARTS[3]])
    assert_each_is_learned_once(plant)


def test_what_the_model_rejects_when_its_batch_is_delivered_again_is_sent(plant, models):
    plant.learn(VALUES[:3])
    batch = learn_spoilt(plant, VALUES[3:])
    models.raises_above = 1_017.0
    assert plant.deliver(batch) == []
    assert learned(plant) == {"a": 18}
    models.raises_above = float("inf")
    said, sent = redrive(plant)
    assert sent == 2
    assert "delivered again: 15 lines" in said
    assert learned(plant) == {"a": 20}


def test_what_nobody_can_tell_is_not_sent_unless_it_is_asked_for(plant):
    """The versions of the page are gone."""
    plant.learn(PARTS[0])
    batch = learn_spoilt(plant, PARTS[1])
    assert plant.deliver(batch) == []
    for version in plant.s3.list_object_versions(Bucket="models", Prefix="models/")["Versions"]:
        if not version["IsLatest"]:
            plant.s3.delete_object(Bucket="models", Key=version["Key"], VersionId=version["VersionId"])
    plant.s3.put_bucket_versioning(Bucket="models", VersioningConfiguration={"Status": "Suspended"})
    plant.learn([*PARTS[2], *PARTS[3]])
    before = plant.versions()
    said, sent = redrive(plant)
    assert "Not sent: 15 lines" in said
    assert sent == 0
    assert plant.versions() == before
    assert_each_is_learned_once(plant)
    _, sent = redrive(plant, "--in-doubt", "send")
    assert sent == 15


def test_while_a_page_cannot_be_read_what_it_would_reject_again_is_not_sent(plant):
    plant.learn(PARTS[0])
    pages = spoil_pages(plant)
    plant.learn(PARTS[1])
    said, sent = redrive(plant)
    assert "cannot be read" in said
    assert sent == 0
    put_back(plant, pages)
    assert redrive(plant)[1] == 15
    plant.learn([*PARTS[2], *PARTS[3]])
    assert_each_is_learned_once(plant)
