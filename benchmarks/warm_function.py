"""The function as Lambda calls it, logs and metrics included; S3 and the event bus are in this process."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from unittest import mock

from obstore.store import S3Store

from benchmarks.fake_s3 import FakeS3
from benchmarks.workloads import LambdaEvent
from consumer.aws.s3 import Objects
from consumer.events.event import Event
from consumer.pages.codec import PageCodec, States

_TIMEOUT_S = 300.0


@dataclass
class FakeBus:
    """Takes every event at once."""

    events: list[Event] = field(default_factory=list)

    async def publish(self, events: Sequence[Event]) -> None:
        """Take them."""
        self.events += events


class Context:
    """Lambda's, with five minutes to go."""

    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def __init__(self) -> None:
        self._ends_s = time.monotonic() + _TIMEOUT_S

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda's runtime client tells it."""
        return int((self._ends_s - time.monotonic()) * 1000)


@dataclass
class Function:
    """One warm execution environment."""

    s3: FakeS3
    bus: FakeBus

    def invoke(self, event: LambdaEvent) -> None:
        """Have the handler learn a batch, all of it."""
        from consumer.handler import handler

        answer = handler(event, Context())
        assert answer == {"batchItemFailures": []}, answer

    def states(self) -> States:
        """All that lies in S3."""
        codec, states = PageCodec(), cast("States", {})
        for key, (_, body) in self.s3.objects.items():
            if "/pages/" in key or "/signals/" in key:
                states |= codec.decode(body)
        return states


@contextmanager
def function(s3: FakeS3 | None = None, *, pages: int = 16, memory_mib: int = 1024) -> Iterator[Function]:
    """A function of its own on this S3; what it prints is lost. One at a time."""
    from consumer import handler

    s3, bus = s3 or FakeS3(), FakeBus()
    environment = {
        "MODEL_BUCKET": "models",
        "EVENT_BUS_NAME": "bus",
        "MODEL_PAGES": str(pages),
        "AWS_REGION": "eu-west-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mib),
    }
    objects = Objects(cast("S3Store", s3))

    def bucket(*args: Any) -> Objects:
        return objects

    def event_bus(*args: Any) -> FakeBus:
        return bus

    handler.start.cache_clear()
    with (
        mock.patch.dict(os.environ, environment),
        mock.patch.object(handler, "open_bucket", bucket),
        mock.patch.object(handler, "open_event_bus", event_bus),
        _nothing_printed(),
    ):
        yield Function(s3, bus)
    handler.start.cache_clear()


@contextmanager
def _nothing_printed() -> Iterator[None]:
    """Log lines and metrics are written, as in Lambda, to nowhere."""
    printed, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(printed, 1)
        os.close(printed)
        os.close(nowhere)
