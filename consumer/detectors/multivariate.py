"""A process as a whole: the rows of an asset, even if no value is unusual by itself."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import msgspec

from consumer.detectors.alert_policy import AlertPolicy, AlertState
from consumer.detectors.base import Found, Step, UseCase, finite
from consumer.detectors.hotelling import HotellingMonitor
from consumer.detectors.states import ModelState, model_state

_MONITORS_OWN = AlertPolicy(clear_after=1, cool_down_s=0.0)
"""The monitor has a limit to open and a lower one to clear."""


@model_state("multivariate")
class MultivariateState(ModelState):
    """A monitor, and the alert."""

    monitor: HotellingMonitor
    alert: AlertState = msgspec.field(default_factory=AlertState)


@dataclass(frozen=True, slots=True)
class Multivariate(UseCase):
    """Finds when the signals of an asset no longer move together as they used to, and when they do again.

    `limit` is in multiples of how far such rows usually are from normal. Nothing is reported in the first
    `warm_up` rows. It learns rows: `AssetUseCase` joins them. Of an asset with more than `signals_max`
    properties it learns the first ones that came: the cost of a row grows with the square of their number.
    """

    limit: float = 5.0
    warm_up: int = 400
    delay: int = 250
    open_max: int = 600
    signals_max: int = 30
    alert: AlertPolicy = _MONITORS_OWN
    _: KW_ONLY
    kind: str = "asset"
    detail_type: str = "Process Changed"

    @property
    def parameters(self) -> Any:
        """What the models depend on: not the limit beyond which something is reported."""
        return ["process", self.warm_up, self.delay, self.open_max, self.signals_max]

    def create(self, seed: int) -> MultivariateState:
        """A monitor that has seen no row; it has no randomness."""
        return MultivariateState(HotellingMonitor(self.limit, self.warm_up, self.delay, self.open_max))

    def stepper(self, state: MultivariateState) -> Step:
        """Let the monitor judge each row, then learn it; a single value is a row of one."""
        monitor, alert = state.monitor, state.alert
        monitor.limit = self.limit

        def step(row: Any, at_s: float | None) -> tuple[float, Found | None]:
            values = row if isinstance(row, dict) else {0: row}
            if len(values) > self.signals_max:
                values = {number: values[number] for number in range(self.signals_max)}
            score, is_anomalous, evidence = monitor.step(values, at_s)
            change = self.alert.next(alert, finite(score), opens=is_anomalous, keeps=is_anomalous, at_s=at_s)
            if change is None:
                return score, None
            seen = {name: part for name, part in (evidence or {}).items() if name != "change"}
            return score, (change, seen | self.alert.transition_details(alert, change, at_s))

        return step

    def alert_of(self, model: MultivariateState) -> AlertState | None:
        """The state of its alert."""
        return model.alert
