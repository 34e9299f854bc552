"""Models in a bucket that exists: the stack uses it, and changes nothing of it."""

import json

import pytest

from clients.account import Account
from clients.deployment import pipeline_of_stack
from stack.context import InvalidConfiguration, read_plants
from tests.stack.synthesis import of_type, template, the

BUCKET = "central-models.example"
PLANT = {"models_bucket": BUCKET}


def test_function_role_and_outputs_are_of_the_bucket_that_exists():
    used = template(PLANT)
    assert the(used, "AWS::Lambda::Function")["Environment"]["Variables"]["MODEL_BUCKET"] == BUCKET
    assert used["Outputs"]["ModelBucketName"]["Value"] == BUCKET
    [role] = [
        role for name, role in of_type(used, "AWS::IAM::Role").items() if name.startswith("Consumerdrift")
    ]
    text = json.dumps(role)
    for suffix in ("", "/models/drift/*", "/quarantine/drift/*", "/mutes.json"):
        assert f':s3:::{BUCKET}{suffix}"' in text
    assert "ModelsBucket" not in text


@pytest.mark.parametrize("removal", ["keep", "destroy"])
def test_nothing_in_the_template_makes_changes_or_empties_it(removal):
    used, shipped = template({**PLANT, "removal": removal}), template({"removal": removal})
    for kind in ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Custom::S3AutoDeleteObjects"):
        of_others = {name for name in of_type(shipped, kind) if not name.startswith("Models")}
        assert set(of_type(used, kind)) == of_others
        assert BUCKET not in json.dumps(of_type(used, kind))


def test_operators_commands_and_smoke_find_it_by_the_outputs():
    outputs = {name: str(output["Value"]) for name, output in template(PLANT)["Outputs"].items()}
    [models] = pipeline_of_stack("Plant", outputs, Account()).models
    assert models.bucket == BUCKET


def test_two_plants_in_one_bucket_are_refused_for_their_models_would_mix():
    with pytest.raises(InvalidConfiguration) as raised:
        read_plants({"North": PLANT, "South": PLANT}, ["drift"])
    assert "context.plants.South.models_bucket is 'central-models.example', that of North" in str(
        raised.value
    )
    assert read_plants({"North": PLANT, "South": {}, "East": {}}, ["drift"])
