"""Which AWS account and endpoint a pipeline is in."""

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config


@dataclass(frozen=True, slots=True)
class Account:
    """What boto3 clients are made from; unlike a client, it can be passed to another process.

    Without keys, boto3 looks for credentials as every AWS tool does: environment, then profile.
    """

    region: str | None = None
    endpoint_url: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    on_this_machine: bool = False

    def session(self) -> boto3.Session:
        """A boto3 session; make it on the thread that uses it."""
        return boto3.Session(
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            region_name=self.region,
        )

    def client(self, service: str, config: Config | None = None) -> Any:
        """A boto3 client of a service."""
        config = config or Config()
        if self.on_this_machine:
            config = Config(proxies={}).merge(config)  # past any HTTP proxy
        named: Any = service  # boto3's stubs have a type for each service
        return self.session().client(named, endpoint_url=self.endpoint_url, config=config)
