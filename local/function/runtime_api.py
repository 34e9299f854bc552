"""Lambda's Runtime API on this machine: hands invocations to a runtime client and takes its responses."""

import queue
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from uuid import uuid4

_HOST = "127.0.0.1"
_PREFIX = "/2018-06-01/runtime"
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Invocation:
    """An invocation for the runtime client; the deadline is in milliseconds since the epoch."""

    request_id: str
    event: bytes
    function_arn: str
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Report:
    """What the runtime client did, and when by `time.perf_counter`."""

    kind: Literal["next", "response", "error", "init error"]
    at_s: float
    request_id: str = ""
    body: bytes = b""


class RuntimeApi:
    """A context manager: the Runtime API of one execution environment, on a free port of 127.0.0.1.

    Put invocations into `invocations`, one at a time; what the client does comes out of `reports`.
    """

    def __init__(self) -> None:
        self.invocations: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer((_HOST, 0), lambda *connection: _Exchange(self, *connection))
        self._thread = threading.Thread(target=self._server.serve_forever, args=[_POLL_SECONDS], daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.invocations.put(None)  # ends the wait for the next one
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Host and port, as `AWS_LAMBDA_RUNTIME_API` has them."""
        return f"{_HOST}:{self._server.server_port}"


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, api: RuntimeApi, *connection: Any) -> None:
        self._api = api
        super().__init__(*connection)

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client has ended
            super().handle()

    def do_GET(self) -> None:
        match self.path.removeprefix(_PREFIX):
            case "/invocation/next":
                self._api.reports.put(Report("next", time.perf_counter()))
                if invocation := self._api.invocations.get():
                    self._answer(HTTPStatus.OK, invocation.event, _headers(invocation))
                else:
                    self.close_connection = True
            case "/restore/next":  # a SnapStart snapshot is restored at once
                self._answer(HTTPStatus.OK)
            case _:
                self._answer(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        at_s = time.perf_counter()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        match self.path.removeprefix(f"{_PREFIX}/").split("/"):
            case ["init" | "restore", "error"]:
                report = Report("init error", at_s, body=body)
            case ["invocation", request_id, "response"]:
                report = Report("response", at_s, request_id, body)
            case ["invocation", request_id, "error"]:
                report = Report("error", at_s, request_id, body)
            case _:
                self._answer(HTTPStatus.NOT_FOUND)
                return
        self._api.reports.put(report)
        self._answer(HTTPStatus.ACCEPTED)

    def log_message(self, *arguments: object) -> None:
        """No access log: `reports` has everything."""

    def _answer(
        self, status: HTTPStatus, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _headers(invocation: Invocation) -> dict[str, str]:
    trace = f"1-{int(time.time()):08x}-{uuid4().hex[:24]}"
    return {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
        "Lambda-Runtime-Trace-Id": f"Root={trace};Parent={uuid4().hex[:16]};Sampled=1",
    }
