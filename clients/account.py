"""Whose AWS a pipeline is in."""

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config


@dataclass(frozen=True, slots=True)
class Account:
    """What clients are made of; unlike a client it can be handed to another process.

    Without keys, they are those of the environment and the profile, as every AWS tool finds them.
    """

    region: str | None = None
    endpoint_url: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    on_this_machine: bool = False

    def session(self) -> boto3.Session:
        """A session of boto3; make it on the thread that uses it."""
        return boto3.Session(
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            region_name=self.region,
        )

    def client(self, service: str, config: Config | None = None) -> Any:
        """A client of a service; make it on the thread that made this."""
        config = config or Config()
        if self.on_this_machine:
            config = Config(proxies={}).merge(config)  # it is reached past any HTTP proxy
        named: Any = service  # boto3's stubs know each service by a type of its own
        return self.session().client(named, endpoint_url=self.endpoint_url, config=config)
