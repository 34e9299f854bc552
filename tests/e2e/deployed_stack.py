"""A plant's plain template, deployed to the embedded AWS by CloudFormation, under IAM.

What is uploaded is what `make template` writes, but for the asset: it is built for this machine and the Python
that the test names, and the emulator runs it in processes of that Python, which see the asset and nothing else.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import pytest
import uv

from local.emulator.embedded_aws import REGION, EmbeddedAWS
from stack.bundling import bundle
from stack.deploy.policy import Place, caller_policy, resource_policy

ROOT = Path(__file__).parents[2]
ACCOUNT = "000000000000"
BUCKET, PREFIX = "artifacts", "river/"
_DEPLOYED_WITHIN_S = 60.0


def python_here(version: str) -> str | None:
    """The path of a released Python of that version on this machine, also one of pyenv; nothing is fetched."""
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


def write_templates(folder: Path, plants: Mapping[str, Any]) -> Path:
    """What `make template` leaves, of a plant in a folder of its own: the folder with the template."""
    folder.mkdir()
    (folder / "cdk.json").write_text(json.dumps({"context": {"plants": plants}}))
    command = [sys.executable, str(ROOT / "app.py"), "template", "--bucket", BUCKET, "--prefix", PREFIX]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build" / "template"


@dataclass(frozen=True)
class User:
    """Credentials of an IAM user of the emulator, who may do what a policy says."""

    access_key_id: str
    secret_access_key: str

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
