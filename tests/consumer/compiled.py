"""The compiled reader, built for this machine of the source as it is, and used or not as a test says."""

import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from consumer.decode import plain
from stack.compiling import NAME, NotBuilt, build

_PLACE = tempfile.TemporaryDirectory(prefix="compiled-reader-")


@cache
def _built() -> ModuleType | str:
    path = Path(_PLACE.name) / NAME
    try:
        build(path)
    except NotBuilt as reason:
        return str(reason)
    spec = importlib.util.spec_from_file_location("consumer.decode.plain.compiled_reader", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compiled_reader() -> Any:
    """The module; where it cannot be built, the test is skipped."""
    found = _built()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@contextmanager
def plain_read_by(reader: Any) -> Iterator[None]:
    """Plain records are read by this module; None: by Python."""
    before = plain._compiled
    plain._compiled = reader
    try:
        yield
    finally:
        plain._compiled = before
