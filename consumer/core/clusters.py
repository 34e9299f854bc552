"""Clusters: what a signal does, by a clusterer of `river.cluster`, and when it does what it rarely does."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from consumer.core.one_by_one import last_step, one_by_one
from consumer.core.seeds import seeded
from consumer.core.use_case import Finding, Severity, parameters_of

CLUSTERS_MAX = 100
"""Of which it is known how often they came; of some clusterers new ones come for ever."""


@dataclass(slots=True)
class Clustered:
    """A clusterer, and how often each cluster came; `current` is the last one's number."""

    clusterer: Any
    seen: dict[int, int] = field(default_factory=dict)
    count: int = 0
    current: int | None = None

    def __reduce__(self) -> tuple[type["Clustered"], tuple[Any, dict[int, int], int, int | None]]:
        return Clustered, (self.clusterer, self.seen, self.count, self.current)


@dataclass(frozen=True, slots=True)
class ClustersUseCase:
    """Tells when a signal enters a cluster that it has never or rarely been in.

    Rarely: for a smaller share than `rare` of the values so far. `clusterer` is a pattern: each signal gets a
    copy, with a seed of its own. Nothing is told before `warm_up` values.
    """

    clusterer: Any
    rare: float = 0.01
    warm_up: int = 200
    late: Literal["learn", "skip"] = "learn"
    kind: str = "clusters"
    detail_type: str = "Rare Cluster Entered"
    severity: Severity = "info"

    @property
    def parameters(self) -> Any:
        """What the models depend on: not when something is told."""
        return parameters_of(self.clusterer)

    def create(self, seed: int) -> Clustered:
        """A clusterer that has seen nothing."""
        return Clustered(seeded(self.clusterer, seed))

    def learn(
        self,
        clustered: Clustered,
        values: Sequence[float],
        timestamps: Sequence[float | None],
        scores: list[float] | None = None,
    ) -> list[Finding]:
        """Let the clusterer learn each value, and ask it which cluster that is; a rare one scores high."""
        clusterer = clustered.clusterer

        def step(value: float, _: float | None) -> tuple[float, dict[str, Any] | None]:
            x = value if isinstance(value, dict) else {"value": value}  # a dict: of an asset
            clusterer.learn_one(x)
            cluster, previous = int(clusterer.predict_one(x)), clustered.current
            times = clustered.seen.get(cluster, 0)
            is_rare = cluster != previous and times < self.rare * clustered.count
            is_warm = clustered.count >= max(1, self.warm_up)
            score = 1.0 - times / clustered.count if is_warm else 0.0
            _count(clustered, cluster, times)
            if not (is_rare and is_warm):
                return score, None
            return score, {
                "clusterer": type(last_step(clusterer)).__name__,
                "cluster": cluster,
                "previous_cluster": previous,
                "observations_in_cluster": times,
            }

        return one_by_one(step, values, timestamps, scores)


def _count(clustered: Clustered, cluster: int, times: int) -> None:
    clustered.seen[cluster] = times + 1
    clustered.count += 1
    clustered.current = cluster
    if len(clustered.seen) > CLUSTERS_MAX:
        others = (one for one in clustered.seen if one != cluster)
        del clustered.seen[min(others, key=clustered.seen.__getitem__)]
