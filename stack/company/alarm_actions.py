"""What alarms call besides their topic: by ARN, as CloudWatch allows it."""

import jsii
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct


@jsii.implements(cloudwatch.IAlarmAction)
class ActionByArn:
    """An action that exists already; nothing but its ARN is known here."""

    def __init__(self, arn: str) -> None:
        self._arn = arn

    def bind(self, scope: Construct, alarm: cloudwatch.IAlarm) -> cloudwatch.AlarmActionConfig:
        """What CDK writes into the alarm."""
        return cloudwatch.AlarmActionConfig(alarm_action_arn=self._arn)


def add_actions(alarm: cloudwatch.Alarm, arns: list[str]) -> None:
    """Let the alarm call each of them when it rings, and those that can close something when it is over."""
    for arn in arns:
        action = ActionByArn(arn)
        alarm.add_alarm_action(action)
        if is_called_for_ok(arn):
            alarm.add_ok_action(action)


def is_called_for_ok(arn: str) -> bool:
    """Whether it may hear that all is well again: Systems Manager would open an item or an incident for that.

    >>> is_called_for_ok("arn:aws:sns:eu-west-1:123456789012:on-call")
    True
    >>> is_called_for_ok("arn:aws:ssm:eu-west-1:123456789012:opsitem:2")
    False
    """
    return arn.split(":")[2] in ("sns", "lambda")
