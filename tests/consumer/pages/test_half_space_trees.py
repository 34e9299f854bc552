"""Half-space trees are written from what has changed since the last time, whatever happened between."""

import copy
import random

import pytest
from river import anomaly

from consumer.pages import columns as columns  # which registers the classes that pages hold
from consumer.pages.packing import packed
from consumer.pages.unpacking import unpacked


def masses(model: anomaly.HalfSpaceTrees) -> list[list[tuple[int, int]]]:
    return [[(node.l_mass, node.r_mass) for node in nodes] for nodes in model._tree_nodes]


def again(model: anomaly.HalfSpaceTrees) -> anomaly.HalfSpaceTrees:
    return unpacked(*packed(model))


@pytest.mark.parametrize("seed", range(40))
def test_what_is_read_has_the_masses_of_what_was_written_after_any_history(seed):
    rng = random.Random(seed)
    features = ["value", "other", "third"][: rng.randint(1, 3)]
    size = {"n_trees": rng.randint(1, 3), "height": rng.randint(1, 6), "window_size": rng.randint(3, 40)}
    model = anomaly.HalfSpaceTrees(seed=seed, **size)
    plain = anomaly.HalfSpaceTrees(seed=seed, **size)
    for _ in range(30):
        for _ in range(rng.choice([0, 1, 2, 7, size["window_size"], 3 * size["window_size"]])):
            row = {feature: rng.random() for feature in features}
            for each in (model, plain):
                each.learn_one(row)
                each.score_one(row)
        read = again(model)
        assert masses(read) == masses(model) == masses(plain)
        assert (read.counter, read._first_window) == (plain.counter, plain._first_window)
        kind = rng.random()
        if kind < 0.2:
            model = read  # as after a cold start
        elif kind < 0.3:
            model = copy.deepcopy(model)


def test_trees_that_were_put_in_place_of_others_are_written_themselves():
    one, other = (anomaly.HalfSpaceTrees(seed=seed, n_trees=2, height=4) for seed in (1, 2))
    for number in range(60):
        for model, value in ((one, number / 60.0), (other, 0.5)):
            model.learn_one({"value": value})
    packed(one)
    one.trees, one._tree_nodes = other.trees, other._tree_nodes
    assert masses(again(one)) == masses(other)
