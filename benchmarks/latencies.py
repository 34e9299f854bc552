"""How long a batch of 1,000 signals takes where S3 has its latencies, beside the bare loop."""

from collections.abc import Callable
from functools import partial

from benchmarks import bare_loop
from benchmarks.beside_others import GET_S, PUT_S
from benchmarks.fake_s3 import FakeS3
from benchmarks.measuring import Pair, alternately, wall_s
from benchmarks.warm_function import function
from benchmarks.workloads import point_batches

_SIGNALS = 1_000
_WARM_UP = 2


def layout_wall(pages: int, rounds: int = 9) -> Pair:
    """Seconds of a warm batch: ours with `pages` pages (0: an object a signal), and the loop's."""
    batches, models = point_batches(_SIGNALS), bare_loop.new_models()
    with function(FakeS3(GET_S, PUT_S), pages=pages) as ours:

        def next_pair() -> tuple[Callable[[], object], Callable[[], object]]:
            event = next(batches)
            return partial(ours.invoke, event), partial(bare_loop.learn_points, event, models)

        alternately(_WARM_UP, wall_s, next_pair)
        return alternately(rounds, wall_s, next_pair)
