"""The function as Lambda runs it: the unpacked asset, in a process of Lambda's own runtime client.

The process sees the asset, the standard library and the runtime client, but no other package of this
environment, so a package that the asset lacks is missing here too. As in Lambda, the asset is read-only.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import uuid4

from local.function.execution_environment import FunctionError
from local.function.runtime_api import Invocation, Report, RuntimeApi

_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")  # what Lambda has in /var/runtime
_NAME = "function"
_ARN = f"arn:aws:lambda:us-east-1:123456789012:function:{_NAME}"
_LOG_TAIL_BYTES = 2000
_POLL_SECONDS = 0.05


class FunctionRaised(FunctionError):
    """The initialisation or the handler raised; the text has the error's type and message."""

    def __init__(self, when: str, body: bytes) -> None:
        error = json.loads(body)
        self.error_type: str = error["errorType"]
        self.message: str = error["errorMessage"]
        super().__init__(f"{when} raised {self.error_type}: {self.message}")


class FunctionDied(FunctionError):
    """The process ended by itself; the text has the end of its log."""


class FunctionTimedOut(FunctionError):
    """It took too long, and the process was killed; the text has the end of its log."""


class Answer(NamedTuple):
    """What the handler returned, and how long it took."""

    response: Any
    duration_s: float


class LambdaRuntime:
    """A context manager: one execution environment, initialised inside the `with` block; not thread-safe.

    Args:
        folder: The unpacked asset.
        environment: The function's own variables and those by which it finds AWS; they override what
            Lambda would set.
        log: Where the function's output goes; the file is written anew.
        handler: Module and function, as configured in Lambda.
        timeout_s: How long an invocation may take.
        init_s_max: How long the initialisation may take; by default as long as with SnapStart.

    Raises: `FunctionRaised`, `FunctionDied`, `FunctionTimedOut`, if the function cannot be initialised.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        log: Path,
        *,
        handler: str = "consumer.handler.handler",
        timeout_s: float = 60.0,
        init_s_max: float = 130.0,
    ) -> None:
        self._folder = folder.resolve()
        self._environment = environment
        self._log = log
        self._handler = handler
        self._timeout_s = timeout_s
        self._init_s_max = init_s_max
        self.init_s = 0.0
        """From the process's start until it asked for its first invocation."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._api = stack.enter_context(RuntimeApi())
            client = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="runtime-client-")))
            _link_client(client)
            started_s = time.perf_counter()
            self._process = self._start(client)
            stack.callback(self._end)
            report = self._wait("its initialisation", started_s + self._init_s_max, {"next", "init error"})
            if report.kind == "init error":
                raise FunctionRaised("its initialisation", report.body)
            self.init_s = report.at_s - started_s
            self._at_exit = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._at_exit.close()

    @property
    def pid(self) -> int:
        """The function's process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """False once the process has ended: there is nothing to invoke."""
        return self._process.poll() is None

    def invoke(self, event: Mapping[str, Any]) -> Answer:
        """Run the handler on an event.

        Raises: `FunctionRaised`; `FunctionDied` or `FunctionTimedOut`, after which it cannot be invoked.
        """
        body = json.dumps(event).encode()
        started_s = time.perf_counter()
        deadline_ms = int((time.time() + self._timeout_s) * 1000)
        self._api.invocations.put(Invocation(str(uuid4()), body, _ARN, deadline_ms))
        report = self._wait("its invocation", started_s + self._timeout_s, {"response", "error"})
        if report.kind == "error":
            raise FunctionRaised("its invocation", report.body)
        return Answer(json.loads(report.body), report.at_s - started_s)

    def _start(self, client: Path) -> "subprocess.Popen[bytes]":
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-S", "-m", "awslambdaric", self._handler],  # -S: no site-packages
                cwd=self._folder,
                env={**self._lambdas_environment(client), **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for us. If we are killed, the process's next request fails, and it ends.
                start_new_session=True,
            )

    def _lambdas_environment(self, client: Path) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", ""),
            "TZ": ":UTC",
            "PYTHONPATH": str(client),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASK_ROOT": str(self._folder),
            "LAMBDA_RUNTIME_DIR": str(client),
            "_HANDLER": self._handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_FUNCTION_NAME": _NAME,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{_NAME}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        }

    def _wait(self, what: str, ends_s: float, kinds: set[str]) -> Report:
        while True:
            status = (
                self._process.poll()
            )  # first: then everything it reported before it ended is in the queue
            with suppress(queue.Empty):
                report = self._api.reports.get(timeout=_POLL_SECONDS)
                if report.kind in kinds:
                    return report
                continue
            if status is not None:
                raise FunctionDied(f"in {what} the process ended with status {status}{self._tail()}")
            if time.perf_counter() > ends_s:
                self._end()
                raise FunctionTimedOut(f"{what} took too long, and the process was killed{self._tail()}")

    def _tail(self) -> str:
        tail = self._log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
        return f". Its log, {self._log}, ends:\n{tail}"

    def _end(self) -> None:
        """As Lambda does: without a signal to the process first."""
        self._process.kill()
        self._process.wait()


def _link_client(folder: Path) -> None:
    """Link only the installed runtime client into `folder`."""
    for name in _CLIENT:
        installed = metadata.distribution(name)
        tops = {path.parts[0] for path in installed.files or () if ".." not in path.parts} - {"__pycache__"}
        for top in tops:
            (folder / top).symlink_to(Path(str(installed.locate_file(top))).resolve())
