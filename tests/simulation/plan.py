"""What is to be played, and what came of it."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """All that decides what happens."""

    seed: int
    records: int = 0
    """0: as many as the seed says."""
    without: frozenset[str] = frozenset()

    @property
    def command(self) -> str:
        """What plays it again."""
        words = [f"python -m tests.simulation --seed {self.seed}"]
        words += [f"--records {self.records}"] if self.records else []
        words += [f'--without "{kind}"' for kind in sorted(self.without)]
        return " ".join(words)


@dataclass
class Outcome:
    """What came of a plan."""

    plan: Plan
    violations: list[str]
    exercised: Counter
    records: int
    trace: list[str] = field(default_factory=list)
    coverage: Counter = field(default_factory=Counter)
    """What was reached, though nothing went wrong: see `chance.REACHED`."""
