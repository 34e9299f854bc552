"""A plan, played."""

import asyncio
import logging
import os
import time

from tests.local.fake_stream import SimulatedTimeLoop
from tests.simulation.chance import Chance
from tests.simulation.coverage import learned_in_columns
from tests.simulation.operated.world import OperatedWorld
from tests.simulation.plan import Outcome, Plan
from tests.simulation.simulated_world import World

AT_MOST_S = 40_000.0
VIOLATIONS_MAX = 20
"""With so many, a world need not come to its end."""
ZONES = (None, None, "America/St_Johns")
"""Of the process, by turns: nothing depends on it."""


class _Hopeless(Exception):
    """So much is violated that a world need not come to its end."""


def _set_zone(zone: str | None) -> None:
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    time.tzset()


def simulate(plan: Plan, is_traced: bool = False) -> Outcome:
    """Play a plan, without the log lines of what it makes go wrong."""
    zone = os.environ.get("TZ")
    _set_zone(ZONES[plan.seed % len(ZONES)])
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        return _played(plan, is_traced)
    finally:
        logging.disable(disabled)
        _set_zone(zone)


def _played(plan: Plan, is_traced: bool) -> Outcome:
    world = OperatedWorld(plan) if Chance(plan.seed).rng("kind").random() < 0.5 else World(plan)
    trace: list[str] = []
    if is_traced:
        from tests.simulation.world_trace import note_all

        note_all(world, trace)

    async def bounded() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        async with asyncio.timeout(AT_MOST_S), asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_watch(world))
            await world.run()
            watching.cancel()

    try:
        with (
            learned_in_columns() as coverage,
            asyncio.Runner(loop_factory=SimulatedTimeLoop) as runner,
        ):
            runner.run(bounded())
    except* _Hopeless:
        pass
    except* TimeoutError:
        world.audit.violations.append("it never came to an end")
    except* Exception as errors:
        world.audit.violations += [f"it raised {error!r}" for error in errors.exceptions]
    coverage += world.events_by_change
    return Outcome(plan, world.audit.violations, world.chance.exercised, world.records, trace, coverage)


async def _watch(world: World) -> None:
    while len(world.audit.violations) < VIOLATIONS_MAX:
        await asyncio.sleep(60.0)
    raise _Hopeless
