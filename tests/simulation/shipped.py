"""Use cases as they ship, with alerts that open and clear within few values, and sensors that fail."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from consumer.detectors.alert_policy import AlertPolicy
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.seasonal_anomaly import DecayRates, SeasonalAnomaly
from consumer.detectors.sensor_checks import SensorChecks
from consumer.settings.signal_settings import Entry, Limits, SettingsFile
from tests.simulation.plant import Producer

_OFTEN = AlertPolicy(clear_after=2, still_open_s=1_000.0, cool_down_s=5.0, alerts_per_week=1e6)
_RULES = SensorChecks(flat=3, empty=2, stale_s=20.0)


@dataclass(frozen=True)
class Shipped:
    """A use case, and what a producer has to send so that it finds something."""

    versions: Callable[[Any], list[Any]]
    """The one that is deployed first, and another."""
    records_min: int
    signals_max: int
    values_max: int
    steps: float
    empty: float
    ticks_s: Sequence[float]
    shapes: list[str]

    def fit(self, producer: Producer) -> None:
        """Have the producer send that."""
        producer.values_max, producer.steps, producer.empty = self.values_max, self.steps, self.empty
        producer.signals = producer.signals[: self.signals_max]
        producer.shapes = self.shapes
        producer.tick_s = producer.chance.rng("ticks").choice(self.ticks_s)


def _anomalies(late: Any) -> list[Any]:
    use_case = SeasonalAnomaly(warm_up=2, alert=_OFTEN, sensor_checks=_RULES, late=late)
    return [use_case, replace(use_case, decay_rates=DecayRates(course=0.2))]


def _changes(late: Any) -> list[Any]:
    soon = replace(_OFTEN, clear_after=30)
    use_case = ChangePoint(alert=soon, sensor_checks=_RULES, late=late)
    return [use_case, replace(use_case, alert=replace(soon, clear_after=20))]


SHIPPED = {
    "anomaly": Shipped(
        _anomalies,
        records_min=5,
        signals_max=6,
        values_max=30,
        steps=0.03,
        empty=0.02,
        ticks_s=[1.0, 60.0, 900.0],
        shapes=["point", "columns", "columns", "values", "kpl"],
    ),
    # A change that lasts is one of dozens of values, after a hundred of which none changed.
    "shift": Shipped(
        _changes,
        records_min=50,
        signals_max=3,
        values_max=100,
        steps=0.006,
        empty=0.004,
        ticks_s=[1.0, 1.0, 300.0],
        shapes=["point", "columns", "columns", "columns", "values"],
    ),
}


def own_settings(signals: Sequence[str], rng: random.Random) -> SettingsFile:
    """Some signals have sensors of a known range, which look at each value; some, clocks of their own."""
    ranges = [Entry(match=f"{signal}*", range=Limits(-6.0, 6.0)) for signal in signals if rng.random() < 0.3]
    zones = [Entry(match=f"{signal}*", time_zone="Asia/Kolkata") for signal in signals if rng.random() < 0.3]
    return SettingsFile(version=1, signals=[*ranges, *zones])
