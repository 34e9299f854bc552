"""What River's pickles call while they are read, each with the arguments that they have and no others."""

import random
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Any

import numpy as np
from river._river_rust.vectordict import VectorDict
from river.base import Base
from river.time_series import holt_winters

from consumer.core.anomaly import Scored
from consumer.core.asset_process import Monitored
from consumer.core.assets import Joined
from consumer.core.clusters import Clustered
from consumer.core.course import Course
from consumer.core.drift import Watched
from consumer.core.forecast import Forecasting
from consumer.core.lasting_changes import Shifting
from consumer.core.life_cycle import Alert
from consumer.core.moments import Moments
from consumer.core.process import ProcessMonitor
from consumer.core.scales import Scales
from consumer.core.shift import DailyShift
from consumer.core.unusual import Watching
from consumer.core.usual import Usual

# Of a dict that is copied: one that came a thousand times would take a thousand times its memory.
_COPIED_MAX = 32


def _bound_method(model: Any, name: str) -> Callable[..., Any]:
    """In place of `getattr`: a method of its own that a River model keeps, and nothing else."""
    if type(model) is random.Random and name == "gauss":
        return model.gauss
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


def _deque(items: tuple[()], maxlen: int | None = None) -> "deque[Any]":
    if items != ():
        raise ValueError("a page makes a deque of what is there already")
    return deque(maxlen=maxlen)


def _copied(named: dict[Any, Any]) -> dict[Any, Any]:
    if type(named) is not dict or len(named) > _COPIED_MAX:
        raise ValueError(f"a page copies a dict of more than {_COPIED_MAX} entries")
    return named


def _vector_dict(named: dict[Any, Any], *others: Any) -> "VectorDict[Any, Any]":
    if not set(map(type, others)) <= {type(None), bool}:
        raise ValueError("a page makes a VectorDict with a factory or a mask")
    return VectorDict(_copied(named), *others)


def _of_numbers(component: type) -> Callable[..., Any]:
    def make(*numbers: float) -> Any:
        if not set(map(type, numbers)) <= {int, float}:
            raise ValueError(f"a page makes a {component.__name__} of what is no number")
        return component(*numbers)

    return make


# Each with the use cases and models that need it.
FUNCTIONS: dict[tuple[str, str], tuple[str, Callable[..., Any]]] = {
    ("consumer.core.drift", "Watched"): ("drift: all", lambda *parts: Watched(*parts)),
    ("consumer.core.anomaly", "Scored"): ("anomaly: all", lambda *parts: Scored(*parts)),
    ("consumer.core.life_cycle", "Alert"): (
        "anomaly: all; unusual: all; clusters: all; forecast: all; shift: all; asset: all",
        lambda *parts: Alert(*parts),
    ),
    ("consumer.core.unusual", "Watching"): ("unusual: all", lambda *parts: Watching(*parts)),
    ("consumer.core.usual", "Usual"): ("unusual: all", lambda *parts: Usual(*parts)),
    ("consumer.core.clusters", "Clustered"): ("clusters: all", lambda *parts: Clustered(*parts)),
    ("consumer.core.assets", "Joined"): ("clusters: joined; asset: process", lambda *parts: Joined(*parts)),
    ("consumer.core.lasting_changes", "Shifting"): ("shift: all", lambda *parts: Shifting(*parts)),
    ("consumer.core.shift", "DailyShift"): ("shift: all", lambda *parts: DailyShift(*parts)),
    ("consumer.core.scales", "Scales"): ("shift: all", lambda *parts: Scales(*parts)),
    ("consumer.core.course", "Course"): ("shift: all", lambda *parts: Course(*parts)),
    ("consumer.core.asset_process", "Monitored"): ("asset: all", lambda *parts: Monitored(*parts)),
    ("consumer.core.process", "ProcessMonitor"): ("asset: all", lambda *parts: ProcessMonitor(*parts)),
    ("consumer.core.moments", "Moments"): ("asset: all", lambda *parts: Moments(*parts)),
    ("consumer.core.forecast", "Forecasting"): ("forecast: all", lambda *parts: Forecasting(*parts)),
    ("builtins", "getattr"): ("drift: PageHinkley, DummyDriftDetector; clusters: KMeans", _bound_method),
    ("numpy", "dtype"): ("drift: KSWIN", _number_dtype),
    ("numpy._core.multiarray", "scalar"): ("drift: KSWIN", _number_scalar),
    ("random", "Random"): (
        "drift: KSWIN, DummyDriftDetector; anomaly: HalfSpaceTrees, GaussianScorer; clusters: KMeans",
        lambda: random.Random(),
    ),
    ("collections", "deque"): ("drift: KSWIN; anomaly: GaussianScorer; forecast: SNARIMAX", _deque),
    ("collections", "OrderedDict"): (
        "anomaly: scaled; clusters: scaled; forecast: SNARIMAX",
        lambda: OrderedDict(),
    ),
    ("collections", "Counter"): (
        "anomaly: scaled; clusters: scaled; forecast: SNARIMAX",
        lambda counts: Counter(_copied(counts)),
    ),
    ("river._river_rust.vectordict", "VectorDict"): (
        "anomaly: OneClassSVM; forecast: SNARIMAX",
        _vector_dict,
    ),
    **{
        (holt_winters.__name__, name): ("forecast: HoltWinters", _of_numbers(getattr(holt_winters, name)))
        for name in (
            "AdditiveLevel",
            "AdditiveSeason",
            "MultiplicativeLevel",
            "MultiplicativeSeason",
            "Trend",
        )
    },
}
