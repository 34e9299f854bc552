"""What a function may do: what its code and its event source mapping need, and no more."""

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from consumer.events.mutes import MUTES_KEY
from consumer.events.quarantine import quoted
from stack.security_review import acknowledge_wildcards

_READ = ["DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"]
_READ_BY_FAN_OUT = ["DescribeStreamConsumer", "SubscribeToShard"]


class FunctionRole(Construct):
    """The role of one use case's function; wildcards end a prefix of its own."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        self._document = iam.PolicyDocument()
        self._wildcards: dict[str, str] = {}

    def may_learn(self, use_case: str, models: s3.IBucket, bus: events.IEventBus) -> None:
        """Read and write its models, keep what cannot be learned, publish what is found; read the mutes."""
        own_models = models.arn_for_objects(f"models/{quoted(use_case)}/*")
        mutes = models.arn_for_objects(MUTES_KEY)
        own_quarantine = models.arn_for_objects(f"quarantine/{quoted(use_case)}/*")
        self._allow(["s3:GetObject", "s3:PutObject"], own_models, "The models of this use case alone.")
        self._allow(["s3:PutObject"], own_quarantine, "The quarantine of this use case alone, to add to.")
        self._allow(["s3:GetObject"], mutes)
        # Without it S3 answers 403 for a model that is not there yet, and none would ever be made.
        self._allow(["s3:ListBucket"], models.bucket_arn)
        self._allow(["events:PutEvents"], bus.event_bus_arn)

    def may_read(self, stream: kinesis.IStream, key_arn: str | None) -> None:
        """Read the stream, as the event source mapping does in the function's name."""
        self._allow([f"kinesis:{action}" for action in _READ], stream.stream_arn)
        if key_arn:
            self._allow(["kms:Decrypt"], key_arn)

    def may_fan_out(self, fan_out: kinesis.IStreamConsumer) -> None:
        """Read the stream at a rate of its own."""
        self._allow([f"kinesis:{action}" for action in _READ_BY_FAN_OUT], fan_out.stream_consumer_arn)

    def may_give_up(self, failed_batches: s3.IBucket) -> None:
        """Store batches whose retries or age ran out, as Lambda does in the function's name."""
        objects = failed_batches.arn_for_objects("aws/lambda/*")
        self._allow(["s3:PutObject"], objects, "Lambda makes up the names of the batches it stores.")
        self._allow(["s3:ListBucket"], failed_batches.bucket_arn)

    def may_tell(self, log_group: logs.ILogGroup) -> None:
        """Write its log, and send its traces."""
        streams = log_group.log_group_arn
        self._allow(
            ["logs:CreateLogStream", "logs:PutLogEvents"], streams, "The streams of its own log group."
        )
        traces = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        self._allow(traces, "*", "X-Ray's actions have no resources that could be named.")

    def make(self) -> iam.IRole:
        """The role, to which nothing else adds: what it may do is what is written here."""
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"consumer": self._document},
        )
        acknowledge_wildcards(role, self._wildcards)
        return role.without_policy_updates()

    def _allow(self, actions: list[str], resource: str, why_wildcard: str | None = None) -> None:
        self._document.add_statements(iam.PolicyStatement(actions=actions, resources=[resource]))
        if why_wildcard:
            self._wildcards[resource] = why_wildcard
