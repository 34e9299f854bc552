"""Where the time of a warm invocation goes.

python -m benchmarks.profile points 1000          # 10,000 points of 1,000 signals
python -m benchmarks.profile columns 1000 --lines 40
"""

import cProfile
import io
import pstats
from typing import Annotated

import typer

from benchmarks.handler_vs_loop import VALUES_PER_RECORD
from benchmarks.warm_function import function
from benchmarks.workloads import column_batches, point_batches

_INVOCATIONS = 5


def profile(
    shape: Annotated[str, typer.Argument()] = "points",
    signals: Annotated[int, typer.Argument()] = 1_000,
    lines: Annotated[int, typer.Option()] = 30,
) -> None:
    """Profile five warm invocations; functions are sorted by their own time."""
    batches = (
        point_batches(signals) if shape == "points" else column_batches(signals, VALUES_PER_RECORD, signals)
    )
    events = [next(batches) for _ in range(_INVOCATIONS + 2)]
    profiler, text = cProfile.Profile(), io.StringIO()
    with function() as ours:
        for event in events[:2]:
            ours.invoke(event)
        profiler.enable()
        for event in events[2:]:
            ours.invoke(event)
        profiler.disable()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(lines)
    typer.echo(text.getvalue())


if __name__ == "__main__":
    typer.run(profile)
