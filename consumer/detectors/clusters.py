"""Clusters: what a signal does, by a clusterer of `river.cluster`, and when it does what it rarely does."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import msgspec

from consumer.detectors.alert_policy import AlertPolicy, AlertState
from consumer.detectors.base import (
    Found,
    Severity,
    Step,
    UseCase,
    is_no_answer_yet,
    last_step,
    parameters_of,
    seeded,
)
from consumer.detectors.states import AnyState, ModelState, model_state

_ENTERED = AlertPolicy(clear_after=5, cool_down_s=0.0)
"""A cluster is entered from one value to the next, and another one is another matter."""
CLUSTERS_MAX = 100
"""Clusters whose counts are kept; some clusterers never stop making new ones."""


@model_state("clusters")
class ClustersState(ModelState):
    """A clusterer, and how often each cluster came; `current` is the last one's number."""

    clusterer: AnyState
    seen: dict[int, int] = msgspec.field(default_factory=dict)
    count: int = 0
    current: int | None = None
    alert: AlertState = msgspec.field(default_factory=AlertState)


@dataclass(frozen=True, slots=True)
class ClustersUseCase(UseCase):
    """Finds that a signal enters a cluster where it has never or rarely been, and when it is usual again.

    Rarely: for a smaller share than `rare` of the values so far. `clusterer` is a pattern: each signal gets a
    copy, with a seed of its own. Nothing is reported in the first `warm_up` values.
    """

    clusterer: Any
    rare: float = 0.01
    warm_up: int = 200
    alert: AlertPolicy = _ENTERED
    _: KW_ONLY
    kind: str = "clusters"
    detail_type: str = "Rare Cluster Entered"
    severity: Severity = "info"

    @property
    def parameters(self) -> Any:
        """What the models depend on: not when something is reported."""
        return ["alerts", parameters_of(self.clusterer)]

    def create(self, seed: int) -> ClustersState:
        """A clusterer that has seen nothing."""
        return ClustersState(seeded(self.clusterer, seed))

    def stepper(self, state: ClustersState) -> Step:
        """Let the clusterer learn each value, and ask it which cluster that is; a rare one scores high."""
        clusterer = state.clusterer

        def step(value: float, at_s: float | None) -> tuple[float, Found | None]:
            x = value if isinstance(value, dict) else {"value": value}  # a dict: of an asset
            clusterer.learn_one(x)
            answer, previous = clusterer.predict_one(x), state.current
            if is_no_answer_yet(answer, state.count, self.warm_up):
                state.count += 1
                change = self.alert.next(state.alert, 0.0, opens=False, keeps=False, at_s=at_s)
                return 0.0, change and (change, self.alert.transition_details(state.alert, change, at_s))
            cluster = int(answer)
            times, count = state.seen.get(cluster, 0), state.count
            is_warm = count >= max(1, self.warm_up)
            score = 1.0 - times / count if is_warm else 0.0
            _count(state, cluster, times)
            change = self.alert.next(
                state.alert,
                score,
                opens=is_warm and cluster != previous and times < self.rare * count,
                keeps=times < self.rare * count,
                at_s=at_s,
            )
            if change is None:
                return score, None
            evidence = {
                "clusterer": type(last_step(clusterer)).__name__,
                "cluster": cluster,
                "previous_cluster": previous,
                "observations_in_cluster": times,
            }
            return score, (change, evidence | self.alert.transition_details(state.alert, change, at_s))

        return step

    def alert_of(self, model: ClustersState) -> AlertState | None:
        """The state of its alert."""
        return model.alert


def _count(state: ClustersState, cluster: int, times: int) -> None:
    state.seen[cluster] = times + 1
    state.count += 1
    state.current = cluster
    if len(state.seen) > CLUSTERS_MAX:
        others = (one for one in state.seen if one != cluster)
        del state.seen[min(others, key=state.seen.__getitem__)]
