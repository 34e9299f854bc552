"""AWS on this machine: an emulator as a child process.

The emulator is ministack. It is reachable from this machine only and ends with the process that started it,
however that process ends.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import boto3
from botocore.config import Config

HOST = "127.0.0.1"
REGION = "us-east-1"

_LOG_TAIL_BYTES = 2000
_END_SECONDS = 5.0

# A killed parent cannot end its child, so the child watches whether its parent changes. PR_SET_PDEATHSIG is
# Linux only, and already fires when the thread that started the child ends.
_CHILD = """
import os, signal, sys, threading, time

def end_with_parent(parent):
    while os.getppid() == parent:
        time.sleep(0.25)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(2)
    os._exit(1)

threading.Thread(target=end_with_parent, args=[int(sys.argv.pop())], daemon=True).start()
sys.executable = os.environ.pop("FUNCTION_PYTHON", sys.executable)  # by which it runs functions
from ministack.app import main
main()
"""


class EmbeddedAWSFailed(Exception):
    """The emulator did not start; the text has the end of its log and what to do."""


class EmbeddedAWS:
    """A context manager: an AWS that is empty when the `with` block starts and gone when it ends.

    Args:
        log: Where the emulator's output goes; the file is overwritten.
        port: The port of 127.0.0.1; a free one if None.
        ready_seconds_max: How long to wait for the first answer.
        command: What to run instead of this environment's ministack; our process id is appended.
        iam_enforced: Whether policies are in force. Without, and for `client`, everything is allowed.
        function_python: What runs the functions that are deployed to its Lambda; this Python if None.
    """

    def __init__(
        self,
        log: Path,
        port: int | None = None,
        ready_seconds_max: float = 60.0,
        command: tuple[str, ...] = (sys.executable, "-c", _CHILD),
        *,
        iam_enforced: bool = False,
        function_python: Path | None = None,
    ) -> None:
        self._log = log
        self._port = port
        self._ready_seconds_max = ready_seconds_max
        self._command = command
        self._settings = {"AUTH": str(iam_enforced).lower()}
        if function_python is not None:
            self._settings["FUNCTION_PYTHON"] = str(function_python)
        self._process: subprocess.Popen[bytes] | None = None
        self._session = boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
        )

    def __enter__(self) -> Self:
        self._port = _bindable_port(self._port or 0)
        token = uuid4().hex
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*self._command, str(os.getpid())],
                env=os.environ | _child_environment(self._port, token) | self._settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we end the child
            )
        try:
            self._wait_until_ready(self._process, token)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def endpoint_url(self) -> str:
        """The endpoint of every service."""
        return f"http://{HOST}:{self._port}"

    @property
    def pid(self) -> int:
        """The emulator's process id."""
        if self._process is None:
            raise RuntimeError("The embedded AWS has not been started: use it in a `with` block")
        return self._process.pid

    def environment(self) -> dict[str, str]:
        """The variables with which another process reaches this AWS, bypassing any HTTP proxy."""
        direct = {name: _without_proxy(os.environ.get(name)) for name in ("NO_PROXY", "no_proxy")}
        return direct | {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def client(self, service: Any, config: Config | None = None) -> Any:
        """A boto3 client of this AWS; the environment's proxy and credentials are ignored."""
        direct = Config(proxies={})
        return self._session.client(
            service, endpoint_url=self.endpoint_url, config=direct.merge(config) if config else direct
        )

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]", token: str) -> None:
        deadline = time.monotonic() + self._ready_seconds_max
        while not self._answers(token):
            if process.poll() is not None:
                raise self._failed(f"ended with status {process.returncode} before it answered")
            if time.monotonic() > deadline:
                raise self._failed(f"did not answer within {self._ready_seconds_max:g} s")
            time.sleep(0.05)

    def _answers(self, token: str) -> bool:
        """True if our own child answers, not another emulator on that port: the token shows it."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.endpoint_url}/_ministack/health", timeout=1.0) as answer:
                return bool(json.load(answer)["edition"] == token)
        except (OSError, ValueError):
            return False

    def _failed(self, reason: str) -> EmbeddedAWSFailed:
        tail = self._log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
        return EmbeddedAWSFailed(
            f"The embedded AWS (ministack on {self.endpoint_url}) {reason}. Check that it is installed: "
            f"`{sys.executable} -m pip install -r requirements.txt`. The end of {self._log}:\n{tail}"
        )

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _bindable_port(port: int) -> int:
    """`port` if it is free, any free one for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise EmbeddedAWSFailed(
                f"Port {port} of {HOST} cannot be used: {error.strerror}. End what listens there, or let the "
                f"embedded AWS choose a port"
            ) from error
        chosen: int = probe.getsockname()[1]
        return chosen


def _child_environment(port: int, token: str) -> dict[str, str]:
    return {
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "MINISTACK_EDITION": token,  # the health page repeats it
        "IOT_MTLS_ENABLED": "0",  # an MQTT listener on all interfaces, whatever BIND_HOST says
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",  # else it removes the containers of other ministacks
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "LOCALSTACK_PERSISTENCE": "0",
        "SERVICES": "",
        "USE_SSL": "0",
    }


def _without_proxy(hosts: str | None) -> str:
    return ",".join(filter(None, [hosts, HOST, "localhost"]))
