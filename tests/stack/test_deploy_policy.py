"""The policies of whoever deploys have all that CloudFormation does to each type of resource, by its schemas.

The schemas are AWS's own, as cfn-lint ships them. A permission that they name and the policy lacks is of a
property that no template here has, and is named below with it; none of those may be idle.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint
import pytest

from stack.deploy.policy import GRANTS, TYPES, Place, caller_policy, resource_policy
from tests.stack.synthesis import template

PLACE = Place(
    stack="KinesisRiver",
    account="123456789012",
    region="eu-west-1",
    bucket="my-artifacts",
    prefix="river",
    key_arn="arn:aws:kms:eu-west-1:123456789012:key/k",
    vpc=True,
)
NO_SCHEMA = {"Custom::S3AutoDeleteObjects"}
"""CloudFormation invokes the function that it is."""

NOT_NEEDED = {
    "a stream's monitoring by shard, larger records, warm throughput": (
        "kinesis:EnableEnhancedMonitoring kinesis:DisableEnhancedMonitoring kinesis:UpdateMaxRecordSize "
        "kinesis:UpdateStreamWarmThroughput kinesis:UpdateStreamRecordDistributionStrategy"
    ),
    "what no bucket here has": (
        "s3:PutBucketAbac s3:PutAnalyticsConfiguration s3:PutBucketCORS s3:PutInventoryConfiguration "
        "s3:PutMetricsConfiguration s3:PutBucketNotification s3:PutBucketReplication s3:PutBucketWebsite "
        "s3:PutAccelerateConfiguration s3:PutReplicationConfiguration s3:PutObjectAcl s3:PutBucketAcl "
        "s3:PutBucketObjectLockConfiguration s3:DeleteObject s3:PutObjectLockConfiguration "
        "s3:PutIntelligentTieringConfiguration s3:CreateBucketMetadataTableConfiguration "
        "s3:DeleteBucketMetadataTableConfiguration s3:UpdateBucketMetadata* s3tables:* "
        "s3:DeleteBucketWebsite s3:DeleteBucketAnalyticsConfiguration s3:DeleteBucketCors "
        "s3:DeleteBucketMetricsConfiguration s3:DeleteBucketEncryption s3:DeleteBucketLifecycle "
        "s3:DeleteBucketReplication s3:DeleteBucketTagging"
    ),
    "policies of users and groups": (
        "iam:GetUserPolicy iam:GetGroupPolicy iam:PutUserPolicy iam:PutGroupPolicy iam:DeleteUserPolicy "
        "iam:DeleteGroupPolicy"
    ),
    "what no function here has": (
        "elasticfilesystem:DescribeMountTargets s3files:ListMountTargets lambda:GetCodeSigningConfig "
        "lambda:GetLayerVersion lambda:PutRuntimeManagementConfig lambda:PutFunctionRecursionConfig "
        "lambda:PutFunctionScalingConfig lambda:PassCapacityProvider lambda:AssociateRuntimeAlias "
        "lambda:PutFunctionCodeSigningConfig lambda:DeleteFunctionCodeSigningConfig "
        "lambda:PutProvisionedConcurrencyConfig lambda:DeleteProvisionedConcurrencyConfig codedeploy:*"
    ),
    "what no log group here has": (
        "logs:PutDataProtectionPolicy logs:CreateLogDelivery s3:REST.PUT.OBJECT firehose:TagDeliveryStream "
        "logs:PutIndexPolicy logs:PutBearerTokenAuthentication logs:DeleteDataProtectionPolicy "
        "logs:DeleteIndexPolicy logs:PutLogGroupDeletionProtection"
    ),
    "a bus's policy": "events:PutPermission events:RemovePermission",
    "a topic's data protection, and roles of topics and subscriptions": "sns:PutDataProtectionPolicy",
}
NOT_IN_SCHEMAS = {
    "lambda:InvokeFunction": "CloudFormation invokes what empties buckets, with `removal` destroy.",
    "secretsmanager:DeleteSecret": "EventBridge deletes the secret of a connection in the caller's name.",
}


@cache
def schemas() -> Mapping[str, Any]:
    """AWS's schemas of our types, by type."""
    folder = Path(cfnlint.__file__).parent / "data" / "schemas" / "resources"
    found = {}
    for path in folder.glob("*.json"):
        schema = json.loads(path.read_text())
        if schema.get("typeName") in TYPES:
            found[schema["typeName"]] = schema
    return found


def asked(kinds: Iterable[str]) -> set[str]:
    """All that these types take to be created, read, updated, deleted and tagged."""
    return {
        permission
        for kind in kinds
        if kind not in NO_SCHEMA
        for handler in (
            *(one for name, one in schemas()[kind]["handlers"].items() if name != "list"),
            schemas()[kind].get("tagging", {}),
        )
        for permission in handler.get("permissions", [])
    }


def actions(policy: Mapping[str, Any]) -> list[str]:
    return [action for statement in policy["Statement"] for action in statement["Action"]]


def matches(permission: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(permission, pattern) for pattern in patterns)


LEFT_OUT = [pattern for text in NOT_NEEDED.values() for pattern in text.split()]


def test_every_type_has_a_schema():
    assert set(schemas()) == TYPES - NO_SCHEMA


@pytest.mark.parametrize("kind", sorted(TYPES - NO_SCHEMA))
def test_a_type_has_all_that_cloudformation_does_to_it(kind):
    allowed = actions(resource_policy(PLACE))
    assert [one for one in sorted(asked([kind])) if not matches(one, [*allowed, *LEFT_OUT])] == []


def test_what_is_left_out_is_asked_by_a_type_and_not_allowed():
    allowed, permissions = actions(resource_policy(PLACE)), asked(TYPES)
    idle = [one for one in LEFT_OUT if not any(fnmatchcase(permission, one) for permission in permissions)]
    assert idle == []
    assert [one for one in permissions if matches(one, LEFT_OUT) and matches(one, allowed)] == []


def test_nothing_is_allowed_that_no_type_asks_for():
    permissions = asked(TYPES)
    extra = {
        action
        for grant in GRANTS
        for action in grant.actions
        if not any(fnmatchcase(permission, action) for permission in permissions)
    }
    assert extra == set(NOT_IN_SCHEMAS)


def test_wildcards_are_of_reads_only_and_stars_of_what_takes_no_name():
    policy = resource_policy(PLACE)
    own = [one for one in policy["Statement"] if not one["Action"][0].startswith(("kms:", "ec2:"))]
    wild = {action for one in own for action in one["Action"] if "*" in action}
    assert all(re.match(r"\w+:(Get|List)", action) for action in wild)
    unnamed = {
        action
        for one in own
        if one["Resource"] == ["*"] and "Condition" not in one
        for action in one["Action"]
    }
    assert unnamed == {
        "cloudwatch:DescribeAlarms",
        "logs:DeleteResourcePolicy",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:PutResourcePolicy",
        "sns:GetSubscriptionAttributes",
        "sns:SetSubscriptionAttributes",
        "sns:Unsubscribe",
    }


def test_names_that_the_template_gives_are_covered():
    """Those that CloudFormation makes start with the stack's name."""
    bus = next(one for one in template()["Resources"].values() if one["Type"] == "AWS::Events::EventBus")[
        "Properties"
    ]["Name"]
    place = Place(stack="TestPlant", account="1", region="r", bucket="b")
    [events] = [one for one in resource_policy(place)["Statement"] if "events:PutRule" in one["Action"]]
    assert matches(f"arn:aws:events:r:1:event-bus/{bus}", events["Resource"])
    assert matches(f"arn:aws:events:r:1:rule/{bus}/TestPlant-Alerts", events["Resource"])


@pytest.mark.parametrize("policy", [resource_policy(PLACE), caller_policy(PLACE, "arn:aws:iam::1:role/x")])
def test_a_policy_fits_into_one_of_iam(policy):
    # Of a role's inline policies. Names, 64 at most, are nearly all the same length.
    assert len(json.dumps(policy, separators=(",", ":"))) <= 10_240


def test_the_command_prints_both():
    command = [sys.executable, "-m", "stack.deploy.policy", "KinesisRiver", "--account", "123456789012"]
    command += ["--region", "eu-west-1", "--bucket", "my-artifacts", "--prefix", "river/"]
    command += ["--key-arn", str(PLACE.key_arn), "--vpc"]
    service_role = "arn:aws:iam::123456789012:role/makes"
    for more, policy in (
        ([], resource_policy(PLACE)),
        (["--caller", service_role], caller_policy(PLACE, service_role)),
    ):
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == policy
