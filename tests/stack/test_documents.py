"""The documents of the stack are true: fields, outputs, alarms and examples are those that are deployed."""

import json
import re
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from consumer.decode.lambda_event import decode
from consumer.decode.records import Record, Shard
from consumer.events.event import event_of
from consumer.events.quarantine import quarantine_objects
from consumer.use_cases import USE_CASES
from producer_sim.smoke.trip import OBSERVATIONS, step_payloads
from stack.config import PlantConfig
from stack.context import read_plants
from tests.consumer.world import World, record
from tests.stack.synthesis import of_type, template

DOCS = Path(__file__).parents[2] / "docs"
DEPLOY, ALERTS, OPERATIONS = (
    (DOCS / f"{name}.md").read_text() for name in ("deploy", "alerts", "operations")
)
# A plant with an alarm of every kind: rules of AWS IoT, more than one use case.
ALL = {
    "ingest": {"mqtt": [{"sql": "SELECT * FROM 'plant/+'", "partition_key": "${topic(2)}"}]},
    "use_cases": {"drift": {}, "anomaly": {}},
}


def rows(document: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its header."""
    text = re.split(r"\n#+ ", document.partition(f"# {heading}\n")[2])[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named(document: str, heading: str) -> list[str]:
    """The names in the first column."""
    return [first.strip("`") for first, *_ in rows(document, heading)]


def fields(model: type[BaseModel], path: str = "") -> dict[str, str]:
    """Each field's path, and its default as the table writes it; sections are not fields themselves."""
    found: dict[str, str] = {}
    for name, field in model.model_fields.items():
        inner, suffix = section(field.annotation)
        if inner:
            found |= fields(inner, f"{path}{name}{suffix}.")
        else:
            found[f"{path}{name}"] = (
                "required" if field.is_required() else default(field.get_default(call_default_factory=True))
            )
    return found


def section(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The model that a field holds, if any, and how its path goes on: in a list, by name, or at once."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    of = get_args(annotation)
    if get_origin(annotation) is list:
        return section(of[0])[0], "[]"
    if get_origin(annotation) is dict:
        return section(of[1])[0], ".<name>"
    return None, ""


def default(value: object) -> str:
    return "none" if value is None else f"`{json.dumps(value)}`"


def test_the_table_names_every_field_with_its_default_and_no_other():
    table = rows(DEPLOY, "The fields of a plant")
    assert {path.strip("`"): initial for path, _, initial, _ in table} == fields(PlantConfig)
    assert len(table) == len(fields(PlantConfig))


def test_the_table_says_what_the_limits_are():
    """Numbers with their bounds, choices with each of them."""
    schema = PlantConfig.model_json_schema()
    for path, allowed, _, _ in rows(DEPLOY, "The fields of a plant"):
        place = schema
        for part in re.split(r"\.|\[\]\.", path.strip("`")):
            place = place["additionalProperties"] if part == "<name>" else place["properties"][part]
            while "$ref" in place or "$ref" in place.get("items", {}):
                place = schema["$defs"][place.get("$ref", place.get("items", {}).get("$ref")).split("/")[-1]]
        for choice in [place, *place.get("anyOf", [])]:
            bounds = [choice[name] for name in ("minimum", "maximum") if name in choice]
            assert all(f"{bound:,}" in allowed for bound in bounds), path
            assert all(f"`{json.dumps(value)}`" in allowed for value in choice.get("enum", [])), path


OF_ONE = template({"use_cases": {"shift": {}}}, ("shift",))
"""Of one of the use cases that are shipped."""


WITHOUT_A_RESOURCE = ("sns:Unsubscribe", "ListEventSourceMappings")


@pytest.mark.parametrize("action", WITHOUT_A_RESOURCE)
def test_an_action_that_takes_no_resource_is_asked_for_all(action):
    """IAM refuses it where a policy names a topic or a function."""
    for document in (DEPLOY, OPERATIONS):
        for line in document.splitlines():
            if f"`{action}`" in line:
                assert "`*`" in line, line
    assert f"`{action}`" in DEPLOY + OPERATIONS
    assert "`Unsubscribe`" not in DEPLOY


def test_the_table_of_outputs_names_every_output_and_no_other():
    assert sorted(named(DEPLOY, "The outputs")) == sorted(OF_ONE["Outputs"])


def test_outputs_that_the_documents_read_exist():
    outputs = OF_ONE["Outputs"]
    for document in (DEPLOY, ALERTS, OPERATIONS):
        for name in re.findall(r"\$\(output (\w+)\)", document):
            assert name in outputs, name


def test_every_alarm_has_a_heading_and_no_other_heading_is_an_alarms():
    alarms = of_type(template(ALL, ("drift", "anomaly")), "AWS::CloudWatch::Alarm").values()
    descriptions = [alarm["Properties"]["AlarmDescription"] for alarm in alarms]
    names = {re.match(r"\w+ (\w+?)(-drift|-anomaly)?: ", text)[1] for text in descriptions}
    rules = {name for name in names if name.startswith("IotRule")}
    kinds = ("", "Lost", "Throttled", "Unparsed")
    assert rules == {f"IotRule{rule}{kind}" for rule in ("SiteWise", "Mqtt1") for kind in kinds}
    section = OPERATIONS.partition("\n## The alarms\n")[2].partition("\n## ")[0]
    headings = re.findall(r"^### (\w+)", section, flags=re.MULTILINE)
    assert sorted(headings) == sorted((names - rules) | {"IotRule"})


def test_each_alarm_is_said_to_mean_what_it_does():
    """The words of the alarm's own description are below its heading."""
    section = OPERATIONS.partition("\n## The alarms\n")[2].partition("\n## ")[0]
    words = " ".join(section.split())
    for alarm in of_type(
        template({"use_cases": {"anomaly": {}}}, ("anomaly",)), "AWS::CloudWatch::Alarm"
    ).values():
        text = alarm["Properties"]["AlarmDescription"]
        means = re.search(r": (.+) See docs/operations.md\.$", text)[1]
        assert means in words, means


def test_the_table_of_an_event_names_every_field_and_no_other():
    at = Record("1", "key", 1.7e9)
    event = event_of(
        use_case="drift",
        kind="drift",
        detail_type="Drift Detected",
        shard=Shard("arn:aws:kinesis:eu-west-1:123456789012:stream/plant", "shardId-000000000000"),
        record=at,
        signal="signal",
        position=0,
        value=1.0,
        timestamp=1.7e9,
        severity="warning",
        change="opened",
        is_muted=False,
        shown={"name": "P", "asset": "C", "line": "L", "unit": "bar", "limits": {"low": 1.0}},
        observations=1,
        evidence={},
    )
    assert named(ALERTS, "The fields of an event") == list(json.loads(event.detail))


def test_the_table_of_a_quarantined_line_names_every_field_and_no_other():
    [batch] = decode({"Records": [record(1, b"not JSON")]})
    [(_, content)] = quarantine_objects("drift", batch, batch.rejections)
    of_one = [*json.loads(content), "data_in"]
    [batch] = decode({"Records": [record(1, b'{"signal":"a","values":[NaN,NaN,"x"]}')]})
    [(_, content)] = quarantine_objects("drift", batch, batch.rejections)
    of_three = [name for name in json.loads(content) if name not in of_one]
    assert named(OPERATIONS, "Read the quarantine") == [*of_one, *of_three]


@pytest.mark.parametrize("document", ["deploy", "alerts", "costs", "operations"])
def test_every_example_of_cdk_json_is_accepted(document):
    text = (DOCS / f"{document}.md").read_text()
    examples = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, flags=re.DOTALL)]
    plants: list[dict] = []
    for example in examples:
        if "plants" in example:
            plants += example["plants"].values()
        elif not {"Version", "Sid", "detail"} & set(example):
            plants.append(example)
    assert plants or document in {"costs", "operations"}
    for plant in plants:
        read_plants({"North": plant}, ("anomaly", "drift", "steps"))


def test_the_policy_that_a_topic_needs_is_that_of_an_alerts_own_topic():
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", ALERTS, flags=re.DOTALL)]
    [documented] = [block for block in blocks if block.get("Action") == "sns:Publish"]
    policies = of_type(template(), "AWS::SNS::TopicPolicy").values()
    [own] = [
        statement
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "events.amazonaws.com" in json.dumps(statement)
    ]
    of_each = {"Sid", "Resource"}
    assert own.keys() >= of_each
    assert documented | {key: own[key] for key in of_each} == own


def test_the_step_that_it_sends_by_hand_is_one_lasting_change(capsys):
    by_hand = re.search(r"--partition-key (\S+) .*?python -c '\n(.*?)'\)\"", DEPLOY, flags=re.DOTALL)
    key, program = by_hand.groups()
    exec(program, {})
    payload = json.loads(capsys.readouterr().out)
    assert payload["signal"] == key
    detail = the_one_event_of([payload])
    assert f'"value":{detail["value"]}' in DEPLOY
    assert f"after {detail['observations']} observations" in DEPLOY


def test_the_step_that_the_smoke_test_sends_is_one_lasting_change():
    payloads = [json.loads(payload) for payload in step_payloads("smoke.1", 1.7e9)]
    assert f"{OBSERVATIONS} observations in {len(payloads)} records" in DEPLOY
    detail = the_one_event_of(payloads)
    assert f"value {detail['value']:g}, after {detail['observations']} observations" in DEPLOY


def the_one_event_of(payloads: list[dict]) -> dict:
    world = World(use_case=USE_CASES["shift"])
    world.invoke([record(number, payload) for number, payload in enumerate(payloads)])
    [event] = world.bus.events
    return json.loads(event.detail)
