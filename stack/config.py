"""What a user sets in `cdk.json`, as typed, checked configuration: a plant, and all it is made of.

No field means anything by being null: CDK drops nulls on their way here. `docs/deploy.md` lists the fields.
"""

from typing import Annotated, Literal, Self

from pydantic import Field
from pydantic import model_validator as check

from consumer.settings.environment import AHEAD_S_ALLOWED_MAX, TimeSettings
from consumer.settings.signals_yaml import SHIPPED
from stack.alerting.alert_config import AlertConfig
from stack.company.company_config import AccountId, Region, RolesConfig, RulePack, VpcConfig, misplaced
from stack.company.function_config import FunctionConfig
from stack.company.logs_config import LogsConfig
from stack.field_types import (
    ActionArn,
    BucketName,
    Day,
    Email,
    KeyArn,
    RoleArn,
    StreamArn,
    Strict,
    Text,
    each_once,
    matching,
    wrong,
)
from stack.iot_sql import aliases_in

SNAP_START_STORAGE_MB = 512
_MARGIN_S = 3600
_MAXIMUM_AGE_S = 604_800
_ACTIONS_MAX = 5
"""CloudWatch's, of an alarm for each of its states; one is its topic."""


TagKey = Annotated[
    str,
    matching(
        r"(?i)(?=.{1,128}\Z)(?!aws:|application\Z|plant\Z)[\w .:/=+@-]+",
        "letters, digits, spaces and . : / = + - @ _; not `application`, `plant` or what starts with `aws:`",
    ),
]
TagValue = Annotated[str, matching(r"[\w .:/=+@-]{0,256}", "letters, digits, spaces and . : / = + - @ _")]


class StreamConfig(Strict):
    """The Kinesis stream: made here, or one that exists."""

    arn: StreamArn | None = None
    """An existing stream, which keeps its own mode."""
    key_arn: KeyArn | None = None
    """The KMS key of an existing stream, where it is not AWS's own."""
    mode: Literal["on-demand", "provisioned"] = "on-demand"
    """`on-demand` grows by itself; `provisioned` costs less where the rate is known."""
    shards: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Of a provisioned stream: each takes 1,000 records or 1 MB a second."""
    retention_hours: Annotated[int, Field(ge=24, le=8760)] = 24
    """How long it keeps a record, an existing one too: a failing batch can wait so long for a mend."""

    @check(mode="after")
    def _is_of_one_kind(self) -> Self:
        own = self.model_fields_set & {"mode", "shards"}
        if self.arn and own:
            raise wrong(f"has an arn and {', '.join(sorted(own))}; allowed: an existing stream's own")
        if self.key_arn and not self.arn:
            raise wrong("has key_arn without arn; allowed: the key of an existing stream")
        if self.arn and self.key_arn and _place(self.arn) != _place(self.key_arn):
            raise wrong("has key_arn of another region or account; allowed: a key beside the stream")
        if self.shards and self.mode == "on-demand":
            raise wrong('has shards and is on-demand; allowed: shards with "mode": "provisioned"')
        if self.mode == "provisioned" and not self.shards:
            raise wrong("is provisioned without shards; allowed: shards from 1 to 10,000")
        return self

    @property
    def retention_s(self) -> int:
        """How long it keeps a record."""
        return self.retention_hours * 3600


class UseCaseConfig(Strict):
    """One use case: its function, and how the stream's records come to it."""

    pages: Annotated[int, Field(ge=0, le=4096)] = 16
    """How many objects hold the models; 0: one for each signal."""
    signals_per_page: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Of an object, at most: what a producer that invents signals can make it grow to."""
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    """Records of an invocation, at most."""
    batch_window_s: Annotated[int, Field(ge=0, le=300)] = 10
    """How long records are gathered: an alert's delay, and the inverse of what S3 costs."""
    memory_mb: Annotated[int, Field(ge=512, le=10_240)] = 1024
    """Lambda's memory; its processors grow with it."""
    timeout_s: Annotated[int, Field(ge=30, le=900)] = 120
    """Of an invocation; what is learned in time is kept."""
    snap_start: bool = True
    """Starts from a snapshot: a cold start without it imports River for seconds."""
    compiled_reader: bool = False
    """Whether plain records are read by compiled code, where ziglang is installed."""
    ephemeral_storage_mb: Annotated[int, Field(ge=512, le=10_240)] = SNAP_START_STORAGE_MB
    """Size of /tmp, for models of your own that need it."""
    retries: Annotated[int, Field(ge=0, le=10_000)] = 10_000
    """Of a failing batch, before it is stored whole and given up."""
    maximum_age_s: Annotated[int, Field(ge=60, le=_MAXIMUM_AGE_S)] | None = None
    """Of a record in a failing batch; by default an hour less than the stream keeps it."""
    believed_from: Day = TimeSettings().believed_from.isoformat()
    """An observation that says it was measured before this day is learned at its arrival time."""
    believed_ahead_s: Annotated[int, Field(ge=0, le=AHEAD_S_ALLOWED_MAX)] = TimeSettings().believed_ahead_s
    """The same if it says that it was measured more than this after its arrival."""
    visit_minutes: Annotated[int, Field(ge=0, le=60)] = 5
    """How often pages are looked at for silent signals, where the use case does; 0: never."""
    enhanced_fan_out: bool = False
    """A share of each shard's reading rate of its own: for more than two readers of a stream."""
    parallelization_factor: Annotated[int, Field(ge=1, le=10)] = 1
    """Invocations side by side for each shard; above 1 only where `pages` is 0."""
    reserved_concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Invocations side by side that the function has for itself, and at most."""

    @check(mode="after")
    def _fits_together(self) -> Self:
        if self.parallelization_factor > 1 and self.pages:
            raise wrong(
                f"has parallelization_factor {self.parallelization_factor} and pages {self.pages}; "
                "allowed: a factor above 1 with pages 0 only, for signals share pages"
            )
        if self.snap_start and self.ephemeral_storage_mb > SNAP_START_STORAGE_MB:
            raise wrong(
                f"has snap_start and ephemeral_storage_mb {self.ephemeral_storage_mb}; allowed: "
                f"{SNAP_START_STORAGE_MB} with SnapStart, or snap_start false"
            )
        return self


def _place(arn: str) -> list[str]:
    """The region and the account."""
    return arn.split(":")[3:5]


class MqttConfig(Strict):
    """Messages of AWS IoT Core, such as an OPC-UA gateway's, that become records."""

    sql: Annotated[str, matching(r"(?is)\s*SELECT\s.+\sFROM\s+'.+", "SELECT ... FROM '<topic filter>'")]
    """Makes one of the payloads of `docs/send-data.md` of a message."""
    partition_key: Text
    """The signal, as a substitution template such as `${topic(3)}`: of the message, not the SQL's result."""

    @check(mode="after")
    def _key_is_of_the_message(self) -> Self:
        if aliases := aliases_in(self.partition_key, self.sql):
            raise wrong(
                f"has a partition_key of {', '.join(aliases)}, a name that the SQL gives with AS, which AWS "
                "IoT does not know there; allowed: fields of the message, and functions such as ${topic(3)}"
            )
        return self


class IngestConfig(Strict):
    """What puts records on the stream, besides your own producers."""

    sitewise: bool = True
    """SiteWise's notifications of property values."""
    sitewise_key: Literal["property", "asset"] = "property"
    """Their partition key: of each property one of its own, or of an asset one for all, and so one shard."""
    mqtt: Annotated[list[MqttConfig], Field(max_length=50)] = []
    """Messages of AWS IoT Core."""


class AlarmsConfig(Strict):
    """When the pipeline itself needs a person."""

    emails: Annotated[list[Email], each_once] = []
    """Subscribed to the alarms' topic."""
    action_arns: Annotated[list[ActionArn], each_once, Field(max_length=_ACTIONS_MAX - 1)] = []
    """What every alarm calls besides its topic: other topics, functions, OpsItems, response plans."""
    no_data_minutes: Annotated[int, Field(ge=5, le=1440)] = 15
    """How long nothing may arrive."""
    iterator_age_minutes: Annotated[int, Field(ge=1, le=1440)] = 10
    """How long a record may wait to be learned."""
    rejected_records_per_hour: Annotated[int, Field(ge=0)] = 100
    """How many records the stream may reject in an hour: producers send a few of them again."""
    quarantined_per_hour: Annotated[int, Field(ge=0)] = 10
    """How many observations may be quarantined in an hour, and messages that AWS IoT cannot read."""
    new_models_per_hour: Annotated[int, Field(ge=1)] = 1000
    """How many signals may be new in an hour: more is a producer that makes names up."""


class PlantConfig(Strict):
    """One stack: a stream, its use cases, its alerts."""

    stream: StreamConfig = StreamConfig()
    ingest: IngestConfig = IngestConfig()
    use_cases: Annotated[dict[str, UseCaseConfig], Field(min_length=1)] = {"drift": UseCaseConfig()}
    alerts: Annotated[list[AlertConfig], Field(max_length=25)] = [AlertConfig(name="drifts")]
    alarms: AlarmsConfig = AlarmsConfig()
    models_bucket: BucketName | None = None
    """An existing bucket for models and quarantine, of this plant alone; its rules are its owner's."""
    operators: Annotated[list[RoleArn], each_once] = []
    """Roles that may write models and mutes beside the functions, and nobody else; none: as IAM allows."""
    function: FunctionConfig = FunctionConfig()
    """What all functions run on."""
    logs: LogsConfig = LogsConfig()
    """How long logs are kept, and where access to the buckets is logged."""
    signals: Annotated[
        str, matching(r"[\w.-]+\.ya?ml", "a file of the plant's folder, beside its use_cases.py")
    ] = SHIPPED
    """Settings for single signals: names, limits, parameters; a file of the plant, or of `consumer`."""
    placement: Literal["record", "asset"] = "record"
    """What a signal's page follows from, in all use cases: the signal that its records name, or its asset."""
    removal: Literal["keep", "destroy"] = "keep"
    """What `cdk destroy` does with the stream, the models and what failed."""
    archive_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """How long the bus keeps events, to be replayed."""
    tags: Annotated[dict[TagKey, TagValue], Field(max_length=48)] = {}
    """Of all resources."""
    account: AccountId | None = None
    """Where the stack may be deployed: in no other account."""
    region: Region | None = None
    """And in no other region."""
    vpc: VpcConfig = VpcConfig()
    """The network that the functions are in."""
    kms_key_arn: KeyArn | None = None
    """A key of the company's, by which all is encrypted that the stack keeps."""
    roles: RolesConfig = RolesConfig()
    """What every role of the stack has to have."""
    termination_protection: bool = False
    """Whether the stack cannot be deleted until this is taken back."""
    rules: Annotated[list[RulePack], each_once] = []
    """Rule packs that the synthesis checks besides AwsSolutions."""

    @property
    def stream_is_elsewhere(self) -> bool:
        """Whether the stream is another account's: only where the plant's own is stated can that be known."""
        return bool(self.account and self.stream.arn) and _place(self.stream.arn or "")[1] != self.account

    def maximum_age_s(self, use_case: str) -> int:
        """How old a record of a failing batch may grow: the use case's own, or just under the retention."""
        own = self.use_cases[use_case].maximum_age_s
        return own if own is not None else min(self.stream.retention_s - _MARGIN_S, _MAXIMUM_AGE_S)

    @check(mode="after")
    def _placement_fits(self) -> Self:
        side_by_side = [name for name, each in self.use_cases.items() if each.parallelization_factor > 1]
        if self.placement == "asset" and side_by_side:
            raise wrong(
                f"has placement asset and use_cases.{side_by_side[0]}.parallelization_factor above 1; "
                "allowed: one of them, for records of a signal may have several partition keys, and lose "
                "their order"
            )
        return self

    @check(mode="after")
    def _stream_can_be_read_and_written(self) -> Self:
        if self.stream_is_elsewhere and (self.ingest.sitewise or self.ingest.mqtt):
            raise wrong(
                "has a stream of another account, on which rules of AWS IoT cannot put; allowed: "
                'ingest with "sitewise": false and without mqtt'
            )
        fans_out = [name for name, each in self.use_cases.items() if each.enhanced_fan_out]
        if self.stream_is_elsewhere and fans_out:
            raise wrong(
                f"has a stream of another account and use_cases.{fans_out[0]}.enhanced_fan_out; allowed: "
                "false, for only the stream's owner can register its readers"
            )
        return self

    @check(mode="after")
    def _operators_fit_the_bucket(self) -> Self:
        if self.operators and self.models_bucket:
            raise wrong(
                "has operators and models_bucket; allowed: operators with a bucket of the stack's own, for "
                "an existing one has its own policy"
            )
        if self.models_bucket and self.models_bucket == self.logs.access_logs_bucket:
            raise wrong("has one bucket as models_bucket and logs.access_logs_bucket; allowed: two buckets")
        return self

    @check(mode="after")
    def _is_all_in_one_place(self) -> Self:
        for mistake in misplaced(self.model_dump(), self.account, self.region):
            raise wrong(mistake)
        return self

    @check(mode="after")
    def _concurrency_is_enough(self) -> Self:
        for name, use_case in self.use_cases.items():
            reserved, factor = use_case.reserved_concurrency, use_case.parallelization_factor
            least = (self.stream.shards or 0) * factor
            if reserved is not None and reserved < least:
                raise wrong(
                    f"has use_cases.{name}.reserved_concurrency {reserved}; allowed: {least} or more, one "
                    f"for each of the {self.stream.shards} shards times parallelization_factor {factor}"
                )
        return self

    @check(mode="after")
    def _sitewise_key_is_used(self) -> Self:
        if self.ingest.sitewise_key == "asset" and not self.ingest.sitewise:
            raise wrong(
                "has ingest.sitewise_key asset and ingest.sitewise false; allowed: the key only with the rule"
            )
        return self

    @check(mode="after")
    def _ages_fit_the_retention(self) -> Self:
        for name, use_case in self.use_cases.items():
            age_s, in_time_s = use_case.maximum_age_s, use_case.batch_window_s + use_case.timeout_s
            if age_s and not in_time_s < age_s < self.stream.retention_s:
                raise wrong(
                    f"has use_cases.{name}.maximum_age_s {age_s}; allowed: more than the {in_time_s} s of "
                    f"batch_window_s and timeout_s, less than the {self.stream.retention_s} s of "
                    "stream.retention_hours"
                )
        return self
