"""A plant's plain template, deployed to the embedded AWS by CloudFormation, under IAM.

What is uploaded is what `make template` writes, but for the asset: it is built for this machine and the
Python that the test names. The emulator runs it in processes of that Python, which see nothing but the asset.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import boto3
import pytest
import uv
from botocore.config import Config
from botocore.exceptions import ClientError

from local.emulator.embedded_aws import REGION, EmbeddedAWS
from stack.bundling import bundle

ROOT = Path(__file__).parents[2]
BUCKET, PREFIX = "artifacts", "river/"
_DEPLOYED_WITHIN_S = 60.0


def python_here(version: str) -> str | None:
    """The path of a Python of that version on this machine, also one of pyenv; nothing is fetched."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    command = [uv.find_uv_bin(), "python", "find", "--no-project", "--no-python-downloads", version]
    if found := subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip():
        return found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    return next((str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python{version}"))), None)


def isolated(python: str, folder: Path) -> Path:
    """A command that runs this Python without any package but its own standard library."""
    command = folder / "python"
    command.write_text(f'#!/bin/sh\nexec "{python}" -S -E "$@"\n')
    command.chmod(0o755)
    return command


def zip_asset(version: str, python: str, file: Path) -> None:
    """The asset for this machine and that Python; not compressed, because it goes nowhere."""
    with pytest.MonkeyPatch.context() as environment:
        # There uv finds a Python of pyenv, by which modules go in compiled.
        environment.setenv("PATH", str(Path(python).parent), prepend=os.pathsep)
        folder = bundle(f"{platform.machine()}-manylinux_2_28", version).folder
    with ZipFile(file, "w", ZIP_STORED) as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))


def write_templates(folder: Path) -> Path:
    """What `make template` leaves of the shipped cdk.json: the folder with the template.

    The zip that it would make is of Lambda's platform. It is not needed here, so one of that name is there.
    """
    shutil.copy(ROOT / "cdk.json", folder)
    (folder / "build" / "template").mkdir(parents=True)
    (folder / "build" / "template" / f"{bundle().hash}.zip").touch()
    command = [sys.executable, str(ROOT / "app.py"), "template", "--bucket", BUCKET, "--prefix", PREFIX]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build" / "template"


@dataclass(frozen=True)
class User:
    """Credentials of an IAM user of the emulator, who may do what a policy says."""

    access_key_id: str
    secret_access_key: str

    def client(self, aws: EmbeddedAWS, service: str) -> Any:
        """A boto3 client of this user."""
        session = boto3.Session(self.access_key_id, self.secret_access_key, region_name=REGION)
        return session.client(service, endpoint_url=aws.endpoint_url, config=Config(proxies={}))

    def environment(self, aws: EmbeddedAWS) -> dict[str, str]:
        """The variables with which a process is this user."""
        return aws.environment() | {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }


def create_user(aws: EmbeddedAWS, name: str, policy: Mapping[str, Any]) -> User:
    """A user with this policy and no other."""
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return User(key["AccessKeyId"], key["SecretAccessKey"])


# What is left out of the template.

ARCHIVE = "AWS::Events::Archive"
METRIC_MATH = "AWS::CloudWatch::Alarm, Metrics"
TLS_ONLY = "AWS::S3::BucketPolicy, aws:SecureTransport"
LEFT_OUT = {
    ARCHIVE: "the emulator has no archives of events",
    METRIC_MATH: "the emulator's alarms are of one metric, not of an expression",
    TLS_ONLY: "the emulator speaks http, so that the denial of all but TLS would deny everything",
}


def left_out(template: Mapping[str, Any], name: str) -> set[str]:
    """The logical ids of what a name of LEFT_OUT stands for."""
    kind, _, part = name.partition(", ")
    return {
        logical_id
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == kind and part in json.dumps(resource["Properties"])
    }


def without(template: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The template without these: of a bucket's policy, without that statement only."""
    copied: dict[str, Any] = json.loads(json.dumps(template))
    for name in names:
        for logical_id in left_out(template, name):
            if name == TLS_ONLY:
                document = copied["Resources"][logical_id]["Properties"]["PolicyDocument"]
                document["Statement"] = [
                    statement
                    for statement in document["Statement"]
                    if "SecureTransport" not in str(statement)
                ]
            else:
                del copied["Resources"][logical_id]
    return copied


def part_of(template: Mapping[str, Any], logical_id: str) -> dict[str, Any]:
    """A resource, and all that it refers to."""
    resources, found, looking = template["Resources"], {}, [logical_id]
    while looking:
        one = looking.pop()
        if one in resources and one not in found:
            found[one] = resources[one]
            looking += re.findall(r'"(\w+)"', json.dumps(resources[one]))
    return {"Parameters": template["Parameters"], "Resources": found}


class NotCreated(Exception):
    """CloudFormation did not create a stack; the text has its reasons."""


def create_stack(client: Any, name: str, **how: Any) -> dict[str, str]:
    """Create a stack, and wait for it. Returns: its outputs.

    Raises: `NotCreated`.
    """
    try:
        client.create_stack(StackName=name, Capabilities=["CAPABILITY_IAM"], **how)
    except ClientError as error:
        raise NotCreated(str(error)) from error
    until = time.monotonic() + _DEPLOYED_WITHIN_S
    while True:
        [stack] = client.describe_stacks(StackName=name)["Stacks"]
        if not stack["StackStatus"].endswith("_IN_PROGRESS") or time.monotonic() > until:
            break
        time.sleep(0.2)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        events = client.describe_stack_events(StackName=name)["StackEvents"]
        raise NotCreated("\n".join(str(event.get("ResourceStatusReason")) for event in events))
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
