"""The local pipeline, and what can be seen of it from outside: smoke test, watch and observer."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from clients.deployment import ModelsOf, Pipeline, open_pipeline
from clients.errors import PipelineNotFound
from clients.local_pipeline import find_served
from local.emulator.event_source_mapping import Pace
from local.emulator.mapping_thread import MappingFailed
from local.serving import described
from local.session import LocalOptions, LocalPipeline
from producer_sim.commands.smoke import smoke
from producer_sim.commands.watch import watch
from producer_sim.observe.observer import Counts, observe
from producer_sim.payloads import encoders
from producer_sim.run_folder import RunFolder
from producer_sim.smoke.hops import follow
from producer_sim.smoke.trip import Patience, step_payloads

ROOT = Path(__file__).parents[2]

app = typer.Typer()
app.command("smoke")(smoke)
app.command("watch")(watch)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which a pipeline runs, as `python -m local serve` leaves it."""
    place = tmp_path_factory.mktemp("place")
    folder = place / "build" / "local"
    folder.mkdir(parents=True)
    with LocalPipeline(folder) as pipeline, described(pipeline, folder):
        yield place, pipeline


@pytest.fixture
def pipeline(place, monkeypatch) -> Pipeline:
    monkeypatch.chdir(place[0])
    with open_pipeline(local=True) as pipeline:
        yield pipeline


def put(pipeline: Pipeline, key: str, *records: bytes) -> None:
    kinesis = pipeline.client("kinesis")
    for record in records:
        kinesis.put_record(StreamName=pipeline.stream_name, PartitionKey=key, Data=record)


def left_over(pipeline: Pipeline) -> list[str]:
    """What the observer makes, and has to remove."""
    queues = pipeline.client("sqs").list_queues(QueueNamePrefix="river-observe-").get("QueueUrls", [])
    rules = pipeline.client("events").list_rules(
        EventBusName=pipeline.event_bus_name, NamePrefix="river-observe-"
    )["Rules"]
    [topic] = set(pipeline.alert_topic_arns.values())
    subscriptions = pipeline.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    ours = [one["Endpoint"] for one in subscriptions if "river-observe-" in one["Endpoint"]]
    return [*queues, *(rule["Name"] for rule in rules), *ours]


def test_smoke_passes_at_every_hop_and_leaves_nothing_behind(pipeline):
    result = CliRunner().invoke(app, ["smoke", "--local", "--json"])
    assert result.exit_code == 0, result.output
    outcome = json.loads(result.stdout)
    assert outcome["passed"]
    assert [(hop["name"], hop["outcome"]) for hop in outcome["hops"]] == [
        ("put on the stream", "passed"),
        ("on the stream", "passed"),
        ("learned", "passed"),
        ("event on the bus", "passed"),
        ("alert delivered", "passed"),
    ]
    assert left_over(pipeline) == []


def test_watch_shows_an_alert_once_with_what_the_model_saw(pipeline):
    command = "import typer; from producer_sim.commands.watch import watch; typer.run(watch)"
    with subprocess.Popen(
        [sys.executable, "-c", command, "--local", "--for", "60"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        assert "Watching the alerts" in watching.stderr.readline()
        put(pipeline, "watched.one", *step_payloads("watched.one", time.time()))
        line, evidence = watching.stdout.readline(), watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        rest, told = watching.communicate(timeout=30)
    assert watching.returncode == 0
    assert "warning  Drift Detected on watched.one, value 30" in line
    assert "use case drift" in line
    assert "mean_before" in evidence
    assert rest == ""
    assert "1 shown" in told
    assert left_over(pipeline) == []


def test_the_observer_counts_its_signals_exactly_from_when_it_began(pipeline, tmp_path):
    names = [f"observed.{number}.flow" for number in range(40)]
    with observe(pipeline, RunFolder(tmp_path), ["observed.0.flow"]) as before:
        put(pipeline, names[0], *step_payloads(names[0], time.time()))
        assert before.wait_until_settled(400, 30) == Counts(learned=400)
    folder = RunFolder.fresh(tmp_path)
    with observe(pipeline, folder, names) as observer:
        put(pipeline, "others", encoders.point("others", 1.0))
        for name in names:
            put(pipeline, name, *step_payloads(name, time.time()))
        put(pipeline, "observed.1", encoders.several_values("observed.1", time.time(), {"flow": 20.0}))
        put(pipeline, names[2], b'{"signal": "observed.2.flow", "value": NaN}')
        put(pipeline, "x:y", encoders.sitewise_notification("x", "y", [(time.time(), 1.0)], "BAD"))
        observer.progress(16_002, 16_002)
        counts = observer.wait_until_settled(16_002, 60)
    assert counts == Counts(learned=16_001, skipped=0, quarantined=1)
    last = folder.samples[-1]
    assert (last.due, last.acknowledged, last.learned, last.quarantined) == (16_002, 16_002, 16_001, 1)
    assert [sample.learned for sample in folder.samples] == sorted(
        sample.learned for sample in folder.samples
    )
    ids = {event.detail["id"] for event in folder.events}
    assert {event.detail["signal"] for event in folder.events} == {*names}
    assert {alert.id for alert in folder.alerts} == ids
    assert left_over(pipeline) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_observer_removes_what_it_made_also_after_an_error(pipeline, tmp_path, error):
    def interrupted():
        with observe(pipeline, RunFolder(tmp_path), ["a"]):
            assert len(left_over(pipeline)) == 4
            raise error

    with pytest.raises(error):
        interrupted()
    assert left_over(pipeline) == []


def test_smoke_on_a_stack_reads_its_outputs_and_alerts_that_are_text(pipeline, monkeypatch):
    """The stack stands beside the local pipeline's resources: what is tested is how it is found and read."""
    bus, sns = pipeline.event_bus_name, pipeline.client("sns")
    topic = sns.create_topic(Name="on-call")["TopicArn"]
    events = pipeline.client("events")
    events.put_rule(Name="on-call", EventBusName=bus, EventPattern='{"source": ["river.consumer"]}')
    transformer = {
        "InputPathsMap": {"headline": "$.detail.headline", "id": "$.detail.id"},
        "InputTemplate": '"<headline>"\n"Event <id>: a mail that comes twice has the same."',
    }
    target = {"Id": "1", "Arn": topic, "InputTransformer": transformer}
    events.put_targets(Rule="on-call", EventBusName=bus, Targets=[target])
    outputs = {
        "StreamName": pipeline.stream_name,
        "StreamArn": pipeline.stream_arn,
        "ModelBucketName": pipeline.models[0].bucket,
        "EventBusName": bus,
        "UseCases": "drift",
        "AlertTopicArnOnCall": topic,
        "LogGroupNameDrift": "a-log",
        "FunctionNameDrift": "a-function",
        "EventSourceMappingIdDrift": "a-mapping",
    }
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    cloudformation = pipeline.account.client("cloudformation")
    cloudformation.create_stack(StackName="Plant", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="Plant", WaiterConfig={"Delay": 1})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    where = ["--region", "us-east-1", "--endpoint-url", pipeline.account.endpoint_url]
    result = CliRunner().invoke(app, ["smoke", "--stack", "Plant", *where])
    assert result.exit_code == 0, result.output
    assert "through the topic of the alert OnCall" in result.output

    unknown = CliRunner().invoke(app, ["smoke", "--stack", "Plent", *where])
    assert unknown.exit_code == 1
    assert "There is no stack Plent in us-east-1" in " ".join(unknown.output.split())


def test_with_the_consumer_stopped_smoke_says_which_hop_failed_and_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "build" / "local"
    folder.mkdir(parents=True)
    with LocalPipeline(folder, LocalOptions(consumer=False)) as pipeline, described(pipeline, folder):
        result = CliRunner().invoke(app, ["smoke", "--local", "--learn-within", "2"])
    assert result.exit_code == 1
    hops = {line[2:18].strip(): line for line in result.output.splitlines() if line[:1].isdigit()}
    assert "ok" in hops["on the stream"]
    assert "FAILED" in hops["learned"]
    assert "not reached" in hops["event on the bus"]
    assert "not reached" in hops["alert delivered"]
    assert "the consumer is stopped" in result.output


def test_each_use_case_is_followed_whatever_becomes_of_the_others(pipeline):
    [drift] = pipeline.models
    both = replace(pipeline, models=(ModelsOf("steps", drift.bucket, learns=False), drift))
    hops = list(follow(both, "smoke.both", Patience(learn_s=8.0), lambda name: None))
    assert [(hop.name, hop.outcome) for hop in hops[2:]] == [
        ("learned, steps", "failed"),
        ("learned, drift", "passed"),
        ("event on the bus, drift", "passed"),
        ("alert delivered, drift", "passed"),
    ]


def test_where_none_runs_one_is_started_and_ends(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_pipeline(local=True) as pipeline:
        served = find_served(tmp_path / "build" / "local")
        assert pipeline.account.endpoint_url == served.endpoint_url
        assert served.pid != os.getpid()
        pipeline.check()
    assert not served.is_alive()
    assert find_served(tmp_path / "build" / "local") is None


def test_without_a_name_the_choices_are_told():
    with pytest.raises(PipelineNotFound, match="--stack NAME, --local or --stream NAME"), open_pipeline():
        pass


def test_an_error_of_the_mapping_reaches_who_waits_and_what_was_started_ends(tmp_path):
    options = LocalOptions(pace=Pace(poll_interval_s=0.2, discovery_interval_s=0.2))
    pipeline = LocalPipeline(tmp_path, options)

    def wait_for_what_never_comes():
        with pipeline:
            pipeline.aws.client("kinesis").delete_stream(StreamName=pipeline.resources.stream_name)
            pipeline.wait_until_done(1)

    with pytest.raises(MappingFailed, match="ResourceNotFound"):
        wait_for_what_never_comes()
    with pytest.raises(ProcessLookupError):
        os.kill(pipeline.aws.pid, 0)


def test_serve_runs_until_ctrl_c_and_ends_with_its_children(tmp_path):
    with (tmp_path / "out").open("w") as out:
        serving = subprocess.Popen(
            [sys.executable, "-m", "local", "serve"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    folder = tmp_path / "build" / "local"
    deadline = time.monotonic() + 60
    while not (served := find_served(folder)):
        assert serving.poll() is None, (tmp_path / "out").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert served.pid == serving.pid
    assert served.endpoint_url.startswith("http://127.0.0.1:")
    second = subprocess.run(
        [sys.executable, "-m", "local", "serve"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert "already runs" in second.stdout
    children = Path(f"/proc/{serving.pid}/task/{serving.pid}/children").read_text().split()
    assert children
    serving.send_signal(signal.SIGINT)
    assert serving.wait(30) == 0, (tmp_path / "out").read_text()
    assert "Traceback" not in (tmp_path / "out").read_text()
    assert not (folder / "pipeline.json").exists()
    for child in map(int, children):
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
