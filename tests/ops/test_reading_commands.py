"""`signals` and `inspect` on a bucket whose function learns meanwhile: what they say is what it knows."""

import json
import time
from pathlib import Path

import boto3
import pytest
import yaml

from consumer.decode.lambda_event import decode
from consumer.decode.signal_names import SignalKey
from consumer.decode.times import TimeLimits
from consumer.pages.codec import PageCodec
from ops.context import settings_of, settings_to_read
from ops.target import Target
from tests.consumer.world import record
from tests.ops.operated import Plant, deploy, plant, run, steps, waves

BUCKET = ("--bucket", "models")
DRIFT = (*BUCKET, "--use-case", "drift")
ANOMALY = (*BUCKET, "--use-case", "anomaly")


@pytest.fixture
def running():
    with plant() as made:
        yield made


def lines(*arguments: str) -> list[dict]:
    ran = run("signals", *arguments, "--json")
    assert ran.exit_code == 0, ran.output
    return [json.loads(line) for line in ran.stdout.splitlines()]


def inspected(*arguments: str) -> dict:
    ran = run("inspect", *arguments)
    assert ran.exit_code == 0, ran.output
    return yaml.safe_load(ran.stdout)


def copy_of_bucket(folder: Path) -> None:
    s3 = boto3.client("s3")
    for found in s3.list_objects_v2(Bucket="models")["Contents"]:
        path = folder / found["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.get_object(Bucket="models", Key=found["Key"])["Body"].read())


def test_signals_follows_what_is_learned(running):
    running.learn("drift", [*steps("pump 7/°C"), *steps("[b]fan1")])
    assert [(line["signal"], line["observations"]) for line in lines(*DRIFT)] == [
        ("[b]fan1", 300),
        ("pump 7/°C", 300),
    ]
    running.learn("drift", [("pump 7/°C", 8.0)] * 5)
    [pump] = lines("pump*", *BUCKET)
    assert pump["observations"] == 305
    assert pump["last_arrived_at"] == "2023-11-15T08:17:20.000000Z"
    [event] = [event for event in running.told() if event["signal"] == "pump 7/°C"]
    assert pump["last_drift_observations_ago"] == 305 - event["observations"]
    assert pump["open_alerts"] == []


PLANTED = "pump\x1b[2K\u202e\n[red]9 signals[/red]\u200b\x9b:fire:"


def test_planted_names_are_shown_as_text(running):
    """No command that reads lets a terminal obey a name, a reason or a model's evidence."""
    running.learn("drift", steps("pump1"))
    s3, codec = boto3.client("s3"), PageCodec()
    for key, body in running.states().items():
        if "/pages/" in key and (states := codec.decode(body)):
            [state] = states.values()
            states[SignalKey(PLANTED, PLANTED)] = state
            s3.put_object(Bucket="models", Key=key, Body=codec.encode(states))
    mutes = [{"pattern": PLANTED, "from": "2020-01-01", "until": "2999-01-01", "reason": f"{PLANTED} reason"}]
    s3.put_object(Bucket="models", Key="mutes.json", Body=json.dumps({"mutes": mutes}))
    escaped = PLANTED.encode("unicode_escape").decode()
    for command in (
        ("signals",),
        ("signals", "pump*"),
        ("inspect", "[2K"),
        ("unmute", PLANTED, "--yes"),
        ("reset", PLANTED, "--yes"),
        ("mute", "pump*", "--until", "2h", "--yes"),
    ):
        ran = run(*command, *DRIFT)
        assert ran.output.replace("\n", "").isprintable(), command
        assert escaped in ran.output.replace("\\u00", "\\x").replace("\\x0a", "\\n"), command


def test_signals_shows_open_alerts_last_values_and_ages(running):
    running.learn("anomaly", [*waves("pump1", 600), ("pump1", 9.0)])
    [pump] = lines(*BUCKET)
    assert pump["last_value"] == 9.0
    assert pump["open_alerts"] == ["alert"]
    assert pump["age_s"] > 600 * 60.0
    assert pump["alert_changed_at"] == running.told()[-1]["timestamp"]
    running.learn("anomaly", [("pump1", 0.1)] * 100)
    [pump] = lines(*BUCKET)
    assert "sensor flat" in pump["open_alerts"]
    faults = [told["evidence"]["fault"] for told in running.told() if "fault" in told["evidence"]]
    assert faults == ["flat"]


def test_the_table_has_a_row_for_each_model_of_all_use_cases(running):
    running.learn("drift", steps("[b]pump1"))
    running.learn("anomaly", waves("[b]pump1", 50))
    ran = run("signals", *BUCKET)
    assert ran.exit_code == 0, ran.output
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert [row[:3] for row in rows[1:3]] == [["[b]pump1", "anomaly", "50"], ["[b]pump1", "drift", "300"]]


@pytest.mark.parametrize("command", ["signals", "inspect"])
def test_a_signal_that_is_not_there_is_refused_with_those_most_like_it(running, command):
    running.learn("drift", [*steps("compressor1.pressure"), *steps("fan1")])
    refused = run(command, "compresor1.pressure", *DRIFT)
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert "similar: compressor1.pressure" in refused.stderr
    assert "fan1" not in refused.stderr


def test_inspect_tells_all_that_the_state_knows_and_what_holds_it(running):
    running.learn("drift", steps("pump1"))
    told = inspected("pump1", *DRIFT)
    [event] = running.told()
    believes = told["believes"]
    assert told["observations"] == 300
    assert believes["observations_since_last_drift"] == 300 - event["observations"]
    assert believes["detector"]["mean"] == pytest.approx(8.0, abs=0.01)
    assert told["parameters"]["detector"]["delta"] == 0.002
    assert told["checkpoints"] == [
        {
            "stream": "plant",
            "shard": "shardId-000000000000",
            "sequence_number": "1299",
            "arrived_at": "2023-11-15T03:12:20.000000Z",
        }
    ]
    head = boto3.client("s3").head_object(Bucket="models", Key=told["page"]["key"])
    assert (told["page"]["e_tag"], told["page"]["version"]) == (head["ETag"], head["VersionId"])
    assert "only a stack" in told["last_events"]
    running.learn("drift", steps("pump1"))
    later = inspected("pump1", *DRIFT)
    assert later["observations"] == 600
    assert later["page"]["version"] != told["page"]["version"]


def test_inspect_tells_what_is_usual_and_what_goes_on(running):
    running.learn("anomaly", [*waves("pump1", 600), ("pump1", 9.0)])
    told = inspected("pump1", *ANOMALY)
    [event] = running.told()
    assert told["open"] == ["alert"]
    assert told["believes"]["alert"]["since_at"] == event["timestamp"]
    assert told["believes"]["model"]["expected_at_last_value"] == event["evidence"]["expected"]
    assert len(told["believes"]["model"]["mean_by_hour"]) == 11
    assert told["sensor"]["last"] == 9.0


def test_predict_says_what_the_function_then_tells_and_writes_nothing(running):
    running.learn("anomaly", waves("pump1", 600))
    before = running.objects()
    calm = inspected("pump1", *ANOMALY, "--predict", "-0.9")
    told = inspected("pump1", *ANOMALY, "--predict", "9")
    assert calm["would_tell"] == "nothing"
    assert calm["score"] < 0.5 < told["score"]
    assert running.objects() == before
    assert inspected("pump1", *ANOMALY, "--predict", "9") == told
    running.told()
    running.learn("anomaly", [("pump1", 9.0)])
    [event] = running.told()
    [would] = told["would_tell"]
    assert (would["change"], would["evidence"]) == (event["change"], event["evidence"])


def test_predict_of_an_asset_takes_a_row(running):
    rows = [{"speed": number % 3 * 1.0, "flow": number % 2 * 1.0} for number in range(50)]
    running.learn_rows("clusters", "mixer", rows)
    clusters = (*BUCKET, "--use-case", "clusters")
    assert inspected("mixer", *clusters, "--predict", "speed=1,flow=7")["would_tell"] == "nothing"
    for wrong, says in (("7", "such as speed="), ("speed=1", "no flow"), ("speed=1,flow=inf", "not a row")):
        refused = run("inspect", "mixer", *clusters, "--predict", wrong)
        assert refused.exit_code == 1
        assert says in refused.stderr
    refused = run("inspect", "mixer", *clusters, "--predict", "nan")
    assert refused.exit_code == 1


@pytest.mark.parametrize("pages", ["16", "0"])
def test_a_copy_on_disk_tells_the_same(running, tmp_path, pages):
    running.environment.setenv("MODEL_PAGES", pages)
    for name in ("pump 7/°C", "..", "a%2Eb"):
        running.learn("drift", steps(name))
    copy_of_bucket(tmp_path)
    copied = ("--folder", str(tmp_path))
    assert lines(*copied) == lines(*BUCKET)
    assert len(lines(*copied)) == 3
    told, there = inspected("pump 7/°C", *copied), inspected("pump 7/°C", *BUCKET)
    assert told["believes"] == there["believes"]
    assert told["page"]["key"] == there["page"]["key"]


def test_a_page_that_cannot_be_read_is_told_and_the_others_are_shown(running):
    running.learn("drift", [*steps("compressor1.pressure"), *steps("compressor1.temperature")])
    key = inspected("compressor1.pressure", *DRIFT)["page"]["key"]
    boto3.client("s3").put_object(Bucket="models", Key=key, Body=b"none of ours")
    ran = run("signals", "--json", *DRIFT)
    assert ran.exit_code == 1
    assert [json.loads(line)["signal"] for line in ran.stdout.splitlines()] == ["compressor1.temperature"]
    assert f"{key} cannot be read" in ran.stderr
    refused = run("inspect", "compressor1.pressure", *DRIFT)
    assert refused.exit_code == 1
    assert f"{key} cannot be read" in refused.stderr


def test_models_of_another_river_or_line_are_named(running):
    boto3.client("s3").put_object(
        Bucket="models", Key="models/drift/0123456789abcdef/layout.json", Body=b"{}"
    )
    refused = run("signals", *BUCKET)
    assert refused.exit_code == 1
    assert "0123456789abcdef" in refused.stderr
    assert "requirements.lock" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "name the pipeline"),
        ((*BUCKET, "--local"), "name the pipeline"),
        (("--local",), "python -m local serve"),
        (("--folder", "nowhere"), "no folder nowhere"),
        (("--stack", "Nope"), "no stack Nope"),
        (BUCKET, "has no models"),
        ((*BUCKET, "--use-case", "nope"), "is 'nope'"),
        (("--bucket", "others", "--use-case", "drift"), "others"),
    ],
)
def test_a_place_that_is_not_there_says_what_to_do(running, arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = run("signals", *arguments)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Not done: ")
    assert says in refused.stderr


# A stack, by its outputs.

OUTPUTS = {
    "StreamName": "telemetry",
    "StreamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/telemetry",
    "EventBusName": "bus",
    "ModelBucketName": "models",
    "FailedBatchBucketName": "failed",
    "EventLogGroupName": "/events",
    "UseCases": "drift,anomaly",
    "FunctionNameDrift": "the-function",
}


@pytest.fixture
def stack(running, tmp_path) -> Plant:
    settings = tmp_path / "north.yaml"
    settings.write_text("version: 1\nsignals:\n  - {match: fan1, muted: true}\n")
    deploy("the-function", {"SIGNAL_SETTINGS": str(settings)})
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in OUTPUTS.items()},
    }
    boto3.client("cloudformation").create_stack(StackName="Plant1", TemplateBody=json.dumps(template))
    boto3.client("logs").create_log_group(logGroupName="/events")
    boto3.client("logs").create_log_stream(logGroupName="/events", logStreamName="all")
    return running


def test_a_stack_is_found_by_its_outputs_and_its_last_events_are_shown(stack):
    stack.learn("drift", [*steps("pump1"), *steps("fan1")])
    events = stack.told()
    logs = boto3.client("logs")
    at_ms = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName="/events",
        logStreamName="all",
        logEvents=[
            {"timestamp": at_ms + number, "message": json.dumps({"detail-type": "x", "detail": event})}
            for number, event in enumerate(events)
        ]
        + [{"timestamp": at_ms + 10, "message": "no event"}],
    )
    told = inspected("pump1", "--stack", "Plant1", "--use-case", "drift")
    assert told["last_events"] == [event for event in events if event["signal"] == "pump1"]
    ran = run("signals", "--stack", "Plant1", "--json")
    assert ran.exit_code == 0
    of_signal = {line["signal"]: line for line in map(json.loads, ran.stdout.splitlines())}
    assert {line["use_case"] for line in of_signal.values()} == {"drift"}
    # By the settings that the stack's function is told, which need not be the shipped ones.
    muted = {signal: line["muted_until"] for signal, line in of_signal.items()}
    assert muted == {"fan1": "always, by signals.yaml", "pump1": None}


def test_inspect_tells_until_when_a_calendar_keeps_a_signal_from_being_learned(stack, running, tmp_path):
    running.learn("drift", [*steps("pump1"), *steps("fan1")])
    calendar = {"file": "shutdown.ics", "match": "pump1", "spans": [[0.0, 4_102_444_800.0]]}
    (tmp_path / "north.yaml").write_text(json.dumps({"version": 1, "calendars": [calendar]}))
    of = ("--stack", "Plant1", "--use-case", "drift")
    told = {name: inspected(name, *of)["paused_until"] for name in ("pump1", "fan1")}
    assert told == {"pump1": "2100-01-01T00:00:00.000000Z", "fan1": None}


@pytest.mark.parametrize(
    ("own", "limits"),
    [
        ({}, TimeLimits()),
        ({"BELIEVED_FROM": "1990-05-01"}, TimeLimits(641_520_000.0)),
        ({"BELIEVED_FROM": "1950-01-01", "BELIEVED_AHEAD_S": "60"}, TimeLimits(-631_152_000.0, 60.0)),
    ],
)
def test_records_are_read_again_with_the_times_that_the_function_believes(running, own, limits):
    deploy("believes", own)
    settings = settings_of(Target("the stack Plant1", "drift", "models", function_name="believes"))
    stamps = [
        limits.from_s - 1.0,
        limits.from_s,
        1.7e9 + limits.ahead_max_s,
        1.7e9 + limits.ahead_max_s + 1.0,
    ]
    records = [
        record(number, {"signal": "a", "value": 1.0, "timestamp": stamp})
        for number, stamp in enumerate(stamps, 1)
    ]
    [batch] = decode({"Records": records}, settings.make_ready)
    judged = [at_s == stamp for at_s, stamp in zip(batch.at_s.tolist(), stamps, strict=True)]
    assert judged == [False, True, True, False]


def test_where_no_function_tells_which_times_are_believed_it_is_said(capsys):
    settings = settings_to_read(Target("the bucket models", "drift", "models"))
    assert settings.times == TimeLimits()
    said = capsys.readouterr().err
    assert "the bucket models names no function" in said
    assert "from 2000-01-01T00:00:00.000000Z to 86400 s after their arrival" in said


def test_of_several_use_cases_one_is_to_be_said(stack):
    refused = run("inspect", "pump1", "--stack", "Plant1")
    assert refused.exit_code == 1
    assert "one of drift, anomaly" in refused.stderr
    refused = run("inspect", "pump1", "--stack", "Plant1", "--use-case", "nope")
    assert "no use case 'nope'; it has drift, anomaly" in refused.stderr
