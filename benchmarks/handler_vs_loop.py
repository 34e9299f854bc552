"""A warm invocation beside the bare loop on the same batch: CPU, and wall time with S3's latencies."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from unittest import mock

from benchmarks import bare_loop
from benchmarks.measuring import Clock, Pair, alternately, cpu_s, wall_s
from benchmarks.warm_function import GET_S, PUT_S, FakeS3, Function, function
from benchmarks.workloads import LambdaEvent, column_batches, point_batches
from consumer.decode import plain

SIGNALS = (1, 100, 1_000, 10_000)
VALUES_PER_RECORD = 100
_WARM_UP = 3
_ROUNDS = 15
_WALL_SIGNALS = 1_000


def points(signals: int, rounds: int = _ROUNDS, *, from_bytes: bool = False, compiled: bool = True) -> Pair:
    """10,000 records of one point each; not `compiled`: as if the compiled reader had not been built."""
    batches = point_batches(signals)
    with nullcontext() if compiled else mock.patch.object(plain, "_compiled", None):
        return _compare(batches, bare_loop.learn_points, rounds, cpu_s, function(), from_bytes)


def columns(signals: int = 1_000, rounds: int = _ROUNDS, *, from_bytes: bool = False) -> Pair:
    """A record of a hundred values for each signal."""
    batches = column_batches(signals, VALUES_PER_RECORD, signals)
    return _compare(batches, bare_loop.learn_columns, rounds, cpu_s, function(), from_bytes)


def layout_wall(pages: int, rounds: int = 9) -> Pair:
    """Wall seconds of a warm batch with S3's latencies, ours with `pages` pages (0: an object a signal)."""
    ours = function(FakeS3(GET_S, PUT_S), pages=pages)
    return _compare(point_batches(_WALL_SIGNALS), bare_loop.learn_points, rounds, wall_s, ours)


def invocations(
    batches: Iterator[LambdaEvent],
    ours: Function,
    loop: Callable[[LambdaEvent], object],
    *,
    from_bytes: bool,
) -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
    """An invocation of each batch, and the loop over it.

    From bytes, the handler has them read as in Lambda, and the loop is after Lambda's own reader.
    """

    def loop_bytes(event: bytes) -> None:
        import simplejson  # type: ignore[import-untyped]  # Lambda has it, but not what ships in the function

        loop(simplejson.loads(event))

    for event in batches:
        if from_bytes:
            body = json.dumps(event).encode()
            yield partial(ours.invoke_bytes, body), partial(loop_bytes, body)
        else:
            yield partial(ours.invoke, event), partial(loop, event)


def _compare(
    batches: Iterator[LambdaEvent],
    loop: Callable[[LambdaEvent, bare_loop.Models], list[tuple[str, float]]],
    rounds: int,
    clock: Clock,
    opened: AbstractContextManager[Function],
    from_bytes: bool = False,
) -> Pair:
    models = bare_loop.new_models()
    drifts = []

    def learn(event: LambdaEvent) -> None:
        drifts.extend(loop(event, models))

    with opened as ours:
        pairs = invocations(batches, ours, learn, from_bytes=from_bytes)
        alternately(_WARM_UP, clock, pairs)
        pair = alternately(rounds, clock, pairs)
        check_equal(ours, models, len(drifts))
    return pair


def check_equal(ours: Function, models: bare_loop.Models, drifts: int) -> None:
    """Both must have learned the same, or the ratio would mean nothing."""
    learned = {key.signal: state.model.detector for key, state in ours.states().items()}
    assert learned.keys() == models.keys()
    assert all(
        learned[name]._helper.__getstate__() == model._helper.__getstate__() for name, model in models.items()
    )
    assert len(ours.bus.events) == drifts
