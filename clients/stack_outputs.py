"""The outputs of a deployed stack, as stack/pipeline_stack.py names them."""

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from clients.errors import PipelineNotFound

_ALERT_TOPIC = "AlertTopicArn"


class StackOutputs:
    """What the stack `stack` says of itself; an output that is missing raises `PipelineNotFound`."""

    def __init__(self, stack: str, outputs: Mapping[str, str]) -> None:
        self._stack = stack
        self._outputs = outputs
        self.stream_name = self._output("StreamName")
        self.stream_arn = self._output("StreamArn")
        self.event_bus_name = self._output("EventBusName")
        self.model_bucket = self._output("ModelBucketName")
        self.use_cases = tuple(self._output("UseCases").split(","))
        self.failed_batch_bucket = outputs.get("FailedBatchBucketName")
        self.event_log = outputs.get("EventLogGroupName")
        self.alert_topic_arns = {
            name.removeprefix(_ALERT_TOPIC): arn
            for name, arn in outputs.items()
            if name.startswith(_ALERT_TOPIC)
        }

    def of_use_case(self, kind: str, use_case: str) -> str | None:
        """The output of that kind, such as `FunctionName`, for one use case."""
        return self._outputs.get(f"{kind}{_pascal(use_case)}")

    def _output(self, name: str) -> str:
        try:
            return self._outputs[name]
        except KeyError:
            raise PipelineNotFound(
                f"The stack {self._stack} has no output {name}: is it one of this project's? Where it was "
                "deployed with an older version, `make deploy` adds it"
            ) from None


def read_outputs(session: boto3.Session, stack: str, endpoint_url: str | None) -> StackOutputs:
    """Ask CloudFormation.

    Raises: `PipelineNotFound`, also where there are no credentials or no region.
    """
    try:
        # Any: the types of this one client are not worth a requirement.
        client: Any = session.client("cloudformation", endpoint_url=endpoint_url)
        described = client.describe_stacks(StackName=stack)["Stacks"][0]
    except NoRegionError:
        raise PipelineNotFound("No region is set: give --region, or set AWS_DEFAULT_REGION") from None
    except NoCredentialsError:
        raise PipelineNotFound(
            "There are no AWS credentials: set AWS_PROFILE, or what else the AWS tools read"
        ) from None
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise PipelineNotFound(f"CloudFormation does not tell of the stack {stack}: {error}") from error
        raise PipelineNotFound(
            f"There is no stack {stack} in {session.region_name}: see `aws cloudformation list-stacks`, and "
            "check the region and the account"
        ) from error
    except BotoCoreError as error:
        raise PipelineNotFound(f"CloudFormation does not answer: {error}") from error
    outputs = described.get("Outputs", [])
    return StackOutputs(stack, {output["OutputKey"]: output["OutputValue"] for output in outputs})


def _pascal(name: str) -> str:
    """A use case's name as its outputs have it, the same as in stack/pipeline_stack.py.

    >>> _pascal("on-call_drifts")
    'OnCallDrifts'
    """
    return "".join(part.capitalize() for part in name.replace("_", "-").split("-"))
