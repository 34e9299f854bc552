"""Whether more signals and more shards cost what they should."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import islice

from benchmarks import bare_loop
from benchmarks.measuring import Spread, cpu_s, spread, timed, wall_s
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


def scale_shards(rounds: int = 5, work: str = "handler") -> Spread:
    """How much more two processes on two cores learn in a second than one, each with a shard of its own.

    With `work` "loop" it is the bare loop that they run: what this machine, busy as it is, lets anybody gain.
    """
    pairs = [(_slowest_s(1, work), _slowest_s(2, work)) for _ in range(rounds)]
    return spread([2 * one / two for one, two in pairs])


def _slowest_s(count: int, work: str) -> float:
    """Start so many processes; each gets ready, then all learn at once. Give how long the slowest took."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.scaling", str(shard), work],
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
    return slowest


def _learn_a_shard(shard: int, work: str) -> None:
    """Warm up, say that all is ready, wait for a word, learn, and say how many seconds it took."""
    events = list(islice(point_batches(1_000, shard=shard), _SHARD_BATCHES + 2))
    models = bare_loop.new_models()
    with os.fdopen(os.dup(1), "w") as ready, function() as ours:

        def learn(event: LambdaEvent) -> None:
            if work == "loop":
                bare_loop.learn_points(event, models)
            else:
                ours.invoke(event)

        for event in events[:2]:
            learn(event)
        print("ready", file=ready, flush=True)
        sys.stdin.readline()
        start = wall_s()
        for event in events[2:]:
            learn(event)
        seconds = wall_s() - start
    print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    _learn_a_shard(int(sys.argv[1]), sys.argv[2])
