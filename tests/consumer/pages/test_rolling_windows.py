"""What looks back on a window of values comes back from a page as it was, and goes on the same."""

import copy
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly, preprocessing

from consumer.pages import columns as columns  # which registers the classes that pages hold
from consumer.pages.packing import packed
from consumer.pages.unpacking import unpacked

MODELS = {
    "StandardScaler": preprocessing.StandardScaler,
    "MinMaxScaler": preprocessing.MinMaxScaler,
    "MaxAbsScaler": preprocessing.MaxAbsScaler,
    "GaussianScorer": anomaly.GaussianScorer,
}
VALUES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e99, 1e-320, 3, True]), st.floats(-1e6, 1e6), st.integers(-9, 9)
)


def learned(model: object, value: float) -> str:
    """What it says of the value once it has learned it, to the last bit."""
    if isinstance(model, anomaly.GaussianScorer):
        model.learn_one(None, value)
        return repr(model.score_one(None, value))
    model.learn_one({"value": value, "other": -value})
    return repr(model.transform_one({"value": value, "other": 0.5}))


def again(model: object) -> object:
    written = packed(model)
    read = unpacked(*written)
    assert packed(read) == written == packed(model)
    return read


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(VALUES, max_size=60),
    window_size=st.integers(1, 12),
    seed=st.integers(0, 1000),
)
def test_a_window_is_read_as_it_was_and_goes_on_the_same(name, values, window_size, seed):
    rng = random.Random(seed)
    plain = MODELS[name](window_size=window_size)
    model = copy.deepcopy(plain)  # of the same seed
    for value in values:
        assert learned(model, value) == learned(plain, value)
        kind = rng.random()
        if kind < 0.2:
            model = again(model)  # as after a cold start
        elif kind < 0.5:
            again(model)  # it is warm, and written once more
        elif kind < 0.6:
            model = copy.deepcopy(model)
    assert packed(again(model)) == packed(again(plain))


@pytest.mark.parametrize("count", [0, 1, 500, 501, 2000])
def test_the_bytes_of_a_window_are_those_of_a_scorer_that_was_never_written_before(count):
    """Only what is new is looked at when it is written again: also if all of it is."""
    often = anomaly.GaussianScorer(window_size=500)
    once = copy.deepcopy(often)
    rng = random.Random(1)
    for number in range(700):
        value = rng.gauss(0.0, 1.0)
        for each in (often, once):
            learned(each, value)
        if number % 50 == 0:
            packed(often)
    for _ in range(count):
        value = rng.gauss(0.0, 1.0)
        for each in (often, once):
            learned(each, value)
    assert packed(often) == packed(once)
    often.gaussian.window.clear()
    learned(often, 1.0)
    assert len(unpacked(*packed(often)).gaussian.window) == 1
