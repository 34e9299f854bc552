"""CloudFormation accepts the templates, as far as its own schemas and rules tell, whatever is asked for."""

import json
from functools import cache

import pytest
from cfnlint.config import ConfigMixIn
from cfnlint.decode import decode_str
from cfnlint.runner import Runner

from tests.stack.synthesis import template
from tests.stack.variants import VARIANTS, use_cases

REGION = "eu-west-1"
IGNORED = {
    "W3005": "CDK writes a DependsOn also where a reference says the same; to CloudFormation they are one.",
}
"""Rule -> why what it finds is harmless."""


@cache
def linter(region: str) -> Runner:
    """Rules and schemas of a region, read once."""
    return Runner(ConfigMixIn(regions=[region]))


def lint(content: dict, region: str = REGION) -> dict[str, list[str]]:
    """Rule -> what it finds, each with where."""
    decoded, mistakes = decode_str(json.dumps(content))
    assert not mistakes
    found: dict[str, list[str]] = {}
    for one in linter(region).validate_template(decoded):
        found.setdefault(one.rule.id, []).append(f"{'/'.join(map(str, one.path or []))}: {one.message}")
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_cfn_lint_finds_no_error_and_no_warning(variant):
    plant = VARIANTS[variant]
    found = lint(template(plant, use_cases(plant)), plant.get("region", REGION))
    assert {rule: places for rule, places in found.items() if rule not in IGNORED} == {}


def test_what_is_wrong_is_found_and_no_rule_is_ignored_for_nothing():
    wrong = template(VARIANTS["drift only"])
    [function] = [name for name, one in wrong["Resources"].items() if one["Type"] == "AWS::Lambda::Function"]
    wrong["Resources"][function]["Properties"]["Runtime"] = "python3.99"
    wrong["Outputs"]["StreamName"]["Value"] = {"Ref": "Nobody"}
    assert lint(wrong).keys() >= {"E3030", "E6101", *IGNORED}
