"""`mute` and `unmute` on a bucket whose function learns meanwhile."""

import asyncio
import json
import time

import boto3
import pytest
from operated import plant, run, steps

from consumer.core.mutes import Mute
from consumer.core.timestamps import iso8601
from consumer.operate.mutes_file import change_mutes, read_mutes
from consumer.operate.where import Named, find

WHERE = ("--bucket", "models", "--use-case", "drift")


@pytest.fixture
def running():
    with plant() as made:
        yield made


def mutes() -> list[dict]:
    body = boto3.client("s3").get_object(Bucket="models", Key="mutes.json")["Body"].read()
    return json.loads(body)["mutes"]


def test_a_mute_acts_within_a_minute_and_learning_goes_on(running):
    running.learn("drift", steps("pump1"))
    assert [event["muted"] for event in running.told()] == [False]
    muted = run("mute", "pump*", "--until", "2h", "--reason", "it is cleaned", "--yes", *WHERE)
    assert muted.exit_code == 0, muted.output
    assert "pump*" in muted.output
    [line] = [json.loads(line) for line in run("signals", "--json", *WHERE).stdout.splitlines()]
    assert line["muted_until"] == mutes()[0]["until"]
    running.later_s = 60.0
    running.learn("drift", [*steps("pump1"), *steps("fan1")])
    assert {event["signal"]: event["muted"] for event in running.told()} == {"pump1": True, "fan1": False}
    [pump] = [json.loads(line) for line in run("signals", "pump*", "--json", *WHERE).stdout.splitlines()]
    assert pump["observations"] == 600

    ended = run("unmute", "pump*", "--yes", *WHERE)
    assert ended.exit_code == 0, ended.output
    running.later_s = 120.0
    running.learn("drift", steps("pump1"))
    assert {event["muted"] for event in running.told()} == {False}


def test_what_is_learned_and_the_ids_are_those_of_a_plant_that_nobody_muted():
    def done(is_muted: bool) -> tuple[list[dict], dict[str, bytes]]:
        with plant() as made:
            made.learn("drift", steps("pump1"))
            if is_muted:
                assert run("mute", "*", "--until", "2h", "--yes", "--bucket", "models").exit_code == 0
            made.later_s = 60.0
            made.learn("drift", steps("pump1"))
            return made.told(), made.states()

    (events, states), (muted_events, muted_states) = done(is_muted=False), done(is_muted=True)
    assert muted_states == states
    assert [event["muted"] for event in muted_events] == [False, *[True] * (len(events) - 1)]
    assert [event | {"muted": False} for event in muted_events] == events


def test_a_second_run_changes_nothing(running):
    running.learn("drift", steps("pump1"))
    assert run("unmute", "pump*", "--yes", *WHERE).exit_code == 0
    for command in (("mute", "pump*", "--until", "2h"), ("unmute", "pump*")):
        assert run(*command, "--yes", *WHERE).exit_code == 0
        before = running.objects()
        again = run(*command, "--yes", *WHERE)
        assert again.exit_code == 0
        assert "nothing to do" in again.output
        assert running.objects() == before


def test_a_mute_is_prolonged_in_place_and_keeps_its_reason(running):
    running.learn("drift", steps("pump1"))
    run("mute", "pump*", "--until", "2h", "--reason", "it is cleaned", "--yes", *WHERE)
    longer = run("mute", "pump*", "--until", "5h", "--yes", *WHERE)
    assert "in place of" in longer.output
    [one] = mutes()
    assert one["reason"] == "it is cleaned"
    assert Mute("x", one["from"], one["until"]).until_s > time.time() + 4 * 3600


def test_a_maintenance_window_mutes_from_its_start(running):
    running.learn("drift", steps("pump1"))
    running.told()
    begins = iso8601(time.time() + 3600.0)
    window = run("mute", "pump*", "--from", begins, "--until", "3h", "--yes", *WHERE)
    assert window.exit_code == 0, window.output
    [line] = run("signals", "--json", *WHERE).stdout.splitlines()
    assert json.loads(line)["muted_until"] is None
    for later_s, is_muted in ((60.0, False), (2 * 3600.0, True), (4 * 3600.0, False)):
        running.later_s = later_s
        running.learn("drift", steps("pump1"))
        assert {event["muted"] for event in running.told()} == {is_muted}


def test_it_asks_and_a_no_changes_nothing(running):
    running.learn("drift", steps("pump1"))
    before = running.objects()
    asked = run("mute", "pump*", "--until", "2h", *WHERE, answer="n\n")
    assert asked.exit_code == 1
    assert "Mute pump*" in asked.output
    assert "Nothing was done" in asked.output
    assert running.objects() == before
    assert run("mute", "pump*", "--until", "2h", *WHERE, answer="y\n").exit_code == 0
    assert running.objects() != before


def test_it_says_which_signals_those_are(running):
    running.learn("drift", [(f"pump{number}", 1.0) for number in range(5)])
    for pattern, says in (
        ("pump*", "5 signals, such as pump0"),
        ("pump[12]", "pump1, pump2"),
        ("pmp*", "no signal"),
    ):
        assert says in run("mute", pattern, "--until", "2h", *WHERE, answer="n\n").output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--until", "yesterday"), "is no time"),
        (("--until", "2020-01-01"), "not after"),
        (("--from", "3h", "--until", "2h"), "not after"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused(running, arguments, says):
    running.learn("drift", steps("pump1"))
    refused = run("mute", "pump*", *arguments, "--yes", *WHERE)
    assert refused.exit_code == 1
    assert says in refused.output
    assert "mutes.json" not in running.objects()


def test_operators_at_the_same_time_lose_nothing(running):
    objects = find(Named(bucket="models", use_case="drift")).objects()
    names = [f"pump{number}" for number in range(6)]

    async def all_at_once():
        new = [Mute(name, "2026-01-01", "2099-01-01") for name in names]
        await asyncio.gather(*(change_mutes(objects, lambda old, one=one: (*old, one), 0.0) for one in new))
        return await read_mutes(objects)

    assert sorted(mute.pattern for mute in asyncio.run(all_at_once())) == names


def test_mutes_that_cannot_be_read_mute_nothing_are_told_and_are_not_overwritten(running):
    warnings = []
    running.environment.setattr("consumer.handler.logger.warning", warnings.append)
    boto3.client("s3").put_object(Bucket="models", Key="mutes.json", Body=b"{")
    running.learn("drift", steps("pump1"))
    assert [event["muted"] for event in running.told()] == [False]
    assert len(warnings) == 1
    assert "nothing is muted" in warnings[0]
    refused = run("mute", "pump*", "--until", "2h", "--yes", *WHERE)
    assert refused.exit_code == 1
    assert "mutes.json cannot be read" in refused.output
    assert boto3.client("s3").get_object(Bucket="models", Key="mutes.json")["Body"].read() == b"{"


def test_a_copy_of_a_bucket_is_not_written(tmp_path):
    (tmp_path / "models" / "drift").mkdir(parents=True)
    refused = run("mute", "pump*", "--until", "2h", "--yes", "--folder", str(tmp_path))
    assert refused.exit_code == 1
    assert "only be read" in refused.output
