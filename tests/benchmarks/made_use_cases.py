"""Use cases whose quality is known."""

from dataclasses import dataclass
from typing import Any

from consumer.detectors.alert_policy import Finding
from consumer.detectors.base import UseCase


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond(UseCase):
    """Opens an alert at each value that is further from 50 than this."""

    distance: float
    kind: str = "beyond"
    detail_type: str = "Beyond"

    @property
    def parameters(self) -> Any:
        return ["beyond", self.distance]

    def create(self, seed: int) -> list[float]:
        return []

    def learn(self, model, values, timestamps, scores=None):
        if scores is not None:
            scores.extend(min(1.0, abs(value - 50.0) / 10.0) for value in values)
        return [Finding(index, {}) for index, value in enumerate(values) if abs(value - 50.0) > self.distance]


SILENT = Beyond(distance=1e9)
ALARMIST = Beyond(distance=-1.0)
FAR_OFF = Beyond(distance=4.7)
