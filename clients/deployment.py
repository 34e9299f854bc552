"""Which pipeline: a deployed stack by its CloudFormation outputs, the local one, or a stream alone."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from clients.account import Account
from clients.errors import PipelineNotFound
from clients.local_pipeline import FOLDER, Served, find_served, serving

_ALERT_TOPIC = "AlertTopicArn"


@dataclass(frozen=True, slots=True)
class ModelsOf:
    """Where one use case keeps its models, and the function that learns them.

    Pages are under `models/<use case>/` of the bucket, quarantine under `quarantine/<use case>/`. `learns` is
    False if the consumer is known to be off; `log` is a log group, or locally a folder of logs.
    """

    use_case: str
    bucket: str
    function_name: str | None = None
    log: str | None = None
    mapping_id: str | None = None
    learns: bool | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What can be sent to and observed; a stream alone has no models, no bus and no alerts."""

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
    """Raises `PipelineError` if this pipeline has ended; call it while waiting."""

    def client(self, service: str, config: Config | None = None) -> Any:
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
    """Open the pipeline of a stack, the local one, or a stream alone; name exactly one of the three.

    The local pipeline is the one that `python -m local serve` runs in `folder`; if none runs, one is started
    there and ends with the `with` block.

    Raises: `PipelineNotFound`; `ServingFailed` if the local one does not start, or ends too early.
    """
    if (stack is not None) + local + (stream is not None) != 1:
        raise PipelineNotFound("Name one pipeline: --stack NAME, --local or --stream NAME")
    account = Account(region, endpoint_url)
    if stack is not None:
        yield pipeline_of_stack(stack, _outputs(stack, account), account)
    elif stream is not None:
        yield Pipeline(name=stream, stream_name=stream, account=account)
    elif served := find_served(folder):
        yield _of_served(served)
    else:
        with serving(folder) as (served, check):
            yield _of_served(served, check)


def pipeline_of_stack(stack: str, outputs: Mapping[str, str], account: Account) -> Pipeline:
    """The pipeline of a stack, from its outputs as stack/pipeline_stack.py names them.

    Raises: `PipelineNotFound` if an output is missing.
    """
    try:
        return Pipeline(
            name=stack,
            stream_name=outputs["StreamName"],
            stream_arn=outputs["StreamArn"],
            event_bus_name=outputs["EventBusName"],
            alert_topic_arns={
                name.removeprefix(_ALERT_TOPIC): arn
                for name, arn in outputs.items()
                if name.startswith(_ALERT_TOPIC)
            },
            models=tuple(
                ModelsOf(
                    use_case,
                    outputs["ModelBucketName"],
                    function_name=outputs.get(f"FunctionName{_pascal(use_case)}"),
                    log=outputs.get(f"LogGroupName{_pascal(use_case)}"),
                    mapping_id=outputs.get(f"EventSourceMappingId{_pascal(use_case)}"),
                )
                for use_case in outputs["UseCases"].split(",")
            ),
            failed_batch_bucket=outputs.get("FailedBatchBucketName"),
            event_log=outputs.get("EventLogGroupName"),
            kind="stack",
            account=account,
        )
    except KeyError as error:
        raise PipelineNotFound(
            f"The stack {stack} has no output {error.args[0]}: is it one of this project's? If an older "
            "version deployed it, `make deploy` adds the output"
        ) from None


def _outputs(stack: str, account: Account) -> dict[str, str]:
    """Ask CloudFormation for a stack's outputs."""
    try:
        described = account.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except NoRegionError:
        raise PipelineNotFound("No region is set: give --region, or set AWS_DEFAULT_REGION") from None
    except NoCredentialsError:
        raise PipelineNotFound("No AWS credentials found: set AWS_PROFILE, or log in") from None
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise PipelineNotFound(f"CloudFormation rejected the request for {stack}: {error}") from error
        raise PipelineNotFound(
            f"There is no stack {stack} in {account.session().region_name}: see `aws cloudformation "
            "list-stacks`, and check region and account"
        ) from error
    except BotoCoreError as error:
        raise PipelineNotFound(f"CloudFormation cannot be reached: {error}") from error
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _pascal(name: str) -> str:
    """A use case's name as the outputs have it, the same as in stack/pipeline_stack.py.

    >>> _pascal("on-call_drifts")
    'OnCallDrifts'
    """
    return "".join(part.capitalize() for part in name.replace("_", "-").split("-"))


def _of_served(served: Served, check: Callable[[], None] | None = None) -> Pipeline:
    resources = served.resources
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
            access_key_id="test",  # the embedded AWS accepts any
            secret_access_key="test",
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
