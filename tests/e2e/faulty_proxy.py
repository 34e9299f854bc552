"""An HTTP proxy in front of an AWS, which does by plan what networks and services do on a bad day."""

import http.client
import json
import random
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlparse

HOST = "127.0.0.1"
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"}

Fate = Literal["pass", "refuse", "drop", "lose", "delay", "fail entries", "hang"]
"""`refuse` answers 500 or 503, `drop` nothing, and neither forwards; `lose` forwards and answers nothing."""


@dataclass(frozen=True)
class Request:
    """A request on its way; `nth` counts those of the same kind, from 0."""

    service: Literal["s3", "events"]
    method: str
    path: str
    body: bytes
    nth: int

    @property
    def is_page(self) -> bool:
        """Whether it is about a page and not about the layout or the quarantine."""
        return self.service == "s3" and ("/pages/" in self.path or "/signals/" in self.path)


def seeded(seed: int, rates: dict[Fate, float]) -> Callable[[Request], Fate]:
    """A plan that depends on the seed and on the request alone, in whatever order requests come."""

    def fate(request: Request) -> Fate:
        rng = random.Random(f"{seed} {request.method} {request.path} {request.nth}")
        fates = [*rates, "pass"]
        [chosen] = rng.choices(fates, [*rates.values(), 1.0 - sum(rates.values())])
        return "pass" if chosen == "fail entries" and request.service != "events" else chosen

    return fate


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that was killed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class FaultyProxy:
    """A context manager: a proxy on 127.0.0.1 that asks `fate` about each request."""

    def __init__(self, target_url: str, fate: Callable[[Request], Fate]) -> None:
        self.fate = fate
        self.when_lost: Callable[[], None] = lambda: None
        """Runs once a request has had its effect, before its answer is lost."""
        self.fates: Counter[tuple[str, Fate]] = Counter()
        self._target = urlparse(target_url).netloc
        self._kinds: Counter[tuple[str, str]] = Counter()
        self._ends = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server((HOST, 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01])

    def __enter__(self) -> "FaultyProxy":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ends.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def _decide(self, method: str, path: str, target: str, body: bytes) -> tuple[Request, Fate]:
        with self._lock:
            nth = self._kinds[method, path]
            self._kinds[method, path] += 1
        request = Request("events" if "PutEvents" in target else "s3", method, path, body, nth)
        fate = self.fate(request)
        with self._lock:
            self.fates[request.service, fate] += 1
        return request, fate

    def _forward(
        self, handler: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self._target, timeout=30)
        try:
            headers = {name: value for name, value in handler.headers.items() if name.lower() != "connection"}
            headers["Content-Length"] = str(len(body))
            connection.request(handler.command, handler.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _with_failed_entries(self, handler: BaseHTTPRequestHandler, request: Request):
        """Keep every other entry from the bus, and say so entry by entry."""
        entries = json.loads(request.body)["Entries"]
        kept = [entry for number, entry in enumerate(entries) if number % 2]
        results = iter([])
        if kept:
            _, _, body = self._forward(handler, json.dumps({"Entries": kept}).encode())
            results = iter(json.loads(body)["Entries"])
        refused = {"ErrorCode": "InternalFailure", "ErrorMessage": "planned"}
        answer = [next(results) if number % 2 else refused for number in range(len(entries))]
        failed = sum("ErrorCode" in result for result in answer)
        body = json.dumps({"Entries": answer, "FailedEntryCount": failed}).encode()
        return 200, [("Content-Type", "application/x-amz-json-1.1")], body

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                target = self.headers.get("X-Amz-Target", "")
                request, fate = proxy._decide(self.command, self.path, target, body)
                try:
                    self._meet(request, fate)
                except OSError:  # the client has gone
                    self.close_connection = True

            do_PUT = do_POST = do_DELETE = do_HEAD = do_GET

            def _meet(self, request: Request, fate: Fate) -> None:
                if fate == "hang":
                    proxy._ends.wait()
                if fate == "delay":
                    proxy._ends.wait(0.1)
                if fate in ("drop", "hang"):
                    return self._close()
                if fate == "refuse":
                    return self._answer(503 if request.nth % 2 else 500, [], b"")
                if fate == "fail entries":
                    return self._answer(*proxy._with_failed_entries(self, request))
                answer = proxy._forward(self, request.body)
                if fate == "lose":
                    proxy.when_lost()
                    return self._close()
                return self._answer(*answer)

            def _close(self) -> None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in _HOP_BY_HOP:
                        self.send_header(name, value)
                if status not in (204, 304):
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler
