"""A stream of another account: read as its owner allows it, and watched by what this account has."""

import json
import re
from pathlib import Path

import pytest

from stack.context import InvalidConfiguration, read_plants
from tests.stack.cloudwatch import alarms
from tests.stack.plant_days import Day, growing_age, nothing_comes_to, well
from tests.stack.synthesis import of_type, template
from tests.stack.test_alarms import SHIPPED, ringing

DOCS = Path(__file__).parents[3] / "docs"
STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/telemetry"
PLANT = {"account": "210987654321", "stream": {"arn": STREAM}, "ingest": {"sitewise": False}}
ELSEWHERE = template({**PLANT, "use_cases": {name: {} for name in SHIPPED}}, SHIPPED)


def test_the_mapping_reads_it_and_the_outputs_name_the_roles_that_its_owner_has_to_allow():
    mappings = of_type(ELSEWHERE, "AWS::Lambda::EventSourceMapping").values()
    assert [mapping["Properties"]["EventSourceArn"] for mapping in mappings] == [STREAM] * 2
    outputs = ELSEWHERE["Outputs"]
    for use_case in SHIPPED:
        arn = outputs[f"FunctionRoleArn{use_case.capitalize()}"]["Value"]
        [function] = [
            function["Properties"]
            for function in of_type(ELSEWHERE, "AWS::Lambda::Function").values()
            if function["Properties"]["Environment"]["Variables"]["USE_CASE"] == use_case
        ]
        assert function["Role"] == arn
    assert f"--stream-arn {STREAM} " in outputs["SendOneValue"]["Value"]


def test_the_documented_policy_allows_what_the_roles_ask_of_the_stream_and_no_more():
    blocks = re.findall(r"```json\n(.*?)```", (DOCS / "deploy.md").read_text(), flags=re.DOTALL)
    [policy] = [block for block in map(json.loads, blocks) if "KinesisRiverReads" in json.dumps(block)]
    [statement] = policy["Statement"]
    assert statement["Resource"] == STREAM
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{PLANT['account']}:root"}
    roles = of_type(ELSEWHERE, "AWS::IAM::Role").values()
    asked = [
        one
        for role in roles
        for policy in role["Properties"].get("Policies", [])
        for one in policy["PolicyDocument"]["Statement"]
        if "kinesis:" in json.dumps(one)
    ]
    assert len(asked) == len(SHIPPED)
    for one in asked:
        assert (sorted(one["Action"]), one["Resource"]) == (statement["Action"], STREAM)


# Its alarms.


def all_stop(day: Day) -> None:
    for use_case in SHIPPED:
        nothing_comes_to(day, use_case)


def the_owner_takes_back_what_he_allowed_one_role(day: Day) -> None:
    nothing_comes_to(day, "shift")


def a_role_lost_its_rights_to_the_log(day: Day) -> None:
    for namespace, name, of in list(day.figures):
        if (namespace, of) == (day.own("shift"), "shift"):
            day.silence(namespace, of, name)


def a_function_is_too_slow(day: Day) -> None:
    growing_age(day, "anomaly")


MUST_RING = {
    all_stop: {"NotLearned-anomaly", "NotLearned-shift"},
    the_owner_takes_back_what_he_allowed_one_role: {"NotLearned-shift"},
    a_role_lost_its_rights_to_the_log: {"NotLearned-shift"},
    a_function_is_too_slow: {"IteratorAge-anomaly"},
}


@pytest.mark.parametrize("happens", MUST_RING, ids=lambda happens: happens.__name__)
@pytest.mark.parametrize("fills_empty", [True, False])
def test_these_alarms_ring_and_no_others(happens, fills_empty):
    day = well(ELSEWHERE)
    assert ringing(day, fills_empty=fills_empty) == set()
    happens(day)
    assert ringing(day, fills_empty=fills_empty) == MUST_RING[happens]


@pytest.mark.parametrize("every", [1, 7, 14])
def test_a_plant_that_is_well_rings_nothing_where_records_are_rare(every):
    assert ringing(well(ELSEWHERE, every=every)) == set()


def test_slow_batches_ring_nothing():
    slow = {"batch_window_s": 300, "timeout_s": 900}
    plant = {
        **PLANT,
        "use_cases": dict.fromkeys(SHIPPED, slow),
        "alarms": {"no_data_minutes": 5, "iterator_age_minutes": 30},
    }
    assert ringing(well(template(plant, SHIPPED), every=5, late=20)) == set()


def test_nothing_looks_at_metrics_that_only_the_owner_has():
    assert "AWS/Kinesis" not in json.dumps(ELSEWHERE)
    names = {alarm.name for alarm in alarms(ELSEWHERE)}
    here = {alarm.name for alarm in alarms(template({"use_cases": {name: {} for name in SHIPPED}}, SHIPPED))}
    assert {name for name in here - names if not name.startswith("IotRule")} == {"NoData", "StreamFull"}
    assert not names - here


def test_the_alarm_says_what_it_then_means():
    words = " ".join((DOCS / "operations.md").read_text().split())
    [text] = {
        re.search(r": (.+) See docs", alarm["Properties"]["AlarmDescription"])[1]
        for alarm in of_type(ELSEWHERE, "AWS::CloudWatch::Alarm").values()
        if "NotLearned" in alarm["Properties"]["AlarmDescription"]
    }
    assert text in words


# What is refused.


@pytest.mark.parametrize(
    ("changed", "allowed"),
    [
        ({"ingest": {}}, '"sitewise": false and without mqtt'),
        (
            {"ingest": {"sitewise": False, "mqtt": [{"sql": "SELECT * FROM 'a'", "partition_key": "a"}]}},
            '"sitewise": false and without mqtt',
        ),
        ({"use_cases": {"drift": {"enhanced_fan_out": True}}}, "allowed: false"),
        ({"region": "us-east-1"}, "allowed: an ARN of us-east-1"),
    ],
)
def test_what_cannot_be_with_a_stream_of_another_account_is_refused(changed, allowed):
    with pytest.raises(InvalidConfiguration, match=re.escape(allowed)):
        read_plants({"North": PLANT | changed}, ["drift"])


@pytest.mark.parametrize("account", [{}, {"account": "123456789012"}])
def test_a_stream_of_the_same_account_or_of_one_that_is_not_stated_is_as_ever(account):
    here = template({"stream": {"arn": STREAM}, **account})
    assert "AWS/Kinesis" in json.dumps(here)
    assert of_type(here, "AWS::IoT::TopicRule")
