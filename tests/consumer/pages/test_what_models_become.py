"""What a model holds for numbers stays numbers, whatever arrives and whatever a planted page says."""

import gzip
import json
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from river import cluster, drift, time_series

from consumer.errors import UnwritableModel
from consumer.pages import columns as columns  # which registers the classes that pages hold
from consumer.pages.packing import (
    CODE_FROZEN_SET,
    CODE_LIST,
    CODE_SEEN,
    packed,
)
from consumer.pages.unpacking import unpacked
from consumer.plant import plant
from tests.consumer.own_model import Wobble, allow_own_modules
from tests.consumer.world import World, record

MEMORY = 10**9


def columns_of_integers(first_s: int) -> bytes:
    """Times as JSON's integers, packed: they do not go the fast way."""
    payload = {"signal": "a.x", "timestamps": [first_s + at for at in range(30)], "values": [1, 2.5] * 15}
    return gzip.compress(json.dumps(payload).encode())


@pytest.mark.parametrize("name", plant().use_cases)
def test_integers_for_times_and_values_are_learned_and_read_again(name):
    world = World(pages=1, use_case=plant().use_cases[name])
    for batch in range(4):
        first_s = 1_700_000_000 + 30 * batch if batch else -30
        report = world.invoke([record(100 + batch, columns_of_integers(first_s), key="a")], world.cold())
        assert report.failed == []
    assert world.objects.quarantined() == []
    if name not in ("asset", "clusters"):  # these leave single values to other use cases
        assert world.states()["a.x"].learned == 120


def test_a_set_of_sets_of_sets_is_refused_before_it_is_hashed():
    node = [CODE_FROZEN_SET, "a"]
    nodes = [node]
    for level in range(45):
        nodes.append([CODE_FROZEN_SET, [CODE_SEEN, 1 + level], [CODE_FROZEN_SET, [CODE_SEEN, 1 + level]]])
    with pytest.raises(ValueError, match="as a key"):
        unpacked(msgspec.msgpack.encode([CODE_LIST, *nodes]), MEMORY)
    with pytest.raises(UnwritableModel, match="no plain value"):
        packed({frozenset({frozenset({"a"})})})


def read(model: object) -> object:
    return unpacked(packed(model)[0], MEMORY)


def test_a_text_in_place_of_a_number_is_refused_where_it_could_be_multiplied():
    forecaster = time_series.HoltWinters(alpha=0.3, beta=0.1)
    for value in (1.0, 2.0, 3.0):
        forecaster.learn_one(value)
    read(forecaster)
    forecaster.level.extend(["a", "a"])
    with pytest.raises(ValueError, match="no number"):
        read(forecaster)
    arima = time_series.SNARIMAX(p=1, d=1, q=1)
    for value in (1.0, 2.0, 3.0):
        arima.learn_one(value)
    read(arima)
    arima.y_hist.append("a")
    with pytest.raises(ValueError, match="no number"):
        read(arima)
    arima.y_hist.pop()
    arima.differencer.coeffs[1] = [1.0]
    with pytest.raises(ValueError, match="no number"):
        read(arima)


def test_an_integer_is_refused_where_its_powers_could_take_all_memory():
    clusterer = cluster.DBSTREAM()
    clusterer.learn_one({"value": 1.0})
    read(clusterer)
    clusterer.fading_factor = -(10**8)
    with pytest.raises(ValueError, match="fading_factor"):
        read(clusterer)


@pytest.mark.parametrize("threshold", [10**20, -(2**70), 2**64 - 1])
def test_an_attribute_may_be_an_integer_of_any_size(threshold):
    assert read(drift.PageHinkley(threshold=threshold)).threshold == threshold


def test_arrays_that_share_their_numbers_are_refused(monkeypatch):
    allow_own_modules(monkeypatch, "tests.consumer.own_model")
    own, numbers = Wobble(), np.zeros(4)
    own.parts = [numbers, np.zeros(4).reshape(2, 2)]
    assert read(own).parts[1].shape == (2, 2)
    own.parts = [numbers, numbers]  # one array twice stays one
    again = read(own).parts
    assert again[0] is again[1]
    own.parts = SimpleNamespace(whole=numbers, head=numbers[:2]).__dict__
    with pytest.raises(UnwritableModel, match="share their numbers"):
        packed(own)
