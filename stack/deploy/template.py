"""A plain CloudFormation template for each plant, and its assets: no bootstrap, no CDK to deploy it.

`make template` runs it, by way of app.py. It leaves a folder that can be uploaded as it is:

    build/template/KinesisRiver.template.json    by S3 URL: it is more than the 51,200 bytes of a request
    build/template/<hash>.zip                    what the template names as AssetBucket, AssetPrefix<hash>.zip

The parameters AssetBucket and AssetPrefix say where the folder is. So one build can be deployed in several
accounts and regions: Lambda takes code from a bucket of its own region only.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from aws_cdk import App, CfnParameter, CliCredentialsStackSynthesizer, Stack

from stack.context import InvalidConfiguration

FOLDER = Path("build/template")
BUCKET, PREFIX = "AssetBucket", "AssetPrefix"
"""The template's parameters."""

_BUCKET_NAME = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_KEY_PREFIX = r"([A-Za-z0-9!_.*'()-][A-Za-z0-9!_.*'()/-]*/)?"
# Zip knows no earlier time; with the true ones, no two builds would be the same.
_TIME = (1980, 1, 1, 0, 0, 0)


def write_templates(
    add_stacks: Callable[[App], None], cdk_json: Path, folder: Path, bucket: str = "", prefix: str = ""
) -> tuple[list[Path], list[str]]:
    """Make the templates of a `cdk.json` and their assets in `folder`; what it had before is removed.

    `bucket` and `prefix` are the parameters' defaults; without a bucket, whoever deploys has to name one.
    Returns: the templates' paths, and what the synthesis warned of.

    Raises: `InvalidConfiguration`, whatever `add_stacks` raises, and `RuntimeError` for what a security rule
        finds.
    """
    bucket, prefix = _checked(bucket, prefix)
    context = json.loads(cdk_json.read_text(encoding="utf-8")).get("context", {})
    app = App(
        # The templates of last time are there until this synthesis writes: app.py compares with them.
        outdir=str(folder),
        context=context,
        # It knows neither the bootstrap stack's roles nor its version; cdk.json's stacks need not know of it.
        default_stack_synthesizer=CliCredentialsStackSynthesizer(
            file_assets_bucket_name=f"${{{BUCKET}}}", bucket_prefix=f"${{{PREFIX}}}"
        ),
    )
    add_stacks(app)
    stacks = [stack for stack in app.node.children if isinstance(stack, Stack)]
    for stack in stacks:
        _add_parameters(stack, bucket, prefix)
    app.synth()
    warned = [warning for stack in stacks for warning in _warnings(stack, folder)]
    templates = [folder / stack.template_file for stack in stacks]
    zips = {path for stack in stacks for path in _zipped(folder / f"{stack.artifact_id}.assets.json", folder)}
    for path in folder.iterdir():  # what CDK's own commands would read, and the assets of last time
        if path.is_dir():
            shutil.rmtree(path)
        elif path not in zips and path not in templates:
            path.unlink()
    return templates, warned


def _warnings(stack: Stack, folder: Path) -> list[str]:
    """What CDK's command line would print of the synthesis."""
    path = folder / f"{stack.artifact_id}.metadata.json"
    metadata = json.loads(path.read_text()) if path.is_file() else {}
    return [
        f"{stack.stack_name}: {entry['data']}"
        for entries in metadata.values()
        for entry in entries
        if entry["type"] == "aws:cdk:warning"
    ]


def how_to_upload(folder: Path, bucket: str, prefix: str) -> str:
    """The command that uploads the folder.

    >>> how_to_upload(Path("build/template"), "my-artifacts", "river/")
    'aws s3 sync build/template s3://my-artifacts/river'
    """
    place = "/".join(part for part in (bucket or "BUCKET", prefix.strip("/")) if part)
    return f"aws s3 sync {folder} s3://{place}"


def _checked(bucket: str, prefix: str) -> tuple[str, str]:
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    if bucket and not re.fullmatch(_BUCKET_NAME, bucket):
        raise InvalidConfiguration(f"BUCKET={bucket} is no name of a bucket: give one without s3:// and path")
    if not re.fullmatch(_KEY_PREFIX, prefix):
        raise InvalidConfiguration(
            f"PREFIX={prefix.rstrip('/')} is no path in a bucket: letters, digits and - _ . ! * ' ( )"
        )
    return bucket, prefix


def _add_parameters(stack: Stack, bucket: str, prefix: str) -> None:
    CfnParameter(
        stack,
        BUCKET,
        description="The bucket, in this region, that holds the files beside this template",
        default=bucket or None,
        allowed_pattern=_BUCKET_NAME,
        constraint_description="a bucket's name, without s3:// and path",
    )
    CfnParameter(
        stack,
        PREFIX,
        description="Where in the bucket: nothing, or a path that ends with a slash",
        default=prefix,
        allowed_pattern=_KEY_PREFIX,
        constraint_description="nothing, or a path that ends with a slash and does not start with one",
    )


def _zipped(manifest: Path, folder: Path) -> list[Path]:
    """The zips of all folders that a stack's asset manifest names."""
    zips = []
    for name, asset in json.loads(manifest.read_text())["files"].items():
        source = asset["source"]
        if source["packaging"] == "zip":
            zips.append(folder / f"{name}.zip")
            _zip(folder / source["path"], zips[-1])
    return zips


def _zip(source: Path, target: Path) -> None:
    """Zip a folder: the same files give the same bytes. One of that name is there whole: a hash names it."""
    if target.exists():
        return
    making = target.with_suffix(".part")
    with ZipFile(making, "w", ZIP_DEFLATED) as archive:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                info = ZipInfo(path.relative_to(source).as_posix(), _TIME)
                info.compress_type = ZIP_DEFLATED
                info.external_attr = path.stat().st_mode << 16
                archive.writestr(info, path.read_bytes())
    making.rename(target)
