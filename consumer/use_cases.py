"""The file to edit: which River model learns each signal, by the name of its use case.

To change a model, change its line: `drift.ADWIN()` to `drift.PageHinkley()`, say. The models that the old
line has learned stay in the bucket untouched, and are found again when the old line comes back. The new
ones start from nothing, or from what the stream still holds: `python -m ops upgrade`.
"""

from river import cluster, drift, preprocessing, time_series

from consumer.detectors.alert_policy import AlertPolicy
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.asset_rows import AssetUseCase
from consumer.detectors.base import UseCase
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.clusters import ClustersUseCase
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.forecast import ForecastUseCase
from consumer.detectors.multivariate import Multivariate
from consumer.detectors.sensor_checks import SENSOR_CHECKS
from consumer.river_models.seasonal_isolation import SeasonalIsolation

USE_CASES: dict[str, UseCase] = {
    "drift": DriftUseCase(drift.ADWIN()),
    "anomaly": AnomalyUseCase(
        SeasonalIsolation(),
        warm_up=250,
        alert=AlertPolicy(alerts_per_week=1.0),
        sensor_checks=SENSOR_CHECKS,
    ),
    "shift": ChangePoint(),
    "asset": AssetUseCase(Multivariate(), pattern=None),
    "clusters": AssetUseCase(
        ClustersUseCase(
            preprocessing.StandardScaler() | cluster.KMeans(n_clusters=8, halflife=0.1, sigma=1.0)
        ),
        pattern=None,
    ),
    "forecast": ForecastUseCase(time_series.HoltWinters(alpha=0.3, beta=0.1), horizon=60),
}

OWN_MODULES: tuple[str, ...] = ()
"""Modules of model classes of your own, such as "consumer.own_models": a page may hold their classes."""
