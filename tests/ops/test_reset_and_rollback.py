"""Models started anew and put back as they were, while data keeps arriving: nothing is learned twice."""

import pytest
from typer.testing import CliRunner

from consumer.pages.codec import moved
from ops.__main__ import app
from tests.consumer.world import interleaved, step
from tests.ops.live_plant import (
    PREFIX,
    Plant,
    a_second_passes,
    assert_learned,
    before_the_next_commit,
    endpoint,
    plant,
)

__all__ = ["endpoint", "plant"]
SIGNALS = ["compressor1.pressure", "pump 7/°C", "c"]
SERIES = interleaved(*(step(signal, 90, at=40) for signal in SIGNALS))
PART = len(SERIES) // 3


def assert_redelivery_changes_nothing(plant: Plant) -> None:
    before = plant.versions()
    assert plant.deliver(plant.sent) == []
    assert plant.versions() == before


def checkpoints(plant: Plant, signal: str) -> dict:
    return plant.states()[signal].checkpoints


def test_after_a_reset_a_signal_learns_what_comes_and_a_second_reset_changes_nothing(plant):
    first = plant.learn(SERIES[:PART])
    before = checkpoints(plant, "c")
    said = plant.command("reset", "c")
    assert "c: starts anew; 30 observations forgotten" in said
    assert checkpoints(plant, "c") == before
    written = plant.versions()
    assert "c: already fresh" in plant.command("reset", "c")
    assert plant.versions() == written
    assert_redelivery_changes_nothing(plant)
    second = plant.learn(SERIES[PART : 2 * PART])
    assert_learned(plant, second, ["c"])
    assert_learned(plant, first + second, SIGNALS[:2])
    assert_redelivery_changes_nothing(plant)


def test_a_batch_that_is_committed_meanwhile_is_learned_once_and_the_reset_is_done_after_it(
    plant, monkeypatch
):
    plant.learn(SERIES[:PART])
    batch = plant.points(SERIES[PART : 2 * PART])
    with before_the_next_commit(monkeypatch, lambda: plant.deliver(batch)):
        assert "c: starts anew; 60 observations forgotten" in plant.command("reset", "c")
    assert plant.states()["c"].learned == 0
    assert_learned(plant, plant.sent, SIGNALS[:2])
    assert_redelivery_changes_nothing(plant)
    third = plant.learn(SERIES[2 * PART :])
    assert_learned(plant, third, ["c"])
    assert_learned(plant, plant.sent, SIGNALS[:2])


def test_a_function_that_knows_the_page_of_before_learns_into_the_fresh_model(plant):
    """It is warm: its copy of the page is older than the reset."""
    plant.learn(SERIES[:PART])
    plant.command("reset", *SIGNALS)
    second = plant.learn(SERIES[PART:])
    assert_learned(plant, second)
    assert_redelivery_changes_nothing(plant)


def test_the_values_of_an_asset_are_found_by_their_own_names(plant):
    several = [("asset.1", {"signal": "asset.1", "values": {"p": 1.0, "t": 2.0}})]
    assert plant.deliver(plant.send(several * 3)) == []
    plant.command("reset", "asset.1.t")
    assert {name: state.learned for name, state in plant.states().items()} == {"asset.1.p": 3, "asset.1.t": 0}


@pytest.mark.parametrize("command", [["reset", "c", "nobody"], ["rollback", "nobody", "--to", "2099-01-01"]])
def test_a_signal_that_there_is_not_is_named_and_nothing_is_done(plant, command):
    plant.learn(SERIES[:PART])
    before = plant.versions()
    assert "no signal 'nobody'" in plant.command(*command, code=1)
    assert plant.versions() == before


def test_without_models_it_says_so(plant):
    assert "nothing was learned" in plant.command("reset", "c", code=1)


def test_who_answers_no_changes_nothing(plant):
    plant.learn(SERIES[:PART])
    to = a_second_passes()
    plant.learn(SERIES[PART:])
    before = plant.versions()
    assert "has learned 90 observations" in plant.command("reset", "c", answer="n\n", code=1)
    assert "Nothing was changed" in plant.command("rollback", "c", "--to", to, answer="n\n", code=1)
    assert plant.versions() == before


def test_while_models_are_moved_it_says_to_try_again(plant):
    plant.learn(SERIES[:PART])
    plant.s3.put_object(
        Bucket="models", Key=f"{PREFIX}/layout.json", Body=b'{"pages":2,"moving_to":4,"move":"x"}'
    )
    before = plant.versions()
    assert "try again" in plant.command("reset", "c", code=1)
    assert plant.versions() == before


@pytest.mark.parametrize("command", ["reset", "rollback"])
def test_a_page_that_is_moved_meanwhile_is_left_alone(plant, monkeypatch, command):
    plant.learn(SERIES[:PART])
    to = a_second_passes()
    plant.learn(SERIES[PART:])
    pages = {key: body for key, body in plant.objects("models").items() if "/pages/" in key}

    def move() -> None:
        for key, body in pages.items():
            plant.s3.put_object(Bucket="models", Key=key, Body=moved(body))

    with before_the_next_commit(monkeypatch, move):
        said = plant.command(command, "c", *(["--to", to] if command == "rollback" else []), code=1)
    assert "try again" in said
    found = plant.objects("models")
    assert {key: found[key] for key in pages} == {key: moved(body) for key, body in pages.items()}


def test_after_a_move_the_signal_is_found_where_it_lies_and_not_before_the_move(plant):
    plant.learn(SERIES[:PART])
    before = a_second_passes()
    ran = CliRunner().invoke(app, ["repage", "--pages", "4", "--force"])
    assert ran.exit_code == 0, ran.output
    moved_at = a_second_passes()
    batch = plant.points(SERIES[PART:])
    assert plant.deliver(batch) != [], "the function has to read the layout again"
    assert plant.deliver(batch) == []
    assert "the models were moved to these pages then" in plant.command(
        "rollback", "c", "--to", before, code=1
    )
    assert "90 observations before, 30 now" in plant.command("rollback", "c", "--to", moved_at)
    assert_learned(plant, plant.sent[:PART], ["c"])
    plant.command("reset", "a.b", code=1)
    assert "30 observations forgotten" in plant.command("reset", "c")
    assert_learned(plant, plant.sent, SIGNALS[:2])
    assert_redelivery_changes_nothing(plant)


def test_a_rollback_gives_the_model_of_then_and_the_checkpoints_of_now(plant):
    first = plant.learn(SERIES[:PART])
    to = a_second_passes()
    plant.learn(SERIES[PART : 2 * PART])
    now = checkpoints(plant, "c")
    said = plant.command("rollback", "c", "--to", to)
    assert "c: put back, 60 observations before, 30 now. Not part of it: plant shardId-" in said
    assert checkpoints(plant, "c") == now
    assert_learned(plant, first, ["c"])
    assert_learned(plant, plant.sent, SIGNALS[:2])
    written = plant.versions()
    assert "it is already as it was" in plant.command("rollback", "c", "--to", to)
    assert plant.versions() == written
    assert_redelivery_changes_nothing(plant)
    third = plant.learn(SERIES[2 * PART :])
    assert_learned(plant, first + third, ["c"])
    assert_redelivery_changes_nothing(plant)


def test_a_rollback_with_a_batch_committed_meanwhile_says_what_it_left_out(plant, monkeypatch):
    first = plant.learn(SERIES[:PART])
    to = a_second_passes()
    plant.learn(SERIES[PART : 2 * PART])
    batch = plant.points(SERIES[2 * PART :])
    with before_the_next_commit(monkeypatch, lambda: plant.deliver(batch)) as written:
        said = plant.command("rollback", "c", "--to", to)
    assert len(written) > 2, "it was done again"
    assert "90 observations before, 30 now" in said
    assert_learned(plant, first, ["c"])
    assert_learned(plant, plant.sent, SIGNALS[:2])
    assert_redelivery_changes_nothing(plant)


@pytest.mark.parametrize("mistake", ["reset", "rollback"])
def test_what_was_reset_or_put_back_by_mistake_is_learned_again_from_the_stream(plant, mistake, monkeypatch):
    plant.learn(SERIES[:PART])
    to = a_second_passes()
    plant.learn(SERIES[PART : 2 * PART])
    plant.command(*(["reset", "c"] if mistake == "reset" else ["rollback", "c", "--to", to]))
    batch = plant.points(SERIES[2 * PART :])
    with before_the_next_commit(monkeypatch, lambda: plant.deliver(batch)):
        said = plant.command("rollback", "c", "--to", to, "--relearn")
    assert "60 observations learned again" in said
    assert_learned(plant, plant.sent)
    written = plant.versions()
    assert "it is already as it was" in plant.command("rollback", "c", "--to", to, "--relearn")
    assert plant.versions() == written
    assert_redelivery_changes_nothing(plant)


def test_a_time_before_all_versions_is_an_error_that_says_what_there_is(plant):
    plant.learn(SERIES[:PART])
    said = plant.command("rollback", "c", "--to", "2020-01-01T00:00:00Z", code=1)
    assert "holds 'c'" in said
    assert "its oldest version is of" in said
    assert "--to" in plant.command("rollback", "c", "--to", "yesterday", code=1)
