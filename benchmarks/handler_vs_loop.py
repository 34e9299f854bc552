"""CPU of a warm invocation, over the bare loop's on the same batch; S3 answers at once."""

from collections.abc import Callable, Iterator

from benchmarks import bare_loop
from benchmarks.measuring import Pair, alternately, cpu_s
from benchmarks.warm_function import Function, function
from benchmarks.workloads import LambdaEvent, column_batches, point_batches

SIGNALS = (1, 100, 1_000, 10_000)
VALUES_PER_RECORD = 100
_WARM_UP = 3
_ROUNDS = 15


def points(signals: int, rounds: int = _ROUNDS) -> Pair:
    """10,000 records of one point each."""
    return _compare(point_batches(signals), bare_loop.learn_points, rounds)


def columns(signals: int = 1_000, rounds: int = _ROUNDS) -> Pair:
    """A record of a hundred values for each signal."""
    return _compare(column_batches(signals, VALUES_PER_RECORD, signals), bare_loop.learn_columns, rounds)


def _compare(
    batches: Iterator[LambdaEvent],
    loop: Callable[[LambdaEvent, bare_loop.Models], list[tuple[str, float]]],
    rounds: int,
) -> Pair:
    models = bare_loop.new_models()
    drifts = []
    with function() as ours:

        def next_pair() -> tuple[Callable[[], object], Callable[[], object]]:
            event = next(batches)
            return lambda: ours.invoke(event), lambda: drifts.extend(loop(event, models))

        alternately(_WARM_UP, cpu_s, next_pair)
        pair = alternately(rounds, cpu_s, next_pair)
        _check_equal(ours, models, len(drifts))
    return pair


def _check_equal(ours: Function, models: bare_loop.Models, drifts: int) -> None:
    """Both have learned the same: a ratio of two different works would say nothing."""
    learned = {key.signal: state.model.detector for key, state in ours.states().items()}
    assert learned.keys() == models.keys()
    assert all(
        learned[name]._helper.__getstate__() == model._helper.__getstate__() for name, model in models.items()
    )
    assert len(ours.bus.events) == drifts
