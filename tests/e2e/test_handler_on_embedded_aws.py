"""The handler as Lambda runs it, on the embedded AWS: each record learned once, whatever happens around it.

Each function is a process of its own whose environment is what DESIGN names and no more. It is forked from
one that has imported what ships beside the consumer, and imports the consumer itself.
"""

import base64
import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from river import drift

from clients.local_pipeline import PipelineResources
from consumer.decode.signal_names import SignalKey, identity, page_of, seed_of
from consumer.detectors.base import UseCase, fingerprint
from consumer.detectors.drift import DriftUseCase
from consumer.learning.state import State
from consumer.pages.codec import PageCodec, versions
from consumer.pages.layout import Layout, prefix_of
from consumer.use_cases import USE_CASES
from local.emulator.embedded_aws import EmbeddedAWS
from local.emulator.pipeline_resources import create_pipeline_resources
from tests.consumer.world import SHARD, interleaved, points, record, step
from tests.e2e.faulty_proxy import Fate, FaultyProxy, Request, seeded

CHECKOUT = Path(__file__).parents[2]
LINE = USE_CASES["drift"]
OTHER_SHARD = "shardId-000000000007"
CONFIGURATIONS = pytest.mark.parametrize("pages", ["0", "8", None])

_PARENT = """
import gc, json, os, socket, sys, time
import aws_lambda_powertools, boto3, google.protobuf, msgspec, obstore.auth.boto3, obstore.store, river.drift

class Context:
    def __init__(self, left_ms):
        self._ends = time.monotonic() + left_ms / 1000

    def get_remaining_time_in_millis(self):
        return max(0, int((self._ends - time.monotonic()) * 1000))

def serve(order):
    os.environ.clear()
    os.environ.update(order["environment"])
    for stream, name in ((sys.stdout, "stdout"), (sys.stderr, "stderr")):
        path = os.path.join(order["folder"], name)
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND), stream.fileno())
    sys.path.insert(0, order["package"])
    connection = socket.create_connection(("127.0.0.1", order["port"]))
    with connection, connection.makefile("rw") as lines:
        from consumer.handler import handler
        for line in lines:
            asked = json.loads(line)
            context = None if asked["left_ms"] is None else Context(asked["left_ms"])
            try:
                answer = {"response": handler(asked["event"], context)}
            except Exception as error:
                answer = {"raised": f"{type(error).__name__}: {error}"}
            answer["left_ms"] = context and context.get_remaining_time_in_millis()
            lines.write(json.dumps(answer) + "\\n")
            lines.flush()

gc.freeze()
for line in sys.stdin:
    order = json.loads(line)
    if "pid" in order:
        _, status = os.waitpid(order["pid"], 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    elif (pid := os.fork()) == 0:
        sys.stdin = open(os.devnull)
        serve(order)
        sys.exit(0)
    else:
        print(pid, flush=True)
"""


class Died(Exception):
    """The function's process ended before it answered."""


class Parent:
    """What functions are forked from."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def ask(self, order: dict) -> int:
        with self._lock:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())


class Function:
    """A context manager: one execution environment, which at its end ends well unless it was killed."""

    def __init__(self, parent: Parent, environment: dict[str, str], folder: Path, package: Path) -> None:
        self._parent = parent
        self._folder = folder
        self._killed = False
        self._lock = threading.Lock()
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(30)
            order = {"environment": environment, "folder": str(folder), "package": str(package)}
            self.pid = parent.ask(order | {"port": server.getsockname()[1]})
            self._connection, _ = server.accept()
        self._lines = self._connection.makefile("rw")

    def __enter__(self) -> "Function":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._lines.close()
        self._connection.close()
        if kind is not None and not self._killed:
            self.kill()
        code = self._parent.ask({"pid": self.pid})
        if kind is None:
            assert code == (-signal.SIGKILL if self._killed else 0)
            assert (self._folder / "stderr").read_text() == ""
            for line in (self._folder / "stdout").read_text().splitlines():
                json.loads(line)

    def kill(self) -> None:
        with self._lock:
            if not self._killed:
                self._killed = True
                os.kill(self.pid, signal.SIGKILL)

    def ask(self, records: list[dict], left_ms: int | None = None) -> dict:
        """Raises: `Died`."""
        try:
            self._lines.write(json.dumps({"event": {"Records": records}, "left_ms": left_ms}) + "\n")
            self._lines.flush()
            answer = self._lines.readline()
        except OSError:
            answer = ""
        if not answer:
            raise Died
        return json.loads(answer)

    def invoke(self, records: list[dict], left_ms: int | None = None) -> list[str]:
        """The sequence numbers of the batch item failures, given before the context's end."""
        answer = self.ask(records, left_ms)
        assert "response" in answer, answer
        assert answer["left_ms"] != 0 or not left_ms, "the answer came too late"
        assert list(answer["response"]) == ["batchItemFailures"]
        return [failure["itemIdentifier"] for failure in answer["response"]["batchItemFailures"]]

    def metric(self, name: str) -> float:
        """The sum over all invocations so far."""
        lines = map(json.loads, (self._folder / "stdout").read_text().splitlines())
        return sum(line[name][0] for line in lines if name in line)

    def deliver(self, records: list[dict], batch: int = 150, tries: int = 60) -> int:
        """Lambda's way: what is reported, and all after it, comes again. Gives the number of invocations."""
        for tried in range(tries):
            if not records:
                return tried
            failed = self.invoke(records[:batch])
            lowest = min(map(int, failed), default=sequence_number(records[:batch][-1]) + 1)
            records = [one for one in records if sequence_number(one) >= lowest]
        raise AssertionError("it never ends")


def sequence_number(delivered: dict) -> int:
    return int(delivered["kinesis"]["sequenceNumber"])


@pytest.fixture(scope="module")
def aws(tmp_path_factory) -> Iterator[EmbeddedAWS]:
    with EmbeddedAWS(tmp_path_factory.mktemp("aws") / "aws.log") as running:
        yield running


@pytest.fixture(scope="module")
def parent(tmp_path_factory) -> Iterator[Parent]:
    process = subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path_factory.mktemp("parent"),
        env={"PATH": os.environ["PATH"]},
    )
    with process:
        yield Parent(process)
        process.stdin.close()
        assert process.wait(30) == 0


def passes(request: Request) -> Fate:
    return "pass"


class Site:
    """A bucket and a bus of the test's own, and functions on them."""

    names = iter(range(10**6))

    def __init__(self, aws: EmbeddedAWS, parent: Parent, folder: Path) -> None:
        self._aws = aws
        self._parent = parent
        self._folder = folder
        self.resources: PipelineResources = create_pipeline_resources(
            aws, f"site{next(self.names)}", shards=1
        )
        self._s3 = aws.client("s3")
        self._sqs = aws.client("sqs")

    def environment(self, pages: str | None = None, endpoint_url: str | None = None) -> dict[str, str]:
        """What DESIGN names, and nothing else."""
        environment = {
            "MODEL_BUCKET": self.resources.model_bucket,
            "EVENT_BUS_NAME": self.resources.event_bus_name,
            "AWS_ENDPOINT_URL": endpoint_url or self._aws.endpoint_url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        return environment if pages is None else environment | {"MODEL_PAGES": pages}

    def start(self, environment: dict[str, str], package: Path = CHECKOUT) -> Function:
        folder = self._folder / f"function{next(self.names)}"
        folder.mkdir()
        return Function(self._parent, environment, folder, package)

    def function(self, pages: str | None, endpoint_url: str | None = None) -> Function:
        return self.start(self.environment(pages, endpoint_url))

    def behind_a_proxy(self, fate: Callable[[Request], Fate] = passes) -> FaultyProxy:
        return FaultyProxy(self._aws.endpoint_url, fate)

    def objects(self) -> dict[str, bytes]:
        bucket = self.resources.model_bucket
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [stored["Key"] for page in pages for stored in page.get("Contents", [])]
        return {key: self._s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def versions(self) -> set[str]:
        """Every version of every object that was ever written."""
        listed = self._s3.list_object_versions(Bucket=self.resources.model_bucket).get("Versions", [])
        return {version["VersionId"] for version in listed}

    def states(self, use_case: UseCase = LINE) -> dict[str, State]:
        states: dict[str, State] = {}
        prefix = prefix_of("drift", fingerprint(use_case, versions()))
        for key, body in self.objects().items():
            if key.startswith(f"{prefix}/") and not key.endswith("layout.json"):
                for (_, signal_name), state in PageCodec().decode(body).items():
                    assert signal_name not in states, f"{signal_name} has two models"
                    states[signal_name] = state
        return states

    def event_ids(self) -> list[str]:
        """Take what the audit queue has: the emulator fills it before it answers PutEvents."""
        ids: list[str] = []
        while messages := self._sqs.receive_message(
            QueueUrl=self.resources.audit_queue_url, MaxNumberOfMessages=10
        ).get("Messages", []):
            for message in messages:
                ids.append(json.loads(message["Body"])["detail"]["id"])
                self._sqs.delete_message(
                    QueueUrl=self.resources.audit_queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
        return ids


@pytest.fixture
def site(aws, parent, tmp_path) -> Site:
    return Site(aws, parent, tmp_path)


# The reference: a plain River loop, on whatever model use_cases.py has.


def learned_by_a_plain_loop(records: list[dict], use_case: UseCase = LINE) -> tuple[dict, dict, set[str]]:
    """Each signal's model and how much it learned, and the ids of the events."""
    models, learned, ids = {}, {}, set()
    for delivered in records:
        kinesis = delivered["kinesis"]
        point = json.loads(base64.b64decode(kinesis["data"]))
        name = point["signal"]
        if name not in models:
            models[name] = use_case.create(seed_of("drift", name)).detector
        models[name].update(point["value"])
        learned[name] = learned.get(name, 0) + 1
        if models[name].drift_detected:
            shard = delivered["eventID"].rpartition(":")[0]
            place = (delivered["eventSourceARN"], shard, kinesis["sequenceNumber"], kinesis["partitionKey"])
            ids.add(identity("drift", *place, name, "drift", 0))
    return models, learned, ids


def canonical(model: object) -> bytes:
    """All that a model knows, whichever way its parts came to be."""
    key = SignalKey("a", "a")
    return pickle.dumps(PageCodec().decode(PageCodec().encode({key: State(model)}))[key].model)


def assert_exact(site: Site, records: list[dict], use_case: UseCase = LINE) -> list[str]:
    models, learned, ids = learned_by_a_plain_loop(records, use_case)
    states = site.states(use_case)
    assert {name: state.learned for name, state in states.items()} == learned
    for name, model in models.items():
        assert canonical(states[name].model.detector) == canonical(model), name
    published = site.event_ids()
    assert set(published) == ids
    return published


SIGNALS = ["compressor1.pressure", "compressor1.flow", "pump 7/°C", "..", "e", "f"]
RECORDS = points(interleaved(*(step(name, 120, at=40 + 9 * number) for number, name in enumerate(SIGNALS))))


def test_the_records_have_events_on_several_pages():
    _, _, ids = learned_by_a_plain_loop(RECORDS)
    assert len(ids) >= len(SIGNALS)
    assert len({page_of(name, 8) for name in SIGNALS}) >= 3


@CONFIGURATIONS
def test_it_learns_what_a_plain_loop_learns_and_a_redelivery_changes_nothing(site, pages):
    with site.function(pages) as function:
        assert function.deliver(RECORDS) == 5
        published = assert_exact(site, RECORDS)
        assert len(published) == len(set(published)), "nothing went wrong: no event came twice"
        written = site.versions()
        for batch in (RECORDS[:300], RECORDS[100:500], RECORDS):
            assert function.invoke(batch) == []
    with site.function(pages) as cold:
        assert cold.invoke(RECORDS) == []
    assert site.versions() == written
    assert site.event_ids() == []
    prefix = prefix_of("drift", fingerprint(LINE, versions()))
    layout = Layout(prefix, 16 if pages is None else int(pages))
    assert set(site.objects()) == {f"{prefix}/layout.json", *map(layout.key_of, SIGNALS)}


def writes_a_page(request: Request) -> bool:
    return request.is_page and request.method == "PUT"


class Meeting:
    """Holds a page's write back until another write of that page has come, or a while has passed."""

    def __init__(self) -> None:
        self._waiting: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Fate:
        if writes_a_page(request):
            with self._lock:
                met = self._waiting.pop(request.path, None)
                if met is None:
                    waits = self._waiting[request.path] = threading.Event()
            if met is not None:
                met.set()
            elif not waits.wait(0.3):
                with self._lock:
                    self._waiting.pop(request.path, None)
        return "pass"


@contextmanager
def two_at_once(site: Site, pages: str | None) -> Iterator[tuple[Function, Function, Executor]]:
    """Two warm processes, of which both have read a page before either writes it."""
    with (
        site.behind_a_proxy(Meeting()) as proxy,
        site.function(pages, proxy.endpoint_url) as one,
        site.function(pages, proxy.endpoint_url) as other,
        ThreadPoolExecutor(2) as both,
    ):
        assert list(both.map(Function.invoke, (one, other), ([], []))) == [[], []]
        yield one, other, both
        assert one.metric("PageConflicts") + other.metric("PageConflicts") > 0, "they did not meet"


@CONFIGURATIONS
def test_two_processes_at_once_on_overlapping_batches_of_a_shard(site, pages):
    """As when a first invocation timed out and goes on, while its batch, cut anew, has come again."""
    with two_at_once(site, pages) as (one, other, both):
        for first, mine, theirs in ((0, 60, 60), (60, 300, 420), (420, 720, 720)):
            batches = RECORDS[first:mine], RECORDS[first:theirs]
            assert list(both.map(Function.invoke, (one, other), batches)) == [[], []]
    assert_exact(site, RECORDS)


@CONFIGURATIONS
def test_two_processes_at_once_on_two_shards_of_one_signal(site, pages):
    """It is learned in the order of commits: one batch, then the other, without loss."""
    shards = [
        [record(n, one, key=str(n), shard=shard) for n, one in enumerate(series, first)]
        for shard, first, series in (
            (SHARD, 100, [{"signal": "a", "value": value} for _, value in step("x", 300, at=100)]),
            (OTHER_SHARD, 150, [{"signal": "a", "value": value} for _, value in step("y", 300, at=200)]),
        )
    ]
    with two_at_once(site, pages) as (one, other, both):
        assert list(both.map(Function.invoke, (one, other), shards)) == [[], []]
        written = site.versions()
        assert list(both.map(Function.invoke, (other, one), shards)) == [[], []]
        assert site.versions() == written
    state = site.states()["a"]
    orders = [learned_by_a_plain_loop(first + second) for first, second in (shards, reversed(shards))]
    models = [canonical(models["a"]) for models, _, _ in orders]
    assert state.learned == 600
    assert canonical(state.model.detector) in models
    _, _, ids = orders[models.index(canonical(state.model.detector))]
    assert ids <= set(site.event_ids())


KILLS = {
    "before a page is written": ("drop", writes_a_page),
    "after a page is written": ("lose", writes_a_page),
    "after an event is published": ("lose", lambda request: request.service == "events"),
    "after the layout is written": ("lose", lambda request: request.path.endswith("layout.json")),
}


@pytest.mark.parametrize("moment", KILLS)
@pytest.mark.parametrize("pages", ["0", None])
def test_a_process_that_is_killed_and_its_batch_delivered_again(site, pages, moment):
    deadly, when = KILLS[moment]
    with site.behind_a_proxy() as proxy:
        with site.function(pages, proxy.endpoint_url) as function:

            def fate(request: Request) -> Fate:
                if when(request) and deadly == "drop":
                    function.kill()
                return deadly if when(request) else "pass"

            proxy.fate, proxy.when_lost = fate, function.kill
            with pytest.raises(Died):
                function.invoke(RECORDS[:400])
        proxy.fate = passes
        with site.function(pages, proxy.endpoint_url) as function:
            function.deliver(RECORDS)
    assert_exact(site, RECORDS)


# Through a network and services that fail.

RATES = {"refuse": 0.08, "drop": 0.05, "lose": 0.08, "delay": 0.05, "fail entries": 0.25}


@pytest.mark.parametrize(("pages", "seed"), [("0", 1), ("8", 2), (None, 4)])
def test_through_faults_of_all_kinds_it_is_exact_in_the_end(site, pages, seed):
    with site.behind_a_proxy(seeded(seed, RATES)) as proxy:
        with site.function(pages, proxy.endpoint_url) as function:
            function.deliver(RECORDS[:360], batch=30)
        with site.function(pages, proxy.endpoint_url) as function:
            function.deliver(RECORDS[360:], batch=40)
    assert {fate for service, fate in proxy.fates if service == "s3"} >= {"refuse", "lose", "pass"}
    assert {fate for service, fate in proxy.fates if service == "events"} > {"pass"}
    assert_exact(site, RECORDS)


@pytest.mark.parametrize("fate", ["refuse", "lose", "fail entries"])
def test_with_the_event_bus_failing_pages_with_events_wait_and_the_others_go_on(site, fate):
    quiet = points([("calm", 1.0)] * 20)
    loud = points(step("compressor1.pressure"), first=500)
    with (
        FaultyProxy(
            site.environment()["AWS_ENDPOINT_URL"],
            lambda request: fate if request.service == "events" else "pass",
        ) as proxy,
        site.function("8", proxy.endpoint_url) as function,
    ):
        assert function.invoke(quiet + loud) == ["500"]
        assert {name: state.learned for name, state in site.states().items()} == {"calm": 20}
        proxy.fate = passes
        assert function.invoke(quiet + loud) == []
    assert_exact(site, quiet + loud)


def test_with_one_page_refused_the_others_are_committed_and_its_first_record_is_reported(site):
    key = Layout(prefix_of("drift", fingerprint(LINE, versions())), 0).key_of("..")
    first = next(one for one in RECORDS if one["kinesis"]["partitionKey"] == "..")

    def refuse(request: Request):
        return "refuse" if request.is_page and request.path.endswith("/%252E%252E") else "pass"

    with site.behind_a_proxy(refuse) as proxy, site.function("0", proxy.endpoint_url) as function:
        assert function.invoke(RECORDS) == [first["kinesis"]["sequenceNumber"]]
        assert key not in site.objects()
        assert set(site.states()) == {*SIGNALS} - {".."}
        proxy.fate = passes
        function.deliver(RECORDS)
    assert_exact(site, RECORDS)


# Time.


def test_without_time_left_nothing_is_done_and_the_first_record_is_reported(site):
    with site.function("8") as function:
        assert function.invoke(RECORDS, 0) == ["100"]
        assert site.states() == {}
        assert function.invoke(RECORDS, 60_000) == []
    assert_exact(site, RECORDS)


def test_time_that_runs_short_anywhere_between_the_requests_loses_nothing(site):
    """Each request takes a tenth of a second, and each invocation has a little longer than the last."""
    left, invocations = RECORDS, 0
    with (
        site.behind_a_proxy(lambda request: "delay") as proxy,
        site.function("8", proxy.endpoint_url) as function,
    ):
        for left_ms in range(50, 20_000, 50):
            invocations += 1
            failed = function.ask(left, left_ms)["response"]["batchItemFailures"]
            if not failed:
                break
            [lowest] = [int(failure["itemIdentifier"]) for failure in failed]
            left = [one for one in left if sequence_number(one) >= lowest]
    assert invocations > 3
    assert_exact(site, RECORDS)


def hangs(request: Request):
    return "hang" if request.service == "s3" else "pass"


def test_with_an_s3_that_hangs_the_answer_comes_before_the_contexts_end(site):
    with site.behind_a_proxy() as proxy, site.function("8", proxy.endpoint_url) as function:
        assert function.invoke(RECORDS[:100]) == []
        proxy.fate = hangs
        assert function.invoke(RECORDS, 3_000) == ["100"]
        proxy.fate = passes
        assert function.invoke(RECORDS, 60_000) == []
        function.kill()
    assert_exact(site, RECORDS)


def test_with_an_s3_that_hangs_from_the_start_the_answer_comes_before_the_contexts_end(site):
    with site.behind_a_proxy(hangs) as proxy, site.function("8", proxy.endpoint_url) as function:
        assert function.invoke(RECORDS, 3_000) == ["100"]
        function.kill()
    assert site.objects() == {}


# Settings.


@pytest.mark.parametrize(
    ("name", "value"),
    [("MODEL_BUCKET", None), ("EVENT_BUS_NAME", None), ("MODEL_PAGES", "many"), ("USE_CASE", "none")],
)
def test_a_variable_that_is_missing_or_wrong_is_named(site, name, value):
    environment = {key: text for key, text in site.environment().items() if key != name}
    with site.start(environment if value is None else environment | {name: value}) as function:
        raised = function.ask(RECORDS)["raised"]
    assert raised.startswith("ConfigurationError")
    assert name in raised
    assert site.objects() == {}


# Another model.


OTHERS = [name for name in ("PageHinkley", "KSWIN", "ADWIN") if name != type(LINE.detector).__name__][:2]


@pytest.mark.parametrize("model", OTHERS)
def test_another_model_is_one_line_and_the_old_models_stay_untouched_until_they_come_back(
    site, model, tmp_path
):
    shutil.copytree(
        CHECKOUT / "consumer", tmp_path / "other" / "consumer", ignore=shutil.ignore_patterns("__pycache__")
    )
    use_cases = tmp_path / "other" / "consumer" / "use_cases.py"
    line = f"drift.{type(LINE.detector).__name__}()"
    assert use_cases.read_text().count(line) >= 1
    edited = "\n".join(
        text.replace(line, f"drift.{model}()") if text.lstrip().startswith('"drift"') else text
        for text in use_cases.read_text().splitlines()
    )
    use_cases.write_text(edited)
    other_line = DriftUseCase(getattr(drift, model)())
    half = len(RECORDS) // 2

    with site.function("8") as function:
        function.deliver(RECORDS[:half])
    old = site.objects()
    site.event_ids()
    with site.start(site.environment("8"), tmp_path / "other") as function:
        function.deliver(RECORDS)
    assert_exact(site, RECORDS, other_line)
    assert old.items() <= site.objects().items()
    assert len(site.objects()) > len(old)
    with site.function("8") as function:
        function.deliver(RECORDS)
    _, learned, ids = learned_by_a_plain_loop(RECORDS)
    _, _, ids_of_the_first_half = learned_by_a_plain_loop(RECORDS[:half])
    assert {name: state.learned for name, state in site.states().items()} == learned
    assert set(site.event_ids()) == ids - ids_of_the_first_half
