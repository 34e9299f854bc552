"""Stacks synthesised in this process: what `cdk.json` would say -> the template."""

import json
from functools import cache
from itertools import count
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App, assertions

from stack.context import read_plants
from stack.deploy.policy import TYPES
from stack.pipeline_stack import PipelineStack

PLANT = "TestPlant"
# CDK leaves its output behind; this goes when the process ends.
_OUTPUT, _NUMBERS = TemporaryDirectory(prefix="synthesised-"), count()


def template(plant: dict[str, Any] | None = None, known_use_cases: tuple[str, ...] = ("drift",)) -> dict:
    """The CloudFormation template of a plant: of the defaults where none is given."""
    return json.loads(_template(json.dumps(plant or {}), known_use_cases))


def infos(plant: dict[str, Any]) -> list[str]:
    """What the synthesis of a plant remarks."""
    found = assertions.Annotations.from_stack(stack_of(json.dumps(plant), ("drift",)))
    return [str(one.entry.data) for one in found.find_info("*", assertions.Match.any_value())]


@cache
def _template(plant: str, known_use_cases: tuple[str, ...]) -> str:
    made = assertions.Template.from_stack(stack_of(plant, known_use_cases)).to_json()
    # Whatever any test makes, whoever deploys it has a policy that is enough: stack/deploy/policy.py.
    assert {resource["Type"] for resource in made["Resources"].values()} <= TYPES
    return json.dumps(made)


def stack_of(plant: str, known_use_cases: tuple[str, ...]) -> PipelineStack:
    """The stack of a plant, given as JSON, before it is synthesised."""
    # Without a copy of the asset for each: a template names it by its hash alone.
    context = {"plants": {PLANT: json.loads(plant)}, "aws:cdk:disable-asset-staging": True}
    app = App(outdir=f"{_OUTPUT.name}/{next(_NUMBERS)}", context=context)
    [(name, checked)] = read_plants(app.node.try_get_context("plants"), known_use_cases).items()
    return PipelineStack(app, name, checked)


def of_type(template: dict, resource_type: str) -> dict[str, dict]:
    """The resources of a type, by logical id."""
    return {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] == resource_type
    }


def the(template: dict, resource_type: str) -> dict:
    """The properties of the only resource of a type."""
    [resource] = of_type(template, resource_type).values()
    return resource["Properties"]
