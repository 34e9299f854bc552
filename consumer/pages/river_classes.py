"""The classes whose instances a page may hold: River's, with their attributes' types, and a plant's own."""

import functools
import importlib
import random
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from types import FunctionType, MemberDescriptorType, MethodType
from typing import Any, NamedTuple

import numpy as np
from river import cluster, compose, drift, preprocessing, stats
from river import time_series as forecasters
from river._river_rust.drift import AdaptiveWindowing
from river._river_rust.stats import RsQuantile
from river._river_rust.vectordict import VectorDict
from river.cluster.dbstream import DBSTREAMMicroCluster
from river.drift.dummy import DummyDriftDetector
from river.drift.no_drift import NoDrift
from river.time_series import snarimax
from river.utils import Rolling, SortedWindow

from consumer.detectors.states import class_of
from consumer.errors import UnwritableModel
from consumer.plant import plant
from consumer.river_models.lasting_change import LastingChange
from consumer.river_models.seasonal_isolation import SeasonalIsolation


class Absent:
    """Stands for an attribute that an instance lacks."""


ABSENT = Absent()


class ModelClass:
    """A class whose instances a model may hold: its tag, and the types of its attributes, in their order."""

    def __init__(
        self,
        tag: str,
        made: type,
        fields: Mapping[str, frozenset[type] | None],
        optional: frozenset[str] = frozenset(),
    ) -> None:
        self.tag, self.made = tag, made
        self._names, self._types, self._optional = tuple(fields), tuple(fields.values()), optional
        self._has_dict = made.__dictoffset__ != 0

    def values_of(self, instance: Any) -> list[Any]:
        """The values of its attributes. Raises: `UnwritableModel` where it has others."""
        if not self._has_dict:
            return [getattr(instance, name) for name in self._names]
        named = vars(instance)
        if tuple(named) == self._names:
            return [*named.values()]
        if not self._names_without_optional <= named.keys() <= set(self._names):
            others = ", ".join(sorted(map(str, named.keys() ^ set(self._names))))
            raise UnwritableModel(f"a {self.tag} has other attributes than are known of it: {others}")
        return [named.get(name, ABSENT) for name in self._names]

    @functools.cached_property
    def _names_without_optional(self) -> set[str]:
        return set(self._names) - self._optional

    def fill(self, instance: Any, values: list[Any]) -> None:
        """Set the attributes. Raises: `ValueError` for another number of them, or other types."""
        if len(values) != len(self._names):
            raise ValueError(f"a {self.tag} of {len(values)} attributes")
        for name, types, value in zip(self._names, self._types, values, strict=True):
            if types is None or (value is ABSENT and name in self._optional):
                continue
            if type(value) not in types:
                raise ValueError(f"the attribute {name!r} of a {self.tag} is a {type(value).__name__}")
            if not are_numbers(value, set()):
                raise ValueError(f"the attribute {name!r} of a {self.tag} holds what is no number")
        named = zip(self._names, values, strict=True)
        if self._has_dict:
            vars(instance).update(pair for pair in named if pair[1] is not ABSENT)
        else:
            for name, value in named:
                object.__setattr__(instance, name, value)


_SCALARS = frozenset({int, float, bool, type(None), str, np.float64, np.bool_})


def are_numbers(value: Any, looked_at: set[int]) -> bool:
    """Whether a container of a River model holds numbers, models and dicts of these alone.

    A text or a list in place of a number can be multiplied to any length.
    """
    kind = type(value)
    if kind in _SCALARS or id(value) in looked_at:
        return True
    looked_at.add(id(value))
    if isinstance(value, dict):
        within = value.values()
        return all(type(each) not in (str, list, deque) and are_numbers(each, looked_at) for each in within)
    if kind is list or kind is deque:
        return all(type(each) in _NUMBERS for each in value)
    is_model = kind in REGISTRY.classes or kind in REGISTRY.packers or kind is MethodType
    return is_model or class_of(value) is not None


class Packer(NamedTuple):
    """How instances of a class are written as parts, and made of them again; `read` gives them to `made`."""

    tag: str
    write: Callable[[Any, Any], list[Any]]
    read: Callable[[Any, list[Any]], Any]
    memory_bytes: int
    """What one takes at most, beside what is in it."""


class Registry:
    """The classes that models may hold, and the packers of those that are no plain objects."""

    def __init__(self) -> None:
        self.classes: dict[type, ModelClass] = {}
        self.classes_tagged: dict[str, ModelClass] = {}
        self.packers: dict[type, Packer] = {}
        self.packers_tagged: dict[str, Packer] = {}
        self.factories: dict[str, type] = {}
        """What makes the defaults of dicts."""
        self.methods: set[tuple[type, str]] = set()
        """Those that a model may keep as attributes, or as factories."""
        self._later: dict[Any, Callable[[], None]] = {}

    def add_later(self, tag: str, add: Callable[[], None]) -> None:
        """A class that is imported and added when a model, or a page, names it."""
        self._later[tag] = add

    def load(self, tag: Any) -> None:
        """Add the class of that tag, if it was to be added later."""
        if (add := self._later.get(tag)) is not None:
            add()
            self._later.pop(tag, None)

    def add(self, model_class: ModelClass) -> None:
        """A class of plain objects."""
        self.classes[model_class.made] = self.classes_tagged[model_class.tag] = model_class

    def add_packer(self, made: type, packer: Packer) -> None:
        """A class with a packer."""
        self.packers[made] = self.packers_tagged[packer.tag] = packer


REGISTRY = Registry()


# A plant's own classes.


def is_own(kind: type) -> bool:
    """Whether it is of a module that the plant names: any class of plain objects there may be in a page."""
    return kind.__module__ in plant().own_modules


def is_method(kind: type, name: str) -> bool:
    """Whether a model may keep that method as an attribute, or as what makes defaults."""
    if (kind, name) in REGISTRY.methods:
        return True
    return kind.__module__ in plant().own_modules and isinstance(getattr(kind, name, None), FunctionType)


def own_class(tag: str) -> type:
    """A class of a plant's own. Raises: `ValueError` where the plant does not name its module."""
    module, _, name = tag.partition(":")
    if module not in plant().own_modules:
        raise ValueError(f"the class {module}.{name} is not allowed in a page")
    kind = functools.reduce(getattr, name.split("."), importlib.import_module(module))
    if not isinstance(kind, type) or kind.__module__ != module:
        raise ValueError(f"{module}.{name} is no class of that module")
    try:
        object.__new__(kind)
    except TypeError:  # it inherits from what is no plain object, such as a list
        raise ValueError(f"{module}.{name} is no class of plain objects") from None
    return kind


def slots_of(kind: type) -> dict[str, MemberDescriptorType]:
    """Where a class without a dict keeps its attributes."""
    return {
        name: member
        for base in reversed(kind.__mro__)
        for name, member in vars(base).items()
        if isinstance(member, MemberDescriptorType)
    }


# River's.

_NUMBERS = frozenset({int, float, np.float64, bool, np.bool_})
_TYPES: dict[str, frozenset[type] | None] = {
    "number": _NUMBERS,
    "number?": _NUMBERS | {type(None)},
    # Not an integer: powers of integers can take all memory.
    "float": frozenset({float}),
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
    "sorted": frozenset({SortedWindow}),
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

# Their attributes in River's order; one whose name ends in "?" may be missing. Classes that are no plain
# objects have packers. Each with the use cases and models that need it. A class that is not here cannot be
# read back, and a use case whose model holds one is refused when the function starts.
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
    (LastingChange, "drift: LastingChange", "_drift_detected:bool detector:any score:number evidence:any"),
    (
        SeasonalIsolation,
        "anomaly: SeasonalIsolation, scaled",
        "sample_size:int memory:int known_from:int limit:number stray_limit:number stray_gate:number "
        "mode_limit:number jump_limit:number level_rate:number window_rate:number hour_rate:number "
        "all_rate:number step_s:number kind:text seed:int? states:dict",
    ),
    (stats.Quantile, "anomaly: HalfSpaceTrees, OneClassSVM", "_quantile:quantile _is_updated:bool q:number"),
    (stats.Var, "anomaly: GaussianScorer, scaled", "ddof:int mean:mean _S:number"),
    (
        cluster.KMeans,
        "clusters: KMeans",
        "n_clusters:int halflife:number mu:number sigma:number p:number seed:int? _rng:random centers:dict",
    ),
    (
        cluster.DBSTREAM,
        "clusters: DBSTREAM",
        "_time_stamp:int clustering_threshold:number fading_factor:float cleanup_interval:number "
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
    (
        preprocessing.MinMaxScaler,
        "anomaly: scaled; clusters: scaled",
        "window_size:int? min:defaults max:defaults",
    ),
    (preprocessing.MaxAbsScaler, "anomaly: scaled", "window_size:int? abs_max:defaults"),
    (stats.Min, "anomaly: scaled", "min:number"),
    (stats.Max, "anomaly: scaled", "max:number"),
    (stats.AbsMax, "anomaly: scaled", "abs_max:number"),
    (stats.RollingMin, "clusters: scaled", "window:sorted"),
    (stats.RollingMax, "clusters: scaled", "window:sorted"),
    (stats.RollingAbsMax, "anomaly: scaled", "window:sorted"),
    (SortedWindow, "anomaly: scaled; clusters: scaled", "data:list unsorted_window:deque"),
    (stats.Mean, "drift: PageHinkley; anomaly: GaussianScorer, scaled", "n:number _mean:number"),
]

# The same by name, of modules that import scipy or much else: imported when a model has one, or a page.
CLASSES_LATER: list[tuple[str, str, str]] = [
    (
        "river.anomaly.QuantileFilter",
        "anomaly: HalfSpaceTrees, OneClassSVM",
        "anomaly_detector:any protect_anomaly_detector:bool quantile:any",
    ),
    (
        "river.anomaly.ThresholdFilter",
        "anomaly: GaussianScorer, SeasonalIsolation",
        "anomaly_detector:any protect_anomaly_detector:bool threshold:number",
    ),
    ("river.anomaly.OneClassSVM", "anomaly: OneClassSVM", _LINEAR + " nu:number"),
    ("river.optim.losses.Hinge", "anomaly: OneClassSVM", "threshold:number"),
    (
        "river.anomaly.GaussianScorer",
        "anomaly: GaussianScorer",
        "window_size:int? gaussian:any grace_period:int",
    ),
    ("river.proba.Gaussian", "anomaly: GaussianScorer", "seed:int? _rng:random _var:var"),
    ("river.linear_model.LinearRegression", "forecast: SNARIMAX", _LINEAR),
    ("river.optim.losses.Squared", "forecast: SNARIMAX", ""),
    ("river.optim.SGD", "anomaly: OneClassSVM; forecast: SNARIMAX", "lr:any n_iterations:int"),
    ("river.optim.schedulers.Constant", "anomaly: OneClassSVM; forecast: SNARIMAX", "learning_rate:number"),
    ("river.optim.initializers.Zeros", "anomaly: OneClassSVM; forecast: SNARIMAX", "value:number"),
]

FACTORIES: list[tuple[type, str]] = [
    (float, "anomaly: scaled; clusters: scaled; forecast: SNARIMAX"),
    (tuple, "anomaly: HalfSpaceTrees"),
    *(
        (made, "anomaly: scaled")
        for made in (stats.Min, stats.Max, stats.AbsMax, stats.RollingAbsMax, Rolling, stats.Mean, stats.Var)
    ),
    *((made, "clusters: scaled") for made in (stats.RollingMin, stats.RollingMax)),
]
"""What makes the defaults of a model's dicts, or is an argument of what does."""

METHODS: list[tuple[type, tuple[str, ...], str]] = [
    (drift.PageHinkley, ("_test_increase", "_test_decrease", "_test_both"), "drift: PageHinkley"),
    (DummyDriftDetector, ("_fixed_trigger", "_random_trigger"), "drift: DummyDriftDetector"),
    (random.Random, ("gauss",), "clusters: KMeans"),
]
"""Methods that a model keeps as attributes, or by which a dict of it makes its defaults."""


def imported(name: str) -> Any:
    """What a module has under that name, the module's before it; imported now."""
    module, _, of_module = name.rpartition(".")
    return getattr(importlib.import_module(module), of_module)


def _add(made: type, attributes: str) -> None:
    pairs = [attribute.split(":") for attribute in attributes.split()]
    fields = {name.removesuffix("?"): _TYPES[type_name] for name, type_name in pairs}
    optional = {name.removesuffix("?") for name, _ in pairs if name.endswith("?")}
    REGISTRY.add(ModelClass(made.__name__, made, fields, frozenset(optional)))


def _add_named(name: str, attributes: str) -> None:
    _add(imported(name), attributes)


def register() -> None:
    """Let pages hold these."""
    for made, _, attributes in CLASSES:
        _add(made, attributes)
    for name, _, attributes in CLASSES_LATER:
        REGISTRY.add_later(name.rpartition(".")[2], functools.partial(_add_named, name, attributes))
    for made, _ in FACTORIES:
        REGISTRY.factories[made.__name__] = made
    REGISTRY.methods.update((made, name) for made, names, _ in METHODS for name in names)


register()
