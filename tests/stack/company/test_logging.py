"""Logs are kept as long as the company says, and access to the buckets is logged where it says."""

from typing import get_args

import pytest
from aws_cdk import App, Stack, assertions
from constructs import Construct

from stack.company.log_groups import RETENTION, log_group
from stack.company.logs_config import LogsConfig, RetentionDays
from tests.stack.synthesis import PLANT, of_type, template


def test_every_log_group_keeps_its_lines_as_long_as_cdk_json_says():
    plant = {"use_cases": {"drift": {}, "shift": {}}, "logs": {"retention_days": 365}}
    groups = of_type(template(plant, ("drift", "shift")), "AWS::Logs::LogGroup").values()
    assert [group["Properties"]["RetentionInDays"] for group in groups] == [365] * 3


def test_each_number_of_days_is_what_cloudwatch_is_told():
    stack = Stack(App(), "Stack")
    for days in get_args(RetentionDays):
        log_group(Construct(stack, f"Of{days}Days"), LogsConfig(retention_days=days), None)
    groups = assertions.Template.from_stack(stack).find_resources("AWS::Logs::LogGroup")
    assert len(groups) == len(get_args(RetentionDays))
    for name, group in groups.items():
        assert name.startswith(f"Of{group['Properties']['RetentionInDays']}Days")
    assert tuple(RETENTION) == get_args(RetentionDays)


@pytest.mark.parametrize("removal", ["keep", "destroy"])
def test_every_bucket_logs_who_reads_and_writes_it_under_a_prefix_of_its_own(removal):
    plant = {"logs": {"access_logs_bucket": "central-logs"}, "removal": removal}
    buckets = of_type(template(plant), "AWS::S3::Bucket").values()
    logging = [bucket["Properties"]["LoggingConfiguration"] for bucket in buckets]
    assert {one["DestinationBucketName"] for one in logging} == {"central-logs"}
    assert {one["LogFilePrefix"] for one in logging} == {
        f"{PLANT}/Models/Bucket/",
        f"{PLANT}/FailedBatches/Bucket/",
        f"{PLANT}/Ingest/Rejected/",
    }
    assert len(logging) == 3


def test_by_default_no_access_is_logged():
    for bucket in of_type(template(), "AWS::S3::Bucket").values():
        assert "LoggingConfiguration" not in bucket["Properties"]
