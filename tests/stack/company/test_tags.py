"""Each resource that AWS lets be tagged has the plant's tags, whatever is asked for."""

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.stack.synthesis import PLANT, template
from tests.stack.variants import VARIANTS, use_cases

EXPECTED = {"application": "kinesis-river", "plant": PLANT, "cost-centre": "42"}
NOT_BY_CDK: dict[str, str] = {}
"""Types that AWS lets be tagged and CDK does not: why that is so."""


def tag_property(resource_type: str) -> str | None:
    """The property that holds the tags of a type, by CloudFormation's own schema; None: it takes none."""
    if resource_type.startswith("Custom::"):
        return None
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    tagging = schema.get("tagging", {})
    if not tagging.get("taggable", "Tags" in schema["properties"]):
        return None
    return tagging.get("tagProperty", "/properties/Tags").rpartition("/")[2]


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_can_be_tagged_has_the_tags_of_the_plant(variant):
    plant = {**VARIANTS[variant], "tags": {"cost-centre": "42"}}
    tagged = set()
    for name, resource in template(plant, use_cases(plant))["Resources"].items():
        kind = resource["Type"]
        if (by := tag_property(kind)) is None or kind in NOT_BY_CDK:
            continue
        tags = resource["Properties"].get(by, {})
        # AWS writes a map or a list, from type to type.
        tags = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
        assert tags.items() >= EXPECTED.items(), f"{name}, {kind}"
        tagged.add(kind)
    assert {"AWS::Lambda::Function", "AWS::IAM::Role", "AWS::Logs::LogGroup", "AWS::SNS::Topic"} <= tagged
