"""Whether more signals and more shards cost what they should."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import islice

from benchmarks.measuring import Spread, alternately, cpu_s, spread, timed, wall_s
from benchmarks.warm_function import function
from benchmarks.workloads import LambdaEvent, column_batches, point_batches

_VALUES = 10
_FEW, _MANY = 100, 10_000
_SHARD_BATCHES = 10


def scale_signals(rounds: int = 7) -> Spread:
    """CPU of an observation with 10,000 signals over that with 100, ten values of each in a record."""
    few, many = (column_batches(signals, _VALUES, signals) for signals in (_FEW, _MANY))
    with function() as ours:
        warm_few = [next(few) for _ in range(2)]
        for event in warm_few:
            ours.invoke(event)
        few_s = [_timed_each(ours.invoke, next(few)) / (_FEW * _VALUES) for _ in range(rounds * 5)]
    with function() as ours:
        for event in islice(many, 2):
            ours.invoke(event)
        many_s = [_timed_each(ours.invoke, next(many)) / (_MANY * _VALUES) for _ in range(rounds)]
    middle = spread(few_s).median
    return spread([seconds / middle for seconds in many_s])


def _timed_each(invoke: Callable[[LambdaEvent], None], event: LambdaEvent) -> float:
    return timed(cpu_s, partial(invoke, event))


def scale_shards(rounds: int = 5) -> Spread:
    """How much more two processes on two cores learn in a second than one, each with a shard of its own."""

    def next_pair() -> tuple[partial[float], partial[float]]:
        return partial(_processes, 2, both), partial(_processes, 1, alone)

    both: list[float] = []
    alone: list[float] = []
    alternately(rounds, wall_s, next_pair)
    return spread([2 * one / two for one, two in zip(alone, both, strict=True)])


def _processes(count: int, seconds: list[float]) -> float:
    """Start so many processes; each gets ready, then all learn at once. Note how long the slowest took."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.scaling", str(shard)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for shard in range(count)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    slowest: float = max(json.loads(process.communicate()[0]) for process in running)
    seconds.append(slowest)
    return slowest


def _learn_a_shard(shard: int) -> None:
    """Say that all is ready, wait for a word, learn, and say how many seconds it took."""
    events = list(islice(point_batches(1_000, shard=shard), _SHARD_BATCHES + 2))
    print("ready", flush=True)
    with function() as ours:
        for event in events[:2]:
            ours.invoke(event)
        sys.stdin.readline()
        start = wall_s()
        for event in events[2:]:
            ours.invoke(event)
        seconds = wall_s() - start
    print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    _learn_a_shard(int(sys.argv[1]))
