"""An S3 that answers by plan: what no emulator does, and what the real one does on a bad day."""

import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
_CHUNK = b"\0" * 65536


@dataclass(frozen=True)
class Request:
    """A request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What one request gets; without a `status`, nothing but a closed connection."""

    status: int | None = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"1"'})
    says_bytes: int | None = None
    """The Content-Length, where it is not the body's: the connection is closed after the body."""
    filled_up: bool = False
    """Whether zeros follow up to `says_bytes`, for as long as the client takes them."""
    after_s: float = 0.0


TORN = Answer(status=None)


def refusal(status: int, code: str = "Refused") -> Answer:
    """An error as S3 words it."""
    return Answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(), {})


class ScriptedS3:
    """A context manager: a server on 127.0.0.1 that gives the answers in turn, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.bytes_sent = 0
        self._ends = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01])

    def __enter__(self) -> "ScriptedS3":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ends.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def next_answer(self, request: Request) -> Answer:
        """The answer planned for this request, which is noted."""
        with self._lock:
            self.requests.append(request)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = script.next_answer(Request(self.command, self.path, headers, body))
                script._ends.wait(answer.after_s)
                try:
                    self._give(answer)
                except OSError:  # the client has gone
                    self.close_connection = True

            do_PUT = do_POST = do_GET

            def _give(self, answer: Answer) -> None:
                if answer.status is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Last-Modified", "Mon, 23 Nov 2026 12:00:00 GMT")
                says_bytes = len(answer.body) if answer.says_bytes is None else answer.says_bytes
                if answer.status != 304:
                    self.send_header("Content-Length", str(says_bytes))
                self.end_headers()
                self.wfile.write(answer.body)
                script.bytes_sent += len(answer.body)
                while answer.filled_up and script.bytes_sent < says_bytes and not script._ends.is_set():
                    self.wfile.write(_CHUNK)
                    script.bytes_sent += len(_CHUNK)
                self.close_connection = answer.says_bytes is not None

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler
