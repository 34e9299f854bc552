"""A failing plan made as small as it goes: fewer records, fewer kinds of faults."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.simulation.plan import Outcome, Plan
from tests.simulation.play import simulate

_SHRINKING_S = 60.0
"""After so long, what is smallest then is told."""


def shrunk(failing: Outcome, play: Callable[[Plan], Outcome] = simulate) -> Outcome:
    """The smallest plan found that still fails; each step keeps what fails and tries to take more away."""
    smallest, end = failing, time.monotonic() + _SHRINKING_S
    goes_on = True
    while goes_on and time.monotonic() < end:
        goes_on = False
        for plan in _smaller(smallest):
            outcome = play(plan)
            if outcome.violations:
                smallest, goes_on = outcome, True
            if goes_on or time.monotonic() > end:
                break
    return smallest


def _smaller(outcome: Outcome) -> Iterator[Plan]:
    plan, records = outcome.plan, outcome.records
    sizes = dict.fromkeys((records // 4, records // 2, records * 3 // 4, records - 1))
    yield from (replace(plan, records=size) for size in sizes if 0 < size < records)
    yield from (replace(plan, without=plan.without | {kind}) for kind in sorted(outcome.exercised))
