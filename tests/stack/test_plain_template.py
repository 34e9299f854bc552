"""`make template`: what can be deployed without bootstrap and without CDK."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from stack.deploy.template import how_to_upload
from tests.stack.synthesis import of_type, template

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


def asset_keys(plain: dict) -> set[str]:
    """The keys of all code, with the parameters' defaults."""
    keys = set()
    for resource in plain["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            code = resource["Properties"]["Code"]
            assert code["S3Bucket"] == {"Fn::Sub": "${AssetBucket}"}
            prefix = plain["Parameters"]["AssetPrefix"]["Default"]
            keys.add(code["S3Key"]["Fn::Sub"].replace("${AssetPrefix}", prefix))
    return keys


def test_the_folder_holds_the_template_and_every_asset_that_it_names_and_nothing_else(made):
    folder, printed = made
    plain = json.loads((folder / "TestPlant.template.json").read_text())
    keys = asset_keys(plain)
    assert len(keys) == 2, "the function's, and that of what empties buckets"
    files = {path.name for path in folder.iterdir()}
    assert {f"river/42/{name}" for name in files - {"TestPlant.template.json"}} == keys
    assert "aws s3 sync build/template s3://my-artifacts/river/42" in printed
    names = {name for key in keys for name in ZipFile(folder / Path(key).name).namelist()}
    assert {"consumer/handler.py", "index.js"} <= names


def test_it_is_the_normal_template_but_for_the_places_of_assets(made):
    plain = json.loads((made[0] / "TestPlant.template.json").read_text())
    normal = template(PLANT)
    for one in (plain, normal):
        one.pop("Rules", None)
        one.pop("Parameters")
        for resource in one["Resources"].values():
            if resource["Type"] == "AWS::Lambda::Function":
                code = resource["Properties"].pop("Code")
                key = code["S3Key"]
                resource["asset"] = key if isinstance(key, str) else key["Fn::Sub"].partition("}")[2]
    assert without_version(plain) == without_version(normal)


def without_version(one: dict) -> dict:
    """CDK names the function's version by all that the function has, the place of its code too."""
    [version] = of_type(one, "AWS::Lambda::Version")
    return json.loads(json.dumps(one).replace(version, "CurrentVersion"))


def test_a_finding_that_nobody_acknowledged_is_told_and_fails(tmp_path):
    (tmp_path / "found").mkdir()
    program = tmp_path / "found" / "app_with_a_topic.py"
    program.write_text(
        f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import app
from aws_cdk import Stack, aws_sns
ours = app.add_stacks
def add_stacks(made):
    ours(made)
    [stack] = [one for one in made.node.children if isinstance(one, Stack)]
    aws_sns.Topic(stack, "Open")
app.add_stacks = add_stacks
try:
    app.main(["template", "--bucket", "my-artifacts"])
except RuntimeError as error:
    sys.exit(str(error))
"""
    )
    (program.parent / "cdk.json").write_text(json.dumps({"context": {"plants": {"TestPlant": PLANT}}}))
    done = subprocess.run(
        [sys.executable, str(program)], cwd=program.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "AwsSolutions::AwsSolutions-SNS3" in done.stderr


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
