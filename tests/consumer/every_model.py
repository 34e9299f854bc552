"""The models that are known to work, by use case and name: a few settings of each."""

from river import anomaly, cluster, drift, preprocessing, time_series

from consumer.detectors.alert_policy import AlertPolicy
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.asset_rows import AssetUseCase
from consumer.detectors.base import UseCase
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.clusters import ClustersUseCase
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.forecast import ForecastUseCase
from consumer.detectors.modes.by_mode import ByMode, InMode, ModeSignal
from consumer.detectors.modes.mode_rule import ModeRule
from consumer.detectors.multivariate import Multivariate
from consumer.river_models.lasting_change import LastingChange
from consumer.river_models.seasonal_isolation import SeasonalIsolation
from tests.consumer.seasonal import seasonal_anomaly

OFTEN = AlertPolicy(clear_after=5, alerts_per_week=1e5)


def anomalies(detector: object, q: float = 0.99) -> AnomalyUseCase:
    """The highest scores of a detector."""
    return AnomalyUseCase(anomaly.QuantileFilter(detector, q=q), warm_up=100)


def trees() -> anomaly.HalfSpaceTrees:
    """Few and small ones."""
    return anomaly.HalfSpaceTrees(n_trees=3, height=4, window_size=60)


def far(scorer: anomaly.GaussianScorer) -> AnomalyUseCase:
    """What lies far out in the tails."""
    return AnomalyUseCase(anomaly.ThresholdFilter(scorer, threshold=0.999), warm_up=100)


def below(forecaster: object) -> ForecastUseCase:
    """A limit that the values of these tests come to cross."""
    return ForecastUseCase(forecaster, horizon=20, upper=60.0, lower=-20.0, every=5, warm_up=60)


def rare(clusterer: object) -> ClustersUseCase:
    """Clusters that a signal is seldom in."""
    return ClustersUseCase(clusterer, rare=0.05, warm_up=100)


class OfTwo(ByMode):
    """Modes that come and go every few values: every sixth stretch of ten is of another one."""

    __slots__ = ()

    def learn(self, state, values, timestamps, scores=None):
        """Say the mode of each value by its time."""
        modes = [0 if at_s is None else int(at_s // 600) % 6 == 0 for at_s in timestamps]
        return ByMode.learn(self, state, [*map(InMode, values, modes)], timestamps, scores)


EVERY_MODEL: dict[tuple[str, str], list[UseCase]] = {
    ("drift", "ADWIN"): [DriftUseCase(drift.ADWIN())],
    ("drift", "PageHinkley"): [DriftUseCase(drift.PageHinkley(mode=mode)) for mode in ("both", "up", "down")],
    ("drift", "KSWIN"): [DriftUseCase(drift.KSWIN(window_size=60, stat_size=20))],
    ("drift", "DummyDriftDetector"): [
        DriftUseCase(drift.DummyDriftDetector(t_0=90)),
        DriftUseCase(drift.DummyDriftDetector(trigger_method="random", t_0=60, w=20)),
    ],
    ("drift", "LastingChange"): [DriftUseCase(LastingChange())],
    ("drift", "NoDrift"): [DriftUseCase(drift.NoDrift())],
    ("anomaly", "HalfSpaceTrees"): [anomalies(trees())],
    ("anomaly", "OneClassSVM"): [anomalies(anomaly.OneClassSVM(nu=0.1))],
    ("anomaly", "GaussianScorer"): [
        far(anomaly.GaussianScorer(grace_period=50)),
        far(anomaly.GaussianScorer(window_size=80, grace_period=50)),
    ],
    ("anomaly", "scaled"): [
        anomalies(preprocessing.StandardScaler() | trees()),
        anomalies(preprocessing.MinMaxScaler() | trees()),
        anomalies(preprocessing.MaxAbsScaler() | trees()),
        anomalies(preprocessing.StandardScaler(window_size=40) | trees()),
        anomalies(preprocessing.MaxAbsScaler(window_size=40) | trees()),
        anomalies(preprocessing.StandardScaler() | SeasonalIsolation(sample_size=30, memory=90)),
    ],
    ("anomaly", "SeasonalIsolation"): [
        AnomalyUseCase(anomaly.ThresholdFilter(SeasonalIsolation(known_from=20), threshold=0.6), warm_up=100),
    ],
    ("unusual", "course"): [seasonal_anomaly(hour_rate=0.1, alert=OFTEN, warm_up=70)],
    ("shift", "lasting"): [ChangePoint(alert=OFTEN)],
    ("asset", "process"): [
        Multivariate(warm_up=100, delay=50, alert=OFTEN),
        AssetUseCase(Multivariate(warm_up=150, delay=50)),
    ],
    ("clusters", "KMeans"): [rare(cluster.KMeans(n_clusters=3, halflife=0.4))],
    ("clusters", "DBSTREAM"): [rare(cluster.DBSTREAM(clustering_threshold=2.0))],
    ("clusters", "scaled"): [
        rare(preprocessing.StandardScaler() | cluster.KMeans(n_clusters=3)),
        rare(preprocessing.StandardScaler() | cluster.DBSTREAM()),
        rare(preprocessing.MinMaxScaler(window_size=40) | cluster.DBSTREAM(clustering_threshold=0.1)),
    ],
    ("clusters", "joined"): [AssetUseCase(rare(preprocessing.StandardScaler() | cluster.DBSTREAM()))],
    ("forecast", "HoltWinters"): [
        below(time_series.HoltWinters(alpha=0.3, beta=0.1)),
        below(time_series.HoltWinters(alpha=0.3, beta=0.1, gamma=0.1, seasonality=13)),
        below(time_series.HoltWinters(alpha=0.3, beta=0.1, gamma=0.1, seasonality=13, multiplicative=True)),
    ],
    ("modes", "joined"): [
        ByMode(seasonal_anomaly(hour_rate=0.1, alert=OFTEN, warm_up=70), ModeRule("state")),
        ByMode(ChangePoint(alert=OFTEN), ModeRule("state")),
        ByMode(AssetUseCase(Multivariate(warm_up=150, delay=50)), ModeRule("state")),
        ModeSignal(DriftUseCase(drift.ADWIN())),
        OfTwo(far(anomaly.GaussianScorer(grace_period=50)), ModeRule("two")),
        OfTwo(ChangePoint(alert=OFTEN), ModeRule("two")),
        OfTwo(below(time_series.HoltWinters(alpha=0.3, beta=0.1)), ModeRule("two")),
    ],
    ("forecast", "SNARIMAX"): [below(time_series.SNARIMAX(p=2, d=1, q=1))],
}
