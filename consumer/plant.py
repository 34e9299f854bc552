"""The plant: its use cases, its settings for single signals, and the modules of its own.

A plant is a folder with a `cdk.json` and, if wanted, `use_cases.py`, `signals.yaml` and modules of its own,
which `use_cases.py` imports by name. The environment variable PLANT names the folder, for the function
and for every tool. Without it the plant is this repository's own: the two files of `consumer`.
"""

import importlib
import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from consumer import use_cases as default
from consumer.detectors.base import UseCase
from consumer.errors import ConfigurationError

_HERE = Path(__file__).parent
_USE_CASES = "use_cases"
USE_CASES_FILE = "consumer/use_cases.py"
"""Of this repository's own plant."""


class Plant(NamedTuple):
    """What a plant's folder holds; `folder` is None for the plant of this repository."""

    folder: Path | None
    use_cases: Mapping[str, UseCase]
    own_modules: tuple[str, ...]
    """Modules of model classes of its own: a page may hold instances of these."""
    use_cases_file: str
    """Where the use cases are written, for messages."""

    def use_case(self, name: str) -> UseCase:
        """The use case of that name. Raises: `ConfigurationError` where there is none."""
        if name not in self.use_cases:
            known = ", ".join(sorted(self.use_cases))
            raise ConfigurationError(
                f"the use case (USE_CASE, --use-case) is {name!r}; {self.use_cases_file} has {known}"
            )
        return self.use_cases[name]

    def settings_file(self, name: str) -> Path:
        """Settings for single signals: a path, the plant's file of that name, or else the default plant's."""
        own = None if self.folder is None else self.folder / name
        return own if own is not None and own.is_file() else _HERE / name


def plant() -> Plant:
    """The plant that `PLANT` names. Raises: `ConfigurationError`."""
    return load_plant(os.environ.get("PLANT", ""))


@cache
def load_plant(folder: str) -> Plant:
    """The plant of a folder; "" is this repository's own. A relative path starts where `consumer/` lies.

    Raises: `ConfigurationError` where there is no such folder, or its `use_cases.py` cannot be used.
    """
    path = (_HERE.parent / folder).resolve()
    if not folder or path == _HERE.parent.resolve():
        return Plant(None, default.USE_CASES, default.OWN_MODULES, USE_CASES_FILE)
    if not path.is_dir():
        raise ConfigurationError(
            f"PLANT is {folder!r}, and {path} is not a folder: `python -m ops new PATH` makes one"
        )
    file = path / f"{_USE_CASES}.py"
    if not file.is_file():
        return Plant(path, default.USE_CASES, default.OWN_MODULES, USE_CASES_FILE)
    # At the end: a module of the plant's own never takes the place of one of ours or of Python's.
    sys.path.append(str(path))
    try:
        module = importlib.import_module(_USE_CASES)
    except Exception as error:  # it is the user's own code
        raise ConfigurationError(f"{file} cannot be used: {type(error).__name__}: {error}") from error
    found = Path(module.__file__ or "").resolve()
    if found != file:
        raise ConfigurationError(f"{file} is hidden by another module of that name: {found}")
    use_cases = getattr(module, "USE_CASES", None)
    if not isinstance(use_cases, dict) or not use_cases:
        raise ConfigurationError(f"{file} has no USE_CASES: a dict from a name to a use case")
    return Plant(path, use_cases, tuple(getattr(module, "OWN_MODULES", ())), str(file))
