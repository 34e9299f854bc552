"""A model that cannot answer at first learns all the same; one that has learned enough has to answer."""

import math
import random

import pytest
from river import anomaly, base, compose, preprocessing

from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.asset_rows import AssetUseCase
from consumer.detectors.clusters import ClustersUseCase
from consumer.errors import ModelRaised
from tests.consumer.world import World, points, record


class Hesitant(base.AnomalyDetector):
    """It has no score until it has learned so many values, and at some value never."""

    def __init__(self, answer=math.nan, until=0, blind_at=None):
        self.answer, self.until, self.blind_at = answer, until, blind_at
        self.learned = 0

    def learn_one(self, x):
        self.learned += 1

    def score_one(self, x):
        is_blind = self.learned < self.until or x["value"] == self.blind_at
        return self.answer if is_blind else min(1.0, abs(x["value"]) / 10.0)


FIRST = {
    "a scaler to 0 and 1 before a machine": anomaly.QuantileFilter(
        preprocessing.MinMaxScaler() | anomaly.OneClassSVM(nu=0.2), q=0.99
    ),
    "the same, unprotected": anomaly.QuantileFilter(
        preprocessing.MinMaxScaler() | anomaly.OneClassSVM(nu=0.2), q=0.99, protect_anomaly_detector=False
    ),
    "behind a threshold": anomaly.ThresholdFilter(
        preprocessing.MinMaxScaler() | anomaly.OneClassSVM(nu=0.2), threshold=0.9
    ),
    "a scaler by the largest, in two steps": anomaly.QuantileFilter(
        compose.Pipeline(
            preprocessing.StandardScaler(), preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=1)
        ),
        q=0.99,
    ),
}


def noise(count: int, seed: int = 1) -> list[float]:
    drawn = random.Random(seed)
    return [drawn.gauss(0.0, 1.0) for _ in range(count)]


@pytest.mark.parametrize("detector", FIRST.values(), ids=FIRST.keys())
def test_it_learns_from_the_first_value_on(detector):
    use_case = AnomalyUseCase(detector)
    world = World(1, use_case)
    report = world.invoke(points([(f"s{number % 4}", value) for number, value in enumerate(noise(1_600))]))
    assert report.counts["observations_learned"] == 1_600
    assert world.objects.quarantined() == []
    state = world.states()["s1"]
    assert (state.learned, state.model.count) == (400, 400)
    scores: list[float] = []
    use_case.learn(state.model, [0.1, 500.0], [None, None], scores)
    assert all(map(math.isfinite, scores)), "no NaN has stayed in it"


@pytest.mark.parametrize(("answer", "until"), [(math.nan, 150), (None, 50), (math.nan, 200)])
def test_an_anomaly_is_found_after_a_late_first_score(answer, until):
    use_case = AnomalyUseCase(anomaly.ThresholdFilter(Hesitant(answer, until), threshold=0.9))
    values = [*noise(300), 40.0]
    scores: list[float] = []
    [finding] = use_case.learn(use_case.create(1), values, [None] * 301, scores)
    assert (finding.index, finding.change) == (300, "opened")
    assert set(scores[:until]) == {0.0}


@pytest.mark.parametrize("warm_up", [1, 40, 200])
@pytest.mark.parametrize("answer", [math.nan, None])
def test_once_it_has_learned_enough_it_has_to_answer(answer, warm_up):
    use_case = AnomalyUseCase(
        anomaly.ThresholdFilter(Hesitant(answer, blind_at=7.0), threshold=0.9), warm_up=warm_up
    )
    model = use_case.create(1)
    use_case.learn(model, [1.0] * (warm_up - 1) + [7.0], [None] * warm_up)
    assert model.count == warm_up
    with pytest.raises(ModelRaised):
        use_case.learn(model, [1.0, 7.0], [None, None])


def test_what_is_infinite_is_a_failure_from_the_first_value_on():
    use_case = AnomalyUseCase(anomaly.ThresholdFilter(Hesitant(math.inf, 5), threshold=0.9))
    with pytest.raises(ModelRaised, match="inf"):
        use_case.learn(use_case.create(1), [1.0], [None])


def test_a_model_that_never_answers_is_told_once_it_should():
    use_case = AnomalyUseCase(anomaly.ThresholdFilter(Hesitant(math.nan, 10**9), threshold=0.9), warm_up=30)
    with pytest.raises(ModelRaised, match="it answered nan") as raised:
        use_case.learn(use_case.create(1), noise(40), [None] * 40)
    assert raised.value.index == 30


class Late(base.Clusterer):
    """It has no cluster for the first values."""

    def __init__(self):
        self.learned = 0

    def learn_one(self, x):
        self.learned += 1

    def predict_one(self, x):
        return None if self.learned <= 20 else int(x["value"] > 0.0)


def test_a_clusterer_that_has_no_cluster_yet_learns_too():
    use_case = ClustersUseCase(Late(), warm_up=50)
    model = use_case.create(1)
    use_case.learn(model, noise(60), [None] * 60)
    assert (model.count, sum(model.seen.values())) == (60, 40)
    sooner = ClustersUseCase(Late(), warm_up=10)
    with pytest.raises(ModelRaised):
        sooner.learn(sooner.create(1), noise(60), [None] * 60)


def test_rows_of_an_asset_too():
    world = World(1, AssetUseCase(AnomalyUseCase(FIRST["a scaler to 0 and 1 before a machine"])))
    rows = [
        record(number, {"signal": "m", "values": {"p": one, "q": -one}}, key="m")
        for number, one in enumerate(noise(300), 1)
    ]
    assert world.invoke(rows).counts["observations_learned"] == 600
    assert world.objects.quarantined() == []
