"""CloudFormation accepts the templates, as far as its own schemas and rules tell, whatever is asked for."""

import json
from functools import cache

import pytest
from cfnlint import lint
from cfnlint.config import ManualArgs

from tests.stack.synthesis import template
from tests.stack.variants import VARIANTS, use_cases

IGNORED: dict[str, str] = {}
"""Rule -> why what it finds is harmless here."""


@cache
def findings(variant: str) -> list[str]:
    plant = VARIANTS[variant]
    region = plant.get("region", "eu-west-1")
    found = lint(json.dumps(template(plant, use_cases(plant))), config=ManualArgs(regions=[region]))
    return [f"{one.rule.id} {'/'.join(map(str, one.path or []))}: {one.message}" for one in found]


@pytest.mark.parametrize("variant", VARIANTS)
def test_cfn_lint_finds_nothing(variant):
    assert [text for text in findings(variant) if text.partition(" ")[0] not in IGNORED] == []


def test_what_is_wrong_is_found():
    wrong = template(VARIANTS["drift only"])
    [function] = [name for name, one in wrong["Resources"].items() if one["Type"] == "AWS::Lambda::Function"]
    wrong["Resources"][function]["Properties"]["Runtime"] = "python3.99"
    wrong["Resources"][function]["Properties"]["Role"] = {"Ref": "Nobody"}
    ids = {one.rule.id for one in lint(json.dumps(wrong), config=ManualArgs(regions=["eu-west-1"]))}
    assert {"E1020", "E3030"} <= ids
