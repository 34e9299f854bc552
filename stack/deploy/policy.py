"""The least permissions of whoever deploys: policies for a stack, by its name.

    python -m stack.deploy.policy KinesisRiver --account 123456789012 --region eu-west-1 --bucket my-artifacts
    python -m stack.deploy.policy KinesisRiver … --caller arn:aws:iam::123456789012:role/deploys-river

The first is of the role that CloudFormation takes on (or of the caller, where it takes on none): all that it
takes to create, change and delete what the template has. The second is of the caller, who names that role.

Where IAM lets an action be limited to a resource, it is limited to names that start with the stack's, as
CloudFormation makes them. tests/stack/test_deploy_policy.py compares it with what CloudFormation's own
schemas say that each type of resource takes.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

_NAME_KEPT = 20
"""CloudFormation shortens a stack's name in those of its resources, but never below so many characters."""
_SECRETS = "apidestinations.events.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Grant:
    """What resources of some types take; `{}` of the resources is filled in by `_Place`."""

    types: tuple[str, ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: dict[str, dict[str, object]] = field(default_factory=dict)


def _of(service: str, actions: str) -> tuple[str, ...]:
    return tuple(f"{service}:{action}" for action in actions.split())


_ROLES = "arn:{partition}:iam::{account}:role/{role}*"
_FUNCTIONS = "arn:{partition}:lambda:{region}:{account}:function:{name}*"
_MAPPINGS = "arn:{partition}:lambda:{region}:{account}:event-source-mapping:*"
_EVENTS = "arn:{partition}:events:{region}:{account}:"

GRANTS = (
    Grant(
        ("AWS::Kinesis::Stream", "AWS::Kinesis::StreamConsumer"),
        _of(
            "kinesis",
            "CreateStream DeleteStream DescribeStreamSummary UpdateShardCount UpdateStreamMode "
            "IncreaseStreamRetentionPeriod DecreaseStreamRetentionPeriod StartStreamEncryption "
            "StopStreamEncryption AddTagsToStream RemoveTagsFromStream TagResource UntagResource "
            "ListTagsFor* RegisterStreamConsumer DeregisterStreamConsumer DescribeStreamConsumer",
        ),
        ("arn:{partition}:kinesis:{region}:{account}:stream/{stream}*",),
    ),
    Grant(
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy"),
        _of(
            "s3",
            "CreateBucket DeleteBucket ListBucket GetBucket* Get*Configuration ListTagsForResource "
            "PutEncryptionConfiguration PutLifecycleConfiguration PutBucketPublicAccessBlock "
            "PutBucketVersioning PutBucketOwnershipControls PutBucketLogging PutBucketTagging TagResource "
            "UntagResource PutBucketPolicy DeleteBucketPolicy",
        ),
        ("arn:{partition}:s3:::{bucket_name}*",),
    ),
    Grant(
        ("AWS::IAM::Role", "AWS::IAM::Policy"),
        _of(
            "iam",
            "CreateRole DeleteRole GetRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy "
            "PutRolePolicy DeleteRolePolicy GetRolePolicy ListRolePolicies AttachRolePolicy "
            "DetachRolePolicy ListAttachedRolePolicies PutRolePermissionsBoundary "
            "DeleteRolePermissionsBoundary TagRole UntagRole ListRoleTags",
        ),
        (_ROLES,),
    ),
    Grant(
        ("AWS::Lambda::Function", "AWS::IoT::TopicRule", "AWS::Events::Rule"),
        ("iam:PassRole",),
        (_ROLES,),
        {
            "StringEquals": {
                "iam:PassedToService": ["lambda.amazonaws.com", "iot.amazonaws.com", "events.amazonaws.com"]
            }
        },
    ),
    Grant(
        (
            "AWS::Lambda::Function",
            "AWS::Lambda::Version",
            "AWS::Lambda::Alias",
            "AWS::Lambda::EventInvokeConfig",
            "AWS::Lambda::Permission",
            "Custom::S3AutoDeleteObjects",
        ),
        _of(
            "lambda",
            "CreateFunction DeleteFunction GetFunction* UpdateFunctionCode UpdateFunctionConfiguration "
            "PublishVersion ListVersionsByFunction CreateAlias UpdateAlias DeleteAlias GetAlias "
            "PutFunctionConcurrency DeleteFunctionConcurrency AddPermission RemovePermission GetPolicy "
            "PutFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig DeleteFunctionEventInvokeConfig "
            "GetRuntimeManagementConfig GetProvisionedConcurrencyConfig InvokeFunction",
        ),
        (_FUNCTIONS,),
    ),
    Grant(
        ("AWS::Lambda::EventSourceMapping",),
        _of(
            "lambda",
            "CreateEventSourceMapping UpdateEventSourceMapping DeleteEventSourceMapping "
            "GetEventSourceMapping",
        ),
        ("*",),
        {"ArnLike": {"lambda:FunctionArn": _FUNCTIONS}},
    ),
    Grant(
        ("AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping"),
        _of("lambda", "ListTags TagResource UntagResource"),
        (_FUNCTIONS, _MAPPINGS),
    ),
    Grant(
        ("AWS::Lambda::Function",),
        _of("s3", "GetObject GetObjectVersion"),
        ("arn:{partition}:s3:::{assets}/*",),
    ),
    Grant(
        ("AWS::Logs::LogGroup",),
        _of(
            "logs",
            "CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy AssociateKmsKey "
            "DisassociateKmsKey TagResource UntagResource ListTagsForResource GetDataProtectionPolicy "
            "DescribeIndexPolicies",
        ),
        (
            "arn:{partition}:logs:{region}:{account}:log-group:{name}*",
            "arn:{partition}:logs:{region}:{account}:log-group:/aws/events/{stack}*",
        ),
    ),
    Grant(
        ("AWS::Logs::LogGroup", "AWS::Logs::ResourcePolicy"),
        _of("logs", "DescribeLogGroups PutResourcePolicy DescribeResourcePolicies DeleteResourcePolicy"),
        ("*",),
    ),
    Grant(
        (
            "AWS::Events::EventBus",
            "AWS::Events::Archive",
            "AWS::Events::Rule",
            "AWS::Events::Connection",
            "AWS::Events::ApiDestination",
        ),
        _of(
            "events",
            "CreateEventBus UpdateEventBus DeleteEventBus DescribeEventBus CreateArchive UpdateArchive "
            "DeleteArchive DescribeArchive PutRule DeleteRule DescribeRule PutTargets RemoveTargets "
            "ListTargetsByRule CreateConnection UpdateConnection DeleteConnection DescribeConnection "
            "CreateApiDestination UpdateApiDestination DeleteApiDestination DescribeApiDestination "
            "TagResource UntagResource ListTagsForResource",
        ),
        tuple(
            f"{_EVENTS}{kind}/{{{name}}}*"
            for kind in ("event-bus", "archive", "rule", "connection", "api-destination")
            # CDK names the bus, and leaves out hyphens; CloudFormation names the others.
            for name in ("letters", "name")
        ),
    ),
    Grant(
        ("AWS::Events::Connection",),
        _of("secretsmanager", "CreateSecret UpdateSecret PutSecretValue GetSecretValue DeleteSecret"),
        ("arn:{partition}:secretsmanager:{region}:{account}:secret:events!connection/*",),
    ),
    Grant(
        ("AWS::Events::Connection",),
        ("iam:CreateServiceLinkedRole",),
        (f"arn:{{partition}}:iam::{{account}}:role/aws-service-role/{_SECRETS}/*",),
        {"StringEquals": {"iam:AWSServiceName": _SECRETS}},
    ),
    Grant(
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::SNS::Subscription"),
        _of(
            "sns",
            "CreateTopic DeleteTopic GetTopicAttributes SetTopicAttributes GetDataProtectionPolicy "
            "ListSubscriptionsByTopic Subscribe TagResource UntagResource ListTagsForResource",
        ),
        ("arn:{partition}:sns:{region}:{account}:{name}*",),
    ),
    Grant(
        ("AWS::SNS::Subscription",),
        _of("sns", "Unsubscribe GetSubscriptionAttributes SetSubscriptionAttributes"),
        ("*",),
    ),
    Grant(
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy"),
        _of(
            "sqs",
            "CreateQueue DeleteQueue GetQueueUrl GetQueueAttributes SetQueueAttributes ListQueueTags "
            "TagQueue UntagQueue",
        ),
        ("arn:{partition}:sqs:{region}:{account}:{name}*",),
    ),
    Grant(
        ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"),
        _of(
            "cloudwatch",
            "PutMetricAlarm DeleteAlarms PutDashboard GetDashboard DeleteDashboards TagResource "
            "UntagResource ListTagsForResource",
        ),
        (
            "arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}*",
            "arn:{partition}:cloudwatch::{account}:dashboard/*",
        ),
    ),
    Grant(("AWS::CloudWatch::Alarm",), ("cloudwatch:DescribeAlarms",), ("*",)),
    Grant(
        # Its name has no hyphens, so it cannot start as the others do.
        ("AWS::IoT::TopicRule",),
        _of(
            "iot",
            "CreateTopicRule ReplaceTopicRule DeleteTopicRule GetTopicRule TagResource UntagResource "
            "ListTagsForResource",
        ),
        ("arn:{partition}:iot:{region}:{account}:rule/*",),
    ),
)
TYPES = frozenset(kind for grant in GRANTS for kind in grant.types)
"""The types of resources that the policy is enough for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a stack is deployed; `bucket` has the template's assets, below `prefix`."""

    stack: str
    account: str
    region: str
    bucket: str
    prefix: str = ""
    partition: str = "aws"
    stream: str | None = None
    """An existing stream's name, if it is not the stack's own."""
    role: str | None = None
    """What the roles' names start with, if not with the stack's."""
    key_arn: str | None = None
    """A key of one's own that encrypts what the stack has."""
    vpc: bool = False
    """Whether the functions are in a VPC."""

    def fill(self, text: str) -> str:
        """Write this place into a pattern of `GRANTS`."""
        prefix = self.prefix.strip("/")
        name = _start(self.stack)
        return text.format(
            partition=self.partition,
            region=self.region,
            account=self.account,
            stack=self.stack,
            name=name,
            bucket_name=name.lower(),
            letters=_start("".join(filter(str.isalnum, self.stack)), ""),
            stream=self.stream or name,
            role=self.role or name,
            assets=f"{self.bucket}/{prefix}" if prefix else self.bucket,
        )


def _start(name: str, end: str = "-") -> str:
    """What the names of a stack's resources start with for sure.

    >>> _start("KinesisRiver"), _start("TheWaterWorksOfTheNorth")
    ('KinesisRiver-', 'TheWaterWorksOfTheNo')
    """
    return f"{name}{end}" if len(name) <= _NAME_KEPT else name[:_NAME_KEPT]


def resource_policy(place: Place) -> dict[str, object]:
    """All that CloudFormation does to the resources, in the name of its service role or of the caller."""
    statements = [
        _statement(
            grant.actions,
            [place.fill(resource) for resource in grant.resources],
            {
                operator: {key: _filled(place, value) for key, value in keys.items()}
                for operator, keys in grant.condition.items()
            },
        )
        for grant in GRANTS
    ]
    if place.key_arn:
        actions = "CreateGrant Decrypt DescribeKey Encrypt GenerateDataKey* ReEncrypt*"
        statements.append(_statement(_of("kms", actions), [place.key_arn]))
    if place.vpc:
        actions = "DescribeNetworkInterfaces DescribeSecurityGroups DescribeSubnets DescribeVpcs"
        statements.append(_statement(_of("ec2", actions), ["*"]))
    return {"Version": "2012-10-17", "Statement": statements}


def caller_policy(place: Place, service_role_arn: str | None = None) -> dict[str, object]:
    """What the caller takes: to upload the assets, and to have CloudFormation make the stack.

    With a service role, only that role needs `resource_policy`; without one, the caller needs it too.
    """
    stacks = place.fill("arn:{partition}:cloudformation:{region}:{account}:stack/{stack}/*")
    actions = (
        "CreateStack UpdateStack DeleteStack DescribeStacks DescribeStackEvents DescribeStackResources "
        "GetTemplate GetTemplateSummary CreateChangeSet DescribeChangeSet ExecuteChangeSet DeleteChangeSet "
        "UpdateTerminationProtection"
    )
    statements = [
        _statement(_of("cloudformation", actions), [stacks]),
        _statement(
            ("cloudformation:GetTemplateSummary", "cloudformation:ValidateTemplate"), ["*"]
        ),  # of a template that is no stack's yet
        _statement(("s3:GetObject", "s3:PutObject"), [place.fill("arn:{partition}:s3:::{assets}/*")]),
        _statement(("s3:ListBucket",), [f"arn:{place.partition}:s3:::{place.bucket}"]),
    ]
    if service_role_arn:
        passed_to: dict[str, object] = {"iam:PassedToService": "cloudformation.amazonaws.com"}
        statements.append(_statement(("iam:PassRole",), [service_role_arn], {"StringEquals": passed_to}))
    return {"Version": "2012-10-17", "Statement": statements}


def _filled(place: Place, value: object) -> object:
    return place.fill(value) if isinstance(value, str) else value


def _statement(
    actions: Sequence[str], resources: Sequence[str], condition: dict[str, dict[str, object]] | None = None
) -> dict[str, object]:
    statement: dict[str, object] = {
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": list(dict.fromkeys(resources)),
    }
    return statement | {"Condition": condition} if condition else statement


def main() -> None:
    """Print a policy."""
    parser = argparse.ArgumentParser(description="The least policy of whoever deploys a stack, as JSON.")
    parser.add_argument("stack")
    parser.add_argument("--account", required=True, help="twelve digits")
    parser.add_argument("--region", required=True)
    parser.add_argument("--bucket", required=True, help="where build/template is uploaded")
    parser.add_argument("--prefix", default="", help="its path there")
    parser.add_argument("--partition", default="aws", help="aws-cn, aws-us-gov")
    parser.add_argument("--stream", help="the existing stream of stream.arn, by its name")
    parser.add_argument("--role", help="what the roles' names start with, if not with the stack's name")
    parser.add_argument("--key-arn", help="a KMS key of yours that the plant uses")
    parser.add_argument("--vpc", action="store_true", help="the functions are in a VPC")
    parser.add_argument("--caller", metavar="ROLE_ARN", help="the caller's, who passes this role on")
    given = vars(parser.parse_args())
    service_role = given.pop("caller")
    place = Place(**given)
    policy = caller_policy(place, service_role) if service_role else resource_policy(place)
    print(json.dumps(policy, indent=2))


if __name__ == "__main__":
    main()
