"""River's classes whose instances a page may hold: their attributes, in River's order, and their types.

An attribute whose name ends in "?" may be missing. Classes that are no plain objects have packers.
"""

import random
from collections import Counter, OrderedDict, defaultdict, deque
from types import MethodType

import numpy as np
from river import anomaly, cluster, compose, drift, linear_model, optim, preprocessing, proba, stats
from river import time_series as forecasters
from river._river_rust.drift import AdaptiveWindowing
from river._river_rust.stats import RsQuantile
from river._river_rust.vectordict import VectorDict
from river.cluster.dbstream import DBSTREAMMicroCluster
from river.drift.dummy import DummyDriftDetector
from river.drift.no_drift import NoDrift
from river.time_series import snarimax

from consumer.pages.packing import REGISTRY, ModelClass

_NUMBERS = frozenset({int, float, np.float64, bool, np.bool_})
_TYPES: dict[str, frozenset[type] | None] = {
    "number": _NUMBERS,
    "number?": _NUMBERS | {type(None)},
    "int": frozenset({int}),
    "int?": frozenset({int, type(None)}),
    "bool": frozenset({bool, np.bool_}),
    "text": frozenset({str}),
    "list": frozenset({list}),
    "tuple": frozenset({tuple}),
    "dict": frozenset({dict}),
    "defaults": frozenset({defaultdict}),
    "ordered": frozenset({OrderedDict}),
    "counter": frozenset({Counter}),
    "deque": frozenset({deque}),
    "method": frozenset({MethodType}),
    "random": frozenset({random.Random}),
    "mean": frozenset({stats.Mean}),
    "var": frozenset({stats.Var}),
    "window": frozenset({AdaptiveWindowing}),
    "quantile": frozenset({RsQuantile}),
    "weights": frozenset({VectorDict}),
    # A model, a step of one, or what it is made of: any registered class.
    "any": None,
}
_DRIFT = "_drift_detected:bool "
_LINEAR = (
    "optimizer:any loss:any l2:number l1:number intercept_init:number intercept:number intercept_lr:any "
    "clip_gradient:number initializer:any _weights:weights _y_name:any"
)

# Each with the use cases and models that need it. A class that is not here cannot be read back, and a use
# case whose model holds one is refused when the function starts.
CLASSES: list[tuple[type, str, str]] = [
    (
        drift.ADWIN,
        "drift: ADWIN",
        _DRIFT
        + "delta:number clock:int max_buckets:int min_window_length:int grace_period:int _helper:window",
    ),
    (
        drift.PageHinkley,
        "drift: PageHinkley",
        _DRIFT + "min_instances:int delta:number threshold:number alpha:number mode:text _x_mean:mean "
        "_sum_increase:number _sum_decrease:number _min_increase:number _max_decrease:number "
        "_test_drift:method",
    ),
    (
        drift.KSWIN,
        "drift: KSWIN",
        _DRIFT + "alpha:number window_size:int stat_size:int seed:int? p_value:number n:int window:deque "
        "_rng:random",
    ),
    (
        DummyDriftDetector,
        "drift: DummyDriftDetector",
        _DRIFT + "trigger_method:text t_0:int w:int dynamic_cloning:bool seed:int? _rng:random _n:int "
        "_warmup?:int _warmup_done?:bool _trigger:method",
    ),
    (NoDrift, "drift: NoDrift", _DRIFT),
    (
        anomaly.QuantileFilter,
        "anomaly: HalfSpaceTrees, OneClassSVM",
        "anomaly_detector:any protect_anomaly_detector:bool quantile:any",
    ),
    (
        anomaly.ThresholdFilter,
        "anomaly: GaussianScorer",
        "anomaly_detector:any protect_anomaly_detector:bool threshold:number",
    ),
    (stats.Quantile, "anomaly: HalfSpaceTrees, OneClassSVM", "_quantile:quantile _is_updated:bool q:number"),
    (anomaly.OneClassSVM, "anomaly: OneClassSVM", _LINEAR + " nu:number"),
    (optim.losses.Hinge, "anomaly: OneClassSVM", "threshold:number"),
    (anomaly.GaussianScorer, "anomaly: GaussianScorer", "window_size:int? gaussian:any grace_period:int"),
    (proba.Gaussian, "anomaly: GaussianScorer", "seed:int? _rng:random _var:var"),
    (stats.Var, "anomaly: GaussianScorer", "ddof:int mean:mean _S:number"),
    (
        cluster.KMeans,
        "clusters: KMeans",
        "n_clusters:int halflife:number mu:number sigma:number p:number seed:int? _rng:random centers:dict",
    ),
    (
        cluster.DBSTREAM,
        "clusters: DBSTREAM",
        "_time_stamp:int clustering_threshold:number fading_factor:number cleanup_interval:number "
        "intersection_factor:number minimum_weight:number _n_clusters:int _clusters:dict _centers:dict "
        "_micro_clusters:dict s:dict s_t:dict clustering_is_up_to_date:bool",
    ),
    (DBSTREAMMicroCluster, "clusters: DBSTREAM", "center:dict last_update:number weight:number"),
    (
        forecasters.HoltWinters,
        "forecast: HoltWinters",
        "alpha:number beta:number? gamma:number? seasonality:int multiplicative:bool level:any trend:any "
        "season:any _first_values:list _initialized:bool",
    ),
    (
        forecasters.SNARIMAX,
        "forecast: SNARIMAX",
        "p:int d:int q:int m:int sp:int sd:int sq:int regressor:any differencer:any y_hist:deque "
        "y_diff:deque errors:deque",
    ),
    (snarimax.Differencer, "forecast: SNARIMAX", "d:int m:int coeffs:dict"),
    (linear_model.LinearRegression, "forecast: SNARIMAX", _LINEAR),
    (optim.losses.Squared, "forecast: SNARIMAX", ""),
    (
        compose.Pipeline,
        "anomaly: scaled; clusters: scaled; forecast: SNARIMAX",
        "steps:ordered _plan:any _inference_transformers:any _last_step_cached:any _last_step_params?:any",
    ),
    (
        preprocessing.StandardScaler,
        "anomaly: scaled; clusters: scaled; forecast: SNARIMAX",
        "with_std:bool window_size:int? counts:counter means:defaults vars:defaults",
    ),
    (preprocessing.MinMaxScaler, "anomaly: scaled", "window_size:int? min:defaults max:defaults"),
    (stats.Min, "anomaly: scaled", "min:number"),
    (stats.Max, "anomaly: scaled", "max:number"),
    (stats.Mean, "drift: PageHinkley; anomaly: GaussianScorer", "n:number _mean:number"),
    (optim.SGD, "anomaly: OneClassSVM; forecast: SNARIMAX", "lr:any n_iterations:int"),
    (optim.schedulers.Constant, "anomaly: OneClassSVM; forecast: SNARIMAX", "learning_rate:number"),
    (optim.initializers.Zeros, "anomaly: OneClassSVM; forecast: SNARIMAX", "value:number"),
]

FACTORIES: list[tuple[type, str]] = [
    (float, "anomaly: scaled; clusters: scaled; forecast: SNARIMAX"),
    (tuple, "anomaly: HalfSpaceTrees"),
    (stats.Min, "anomaly: scaled"),
    (stats.Max, "anomaly: scaled"),
]
"""What makes the defaults of a model's dicts."""

METHODS: list[tuple[type, tuple[str, ...], str]] = [
    (drift.PageHinkley, ("_test_increase", "_test_decrease", "_test_both"), "drift: PageHinkley"),
    (DummyDriftDetector, ("_fixed_trigger", "_random_trigger"), "drift: DummyDriftDetector"),
    (random.Random, ("gauss",), "clusters: KMeans"),
]
"""Methods that a model keeps as attributes, or by which a dict of it makes its defaults."""


def register() -> None:
    """Let pages hold these."""
    for made, _, attributes in CLASSES:
        named = [attribute.split(":") for attribute in attributes.split()]
        fields = {name.removesuffix("?"): _TYPES[type_name] for name, type_name in named}
        optional = {name.removesuffix("?") for name, _ in named if name.endswith("?")}
        REGISTRY.add(ModelClass(made.__name__, made, fields, frozenset(optional)))
    for made, _ in FACTORIES:
        REGISTRY.factories[made.__name__] = made
    REGISTRY.methods.update((made, name) for made, names, _ in METHODS for name in names)


register()
