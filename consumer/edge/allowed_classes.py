"""The classes that a page may hold, and the stand-ins for the functions that River's pickles call."""

from collections.abc import Callable
from typing import Any

import numpy as np
from river.base import Base

WINDOW = ("river._river_rust.drift", "AdaptiveWindowing")
_WATCHED = ("consumer.core.drift", "Watched")

# Each with the models that need it. A class that is not here cannot be read back, and a use case whose model
# holds one is refused when the function starts.
ALLOWED_CLASSES: dict[tuple[str, str], str] = {
    _WATCHED: "every drift detector",
    ("river.drift.adwin", "ADWIN"): "ADWIN",
    WINDOW: "ADWIN",
    ("river.drift.page_hinkley", "PageHinkley"): "PageHinkley",
    ("river.stats.mean", "Mean"): "PageHinkley",
    ("river.drift.kswin", "KSWIN"): "KSWIN",
    ("collections", "deque"): "KSWIN",
    ("random", "Random"): "KSWIN, DummyDriftDetector",
    ("river.drift.dummy", "DummyDriftDetector"): "DummyDriftDetector",
    ("river.drift.no_drift", "NoDrift"): "NoDrift",
}


def _bound_method(model: Any, name: str) -> Callable[..., Any]:
    """In place of `getattr`: a private method of its own that a River model keeps, and nothing else."""
    if isinstance(model, Base) and name in _METHODS.get(type(model).__name__, ()):
        method: Callable[..., Any] = getattr(model, name)
        return method
    raise ValueError(f"a page asks for the attribute {name!r} of a {type(model).__name__}")


_METHODS = {
    "PageHinkley": ("_test_increase", "_test_decrease", "_test_both"),
    "DummyDriftDetector": ("_fixed_trigger", "_random_trigger"),
}


def _number_dtype(code: str, align: bool, copy: bool) -> np.dtype[Any]:
    """In place of `numpy.dtype`: of plain numbers only."""
    if not isinstance(code, str) or code not in {"f4", "f8", "i4", "i8", "u4", "u8", "b1"}:
        raise ValueError("a page holds a numpy type that is no plain number")
    return np.dtype(code, align, copy)


def _number_scalar(dtype: Any, raw: bytes) -> Any:
    """In place of numpy's own: of plain numbers only."""
    if not isinstance(dtype, np.dtype) or dtype.kind not in "fiub" or len(raw) != dtype.itemsize:
        raise ValueError("a page holds a numpy scalar that is no plain number")
    return np.frombuffer(raw, dtype)[0]


STAND_INS: dict[tuple[str, str], Callable[..., Any]] = {
    ("builtins", "getattr"): _bound_method,
    ("numpy", "dtype"): _number_dtype,
    ("numpy._core.multiarray", "scalar"): _number_scalar,
}
