"""The template of `make template` deploys, runs, and is operated, with the permissions that are written down.

IAM is enforced: for the functions, by their roles in the template; for operators, by what the documents list;
for whoever deploys, by the caller's policy of stack/deploy/policy.py. What CloudFormation itself does to
resources, the emulator does not check: tests/stack/test_deploy_policy.py does, by CloudFormation's schemas.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator.embedded_aws import REGION, EmbeddedAWS
from stack.deploy.policy import Place, caller_policy
from tests.e2e.deployed_stack import (
    ARCHIVE,
    BUCKET,
    LEFT_OUT,
    METRIC_MATH,
    PREFIX,
    ROOT,
    TLS_ONLY,
    NotCreated,
    User,
    create_stack,
    create_user,
    isolated,
    left_out,
    part_of,
    python_here,
    without,
    write_templates,
    zip_asset,
)
from tests.e2e.documented_permissions import ASKED_HERE, ASKED_OF_ALL_HERE, Documented
from tests.ops.test_permissions import documented

STACK = "KinesisRiver"
PLACE = Place(stack=STACK, account="000000000000", region=REGION, bucket=BUCKET, prefix=PREFIX)
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
PYTHONS = [version for version in ("3.14", "3.13", "3.12", "3.11") if python_here(version)]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the asset has wheels for Linux")

OTHER_USE_CASES = """
from river import drift

from consumer.detectors.drift import DriftUseCase
from consumer.use_cases import USE_CASES as SHIPPED

USE_CASES = SHIPPED | {"shift": DriftUseCase(drift.PageHinkley())}
"""


@pytest.fixture(scope="module")
def templates(tmp_path_factory) -> Path:
    return write_templates(tmp_path_factory.mktemp("plant"))


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Site:
    """The stack, deployed."""

    aws: EmbeddedAWS
    outputs: dict[str, str]
    deployer: User
    log: Path

    def run(self, user: User, *arguments: str, plant: str = "") -> Ran:
        """Run a command of this project as that user."""
        environment = os.environ | user.environment(self.aws) | {"PLANT": plant}
        done = subprocess.run(
            [sys.executable, "-m", *arguments, "--stack", STACK],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module", params=[0, 1], ids=["newest Python here", "the next one"])
def site(request, templates, tmp_path_factory) -> Iterator[Site]:
    """Deployed as docs/deploy.md says: the folder uploaded, and the stack created from the template's URL."""
    if len(PYTHONS) <= request.param:
        pytest.skip(f"there is no other Python of 3.11 to 3.14 here than {', '.join(PYTHONS)}")
    version = PYTHONS[request.param]
    python = python_here(version)
    assert python is not None
    folder = tmp_path_factory.mktemp("deployed")
    asset = folder / "asset.zip"
    zip_asset(version, python, asset)
    template = json.loads((templates / f"{STACK}.template.json").read_text())
    with EmbeddedAWS(folder / "aws.log", iam_enforced=True, function_python=isolated(python, folder)) as aws:
        aws.client("s3").create_bucket(Bucket=BUCKET)
        deployer = create_user(aws, "deployer", caller_policy(PLACE))
        s3 = deployer.client(aws, "s3")
        for file in templates.glob("*.zip"):
            with asset.open("rb") as content:
                s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}{file.name}", Body=content)
        asset.unlink()
        key = f"{PREFIX}{STACK}.template.json"
        s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(without(template, LEFT_OUT)))
        client, url = deployer.client(aws, "cloudformation"), f"{aws.endpoint_url}/{BUCKET}/{key}"
        yield Site(aws, create_stack(client, STACK, TemplateURL=url), deployer, folder / "aws.log")


def test_what_is_sent_is_learned_and_alerted_and_operators_see_it(site, tmp_path):
    """Under the permissions that the documents list, and no others."""
    may = Documented(STACK, site.outputs, REGION)
    operator = create_user(site.aws, "smoke", may.smoke())
    smoke = site.run(operator, "producer_sim", "smoke", "--json", "--learn-within", "120")
    assert smoke.exit_code == 0, f"{smoke}\n{site.log.read_text()[-3000:]}"
    told = json.loads(smoke.stdout)
    assert [hop["outcome"] for hop in told["hops"]] == ["passed"] * 6
    signal = told["signal"]

    operator = create_user(site.aws, "signals", may.command(documented()["signals"]))
    for use_case in ("anomaly", "shift"):
        listed = site.run(operator, "ops", "signals", "--use-case", use_case, "--json")
        assert listed.exit_code == 0, listed
        [line] = map(json.loads, listed.stdout.splitlines())
        assert (line["signal"], line["observations"]) == (signal, 400)
    with pytest.raises(ClientError, match="AccessDenied"):
        operator.client(site.aws, "kinesis").put_record(
            StreamName=site.outputs["StreamName"], PartitionKey=signal, Data=b"1"
        )

    operator = create_user(site.aws, "inspect", may.command(documented()["inspect"]))
    shown = site.run(operator, "ops", "inspect", signal, "--use-case", "shift", "--json")
    assert shown.exit_code == 0, shown

    (tmp_path / "use_cases.py").write_text(OTHER_USE_CASES)
    (tmp_path / "cdk.json").write_text((ROOT / "cdk.json").read_text())
    operator = create_user(site.aws, "upgrade", may.upgrade_build())
    build = ("ops", "upgrade", "build", "--use-case", "shift", "--yes")
    built = site.run(operator, *build, plant=str(tmp_path))
    assert built.exit_code == 0, built
    assert "Learned: 400 observations in 4 records" in built.stdout
    again = site.run(operator, *build, plant=str(tmp_path))
    assert again.exit_code == 0, again
    assert "nothing to do" in again.stdout


def test_the_deployer_may_do_nothing_beside_its_stack(site):
    with pytest.raises(NotCreated, match="AccessDenied"):
        create_stack(site.deployer.client(site.aws, "cloudformation"), "Other", TemplateBody="{}")
    with pytest.raises(ClientError, match="AccessDenied"):
        site.deployer.client(site.aws, "s3").list_objects_v2(Bucket=site.outputs["ModelBucketName"])


# What is left out is left out for a reason that holds.


@pytest.fixture(scope="module")
def template(templates) -> dict[str, Any]:
    return json.loads((templates / f"{STACK}.template.json").read_text())


@pytest.fixture(scope="module")
def aws(tmp_path_factory) -> Iterator[EmbeddedAWS]:
    with EmbeddedAWS(tmp_path_factory.mktemp("aws") / "aws.log", iam_enforced=True) as running:
        yield running


NOT_CREATED = {ARCHIVE: "Unrecognized resource types", METRIC_MATH: "is not supported"}


@pytest.mark.parametrize("name", NOT_CREATED)
def test_what_is_left_out_cannot_be_created_here(aws, template, name):
    # The one that refers to the least of the others.
    part = min((part_of(template, one) for one in left_out(template, name)), key=lambda part: len(str(part)))
    with pytest.raises(NotCreated, match=NOT_CREATED[name]):
        create_stack(aws.client("cloudformation"), "Refused", TemplateBody=json.dumps(part), **PARAMETERS)


PARAMETERS = {"Parameters": [{"ParameterKey": "AssetBucket", "ParameterValue": BUCKET}]}


def test_with_the_denial_of_all_but_tls_nobody_may_read_here(aws, template):
    everybody = create_user(aws, "everybody", EVERYTHING).client(aws, "s3")
    policy = next(one for one in sorted(left_out(template, TLS_ONLY)) if one.startswith("FailedBatches"))
    client, listed = aws.client("cloudformation"), []
    for name, whole in (("Denies", template), ("Allows", without(template, [TLS_ONLY]))):
        body = json.dumps(part_of(whole, policy))
        create_stack(client, name, TemplateBody=body, **PARAMETERS)
        resources = client.describe_stack_resources(StackName=name)["StackResources"]
        [bucket] = [one for one in resources if one["ResourceType"] == "AWS::S3::Bucket"]
        try:
            everybody.list_objects_v2(Bucket=bucket["PhysicalResourceId"])
        except ClientError as error:
            listed.append(error.response["Error"]["Code"])
        else:
            listed.append("listed")
    assert listed == ["AccessDenied", "listed"]


def test_iam_here_asks_for_more_than_that_of_aws(aws):
    """Where this fails, ASKED_HERE or ASKED_OF_ALL_HERE has what is not needed any more."""
    arn, kinesis = f"{REGION}:000000000000", aws.client("kinesis")
    kinesis.create_stream(StreamName="read", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="read", WaiterConfig={"Delay": 1})
    grants = {
        f"arn:aws:sqs:{arn}:river-observe-x": ["sqs:CreateQueue", "sqs:DeleteMessage"],
        f"arn:aws:kinesis:{arn}:stream/read": ["kinesis:*"],
    }
    statements = [{"Effect": "Allow", "Action": may, "Resource": on} for on, may in grants.items()]
    user = create_user(aws, "reads", {"Version": "2012-10-17", "Statement": statements})
    sqs, kinesis = user.client(aws, "sqs"), user.client(aws, "kinesis")
    url = sqs.create_queue(QueueName="river-observe-x")["QueueUrl"]
    with pytest.raises(ClientError, match="sqs:DeleteMessageBatch"):
        sqs.delete_message_batch(QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": "x"}])
    [shard] = kinesis.list_shards(StreamName="read")["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName="read", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    with pytest.raises(ClientError, match="kinesis:GetRecords"):
        kinesis.get_records(ShardIterator=iterator)
    assert (set(ASKED_HERE), ASKED_OF_ALL_HERE) == ({"sqs:DeleteMessage"}, {"kinesis:GetRecords"})


def test_every_name_that_is_left_out_is_in_the_template_and_has_been_tried(template):
    assert set(LEFT_OUT) == {*NOT_CREATED, TLS_ONLY}
    assert all(left_out(template, name) for name in LEFT_OUT)
