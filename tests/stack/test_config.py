"""A mistake in cdk.json is answered with where it is and what is allowed; a first user has to set nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from stack.alerting.alert_config import SlackTarget, TeamsTarget, WebhookTarget
from stack.company.company_config import AccountId, Region
from stack.config import PlantConfig, TagKey, TagValue
from stack.context import InvalidConfiguration, read_plants
from stack.field_types import (
    ActionArn,
    BucketName,
    BusArn,
    KeyArn,
    Name,
    QueueArn,
    RoleArn,
    SecretArn,
    StreamArn,
    Text,
    TopicArn,
    Url,
)

ROOT = Path(__file__).parents[2]
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf"
STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/telemetry"


def drift(**fields):
    return {"use_cases": {"drift": fields}}


def alert(**fields):
    return {"alerts": [{"name": "all", **fields}]}


def to(**targets):
    return alert(to=targets)


# What is wrong -> the plant, the field's path in it, and words of what is allowed.
WRONG = {
    "a wrong type": (drift(batch_size="500"), "use_cases.drift.batch_size", "valid integer"),
    "an unknown use case": (
        {"use_cases": {"dirft": {}}},
        "use_cases.dirft",
        "is no line of consumer/use_cases.py; allowed: ",
    ),
    "a window of 301": (drift(batch_window_s=301), "use_cases.drift.batch_window_s", "equal to 300"),
    "a batch of 10,001": (drift(batch_size=10_001), "use_cases.drift.batch_size", "equal to 10000"),
    "a day that is none": (drift(believed_from="2023-02-30"), "use_cases.drift.believed_from", "2000-01-01"),
    "a year for a day": (drift(believed_from="1990"), "use_cases.drift.believed_from", "2000-01-01"),
    "less than no time": (drift(believed_ahead_s=-1), "use_cases.drift.believed_ahead_s", "equal to 0"),
    "more than all time": (
        drift(believed_ahead_s=400_000_000_001),
        "use_cases.drift.believed_ahead_s",
        "equal to 4000",
    ),
    "factor 2 with pages": (drift(parallelization_factor=2), "use_cases.drift", "with pages 0 only"),
    "on-demand with shards": ({"stream": {"shards": 2}}, "stream", '"mode": "provisioned"'),
    "SnapStart with a large /tmp": (drift(ephemeral_storage_mb=1024), "use_cases.drift", "allowed: 512"),
    "two alerts of one name": (
        {"alerts": [{"name": "all"}, {"name": "All"}]},
        "alerts[1].name",
        "a name of its own",
    ),
    "a bad e-mail": (to(emails=["ops@plant"]), "alerts[0].to.emails[0]", "such as ops@example.com"),
    "a bad ARN": ({"stream": {"arn": "telemetry"}}, "stream.arn", "such as arn:aws:kinesis:"),
}
ALSO_WRONG = {
    "factor 2 by asset": (
        {**drift(parallelization_factor=2, pages=0), "placement": "asset"},
        "",
        "parallelization_factor above 1; allowed: one of them",
    ),
    "a placement that is none": ({"placement": "page"}, "placement", "'record' or 'asset'"),
    "a key for no rule": (
        {"ingest": {"sitewise": False, "sitewise_key": "asset"}},
        "",
        "ingest.sitewise false; allowed: the key only with the rule",
    ),
    "a key that SiteWise has not": ({"ingest": {"sitewise_key": "line"}}, "ingest.sitewise_key", "'asset'"),
    "a field that there is not": ({"alert": []}, "alert", "docs/deploy.md"),
    "no use case": ({"use_cases": {}}, "use_cases", "at least 1"),
    "provisioned without shards": ({"stream": {"mode": "provisioned"}}, "stream", "shards from 1"),
    "an existing stream with shards": (
        {"stream": {"arn": STREAM, "shards": 2}},
        "stream",
        "an existing stream's own",
    ),
    "a key elsewhere": (
        {"stream": {"arn": STREAM, "key_arn": "arn:aws:kms:us-east-1:123456789012:key/1"}},
        "stream",
        "a key beside the stream",
    ),
    "an age that is over before the first invocation": (
        drift(maximum_age_s=400, batch_window_s=300),
        "",
        "more than the 420 s",
    ),
    "an address twice": (to(emails=["a@example.com", "a@EXAMPLE.com"]), "alerts[0].to.emails", "each once"),
    "alerts that CDK cannot tell apart": (
        {"alerts": [{"name": "line-1"}, {"name": "line1"}]},
        "alerts[1].name",
        "too like 'line-1'",
    ),
    "a tag of ours in other letters": ({"tags": {"Plant": "x"}}, "tags.Plant", "not `application`"),
    "a tag of AWS's": ({"tags": {"aws:x": "x"}}, "tags.aws:x", "not `application`"),
    "a password in a URL": (
        to(webhooks=[{"url": "https://a:b@example.com/", "secret_arn": SECRET}]),
        "alerts[0].to.webhooks[0].url",
        "belong in the secret",
    ),
    "a Teams URL with its secret in capitals": (
        to(teams=[{"url": "https://example.com/invoke?SIG=x", "secret_arn": SECRET}]),
        "alerts[0].to.teams[0].url",
        "without sig",
    ),
    "a number past what a rule compares": (alert(lag_s_max=10**12), "alerts[0].lag_s_max", "1000000000"),
    "digits that are not ASCII": ({"stream": {"arn": STREAM.replace("1", "\u0661")}}, "stream.arn", "an ARN"),
    "an existing stream's key without the stream": (
        {"stream": {"key_arn": "arn:aws:kms:eu-west-1:123456789012:key/1"}},
        "stream",
        "the key of an existing stream",
    ),
    "another service's ARN": (
        to(queue_arns=[STREAM]),
        "alerts[0].to.queue_arns[0]",
        "such as arn:aws:sqs:",
    ),
    "an age over the retention": (drift(maximum_age_s=86_400), "", "less than the 86400 s"),
    "an alert of a use case that is not there": (
        alert(use_cases=["anomaly"]),
        "alerts[0].use_cases[0]",
        "allowed: drift",
    ),
    "five targets besides e-mail": (
        to(queue_arns=["arn:aws:sqs:eu-west-1:123456789012:q"] * 5),
        "alerts[0].to",
        "allowed: 4",
    ),
    "a Teams URL with its secret": (
        to(teams=[{"url": "https://example.com/invoke?a=1&sig=x", "secret_arn": SECRET}]),
        "alerts[0].to.teams[0].url",
        "without sig",
    ),
    "a webhook without TLS": (
        to(webhooks=[{"url": "http://example.com", "secret_arn": SECRET}]),
        "alerts[0].to.webhooks[0].url",
        "https://",
    ),
    "a secret itself": (
        to(pagerduty=[{"secret_arn": "0123456789abcdef"}]),
        "alerts[0].to.pagerduty[0].secret_arn",
        "such as arn:aws:secretsmanager:",
    ),
    "prefixes past the pattern's limit": (
        alert(signal_prefixes=["x" * 400] * 6),
        "alerts[0]",
        "fewer or shorter signal_prefixes",
    ),
    "SQL that reads nothing": (
        {"ingest": {"mqtt": [{"sql": "plant/#", "partition_key": "${topic()}"}]}},
        "ingest.mqtt[0].sql",
        "SELECT",
    ),
    "a partition key that the SQL makes": (
        {
            "ingest": {
                "mqtt": [{"sql": "SELECT topic(3) AS signal FROM 'plant/+/+'", "partition_key": "${signal}"}]
            }
        },
        "ingest.mqtt[0]",
        "fields of the message, and functions",
    ),
    "a bucket by its ARN": ({"models_bucket": "arn:aws:s3:::models"}, "models_bucket", "no ARN"),
    "a retention that CloudWatch has not": (
        {"logs": {"retention_days": 31}},
        "logs.retention_days",
        "1, 3, 5, 7, 14, 30, 60",
    ),
    "a Python without SnapStart": ({"function": {"python": "3.11"}}, "function.python", "'3.12', '3.13' or"),
    "a processor that is none": ({"function": {"architecture": "arm"}}, "function.architecture", "'x86_64'"),
    "a person as an operator": (
        {"operators": ["arn:aws:iam::123456789012:user/jo"]},
        "operators[0]",
        "a role's ARN such as",
    ),
    "all roles as operators": (
        {"operators": ["arn:aws:iam::123456789012:role/*"]},
        "operators[0]",
        "at its end only",
    ),
    "operators of a bucket that has its own policy": (
        {"operators": ["arn:aws:iam::123456789012:role/keepers"], "models_bucket": "models"},
        "",
        "a bucket of the stack's own",
    ),
    "access logs among the models": (
        {"models_bucket": "models", "logs": {"access_logs_bucket": "models"}},
        "",
        "two buckets",
    ),
    "five actions besides the topic": (
        {"alarms": {"action_arns": [f"arn:aws:sns:eu-west-1:123456789012:t{n}" for n in range(5)]}},
        "alarms.action_arns",
        "at most 4",
    ),
    "an alarm that stops a machine": (
        {"alarms": {"action_arns": ["arn:aws:automate:eu-west-1:ec2:stop"]}},
        "alarms.action_arns[0]",
        "an OpsItem such as",
    ),
    "an account as a number": ({"account": 123456789012}, "account", "valid string"),
    "a region that is a city": ({"region": "Dublin"}, "region", "such as eu-west-1"),
    "true as a number": (drift(pages=True), "use_cases.drift.pages", "valid integer"),
    "a number that is not one": (drift(pages=1.5), "use_cases.drift.pages", "valid integer"),
    "a removal there is not": ({"removal": "retain"}, "removal", "'keep' or 'destroy'"),
}


@pytest.mark.parametrize("wrong", WRONG | ALSO_WRONG)
def test_a_mistake_is_answered_with_its_path_and_what_is_allowed(wrong):
    plant, path, allowed = (WRONG | ALSO_WRONG)[wrong]
    with pytest.raises(InvalidConfiguration) as raised:
        read_plants({"North": plant}, ["drift"])
    first, *mistakes = str(raised.value).splitlines()
    assert first == "cdk.json cannot be used:"
    [mistake] = mistakes
    assert mistake.startswith(f"  context.plants.North{'.' * bool(path)}{path} ")
    assert allowed in mistake


ALIASES = "SELECT concat(topic(3), ' AS x') as signal, v AS value, unit AS unit FROM 'plants/+/+'"


@pytest.mark.parametrize(
    ("partition_key", "refused"),
    [
        ("${topic(3)}", False),
        ("${topic(3)}.${v}", False),
        ("${unit}", False),  # a field of the message under its own name
        ("${payload.value}", False),
        ("${concat('signal', topic(3))}", False),
        ("signal", False),  # no template
        ("${x}", False),
        ("${signal}", True),
        ("${concat(topic(3), '.', value)}", True),
        ("${value.of}", True),
    ],
)
def test_a_partition_key_is_made_of_the_message_and_not_of_what_the_sql_names(partition_key, refused):
    plants = {"North": {"ingest": {"mqtt": [{"sql": ALIASES, "partition_key": partition_key}]}}}
    if not refused:
        assert read_plants(plants, ["drift"])
        return
    with pytest.raises(InvalidConfiguration, match="gives with AS"):
        read_plants(plants, ["drift"])


@pytest.mark.parametrize(
    "plants", [None, {}, "North", [], {"North": None}, {"-": {}}, {"a" * 65: {}}, {"a--b": {}}]
)
def test_plants_that_are_none_are_refused(plants):
    with pytest.raises(InvalidConfiguration, match=r"context\.plants"):
        read_plants(plants, ["drift"])


ARNS = {
    StreamArn: STREAM,
    KeyArn: "arn:aws:kms:eu-west-1:123456789012:key/1",
    TopicArn: "arn:aws:sns:eu-west-1:123456789012:on-call",
    QueueArn: "arn:aws:sqs:eu-west-1:123456789012:q",
    BusArn: "arn:aws:events:eu-west-1:123456789012:event-bus/central",
    RoleArn: "arn:aws:iam::123456789012:role/team/operators",
    ActionArn: "arn:aws:ssm:eu-west-1:123456789012:opsitem:2",
    SecretArn: SECRET,
}
ONE_LINE = ARNS | {
    Name: "drifts",
    Text: "line 3.é",
    Url: "https://example.com/x",
    TagKey: "owner",
    TagValue: "water",
    BucketName: "models",
    AccountId: "123456789012",
    Region: "eu-west-1",
    SlackTarget.__annotations__["channel"]: "#alerts",
    TeamsTarget.__annotations__["url"]: "https://example.com/x",
    WebhookTarget.__annotations__["header"]: "X-Api-Key",
    PlantConfig.__annotations__["signals"]: "signals.yaml",
}


@pytest.mark.parametrize("kind", ONE_LINE, ids=ONE_LINE.values())
def test_no_name_and_no_arn_may_end_in_a_line_break(kind):
    adapter, good = TypeAdapter(kind), ONE_LINE[kind]
    assert adapter.validate_python(good) == good
    for bad in (f"{good}\n", f"{good}\r\n", f"{good}\x85", f"{good}\u2028", f"\n{good}", f"{good}\x00"):
        with pytest.raises(ValidationError):
            adapter.validate_python(bad)


def test_several_mistakes_are_all_told_at_once():
    plant = drift(batch_size=0, pages=-1) | {"removal": "no"}
    with pytest.raises(InvalidConfiguration) as raised:
        read_plants({"North": plant, "South": {"stream": {"shards": 1}}}, ["drift"])
    assert len(str(raised.value).splitlines()) == 5


@pytest.mark.parametrize("wrong", WRONG)
def test_synthesis_ends_with_the_mistake_and_no_stack(wrong, tmp_path):
    plant, path, allowed = WRONG[wrong]
    context = json.dumps({"plants": {"North": plant}})
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={"PATH": "", "CDK_CONTEXT_JSON": context, "CDK_OUTDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"context.plants.North.{path}" in done.stderr
    assert allowed in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*.template.json"))


def test_a_plant_that_says_nothing_gets_what_a_first_user_should_have():
    plant = read_plants({"North": {}}, ["drift"])["North"]
    assert plant == PlantConfig()
    assert list(plant.use_cases) == ["drift"]
    assert plant.maximum_age_s("drift") == 23 * 3600
    assert plant.alerts[0].pattern == {
        "source": ["river.consumer"],
        "detail": {"muted": [False], "change": ["opened"], "lag_s": [{"numeric": ["<=", 3600]}]},
    }


def test_the_age_stays_under_the_retention_and_under_lambdas_limit():
    def age(stream):
        return read_plants({"North": {"stream": stream}}, ["drift"])["North"].maximum_age_s("drift")

    assert age({"retention_hours": 48}) == 47 * 3600
    assert age({"retention_hours": 8760}) == 604_800
    assert age({"arn": STREAM}) == 23 * 3600
    assert age({"arn": STREAM, "retention_hours": 168}) == 167 * 3600


def test_plants_that_a_disk_cannot_tell_apart_are_refused():
    with pytest.raises(InvalidConfiguration, match="too like 'North'"):
        read_plants({"North": {}, "north": {}}, ["drift"])


def test_the_shipped_cdk_json_is_right():
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    assert list(read_plants(context["plants"], ["anomaly", "shift"])) == ["KinesisRiver"]
