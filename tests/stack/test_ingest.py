"""How telemetry comes in: each message on the shard of its signal, and what is rejected is kept."""

import base64
import json
import re
from pathlib import Path

import pytest

from consumer.decode.lambda_event import decode
from consumer.settings.assets import Assets
from tests.stack.synthesis import of_type, template, the

EVENTS = Path(__file__).parents[1] / "events"
STREAM_ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/telemetry"
KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
EXISTING = {"arn": STREAM_ARN, "key_arn": KEY_ARN}
MQTT = [
    {"sql": "SELECT * FROM 'plants/+/opcua/+'", "partition_key": "${topic(4)}"},
    {"sql": "SELECT value, timestamp() AS timestamp FROM 'gauges/#'", "partition_key": "${signal}"},
]


def rules(plant: dict) -> list[dict]:
    """The rules' payloads, in the order of `cdk.json`."""
    found = of_type(template(plant), "AWS::IoT::TopicRule").values()
    return [rule["Properties"]["TopicRulePayload"] for rule in found]


def kinesis_action(rule: dict) -> dict:
    [action] = rule["Actions"]
    [(kind, properties)] = action.items()
    assert kind == "Kinesis"
    return properties


def substituted(text: str, message: dict) -> str:
    """A substitution template of AWS IoT, on a message: paths of names, as SiteWise's rule has them."""

    def value(match: re.Match) -> str:
        found = message
        for name in match[1].split("."):
            found = found[name]
        return str(found)

    return re.sub(r"\$\{(\w+(?:\.\w+)*)\}", value, text)


def rules_role(plant: dict) -> list[dict]:
    """The statements of the role that the rules take."""
    roles = of_type(template(plant), "AWS::IAM::Role").values()
    [properties] = [one["Properties"] for one in roles if "iot.amazonaws.com" in json.dumps(one)]
    [policy] = properties["Policies"]
    assert "ManagedPolicyArns" not in properties
    return policy["PolicyDocument"]["Statement"]


def logical_id(template: dict, resource_type: str, starting: str) -> str:
    [found] = [name for name in of_type(template, resource_type) if name.startswith(starting)]
    return found


# SiteWise.


def test_sitewises_partition_key_is_the_signal_that_the_consumer_finds_in_the_message():
    event = json.loads((EVENTS / "sitewise_notification.json").read_text())
    [delivered] = event["Records"]
    message = json.loads(base64.b64decode(delivered["kinesis"]["data"]))
    [batch] = decode(event)
    [(_, signal)] = batch.signals
    [rule] = rules({"ingest": {"sitewise": True}})
    assert substituted(kinesis_action(rule)["PartitionKey"], message) == signal


def test_sitewises_partition_key_may_be_the_asset_by_which_the_consumer_places_the_signal():
    event = json.loads((EVENTS / "sitewise_notification.json").read_text())
    [delivered] = event["Records"]
    message = json.loads(base64.b64decode(delivered["kinesis"]["data"]))
    [batch] = decode(event)
    [(_, signal)] = batch.signals
    [rule] = rules({"ingest": {"sitewise_key": "asset"}})
    assert substituted(kinesis_action(rule)["PartitionKey"], message) == Assets().of(signal) != signal


def test_sitewises_rule_takes_whole_the_messages_that_the_consumer_reads():
    [delivered] = json.loads((EVENTS / "sitewise_notification.json").read_text())["Records"]
    message = json.loads(base64.b64decode(delivered["kinesis"]["data"]))
    [rule] = rules({})
    assert rule["Sql"] == (
        f"SELECT * FROM '$aws/sitewise/asset-models/+/assets/+/properties/+' WHERE type = '{message['type']}'"
    )


def test_without_sitewise_and_mqtt_there_is_no_rule_and_nothing_that_serves_one():
    bare = template({"ingest": {"sitewise": False}})
    assert of_type(bare, "AWS::IoT::TopicRule") == {}
    assert "iot.amazonaws.com" not in json.dumps(bare)
    assert not [name for name in of_type(bare, "AWS::S3::Bucket") if name.startswith("Ingest")]


# MQTT.


def test_each_entry_of_mqtt_becomes_a_rule_with_its_sql_and_partition_key():
    made = rules({"ingest": {"sitewise": False, "mqtt": MQTT}})
    assert [
        {"sql": rule["Sql"], "partition_key": kinesis_action(rule)["PartitionKey"]} for rule in made
    ] == MQTT
    assert {rule["AwsIotSqlVersion"] for rule in made} == {"2016-03-23"}


def test_sitewise_and_mqtt_go_side_by_side():
    assert len(rules({"ingest": {"sitewise": True, "mqtt": MQTT}})) == 3


# What the rules may do.


@pytest.mark.parametrize("stream", [{}, EXISTING], ids=["own", "existing"])
def test_the_rules_put_on_the_stream_and_reject_to_their_bucket_as_a_role_that_may_do_just_that(stream):
    plant = {"stream": stream, "ingest": {"mqtt": MQTT}}
    whole = template(plant)
    bucket = logical_id(whole, "AWS::S3::Bucket", "IngestRejected")
    role_arn = {"Fn::GetAtt": [logical_id(whole, "AWS::IAM::Role", "IngestRulesRole"), "Arn"]}
    own = None if stream else logical_id(whole, "AWS::Kinesis::Stream", "IngestStream")
    for rule in rules(plant):
        assert kinesis_action(rule)["RoleArn"] == role_arn
        assert kinesis_action(rule)["StreamName"] == ({"Ref": own} if own else "telemetry")
        rejected = rule["ErrorAction"]["S3"]
        assert rejected["RoleArn"] == role_arn
        assert rejected["BucketName"] == {"Ref": bucket}
    stream_arn = {"Fn::GetAtt": [own, "Arn"]} if own else STREAM_ARN
    objects = {"Fn::Join": ["", [{"Fn::GetAtt": [bucket, "Arn"]}, "/*"]]}
    encrypts = {"Action": "kms:GenerateDataKey", "Effect": "Allow", "Resource": KEY_ARN}
    assert rules_role(plant) == [
        {"Action": "kinesis:PutRecord", "Effect": "Allow", "Resource": stream_arn},
        {"Action": "s3:PutObject", "Effect": "Allow", "Resource": objects},
        *([encrypts] if stream else []),
    ]


def test_aws_iot_takes_the_role_for_the_rules_of_this_account_alone():
    [trust] = [
        role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        for role in of_type(template(), "AWS::IAM::Role").values()
        if "iot.amazonaws.com" in json.dumps(role)
    ]
    [allowed] = trust
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    source = allowed["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Join"][1]
    assert source[-2:] == [{"Ref": "AWS::AccountId"}, ":rule/*"]
    assert ":iot:" in source


def test_what_the_rules_reject_lies_by_rule_and_hour_each_under_a_name_of_its_own():
    keys = [rule["ErrorAction"]["S3"]["Key"] for rule in rules({"ingest": {"mqtt": MQTT}})]
    assert [key.partition("/")[0] for key in keys] == ["SiteWise", "Mqtt1", "Mqtt2"]
    assert all(key.endswith('/${parse_time("yyyy/MM/dd/HH", timestamp())}/${newuuid()}') for key in keys)


# The stream.


def test_a_stream_of_its_own_is_encrypted_and_stays_when_the_stack_goes():
    [stream] = of_type(template(), "AWS::Kinesis::Stream").values()
    assert stream["DeletionPolicy"] == "Retain"
    assert stream["Properties"]["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert stream["Properties"]["StreamEncryption"]["EncryptionType"] == "KMS"


def test_a_provisioned_stream_has_the_shards_and_the_retention_of_cdk_json():
    stream = the(
        template({"stream": {"mode": "provisioned", "shards": 3, "retention_hours": 48}}),
        "AWS::Kinesis::Stream",
    )
    assert stream["ShardCount"] == 3
    assert stream["RetentionPeriodHours"] == 48
    assert stream["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}


def test_an_existing_stream_is_read_and_no_other_is_made():
    whole = template({"stream": EXISTING})
    assert of_type(whole, "AWS::Kinesis::Stream") == {}
    assert the(whole, "AWS::Lambda::EventSourceMapping")["EventSourceArn"] == STREAM_ARN


def test_only_an_existing_stream_with_a_key_needs_rights_to_a_key():
    assert "kms:" not in json.dumps(template())
    assert "kms:" not in json.dumps(template({"stream": {"arn": STREAM_ARN}}))
    granted = json.dumps(template({"stream": EXISTING}))
    assert granted.count('"kms:Decrypt"') == 1, "the function reads"
    assert granted.count('"kms:GenerateDataKey"') == 1, "the rules write"
