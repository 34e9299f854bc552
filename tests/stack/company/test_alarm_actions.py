"""What alarms call besides their topic, when they ring and when it is over."""

import pytest
from pydantic import TypeAdapter, ValidationError

from stack.field_types import ActionArn
from tests.stack.synthesis import of_type, template

TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:ticket:live"
OPS_ITEM = "arn:aws:ssm:eu-west-1:123456789012:opsitem:2#CATEGORY=Availability"
PLAN = "arn:aws:ssm-incidents::123456789012:response-plan/plant"


def test_every_alarm_calls_all_of_them_and_those_that_open_something_only_when_it_rings():
    plant = {"alarms": {"action_arns": [TOPIC, FUNCTION, OPS_ITEM, PLAN]}}
    alarms = of_type(template(plant), "AWS::CloudWatch::Alarm").values()
    assert len(alarms) == len(of_type(template(), "AWS::CloudWatch::Alarm"))
    for alarm in alarms:
        own, *called = alarm["Properties"]["AlarmActions"]
        assert called == [TOPIC, FUNCTION, OPS_ITEM, PLAN]
        assert alarm["Properties"]["OKActions"] == [own, TOPIC, FUNCTION]
        assert "Ref" in own, "the topic of the stack"


@pytest.mark.parametrize(
    "arn",
    [
        TOPIC,
        FUNCTION,
        FUNCTION.removesuffix(":live"),
        OPS_ITEM,
        OPS_ITEM.partition("#")[0],
        PLAN,
        TOPIC.replace("aws", "aws-cn"),
    ],
)
def test_what_cloudwatch_allows_is_allowed(arn):
    assert TypeAdapter(ActionArn).validate_python(arn) == arn


@pytest.mark.parametrize(
    "arn",
    [
        "on-call",
        "arn:aws:sqs:eu-west-1:123456789012:tickets",
        "arn:aws:lambda:eu-west-1:123456789012:layer:x",
        "arn:aws:ssm:eu-west-1:123456789012:opsitem:5",
        "arn:aws:ssm:eu-west-1:123456789012:opsitem:2#CATEGORY=Fire",
        "arn:aws:ssm-incidents:eu-west-1:123456789012:response-plan/plant",
        "arn:aws:automate:eu-west-1:ec2:stop",
        f"{TOPIC}\n",
    ],
)
def test_what_cloudwatch_could_not_call_is_refused(arn):
    with pytest.raises(ValidationError, match="an OpsItem such as"):
        TypeAdapter(ActionArn).validate_python(arn)
