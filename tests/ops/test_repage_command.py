"""`python -m ops repage` on a bucket: keys as S3 lists them, and no move while a mapping is enabled."""

import asyncio
import io
import json
import urllib.request
import zipfile

import boto3
import pytest
from moto import mock_aws
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

from consumer.aws.s3 import open_bucket
from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import fingerprint
from consumer.errors import ConfigurationError
from consumer.learning.state import State
from consumer.pages.codec import PageCodec, versions
from consumer.pages.layout import Layout, prefix_of
from consumer.use_cases import USE_CASES
from ops.__main__ import app
from ops.lambda_function import LambdaFunction

PREFIX = prefix_of("drift", fingerprint(USE_CASES["drift"], versions()))
NAMES = ["compressor1.pressure", "a/b c", "..", "Größe", "%2E"]


@pytest.fixture
def environment(monkeypatch):
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "MODEL_BUCKET": "models",
        "EVENT_BUS_NAME": "bus",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    reset = urllib.request.Request(f"http://127.0.0.1:{port}/moto-api/reset", method="POST")
    urllib.request.urlopen(reset).close()
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="models")
    yield variables
    server.stop()


def write_layout_0(variables: dict[str, str]) -> None:
    objects = open_bucket("models", "us-east-1", variables["AWS_ENDPOINT_URL"])

    async def write():
        await objects.write(f"{PREFIX}/layout.json", b'{"pages":0}')
        for name in NAMES:
            states = {SignalKey(name, name): State(USE_CASES["drift"].create(1), learned=7)}
            await objects.write(Layout(PREFIX, 0).key_of(name), PageCodec().encode(states))

    asyncio.run(write())


def stored() -> dict[str, bytes]:
    s3 = boto3.client("s3", region_name="us-east-1")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="models").get("Contents", [])]
    return {key: s3.get_object(Bucket="models", Key=key)["Body"].read() for key in keys}


def test_objects_of_any_name_are_found_and_moved(environment):
    write_layout_0(environment)
    ran = CliRunner().invoke(app, ["repage", "--pages", "4", "--force"])
    assert ran.exit_code == 0, ran.output
    assert f"{len(NAMES)} signals" in ran.output
    after = stored()
    assert json.loads(after[f"{PREFIX}/layout.json"]) == {"pages": 4}
    pages = [PageCodec().decode(body) for key, body in after.items() if "/pages/4/" in key]
    assert sorted(key.signal for page in pages for key in page) == sorted(NAMES)


def test_without_a_function_it_asks_for_force(environment):
    ran = CliRunner().invoke(app, ["repage", "--pages", "4"])
    assert ran.exit_code == 1
    assert "--force" in ran.output


def test_where_there_are_no_models_it_says_so(environment):
    ran = CliRunner().invoke(app, ["repage", "--pages", "4", "--force"])
    assert ran.exit_code == 1
    assert "nothing was learned" in ran.output


def test_it_places_by_asset_and_the_model_with_the_present_parameters_goes_on(environment):
    objects = open_bucket("models", "us-east-1", environment["AWS_ENDPOINT_URL"])
    among, alone = SignalKey("c1", "c1.pressure"), SignalKey("c1.pressure", "c1.pressure")
    states = {
        among: State(USE_CASES["drift"].create(1), learned=9, parameters="of an entry that is gone"),
        alone: State(USE_CASES["drift"].create(1), learned=4),
    }

    async def write():
        await objects.write(f"{PREFIX}/layout.json", b'{"pages":1}')
        await objects.write(Layout(PREFIX, 1).key_of("c1"), PageCodec().encode(states))

    asyncio.run(write())
    before = stored()
    ran = CliRunner().invoke(app, ["repage", "--placement", "asset", "--among", "c1.*", "--force"])
    assert ran.exit_code == 1
    assert "--among is for --placement record" in " ".join(ran.output.split())
    assert stored() == before
    ran = CliRunner().invoke(app, ["repage", "--placement", "asset", "--force"])
    assert ran.exit_code == 0, ran.output
    assert "has other parameters than signals.yaml" in " ".join(ran.output.split())
    assert "PLACEMENT (`placement` in cdk.json) to asset" in " ".join(ran.output.split())
    after = stored()
    recorded = json.loads(after[f"{PREFIX}/layout.json"])["by_asset"]
    assert recorded["pages"] == 1
    [page] = [PageCodec().decode(body) for key, body in after.items() if f"/{recorded['assets']}/1/" in key]
    assert {key: state.learned for key, state in page.items()} == {among: 4}


@pytest.fixture
def function(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with mock_aws():
        role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("m.py", "")
        client = boto3.client("lambda", region_name="us-east-1")
        client.create_function(
            FunctionName="consumer",
            Runtime="python3.13",
            Role=role,
            Handler="m.h",
            Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": {"MODEL_BUCKET": "models", "USE_CASE": "drift"}},
        )
        yield client


def stream_arn() -> str:
    kinesis = boto3.client("kinesis", region_name="us-east-1")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    return kinesis.describe_stream(StreamName="s")["StreamDescription"]["StreamARN"]


def test_a_function_without_mappings_is_idle_and_tells_its_environment(function):
    deployed = LambdaFunction(boto3.client("lambda", "us-east-1"), "consumer")
    deployed.check_is_paused()
    assert deployed.environment()["MODEL_BUCKET"] == "models"


def test_an_enabled_mapping_is_named(function):
    mapping = function.create_event_source_mapping(
        EventSourceArn=stream_arn(), FunctionName="consumer", StartingPosition="TRIM_HORIZON"
    )
    with pytest.raises(ConfigurationError, match=mapping["UUID"]):
        LambdaFunction(boto3.client("lambda", "us-east-1"), "consumer").check_is_paused()
