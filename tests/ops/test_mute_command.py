"""`mute` and `unmute` on a bucket whose function learns meanwhile."""

import asyncio
import json
import time

import boto3
import pytest

from consumer.decode.values import iso8601
from consumer.errors import PageChanged
from consumer.events.mutes import MUTES_BYTES_MAX, Mute
from ops.options import TargetOptions
from ops.state.mutes_file import change_mutes, find_unreadable, read_mutes, repair_mutes
from ops.target import find
from tests.ops.operated import plant, run, steps

WHERE = ("--bucket", "models", "--use-case", "drift")
READABLE = {
    "pattern": "pump*",
    "from": "2023-01-01T00:00:00Z",
    "until": "2099-01-01T00:00:00Z",
    "reason": '{1} "2" \\',
}
FANS = {"pattern": "fan*", "from": "2023-01-01", "until": "2099-01-01"}
UNREADABLE = {"pattern": "", "from": "2026-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"}


@pytest.fixture
def running():
    with plant() as made:
        yield made


def put(content: str) -> None:
    boto3.client("s3").put_object(Bucket="models", Key="mutes.json", Body=content.encode())


def body(key: str) -> bytes:
    return boto3.client("s3").get_object(Bucket="models", Key=key)["Body"].read()


def mutes() -> list[dict]:
    return json.loads(body("mutes.json"))["mutes"]


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
    assert "instead of" in longer.output
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
    assert "Nothing was changed" in asked.output
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


@pytest.mark.parametrize("name", ["Motor[12].Speed", "Tank[2].Level", "Line*.x"])
def test_a_name_that_is_there_is_meant_alone_whatever_is_written_in_it(running, name):
    """A PLC's arrays have brackets; as patterns they would mean the signals `others`."""
    others = ["Motor1.Speed", "Motor2.Speed", "Tank2.Level", "Line1.x"]
    running.learn("drift", [(signal, 1.0) for signal in [name, *others]])
    muted = run("mute", name, "--until", "2h", "--yes", *WHERE)
    assert (muted.exit_code, f": {name}. They" in muted.output) == (0, True)
    listed = run("signals", name, *WHERE, "--json").output.splitlines()
    assert [json.loads(line)["signal"] for line in listed] == [name]
    of_all = [json.loads(line) for line in run("signals", "--json", *WHERE).output.splitlines()]
    assert {line["signal"] for line in of_all if line["muted_until"]} == {name}
    assert "already muted" in run("mute", name, "--until", "2h", "--yes", *WHERE).output
    assert "Ended" in run("unmute", name, "--yes", *WHERE).output


def test_a_pattern_that_matches_nothing_is_said_with_how_to_write_a_bracket(running):
    running.learn("drift", [("Motor[12].Speed", 1.0)])
    asked = run("mute", "Motor[12].Spee", "--until", "2h", *WHERE, answer="n\n").output
    assert "no signal of that name was learned so far; a bracket in a name is written [[]" in asked
    assert "similar: Motor[12].Speed" in run("signals", "Motor[12].Spee", *WHERE).output
    assert "[[]" in run("signals", "--help").output


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


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("",), "the pattern is empty"),  # as an unset shell variable is
        (("p" * 513,), "the pattern has 513 characters: shorten it to 512"),
        (("pump\n*",), r"the pattern has a control character, '\n'"),
        (("pump\udcff",), "the pattern is not valid Unicode"),
        (("pump*", "--reason", "r" * 513), "the reason has 513 characters: shorten it to 512"),
        (("pump*", "--reason", "\x1b[2J"), r"--reason has a control character, '\x1b'"),
        (("pump*", "--reason", "\udcff"), "the reason is not valid Unicode"),
        (("pump*", "--use-case", "u" * 513), "the use case has 513 characters"),
        (("pump*", "--use-case", ""), "--use-case is empty"),
        (("pump*", "--until", ""), "'' is no time"),
        (("pump*", "--until", "9" * 400 + "w"), "is no time in the years 1 to 9999"),
        (("pump*", "--until", "9999999w"), "is no time in the years 1 to 9999"),
    ],
)
def test_a_mute_that_could_not_be_read_back_is_refused_and_nothing_is_written(running, arguments, says):
    running.learn("drift", steps("pump1"))
    until = () if "--until" in arguments else ("--until", "2h")
    refused = run("mute", *arguments, *until, "--yes", "--bucket", "models")
    assert refused.exit_code == 1, refused.output
    assert isinstance(refused.exception, SystemExit)
    assert refused.stderr.startswith("Not done: ")
    assert says in refused.stderr
    assert not [key for key in running.objects() if key.startswith("mutes")]
    assert run("signals", *WHERE).exit_code == 0


def test_who_mutes_is_written_so_that_it_can_be_read_whatever_the_environment_says(running):
    running.learn("drift", steps("pump1"))
    running.environment.setenv("LOGNAME", "ann\n\udcff" + "x" * 600)
    assert run("mute", "pump*", "--until", "2h", "--yes", *WHERE).exit_code == 0
    assert run("unmute", "pump*", "--yes", *WHERE).exit_code == 0
    assert mutes()[0]["by"] == "ann" + "x" * 509


def test_the_most_that_is_allowed_is_read_back(running):
    running.learn("drift", steps("pump1"))
    pattern, reason = "p" * 511 + "\U0001f525", "\u2028" * 512
    arguments = (pattern, "--until", "9999-12-31T23:59:59Z", "--reason", reason)
    assert run("mute", *arguments, "--yes", *WHERE).exit_code == 0
    assert "nothing to do" in run("mute", *arguments, "--yes", *WHERE).output
    assert [(one["pattern"], one["reason"]) for one in mutes()] == [(pattern, reason)]


def test_more_mutes_than_can_be_read_are_refused(running):
    running.learn("drift", steps("pump1"))
    entry = {"pattern": "pump*", "from": "2026-01-01", "until": "2099-01-01", "reason": "r" * 500}
    one, two = (len(json.dumps({"mutes": [entry] * count}, indent=2)) for count in (1, 2))
    most = MUTES_BYTES_MAX // (two - one)
    put(json.dumps({"mutes": [entry] * most}))
    before = running.objects()
    refused = run("mute", "fan*", "--until", "2h", "--reason", "r" * 500, "--yes", *WHERE)
    assert refused.exit_code == 1
    assert f"too many mutes, {most + 1}" in refused.output
    assert running.objects() == before
    assert run("signals", *WHERE).exit_code == 0


def test_operators_at_the_same_time_lose_nothing(running):
    objects = find(TargetOptions(bucket="models", use_case="drift")).objects()
    names = [f"pump{number}" for number in range(6)]

    async def all_at_once():
        new = [Mute(name, "2026-01-01", "2099-01-01") for name in names]
        await asyncio.gather(*(change_mutes(objects, lambda old, one=one: (*old, one), 0.0) for one in new))
        return await read_mutes(objects)

    assert sorted(mute.pattern for mute in asyncio.run(all_at_once())) == names


def test_mutes_that_cannot_be_read_mute_nothing_are_told_and_are_not_overwritten(running):
    warnings = []
    running.environment.setattr("consumer.handler.logger.warning", warnings.append)
    put("{")
    running.learn("drift", steps("pump1"))
    assert [event["muted"] for event in running.told()] == [False]
    assert len(warnings) == 1
    assert "nothing is muted" in warnings[0]
    refused = run("mute", "pump*", "--until", "2h", "--yes", *WHERE)
    assert refused.exit_code == 1
    assert "mutes.json cannot be read" in refused.output
    assert body("mutes.json") == b"{"


def test_mutes_that_can_be_read_no_more_stay_in_force_in_a_function_that_read_them(running):
    warnings = []
    running.environment.setattr("consumer.handler.logger.warning", warnings.append)
    running.learn("drift", [("pump1", 0.0)])
    assert run("mute", "pump*", "--until", "2h", "--yes", *WHERE).exit_code == 0
    running.learn("drift", steps("pump1"))
    assert {event["muted"] for event in running.told()} == {True}
    put(json.dumps({"mutes": [UNREADABLE]}))
    running.later_s = 60.0
    running.learn("drift", [*steps("pump1"), *steps("fan1")])
    assert {event["signal"]: event["muted"] for event in running.told()} == {"pump1": True, "fan1": False}
    [warning] = warnings
    assert warning.startswith(
        "the mutes read last stay in force: mutes.json cannot be read: the pattern is empt"
    )


def test_a_function_that_starts_goes_by_the_mutes_that_can_be_read(running):
    warnings = []
    running.environment.setattr("consumer.handler.logger.warning", warnings.append)
    put(json.dumps({"mutes": [READABLE, UNREADABLE]}))
    running.learn("drift", steps("pump1"))
    assert {event["muted"] for event in running.told()} == {True}
    assert warnings[0].startswith("only some mutes are in force: mutes.json cannot be read")


def test_commands_say_that_mutes_cannot_be_read_and_how_to_repair_them(running):
    running.learn("drift", steps("pump1"))
    put(json.dumps({"mutes": [READABLE, UNREADABLE]}))
    for command in (("mute", "pump*", "--until", "2h"), ("unmute", "pump*")):
        refused = run(*command, "--yes", *WHERE)
        assert refused.exit_code == 1
        assert refused.stderr.startswith("Not done: mutes.json cannot be read: the pattern is empty")
        assert "`python -m ops unmute --repair`" in refused.stderr
    listed = run("signals", "--json", *WHERE)
    assert listed.exit_code == 1
    assert json.loads(listed.stdout)["observations"] == 300
    assert "cannot show which signals are muted: mutes.json cannot be read" in listed.stderr
    assert "`python -m ops unmute --repair`" in listed.stderr
    inspected = run("inspect", "pump1", "--json", *WHERE)
    assert inspected.exit_code == 0
    assert json.loads(inspected.stdout)["observations"] == 300
    assert "`python -m ops unmute --repair`" in json.loads(inspected.stdout)["muted_until"]


REPAIRABLE = {
    "an entry that is no mute": json.dumps({"mutes": [READABLE, UNREADABLE, FANS]}),
    "a comma too many": json.dumps({"mutes": [READABLE, UNREADABLE, FANS]}).replace("]}", ",]}"),
    "the end is missing": json.dumps({"mutes": [UNREADABLE, READABLE, FANS, READABLE]})[:-10],
    "the list alone": json.dumps([READABLE, UNREADABLE, FANS]),
    "fields that nobody knows": json.dumps({"mutes": [READABLE | {"x": {"y": [1]}}, UNREADABLE, FANS]}),
}


@pytest.mark.parametrize("broken", REPAIRABLE.values(), ids=REPAIRABLE)
def test_a_repair_keeps_every_mute_that_can_be_read_and_the_object_as_it_was(running, broken):
    running.learn("drift", steps("pump1"))
    put(broken)
    repaired = run("unmute", "--repair", "--yes", *WHERE)
    assert repaired.exit_code == 0, repaired.output
    assert mutes() == [READABLE, FANS]
    [key] = [key for key in running.objects() if key.startswith("mutes.json.unreadable-")]
    assert body(key) == broken.encode()
    says = repaired.stdout.splitlines()
    assert says[0].startswith("mutes.json cannot be read: ")
    assert [line for line in says if line.startswith("Dropped: ")] == [
        "Dropped: '"
        + json.dumps(UNREADABLE)[:59]
        + "…: the pattern is empty: give a signal's name, or * for all "
        "signals"
    ]
    assert [line.partition(" in all")[0] for line in says if line.startswith("Kept: ")] == [
        "Kept: pump*",
        "Kept: fan*",
    ]
    assert key in repaired.stdout
    before = running.objects()
    again = run("unmute", "--repair", "--yes", *WHERE)
    assert again.exit_code == 0
    assert "nothing to repair" in again.output
    assert running.objects() == before
    assert run("unmute", "fan*", "--yes", *WHERE).exit_code == 0


def test_a_repair_of_what_holds_no_mute_at_all_leaves_none(running):
    running.learn("drift", steps("pump1"))
    put("{")
    assert run("unmute", "--repair", "--yes", *WHERE).exit_code == 0
    assert mutes() == []
    [key] = [key for key in running.objects() if key.startswith("mutes.json.unreadable-")]
    assert body(key) == b"{"


def test_a_repair_drops_what_was_long_over_where_that_makes_it_too_large(running):
    running.learn("drift", steps("pump1"))
    over = READABLE | {"pattern": "old*", "until": "2023-01-02", "reason": "r" * 500}
    put(json.dumps({"mutes": [over] * 2000 + [READABLE]}))
    assert "more than 1,048,576 bytes" in run("mute", "fan*", "--until", "2h", *WHERE).output
    repaired = run("unmute", "--repair", "--yes", *WHERE)
    assert repaired.exit_code == 0, repaired.output
    assert repaired.stdout.count("Dropped, over for long: old*") == 2000
    assert mutes() == [READABLE]


def test_a_repair_asks_and_a_no_changes_nothing(running):
    running.learn("drift", steps("pump1"))
    put(json.dumps({"mutes": [READABLE, UNREADABLE]}))
    before = running.objects()
    asked = run("unmute", "--repair", *WHERE, answer="n\n")
    assert asked.exit_code == 1
    assert "Nothing was changed" in asked.output
    assert running.objects() == before


def test_a_repair_does_not_overwrite_what_somebody_else_wrote_meanwhile(running):
    put(json.dumps({"mutes": [UNREADABLE]}))
    objects = find(TargetOptions(bucket="models", use_case="drift")).objects()
    broken = asyncio.run(find_unreadable(objects))
    put(json.dumps({"mutes": [FANS]}))
    with pytest.raises(PageChanged):
        asyncio.run(repair_mutes(objects, broken, time.time()))
    assert mutes() == [FANS]


@pytest.mark.parametrize("arguments", [(), ("pump*", "--repair")])
def test_unmute_takes_a_pattern_or_is_to_repair(running, arguments):
    refused = run("unmute", *arguments, "--yes", *WHERE)
    assert refused.exit_code == 2
    assert "PATTERN or --repair" in refused.output


def test_a_copy_of_a_bucket_is_not_written(tmp_path):
    (tmp_path / "models" / "drift").mkdir(parents=True)
    refused = run("mute", "pump*", "--until", "2h", "--yes", "--folder", str(tmp_path))
    assert refused.exit_code == 1
    assert "read-only" in refused.output


def test_a_mute_may_come_again_and_be_of_an_asset(running):
    running.learn("drift", [*steps("pump1.p"), *steps("fan1.p")])
    running.told()
    again = run("mute", "--asset", "pump1", "--every", "daily 00:00-24:00", "--yes", *WHERE)
    assert again.exit_code == 0, again.output
    assert "* of asset pump1" in again.output
    assert "every daily 00:00-24:00 (UTC)" in again.output
    assert "pump1.p. They" in again.output
    [one] = json.loads(body("mutes.json"))["conditional"]
    assert (one["asset"], one["every"], one["until"]) == (
        "pump1",
        "daily 00:00-24:00",
        "2100-01-01T00:00:00.000000Z",
    )
    lines = [json.loads(line) for line in run("signals", "--json", *WHERE).stdout.splitlines()]
    assert {line["signal"]: line["muted_until"] is not None for line in lines} == {
        "pump1.p": True,
        "fan1.p": False,
    }
    running.later_s = 60.0
    running.learn("drift", [*steps("pump1.p"), *steps("fan1.p")])
    assert {event["signal"]: event["muted"] for event in running.told()} == {"pump1.p": True, "fan1.p": False}
    assert "nothing to do" in run("unmute", "--asset", "fan1", "--yes", *WHERE).output
    assert (
        "nothing to do"
        in run("unmute", "--asset", "pump1", "--every", "Sat 06:00-14:00", "--yes", *WHERE).output
    )
    ended = run("unmute", "--asset", "pump1", "--yes", *WHERE)
    assert ended.exit_code == 0, ended.output
    running.later_s = 120.0
    running.learn("drift", steps("pump1.p"))
    assert {event["muted"] for event in running.told()} == {False}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("pump*",), "--every TIMES"),
        (("--until", "2h"), "give PATTERN"),
        (("pump*", "--every", "Saturday"), "no time of the week"),
        (("pump*", "--calendar", "holidays.ics"), "signals.yaml has none"),
    ],
)
def test_a_mute_that_says_too_little_changes_nothing(running, options, said):
    running.learn("drift", steps("pump1"))
    before = running.objects()
    refused = run("mute", *options, "--yes", *WHERE)
    assert refused.exit_code != 0
    assert said in " ".join(refused.output.replace("│", " ").split())
    assert running.objects() == before
