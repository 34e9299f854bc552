"""The steps of a batch, side by side: waited for as long as there is time."""

import asyncio
from collections.abc import Mapping

from consumer.core.report import Report
from consumer.ports import TimeLeft


async def first_left(
    steps: Mapping[asyncio.Task[int | None], int],
    time_left: TimeLeft,
    report: Report,
    unread_from: int | None,
) -> int | None:
    """Wait for the steps as long as there is time; a step that does not end leaves its first record."""
    if not steps:
        return unread_from
    await asyncio.wait(steps, timeout=time_left.seconds_to_answer(), return_when=asyncio.FIRST_EXCEPTION)
    raised = [error for step in steps if step.done() and (error := step.exception())]
    if raised:
        raise raised[0]
    left = [] if unread_from is None else [unread_from]
    for step, first_record in steps.items():
        record: int | None = first_record
        if step.done():
            record = step.result()
        else:
            step.cancel()
            report.problems.append("the time ran out while a page waited for an answer")
            report.add(pages_failed=1)
        if record is not None:
            left.append(record)
    return min(left, default=None)
