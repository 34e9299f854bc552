"""What a user sets in `cdk.json`: `context.plants` as typed, checked configuration.

Every field has a default, and none is null, for CDK drops nulls on their way here. A mistake is answered with
the field's path in `cdk.json` and what is allowed; `docs/deploy.md` lists the fields.
"""

from collections.abc import Collection, Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError
from pydantic import model_validator as check

from stack.alert_config import AlertConfig
from stack.config_mistakes import in_words, invalid, path_of
from stack.config_texts import Email, KeyArn, Name, StreamArn, Strict, Text, matching, wrong

SNAP_START_STORAGE_MB = 512
_MARGIN_S = 3600
_DAY_S = 86_400
_MAXIMUM_AGE_S = 604_800


class StreamConfig(Strict):
    """The Kinesis stream: made here, or one that exists."""

    arn: StreamArn | None = None
    """An existing stream, which keeps its own mode and retention."""
    key_arn: KeyArn | None = None
    """The KMS key of an existing stream, where it is not AWS's own."""
    mode: Literal["on-demand", "provisioned"] = "on-demand"
    """`on-demand` grows by itself; `provisioned` costs less where the rate is known."""
    shards: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Of a provisioned stream: each takes 1,000 records or 1 MB a second."""
    retention_hours: Annotated[int, Field(ge=24, le=8760)] = 24
    """How long a failing batch can wait for a mend."""

    @check(mode="after")
    def _is_of_one_kind(self) -> Self:
        own = self.model_fields_set & {"mode", "shards", "retention_hours"}
        if self.arn and own:
            raise wrong(f"has an arn and {', '.join(sorted(own))}; allowed: an existing stream's arn alone")
        if self.key_arn and not self.arn:
            raise wrong("has key_arn without arn; allowed: the key of an existing stream")
        if self.shards and self.mode == "on-demand":
            raise wrong('has shards and is on-demand; allowed: shards with "mode": "provisioned"')
        if self.mode == "provisioned" and not self.shards:
            raise wrong("is provisioned without shards; allowed: shards from 1 to 10,000")
        return self

    @property
    def retention_s(self) -> int:
        """How long it keeps a record; of an existing stream, what every stream does at least."""
        return _DAY_S if self.arn else self.retention_hours * 3600


class UseCaseConfig(Strict):
    """One use case: its function, and how the stream's records come to it."""

    pages: Annotated[int, Field(ge=0, le=4096)] = 16
    """How many objects hold the models; 0: one for each signal."""
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
    ephemeral_storage_mb: Annotated[int, Field(ge=512, le=10_240)] = SNAP_START_STORAGE_MB
    """Size of /tmp, for models of your own that need it."""
    retries: Annotated[int, Field(ge=0, le=10_000)] = 10_000
    """Of a failing batch, before it is stored whole and given up."""
    maximum_age_s: Annotated[int, Field(ge=60, le=_MAXIMUM_AGE_S)] | None = None
    """Of a record in a failing batch; by default an hour less than the stream keeps it."""
    enhanced_fan_out: bool = False
    """A share of each shard's reading rate of its own: for more than two readers of a stream."""
    parallelization_factor: Annotated[int, Field(ge=1, le=10)] = 1
    """Invocations side by side for each shard; above 1 only where `pages` is 0."""

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


class MqttConfig(Strict):
    """Messages of AWS IoT Core, such as an OPC-UA gateway's, that become records."""

    sql: Annotated[str, matching(r"(?is)\s*SELECT\s.+\sFROM\s+'.+", "SELECT ... FROM '<topic filter>'")]
    """Makes one of the payloads of `docs/send-data.md` of a message."""
    partition_key: Text
    """The signal, as a substitution template such as `${topic(3)}`."""


class IngestConfig(Strict):
    """What puts records on the stream, besides your own producers."""

    sitewise: bool = True
    """SiteWise's notifications of property values."""
    mqtt: list[MqttConfig] = []
    """Messages of AWS IoT Core."""


class AlarmsConfig(Strict):
    """When the pipeline itself needs a person."""

    emails: list[Email] = []
    """Subscribed to the alarms' topic."""
    no_data_minutes: Annotated[int, Field(ge=5, le=1440)] = 15
    """How long nothing may arrive."""
    iterator_age_minutes: Annotated[int, Field(ge=1, le=1440)] = 10
    """How long a record may wait to be learned."""
    new_models_per_hour: Annotated[int, Field(ge=1)] = 1000
    """How many signals may be new in an hour: more is a producer that makes names up."""


class PlantConfig(Strict):
    """One stack: a stream, its use cases, its alerts."""

    stream: StreamConfig = StreamConfig()
    ingest: IngestConfig = IngestConfig()
    use_cases: Annotated[dict[str, UseCaseConfig], Field(min_length=1)] = {"drift": UseCaseConfig()}
    alerts: list[AlertConfig] = [AlertConfig(name="drifts")]
    alarms: AlarmsConfig = AlarmsConfig()
    removal: Literal["keep", "destroy"] = "keep"
    """What `cdk destroy` does with the stream, the models and what failed."""
    archive_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """How long the bus keeps events, to be replayed."""
    tags: dict[
        Annotated[str, Field(min_length=1, max_length=128)], Annotated[str, Field(max_length=256)]
    ] = {}
    """Of all resources."""

    def maximum_age_s(self, use_case: str) -> int:
        """How old a record of a failing batch may grow: the use case's own, or just under the retention."""
        own = self.use_cases[use_case].maximum_age_s
        return own if own is not None else min(self.stream.retention_s - _MARGIN_S, _MAXIMUM_AGE_S)

    @check(mode="after")
    def _ages_fit_the_retention(self) -> Self:
        for name, use_case in self.use_cases.items():
            if use_case.maximum_age_s and use_case.maximum_age_s >= self.stream.retention_s:
                raise wrong(
                    f"has use_cases.{name}.maximum_age_s {use_case.maximum_age_s}; allowed: less than the "
                    f"{self.stream.retention_s} s for which the stream keeps a record"
                )
        return self


def read_plants(plants: object, known_use_cases: Collection[str]) -> dict[str, PlantConfig]:
    """Check `context.plants`: the name of a stack -> what it is made of.

    Raises: `InvalidConfiguration` with a line for each mistake.
    """
    adapter = TypeAdapter(Annotated[dict[Name, PlantConfig], Field(min_length=1)])
    try:
        read = adapter.validate_python(plants)
    except ValidationError as error:
        raise invalid(in_words(mistake) for mistake in error.errors()) from None
    mistakes = [
        f"{path_of('plants', name, *path)} {text}"
        for name, plant in read.items()
        for path, text in _wrong_names(plant, known_use_cases)
    ]
    if mistakes:
        raise invalid(mistakes)
    return read


def _wrong_names(
    plant: PlantConfig, known_use_cases: Collection[str]
) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """What is named and does not exist, or exists twice."""
    known = ", ".join(sorted(known_use_cases))
    for use_case in plant.use_cases:
        if use_case not in known_use_cases:
            yield ("use_cases", use_case), f"is no line of consumer/use_cases.py; allowed: {known}"
    names: set[str] = set()
    for index, alert in enumerate(plant.alerts):
        if alert.name.lower() in names:
            yield ("alerts", index, "name"), f"is {alert.name!r} again; allowed: a name of its own"
        names.add(alert.name.lower())
        for position, use_case in enumerate(alert.use_cases):
            if use_case not in plant.use_cases:
                path = ("alerts", index, "use_cases", position)
                yield path, f"is {use_case!r}; allowed: {', '.join(sorted(plant.use_cases))}"
