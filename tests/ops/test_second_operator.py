"""Another operator acts while a command waits for an answer: it does only what it showed, or nothing."""

import pytest

from ops.upgrade.build import open_upgrade
from tests.ops.live_plant import Plant, a_second_passes, before_the_answer, endpoint, plant
from tests.ops.test_failed_batches import give_up
from tests.ops.test_redrive import spoil_pages
from tests.ops.test_upgrade import (
    NEW,
    NEW_PREFIX,
    OLD,
    PART,
    SERIES,
    checkout,
    deployed,
    layout_of,
    mapping_states,
    stack,
)

__all__ = ["checkout", "endpoint", "plant"]
ASKED = "another operator"


def answer_yes_after(monkeypatch, do, plant: Plant, *command: str) -> str:
    """What a command says that must not do what it showed any more."""
    with before_the_answer(monkeypatch, do):
        said = plant.command(*command, answer="y\n", code=1)
    assert "Not done: " in said
    assert ASKED in said
    return said


def test_a_build_that_waited_for_a_finish_does_not_fence_the_models_in_force(plant, checkout, monkeypatch):
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    plant.command("upgrade", "build")
    plant.learn(SERIES[PART : 2 * PART])

    def finish() -> None:
        checkout.deploy()
        plant.command("upgrade", "finish", "--idle")

    answer_yes_after(monkeypatch, finish, plant, "upgrade", "build")
    assert layout_of(plant, NEW_PREFIX) == {"pages": 2}
    plant.learn(SERIES[2 * PART :])


def test_to_go_back_is_not_begun_again_once_somebody_went_back(plant, checkout, monkeypatch):
    """`layout.json` is then as it was when the question was asked."""
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    plant.command("upgrade", "build")
    checkout.deploy()
    plant.command("upgrade", "finish", "--idle")
    plant.learn(SERIES[PART : 2 * PART])
    checkout.install(OLD)

    def go_back() -> None:
        plant.command("upgrade", "build")
        checkout.deploy()
        plant.command("upgrade", "finish", "--idle")

    answer_yes_after(monkeypatch, go_back, plant, "upgrade", "build")
    plant.learn(SERIES[2 * PART :])


def test_a_finish_between_the_beginning_of_a_build_and_its_end_is_not_undone(plant, checkout, monkeypatch):
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    opened = []

    async def opening(*arguments):
        opened.append(arguments)
        if len(opened) == 3:  # shown, checked, and now to learn
            with monkeypatch.context() as patch:
                patch.undo()
                checkout.deploy()
                in_a_thread(lambda: plant.command("upgrade", "finish", "--idle"))
        return await open_upgrade(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("ops.upgrade.build.open_upgrade", opening)
        assert ASKED in plant.command("upgrade", "build", code=1)
    assert layout_of(plant, NEW_PREFIX) == {"pages": 2}
    plant.learn(SERIES[PART:])


def in_a_thread(do) -> None:
    import threading

    thread = threading.Thread(target=do)
    thread.start()
    thread.join()


def test_a_finish_that_waited_for_another_leaves_what_that_one_did(plant, checkout, monkeypatch):
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    plant.command("upgrade", "build")

    def finish() -> None:
        checkout.deploy()
        plant.command("upgrade", "finish", "--idle")
        plant.learn(SERIES[PART : 2 * PART])

    answer_yes_after(monkeypatch, finish, plant, "upgrade", "finish", "--idle")
    assert layout_of(plant, NEW_PREFIX) == {"pages": 2}
    plant.learn(SERIES[2 * PART :])


def test_a_function_is_neither_paused_nor_resumed_for_an_answer_that_came_too_late(
    plant, checkout, monkeypatch
):
    lambda_ = deployed(plant)
    monkeypatch.setattr("ops.lambda_function._POLL_EVERY_S", 0.01)
    monkeypatch.setattr("ops.lambda_function.LambdaFunction.deployed_s", lambda function: 1e10)
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    stack("build", "--pause")
    checkout.deploy()
    where = ["upgrade", "finish", "--stack", "Plant1"]
    with before_the_answer(monkeypatch, lambda: stack("finish")):
        assert ASKED in asked(where)
    assert mapping_states(lambda_) == {"Enabled"}
    [mapping] = lambda_.list_event_source_mappings()["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)

    def resume() -> None:
        lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    with before_the_answer(monkeypatch, resume):
        assert ASKED in asked(where)


def asked(arguments: list[str]) -> str:
    from tests.ops.operated import run

    ran = run(*arguments, answer="y\n")
    assert ran.exit_code == 1, (ran.output, ran.exception)
    return ran.output


@pytest.mark.parametrize("first", ["reset", "rollback"])
@pytest.mark.parametrize("second", ["reset", "rollback", "relearn", "repage"])
def test_a_model_that_another_operator_has_changed_is_left_alone(plant, checkout, monkeypatch, first, second):
    plant.learn(SERIES[:PART])
    to = a_second_passes()
    plant.learn(SERIES[PART : 2 * PART])
    if second == "relearn":
        plant.command("reset", "c")
        plant.learn(SERIES[2 * PART : 3 * PART])
    commands = {
        "reset": ["reset", "c"],
        "rollback": ["rollback", "c", "--to", to],
        "relearn": ["rollback", "c", "--to", to, "--relearn"],
    }
    after: list[dict] = []

    def act() -> None:
        if second == "repage":
            from tests.ops.operated import run

            assert run("repage", "--pages", "4", "--force").exit_code == 0
        else:
            plant.command(*commands[second])
        after.append(plant.objects("models"))

    with before_the_answer(monkeypatch, act):
        said = plant.command(*commands[first], answer="y\n", code=1)
    assert "Not done: " in said
    assert plant.objects("models") == after[0]


def test_of_two_mutes_of_one_pattern_the_second_is_shown_again(plant, monkeypatch):
    plant.learn(SERIES[:PART])
    mute = ["mute", "c", "--until"]
    answer_yes_after(monkeypatch, lambda: plant.command(*mute, "5h"), plant, *mute, "2h")
    answer_yes_after(monkeypatch, lambda: plant.command(*mute, "9h"), plant, *mute, "3h")
    answer_yes_after(monkeypatch, lambda: plant.command("unmute", "c"), plant, *mute, "3h")


def test_an_unmute_ends_no_mute_that_it_did_not_show(plant, monkeypatch):
    plant.learn(SERIES[:PART])
    plant.command("mute", "c", "--until", "2h")
    answer_yes_after(monkeypatch, lambda: plant.command("mute", "c", "--until", "5h"), plant, "unmute", "c")
    answer_yes_after(monkeypatch, lambda: plant.command("unmute", "c"), plant, "unmute", "c")


def test_mutes_that_another_operator_has_repaired_are_not_repaired_again(plant, monkeypatch):
    plant.s3.put_object(Bucket="models", Key="mutes.json", Body=b'{"mutes": [{"pattern": ""}]}')
    with before_the_answer(monkeypatch, lambda: plant.command("unmute", "--repair")):
        assert "somebody else" in plant.command("unmute", "--repair", answer="y\n", code=1)


def test_what_another_operator_has_redriven_is_not_sent_again(plant, monkeypatch):
    plant.learn(SERIES[:PART])
    pages = spoil_pages(plant)
    plant.learn(SERIES[PART : 2 * PART])
    for key, body in pages.items():
        plant.s3.put_object(Bucket="models", Key=key, Body=body)
    redrive = ["quarantine", "redrive"]
    answer_yes_after(monkeypatch, lambda: plant.command(*redrive), plant, *redrive)
    assert len(plant.arrived()) == PART


def test_batches_that_another_operator_has_redriven_are_not_delivered_again(plant, monkeypatch):
    plant.learn(SERIES[:PART])
    give_up(plant, plant.points(SERIES[PART : 2 * PART]))
    redrive = ["failed", "redrive"]
    answer_yes_after(monkeypatch, lambda: plant.command(*redrive), plant, *redrive)
    assert {name: state.learned for name, state in plant.states().items()} == dict.fromkeys(
        plant.states(), 2 * PART // 3
    )
