"""Which pipeline: a deployed stack, the local one, or only a stream.

PipelineNotFound    the text says what was looked for, and what to do
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from botocore.config import Config

from clients.account import Account
from clients.errors import PipelineNotFound
from clients.local_pipeline import FOLDER, Served, find_served, serving
from clients.stack_outputs import read_outputs

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

__all__ = ["ModelsOf", "Pipeline", "PipelineNotFound", "open_pipeline"]


@dataclass(frozen=True, slots=True)
class ModelsOf:
    """The models of one use case, and what learns them.

    Its pages lie under `models/<use case>/` of the bucket, its quarantine under `quarantine/<use case>/`.
    `learns` is False where it is known that nothing learns; `log` is a log group, or locally a folder of
    logs.
    """

    use_case: str
    bucket: str
    function_name: str | None = None
    log: str | None = None
    mapping_id: str | None = None
    learns: bool | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What can be sent to and looked at; a stream alone has no models, no bus and no alerts."""

    name: str
    stream_name: str
    stream_arn: str | None = None
    event_bus_name: str | None = None
    alert_topic_arns: Mapping[str, str] = field(default_factory=dict)
    """By the alert's name."""
    models: tuple[ModelsOf, ...] = ()
    failed_batch_bucket: str | None = None
    event_log: str | None = None
    """The log group of all events on the bus."""
    kind: Literal["stack", "local", "stream"] = "stream"
    account: Account = field(default_factory=Account)
    check: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)
    """Raises where it is known that this pipeline has ended; call it while waiting."""

    @overload
    def client(self, service: Literal["kinesis"], config: Config | None = None) -> "KinesisClient": ...
    @overload
    def client(self, service: Literal["events"], config: Config | None = None) -> "EventBridgeClient": ...
    @overload
    def client(self, service: Literal["s3"], config: Config | None = None) -> "S3Client": ...
    @overload
    def client(self, service: Literal["sns"], config: Config | None = None) -> "SNSClient": ...
    @overload
    def client(self, service: Literal["sqs"], config: Config | None = None) -> "SQSClient": ...
    @overload
    def client(self, service: Literal["lambda"], config: Config | None = None) -> Any: ...
    def client(self, service: Any, config: Config | None = None) -> Any:
        """A boto3 client of this pipeline's account and region; make it on the thread that made this."""
        return self.account.client(service, config)


@contextlib.contextmanager
def open_pipeline(
    stack: str | None = None,
    local: bool = False,
    stream: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    folder: Path = FOLDER,
) -> Iterator[Pipeline]:
    """The pipeline of a stack, the local one, or a stream alone; exactly one of the three is named.

    The local pipeline is the one that `python -m local serve` runs in `folder`, or else one that is started
    there for the time of the `with` block.

    Raises: `PipelineNotFound`; `ServingFailed` where the local one does not start, or ends too early.
    """
    if (stack is not None) + local + (stream is not None) != 1:
        raise PipelineNotFound("Say which pipeline: one of --stack NAME, --local, --stream NAME")
    if stack is not None or stream is not None:
        account = Account(region, endpoint_url)
        yield _of_stack(stack, account) if stack else _of_stream(stream, account)
    elif served := find_served(folder):
        yield _of_served(served)
    else:
        with serving(folder) as (served, check):
            yield _of_served(served, check)


def _of_stack(stack: str, account: Account) -> Pipeline:
    outputs = read_outputs(account.session(), stack, account.endpoint_url)
    return Pipeline(
        name=stack,
        stream_name=outputs.stream_name,
        stream_arn=outputs.stream_arn,
        event_bus_name=outputs.event_bus_name,
        alert_topic_arns=outputs.alert_topic_arns,
        models=tuple(
            ModelsOf(
                use_case,
                outputs.model_bucket,
                function_name=outputs.of_use_case("FunctionName", use_case),
                log=outputs.of_use_case("LogGroupName", use_case),
                mapping_id=outputs.of_use_case("EventSourceMappingId", use_case),
            )
            for use_case in outputs.use_cases
        ),
        failed_batch_bucket=outputs.failed_batch_bucket,
        event_log=outputs.event_log,
        kind="stack",
        account=account,
    )


def _of_stream(stream: str | None, account: Account) -> Pipeline:
    assert stream is not None
    return Pipeline(name=stream, stream_name=stream, account=account)


def _of_served(served: Served, check: Callable[[], None] | None = None) -> Pipeline:
    resources, credentials = served.resources, served.credentials
    models = ModelsOf(
        served.use_case, resources.model_bucket, log=served.consumer_logs, learns=served.consumer
    )
    return Pipeline(
        name="local",
        stream_name=resources.stream_name,
        stream_arn=resources.stream_arn,
        event_bus_name=resources.event_bus_name,
        alert_topic_arns={"drifts": resources.alert_topic_arn},
        models=(models,),
        failed_batch_bucket=resources.failed_batch_bucket,
        kind="local",
        account=Account(
            region=served.region,
            endpoint_url=served.endpoint_url,
            access_key_id=credentials.aws_access_key_id,
            secret_access_key=credentials.aws_secret_access_key,
            on_this_machine=True,
        ),
        check=check or _still_served(served),
    )


def _still_served(served: Served) -> Callable[[], None]:
    def check() -> None:
        if not served.is_alive():
            raise PipelineNotFound(
                f"The local pipeline (process {served.pid}) has ended: start `python -m local serve` again"
            )

    return check
