"""The classes that a page may hold, and the stand-ins for the functions that River's pickles call."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from river.base import Base

from consumer.edge import adwin_windows, partials

# Each with the use cases and models that need it. A class that is not here cannot be read back, and a use
# case whose model holds one is refused when the function starts.
ALLOWED_CLASSES: dict[tuple[str, str], str] = {
    # drift
    ("consumer.core.drift", "Watched"): "drift: all",
    ("river.drift.adwin", "ADWIN"): "drift: ADWIN",
    ("river.drift.page_hinkley", "PageHinkley"): "drift: PageHinkley",
    ("river.drift.kswin", "KSWIN"): "drift: KSWIN",
    ("river.drift.dummy", "DummyDriftDetector"): "drift: DummyDriftDetector",
    ("river.drift.no_drift", "NoDrift"): "drift: NoDrift",
    # anomaly
    ("consumer.core.anomaly", "Scored"): "anomaly: all",
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
    ("consumer.core.clusters", "Clustered"): "clusters: all",
    ("river.cluster.k_means", "KMeans"): "clusters: KMeans",
    ("river.cluster.dbstream", "DBSTREAM"): "clusters: DBSTREAM",
    ("river.cluster.dbstream", "DBSTREAMMicroCluster"): "clusters: DBSTREAM",
    # forecast
    ("consumer.core.forecast", "Forecasting"): "forecast: all",
    ("river.time_series.holt_winters", "HoltWinters"): "forecast: HoltWinters",
    ("river.time_series.holt_winters", "AdditiveLevel"): "forecast: HoltWinters",
    ("river.time_series.holt_winters", "AdditiveSeason"): "forecast: HoltWinters",
    ("river.time_series.holt_winters", "MultiplicativeLevel"): "forecast: HoltWinters",
    ("river.time_series.holt_winters", "MultiplicativeSeason"): "forecast: HoltWinters",
    ("river.time_series.holt_winters", "Trend"): "forecast: HoltWinters",
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
    ("river._river_rust.vectordict", "VectorDict"): "anomaly: OneClassSVM; forecast: SNARIMAX",
    ("random", "Random"): (
        "drift: KSWIN, DummyDriftDetector; anomaly: HalfSpaceTrees, GaussianScorer; clusters: KMeans"
    ),
    ("collections", "deque"): "drift: KSWIN; anomaly: GaussianScorer; forecast: SNARIMAX",
    ("collections", "defaultdict"): (
        "anomaly: HalfSpaceTrees, scaled; clusters: KMeans, scaled; forecast: SNARIMAX"
    ),
    ("collections", "Counter"): "anomaly: scaled; clusters: scaled; forecast: SNARIMAX",
    ("collections", "OrderedDict"): "anomaly: scaled; clusters: scaled; forecast: SNARIMAX",
    ("builtins", "float"): "anomaly: scaled; clusters: scaled; forecast: SNARIMAX",
}

# What makes these is checked once the page is read.
CHECKED: dict[tuple[str, str], Callable[[list[Callable[[], None]]], Callable[..., Any]]] = {
    ("river._river_rust.drift", "AdaptiveWindowing"): adwin_windows.standing_in,
    ("functools", "partial"): partials.standing_in,
}


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


STAND_INS: dict[tuple[str, str], Callable[..., Any]] = {
    ("builtins", "getattr"): _bound_method,
    ("numpy", "dtype"): _number_dtype,
    ("numpy._core.multiarray", "scalar"): _number_scalar,
}
