"""A failing plan made as small as it goes: fewer records, fewer kinds of faults."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.simulation.plan import Outcome, Plan
from tests.simulation.play import simulate


def shrunk(failing: Outcome, play: Callable[[Plan], Outcome] = simulate) -> Outcome:
    """The smallest plan found that still fails; each step keeps what fails and tries to take more away."""
    smallest = failing
    goes_on = True
    while goes_on:
        goes_on = False
        for plan in _smaller(smallest):
            outcome = play(plan)
            if outcome.violations:
                smallest, goes_on = outcome, True
                break
    return smallest


def _smaller(outcome: Outcome) -> Iterator[Plan]:
    plan, records = outcome.plan, outcome.records
    sizes = dict.fromkeys((records // 4, records // 2, records * 3 // 4, records - 1))
    yield from (replace(plan, records=size) for size in sizes if 0 < size < records)
    yield from (replace(plan, without=plan.without | {kind}) for kind in sorted(outcome.exercised))
