"""The plant's log groups, which all keep their lines for as long as `cdk.json` says."""

from collections.abc import Mapping

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from stack.company.logs_config import LogsConfig, RetentionDays

_DAYS = logs.RetentionDays
RETENTION: Mapping[RetentionDays, logs.RetentionDays] = {
    1: _DAYS.ONE_DAY,
    3: _DAYS.THREE_DAYS,
    5: _DAYS.FIVE_DAYS,
    7: _DAYS.ONE_WEEK,
    14: _DAYS.TWO_WEEKS,
    30: _DAYS.ONE_MONTH,
    60: _DAYS.TWO_MONTHS,
    90: _DAYS.THREE_MONTHS,
    120: _DAYS.FOUR_MONTHS,
    150: _DAYS.FIVE_MONTHS,
    180: _DAYS.SIX_MONTHS,
    365: _DAYS.ONE_YEAR,
    400: _DAYS.THIRTEEN_MONTHS,
    545: _DAYS.EIGHTEEN_MONTHS,
    731: _DAYS.TWO_YEARS,
    1096: _DAYS.THREE_YEARS,
    1827: _DAYS.FIVE_YEARS,
    2192: _DAYS.SIX_YEARS,
    2557: _DAYS.SEVEN_YEARS,
    2922: _DAYS.EIGHT_YEARS,
    3288: _DAYS.NINE_YEARS,
    3653: _DAYS.TEN_YEARS,
}
"""CDK's names for what CloudWatch allows."""


def log_group(
    scope: Construct, config: LogsConfig, key: kms.IKey | None, name: str | None = None
) -> logs.LogGroup:
    """A log group that is deleted with the stack; CloudFormation names it where no `name` is given."""
    return logs.LogGroup(
        scope,
        "Log",
        log_group_name=name,
        encryption_key=key,
        retention=RETENTION[config.retention_days],
        removal_policy=RemovalPolicy.DESTROY,
    )
