"""The CPU time of the parts of a warm invocation, beside the bare loop on the same batch.

python -m benchmarks.stages
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any
from unittest import mock

from benchmarks import bare_loop
from benchmarks.measuring import cpu_s
from benchmarks.warm_function import function
from benchmarks.workloads import point_batches
from consumer import handler
from consumer.decode import delivery, fast_payloads
from consumer.learning.page_learner import PageLearner
from consumer.pages.codec import PageCodec

_WARM_UP, _ROUNDS = 3, 15
_PARTS = {
    "records: validation and base64": (delivery, "_in_columns"),
    "records: JSON, grouping by signal": (fast_payloads.FastPayloadReader, "read"),
    "learning": (PageLearner, "learn"),
    "encoding pages": (PageCodec, "encode_measured"),
    "log and metrics": (handler, "emit"),
}
_REST = "the rest: a thread for each page, clean-up"
_LOOP = "the whole bare loop"


def stages(signals: int) -> dict[str, float]:
    """Median CPU milliseconds: each part, then the rest, then the bare loop."""
    taken: dict[str, list[float]] = defaultdict(list)
    models = bare_loop.new_models()
    with function() as ours, ExitStack() as patches:
        spent: dict[str, float] = defaultdict(float)
        for name, (owner, attribute) in _PARTS.items():
            patches.enter_context(_clocked(owner, attribute, name, spent))
        for number, event in enumerate(islice(point_batches(signals), _WARM_UP + _ROUNDS)):
            spent.clear()
            start = cpu_s()
            ours.invoke(event)
            middle = cpu_s()
            bare_loop.learn_points(event, models)
            end = cpu_s()
            if number >= _WARM_UP:
                for name in _PARTS:
                    taken[name].append(spent[name])
                taken[_REST].append(middle - start - sum(spent.values()))
                taken[_LOOP].append(end - middle)
    return {name: 1000 * statistics.median(seconds) for name, seconds in taken.items()}


@contextmanager
def _clocked(owner: Any, attribute: str, name: str, spent: dict[str, float]) -> Iterator[None]:
    work: Callable[..., Any] = getattr(owner, attribute)

    def clocked(*args: Any, **options: Any) -> Any:
        start = time.process_time()
        try:
            return work(*args, **options)
        finally:
            spent[name] += time.process_time() - start

    with mock.patch.object(owner, attribute, clocked):
        yield


def table_of_stages() -> str:
    """A Markdown table with a column for each number of signals."""
    columns = {signals: stages(signals) for signals in (1, 1_000, 10_000)}
    heading = " | ".join(f"{signals:,} signals" for signals in columns)
    lines = [f"| CPU ms | {heading} |", f"| --- | {' | '.join('---:' for _ in columns)} |"]
    for name in columns[1]:
        lines.append(f"| {name} | {' | '.join(f'{found[name]:.1f}' for found in columns.values())} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table_of_stages())
