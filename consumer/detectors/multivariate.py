"""A process as a whole: the rows of an asset, even if no value is unusual by itself."""

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from consumer.detectors.alert_policy import AlertPolicy, AlertState
from consumer.detectors.base import Found, Step, UseCase, finite
from consumer.detectors.hotelling import HotellingMonitor
from consumer.detectors.states import ModelState, model_state

_MONITORS_OWN = AlertPolicy(clear_after=1, cool_down_s=0.0)
"""The monitor has a limit to open and a lower one to clear."""


_GROUPS_MAX = 200
"""An asset has no more properties."""
_WIDER = 0.05
"""Of the limit, for each group beyond the first: the more are judged, the sooner one is off by chance."""


@model_state("multivariate")
class MultivariateState(ModelState):
    """A monitor, and the alert."""

    monitor: HotellingMonitor
    """Of the first properties."""
    alert: AlertState = msgspec.field(default_factory=AlertState)
    others: Annotated[list[HotellingMonitor], Meta(max_length=_GROUPS_MAX)] = msgspec.field(
        default_factory=list
    )
    """Of the properties after these, group by group."""


@dataclass(frozen=True, slots=True)
class Multivariate(UseCase):
    """Finds when the signals of an asset no longer move together as they used to, and when they do again.

    `limit` is in multiples of how far such rows usually are from normal. Nothing is reported in the first
    `warm_up` rows. It learns rows: `AssetUseCase` joins them. All properties are judged, at most
    `signals_max` together: the cost of a row grows with the square of their number. Those of an asset with
    more are judged in groups, in the order in which they first came; the last group takes in those before it,
    so that none is judged by itself. An alert is open as long as one group's is.
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
        return MultivariateState(self._monitor())

    def stepper(self, state: MultivariateState) -> Step:
        """Let the monitor judge each row, then learn it; a single value is a row of one."""
        alert = state.alert

        def step(row: Any, at_s: float | None) -> tuple[float, Found | None]:
            values = row if isinstance(row, dict) else {0: row}
            score, is_anomalous, evidence = self._judge(state, values, at_s)
            change = self.alert.next(alert, finite(score), opens=is_anomalous, keeps=is_anomalous, at_s=at_s)
            if change is None:
                return score, None
            seen = {name: part for name, part in (evidence or {}).items() if name != "change"}
            return score, (change, seen | self.alert.transition_details(alert, change, at_s))

        return step

    def _judge(
        self, state: MultivariateState, values: dict[int, float], at_s: float | None
    ) -> tuple[float, bool, dict[str, Any] | None]:
        """The highest score of all groups, whether one is anomalous, and the evidence of the furthest off."""
        groups = groups_of(sorted(values), self.signals_max)
        limit = self.limit * (1.0 + _WIDER * (len(groups) - 1))
        del state.others[len(groups) - 1 :]
        while len(state.others) < len(groups) - 1:
            state.others.append(self._monitor())
        score, is_anomalous, evidence = 0.0, False, None
        for monitor, group in zip((state.monitor, *state.others), groups, strict=True):
            monitor.limit = limit
            own = {number: values[number] for number in group}
            of_group, is_off, seen = monitor.step(own, at_s)
            score, is_anomalous = max(score, of_group), is_anomalous or is_off
            if seen is not None and (evidence is None or seen["statistic"] > evidence["statistic"]):
                evidence = seen
        return score, is_anomalous, evidence

    def _monitor(self) -> HotellingMonitor:
        return HotellingMonitor(self.limit, self.warm_up, self.delay, self.open_max)

    def alert_of(self, model: MultivariateState) -> AlertState | None:
        """The state of its alert."""
        return model.alert


def groups_of(signals: list[int], most: int) -> list[list[int]]:
    """The signals that are judged together: as many as may be, and last the last ones, as many.

    A signal that joins changes the last group alone.

    >>> groups_of([0, 1, 2, 3, 4, 5, 6], 3)
    [[0, 1, 2], [3, 4, 5], [4, 5, 6]]
    """
    if len(signals) <= most:
        return [signals]
    whole = len(signals) - len(signals) % most
    groups = [signals[first : first + most] for first in range(0, whole, most)]
    return groups if whole == len(signals) else [*groups, signals[-most:]]
