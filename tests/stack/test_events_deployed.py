"""The alerts as deployed: the template's bus, rules and topics on the embedded AWS get the consumer's events.

The emulator keeps no archive, and has no connections or API destinations in CloudFormation: a queue stands
where an API destination would be, and gets what would be posted. It asks for none of the policies.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from river import drift

from consumer.detectors.drift import DriftUseCase
from consumer.handler import handler
from consumer.use_cases import USE_CASES
from local.emulator.embedded_aws import EmbeddedAWS
from tests.consumer.world import plain_loop, points, record, step
from tests.stack.synthesis import of_type, template

STACK = "Alerts"
ACCOUNT = "arn:aws:{}:us-east-1:000000000000:{}"
SECRET = ACCOUNT.format("secretsmanager", "secret:{}-AbCdEf")
DEPLOYED_TYPES = {
    "AWS::Events::EventBus",
    "AWS::Events::Rule",
    "AWS::Logs::LogGroup",
    "AWS::Logs::ResourcePolicy",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
}
QUEUED_ALERTS = {
    "everything": {},
    "compressor-1": {"signal_prefixes": ["compressor1."]},
    "drifts": {"use_cases": ["drift"]},
    "late-too": {"also_late": True},
}
POSTED = {"slack", "teams", "pagerduty", "webhooks"}
TWO_USE_CASES = {"drift": {}, "anomaly": {}}
PLANT = {
    "use_cases": TWO_USE_CASES,
    "alerts": [
        *(
            {"name": name, **which, "to": {"queue_arns": [ACCOUNT.format("sqs", name)]}}
            for name, which in QUEUED_ALERTS.items()
        ),
        {
            "name": "posted",
            "to": {
                "slack": [{"channel": "#alerts", "secret_arn": SECRET.format("slack")}],
                "teams": [{"url": "https://example.com/flow?v=1", "secret_arn": SECRET.format("teams")}],
                "pagerduty": [{"secret_arn": SECRET.format("pagerduty")}],
                "webhooks": [{"url": "https://example.com/hook", "secret_arn": SECRET.format("webhook")}],
            },
        },
    ],
}
PRESSURE, FLOW = "compressor1.pressure", "pump7.flow"
HOUR_S = 3600
BUCKETS = count()
MEASURED_S = 1_700_000_000.0


def synthesised() -> dict:
    return template(PLANT, tuple(TWO_USE_CASES))


def deployable() -> dict:
    """The part of the template that tells events, with a queue for each API destination."""
    resources = {
        name: resource
        for name, resource in synthesised()["Resources"].items()
        if resource["Type"] in DEPLOYED_TYPES and name.startswith("Alerts")
    }
    for rule in of_type({"Resources": resources}, "AWS::Events::Rule").values():
        for target in rule["Properties"]["Targets"]:
            if kind := posted_by(target):
                target["Arn"] = ACCOUNT.format("sqs", kind)
                del target["RoleArn"]
    return {"Resources": resources}


def posted_by(target: dict) -> str | None:
    """Which kind of API destination a target is, None where it is none."""
    destination = re.search("(Slack|Teams|PagerDuty|Webhook)1ApiDestination", str(target["Arn"]))
    names = {"Slack": "slack", "Teams": "teams", "PagerDuty": "pagerduty", "Webhook": "webhooks"}
    return names[destination[1]] if destination else None


@dataclass
class Deployed:
    """The stack's bus on the embedded AWS, and the queues that its alerts go to."""

    aws: EmbeddedAWS
    bus: str

    def arrived(self, queue: str) -> list:
        """Take all that is in a queue: the emulator fills it before it answers PutEvents."""
        sqs, bodies = self.aws.client("sqs"), []
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                bodies.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def told(self) -> dict[str, set[tuple[str, str]]]:
        """The use cases and signals of which each alert told."""
        return {
            name: {(event["detail"]["use_case"], event["detail"]["signal"]) for event in self.arrived(name)}
            for name in QUEUED_ALERTS
        }

    def empty(self) -> None:
        for queue in (*QUEUED_ALERTS, *POSTED, "mail"):
            self.arrived(queue)


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Deployed]:
    with EmbeddedAWS(tmp_path_factory.mktemp("aws") / "aws.log") as aws:
        for queue in (*QUEUED_ALERTS, *POSTED, "mail"):
            aws.client("sqs").create_queue(QueueName=queue)
        formation = aws.client("cloudformation")
        formation.create_stack(StackName=STACK, TemplateBody=json.dumps(deployable()))
        made = formation.get_waiter("stack_create_complete")
        made.wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        resources = formation.describe_stack_resources(StackName=STACK)["StackResources"]
        [bus] = physical(resources, "AWS::Events::EventBus").values()
        topics = physical(resources, "AWS::SNS::Topic")
        [everything] = [arn for name, arn in topics.items() if "Alerteverything" in name]
        aws.client("sns").subscribe(
            TopicArn=everything, Protocol="sqs", Endpoint=ACCOUNT.format("sqs", "mail")
        )
        yield Deployed(aws, bus)


def physical(resources: list[dict], resource_type: str) -> dict[str, str]:
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for one in resources
        if one["ResourceType"] == resource_type
    }


@pytest.fixture
def deployed(running, monkeypatch) -> Deployed:
    """With empty queues, and the environment that lets the consumer publish on the stack's bus."""
    running.empty()
    bucket = f"models-{next(BUCKETS)}"
    running.aws.client("s3").create_bucket(Bucket=bucket)
    settings = {"MODEL_BUCKET": bucket, "EVENT_BUS_NAME": running.bus}
    for name, value in (running.aws.environment() | settings).items():
        monkeypatch.setenv(name, value)
    for use_case in TWO_USE_CASES:
        monkeypatch.setitem(USE_CASES, use_case, DriftUseCase(drift.ADWIN()))
    return running


@pytest.fixture
def learn(deployed, monkeypatch):
    """Have the consumer learn records, of which each signal drifts once."""

    def learn(records: list[dict], use_case: str = "drift") -> None:
        monkeypatch.setenv("USE_CASE", use_case)
        assert handler({"Records": records}, None) == {"batchItemFailures": []}

    return learn


def late(signal: str, lag_s: float, measured_s: float = 1_700_000_000.0) -> list[dict]:
    """A drift in values that arrive so long after they were measured."""
    return [
        record(
            number,
            {"signal": signal, "value": value, "timestamp": measured_s},
            key=signal,
            arrived=measured_s + lag_s,
        )
        for number, (_, value) in enumerate(step(signal), 100)
    ]


# Which events reach which alert.


def test_each_event_reaches_the_alert_of_all_once_with_its_id(deployed, learn):
    records = points(step(PRESSURE) + step(FLOW))
    learn(records)
    ids = plain_loop(records).ids
    assert ids
    events = deployed.arrived("everything")
    assert sorted(event["detail"]["id"] for event in events) == sorted(ids)
    assert {event["detail-type"] for event in events} == {"Drift Detected"}


def test_signals_and_use_cases_reach_the_alerts_that_name_them_and_no_others(deployed, learn):
    records = points(step(PRESSURE) + step(FLOW) + step("compressor10.pressure"))
    learn(records)
    learn(records, "anomaly")
    signals = {PRESSURE, FLOW, "compressor10.pressure"}
    everything = {(use_case, signal) for use_case in TWO_USE_CASES for signal in signals}
    assert deployed.told() == {
        "everything": everything,
        "compressor-1": {(use_case, PRESSURE) for use_case in TWO_USE_CASES},
        "drifts": {("drift", signal) for signal in signals},
        "late-too": everything,
    }


def test_an_event_of_an_hour_ago_alarms_nobody_but_who_asked_for_late_ones(deployed, learn):
    learn(late(PRESSURE, HOUR_S + 0.001))
    told = {("drift", PRESSURE)}
    assert deployed.told() == {"everything": set(), "compressor-1": set(), "drifts": set(), "late-too": told}


@pytest.mark.parametrize("lag_s", [HOUR_S, 0, -5 * HOUR_S])
def test_an_event_of_the_last_hour_or_of_a_clock_that_runs_ahead_reaches_all(deployed, learn, lag_s):
    learn(late(PRESSURE, lag_s))
    assert deployed.told() == {name: {("drift", PRESSURE)} for name in QUEUED_ALERTS}


def test_an_event_of_another_source_reaches_no_alert(deployed, learn):
    learn(points(step(PRESSURE)))
    [event, *_] = deployed.arrived("late-too")
    deployed.empty()
    entry = {
        "Source": "somebody.else",
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "EventBusName": deployed.bus,
    }
    assert deployed.aws.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert deployed.told() == {name: set() for name in QUEUED_ALERTS}


# What people read.


def test_a_mails_first_line_gives_severity_what_signal_and_value(deployed, learn):
    learn(points(step(PRESSURE)))
    [event, *_] = deployed.arrived("everything")
    [mail, *_] = deployed.arrived("mail")
    detail = event["detail"]
    lines = mail["Message"].splitlines()
    # EventBridge puts every line of a mail in quotes.
    assert lines[0] == f'"warning: Drift Detected on {PRESSURE}, value {detail["value"]:.6g}"'
    assert detail["timestamp"] in lines[1]
    assert detail["arrived_at"] in lines[1]
    assert f"mean_after: {json.dumps(detail['evidence']['mean_after'])}" in lines[2]
    assert detail["id"] in lines[3]
    assert len(lines) == 4


HOSTILE = 'Verdichter 1/Öldruck € "quoted" \\ <!channel> <aws.events.event> **b** [c](http://x) _i_ &lt;'


@pytest.fixture
def posted(deployed, learn):
    """The event, and for each kind of API destination what would be posted to it: JSON, or this fails."""
    learn(points(step(HOSTILE)))
    [event, *_] = deployed.arrived("everything")
    return event, {kind: deployed.arrived(kind)[0] for kind in POSTED}


def headline_of(event: dict) -> str:
    named = HOSTILE.replace("<", "(").replace(">", ")")  # no mention, nor a link, to Slack
    return f"warning: Drift Detected on {named}, value {event['detail']['value']:.6g}"


def test_slack_gets_a_channel_and_plain_text(posted):
    event, bodies = posted
    assert bodies["slack"]["channel"] == "#alerts"
    assert bodies["slack"]["text"] == headline_of(event)
    assert bodies["slack"]["mrkdwn"] is False
    first, second = (block["text"] for block in bodies["slack"]["blocks"])
    assert (first["type"], first["text"]) == ("plain_text", headline_of(event))
    assert (first["emoji"], second["emoji"]) == (False, False)
    assert event["detail"]["timestamp"] in second["text"]


def test_no_template_has_inside_a_json_string_what_a_producer_chose():
    for rule in of_type(synthesised(), "AWS::Events::Rule").values():
        for target in rule["Properties"]["Targets"]:
            template_of = target.get("InputTransformer", {}).get("InputTemplate", "")
            if template_of.startswith("{"):
                strings = " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', template_of))
                assert set(re.findall("<(.+?)>", strings)) <= {
                    "detail-timestamp",
                    "detail-arrived_at",
                    "detail-use_case",
                    "detail-observations",
                }


def test_teams_gets_an_adaptive_card(posted):
    event, bodies = posted
    assert bodies["teams"]["type"] == "message"
    [attachment] = bodies["teams"]["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert card["type"] == "AdaptiveCard"
    # What a TextBlock has is read as Markdown, what a TextRun has is not.
    assert [block["type"] for block in card["body"]] == ["RichTextBlock", "RichTextBlock"]
    [headline], [circumstances] = (block["inlines"] for block in card["body"])
    assert [headline["type"], circumstances["type"]] == ["TextRun", "TextRun"]
    assert headline["text"] == headline_of(event)
    assert event["detail"]["timestamp"] in circumstances["text"]


def test_pagerduty_gets_a_trigger_that_an_event_which_comes_twice_does_not_repeat(posted):
    event, bodies = posted
    detail = event["detail"]
    assert bodies["pagerduty"] == {
        "event_action": "trigger",
        "dedup_key": detail["id"],
        "payload": {
            "summary": headline_of(event),
            "severity": detail["severity"],
            "source": detail["signal"],
            "timestamp": detail["timestamp"],
            "custom_details": detail["evidence"],
        },
    }
    assert detail["severity"] in {"critical", "error", "warning", "info"}
    assert len(detail["id"]) <= 255, "PagerDuty's limit"


def test_a_webhook_gets_the_whole_event(posted):
    event, bodies = posted
    assert bodies["webhooks"] == event


# Where the secrets are.


def connection(kind: str) -> dict:
    connections = of_type(synthesised(), "AWS::Events::Connection")
    [found] = [resource for name, resource in connections.items() if f"{kind}1Connection" in name]
    return found["Properties"]["AuthParameters"]


def resolved_from(name: str) -> str:
    return f"{{{{resolve:secretsmanager:{SECRET.format(name)}:SecretString:::}}}}"


@pytest.mark.parametrize(("kind", "name"), [("Slack", "slack"), ("Webhook", "webhook")])
def test_the_secret_of_slack_and_of_a_webhook_is_the_authorization_header(kind, name):
    key = {"ApiKeyName": "Authorization", "ApiKeyValue": resolved_from(name)}
    assert connection(kind) == {"ApiKeyAuthParameters": key}


@pytest.mark.parametrize(
    ("kind", "place", "parameter"),
    [("Teams", "QueryStringParameters", "sig"), ("PagerDuty", "BodyParameters", "routing_key")],
)
def test_the_secret_of_teams_and_of_pagerduty_is_a_parameter_that_the_connection_hides(
    kind, place, parameter
):
    hidden = {"IsValueSecret": True, "Key": parameter, "Value": resolved_from(kind.lower())}
    assert connection(kind)["InvocationHttpParameters"] == {place: [hidden]}


def test_secrets_stand_nowhere_in_the_template_but_as_references_in_connections():
    resources = synthesised()["Resources"]
    connections = of_type(synthesised(), "AWS::Events::Connection")
    assert {name for name in resources if "secretsmanager" in json.dumps(resources[name])} == set(connections)
    for resource in connections.values():
        values = re.findall(r'"(?:Value|ApiKeyValue)": "([^"]*)"', json.dumps(resource))
        # A connection must have a header; where the secret is elsewhere, it says who sends.
        secrets = [value for value in values if value != "kinesis-river"]
        assert [value.startswith("{{resolve:secretsmanager:") for value in secrets] == [True]


def test_the_consumer_has_a_severity_that_pagerduty_knows_for_every_use_case():
    assert {use_case.severity for use_case in USE_CASES.values()} <= {"critical", "error", "warning", "info"}
