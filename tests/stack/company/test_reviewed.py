"""The security rules pass for what companies with rules ask for, or the finding is accepted with a reason."""

import json
from pathlib import Path

import pytest
from aws_cdk import App

from stack.security_review import review
from tests.stack.synthesis import stack_of
from tests.stack.variants import VARIANTS, use_cases

ASKED = [
    "a company's rules",
    "a bucket that exists",
    "a stream of another account",
    "a region without SnapStart",
]


@pytest.mark.parametrize("variant", ASKED)
def test_every_security_rule_passes(variant):
    plant = VARIANTS[variant]
    stack = stack_of(json.dumps(plant), use_cases(plant))
    app = stack.node.root
    assert isinstance(app, App)
    review(app, {stack: plant.get("rules", [])})
    app.synth()  # raises where a rule has a finding
    report = json.loads((Path(app.outdir) / "validation-report.json").read_text())
    assert {one["conclusion"] for one in report["pluginReports"]} == {"success"}
    accepted = {
        one["ruleName"] for plugin in report["pluginReports"] for one in plugin["suppressedViolations"]
    }
    logged = "logs" in plant
    assert any("S1" in rule or "BucketLogging" in rule for rule in accepted) != logged
