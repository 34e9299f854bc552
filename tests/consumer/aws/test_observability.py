"""Logs, metrics and traces: every count each time, and never what a producer wrote."""

import base64
import gzip
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aws_lambda_powertools.metrics import EphemeralMetrics
from river import drift

from consumer import handler
from consumer.aws import observability
from consumer.detectors.drift import DriftUseCase
from consumer.errors import BadDeployment, MalformedEvent, ModelRaised, PageChanged, Unavailable
from consumer.learning import columns_learner
from consumer.learning.outcome import InvocationReport
from tests.consumer.world import ARN, PREFIX, World, points, record, step

CHECKOUT = Path(__file__).parents[3]

COUNTS = {
    "Records",
    "ObservationsLearned",
    "Redelivered",
    "BadQuality",
    "PausedByCalendar",
    "OutsideModes",
    "ModeUnknown",
    "ModesForgotten",
    "Quarantined",
    "EventsPublished",
    "PageConflicts",
    "PagesFailed",
    "ModelsCreated",
    # Beside those that were asked for: each has an alarm or a guarantee of its own.
    "Uncertain",
    "PagesCommitted",
    "PagesUnreadable",
    "PagesOneByOne",
    "TimesNotBelieved",
    "SignalsOnSeveralShards",
    "SignalsRefused",
}
UNITS = dict.fromkeys(COUNTS, "Count") | {"PageBytes": "Bytes", "ArrivalToLearned": "Milliseconds"}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("POWERTOOLS_", "AWS_XRAY", "AWS_LAMBDA"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MODEL_BUCKET", "models")
    monkeypatch.setenv("EVENT_BUS_NAME", "alarms")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


@pytest.fixture
def invoke(monkeypatch, capsys):
    """The handler on a world in memory; it gives the lines printed, each read as JSON, and as text."""

    def invoked(world: World, event: dict, context: object = None):
        monkeypatch.setattr(observability.logger.registered_handler, "stream", sys.stdout)
        monkeypatch.setattr(handler, "start", lambda settings: world.function)
        try:
            handler.handler(event, context)
        except (BadDeployment, MalformedEvent) as error:
            outcome = error
        else:
            outcome = None
        printed = capsys.readouterr()
        assert printed.err == ""
        lines = printed.out.removesuffix("\n").split("\n")
        return outcome, [json.loads(line) for line in lines], printed.out

    return invoked


def batch(*records: dict) -> dict:
    return {"Records": list(records)}


def metrics_of(lines: list[dict], namespace: str = "RiverConsumer") -> dict[str, float]:
    """The one EMF line's metrics by name, after a look at its shape."""
    [line] = [line for line in lines if "_aws" in line]
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == namespace
    assert directive["Dimensions"] == [["use_case"]]
    assert line["use_case"] == "drift"
    named = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert named == {name: UNITS[name] for name in named}
    assert set(line) == {"_aws", "use_case", *named}
    return {name: line[name][0] if isinstance(line[name], list) else line[name] for name in named}


def test_the_metrics_line_has_every_metric_with_its_unit_and_the_use_case_alone(invoke):
    _, lines, _ = invoke(World(), batch(*points(step("compressor1.pressure"))))
    assert set(metrics_of(lines)) == set(UNITS)


def test_an_environment_that_names_a_service_adds_no_dimension(invoke, monkeypatch):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "somebody")
    _, lines, _ = invoke(World(), batch(*points(step("a")[:1])))
    metrics_of(lines)


def test_zeros_are_sent_too(invoke):
    world = World()
    event = batch(*points([("a", 1.0), ("b", 1.0)]))
    invoke(world, event)
    _, lines, _ = invoke(world, event)
    metrics = metrics_of(lines)
    assert metrics.keys() == COUNTS, "of pages and times there is nothing to tell"
    assert {name for name, value in metrics.items() if value} == {"Records", "Redelivered"}


def test_the_metrics_say_what_happened(invoke):
    world = World()
    tqv = {"value": {"doubleValue": 1.0}, "timestamp": {"timeInSeconds": 1, "offsetInNanos": 0}}
    sitewise = {
        "propertyAlias": "a",
        "propertyValues": [tqv | {"quality": "BAD"}, tqv | {"quality": "UNCERTAIN"}],
    }
    world.invoke(points([("steady", 1.0)]))
    world.faults.plan("before", "put", PageChanged("412"), key="pages", times=1)
    records = [*points([("steady", 1.0), *step("jumps")]), record(900, sitewise), record(901, b"{no")]
    _, lines, _ = invoke(world, batch(*records))
    metrics = metrics_of(lines)
    assert {name: metrics[name] for name in COUNTS - {"EventsPublished", "PagesCommitted"}} == {
        "Records": 203,
        "ObservationsLearned": 201,
        "Redelivered": 1,
        "BadQuality": 1,
        "PausedByCalendar": 0,
        "OutsideModes": 0,
        "ModeUnknown": 0,
        "ModesForgotten": 0,
        "Uncertain": 1,
        "Quarantined": 1,
        "PageConflicts": 1,
        "PagesFailed": 0,
        "PagesUnreadable": 0,
        "PagesOneByOne": 0,
        "TimesNotBelieved": 0,
        "ModelsCreated": 2,
        "SignalsOnSeveralShards": 0,
        "SignalsRefused": 0,
    }
    assert metrics["EventsPublished"] == len(world.bus.events) > 0
    assert metrics["PageBytes"] == max(
        len(body) for key, (_, body) in world.objects.objects.items() if "/pages/" in key
    )


def test_a_page_that_failed_is_counted_and_its_trouble_logged(invoke):
    world = World()
    world.faults.plan("before", "get", Unavailable("GET models/x: 503"), key="pages")
    _, lines, _ = invoke(world, batch(*points([("a", 1.0)])))
    assert metrics_of(lines)["PagesFailed"] == 1
    [warning] = [line for line in lines if line.get("level") == "WARNING"]
    assert warning["problems"] == ["GET models/x: 503"]


def test_metrics_are_the_line_that_powertools_writes(capsys):
    now_s = time.time()
    report = InvocationReport(oldest_arrived_s=now_s - 0.25, page_bytes=[10, 30])
    report.add(records=7, observations_learned=6, pages_committed=2)
    observability.emit(report, "Plant", "drïft", now_s)
    ours = capsys.readouterr().out.splitlines()[0]
    powertools = EphemeralMetrics(namespace="Plant", service="", default_dimensions={"use_case": "drïft"})
    for name, [value] in ((name, value) for name, value in json.loads(ours).items() if name in UNITS):
        powertools.add_metric(name, UNITS[name], value)
    powertools.set_timestamp(int(now_s * 1000))
    powertools.flush_metrics()
    assert ours == capsys.readouterr().out.splitlines()[0]
    assert json.loads(ours).keys() == {"_aws", "use_case", *UNITS}


@pytest.mark.parametrize(("now_s", "lag_ms"), [(1000.25, 250.0), (999.0, 0.0)])
def test_the_time_from_arrival_to_learned_is_in_milliseconds_and_no_clock_makes_it_negative(
    capsys, now_s, lag_ms
):
    observability.emit(
        InvocationReport(oldest_arrived_s=1000.0, page_bytes=[10, 30, 20]), "Plant", "drift", now_s
    )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    metrics = metrics_of(lines, "Plant")
    assert metrics["ArrivalToLearned"] == lag_ms
    assert metrics["PageBytes"] == 30


def test_many_problems_are_counted_and_some_of_them_logged(monkeypatch, capsys):
    monkeypatch.setattr(observability.logger.registered_handler, "stream", sys.stdout)
    observability.emit(
        InvocationReport(problems=[f"page {number}" for number in range(5000)]), "Plant", "drift", 0.0
    )
    [warning] = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "problems" in line]
    assert warning["problems_count"] == 5000
    assert len(warning["problems"]) == 20


def test_an_invocation_is_known_by_its_request_id(invoke):
    class Context:
        aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    _, lines, _ = invoke(World(), batch(*points([("a", 1.0)])), Context())
    [info] = [line for line in lines if line.get("level") == "INFO"]
    assert info["aws_request_id"] == Context.aws_request_id


# What a producer wrote is nowhere to be read.

SIGNAL, KEY, VALUE, TEXT = "secretsignal", "secretkey", 271828.182845, "secretpayload"
HOSTILE = 'evil\n{"level":"INFO","message":"forged"}\r\u2028\u0000\x1b[2J'
WRITTEN = {
    "a point": {"signal": SIGNAL, "value": VALUE, "note": TEXT},
    "no number": {"signal": SIGNAL, "value": TEXT},
    "not finite": b'{"signal": "secretsignal", "value": NaN, "note": "secretpayload"}',
    "too large": {"signal": SIGNAL, "value": VALUE * 1e200},
    "some of several": {"signal": SIGNAL, "values": {"x": VALUE, TEXT: TEXT}},
    "columns that disagree": {"signal": SIGNAL, "timestamps": [1.0], "values": [VALUE, VALUE]},
    "a bad time": {"signal": SIGNAL, "value": VALUE, "timestamp": TEXT},
    "no shape we know": {TEXT: VALUE},
    "not JSON": b"{secretpayload 271828.182845",
    "not text": b"\xff\xfesecretpayload",
    "a broken gzip": gzip.compress(b"secretpayload" * 9)[:-9] + b"secretpayload",
    "a broken aggregate": b"\xf3\x89\x9a\xc2secretpayload271828.182845",
    "a hostile name": {"signal": HOSTILE + SIGNAL, "value": VALUE},
    "a hostile value": {"signal": SIGNAL, "value": HOSTILE + TEXT},
    "a hostile field": {HOSTILE + TEXT: VALUE},
    "a name too long": {"signal": SIGNAL * 100, "value": VALUE},
}


def assert_tells_nothing(text: str, *allowed: str) -> None:
    for secret in {SIGNAL, KEY, str(VALUE), TEXT, "271828", "forged", "evil"} - set(allowed):
        assert secret not in text
        assert base64.b64encode(secret.encode()).decode().rstrip("=")[:-1] not in text


@pytest.mark.parametrize("kind", WRITTEN)
def test_no_line_holds_a_payload_a_value_a_signal_or_a_partition_key(invoke, kind):
    payload, key = WRITTEN[kind], HOSTILE + KEY
    _, lines, text = invoke(World(), batch(record(1, payload, key=key), record(2, payload, key=key)))
    assert len(lines) == 2, "the metrics, and one line of log"
    metrics = metrics_of(lines)
    assert metrics["Records"] == 2
    assert metrics["ObservationsLearned"] + metrics["Quarantined"] >= 2
    assert_tells_nothing(text)


@pytest.mark.parametrize("pages", [0, 16])
@pytest.mark.parametrize("call", ["get", "put", "publish"])
def test_trouble_with_a_page_tells_no_payload_either(invoke, pages, call):
    world = World(pages)
    world.faults.plan("before", call, Unavailable(f"503 {HOSTILE}"), key="/" if call != "publish" else "")
    values = [(SIGNAL, value + (VALUE if number > 100 else 0)) for number, (_, value) in enumerate(step("a"))]
    _, lines, text = invoke(world, batch(*points(values)))
    assert len(lines) == 3
    assert metrics_of(lines)["PagesFailed"] + (call != "publish") >= 1
    assert_tells_nothing(text, SIGNAL, "forged", "evil")


def test_a_page_that_cannot_be_read_is_told_without_its_content(invoke):
    world = World(1)
    world.invoke(points([(SIGNAL, VALUE)]))
    page = f"{PREFIX}/pages/1/0"
    world.objects.objects[page] = ('"x"', world.objects.objects[page][1] + TEXT.encode())
    world.function = world.cold()
    _, lines, text = invoke(world, batch(record(7, WRITTEN["a point"], key=KEY)))
    metrics = metrics_of(lines)
    assert (metrics["PagesUnreadable"], metrics["Quarantined"], metrics["PagesFailed"]) == (1, 1, 0)
    assert "WARNING" in text
    assert_tells_nothing(text)


def test_pages_that_learn_one_by_one_because_the_arrays_raised_are_counted(invoke, monkeypatch):
    def raises(*_):
        raise ValueError("numpy says no")

    world = World(4)
    rows = [(f"s{number}", 1.0) for number in range(100)]
    world.invoke(points(rows, first=1_000))
    monkeypatch.setattr(columns_learner, "learn_adwins", raises)
    _, lines, _ = invoke(world, batch(*points(rows, first=3_000)))
    metrics = metrics_of(lines)
    assert (metrics["PagesOneByOne"], metrics["ObservationsLearned"], metrics["PagesFailed"]) == (4, 100, 0)
    [warning] = [line for line in lines if line.get("level") == "WARNING"]
    assert all("numpy says no" in problem for problem in warning["problems"])


@dataclass(frozen=True, slots=True)
class Raises(DriftUseCase):
    """A model that raises with the value in its text."""

    detector: object = field(default_factory=drift.NoDrift)

    def learn(self, watched, values, timestamps, scores=None):
        if not values:
            return []
        raise ModelRaised(0, f"the model raised ArithmeticError: {values[0]} {TEXT}")


@pytest.mark.parametrize("signals", [1, 25])
def test_a_model_that_raises_with_the_value_in_its_text_tells_it_to_the_quarantine_only(invoke, signals):
    world = World(use_case=Raises())
    many = [(f"{SIGNAL}{number}", VALUE) for number in range(signals)]
    outcome, lines, text = invoke(world, batch(*points(many)))
    assert isinstance(outcome, BadDeployment) == (signals == 25)
    assert bool(world.objects.quarantined()) == (signals == 1)
    assert lines
    assert_tells_nothing(text)


@pytest.mark.parametrize(
    "event",
    [
        {},
        [],
        {"Records": None},
        {"Records": [TEXT]},
        {"Records": [{"kinesis": {"partitionKey": KEY, "data": TEXT, "sequenceNumber": "1"}}]},
        batch(record(1, TEXT) | {"eventID": None}),
        batch(record(1, TEXT), {"kinesis": TEXT, "eventID": "a:1", "eventSourceARN": ARN}),
        batch(record("not a number", {"signal": SIGNAL, "value": VALUE}, key=KEY)),
    ],
)
def test_an_event_that_is_not_of_kinesis_is_an_error_on_one_line_without_its_content(invoke, event):
    outcome, [line], text = invoke(World(), event)
    assert isinstance(outcome, MalformedEvent)
    assert line["level"] == "ERROR"
    assert line["use_case"] == "drift"
    assert_tells_nothing(text)


# Traces.


def test_nothing_is_traced_where_nobody_listens():
    assert "AWS_XRAY_DAEMON_ADDRESS" not in os.environ
    assert observability.tracer is None


TRACE = "1-5759e988-bd862e3fe1be46a994272793"
_IN_LAMBDA = """
import json
from consumer import handler
from consumer.aws.observability import tracer
from tests.consumer.world import World, points, step
world = World()
handler.start = lambda settings: world.function
answers = [handler.handler({"Records": points(step("secretsignal"), first)}, None) for first in (100, 500)]
print(json.dumps({"answers": answers, "disabled": tracer is None}))
"""


def test_where_lambda_traces_each_invocation_sends_a_segment_without_what_was_learned():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(5.0)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CHECKOUT),
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9",
            "AWS_LAMBDA_FUNCTION_NAME": "consumer",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "LAMBDA_TASK_ROOT": str(CHECKOUT),
            "_X_AMZN_TRACE_ID": f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1",
            "MODEL_BUCKET": "models",
            "EVENT_BUS_NAME": "alarms",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        ran = subprocess.run(
            [sys.executable, "-c", _IN_LAMBDA], env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        assert "Traceback" not in ran.stderr
        said = json.loads(ran.stdout.splitlines()[-1])
        assert said == {"answers": [{"batchItemFailures": []}] * 2, "disabled": False}
        for _ in range(2):
            text = daemon.recv(65536).decode()
            segment = json.loads(text.splitlines()[-1])
            assert (segment["name"], segment["trace_id"]) == (
                "## consume",
                "1-5759e988-bd862e3fe1be46a994272793",
            ) or (segment["name"] == "consume")
            assert_tells_nothing(text)
