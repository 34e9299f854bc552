"""Each command asks of AWS what docs/operations.md says that it takes, and nothing else."""

import json
import re
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from tests.consumer.world import step
from tests.e2e.faulty_proxy import Fate, FaultyProxy, Request
from tests.ops.operated import deploy, plant, run
from tests.ops.test_explain import deliver, put

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
SERVICES = {"Kinesis_20131202": "kinesis", "Logs_20140328": "logs"}
OUTPUTS = {
    "StreamName": "plant",
    "StreamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/plant",
    "EventBusName": "bus",
    "ModelBucketName": "models",
    "EventLogGroupName": "/events",
    "UseCases": "drift",
    "FunctionNameDrift": "learns",
}
PLACE = ("--stack", "Plant1")


class Asked(FaultyProxy):
    """It notes what IAM would be asked about each request."""

    def __init__(self, target_url: str) -> None:
        super().__init__(target_url, lambda request: "pass")
        self.actions: set[str] = set()
        self._noting = threading.Lock()

    def _decide(self, method: str, path: str, target: str, body: bytes) -> tuple[Request, Fate]:
        with self._noting:
            self.actions.add(action(method, path, target, body))
        return super()._decide(method, path, target, body)


def action(method: str, path: str, target: str, body: bytes) -> str:
    if target:
        service, _, name = target.partition(".")
        return f"{SERVICES[service]}:{name}"
    if b"Action=" in body:
        return f"cloudformation:{parse_qs(body.decode())['Action'][0]}"
    if path.endswith("/functions/learns/configuration"):
        return "lambda:GetFunctionConfiguration"
    asked = parse_qs(urlsplit(path).query, keep_blank_values=True)
    if "list-type" in asked:
        return "s3:ListBucket"
    if "versions" in asked:
        return "s3:ListBucketVersions"
    if "versionId" in asked:
        return "s3:GetObjectVersion"
    return {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject"}[method]


def documented() -> dict[str, set[str]]:
    """What each command takes, by its name."""
    text = OPERATIONS.partition("\n### The commands\n")[2].partition("\n### ")[0]
    lines = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {
        re.match(r"\| `(\w+)", command)[1]: set(re.findall(r"`(\w+:\w+)`", takes))
        for command, _, takes in lines
    }


@pytest.fixture(scope="module")
def learned():
    """A stack's function that has learned a signal and told of a drift; the event."""
    with plant() as made:
        kinesis, logs = boto3.client("kinesis"), boto3.client("logs")
        kinesis.create_stream(StreamName="plant", ShardCount=1)
        made.iterator = None
        put(step("pump1"))
        deliver(made, "drift")
        [event] = made.told()
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {name: {"Value": value} for name, value in OUTPUTS.items()},
        }
        boto3.client("cloudformation").create_stack(StackName="Plant1", TemplateBody=json.dumps(template))
        deploy("learns", {"SIGNAL_SETTINGS": "signals.yaml"})
        logs.create_log_group(logGroupName="/events")
        logs.create_log_stream(logGroupName="/events", logStreamName="all")
        line = {"timestamp": made.now_ms(), "message": json.dumps({"detail": event})}
        logs.put_log_events(logGroupName="/events", logStreamName="all", logEvents=[line])
        yield made, event


RUNS = {
    "signals": [["signals"]],
    "inspect": [["inspect", "pump1"], ["inspect", "pump"]],  # one that is not there is looked for everywhere
    "explain": [["explain", "ID"]],
    "mute": [["mute", "pump*", "--until", "2h", "--yes"]],
    "unmute": [["unmute", "pump*", "--yes"]],
}
NOT_CALLED = {"s3:ListBucket"}
"""Of all it is said: without it, S3 answers with 403 for what is not there."""


def test_every_command_that_the_table_has_is_run_here():
    assert set(documented()) == set(RUNS)


@pytest.mark.parametrize("command", RUNS)
def test_a_command_asks_for_what_the_table_says(learned, command):
    made, event = learned
    runs = [[event["id"] if one == "ID" else one for one in arguments] for arguments in RUNS[command]]
    assert actions_of(made, runs) | NOT_CALLED == documented()[command] | {"cloudformation:DescribeStacks"}


def test_a_repair_of_the_mutes_asks_for_what_the_table_says_of_unmute(learned):
    made, _ = learned
    s3 = boto3.client("s3")
    s3.put_object(Bucket="models", Key="mutes.json", Body=b'{"mutes": [{"pattern": ""}]}')
    asked = actions_of(made, [["unmute", "--repair", "--yes"]])
    assert asked | NOT_CALLED == documented()["unmute"] | {"cloudformation:DescribeStacks"}
    written = {key for key in made.objects() if not key.startswith("models/")}
    assert len(written) == 2
    assert all(key == "mutes.json" or key.startswith("mutes.json.unreadable-") for key in written)
    assert "`mutes.json.unreadable-*`" in OPERATIONS


def actions_of(made, runs: list[list[str]]) -> set[str]:
    """What IAM is asked while the commands run."""
    with Asked(made.endpoint_url) as asked, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", asked.endpoint_url)
        for arguments in runs:
            ran = run(*arguments, *PLACE)
            assert ran.exit_code == (1 if "pump" in arguments else 0), ran.output
    return asked.actions
