"""River's half-space trees as arrays: they learn and score bit for bit the same.

River makes an object of each node, 5,110 by default. These would take far longer to write to a page, and to
make again of one, than ten values take to learn.
"""

from array import array
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import anomaly


class HalfSpaceTrees(anomaly.HalfSpaceTrees):
    """Nodes are numbered level by level: below node n lie 2n + 1 and 2n + 2, and the leaves come last.

    Where the branches split never changes once the trees have grown. Of the window that is learned only the
    leaves are counted: a branch has the mass of its leaves.
    """

    thresholds: NDArray[np.float64] = np.empty((0, 0))
    """Shape: trees, branches of each, depth first."""
    which: NDArray[np.uint16] = np.empty((0, 0), np.uint16)
    """Index of each branch's feature. Shape: as `thresholds`; empty for a single feature."""
    features: Sequence[Any] = ()
    splits: Sequence[tuple[list[Any], list[float]]] = ()
    """The same once more: each tree's features and thresholds by the number of the branch."""
    l_leaves: "array[int]" = array("I")
    """Masses of the window that is learned. Shape: n_trees * 2**height, from left to right."""
    r_leaves: "array[int]" = array("I")
    """Likewise, of the window before."""
    r_masses: Sequence[list[int]] = ()
    """The same of each tree by the number of the node."""

    def learn_one(self, x: dict[Any, float]) -> None:
        """Count the value in each tree."""
        if not self.splits:
            super().learn_one(x)  # type: ignore[no-untyped-call]  # the trees grow
            self.take(self.trees)
            return
        leaves, masses, branches, end = 2**self.height, self.l_leaves, 2**self.height - 1, 0
        for features, thresholds in self.splits:
            node = 0
            while node < branches:
                try:
                    value = x[features[node]]
                except KeyError:
                    node = self._heavier(end // leaves, node)
                else:
                    node += node + (1 if value < thresholds[node] else 2)
            masses[end + node - branches] += 1
            end += leaves
        self.counter += 1
        if self.counter == self.window_size:
            self.r_leaves, self.l_leaves = masses, array("I", bytes(masses.itemsize * end))
            self.r_masses = _of_all_nodes(masses, len(self.splits))
            self._first_window = False
            self.counter = 0

    def score_one(self, x: dict[Any, float]) -> float:
        """How few values of the last window went the same way, from 0 to 1."""
        if self._first_window:
            return 0
        size_limit, branches, score = self.size_limit, 2**self.height - 1, 0.0
        for tree, (features, thresholds) in enumerate(self.splits):
            masses, node, weight, of_tree = self.r_masses[tree], 0, 1, 0.0
            while True:
                mass = masses[node]
                of_tree += mass * weight
                if node >= branches or mass < size_limit:
                    break
                try:
                    value = x[features[node]]
                except KeyError:
                    node = self._heavier(tree, node)
                else:
                    node += node + (1 if value < thresholds[node] else 2)
                weight <<= 1
            score += of_tree
        share: float = score / self._max_score
        return 1 - share

    def _heavier(self, tree: int, node: int) -> int:
        """Where a value without the feature goes on: the node below that has learned more."""
        level = (node + 1).bit_length()
        size = 2 ** (self.height - level)  # of the leaves below each
        start = tree * 2**self.height + (node + 1 - 2 ** (level - 1)) * 2 * size
        one, other = self.l_leaves[start : start + size], self.l_leaves[start + size : start + 2 * size]
        return 2 * node + (2 if sum(one) < sum(other) else 1)

    def fill(
        self,
        thresholds: NDArray[np.float64],
        which: NDArray[np.uint16],
        features: Sequence[Any],
        l_leaves: "array[int]",
        r_leaves: "array[int]",
    ) -> None:
        """Give it trees that have grown."""
        self.thresholds, self.which, self.features = thresholds, which, features
        self.l_leaves, self.r_leaves = l_leaves, r_leaves
        places = _depth_first(self.height)
        named: list[list[Any]]
        if len(features) > 1:
            named = [[features[number] for number in of_tree] for of_tree in which[:, places].tolist()]
        else:
            named = [[*features] * len(places)] * len(thresholds)
        self.splits = [*zip(named, thresholds[:, places].tolist(), strict=True)]
        self.r_masses = _of_all_nodes(r_leaves, len(thresholds))

    def take(self, trees: Sequence[Any]) -> None:
        """Take over trees of River's, and what they have learned."""
        nodes = [node for tree in trees for node in tree.iter_dfs()]
        leaves = [node for node in nodes if not hasattr(node, "threshold")]
        branches = [node for node in nodes if hasattr(node, "threshold")]
        features = [*dict.fromkeys(branch.feature for branch in branches)]
        numbers = {feature: number for number, feature in enumerate(features)}
        which = [numbers[branch.feature] for branch in branches] if len(features) > 1 else []
        count, branches_each = len(trees), 2**self.height - 1
        if len(leaves) != count * (branches_each + 1):
            raise ValueError(f"trees that are not {self.height} high")
        self.fill(
            np.array([branch.threshold for branch in branches], float).reshape(count, branches_each),
            np.array(which, np.uint16).reshape(count, branches_each if which else 0),
            features,
            array("I", [leaf.l_mass for leaf in leaves]),
            array("I", [leaf.r_mass for leaf in leaves]),
        )
        self.trees, self._tree_nodes = [], []


def with_arrays(scorer: Any) -> None:
    """Let half-space trees of River's that have learned nothing go on as these."""
    if type(scorer) is anomaly.HalfSpaceTrees:
        scorer.__class__ = HalfSpaceTrees


def of_river(trees: anomaly.HalfSpaceTrees) -> HalfSpaceTrees:
    """The same half-space trees as arrays."""
    made: HalfSpaceTrees = object.__new__(HalfSpaceTrees)
    vars(made).update(vars(trees))
    if trees.trees:
        made.take(trees.trees)
    return made


@cache
def _depth_first(height: int) -> NDArray[np.int64]:
    """Where the branches of a tree, by number, lie depth first."""
    level, levels = np.zeros(1, np.int64), [np.empty(0, np.int64)]
    for below in reversed(range(height)):
        levels.append(level)
        level = np.stack([level + 1, level + 2**below], axis=1).ravel()
    return np.concatenate(levels)


def _of_all_nodes(leaves: "array[int]", trees: int) -> list[list[int]]:
    """The masses of each tree's nodes by number."""
    levels = [np.frombuffer(leaves, "I").reshape(trees, -1).astype(np.int64)]
    while levels[-1].shape[1] > 1:
        levels.append(levels[-1][:, ::2] + levels[-1][:, 1::2])
    masses: list[list[int]] = np.concatenate(levels[::-1], axis=1).tolist()
    return masses
