"""The shipped anomaly with other settings."""

from typing import Any

from consumer.detectors.alert_policy import AlertPolicy
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.sensor_checks import SENSOR_CHECKS, SensorChecks
from consumer.river_models.seasonal_isolation import SeasonalIsolation

ONE_A_WEEK = AlertPolicy(alerts_per_week=1.0)


def seasonal_anomaly(
    warm_up: int = 250,
    alert: AlertPolicy = ONE_A_WEEK,
    sensor_checks: SensorChecks | None = SENSOR_CHECKS,
    late: Any = "learn",
    **parameters: Any,
) -> AnomalyUseCase:
    """As the line of `use_cases.py`; `parameters` are the model's."""
    detector = SeasonalIsolation(**parameters)
    return AnomalyUseCase(detector, warm_up=warm_up, alert=alert, sensor_checks=sensor_checks, late=late)
