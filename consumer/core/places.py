"""The observations of a signal in order, those that carry nothing to learn among them."""

from collections.abc import Iterator

from consumer.core.finding_event import Place
from consumer.core.runs import Entries, Run


def places_of(
    run: Run, entries: Entries, skipped: Entries, left: int, last: float
) -> Iterator[tuple[Place, bool]]:
    """Where these are that lie before record `left`, and whether nothing was carried there.

    Where nothing was, the value is that before; `last` is that before the run.
    """
    places = [
        (Place(run.records[entry], run.positions[entry], run.values[entry], run.timestamps[entry]), False)
        for entry in entries
    ]
    places += [
        (Place(run.skipped[entry], run.skipped_positions[entry], 0.0, None), True) for entry in skipped
    ]
    for place, is_empty in sorted(places, key=lambda one: one[0][:2]):
        if place.record >= left:
            return
        last = last if is_empty else place.value
        yield place._replace(value=last), is_empty
