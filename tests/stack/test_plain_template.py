"""`make template`: what can be deployed without bootstrap and without CDK."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stack.deploy.template import how_to_upload

ROOT = Path(__file__).parents[2]
PLANT = {"use_cases": {"drift": {}}, "removal": "destroy"}
PARAMETERS = {"AssetBucket", "AssetPrefix"}


def written(folder: Path, *options: str, plants: dict | None = None) -> subprocess.CompletedProcess:
    folder.mkdir(exist_ok=True)
    (folder / "cdk.json").write_text(json.dumps({"context": {"plants": plants or {"TestPlant": PLANT}}}))
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py"), "template", *options],
        cwd=folder,
        env=os.environ | {"PLANT": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, str]:
    """The folder, and what was printed."""
    folder = tmp_path_factory.mktemp("plant")
    done = written(folder, "--bucket", "my-artifacts", "--prefix", "/river/42")
    assert done.returncode == 0, done.stderr
    return folder / "build" / "template", done.stdout


def test_it_names_nothing_of_a_bootstrap(made):
    text = (made[0] / "TestPlant.template.json").read_text()
    assert not re.search(r"bootstrap|hnb659fds|cdk-", text.replace("aws:cdk:", ""), re.IGNORECASE)
    plain = json.loads(text)
    assert "Rules" not in plain
    assert set(plain["Parameters"]) == PARAMETERS
    assert plain["Parameters"]["AssetBucket"]["Default"] == "my-artifacts"
    assert 51_200 < len(text.encode()) <= 1_000_000, "docs/deploy.md says that it is deployed from S3"


def test_a_second_run_gives_the_same_bytes_and_removes_what_is_old(made):
    folder, _ = made
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.glob("*.zip"):
        path.unlink()
    (folder / "0123.zip").touch()
    done = written(folder.parents[1], "--bucket", "my-artifacts", "--prefix", "river/42")
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--bucket", "s3://my-artifacts"], "BUCKET=s3://my-artifacts is no name of a bucket"),
        (["--prefix", "a b"], "PREFIX=a b is no path in a bucket"),
    ],
)
def test_a_wrong_place_is_told_before_anything_is_made(tmp_path, options, told):
    done = written(tmp_path / "plant", *options)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "plant" / "build").exists()


def test_without_a_bucket_whoever_deploys_has_to_name_one():
    assert how_to_upload(Path("build/template"), "", "") == "aws s3 sync build/template s3://BUCKET"
