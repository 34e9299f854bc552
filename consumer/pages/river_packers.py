"""Packers of what is large in River's models, or no plain object: arrays and bytes instead of objects."""

import random
import struct
from array import array
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from river._river_rust.drift import AdaptiveWindowing
from river._river_rust.stats import RsQuantile
from river._river_rust.vectordict import VectorDict
from river.time_series import holt_winters
from river.utils import Rolling

from consumer.detectors.in_columns.adwin_columns import BUCKETS_MAX, window
from consumer.errors import UnwritableModel
from consumer.pages.packing import Node, Writer, deque_parts
from consumer.pages.river_classes import REGISTRY, Packer, imported
from consumer.pages.unpacking import Reader, deque_items, floats

if TYPE_CHECKING:
    from river import anomaly

    from consumer.detectors.half_space_trees import HalfSpaceTrees

# Windows, as ADWIN's.


def _write_window(writer: Writer, value: AdaptiveWindowing) -> list[Node]:
    parameters = value.__getnewargs__()
    if parameters[2] > BUCKETS_MAX:
        raise UnwritableModel(f"a window of {parameters[2]} buckets in a row; {BUCKETS_MAX} are the most")
    return [value.__getstate__(), *parameters]


def _read_window(reader: Reader, parts: list[Node]) -> AdaptiveWindowing:
    state, *parameters = parts
    made: AdaptiveWindowing = reader.made(window(tuple(parameters), state))
    return made


# Quantiles, weights and random numbers.

_QUANTILE_BYTES = len(RsQuantile(0.5).__getstate__())


def _write_quantile(writer: Writer, value: RsQuantile) -> list[Node]:
    return [value.__getstate__()]


def _read_quantile(reader: Reader, parts: list[Node]) -> RsQuantile:
    (state,) = parts
    if len(state) != _QUANTILE_BYTES:
        raise ValueError(f"a quantile's state of {len(state)} bytes")
    made = RsQuantile(0.5)
    made.__setstate__(state)
    reader.made(made)
    return made


_PER_WEIGHT = 136  # of memory


def _write_weights(writer: Writer, value: Any) -> list[Node]:
    _, (named, *others) = value.__reduce__()
    if others != [None, None, True]:
        raise UnwritableModel("weights with defaults or a mask")
    writer.memory_bytes += _PER_WEIGHT * len(named)
    return writer.items([part for pair in named.items() for part in pair])


def _read_weights(reader: Reader, parts: list[Node]) -> Any:
    # In an empty one, as the number at which it stands was given out when it was written, before its parts.
    made: Any = reader.made(VectorDict(), _PER_WEIGHT * (len(parts) // 2))
    for name, weight in reader.pairs(parts):
        if type(name) not in (str, int) or type(weight) not in (int, float):
            raise ValueError(f"a weight {type(weight).__name__} of a {type(name).__name__}")
        made[name] = weight
    return made


_RANDOM_VERSION, _RANDOM_NUMBERS = 3, struct.Struct("=625I")


def _write_random(writer: Writer, value: random.Random) -> list[Node]:
    version, numbers, next_gauss = value.getstate()
    if version != _RANDOM_VERSION:
        raise UnwritableModel(f"a random state of version {version}")
    return [_RANDOM_NUMBERS.pack(*numbers), next_gauss]


def _read_random(reader: Reader, parts: list[Node]) -> random.Random:
    packed, next_gauss = parts
    if not (next_gauss is None or type(next_gauss) is float):
        raise ValueError("a random state that is none")
    made: random.Random = reader.made(random.Random.__new__(random.Random))
    made.setstate((_RANDOM_VERSION, _RANDOM_NUMBERS.unpack(packed), next_gauss))
    return made


# Rolling statistics.

_PER_CALL = 256  # of memory: a tuple, a dict and a tuple, and its value as it was written
_WRITTEN = "_written_in_page"


def _write_rolling(writer: Writer, value: Rolling[Any]) -> list[Node]:
    """Its window holds the arguments of calls: one float each, where it rolls over values."""
    statistic, size, calls = value.obj, value._window_size, value.window
    writer.memory_bytes += _PER_CALL * len(calls)
    values = _values_of(value)
    return [writer.write(statistic), size, writer.write(calls) if values is None else values]


def _values_of(rolling: Rolling[Any]) -> bytes | None:
    """The window, where it holds calls with one float each.

    River only appends to it: what was written last is kept beside it, and only new calls are looked at.
    """
    calls, new = rolling.window, []
    last, known = vars(rolling).get(_WRITTEN, (None, b""))
    for call in reversed(calls):
        if call is last:
            break
        new.append(call)
    values = [arguments[0] for arguments, named in reversed(new) if len(arguments) == 1 and not named]
    if len(values) < len(new) or set(map(type, values)) - {float}:
        return None
    written: bytes = known + array("d", values).tobytes()
    written = written[len(written) - 8 * len(calls) :]
    vars(rolling)[_WRITTEN] = calls[-1] if calls else None, written
    return written


def _read_rolling(reader: Reader, parts: list[Node]) -> Rolling[Any]:
    statistic, size, packed = parts
    made: Rolling[Any] = reader.made(object.__new__(Rolling))
    obj = reader.read(statistic)
    if type(packed) is bytes:
        values = floats(packed)
        reader.count(_PER_CALL * len(values))
        calls: Any = deque((((value,), {}) for value in values), maxlen=size)
    else:
        calls = reader.read(packed)
        if type(calls) is not deque:
            raise ValueError(f"a {type(calls).__name__} as a window of calls")
        reader.count(_PER_CALL * len(calls))
    vars(made).update(obj=obj, _window_size=size, window=calls)
    return made


# The components of HoltWinters: deques with attributes.

_COMPONENTS = {
    holt_winters.AdditiveLevel: ("alpha",),
    holt_winters.MultiplicativeLevel: ("alpha",),
    holt_winters.Trend: ("beta",),
    holt_winters.AdditiveSeason: ("gamma", "seasonality"),
    holt_winters.MultiplicativeSeason: ("gamma", "seasonality"),
}


def _component_packer(made: type, names: tuple[str, ...]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    count = len(names)

    def write(writer: Writer, value: Any) -> list[Node]:
        named = vars(value)
        if tuple(named) != names:
            raise UnwritableModel(f"a {made.__name__} has other attributes than are known of it")
        return [value.maxlen, *named.values(), *deque_parts(writer, value)]

    def read(reader: Reader, parts: list[Node]) -> Any:
        maxlen, numbers, items = parts[0], parts[1 : 1 + count], parts[1 + count :]
        if any(type(number) is not float and type(number) is not int for number in numbers):
            raise ValueError(f"a {made.__name__} of what is no number")
        component: deque[Any] = reader.made(deque.__new__(made))
        deque.__init__(component, (), maxlen)
        vars(component).update(zip(names, numbers, strict=True))
        component.extend(deque_items(reader, items))
        if any(type(item) is not float and type(item) is not int for item in component):
            raise ValueError(f"a {made.__name__} of what is no number")
        return component

    return write, read


# Half-space trees: where their branches split, and the masses of their leaves.

# By name: River's anomaly detectors import scipy, and few functions need them.
_RIVERS_TREES = "river.anomaly.HalfSpaceTrees"
_OUR_TREES = "consumer.detectors.half_space_trees.HalfSpaceTrees"
_OF_RIVER = "consumer.detectors.half_space_trees.of_river"
_HEIGHT_MAX = 20
_PER_TREE, _PER_NODE, _PER_NEW_NODE = 240, 120, 360
"""Of memory: of trees that have grown, and of those to come, which are River's objects while they grow."""
_MASS_CODES = {1: "B", 2: "H"}


def _write_trees(writer: Writer, value: "anomaly.HalfSpaceTrees") -> list[Node]:
    ours = imported(_OUR_TREES)
    trees: Any = value if type(value) is ours else imported(_OF_RIVER)(value)
    if vars(trees).keys() - vars(ours).keys() != _trees_names() or not 0 <= value.height <= _HEIGHT_MAX:
        raise UnwritableModel("a HalfSpaceTrees has other attributes than are known of it")
    first_window = bool(value._first_window)
    parts = [value.n_trees, value.window_size, value.height, value.seed, value.counter, first_window]
    writer.memory_bytes += _trees_take(value.height, value.n_trees, len(trees.splits))
    parts += writer.write(value.limits), writer.write(value.rng)
    if not trees.splits:
        return parts
    masses = map(_packed_masses, (trees.l_leaves, trees.r_leaves))
    splits = trees.thresholds.tobytes(), trees.which.tobytes(), writer.items([*trees.features])
    return [*parts, len(trees.splits), *masses, *splits]


def _trees_take(height: int, to_come: int, grown: int) -> int:
    """Trees that are not there yet grow at the first value: what they will take has to fit too."""
    nodes = int(2 ** (height + 1) - 1)
    return (_PER_TREE + _PER_NODE * nodes) * grown if grown else _PER_NEW_NODE * nodes * to_come


def _packed_masses(leaves: "array[int]") -> bytes:
    """As integers of one byte, or of as many as it takes."""
    masses = np.frombuffer(leaves, "I")
    most = masses.max()
    return masses.astype("B" if most < 2**8 else "H" if most < 2**16 else "I").tobytes()


def _read_masses(packed: bytes, leaves: int) -> "array[int]":
    masses = array(_MASS_CODES.get(len(packed) // leaves, "I"), packed)
    if len(masses) != leaves:
        raise ValueError("trees without all of their leaves")
    return array("I", masses) if masses.typecode != "I" else masses


def _read_trees(reader: Reader, parts: list[Node]) -> "HalfSpaceTrees":
    made: HalfSpaceTrees = reader.made(object.__new__(imported(_OUR_TREES)))
    n_trees, window_size, height, seed, counter, first_window, limits, rng, *of_trees = parts
    count = of_trees[0] if of_trees else 0
    numbers = (n_trees, window_size, height, counter, count)
    are_numbers = all(type(number) is int for number in numbers)
    if not are_numbers or not 0 <= height <= _HEIGHT_MAX or min(n_trees, count) < 0:
        raise ValueError("trees of what is no number")
    reader.count(_trees_take(height, n_trees, count))
    vars(made).update(
        n_trees=n_trees,
        window_size=window_size,
        height=height,
        limits=reader.read(limits),
        seed=seed,
        rng=reader.read(rng),
        trees=[],
        _tree_nodes=[],
        counter=counter,
        _first_window=bool(first_window),
    )
    if of_trees:
        _fill_trees(made, reader, *of_trees)
    return made


def _fill_trees(
    made: "HalfSpaceTrees",
    reader: Reader,
    count: int,
    left: bytes,
    right: bytes,
    thresholds: bytes,
    which: bytes,
    features: list[Any],
) -> None:
    leaves = 2**made.height
    if count < 1 or (leaves > 1 and not features):
        raise ValueError("trees without all of their nodes")
    if any(type(feature) is not str and type(feature) is not int for feature in features):
        raise ValueError("trees whose features are no names")
    made.fill(
        np.frombuffer(thresholds, "d").reshape(count, leaves - 1),
        np.frombuffer(which, "H").reshape(count, leaves - 1 if len(features) > 1 else 0),
        reader.items(features),
        _read_masses(left, count * leaves),
        _read_masses(right, count * leaves),
    )


@cache
def _trees_names() -> set[str]:
    return set(vars(imported(_RIVERS_TREES)()))


def _add_trees() -> None:
    for name in (_RIVERS_TREES, _OUR_TREES):
        REGISTRY.add_packer(imported(name), Packer("HalfSpaceTrees", _write_trees, _read_trees, 1024))


PACKED: list[tuple[type, str]] = [
    (AdaptiveWindowing, "drift: ADWIN"),
    (RsQuantile, "anomaly: HalfSpaceTrees, OneClassSVM"),
    (VectorDict, "anomaly: OneClassSVM; forecast: SNARIMAX"),
    (
        random.Random,
        "drift: KSWIN, DummyDriftDetector; anomaly: HalfSpaceTrees, GaussianScorer; clusters: KMeans",
    ),
    (Rolling, "anomaly: GaussianScorer, scaled"),
    *((component, "forecast: HoltWinters") for component in _COMPONENTS),
]
"""Each with the use cases and models that need it."""
PACKED_LATER = [(_RIVERS_TREES, "anomaly: HalfSpaceTrees")]
"""The same by name."""


def register() -> None:
    """Let pages hold these; with each, how much memory it takes at most beside what is in it."""
    REGISTRY.add_packer(AdaptiveWindowing, Packer("AdaptiveWindowing", _write_window, _read_window, 800))
    REGISTRY.add_packer(RsQuantile, Packer("RsQuantile", _write_quantile, _read_quantile, 640))
    REGISTRY.add_packer(VectorDict, Packer("VectorDict", _write_weights, _read_weights, 320))
    REGISTRY.add_packer(random.Random, Packer("Random", _write_random, _read_random, 320))
    REGISTRY.add_packer(Rolling, Packer("Rolling", _write_rolling, _read_rolling, 320))
    REGISTRY.add_later("HalfSpaceTrees", _add_trees)
    for made, names in _COMPONENTS.items():
        REGISTRY.add_packer(made, Packer(made.__name__, *_component_packer(made, names), 1100))


register()
