"""Small batches to a warm function that knows many signals, beside the bare loop on the same records."""

from collections.abc import Callable
from functools import partial

from benchmarks import bare_loop
from benchmarks.handler_vs_loop import check_equal
from benchmarks.measuring import Pair, alternately, cpu_s
from benchmarks.warm_function import function
from benchmarks.workloads import LambdaEvent, point_batches

RECORDS = (10, 100, 1_000)
"""Of a batch."""
_SIGNALS = 1_000
_RECORDS_PER_ROUND = 1_000
_WARM_UP = 3
_ROUNDS = 15


def small_batches(records: int, rounds: int = _ROUNDS) -> Pair:
    """CPU seconds a record; each round has all signals in turn, in batches of so many records."""
    models, drifts = bare_loop.new_models(), []

    def learn(event: LambdaEvent) -> None:
        drifts.extend(bare_loop.learn_points(event, models))

    with function() as ours:
        whole = point_batches(_SIGNALS, _RECORDS_PER_ROUND)
        cut = (_cut(event, records) for event in whole)
        pairs = ((partial(_each, ours.invoke, events), partial(_each, learn, events)) for events in cut)
        alternately(_WARM_UP, cpu_s, pairs)
        pair = alternately(rounds, cpu_s, pairs)
        check_equal(ours, models, len(drifts))
    return Pair(
        *([seconds / _RECORDS_PER_ROUND for seconds in each] for each in (pair.ours_s, pair.theirs_s))
    )


def few_records(rounds: int = _ROUNDS) -> Pair:
    """CPU seconds of an invocation of ten records, and of the bare loop over a full batch.

    What an invocation takes by itself is most of the former: over ten records of the loop it would vary too
    much to have a bar.
    """
    few = point_batches(_SIGNALS, _RECORDS_PER_ROUND)
    full, models = point_batches(_SIGNALS), bare_loop.new_models()
    with function() as ours:
        pairs = (
            (
                partial(_each, ours.invoke, _cut(event, 10)),
                partial(bare_loop.learn_points, next(full), models),
            )
            for event in few
        )
        alternately(_WARM_UP, cpu_s, pairs)
        pair = alternately(rounds, cpu_s, pairs)
    return Pair([seconds * 10 / _RECORDS_PER_ROUND for seconds in pair.ours_s], pair.theirs_s)


def _cut(event: LambdaEvent, records: int) -> list[LambdaEvent]:
    whole = event["Records"]
    return [{"Records": whole[start : start + records]} for start in range(0, len(whole), records)]


def _each(learn: Callable[[LambdaEvent], object], events: list[LambdaEvent]) -> None:
    for event in events:
        learn(event)
