"""A step in shards that Kinesis would refuse is told at synthesis, where the template before is known."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack.config import StreamConfig
from stack.resharding import refused, shards_of

ROOT = Path(__file__).parents[2]


def stream(shards):
    return StreamConfig(mode="provisioned", shards=shards)


@pytest.mark.parametrize("after", [4, 5, 8, 15, 16])
def test_up_to_half_and_twice_is_one_deployment(after):
    assert refused(8, stream(after)) is None


@pytest.mark.parametrize(
    ("before", "after", "first"), [(8, 3, 4), (8, 1, 4), (7, 3, 4), (8, 17, 16), (1, 3, 2)]
)
def test_a_step_beyond_says_what_to_deploy_first(before, after, first):
    told = refused(before, stream(after))
    assert f"from {before}, in the last synthesis, to {after}" in told
    assert told.endswith(f"deploy {first} first")
    assert refused(before, stream(first)) is None


def test_nothing_is_told_of_what_is_not_known(tmp_path):
    assert shards_of(tmp_path / "none.json") is None
    for text in ("no JSON", "[]", "{}", '{"Resources": {}}'):
        (tmp_path / "some.json").write_text(text)
        assert shards_of(tmp_path / "some.json") is None
    assert refused(None, stream(1)) is None
    assert refused(8, StreamConfig()) is None  # to on-demand


def test_the_second_synthesis_warns_and_a_first_one_does_not(tmp_path):
    def synthesised(shards):
        plant = {"stream": {"mode": "provisioned", "shards": shards}, "use_cases": {"drift": {}}}
        context = {"plants": {"North": plant}, "aws:cdk:bundling-stacks": []}
        done = subprocess.run(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=os.environ | {"CDK_CONTEXT_JSON": json.dumps(context), "CDK_OUTDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert shards_of(tmp_path / "North.template.json") == shards
        return "kinesis-river:shards" in "".join(path.read_text() for path in tmp_path.glob("*.json"))

    assert not synthesised(8)
    assert synthesised(2)
    assert not synthesised(4)
