"""A visit of every page now and then: what falls silent brings no record that could tell of it.

It goes by the page's protocol: what it finds is published, then the page is written if nobody has since.
"""

import asyncio

from consumer.errors import LayoutChanged, Unavailable, UnreadablePage
from consumer.learning.outcome import InvocationReport
from consumer.learning.staleness import silence_events
from consumer.pages.store import commit_with_retries
from consumer.pipeline import Pipeline
from consumer.ports import TimeLeft

VISIT = "visit"
"""What a schedule's event has in place of records."""
_AT_ONCE = 16


async def sweep(pipeline: Pipeline, now_s: float, time_left: TimeLeft) -> InvocationReport:
    """Tell of the signals that are silent. What fails is left to the next visit."""
    report = InvocationReport()
    try:
        layout = await pipeline.layouts.current()
        # An object for each signal that was written of late holds none that is silent.
        keys = await pipeline.pages.keys(layout.folder, None if layout.pages else now_s - _least_s(pipeline))
    except Unavailable as error:
        report.problems.append(str(error))
        report.add(pages_failed=1)
        return report
    for start in range(0, len(keys), _AT_ONCE):
        if time_left.is_short():
            report.problems.append(f"the time ran short: {len(keys) - start} pages were not visited")
            break
        steps = (_visit_page(pipeline, key, now_s, report) for key in keys[start : start + _AT_ONCE])
        await asyncio.gather(*steps)
    return report


def _least_s(pipeline: Pipeline) -> float:
    rules = pipeline.settings.use_case.sensor_checks
    return 0.0 if rules is None else rules.stale_s


async def _visit_page(pipeline: Pipeline, key: str, now_s: float, report: InvocationReport) -> None:
    async def attempt() -> None:
        page = await pipeline.pages.confirm(await pipeline.pages.load(key))
        events = silence_events(pipeline.name, pipeline.settings, page.states, now_s)
        if not events:
            return
        await pipeline.layouts.confirm()
        await pipeline.publish(events, report)
        report.page_bytes.append(await pipeline.pages.commit(page))
        report.add(pages_committed=1)

    try:
        await commit_with_retries(f"the page {key}", pipeline.jitter, attempt)
    except UnreadablePage as error:
        report.problems.append(str(error))
        report.add(pages_unreadable=1)
    except Unavailable as error:
        if isinstance(error, LayoutChanged):
            pipeline.layouts.forget()
        report.problems.append(str(error))
        report.add(pages_failed=1)
