"""Every event and policy that the documents show is one that the template's rules and resources take."""

import json
import re
from pathlib import Path

import pytest

from tests.consumer.world import World, points, step
from tests.stack.event_patterns import NotMatched, matches
from tests.stack.synthesis import of_type, template

DOCS = Path(__file__).parents[2] / "docs"
ALERTS = (DOCS / "alerts.md").read_text()
SECRET = {"secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf"}
EVERY_TARGET = {
    "topic_arns": ["arn:aws:sns:eu-west-1:123456789012:on-call"],
    "queue_arns": ["arn:aws:sqs:eu-west-1:123456789012:tickets"],
    "slack": [{"channel": "#alerts", **SECRET}],
    "pagerduty": [SECRET],
}
SHIPPED = ("anomaly", "shift")


TESTED_BESIDE = {
    ("Events", "Alarms", "Logs"),  # a company's key: test_company.py
    ("KinesisRiverReads",),  # a stream of another account: company/test_stream_elsewhere.py
}
"""Whole policies of the documents, by the names of their statements."""


def tried() -> dict:
    """The event of "Try a target", as EventBridge makes it of the entry that jq prints."""
    program = re.search(r"jq -nc --arg bus .*? '(\[\{.*?\}\])'\)\"", ALERTS, flags=re.DOTALL)[1]
    plain = program.replace(" | tojson", "").replace("$bus", '"bus"').replace("(", "").replace(")", "")
    [entry] = json.loads(re.sub(r"([{,]\s*)(\w+):", r'\1"\2":', plain))
    return {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": entry["Detail"]}


def rule(alert: dict, known=SHIPPED) -> dict:
    """The rule of a plant's only alert."""
    plant = {"use_cases": {name: {} for name in known}, "alerts": [{"name": "drifts", **alert}]}
    rules = of_type(template(plant, known), "AWS::Events::Rule")
    [found] = [one["Properties"] for name, one in rules.items() if "Alertdrifts" in name]
    return found


def test_the_event_to_try_a_target_with_reaches_the_shipped_alert():
    assert matches(rule({})["EventPattern"], tried())


def test_it_has_every_field_that_an_alert_can_filter_on():
    event = tried()
    detail = event["detail"]
    everything = {
        "use_cases": [detail["use_case"]],
        "signal_prefixes": [detail["signal"][:5]],
        "severities": [detail["severity"]],
        "changes": [detail["change"]],
        "assets": [detail["asset"]],
        "lines": [detail["line"]],
    }
    assert matches(rule(everything)["EventPattern"], event)
    for name in everything:
        other = everything | {
            name: {"severities": ["critical"], "changes": ["cleared"]}.get(name, ["anomaly"])
        }
        assert not matches(rule(other)["EventPattern"], event), name


def test_it_has_every_field_that_is_in_a_message():
    event = tried()
    transformers = [target.get("InputTransformer") for target in rule({"to": EVERY_TARGET})["Targets"]]
    paths = {path for one in transformers if one for path in one["InputPathsMap"].values()}
    assert len(paths) >= 8
    for path in paths:
        found = event
        for name in path.removeprefix("$.").split("."):
            found = found[name]


def test_it_has_no_field_that_an_event_has_not():
    """Nor another type: text is text, numbers are numbers."""
    world = World()
    world.invoke(points(step("pump")))
    real = json.loads(world.bus.events[0].detail)
    extra = {"asset": "", "line": ""}  # only where signals.yaml has them
    for name, value in tried()["detail"].items():
        assert type(value) is type((real | extra)[name]), name


def test_what_the_pattern_leaves_out_is_left_out():
    pattern, event = rule({})["EventPattern"], tried()
    for changed in ({"muted": True}, {"change": "cleared"}, {"lag_s": 3601}):
        assert not matches(pattern, event | {"detail": event["detail"] | changed}), changed
    for name in ("muted", "change"):
        without = {key: value for key, value in event["detail"].items() if key != name}
        assert not matches(pattern, event | {"detail": without})
    with pytest.raises(NotMatched):
        matches({"a": [{"suffix": "b"}]}, {"a": "b"})


def blocks() -> list[dict]:
    """Every block of JSON in the documents."""
    texts = [path.read_text() for path in sorted(DOCS.glob("*.md"))]
    found = [block for text in texts for block in re.findall(r"```json\n(.*?)```", text, flags=re.DOTALL)]
    return [json.loads(block) for block in found]


def policy_of_the_own(kind: str) -> dict:
    """The statement that lets rules send to a topic or queue of the template."""
    policies = of_type(template(), kind).values()
    [own] = [
        statement
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "events.amazonaws.com"}
    ]
    return own


def test_each_documented_policy_is_that_of_the_templates_own_topic_or_queue():
    """But for its name and resource, and that of a queue names the bus by its output."""
    documented = {block["Action"]: block for block in blocks() if "Sid" in block}
    assert set(documented) == {"sns:Publish", "sqs:SendMessage"}
    topics, queues = (policy_of_the_own(f"AWS::{kind}Policy") for kind in ("SNS::Topic", "SQS::Queue"))
    of_each = {"Sid", "Resource", "Condition"}
    for own, action in ((topics, "sns:Publish"), (queues, "sqs:SendMessage")):
        for key in {*own, *documented[action]} - of_each:
            assert documented[action][key] == own[key]
    assert "Condition" not in topics
    assert "Condition" not in documented["sns:Publish"]
    source = documented["sqs:SendMessage"]["Condition"]["ArnLike"]["aws:SourceArn"]
    pieces = queues["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Join"][1]
    own_source = "".join(piece if isinstance(piece, str) else "BUS" for piece in pieces)
    assert source.partition(":rule/")[2] == own_source.partition(":rule/")[2] == "BUS/*"


def test_no_block_of_the_documents_is_an_event_or_a_policy_that_is_not_tested_here():
    """An event in a document has to match the rule of the shipped alert."""
    for block in blocks():
        if "detail" in block:
            assert matches(rule({})["EventPattern"], block)
        if {"Version", "Statement"} & set(block):
            assert tuple(statement["Sid"] for statement in block["Statement"]) in TESTED_BESIDE
