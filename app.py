"""Synthesises the stacks that `cdk.json` describes, one for each plant; makes no AWS call.

`cdk synth`, `cdk diff` and `cdk deploy` run it.
"""

import sys

from consumer.errors import ConfigurationError
from consumer.settings.signals_yaml import read_signals_file
from consumer.use_cases import USE_CASES
from stack.bundling import BundlingFailed
from stack.context import InvalidConfiguration, read_plants
from stack.pipeline_stack import PipelineStack
from stack.security_review import review


def main() -> None:
    """Read the context and the settings per signal, make a stack for each plant, and have all reviewed."""
    from aws_cdk import App

    app = App()
    for name, plant in read_plants(app.node.try_get_context("plants"), USE_CASES).items():
        read_signals_file(plant.signals, USE_CASES)
        PipelineStack(app, name, plant)
    review(app)
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except (InvalidConfiguration, ConfigurationError, BundlingFailed) as error:
        sys.exit(f"\n{error}\n")
    except RuntimeError as error:  # jsii's: what CDK refuses
        sys.exit(f"\nCDK refuses the stacks of cdk.json: {error}\n")
