"""Target a command looks: one use case of one pipeline, and how it is reached."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from clients.account import Account
from clients.deployment import Pipeline, open_pipeline
from clients.errors import PipelineError
from clients.local_pipeline import FOLDER, find_served
from consumer.aws.s3 import Objects, open_bucket, open_folder
from consumer.detectors.base import UseCase, fingerprint
from consumer.errors import ConfigurationError, Unavailable
from consumer.pages.codec import versions
from consumer.pages.layout import prefix_of
from consumer.plant import plant


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """What the command line says of it; exactly one of `stack`, `local`, `bucket` and `folder`."""

    stack: str | None = None
    local: bool = False
    bucket: str | None = None
    folder: Path | None = None
    stream: str | None = None
    bus: str | None = None
    failed_bucket: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    use_case: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One use case of one pipeline. What a pipeline does not have, or nobody named, is None."""

    name: str
    """As people call the pipeline, such as "the stack Plant1"."""
    use_case: str
    model_bucket: str
    failed_bucket: str | None = None
    stream_name: str | None = None
    event_bus: str | None = None
    region: str = "us-east-1"
    endpoint: str | None = None
    folder: Path | None = None
    """A copy of the bucket on disk, which is only read."""
    event_log: str | None = None
    """The log group of all its events."""
    function_name: str | None = None
    account: Account = field(default_factory=Account)

    def client(self, service: str) -> Any:
        """A boto3 client of the pipeline's account and region; call it inside `aws_answers`.

        Raises: `ConfigurationError` where there is only a folder; `Unavailable`.
        """
        if self.folder is not None:
            raise ConfigurationError(f"{self.folder} is a copy of a bucket: there is no AWS to be asked")
        with aws_answers(service):
            return self.account.client(service)

    def objects(self) -> Objects:
        """The bucket of the models and the quarantine, or its copy.

        Raises: `ConfigurationError` where there is no such folder, or no credentials.
        """
        if self.folder is not None:
            return open_folder(self.folder)
        return open_bucket(self.model_bucket, self.region, self.endpoint, self.account.session())

    def check_writable(self) -> None:
        """Raise `ConfigurationError` where all there is is a copy of a bucket."""
        if self.folder is not None:
            raise ConfigurationError(f"{self.folder} is a copy of a bucket, which can only be read")

    def prefix(self) -> str:
        """Under which the models of the River and the line that are installed here lie.

        Raises: `ConfigurationError` where use_cases.py has no such line.
        """
        return prefix_of(self.use_case, fingerprint(self.line(), versions()))

    def line(self) -> UseCase:
        """The use case's line of use_cases.py. Raises: `ConfigurationError` where it has none."""
        return plant().use_case(self.use_case)


@contextmanager
def aws_answers(what: str) -> Iterator[None]:
    """Make `Unavailable` of what boto3 raises inside; `what` says who was asked, and for what."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"{what}: {error}") from error


def find(named: TargetOptions) -> Target:
    """The use case that is named, or the only one there is.

    Raises: `ConfigurationError`, `Unavailable`.
    """
    found = find_each(named)
    if len(found) > 1:
        known = ", ".join(where.use_case for where in found)
        raise ConfigurationError(f"{found[0].name} has several use cases: say --use-case, one of {known}")
    return found[0]


def find_each(named: TargetOptions) -> list[Target]:
    """The use case that is named, or all there are. Raises: as `find`."""
    given = [named.stack is not None, named.local, named.bucket is not None, named.folder is not None]
    if sum(given) != 1:
        raise ConfigurationError("say where: one of --stack NAME, --local, --bucket NAME, --folder DIR")
    if named.bucket is not None or named.folder is not None:
        return _in_bucket(named)
    if named.local and find_served(FOLDER) is None:
        raise ConfigurationError(
            f"no local pipeline runs in {FOLDER.absolute()}: start one with `python -m local serve`"
        )
    region = named.region or os.environ.get("AWS_REGION")
    try:
        with open_pipeline(named.stack, named.local, None, region, named.endpoint_url) as pipeline:
            found = _of_pipeline(pipeline)
    except PipelineError as error:
        raise ConfigurationError(str(error)) from error
    return _chosen(found, named.use_case)


def _of_pipeline(pipeline: Pipeline) -> list[Target]:
    return [
        Target(
            name="the local pipeline" if pipeline.kind == "local" else f"the stack {pipeline.name}",
            use_case=models.use_case,
            model_bucket=models.bucket,
            failed_bucket=pipeline.failed_batch_bucket,
            stream_name=pipeline.stream_name,
            event_bus=pipeline.event_bus_name,
            region=_region(pipeline.account),
            endpoint=_s3_endpoint(pipeline.account),
            event_log=pipeline.event_log,
            function_name=models.function_name,
            account=pipeline.account,
        )
        for models in pipeline.models
    ]


def _chosen(found: list[Target], use_case: str | None) -> list[Target]:
    chosen = [where for where in found if use_case in (None, where.use_case)]
    if not chosen:
        known = ", ".join(where.use_case for where in found)
        raise ConfigurationError(f"{found[0].name} has no use case {use_case!r}; it has {known}")
    return chosen


def _in_bucket(named: TargetOptions) -> list[Target]:
    account = Account(named.region or os.environ.get("AWS_REGION"), named.endpoint_url)
    where = Target(
        name=f"the bucket {named.bucket}" if named.folder is None else f"the folder {named.folder}",
        use_case=named.use_case or "",
        model_bucket=named.bucket or "",
        failed_bucket=named.failed_bucket,
        stream_name=named.stream,
        event_bus=named.bus,
        region=_region(account),
        endpoint=_s3_endpoint(account),
        folder=named.folder,
        account=account,
    )
    if named.use_case:
        return [where]
    use_cases = asyncio.run(where.objects().folders("models/"))
    if not use_cases:
        raise ConfigurationError(f"nothing was learned in {where.name}: it has no models")
    return [replace(where, use_case=unquote(use_case)) for use_case in use_cases]


def _region(account: Account) -> str:
    return account.session().region_name or "us-east-1"


def _s3_endpoint(account: Account) -> str | None:
    named = (
        account.endpoint_url or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    )
    return named.rstrip("/") if named else None
