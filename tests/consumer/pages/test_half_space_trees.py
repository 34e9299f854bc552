"""Half-space trees are arrays here: they learn, score and come back from a page as River's own do."""

import copy
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly

from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.half_space_trees import HalfSpaceTrees, _of_all_nodes
from consumer.pages import columns as columns  # which registers the classes that pages hold
from consumer.pages.packing import packed
from consumer.pages.unpacking import unpacked


def nodes_of(tree: object) -> list:
    """Level by level."""
    return list(tree.iter_bfs()) if hasattr(tree, "iter_bfs") else [tree]


def masses(model: anomaly.HalfSpaceTrees) -> list[list[tuple[int, int]]]:
    """Of all nodes, level by level."""
    if type(model) is anomaly.HalfSpaceTrees:
        return [[(node.l_mass, node.r_mass) for node in nodes_of(tree)] for tree in model.trees]
    if not model.splits:
        return []
    left = _of_all_nodes(model.l_leaves, len(model.splits))
    return [list(zip(*of_tree, strict=True)) for of_tree in zip(left, model.r_masses, strict=True)]


def splits(model: anomaly.HalfSpaceTrees) -> list[list[tuple[str, float]]]:
    """Where the branches of each tree split, level by level."""
    if type(model) is anomaly.HalfSpaceTrees:
        nodes = [[node for node in nodes_of(tree) if hasattr(node, "threshold")] for tree in model.trees]
        return [[(node.feature, node.threshold) for node in of_tree] for of_tree in nodes]
    return [list(zip(*of_tree, strict=True)) for of_tree in model.splits]


def again(model: anomaly.HalfSpaceTrees) -> anomaly.HalfSpaceTrees:
    return unpacked(*packed(model))


def ours(**parameters: object) -> HalfSpaceTrees:
    """As a signal gets them from a pattern of River's."""
    use_case = AnomalyUseCase(anomaly.QuantileFilter(anomaly.HalfSpaceTrees(**parameters), q=0.9))
    detector = use_case.create(seed=0).detector.anomaly_detector
    assert type(detector) is HalfSpaceTrees
    return detector


def row(rng: random.Random, features: list[str]) -> dict[str, float]:
    """Some features may be missing, and values may be far outside of the limits, or equal."""
    values = (rng.random(), 0.5, rng.uniform(-2.0, 3.0), float("inf"), -0.0)
    return {feature: rng.choice(values) for feature in features if rng.random() < 0.9}


@pytest.mark.parametrize("made", [anomaly.HalfSpaceTrees, ours])
@pytest.mark.parametrize("seed", range(40))
def test_what_is_read_has_the_masses_of_what_was_written_after_any_history(seed, made):
    rng = random.Random(seed)
    features = ["value", "other", "third"][: rng.randint(1, 3)]
    size = {"n_trees": rng.randint(1, 3), "height": rng.randint(1, 6), "window_size": rng.randint(3, 40)}
    model = made(seed=seed, **size)
    plain = anomaly.HalfSpaceTrees(seed=seed, **size)
    for _ in range(30):
        for _ in range(rng.choice([0, 1, 2, 7, size["window_size"], 3 * size["window_size"]])):
            row = {feature: rng.random() for feature in features}
            for each in (model, plain):
                each.learn_one(row)
                each.score_one(row)
        read = again(model)
        assert masses(read) == masses(model) == masses(plain)
        assert splits(read) == splits(model) == splits(plain)
        assert (read.counter, read._first_window) == (plain.counter, plain._first_window)
        kind = rng.random()
        if kind < 0.2:
            model = read  # as after a cold start
        elif kind < 0.3:
            model = copy.deepcopy(model)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_trees=st.integers(1, 3),
    height=st.integers(0, 6),
    window_size=st.integers(1, 400),
    features=st.sampled_from([["value"], ["a", "b"], ["c", "a", "b", "d"]]),
    limits=st.sampled_from([None, {"a": (-1.0, 4.0)}]),
)
def test_they_score_and_learn_bit_for_bit_as_rivers_do(seed, n_trees, height, window_size, features, limits):
    size = {"n_trees": n_trees, "height": height, "window_size": window_size, "limits": limits}
    model, plain = ours(seed=seed, **size), anomaly.HalfSpaceTrees(seed=seed, **size)
    rng = random.Random(seed)
    for number in range(3 * min(window_size, 60)):
        given = row(rng, features) if number else dict.fromkeys(features, 0.5)  # trees have all features
        assert repr(model.score_one(given)) == repr(plain.score_one(given))
        model.learn_one(given)
        plain.learn_one(given)
        if rng.random() < 0.1:
            model = again(model)
            assert masses(model) == masses(plain)
        if rng.random() < 0.02:
            for each in (model, plain):
                each.window_size = each.counter + 1  # the window ends at the next value
    assert model.rng.getstate() == plain.rng.getstate()
    assert (model.counter, model._first_window) == (plain.counter, plain._first_window)


def test_masses_of_any_size_come_back():
    for values in (200, 300, 70_000):
        model = ours(seed=1, n_trees=1, height=1, window_size=values)
        for _ in range(2 * values - 1):
            model.learn_one({"value": 0.1})
        assert sum(model.r_leaves) == values
        assert masses(again(model)) == masses(model)


def test_they_are_called_what_river_calls_them():
    """An event names the detector."""
    detector = anomaly.ThresholdFilter(anomaly.HalfSpaceTrees(window_size=20), threshold=0.9)
    use_case = AnomalyUseCase(detector, warm_up=50)
    values = [0.2] * 200 + [0.9]
    [*_, finding] = use_case.learn(use_case.create(seed=1), values, [None] * len(values))
    assert finding.evidence["detector"] == "HalfSpaceTrees"


def test_trees_that_were_put_in_place_of_others_are_written_themselves():
    one, other = (anomaly.HalfSpaceTrees(seed=seed, n_trees=2, height=4) for seed in (1, 2))
    for number in range(60):
        for model, value in ((one, number / 60.0), (other, 0.5)):
            model.learn_one({"value": value})
    packed(one)
    one.trees, one._tree_nodes = other.trees, other._tree_nodes
    assert masses(again(one)) == masses(other)
