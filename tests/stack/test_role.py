"""The function's role allows what its code does, and each thing that it allows besides has a reason.

The real handler runs against the embedded AWS through a proxy that writes down every request.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import pytest

from consumer.detectors.base import fingerprint
from consumer.handler import handler, start
from consumer.pages.codec import versions
from consumer.pages.layout import prefix_of
from consumer.use_cases import USE_CASES
from local.emulator.embedded_aws import EmbeddedAWS
from tests.consumer.world import InMemoryObjects, World, interleaved, points, record, step
from tests.e2e.faulty_proxy import Fate, FaultyProxy, Request
from tests.stack.synthesis import of_type, template

MODELS, FAILED_BATCHES = "arn:aws:s3:::models", "arn:aws:s3:::failed-batches"
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/bus"
STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/telemetry"
FAN_OUT = f"{STREAM}/consumer/fan-out:1700000000"
LOG = "arn:aws:logs:us-east-1:000000000000:log-group:log:*"
KEY = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PREFIX = f"{MODELS}/{prefix_of('drift', fingerprint(USE_CASES['drift'], versions()))}"

# Which resource a logical id stands for.
RESOURCES = {
    "ModelsBucket.*": MODELS,
    "FailedBatchesBucket.*": FAILED_BATCHES,
    "AlertsBus.*": BUS,
    "IngestStream.*": STREAM,
    "Consumer.*FanOut.*": FAN_OUT,
    "Consumer.*Log.*": LOG,
}
_READS = "The event source mapping reads the stream in the function's name."
_GIVES_UP = "Lambda stores a batch that it gives up in the function's name, and looks at the bucket first."
_LOGS = "Lambda writes what the function prints."
_TRACES = "Lambda's daemon sends the traces."
NOT_CALLED_BY_THE_CODE = {
    ("s3:ListBucket", MODELS): "With it a model that is not there yet is answered with 404, not with 403.",
    ("kinesis:DescribeStream", STREAM): _READS,
    ("kinesis:DescribeStreamSummary", STREAM): _READS,
    ("kinesis:GetRecords", STREAM): _READS,
    ("kinesis:GetShardIterator", STREAM): _READS,
    ("kinesis:ListShards", STREAM): _READS,
    ("s3:PutObject", f"{FAILED_BATCHES}/aws/lambda/*"): _GIVES_UP,
    ("s3:ListBucket", FAILED_BATCHES): _GIVES_UP,
    ("logs:CreateLogStream", LOG): _LOGS,
    ("logs:PutLogEvents", LOG): _LOGS,
    ("xray:PutTelemetryRecords", "*"): _TRACES,
    ("xray:PutTraceSegments", "*"): _TRACES,
}
WITH_A_KEY = {("kms:Decrypt", KEY): "The mapping reads an existing stream that this key encrypts."}
WITH_FAN_OUT = {
    ("kinesis:DescribeStreamConsumer", FAN_OUT): _READS,
    ("kinesis:SubscribeToShard", FAN_OUT): _READS,
}


@dataclass(frozen=True)
class Role:
    """What a function's role allows: pairs of an action and the ARNs it is allowed on."""

    allowed: frozenset[tuple[str, str]]

    def may(self, action: str, arn: str) -> bool:
        return any(action == one and matches(pattern, arn) for one, pattern in self.allowed)

    def without(self, action: str) -> "Role":
        return Role(frozenset(pair for pair in self.allowed if pair[0] != action))


def role(plant: dict | None = None, use_case: str = "drift") -> Role:
    """The role of the only function of a plant, from its template."""
    roles = of_type(template(plant, (use_case,)), "AWS::IAM::Role").values()
    [properties] = [one["Properties"] for one in roles if "lambda.amazonaws.com" in json.dumps(one)]
    assert "ManagedPolicyArns" not in properties
    statements = [
        statement for policy in properties["Policies"] for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert all(set(statement) == {"Action", "Effect", "Resource"} for statement in statements)
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    return Role(
        frozenset(
            (action, resolved(resource))
            for statement in statements
            for action in as_list(statement["Action"])
            for resource in as_list(statement["Resource"])
        )
    )


def as_list(one_or_more) -> list:
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]


def resolved(arn) -> str:
    """An ARN in the template as the ARN that it becomes."""
    if isinstance(arn, str):
        return arn
    [(function, argument)] = arn.items()
    if function == "Fn::Join":
        return "".join(map(resolved, argument[1]))
    logical_id = argument if function == "Ref" else argument[0]
    [found] = [arn for name, arn in RESOURCES.items() if re.fullmatch(name, logical_id)]
    return found


def matches(pattern: str, arn: str) -> bool:
    """IAM's wildcards; nothing else has a meaning."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), arn) is not None


def call_of(request: Request) -> tuple[str, str]:
    """What IAM is asked about a request."""
    if request.service == "events":
        [bus] = {entry["EventBusName"] for entry in json.loads(request.body)["Entries"]}
        return "events:PutEvents", BUS.replace("/bus", f"/{bus}")
    place = urlsplit(request.path)
    action = {"GET": "s3:GetObject", "PUT": "s3:PutObject"}[request.method]
    bucket, _, key = unquote(place.path).removeprefix("/").partition("/")
    assert bucket
    assert key
    assert not place.query
    return action, f"arn:aws:s3:::{bucket}/{key}"


@pytest.fixture(scope="module")
def aws(tmp_path_factory) -> Iterator[EmbeddedAWS]:
    with EmbeddedAWS(tmp_path_factory.mktemp("aws") / "aws.log") as running:
        yield running


@pytest.fixture(scope="module")
def calls(aws) -> set[tuple[str, str]]:
    """All that the handler asks of AWS where it learns, starts cold, is warm, publishes and quarantines."""
    aws.client("s3").create_bucket(Bucket="models")
    aws.client("events").create_event_bus(Name="bus")
    requests: list[Request] = []

    def write_down(request: Request) -> Fate:
        requests.append(request)
        return "pass"

    drifts = interleaved(step("compressor1.pressure"), step("pump 7/°C"))
    records = [*points(drifts), record(900, b"no JSON", key="pump 7/°C")]
    with FaultyProxy(aws.endpoint_url, write_down) as proxy, pytest.MonkeyPatch.context() as environment:
        settings = {"MODEL_BUCKET": "models", "EVENT_BUS_NAME": "bus", "AWS_ENDPOINT_URL": proxy.endpoint_url}
        for name, value in (aws.environment() | settings).items():
            environment.setenv(name, value)
        for batch in (records[:300], records, records):  # new pages, warm ones, and nothing left to do
            assert handler({"Records": batch}, None) == {"batchItemFailures": []}
        start.cache_clear()
        assert handler({"Records": points(drifts, first=1000)}, None) == {"batchItemFailures": []}
    return set(map(call_of, requests))


def test_the_run_does_all_that_a_function_does_to_aws(calls):
    assert ("events:PutEvents", BUS) in calls
    for action in ("s3:GetObject", "s3:PutObject"):
        assert (action, f"{PREFIX}/layout.json") in calls
        assert any(one == action and arn.startswith(f"{PREFIX}/pages/16/") for one, arn in calls)
    assert any(arn.startswith(f"{MODELS}/quarantine/drift/plant/") for _, arn in calls)


def test_the_role_allows_every_call_that_the_code_makes(calls):
    assert [call for call in sorted(calls) if not role().may(*call)] == []


@pytest.mark.parametrize(
    ("plant", "reasons"),
    [
        ({}, {}),
        ({"stream": {"arn": STREAM}}, {}),
        ({"stream": {"arn": STREAM, "key_arn": KEY}}, WITH_A_KEY),
        ({"use_cases": {"drift": {"enhanced_fan_out": True}}}, WITH_FAN_OUT),
    ],
    ids=["a stream of its own", "an existing stream", "an existing stream with a key", "fan-out"],
)
def test_what_the_role_allows_and_the_code_does_not_call_has_a_reason_and_no_reason_is_idle(
    calls, plant, reasons
):
    called = {
        (action, pattern)
        for action, pattern in role(plant).allowed
        if any(action == one and matches(pattern, arn) for one, arn in calls)
    }
    assert called | set(NOT_CALLED_BY_THE_CODE | reasons) == role(plant).allowed
    assert not called & set(NOT_CALLED_BY_THE_CODE | reasons)


@pytest.mark.parametrize(
    ("action", "arn"),
    [
        ("s3:GetObject", f"{MODELS}/models/other/x"),
        ("s3:PutObject", f"{MODELS}/models/other/x"),
        ("s3:PutObject", f"{MODELS}/models/drift-2/x"),
        ("s3:PutObject", f"{MODELS}/quarantine/other/x"),
        ("s3:GetObject", f"{MODELS}/quarantine/drift/x"),
        ("s3:DeleteObject", f"{MODELS}/models/drift/x"),
        ("s3:GetObject", f"{FAILED_BATCHES}/aws/lambda/x"),
        ("s3:PutObject", f"{FAILED_BATCHES}/models/drift/x"),
        ("events:PutEvents", BUS.replace("/bus", "/default")),
        ("kinesis:PutRecord", STREAM),
    ],
)
def test_the_role_allows_nothing_beyond_its_use_case(action, arn):
    assert not role().may(action, arn)


@pytest.mark.parametrize("use_case", ["vibration.fft", "*", "a b"])
def test_a_use_case_of_any_name_may_reach_its_models_and_no_others(use_case):
    allowed = role({"use_cases": {use_case: {}}}, use_case)
    own = f"{MODELS}/{prefix_of(use_case, '0123456789abcdef')}/layout.json"
    assert allowed.may("s3:GetObject", own)
    assert allowed.may("s3:PutObject", own)
    assert not allowed.may("s3:GetObject", f"{PREFIX}/layout.json")


# What the code relies on without a call of it.


def learn_on_a_bucket_of(allowed: Role) -> tuple[list[str], dict]:
    """What is reported, and which models there are, after a first batch on an empty bucket."""
    world = World(objects=InMemoryObjects(may_list=allowed.may("s3:ListBucket", MODELS)))
    report = world.invoke(points([("pump", 1.0)] * 3))
    return report.failed, world.states()


def test_the_first_model_is_made_with_the_templates_role():
    reported, states = learn_on_a_bucket_of(role())
    assert reported == []
    assert states["pump"].learned == 3


def test_without_list_bucket_no_model_would_ever_be_made():
    reported, states = learn_on_a_bucket_of(role().without("s3:ListBucket"))
    assert reported == ["100"]
    assert states == {}
