"""What a command works on: one use case of one pipeline, and how it is reached."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from clients.account import Account
from clients.deployment import Pipeline, open_pipeline
from clients.errors import PipelineError
from clients.local_pipeline import FOLDER, find_served
from consumer.aws.s3 import Objects, open_bucket, open_folder
from consumer.detectors.base import fingerprint
from consumer.errors import ConfigurationError, Unavailable
from consumer.pages.codec import versions
from consumer.pages.layout import prefix_of
from consumer.plant import plant
from ops.options import TargetOptions


@dataclass(frozen=True, slots=True)
class Target:
    """One use case of one pipeline. What the pipeline does not have, or was not named, is None."""

    name: str
    """For messages, such as "the stack Plant1"."""
    use_case: str
    model_bucket: str
    failed_bucket: str | None = None
    stream_name: str | None = None
    event_bus: str | None = None
    folder: Path | None = None
    """A local copy of the bucket, read-only."""
    event_log: str | None = None
    """The log group with all its events."""
    function_name: str | None = None
    account: Account = field(default_factory=Account)

    def client(self, service: str, config: Config | None = None) -> Any:
        """A boto3 client of the pipeline's account and region; call it inside `aws_answers`.

        Raises: `ConfigurationError` for a folder; `Unavailable`.
        """
        if self.folder is not None:
            raise ConfigurationError(f"{self.folder} is a copy of a bucket: there is no AWS behind it")
        with aws_answers(service):
            return self.account.client(service, config)

    def objects(self) -> Objects:
        """The bucket of models and quarantine, or its copy.

        Raises: `ConfigurationError` without such a folder, or without credentials.
        """
        return self.bucket(self.model_bucket) if self.folder is None else open_folder(self.folder)

    def bucket(self, name: str) -> Objects:
        """A bucket of the pipeline's account. Raises: `ConfigurationError` without credentials."""
        session = self.account.session()
        environment = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        endpoint = self.account.endpoint_url or environment
        region = session.region_name or "us-east-1"
        return open_bucket(name, region, endpoint.rstrip("/") if endpoint else None, session)

    def check_writable(self) -> None:
        """Raise `ConfigurationError` for a copy of a bucket."""
        if self.folder is not None:
            raise ConfigurationError(f"{self.folder} is a copy of a bucket, which is read-only")

    def prefix(self) -> str:
        """The key prefix of the models in use: as the deployed function says, else those of this checkout.

        Raises: as `models_prefix`; `Unavailable` if there is a function and it does not answer.
        """
        return models_prefix(self.use_case, {"MODELS_FINGERPRINT": self.said_fingerprint() or ""})

    def said_fingerprint(self) -> str | None:
        """The fingerprint of the models that the deployed function has; "" if it does not say.

        None without a function. Raises: `Unavailable` if it does not answer.
        """
        if self.function_name is None:
            return None
        with aws_answers(f"the function {self.function_name}"):
            found = self.client("lambda").get_function_configuration(FunctionName=self.function_name)
        said: str = found.get("Environment", {}).get("Variables", {}).get("MODELS_FINGERPRINT", "")
        return said

    def own_prefix(self) -> str:
        """The same of the models of this checkout, deployed or not. Raises: as `models_prefix`."""
        return models_prefix(self.use_case)

    def check_same_code(self) -> None:
        """Check that this checkout would learn what the deployed function learns.

        Raises: `ConfigurationError` if it has another River or another line in use_cases.py; as `prefix`.
        """
        check_same_models(self.name, self.prefix(), self.own_prefix())


def check_same_models(name: str, deployed: str, own: str) -> None:
    """Check the key prefixes of the models that are deployed and of those that this checkout would make.

    Raises: `ConfigurationError` if they differ.
    """
    if deployed != own:
        raise ConfigurationError(
            f"{name} has models of another code, {deployed}, and this checkout would make {own}, "
            f"with River {versions()['river']}. Check out what is deployed, and install its requirements.lock"
        )


def models_prefix(use_case: str, environment: Mapping[str, str] | None = None) -> str:
    """The key prefix of a use case's models: of a function with this environment, or of this checkout.

    Raises: `ConfigurationError` if use_cases.py has no such use case and the environment does not say.
    """
    if said := (environment or {}).get("MODELS_FINGERPRINT"):
        return prefix_of(use_case, said)
    return prefix_of(use_case, fingerprint(plant().use_case(use_case), versions()))


@contextmanager
def aws_answers(what: str) -> Iterator[None]:
    """Turn the errors of boto3 inside into `Unavailable`; `what` names what was requested."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"{what}: {error}") from error


def find(options: TargetOptions) -> Target:
    """The named use case, or the only one.

    Raises: `ConfigurationError`, `Unavailable`.
    """
    found = find_each(options)
    if len(found) > 1:
        known = ", ".join(target.use_case for target in found)
        raise ConfigurationError(f"{found[0].name} has several use cases: give --use-case, one of {known}")
    return found[0]


def find_each(options: TargetOptions) -> list[Target]:
    """The named use case, or all. Raises: as `find`."""
    given = [options.stack is not None, options.local, options.bucket is not None, options.folder is not None]
    if sum(given) != 1:
        raise ConfigurationError("name the pipeline: --stack NAME, --local, --bucket NAME or --folder DIR")
    if options.bucket is not None or options.folder is not None:
        return _in_bucket(options)
    if options.local and find_served(FOLDER) is None:
        raise ConfigurationError(
            f"no local pipeline is running in {FOLDER.absolute()}: start one with `python -m local serve`"
        )
    region = options.region or os.environ.get("AWS_REGION")
    try:
        with open_pipeline(options.stack, options.local, None, region, options.endpoint_url) as pipeline:
            return _in_pipeline(pipeline, options.use_case)
    except PipelineError as error:
        raise ConfigurationError(str(error)) from error


def _in_pipeline(pipeline: Pipeline, use_case: str | None) -> list[Target]:
    name = "the local pipeline" if pipeline.kind == "local" else f"the stack {pipeline.name}"
    chosen = [models for models in pipeline.models if use_case in (None, models.use_case)]
    if not chosen:
        known = ", ".join(models.use_case for models in pipeline.models)
        raise ConfigurationError(f"{name} has no use case {use_case!r}; it has {known}")
    return [
        Target(
            name,
            models.use_case,
            models.bucket,
            failed_bucket=pipeline.failed_batch_bucket,
            stream_name=pipeline.stream_name,
            event_bus=pipeline.event_bus_name,
            event_log=pipeline.event_log,
            function_name=models.function_name,
            account=pipeline.account,
        )
        for models in chosen
    ]


def _in_bucket(options: TargetOptions) -> list[Target]:
    account = Account(options.region or os.environ.get("AWS_REGION"), options.endpoint_url)
    target = Target(
        name=f"the bucket {options.bucket}" if options.folder is None else f"the folder {options.folder}",
        use_case=options.use_case or "",
        model_bucket=options.bucket or "",
        failed_bucket=options.failed_bucket,
        stream_name=options.stream,
        event_bus=options.bus,
        folder=options.folder,
        account=account,
    )
    if options.use_case:
        return [target]
    use_cases = asyncio.run(target.objects().folders("models/"))
    if not use_cases:
        raise ConfigurationError(f"nothing was learned yet: {target.name} has no models")
    return [replace(target, use_case=unquote(use_case)) for use_case in use_cases]
