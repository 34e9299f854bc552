"""How telemetry comes in: the Kinesis stream and the AWS IoT rules that put records on it."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stack.buckets import REMOVAL, private_bucket
from stack.company.customer_key import customer_key
from stack.config import MqttConfig, PlantConfig
from stack.function_role import INLINE
from stack.security_review import acknowledge, acknowledge_controls, acknowledge_wildcards

_SQL_VERSION = "2016-03-23"
SITEWISE = MqttConfig(
    sql=(
        "SELECT * FROM '$aws/sitewise/asset-models/+/assets/+/properties/+' "
        "WHERE type = 'PropertyValueUpdate'"
    ),
    partition_key="${payload.assetId}:${payload.propertyId}",
)
SITEWISE_BY_ASSET = SITEWISE.model_copy(update={"partition_key": "${payload.assetId}"})
"""All of an asset comes to one shard, in the order in which it is sent."""
_MODES = {
    "on-demand": kinesis.StreamMode.ON_DEMAND,
    "provisioned": kinesis.StreamMode.PROVISIONED,
}


class Ingest(Construct):
    """The stream and the rules that put SiteWise's and other MQTT messages on it."""

    def __init__(self, scope: Construct, name: str, plant: PlantConfig) -> None:
        super().__init__(scope, name)
        self.stream = _stream(self, plant)
        self.stream_is_elsewhere = plant.stream_is_elsewhere
        """Whether it is another account's, which then has its metrics."""
        self.rules: list[iot.CfnTopicRule] = []
        self.rejected: s3.Bucket | None = None
        sitewise = SITEWISE_BY_ASSET if plant.ingest.sitewise_key == "asset" else SITEWISE
        messages = {"SiteWise": sitewise} if plant.ingest.sitewise else {}
        messages |= {f"Mqtt{number}": mqtt for number, mqtt in enumerate(plant.ingest.mqtt, 1)}
        if messages:
            self._add_rules(messages, plant)

    def _add_rules(self, messages: dict[str, MqttConfig], plant: PlantConfig) -> None:
        self.rejected = private_bucket(
            self,
            "Rejected",
            plant,
            access_log_reason=(
                "Only AWS IoT writes here: messages that it could not put on the stream. Each object is one "
                "message with reason and time; they are rarely read, and CloudTrail can record it."
            ),
        )
        role = self._role(self.rejected, plant)
        for name, message in messages.items():
            rule = self._rule(name, message, self.rejected, role)
            rule.node.add_dependency(self.rejected)
            self.rules.append(rule)

    def _role(self, rejected: s3.IBucket, plant: PlantConfig) -> iam.Role:
        objects = rejected.arn_for_objects("*")
        document = iam.PolicyDocument(
            statements=[
                iam.PolicyStatement(actions=["kinesis:PutRecord"], resources=[self.stream.stream_arn]),
                iam.PolicyStatement(actions=["s3:PutObject"], resources=[objects]),
            ]
        )
        # Of the stream and of the bucket.
        if keys := {key: None for key in (plant.stream.key_arn, plant.kms_key_arn) if key}:
            document.add_statements(
                iam.PolicyStatement(actions=["kms:GenerateDataKey"], resources=list(keys))
            )
        stack = Stack.of(self)
        # The rule's name is not known before its role exists.
        rules = stack.format_arn(service="iot", resource="rule", resource_name="*")
        of_this_account = {
            "StringEquals": {"aws:SourceAccount": stack.account},
            "ArnLike": {"aws:SourceArn": rules},
        }
        role = iam.Role(
            self,
            "RulesRole",
            assumed_by=iam.ServicePrincipal("iot.amazonaws.com", conditions=of_this_account),
            inline_policies={"put": document},
        )
        reason = "AWS IoT chooses the objects' names; the bucket only holds messages that it rejects."
        acknowledge_wildcards(role, {objects: reason})
        acknowledge_controls(role, {"IAMNoInlinePolicy": INLINE})
        return role

    def _rule(
        self, name: str, message: MqttConfig, rejected: s3.IBucket, role: iam.IRole
    ) -> iot.CfnTopicRule:
        put = iot.CfnTopicRule.KinesisActionProperty(
            role_arn=role.role_arn, stream_name=self.stream.stream_name, partition_key=message.partition_key
        )
        keep = iot.CfnTopicRule.S3ActionProperty(
            role_arn=role.role_arn,
            bucket_name=rejected.bucket_name,
            key=name + '/${parse_time("yyyy/MM/dd/HH", timestamp())}/${newuuid()}',
        )
        return iot.CfnTopicRule(
            self,
            name,
            topic_rule_payload=iot.CfnTopicRule.TopicRulePayloadProperty(
                sql=message.sql,
                aws_iot_sql_version=_SQL_VERSION,
                actions=[iot.CfnTopicRule.ActionProperty(kinesis=put)],
                error_action=iot.CfnTopicRule.ActionProperty(s3=keep),
            ),
        )


def _stream(scope: Construct, plant: PlantConfig) -> kinesis.IStream:
    """The stream that exists, or one of the plant's own."""
    config = plant.stream
    if config.arn is not None:
        key = kms.Key.from_key_arn(scope, "Key", config.key_arn) if config.key_arn else None
        return kinesis.Stream.from_stream_attributes(
            scope, "Stream", stream_arn=config.arn, encryption_key=key
        )
    own_key = customer_key(scope, plant.kms_key_arn)
    stream = kinesis.Stream(
        scope,
        "Stream",
        stream_mode=_MODES[config.mode],
        shard_count=config.shards,
        retention_period=Duration.hours(config.retention_hours),
        encryption=kinesis.StreamEncryption.KMS if own_key else kinesis.StreamEncryption.MANAGED,
        encryption_key=own_key,
        removal_policy=REMOVAL[plant.removal],
    )
    if own_key is not None:
        acknowledge(
            stream, {"AwsSolutions-KDS3": "The company asks for a key whose use it decides and sees itself."}
        )
    return stream
