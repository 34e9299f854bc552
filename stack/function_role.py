"""A function's permissions: only what its code and its event source mapping need."""

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from consumer.events.mutes import MUTES_KEY
from consumer.events.quarantine import quoted
from stack.security_review import acknowledge_controls, acknowledge_wildcards

_READ = ["DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"]
_READ_BY_FAN_OUT = ["DescribeStreamConsumer", "SubscribeToShard"]
_CONNECT = [
    f"ec2:{action}"
    for action in (
        "CreateNetworkInterface",
        "DescribeNetworkInterfaces",
        "DescribeSubnets",
        "DeleteNetworkInterface",
        "AssignPrivateIpAddresses",
        "UnassignPrivateIpAddresses",
    )
]
"""What AWS's own policy AWSLambdaVPCAccessExecutionRole allows of EC2."""


INLINE = (
    "What the policy allows is for this role alone, and goes with it; a managed policy could be attached to "
    "others."
)


class FunctionRole(Construct):
    """The role of one use case's function; wildcards only follow its own prefixes."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        self._document = iam.PolicyDocument()
        self._wildcards: dict[str, str] = {}

    def may_learn(self, use_case: str, models: s3.IBucket, bus: events.IEventBus) -> None:
        """Read and write its models, write its quarantine, publish events, read the mutes."""
        own_models = models.arn_for_objects(f"models/{quoted(use_case)}/*")
        mutes = models.arn_for_objects(MUTES_KEY)
        own_quarantine = models.arn_for_objects(f"quarantine/{quoted(use_case)}/*")
        self._allow(["s3:GetObject", "s3:PutObject"], own_models, "Only the models of this use case.")
        self._allow(["s3:PutObject"], own_quarantine, "Only the quarantine of this use case, write only.")
        self._allow(["s3:GetObject"], mutes)
        # Without it S3 answers 403 for a page that does not exist yet, and none would ever be created.
        self._allow(["s3:ListBucket"], models.bucket_arn)
        self._allow(["events:PutEvents"], bus.event_bus_arn)

    def may_read(self, stream: kinesis.IStream, key_arn: str | None) -> None:
        """Read the stream, as the event source mapping does with the function's role."""
        self._allow([f"kinesis:{action}" for action in _READ], stream.stream_arn)
        if key_arn:
            self._allow(["kms:Decrypt"], key_arn)

    def may_fan_out(self, fan_out: kinesis.IStreamConsumer) -> None:
        """Read the stream with enhanced fan-out."""
        self._allow([f"kinesis:{action}" for action in _READ_BY_FAN_OUT], fan_out.stream_consumer_arn)

    def may_give_up(self, failed_batches: s3.IBucket) -> None:
        """Store batches that are given up, as Lambda does with the function's role."""
        objects = failed_batches.arn_for_objects("aws/lambda/*")
        self._allow(["s3:PutObject"], objects, "Lambda chooses the names of the batches it stores.")
        self._allow(["s3:ListBucket"], failed_batches.bucket_arn)

    def may_log_and_trace(self, log_group: logs.ILogGroup) -> None:
        """Write its log and send its traces."""
        streams = log_group.log_group_arn
        self._allow(
            ["logs:CreateLogStream", "logs:PutLogEvents"], streams, "The streams of its own log group."
        )
        traces = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        self._allow(traces, "*", "X-Ray's actions do not support resources.")

    def may_use(self, key_arn: str) -> None:
        """Read and write what this key encrypts; Lambda decrypts the function's environment with it."""
        self._allow(["kms:Decrypt", "kms:GenerateDataKey"], key_arn)

    def may_connect(self, vpc_id: str) -> None:
        """Have network interfaces in a VPC, which Lambda makes with the function's role; its code may not.

        IAM knows the VPC in some of these actions only. Lambda needs all resources: it tries that first.
        """
        in_vpc = {"ArnLikeIfExists": {"ec2:Vpc": f"arn:*:ec2:*:*:vpc/{vpc_id}"}}
        by_code = {"Null": {"lambda:SourceFunctionArn": "false"}}
        self._document.add_statements(
            iam.PolicyStatement(actions=_CONNECT, resources=["*"], conditions=in_vpc),
            iam.PolicyStatement(
                effect=iam.Effect.DENY, actions=_CONNECT, resources=["*"], conditions=by_code
            ),
        )
        self._wildcards["*"] = (
            "X-Ray's actions do not support resources, nor do some by which Lambda connects to the VPC: the "
            "others are limited to that VPC, and all are denied to the function's code."
        )

    def make(self) -> iam.IRole:
        """The role; nothing else adds permissions to it."""
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"consumer": self._document},
        )
        acknowledge_wildcards(role, self._wildcards)
        acknowledge_controls(role, {"IAMNoInlinePolicy": INLINE})
        return role.without_policy_updates()

    def _allow(self, actions: list[str], resource: str, why_wildcard: str | None = None) -> None:
        self._document.add_statements(iam.PolicyStatement(actions=actions, resources=[resource]))
        if why_wildcard:
            self._wildcards[resource] = why_wildcard
