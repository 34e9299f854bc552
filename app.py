"""Synthesises the stacks that `cdk.json` describes, one for each of its `plants`; makes no AWS call.

`cdk synth`, `cdk diff` and `cdk deploy` run it; PLANT names another folder than this one (consumer/plant.py).

    python app.py template --bucket my-artifacts --prefix river    # what `make template` runs
"""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from consumer.errors import ConfigurationError
from consumer.plant import plant
from consumer.settings.calendars import run_out
from consumer.settings.signals_yaml import read_signals_file
from stack.bundling import BundlingFailed
from stack.company.company_config import RulePack
from stack.context import InvalidConfiguration, read_plants
from stack.deploy.template import FOLDER, how_to_upload, write_templates
from stack.pipeline_stack import PipelineStack
from stack.resharding import refused, shards_of
from stack.security_review import review

if TYPE_CHECKING:
    from aws_cdk import App

_AHEAD = timedelta(days=60)


def add_stacks(app: "App") -> None:
    """Check cdk.json and the settings for single signals, add the stacks, and have them reviewed."""
    from aws_cdk import Annotations, Stack

    files = plant()
    asked_for: dict[Stack, list[RulePack]] = {}
    configured = read_plants(app.node.try_get_context("plants"), files.use_cases, files.use_cases_file)
    for name, config in configured.items():
        for calendar in read_signals_file(config.signals, files).calendars:
            if run_out(calendar.spans or (), (datetime.now(UTC) + _AHEAD).timestamp()):
                print(f"{calendar.file} has no event after the next {_AHEAD.days} days: bring it up to date")
        stack = PipelineStack(app, name, config)
        asked_for[stack] = config.rules
        # What the last synthesis wrote is there until this one does, or where `make synth` moves it.
        shards = shards_of(Path(app.outdir) / stack.template_file)
        if shards is None:
            shards = shards_of(Path(app.outdir) / "before" / stack.template_file)
        if warning := refused(shards, config.stream):
            Annotations.of(stack).add_warning_v2("kinesis-river:shards", warning)
    review(app, asked_for)


def main(arguments: list[str]) -> None:
    """Synthesise for CDK's command line, or write what is deployed without it."""
    from aws_cdk import App

    parser = argparse.ArgumentParser(description="Synthesise the stacks of cdk.json.")
    commands = parser.add_subparsers(dest="command")
    template = commands.add_parser("template", help="plain templates with their assets")
    template.add_argument("--bucket", default="", help="where they will be; default: named on deployment")
    template.add_argument("--prefix", default="", help="its path there")
    given = parser.parse_args(arguments)
    if given.command is None:
        app = App()
        add_stacks(app)
        app.synth()
        return
    templates, warned = write_templates(add_stacks, Path("cdk.json"), FOLDER, given.bucket, given.prefix)
    for warning in warned:
        print(f"Warning: {warning}", file=sys.stderr)
    for path in templates:
        print(f"{path}: {path.stat().st_size:,} bytes, to be deployed by its S3 URL")
    print(f"Upload all of it: {how_to_upload(FOLDER, given.bucket, given.prefix)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (InvalidConfiguration, ConfigurationError, BundlingFailed) as error:
        sys.exit(f"\n{error}\n")
    except RuntimeError as error:  # jsii's: what CDK refuses
        sys.exit(f"\nCDK refuses the stacks of cdk.json: {error}\n")
