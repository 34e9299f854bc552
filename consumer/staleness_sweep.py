"""A scheduled search of every page for silent signals, since silence delivers no record.

Nobody delivers a silence again, so a sweep commits twice: first that it is noted, then, when it is published,
that it is. What it notes and cannot publish is published by the next sweep, or by whoever learns the signal's
next value, who publishes its end too.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from consumer.decode.signal_names import SignalKey
from consumer.errors import LayoutChanged, MoreMemoryNeeded, Unavailable, UnreadablePage, is_models_own
from consumer.learning.outcome import InvocationReport
from consumer.learning.staleness import note_silences, silence_events, untold
from consumer.pages.store import Page, commit_with_retries
from consumer.pipeline import Pipeline
from consumer.ports import TimeLeft

VISIT = "visit"
"""The key that a schedule's event has in place of records."""
_AT_ONCE = 16


async def sweep(pipeline: Pipeline, now_s: float, time_left: TimeLeft) -> InvocationReport:
    """Report the signals that are silent. What fails is left to the next sweep."""
    report = InvocationReport()
    try:
        layout = await pipeline.layouts.current()
        # A signal with an object of its own is not silent if that was written recently.
        keys = await pipeline.pages.keys(layout.folder, None if layout.pages else now_s - _least_s(pipeline))
    except Unavailable as error:
        report.problems.append(str(error))
        report.add(pages_failed=1)
        return report
    for start in range(0, len(keys), _AT_ONCE):
        if time_left.is_short():
            report.problems.append(f"the time ran short: {len(keys) - start} pages were not visited")
            break
        steps = (_sweep_page(pipeline, key, now_s, report) for key in keys[start : start + _AT_ONCE])
        await asyncio.gather(*steps)
    return report


def _least_s(pipeline: Pipeline) -> float:
    rules = pipeline.settings.use_case.sensor_checks
    return 0.0 if rules is None else rules.stale_s


async def _sweep_page(pipeline: Pipeline, key: str, now_s: float, report: InvocationReport) -> None:
    told: set[SignalKey] = set()

    async def attempt() -> None:
        page = await pipeline.pages.confirm(await pipeline.pages.load(key))
        noted = note_silences(pipeline.settings, page.states, now_s)
        if noted.broken:
            report.problems.append(f"{noted.broken} states in the page {key} cannot be used")
            report.add(states_broken=noted.broken)
        if not untold(page.states):
            return
        await pipeline.layouts.confirm()
        if noted.silent:
            await commit(page)
            page = await pipeline.pages.confirm(await pipeline.pages.load(key))
        silent = untold(page.states)
        new = [each for each in silent if each not in told]
        events = silence_events(pipeline.name, pipeline.settings, page.states, new)
        if events:
            await pipeline.publish(events, report)
        told.update(new)
        for state in map(page.states.__getitem__, silent):
            if state.health is not None:
                state.health.is_untold = False
        await commit(page)

    async def commit(page: Page) -> None:
        report.page_bytes.append(await pipeline.pages.commit(page))
        report.add(pages_committed=1)

    try:
        while True:
            try:
                async with pipeline.pages.memory.room(key):
                    with _blamed_on(key):
                        await commit_with_retries(f"the page {key}", pipeline.jitter, attempt)
                return
            except MoreMemoryNeeded:
                continue
    except UnreadablePage as error:
        report.problems.append(str(error))
        report.add(pages_unreadable=1)
    except Unavailable as error:
        if isinstance(error, LayoutChanged):
            pipeline.layouts.forget()
        report.problems.append(str(error))
        report.add(pages_failed=1)


@contextmanager
def _blamed_on(key: str) -> Iterator[None]:
    """What an altered page raises is that page's fault, and does not end the sweep of others."""
    try:
        yield
    except (Unavailable, UnreadablePage, MoreMemoryNeeded):
        raise
    except Exception as error:
        if not is_models_own(error):
            raise
        raise UnreadablePage(f"the page {key} cannot be swept: {type(error).__name__}: {error}") from error
