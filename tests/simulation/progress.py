"""Whether each shard gets through: nothing fails for long or is given up unless something is wrong."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.plant import Place
from tests.simulation.reference import places_of

FAULTLESS_TRIES_MAX = 15
"""After a move each warm function may fail once, before it reads the layout again."""


@dataclass
class Progress:
    """Hears of each answer to the event source mapping. `exercised` counts all that went wrong so far."""

    exercised: Counter
    violations: list[str] = field(default_factory=list)
    is_excused: Callable[[], bool] = lambda: False
    """Whether nothing can be learned just now, because the models are being moved or built."""
    _failed: dict[Place, tuple[int, int]] = field(default_factory=dict)
    """Of the first record of a batch, what had gone wrong by its last failure, and failures since then."""

    def answered(self, event: dict[str, Any], wrong_before: int, answer: Any) -> None:
        """Note whether an invocation got on; `answer` is None if it failed as a whole."""
        first, *_ = places_of(event)
        failed = [] if answer is None else [each["itemIdentifier"] for each in answer["batchItemFailures"]]
        if answer is not None and (not failed or int(min(failed, key=int)) > first[2]):
            self._failed.pop(first, None)
            return
        if self.is_excused():
            wrong_before = -1
        wrong, times = self._failed.get(first, (-1, 0))
        times = times + 1 if wrong == wrong_before == self.wrong() else int(wrong_before == self.wrong())
        self._failed[first] = self.wrong(), times
        if times == FAULTLESS_TRIES_MAX:
            self.violations.append(
                f"{first} failed {times} times running, with nothing wrong: it holds its shard"
            )

    def given_up(self, event: dict[str, Any]) -> None:
        """Note that a batch is given up."""
        first, *_ = places_of(event)
        were_moved = self.exercised["repage"] or self.exercised["upgrade"]
        if self._failed.get(first, (-1, 0))[1] > 1 and not were_moved:
            self.violations.append(f"{first} is given up, with nothing wrong")

    def wrong(self) -> int:
        """How much has gone wrong so far."""
        return sum(self.exercised.values())
