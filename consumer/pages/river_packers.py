"""Packers of what is large in River's models, or no plain object: arrays and bytes instead of objects."""

import random
import struct
import sys
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from river._river_rust.drift import AdaptiveWindowing
from river._river_rust.stats import RsQuantile
from river._river_rust.vectordict import VectorDict
from river.time_series import holt_winters
from river.utils import Rolling

from consumer.errors import UnwritableModel
from consumer.pages.packing import Node, Writer, deque_parts
from consumer.pages.river_classes import REGISTRY, Packer, imported
from consumer.pages.unpacking import Reader, deque_items, floats

if TYPE_CHECKING:
    from river.anomaly import HalfSpaceTrees  # which imports scipy: see `loaded_later`

# Windows, as ADWIN's.

BUCKETS_MAX = 1000
# Where the state of a window has its own parameters, at its beginning and again at its end: delta, clock and
# the number of buckets. River has no name for them.
_AT_START = struct.Struct("<diQ")
_AT_END = struct.Struct("<diQII")


def window(parameters: tuple[Any, ...], state: bytes) -> AdaptiveWindowing:
    """A window again. Raises: `ValueError` and `struct.error` for the state of none."""
    _, _, max_buckets, *_ = parameters
    _, _, first = _AT_START.unpack_from(state)
    _, _, last, _, _ = _AT_END.unpack_from(state, len(state) - _AT_END.size)
    if max(max_buckets, first, last) > BUCKETS_MAX:
        raise ValueError(
            f"a window of {max(max_buckets, first, last)} buckets in a row, and {BUCKETS_MAX} are the most"
        )
    made = AdaptiveWindowing(*parameters)
    made.__setstate__(state)
    return made


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
    return writer.items(part for pair in named.items() for part in pair)


def _read_weights(reader: Reader, parts: list[Node]) -> Any:
    # In an empty one, as the number at which it stands was given out when it was written, before its parts.
    made: Any = reader.made(VectorDict(), _PER_WEIGHT * (len(parts) // 2))
    for name, weight in reader.pairs(parts):
        if type(name) not in (str, int) or type(weight) not in (int, float):
            raise ValueError(f"a weight {type(weight).__name__} of a {type(name).__name__}")
        made[name] = weight
    return made


_RANDOM_VERSION, _RANDOM_NUMBERS = 3, 625


def _write_random(writer: Writer, value: random.Random) -> list[Node]:
    version, numbers, next_gauss = value.getstate()
    if version != _RANDOM_VERSION:
        raise UnwritableModel(f"a random state of version {version}")
    return [array("I", numbers).tobytes(), next_gauss]


def _read_random(reader: Reader, parts: list[Node]) -> random.Random:
    packed, next_gauss = parts
    numbers = array("I")
    numbers.frombytes(packed)
    if len(numbers) != _RANDOM_NUMBERS or not (next_gauss is None or type(next_gauss) is float):
        raise ValueError("a random state that is none")
    made: random.Random = reader.made(random.Random())
    made.setstate((_RANDOM_VERSION, tuple(numbers), next_gauss))
    return made


# Rolling statistics.

_PER_CALL = 256  # of memory: a tuple, a dict and a tuple


def _write_rolling(writer: Writer, value: Rolling[Any]) -> list[Node]:
    """Its window holds the arguments of calls: one float each, where it rolls over values."""
    statistic, size, calls = value.obj, value._window_size, value.window
    writer.memory_bytes += _PER_CALL * len(calls)
    of_one = [arguments[0] for arguments, named in calls if len(arguments) == 1 and not named]
    if len(of_one) < len(calls) or set(map(type, of_one)) - {float}:
        return [writer.write(statistic), size, writer.write(calls)]
    return [writer.write(statistic), size, array("d", of_one).tobytes()]


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


# Half-space trees: of each, the split points and the masses of its leaves; a branch has the mass of its two.

_TREES = "river.anomaly.HalfSpaceTrees"
_HEIGHT_MAX = 20
_PER_NODE = 360  # of memory


@dataclass(slots=True)
class _Grown:
    """Of trees that have grown: what never changes, and the masses as they were last written."""

    roots: list[Any]
    leaves: list[Any]
    """Of all trees. Shape: n_trees * 2**height"""
    branches: list[Any]
    """Those above every eight leaves: while the mass of one is the same, so are theirs."""
    rng: Node
    splits: list[Any]
    left: "array[int]" = field(default_factory=lambda: array("I"))
    right: "array[int]" = field(default_factory=lambda: array("I"))
    of_branches: list[int] = field(default_factory=list)

    def update(self, is_same_window: bool) -> None:
        """Take the masses from the leaves: of all where a window has ended, else of those that have grown."""
        masses = [branch.l_mass for branch in self.branches]
        if is_same_window and self.left and masses:
            for at, (now, before) in enumerate(zip(masses, self.of_branches, strict=True)):
                if now != before:
                    self._update_group(_GROUP * at, now - before)
        else:
            self.left = array("I", [leaf.l_mass for leaf in self.leaves])
            self.right = array("I", [leaf.r_mass for leaf in self.leaves])
        self.of_branches = masses

    def _update_group(self, start: int, grown: int) -> None:
        left = self.left
        for place in range(start, start + _GROUP):
            mass = self.leaves[place].l_mass
            grown -= mass - left[place]
            left[place] = mass
            if not grown:
                return


_GROUP_HEIGHT = 3
_GROUP = 2**_GROUP_HEIGHT
_SAME_WINDOW = 0
"""Set for False, which it equals: River sets False again when a window ends, and all masses change."""
_grown: "WeakKeyDictionary[HalfSpaceTrees, _Grown]" = WeakKeyDictionary()


def _nodes_each(height: int) -> int:
    return int(2 ** (height + 1)) - 1


@cache
def _are_leaves(height: int) -> list[bool]:
    """Which nodes of a tree are leaves, depth first."""
    return [True] if height == 0 else [False] + 2 * _are_leaves(height - 1)


@cache
def _places(height: int, of_nodes: int) -> list[int]:
    """Where in a tree, depth first, the nodes lie that are so high themselves."""
    if height == of_nodes:
        return [0]
    below = _places(height - 1, of_nodes)
    return [1 + place for place in below] + [1 + _nodes_each(height - 1) + place for place in below]


def _nodes_at(trees: list[list[Any]], height: int, of_nodes: int) -> list[Any]:
    return [nodes[place] for nodes in trees for place in _places(height, of_nodes)]


def _write_trees(writer: Writer, value: "HalfSpaceTrees") -> list[Node]:
    named = vars(value)
    if set(named) != _trees_names() or not 0 <= value.height <= _HEIGHT_MAX:
        raise UnwritableModel("a HalfSpaceTrees has other attributes than are known of it")
    is_first = bool(value._first_window)
    parts = [value.n_trees, value.window_size, value.height, value.seed, value.counter, is_first]
    trees, height = value._tree_nodes, value.height
    nodes_each = _nodes_each(height)
    # Trees that are not there yet grow at the first value: what they will take has to fit too.
    writer.memory_bytes += _PER_NODE * nodes_each * max(value.n_trees, len(trees))
    parts.append(writer.write(value.limits))
    roots = [nodes[0] for nodes in trees]
    grown = _grown.get(value)
    if grown is None or [*map(id, grown.roots)] != [*map(id, roots)]:
        if [*map(id, value.trees)] != [*map(id, roots)] or any(len(nodes) != nodes_each for nodes in trees):
            raise UnwritableModel(f"a HalfSpaceTrees with trees that are not {height} high")
        rng = writer.write(value.rng)
        if not trees:
            return [*parts, rng]
        grown = _grown[value] = _grown_of(roots, trees, height, rng, _written_splits(trees, height))
    else:
        writer.note(value.rng, REGISTRY.packers[random.Random].memory_bytes)
    grown.update(is_first or value._first_window is not False)
    if not is_first:
        value._first_window = _SAME_WINDOW  # type: ignore[assignment]
    masses = [int(np.frombuffer(of_leaves, "I").sum()) for of_leaves in (grown.left, grown.right)]
    if masses != [sum(root.l_mass for root in roots), sum(root.r_mass for root in roots)]:
        raise UnwritableModel("a HalfSpaceTrees whose branches have other masses than their leaves")
    return [*parts, grown.rng, len(trees), grown.left.tobytes(), grown.right.tobytes(), *grown.splits]


def _grown_of(roots: list[Any], trees: list[list[Any]], height: int, rng: Node, splits: list[Any]) -> _Grown:
    leaves = _nodes_at(trees, height, 0)
    branches = _nodes_at(trees, height, _GROUP_HEIGHT) if height >= _GROUP_HEIGHT else []
    return _Grown(roots, leaves, branches, rng, splits)


def _written_splits(trees: list[list[Any]], height: int) -> list[Any]:
    are_leaves = _are_leaves(height)
    branches = [
        node for nodes in trees for node, is_leaf in zip(nodes, are_leaves, strict=True) if not is_leaf
    ]
    features = [*dict.fromkeys(branch.feature for branch in branches)]
    numbers = {feature: number for number, feature in enumerate(features)}
    which = array("H", [numbers[branch.feature] for branch in branches]) if len(features) > 1 else array("H")
    return [array("d", [branch.threshold for branch in branches]).tobytes(), which.tobytes(), features]


def _read_trees(reader: Reader, parts: list[Node]) -> "HalfSpaceTrees":
    made: HalfSpaceTrees = reader.made(object.__new__(imported(_TREES)))
    n_trees, window_size, height, seed, counter, first_window, limits, rng, *of_trees = parts
    numbers = (n_trees, window_size, height, counter)
    if any(type(number) is not int for number in numbers) or not 0 <= height <= _HEIGHT_MAX or n_trees < 0:
        raise ValueError("trees of what is no number")
    reader.count(_PER_NODE * _nodes_each(height) * max(n_trees, of_trees[0] if of_trees else 0))
    read_limits, read_rng = reader.read(limits), reader.read(rng)
    nodes = _nodes_of(reader, height, *of_trees) if of_trees else []
    if of_trees:
        _grown[made] = _grown_of([tree[0] for tree in nodes], nodes, height, rng, of_trees[3:])
    vars(made).update(
        n_trees=n_trees,
        window_size=window_size,
        height=height,
        limits=read_limits,
        seed=seed,
        rng=read_rng,
        trees=[tree[0] for tree in nodes],
        _tree_nodes=nodes,
        counter=counter,
        _first_window=bool(first_window),
    )
    return made


def _nodes_of(
    reader: Reader,
    height: int,
    count: int,
    left: bytes,
    right: bytes,
    thresholds: bytes,
    which: bytes,
    features: list[Any],
) -> list[list[Any]]:
    """The nodes of each tree, depth first."""
    leaves, branches = count * 2**height, count * (2**height - 1)
    of_left, of_right, of_features = array("I", left), array("I", right), array("H", which)
    splits = floats(thresholds)
    if not len(of_left) == len(of_right) == leaves or len(splits) != branches or count < 1:
        raise ValueError("trees without all of their nodes")
    pattern = _are_leaves(height)
    if len(features) > 1 and len(of_features) != branches:
        raise ValueError("trees without all of their features")
    named = [features[number] for number in of_features] if len(features) > 1 else features[:1] * branches
    if any(type(feature) is not str and type(feature) is not int for feature in features):
        raise ValueError("trees whose features are no names")
    padded = imported("river.tree.padded")
    trees = []
    # From the last node to the first: then the two below a branch are the last two that were made.
    for _ in range(count):
        nodes: list[Any] = []
        ready: list[Any] = []
        for is_leaf in reversed(pattern):
            if is_leaf:
                node: Any = object.__new__(padded.PaddedLeaf)
                node.r_mass, node.l_mass = of_right.pop(), of_left.pop()
            else:
                one, other = ready.pop(), ready.pop()
                node = object.__new__(padded.PaddedBranch)
                node.children = one, other
                node.feature, node.threshold = named.pop(), splits.pop()
                node.l_mass, node.r_mass = one.l_mass + other.l_mass, one.r_mass + other.r_mass
            ready.append(node)
            nodes.append(node)
        nodes.reverse()
        trees.append(nodes)
    trees.reverse()
    return trees


@cache
def _trees_names() -> set[str]:
    return set(vars(imported(_TREES)()))


def _add_trees() -> None:
    trees = imported(_TREES)
    if "river.tree.padded" in sys.modules:  # not in the Rivers from which operators upgrade
        REGISTRY.add_packer(trees, Packer("HalfSpaceTrees", _write_trees, _read_trees, 1024))


PACKED: list[tuple[type, str]] = [
    (AdaptiveWindowing, "drift: ADWIN"),
    (RsQuantile, "anomaly: HalfSpaceTrees, OneClassSVM"),
    (VectorDict, "anomaly: OneClassSVM; forecast: SNARIMAX"),
    (
        random.Random,
        "drift: KSWIN, DummyDriftDetector; anomaly: HalfSpaceTrees, GaussianScorer; clusters: KMeans",
    ),
    (Rolling, "anomaly: GaussianScorer"),
    *((component, "forecast: HoltWinters") for component in _COMPONENTS),
]
"""Each with the use cases and models that need it."""
PACKED_LATER = [(_TREES, "anomaly: HalfSpaceTrees")]
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
