"""An S3 and an event bus on this machine, for a function in a process of its own: `FakeS3` over HTTP.

It sleeps S3's latencies, which an emulator has no setting for, and takes next to no time itself.
"""

import json
import threading
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from obstore import exceptions

from benchmarks.warm_function import FakeBus, FakeS3, Function

_HOST = "127.0.0.1"
_POLL_SECONDS = 0.05


class S3Server:
    """A context manager: answers GET, conditional PUT and PutEvents on a free port of 127.0.0.1."""

    def __init__(self, s3: FakeS3) -> None:
        self.function = Function(s3, FakeBus())
        """The function that it serves: what is in its bucket, and what it has published."""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer((_HOST, 0), lambda *connection: _Exchange(self, *connection))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=[_POLL_SECONDS], daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def environment(self) -> dict[str, str]:
        """The variables with which the function reaches it."""
        return {
            "AWS_ENDPOINT_URL": f"http://{_HOST}:{self._server.server_port}",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "NO_PROXY": _HOST,
            "no_proxy": _HOST,
        }


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, server: S3Server, *connection: Any) -> None:
        self._aws = server.function
        super().__init__(*connection)

    def do_GET(self) -> None:
        unless = self.headers.get("If-None-Match")
        try:
            found = self._aws.s3.get(self._key(), options={"if_none_match": unless} if unless else None)
        except FileNotFoundError:
            self._answer(HTTPStatus.NOT_FOUND, b"<Error><Code>NoSuchKey</Code></Error>")
        except exceptions.NotModifiedError:
            self._answer(HTTPStatus.NOT_MODIFIED)
        else:
            self._answer(HTTPStatus.OK, found.body, found.meta["e_tag"])

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mode: Any = "create" if self.headers.get("If-None-Match") == "*" else "overwrite"
        if e_tag := self.headers.get("If-Match"):
            mode = {"e_tag": e_tag}
        try:
            put = self._aws.s3.put(self._key(), body, mode=mode, use_multipart=False)
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
            self._answer(HTTPStatus.PRECONDITION_FAILED, b"<Error><Code>PreconditionFailed</Code></Error>")
        else:
            self._answer(HTTPStatus.OK, e_tag=put["e_tag"])

    def do_POST(self) -> None:
        entries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Entries"]
        self._aws.bus.events += entries
        results = [{"EventId": str(number)} for number in range(len(entries))]
        self._answer(HTTPStatus.OK, json.dumps({"FailedEntryCount": 0, "Entries": results}).encode())

    def log_message(self, *arguments: object) -> None:
        """No access log."""

    def _key(self) -> str:
        return self.path.partition("?")[0].split("/", 2)[2]  # after the bucket

    def _answer(self, status: HTTPStatus, body: bytes = b"", e_tag: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Last-Modified", formatdate(usegmt=True))
        if e_tag is not None:
            self.send_header("ETag", e_tag)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
