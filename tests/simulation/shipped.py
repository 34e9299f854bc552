"""Use cases as they ship, with alerts that open and clear within few values, and sensors that fail."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from consumer.detectors.alert_policy import AlertPolicy
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.sensor_checks import SensorChecks
from consumer.settings.signal_settings import CalendarEntry, Entry, Limits, SettingsFile
from tests.consumer.seasonal import seasonal_anomaly
from tests.local.fake_stream import START
from tests.simulation.plant import FIRST_S, Producer

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
    # A small sample soon knows what is usual, and soon forgets it.
    size: Any = {"sample_size": 20, "memory": 40, "known_from": 3, "limit": 1.9}
    rules: Any = {"warm_up": 3, "alert": _OFTEN, "sensor_checks": _RULES, "late": late}
    return [seasonal_anomaly(**rules, **size), seasonal_anomaly(**rules, **size, hour_rate=0.2)]


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
    """Some signals have sensors of a known range, which look at each value; some, clocks of their own.

    And some, a dead band.
    """
    ranges = [Entry(match=f"{signal}*", range=Limits(-6.0, 6.0)) for signal in signals if rng.random() < 0.3]
    zones = [Entry(match=f"{signal}*", time_zone="Asia/Kolkata") for signal in signals if rng.random() < 0.3]
    bands = [
        Entry(
            match=f"{signal}*",
            least=rng.choice([0.5, 4.0, "50%"]),
            direction=rng.choice([None, "rise", "fall"]),
        )
        for signal in signals
        if rng.random() < 0.3
    ]
    return SettingsFile(version=1, signals=[*ranges, *zones, *bands])


def pauses_of(signals: Sequence[str], tick_s: float, rng: random.Random) -> list[CalendarEntry]:
    """Calendars of some signals, with events where their values are measured, and where they arrive."""
    calendars = []
    for signal in signals:
        if rng.random() < 0.2:
            starts = [FIRST_S + tick_s * rng.uniform(0.0, 400.0) for _ in range(4)]
            spans = [(start_s, start_s + tick_s * rng.uniform(1.0, 40.0)) for start_s in starts]
            spans += [
                (start_s, start_s + 20.0) for start_s in (START + rng.uniform(0.0, 200.0) for _ in "ab")
            ]
            calendars.append(CalendarEntry(f"{signal}.ics", f"{signal}*", spans=spans))
    return calendars
