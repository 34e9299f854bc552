"""The hops in their order; after one that failed, those behind it are not reached."""

from collections.abc import Callable, Generator, Iterator

from clients.deployment import ModelsOf, Pipeline
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.drift import DriftUseCase
from consumer.plant import plant
from producer_sim.observe.learned_counts import LearnedCounts
from producer_sim.observe.listening import listening
from producer_sim.smoke import hops
from producer_sim.smoke.trip import Hop, HopFailed, Patience, Trip

_FIND_STEPS = DriftUseCase, ChangePoint
_Step = tuple[str, Callable[[], str | None]]
"""A hop's name, and what does it: it says what was seen, or None where the pipeline has no such thing."""


def follow(
    pipeline: Pipeline, signal: str, patience: Patience, waiting: Callable[[str], None]
) -> Iterator[Hop]:
    """Send a step of `signal`, and give each hop as soon as its outcome is known; `waiting` hears its name.

    With several use cases, each has hops of its own from learning on.

    Raises: `NotObservable`, `StatesUnreadable`, and what botocore raises where looking is not allowed.
    """
    with listening(pipeline) as inbox:
        s3 = pipeline.client("s3")
        looks = [
            (models, LearnedCounts(s3, models, pipeline.stream_name, [signal])) for models in pipeline.models
        ]
        trip = Trip(pipeline, signal, patience, inbox)
        on_the_stream: list[_Step] = [
            ("put on the stream", lambda: hops.put(trip)),
            ("on the stream", lambda: hops.read_back(trip)),
        ]
        reached = yield from _in_turn(trip, on_the_stream, True, waiting)
        for models, look in looks:
            yield from _in_turn(trip, _of_use_case(trip, models, look), reached, waiting)


def _of_use_case(trip: Trip, models: ModelsOf, look: LearnedCounts) -> list[_Step]:
    of = f", {models.use_case}" if len(trip.pipeline.models) > 1 else ""
    steps: list[_Step] = [(f"learned{of}", lambda: hops.learned(trip, models, look))]
    if isinstance(plant().use_cases.get(models.use_case), _FIND_STEPS):  # of others, who knows what they find
        steps.append((f"event on the bus{of}", lambda: hops.event(trip, models)))
        steps.append((f"alert delivered{of}", lambda: hops.alert(trip, models)))
    return steps


def _in_turn(
    trip: Trip, steps: list[_Step], reached: bool, waiting: Callable[[str], None]
) -> Generator[Hop, None, bool]:
    """Give the hops of these steps, and at the end whether the next one is reached."""
    for name, step in steps:
        if not reached:
            yield Hop(name, "not reached")
            continue
        waiting(name)
        try:
            seen = step()
        except HopFailed as failed:
            yield Hop(name, "failed", trip.after_s, str(failed), failed.look_at)
            reached = False
        else:
            yield Hop(name, "not there" if seen is None else "passed", trip.after_s, seen or "")
    return reached
