"""What each process of `make sim` does; not in `__main__`, which a process that starts anew does not read.

Nothing here imports the consumer before a mutant is in its place.
"""

from typing import TYPE_CHECKING

from tests.simulation import mutants

if TYPE_CHECKING:
    from tests.simulation.plan import Outcome


def prepare(mutant: str) -> None:
    """Once in each process; an empty name is of no mutant."""
    mutants.install(mutant)
    from tests.simulation import play

    if mutant:  # then one violation is enough
        play.VIOLATIONS_MAX = 1


def simulated(seeds: range) -> "list[Outcome]":
    from tests.simulation.plan import Plan
    from tests.simulation.play import simulate

    return [simulate(Plan(seed)) for seed in seeds]
