"""The function as Lambda calls it, including logs and metrics, with S3 and the event bus in this process."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from unittest import mock

from obstore import exceptions
from obstore.store import S3Store

from benchmarks.workloads import LambdaEvent
from consumer.aws.s3 import Objects
from consumer.decode.signal_names import SignalKey
from consumer.events.event import Event
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from local.function.execution_environment import Context

GET_S, PUT_S = 0.015, 0.030
"""Latencies of S3."""
_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Got:
    """A response with a body, as `obstore.store.S3Store.get` returns it."""

    meta: dict[str, Any]
    body: bytes

    def bytes(self) -> bytes:
        """The body."""
        return self.body


@dataclass(slots=True)
class Traffic:
    """Requests and bytes to and from S3."""

    requests: float = 0
    bytes: float = 0


@dataclass
class FakeS3:
    """An S3 as obstore's `S3Store` sees it: conditional requests, slept latencies, counted traffic."""

    get_s: float = 0.0
    put_s: float = 0.0
    objects: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    traffic: Traffic = field(default_factory=Traffic)
    _versions: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: str, *, options: dict[str, str] | None = None) -> Got:
        """An object, 304 or 404."""
        if self.get_s:
            time.sleep(self.get_s)
        with self._lock:
            self.traffic.requests += 1
            stored = self.objects.get(key)
        if stored is None:
            raise FileNotFoundError(key)
        e_tag, body = stored
        if options and options.get("if_none_match") == e_tag:
            raise exceptions.NotModifiedError(key)
        self.traffic.bytes += len(body)
        return Got({"e_tag": e_tag, "size": len(body)}, body)

    def put(self, key: str, body: bytes, *, mode: Any, use_multipart: bool) -> dict[str, str]:
        """A conditional write."""
        if self.put_s:
            time.sleep(self.put_s)
        with self._lock:
            self.traffic.requests += 1
            self.traffic.bytes += len(body)
            stored = self.objects.get(key)
            if mode == "create" and stored is not None:
                raise exceptions.AlreadyExistsError(key)
            if isinstance(mode, dict) and (stored is None or stored[0] != mode["e_tag"]):
                raise exceptions.PreconditionError(key)
            self._versions += 1
            self.objects[key] = (f'"{self._versions}"', body)
            return {"e_tag": self.objects[key][0]}


@dataclass
class FakeBus:
    """Accepts every event immediately."""

    events: list[Event] = field(default_factory=list)

    async def publish(self, events: Sequence[Event]) -> None:
        """Accept them."""
        self.events += events


@dataclass
class Function:
    """One warm execution environment."""

    s3: FakeS3
    bus: FakeBus

    def invoke(self, event: LambdaEvent) -> None:
        """Have the handler learn the whole batch."""
        from consumer.handler import handler

        answer = handler(event, Context("benchmark", _TIMEOUT_S))
        assert answer == {"batchItemFailures": []}, answer

    def invoke_bytes(self, event: bytes) -> None:
        """The same of the event's JSON, read as Lambda's runtime client has it read."""
        from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

        from consumer.handler import TypedMarshaller

        self.invoke(TypedMarshaller(LambdaMarshaller()).unmarshal_request(event, "application/json"))

    def states(self) -> dict[SignalKey, State]:
        """All states in S3."""
        codec, states = PageCodec(), dict[SignalKey, State]()
        for key, (_, body) in self.s3.objects.items():
            if "/pages/" in key or "/signals/" in key or "/by-asset/" in key:
                states |= codec.decode(body)
        return states


@contextmanager
def function(s3: FakeS3 | None = None, *, pages: int = 16, use_case: str = "drift") -> Iterator[Function]:
    """A new function on this S3, its output discarded. One at a time."""
    from consumer import handler

    s3, bus = s3 or FakeS3(), FakeBus()
    environment = {
        "MODEL_BUCKET": "models",
        "EVENT_BUS_NAME": "bus",
        "MODEL_PAGES": str(pages),
        "USE_CASE": use_case,
        "AWS_REGION": "eu-west-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
    }
    objects = Objects(cast("S3Store", s3))
    handler.start.cache_clear()
    with (
        mock.patch.dict(os.environ, environment),
        mock.patch.object(handler, "open_bucket", return_value=objects),
        mock.patch.object(handler, "open_event_bus", return_value=bus),
        _output_discarded(),
    ):
        yield Function(s3, bus)
    handler.start.cache_clear()


@contextmanager
def _output_discarded() -> Iterator[None]:
    """Log lines and metrics are written, as in Lambda, but to /dev/null."""
    stdout, devnull = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
        os.close(devnull)
