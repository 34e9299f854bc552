"""The classes of which a page may hold instances. Nothing of them is called or set while a page is read."""

import functools
import random
import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from types import MethodType
from typing import Any

import numpy as np
from river import stats
from river._river_rust.drift import AdaptiveWindowing
from river._river_rust.vectordict import VectorDict
from river.base import Base
from river.time_series import holt_winters
from river.utils import Rolling


class _Untouchable(type):
    def __call__(cls, *arguments: Any) -> Any:
        raise ValueError(f"the page calls the class {cls.__name__}")

    def __setattr__(cls, name: str, value: Any) -> None:
        raise ValueError(f"the page sets {name!r} of the class {cls.__name__}")


def inert_class(name: str, new: Callable[..., Any]) -> type:
    """A class of which `new` makes what pickles ask for; it need not be an instance of it."""
    return _Untouchable(name, (), {"__new__": new})


def blank(real: type) -> type:
    """One that makes instances of another, as pickles make them: blank, to be filled."""
    make: Any = real.__new__

    def new(cls: type, *arguments: Any) -> Any:
        if arguments:
            raise ValueError(f"the page makes a {real.__name__} of {len(arguments)} arguments")
        return make(real)

    return inert_class(real.__name__, new)


ADWIN_WINDOW = ("river._river_rust.drift", "AdaptiveWindowing")
NEEDED_BY = "drift: ADWIN"
BUCKETS_MAX = 1000
# Where the state of a window has its own parameters, at its beginning and again at its end: delta, clock and
# the number of buckets. River has no name for them.
_AT_START = struct.Struct("<diQ")
_AT_END = struct.Struct("<diQII")


def adwin_window(delta: float, clock: int, max_buckets: int, *others: int) -> AdaptiveWindowing:
    """An empty window; raises `ValueError` for one of too many buckets."""
    if max_buckets > BUCKETS_MAX:
        raise ValueError(f"a window of {max_buckets} buckets in a row, and {BUCKETS_MAX} are the most")
    return AdaptiveWindowing(delta, clock, max_buckets, *others)


def check_window(state: bytes) -> None:
    """Raise an error where the state is none of a window as `adwin_window` makes it."""
    _, _, first = _AT_START.unpack_from(state)
    _, _, last, _, _ = _AT_END.unpack_from(state, len(state) - _AT_END.size)
    if first > BUCKETS_MAX or last > BUCKETS_MAX:
        raise ValueError(f"a window with a state of {max(first, last)} buckets in a row")


def standing_in(checks: list[Callable[[], None]]) -> type:
    """A class that a pickle can make windows of; `checks` gets what is to be checked once it is read."""

    def new(cls: type, *parameters: Any) -> Any:
        window = adwin_window(*parameters)
        checks.append(lambda: check_window(window.__getstate__()))
        return window

    return inert_class("AdaptiveWindowing", new)


# Each with the use cases and models that need it. A class that is not here cannot be read back, and a use
# case whose model holds one is refused when the function starts.
ALLOWED_CLASSES: dict[tuple[str, str], str] = {
    # drift
    ("river.drift.adwin", "ADWIN"): "drift: ADWIN",
    ("river.drift.page_hinkley", "PageHinkley"): "drift: PageHinkley",
    ("river.drift.kswin", "KSWIN"): "drift: KSWIN",
    ("river.drift.dummy", "DummyDriftDetector"): "drift: DummyDriftDetector",
    ("river.drift.no_drift", "NoDrift"): "drift: NoDrift",
    # anomaly
    ("river.anomaly.filter", "QuantileFilter"): "anomaly: HalfSpaceTrees, OneClassSVM",
    ("river.anomaly.filter", "ThresholdFilter"): "anomaly: GaussianScorer",
    ("river.stats.quantile", "Quantile"): "anomaly: HalfSpaceTrees, OneClassSVM",
    ("river._river_rust.stats", "RsQuantile"): "anomaly: HalfSpaceTrees, OneClassSVM",
    ("river.anomaly.hst", "HalfSpaceTrees"): "anomaly: HalfSpaceTrees",
    ("river.tree.padded", "PaddedBranch"): "anomaly: HalfSpaceTrees",
    ("river.tree.padded", "PaddedLeaf"): "anomaly: HalfSpaceTrees",
    ("builtins", "tuple"): "anomaly: HalfSpaceTrees",
    ("river.anomaly.svm", "OneClassSVM"): "anomaly: OneClassSVM",
    ("river.optim.losses", "Hinge"): "anomaly: OneClassSVM",
    ("river.anomaly.gaussian", "GaussianScorer"): "anomaly: GaussianScorer",
    ("river.proba.gaussian", "Gaussian"): "anomaly: GaussianScorer",
    ("river.stats.var", "Var"): "anomaly: GaussianScorer",
    ("river.utils.rolling", "Rolling"): "anomaly: GaussianScorer",
    # clusters
    ("river.cluster.k_means", "KMeans"): "clusters: KMeans",
    ("river.cluster.dbstream", "DBSTREAM"): "clusters: DBSTREAM",
    ("river.cluster.dbstream", "DBSTREAMMicroCluster"): "clusters: DBSTREAM",
    # forecast
    ("river.time_series.holt_winters", "HoltWinters"): "forecast: HoltWinters",
    ("river.time_series.snarimax", "SNARIMAX"): "forecast: SNARIMAX",
    ("river.time_series.snarimax", "Differencer"): "forecast: SNARIMAX",
    ("river.linear_model.lin_reg", "LinearRegression"): "forecast: SNARIMAX",
    ("river.optim.losses", "Squared"): "forecast: SNARIMAX",
    # several
    ("river.compose.pipeline", "Pipeline"): "anomaly: scaled; clusters: scaled; forecast: SNARIMAX",
    ("river.preprocessing.scale", "StandardScaler"): "anomaly: scaled; clusters: scaled; forecast: SNARIMAX",
    ("river.preprocessing.scale", "MinMaxScaler"): "anomaly: scaled",
    ("river.stats.minimum", "Min"): "anomaly: scaled",
    ("river.stats.maximum", "Max"): "anomaly: scaled",
    ("river.stats.mean", "Mean"): "drift: PageHinkley; anomaly: GaussianScorer",
    ("river.optim.sgd", "SGD"): "anomaly: OneClassSVM; forecast: SNARIMAX",
    ("river.optim.schedulers", "Constant"): "anomaly: OneClassSVM; forecast: SNARIMAX",
    ("river.optim.initializers", "Zeros"): "anomaly: OneClassSVM; forecast: SNARIMAX",
    ("builtins", "float"): "anomaly: scaled; clusters: scaled; forecast: SNARIMAX",
}


Checks = list[Callable[[], None]]
Real = dict[Any, type]
"""The classes that the stand-ins of a pickle stand for."""

_CLASSES = (float, tuple, Rolling)


def _is_allowed(called: Any) -> bool:
    if isinstance(called, MethodType):
        return called.__func__ is random.Random.gauss
    return isinstance(called, type) and (called in _CLASSES or issubclass(called, stats.base.Statistic))


def _partial(checks: Checks, real: Real) -> Callable[..., Any]:
    def make(function: Any) -> "functools.partial[Any]":
        factory = functools.partial(function)
        checks.append(lambda: _finish(factory, real))
        return factory

    return make


def _finish(factory: "functools.partial[Any]", real: Real) -> None:
    """Put the classes in place of their stand-ins; raise `ValueError` where it calls anything else."""
    parts = (factory.func, *factory.args)
    called, *arguments = (real[part] if _is_known(part, real) else part for part in parts)
    if not _is_allowed(called):
        raise ValueError(f"a page holds a factory that calls {called!r}")
    factory.__setstate__((called, tuple(arguments), factory.keywords, vars(factory)))  # type: ignore[attr-defined]


def _is_known(part: Any, real: Real) -> bool:
    return isinstance(part, type) and part in real


def _defaultdict(checks: Checks, real: Real) -> Callable[..., Any]:
    def make(factory: Any) -> "defaultdict[Any, Any]":
        called = real[factory] if _is_known(factory, real) else factory
        if not (type(called) is functools.partial or _is_allowed(called)):
            raise ValueError(f"a page holds a dict whose defaults {called!r} makes")
        return defaultdict(called)

    return make


# Each with the use cases and models that need it.
MAKING: dict[tuple[str, str], tuple[str, Callable[[Checks, Real], Callable[..., Any]]]] = {
    ("functools", "partial"): ("anomaly: HalfSpaceTrees; clusters: KMeans", _partial),
    ("collections", "defaultdict"): (
        "anomaly: HalfSpaceTrees, scaled; clusters: KMeans, scaled; forecast: SNARIMAX",
        _defaultdict,
    ),
}


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
