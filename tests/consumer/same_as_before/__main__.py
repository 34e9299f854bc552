"""Records the golden file, or shows a state.

    python -m tests.consumer.same_as_before record COMMIT
    python -m tests.consumer.same_as_before show drift 7 col0.step

The file was made by copying this folder into a checkout of the commit that it names, from before batches and
pages were columns, and recording there. It is made anew only by a change that means to alter what is learned,
published or quarantined; the message of its commit says why. Where the test finds a difference, `show` in
both checkouts prints what a signal knew after a batch, counted from 0; compare the two with `diff`.
"""

import json
import sys

from tests.consumer.same_as_before import golden
from tests.consumer.same_as_before.mixed_batches import deliveries
from tests.consumer.same_as_before.replay import CASES, WAYS, Replay, dump_state


def show(case: str, batch: int, signal: str) -> None:
    """Print a signal's state after a batch."""
    replay = Replay(CASES[case], *next(iter(WAYS.values())))
    for number in replay.run(deliveries()):
        if number == batch:
            print(json.dumps(dump_state(replay.world.states()[signal]), indent=1))


match sys.argv[1:]:
    case "record", commit:
        golden.record(commit)
    case "show", of, number, name:
        show(of, int(number), name)
    case _:
        sys.exit(__doc__)
