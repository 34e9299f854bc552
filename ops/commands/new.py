"""`new`: a folder for a plant of your own, outside of this repository, so that `git pull` is the upgrade."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer

from clients.terminal import echo
from ops.options import errors_shown

_ROOT = Path(__file__).parents[2]
_TEMPLATE = _ROOT / "ops" / "plant_template"
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc")


def new(
    path: Annotated[Path, typer.Argument(help="The folder to make; it must not exist, or be empty.")],
    name: Annotated[
        str, typer.Option(help="The name of its stack, letters and digits; else made of the folder's name.")
    ] = "",
) -> None:
    """Make a folder for a plant of your own: cdk.json, use_cases.py, signals.yaml, a test and a CI example.

    `PLANT=PATH` then names it: for `make synth`, `deploy`, `demo` and `test`, and for every command here.
    """
    with errors_shown():
        stack = _make(path, name)
    echo(f"{path} is the plant {stack}. Edit its files, README.md first, then try, in this folder:")
    for target in ("test", "demo", "synth"):
        echo(f"  make {target} PLANT={shlex.quote(str(path))}")


def _make(path: Path, name: str) -> str:
    from consumer.errors import ConfigurationError

    stack = name or "".join(word.capitalize() for word in re.findall(r"[a-zA-Z0-9]+", path.resolve().name))
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,63}", stack):
        raise ConfigurationError(
            f"{stack!r} cannot be a stack's name: a letter, then letters and digits, 64 in all. Give --name"
        )
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigurationError(f"{path} is there already, and not an empty folder: choose another")
    try:
        shutil.copytree(_TEMPLATE, path, ignore=_NOT_COPIED, dirs_exist_ok=True)
        for file in ("use_cases.py", "signals.yaml"):
            shutil.copyfile(_ROOT / "consumer" / file, path / file)
        (path / "cdk.json").write_text(_cdk_json(stack), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be made: {error}") from error
    return stack


def _cdk_json(stack: str) -> str:
    """This repository's own, with another name of the stack; `make` says which app it runs."""
    settings = json.loads((_ROOT / "cdk.json").read_text(encoding="utf-8"))
    del settings["app"]
    context = settings["context"]
    [plant] = context["plants"].values()
    context["plants"] = {stack: plant}
    return json.dumps(settings, indent=2) + "\n"
