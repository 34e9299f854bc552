"""Stacks synthesised in this process: what `cdk.json` would say -> the template."""

import json
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App, assertions

from stack.context import read_plants
from stack.pipeline_stack import PipelineStack

PLANT = "TestPlant"


def template(plant: dict[str, Any] | None = None, known_use_cases: tuple[str, ...] = ("drift",)) -> dict:
    """The CloudFormation template of a plant: of the defaults where none is given."""
    return json.loads(_template(json.dumps(plant or {}), known_use_cases))


@cache
def _template(plant: str, known_use_cases: tuple[str, ...]) -> str:
    # A folder of our own, for CDK leaves its own behind, with a copy of the asset in each.
    with TemporaryDirectory(prefix="synthesised-") as folder:
        app = App(outdir=folder, context={"plants": {PLANT: json.loads(plant)}})
        [(name, checked)] = read_plants(app.node.try_get_context("plants"), known_use_cases).items()
        return json.dumps(assertions.Template.from_stack(PipelineStack(app, name, checked)).to_json())


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
