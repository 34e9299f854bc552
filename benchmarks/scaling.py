"""Whether more signals and more shards cost what they should."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from benchmarks import bare_loop
from benchmarks.measuring import Spread, cpu_s, spread, timed, wall_s
from benchmarks.warm_function import function
from benchmarks.workloads import RECORDS_PER_BATCH, column_batches, point_batches, renumber

_VALUES = 10
_FEW, _MANY = 100, 10_000
_SHARD_BATCHES = 15


def scale_signals(rounds: int = 7) -> Spread:
    """CPU per observation with 10,000 signals over that with 100; records of ten values."""
    few, many = (column_batches(signals, _VALUES, signals) for signals in (_FEW, _MANY))
    with function() as ours:
        for event in islice(few, 2):
            ours.invoke(event)
        events = islice(few, rounds * 5)
        few_s = [timed(cpu_s, partial(ours.invoke, event)) / (_FEW * _VALUES) for event in events]
    with function() as ours:
        for event in islice(many, 2):
            ours.invoke(event)
        events = islice(many, rounds)
        many_s = [timed(cpu_s, partial(ours.invoke, event)) / (_MANY * _VALUES) for event in events]
    middle = spread(few_s).median
    return spread([seconds / middle for seconds in many_s])


@dataclass(frozen=True, slots=True)
class Shards:
    """The throughput of two processes on two cores over that of one, each with a shard of its own."""

    handler: list[float]
    """Each of a turn."""
    loop: list[float]
    """That of the bare loop in the same turns: the most that this machine allows right now."""

    @property
    def over_loop(self) -> Spread:
        """What the handler gains by a second process, over what the loop gains."""
        return spread([ours / theirs for ours, theirs in zip(self.handler, self.loop, strict=True)])


def scale_shards(rounds: int = 7) -> Shards:
    """The handler's processes and the loop's in turn: those that have no turn wait for input."""
    works = [[_started(shard, work) for shard in range(2)] for work in ("handler", "loop")]
    gained: tuple[list[float], list[float]] = [], []
    try:
        for processes in works:
            _seconds_of(processes)  # warm up
        for turn in range(rounds):
            for processes, own in zip(works, gained, strict=True):
                one_s = _seconds_of([processes[turn % 2]])
                own.append(2 * one_s / _seconds_of(processes))
    finally:
        for processes in works:
            for process in processes:
                process.communicate()  # closing its input ends it
    return Shards(*gained)


def _started(shard: int, work: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.scaling", str(shard), work]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _seconds_of(processes: Sequence[subprocess.Popen[str]]) -> float:
    """Wait until all are ready, let them learn at the same time, return the seconds of the slowest."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return max(float(process.stdout.readline()) for process in processes if process.stdout)


def _learn_a_shard(shard: int, work: str) -> None:
    """Print "ready"; for each line of input learn further batches and print how long it took."""
    events = list(islice(point_batches(1_000, shard=shard), _SHARD_BATCHES))
    models = bare_loop.new_models()
    with os.fdopen(os.dup(1), "w") as answers, function() as ours:
        learn = partial(bare_loop.learn_points, models=models) if work == "loop" else ours.invoke
        print("ready", file=answers, flush=True)
        for _ in sys.stdin:
            start = wall_s()
            for event in events:
                learn(event)
            print(wall_s() - start, file=answers, flush=True)
            for event in events:
                renumber(event, _SHARD_BATCHES * RECORDS_PER_BATCH)
            print("ready", file=answers, flush=True)


if __name__ == "__main__":
    _learn_a_shard(int(sys.argv[1]), sys.argv[2])
