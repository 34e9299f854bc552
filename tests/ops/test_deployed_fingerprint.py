"""Commands find the models that the deployed function has, whatever is installed beside them."""

import json
import logging
from importlib import metadata

import boto3
import pytest

from consumer.detectors.base import fingerprint
from consumer.handler import start
from consumer.pages.codec import versions
from consumer.pages.layout import prefix_of
from consumer.settings.environment import read_settings
from consumer.use_cases import USE_CASES
from ops.target import models_prefix
from tests.consumer.world import step
from tests.ops.operated import deploy, plant, run
from tests.ops.test_permissions import OUTPUTS

OTHER = "0123456789abcdef"
OWN = fingerprint(USE_CASES["drift"], versions())
PLACE = ("--stack", "Plant1")


@pytest.fixture(scope="module")
def deployed():
    """A function of another code than this checkout: its models lie under another fingerprint, as it says."""
    with plant() as made:
        made.learn("drift", step("pump1"))
        s3 = boto3.client("s3")
        for key, body in made.states().items():
            s3.put_object(Bucket="models", Key=key.replace(OWN, OTHER), Body=body)
            s3.delete_object(Bucket="models", Key=key)
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {name: {"Value": value} for name, value in OUTPUTS.items()},
        }
        boto3.client("cloudformation").create_stack(StackName="Plant1", TemplateBody=json.dumps(template))
        boto3.client("logs").create_log_group(logGroupName="/events")
        deploy("learns", {"MODELS_FINGERPRINT": OTHER})
        yield made


def test_signals_and_inspect_find_the_models_of_the_function(deployed):
    listed = run("signals", *PLACE, "--json")
    assert listed.exit_code == 0, listed.output
    assert [json.loads(line)["signal"] for line in listed.stdout.splitlines()] == ["pump1"]
    shown = run("inspect", "pump1", *PLACE, "--json")
    assert shown.exit_code == 0, shown.output
    assert OTHER in json.loads(shown.stdout)["page"]["key"]


@pytest.mark.parametrize(
    "command",
    [
        ["reset", "pump1", "--yes"],
        ["rollback", "pump1", "--to", "2026-01-31T12:00:00Z", "--yes"],
        ["inspect", "pump1", "--predict", "9.0"],
    ],
    ids=lambda command: command[0],
)
def test_what_would_learn_with_this_checkouts_code_is_refused_and_changes_nothing(deployed, command):
    before = deployed.objects()
    ran = run(*command, *PLACE)
    assert ran.exit_code == 1
    assert OTHER in ran.output
    assert OWN in ran.output
    assert "Check out what is deployed" in " ".join(ran.output.split())
    assert deployed.objects() == before


@pytest.mark.parametrize(
    ("said", "what_to_do"),
    [
        ({}, "Work with the checkout that it was deployed from; or go over"),
        ({"MODELS_FINGERPRINT": OWN}, "to go on from them"),
    ],
    ids=["of an older release", "newly deployed"],
)
def test_where_the_function_has_no_models_but_others_are_there_it_is_said_what_to_do(
    deployed, said, what_to_do
):
    lambda_ = boto3.client("lambda")
    [variables] = [
        each["Environment"]["Variables"]
        for each in lambda_.list_functions()["Functions"]
        if each["FunctionName"] == "learns"
    ]
    without = {name: value for name, value in variables.items() if name != "MODELS_FINGERPRINT"}
    before = deployed.objects()
    lambda_.update_function_configuration(FunctionName="learns", Environment={"Variables": without | said})
    try:
        for command in (["signals"], ["inspect", "pump1"], ["reset", "pump1", "--yes"]):
            ran = run(*command, *PLACE)
            assert ran.exit_code == 1
            assert what_to_do in " ".join(ran.output.split())
            assert "python -m ops upgrade build" in " ".join(ran.output.split())
            assert OTHER in ran.output
    finally:
        lambda_.update_function_configuration(FunctionName="learns", Environment={"Variables": variables})
    assert deployed.objects() == before


def test_models_of_another_code_are_not_moved_to_other_pages(deployed):
    before = deployed.objects()
    ran = run("repage", "--pages", "4", "--function", "learns", "--force")
    assert ran.exit_code == 1
    assert "Check out what is deployed" in " ".join(ran.output.split())
    assert deployed.objects() == before


def test_a_function_that_does_not_say_has_the_models_of_this_checkout():
    assert models_prefix("drift", {}) == models_prefix("drift") == prefix_of("drift", OWN)
    assert models_prefix("gone", {"MODELS_FINGERPRINT": OTHER}) == prefix_of("gone", OTHER)


@pytest.mark.parametrize(("said", "warns"), [("", False), (OWN, False), (OTHER, True)])
def test_a_function_warns_where_the_stack_says_otherwise_and_learns_where_it_would(said, warns, caplog):
    environment = {
        "MODEL_BUCKET": "models",
        "EVENT_BUS_NAME": "bus",
        "AWS_REGION": "us-east-1",
        "MODELS_FINGERPRINT": said,
    }
    with caplog.at_level(logging.WARNING, "river-consumer"):
        pipeline = start.__wrapped__(read_settings(environment))
    assert ("MODELS_FINGERPRINT" in caplog.text) == warns
    assert pipeline is not None


def test_the_fingerprint_covers_river_and_not_what_only_calculates():
    assert versions() == {"river": metadata.version("river")}
