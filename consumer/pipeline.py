"""The order of effects: decode, group, load, learn, quarantine, publish, commit.

What must agree is one conditional write, the commit. All that comes before it is done again by whoever has to
learn the page again, and gives the same: the same events with the same ids, the same quarantined lines.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consumer.decode.batch import Batch, Rejection
from consumer.decode.lambda_event import decode
from consumer.decode.signal_names import SignalKey
from consumer.errors import LayoutChanged, PageChanged, Unavailable, UnreadablePage
from consumer.events.event import Event
from consumer.events.mutes import MuteStore
from consumer.events.quarantine import quarantine_objects
from consumer.learning.deployment_check import DeploymentCheck
from consumer.learning.outcome import FailedObservations, InvocationReport, PageOutcome
from consumer.learning.page_learner import PageLearner
from consumer.pages.layout import LayoutStore
from consumer.pages.store import Page, PageStore, commit_with_retries
from consumer.ports import EventBus, Jitter, ObjectStore, TimeLeft
from consumer.settings.signal_settings import SettingsOfSignals


@dataclass(frozen=True, slots=True)
class PageWork:
    """What one batch holds for one page, of which `first_record` is the first record."""

    batch: Batch
    page_key: str
    keys: list[SignalKey]
    first_record: int

    def refused(self, reason: str) -> list[Rejection]:
        """Each observation of it, those that are skipped too."""
        runs = self.batch.runs
        return [refusal for key in self.keys for refusal in runs[key].refusals(key.signal, reason)]


async def first_left(
    steps: Mapping[asyncio.Task[int | None], int],
    time_left: TimeLeft,
    report: InvocationReport,
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


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A use case, under its name and with what is set for single signals, at work on a stream's records."""

    name: str
    settings: SettingsOfSignals
    layouts: LayoutStore
    pages: PageStore
    bus: EventBus[Event]
    objects: ObjectStore
    jitter: Jitter
    page_signals_max: int
    mutes: MuteStore | None = None
    """None: nothing is ever muted."""

    async def consume(self, event: Mapping[str, Any], time_left: TimeLeft) -> InvocationReport:
        """Learn the invocation's records, and tell from which on Lambda is to deliver again.

        Raises: `MalformedEvent`, `BadDeployment`: all is to be delivered again. Where no model can be made,
            pages that needed no new one may have been committed, and their checkpoints say so.
        """
        report = InvocationReport()
        for batch in decode(event, self.settings.use_case.merge_signals):
            report.read(batch)
            failed = await self._consume_batch(batch, time_left, report)
            if failed is not None:
                report.failed.append(batch.records[failed].identifier)
        return report

    async def _consume_batch(self, batch: Batch, time_left: TimeLeft, report: InvocationReport) -> int | None:
        """Give the first record of which something is left to do."""
        try:
            layout = await asyncio.wait_for(self.layouts.current(), time_left.seconds_to_answer())
        except Unavailable as error:
            report.problems.append(str(error))
            report.add(pages_failed=1)
            return 0
        except TimeoutError:
            report.problems.append("the time ran out while the layout waited for an answer")
            report.add(pages_failed=1)
            return 0
        keys_of = layout.grouped(batch.runs)
        check = DeploymentCheck(keys_of)
        steps = {}
        for page_key, keys in keys_of.items():
            work = PageWork(batch, page_key, keys, batch.first_record(keys))
            step = self._page_step(work, check, time_left, report)
            steps[asyncio.create_task(step)] = work.first_record
        if batch.refusals:
            step = self._refusals_step(batch, report)
            steps[asyncio.create_task(step)] = batch.refusals[0].record
        return await first_left(steps, time_left, report, batch.unread_from)

    async def _page_step(
        self, work: PageWork, check: DeploymentCheck, time_left: TimeLeft, report: InvocationReport
    ) -> int | None:
        """Bring one page up to date; give the first record of which something is left to do."""
        try:
            try:
                return await self._commit(work, check, time_left, report)
            except UnreadablePage as error:
                report.problems.append(str(error))
                report.add(pages_unreadable=1)
                await self._keep(work.batch, work.refused(str(error)), report)
                return None
        except Unavailable as error:
            if isinstance(error, LayoutChanged):
                self.layouts.forget()
            report.problems.append(str(error))
            report.add(pages_failed=1)
            return work.first_record
        finally:
            check.report(work.page_key, signals=0, raised=0)

    async def _commit(
        self, work: PageWork, check: DeploymentCheck, time_left: TimeLeft, report: InvocationReport
    ) -> int | None:
        exclusions = FailedObservations()

        async def attempt() -> int | None:
            page, learned = await self._learn(work, exclusions, check, time_left)
            if learned.refusals:
                await self._keep(work.batch, learned.refusals, report)
            if learned.events:
                await self.publish(learned.events, report)
            if learned.first_done is not None:
                is_new = page.e_tag is None
                try:
                    page_bytes = await self.pages.commit(page)
                except PageChanged:
                    # A warm page that another function has written meanwhile is no conflict.
                    report.add(page_conflicts=int(page.is_confirmed))
                    raise
                if is_new:  # and there was nothing to fence where the models were moved meanwhile
                    await self.layouts.confirm()
                report.committed(learned, work.batch, page_bytes)
            report.add(redelivered=learned.redelivered, signals_refused=learned.signals_refused)
            return learned.first_left

        return await commit_with_retries(f"the page {work.page_key}", self.jitter, attempt)

    async def publish(self, events: Sequence[Event], report: InvocationReport) -> None:
        """Publish events, those of muted signals marked. Raises: `Unavailable` unless all were accepted."""
        await self.bus.publish(events if self.mutes is None else await self.mutes.marked(events))
        report.add(events_published=len(events))

    async def _learn(
        self, work: PageWork, exclusions: FailedObservations, check: DeploymentCheck, time_left: TimeLeft
    ) -> tuple[Page, PageOutcome]:
        """The page, with the batch learned: all of it but the observations at which models raise."""
        page: Page | None = None
        while True:
            if time_left.is_short():
                raise Unavailable(f"the time ran short before the page {work.page_key} was learned")
            page = page or await self.pages.load(work.page_key)
            if page.is_confirmed:  # read now, and perhaps made by somebody after the models were moved
                await self.layouts.confirm()
            learning = PageLearner(
                self.name,
                self.settings,
                work.batch,
                page.states,
                exclusions,
                time_left.is_short,
                0 if page.is_full else self.page_signals_max,
            )
            learning.learn(work.keys)
            if learning.learned.needs_confirmed_page:
                confirmed = await self.pages.confirm(page)
                if confirmed is not page:
                    page = confirmed
                    continue
            check.report(work.page_key, learning.learned.signals, len(learning.learned.raised))
            changed = await self._learn_raised(work, page, learning, check, time_left)
            if changed is None:
                return page, learning.learned
            page = changed

    async def _learn_raised(
        self, work: PageWork, page: Page, learning: PageLearner, check: DeploymentCheck, time_left: TimeLeft
    ) -> Page | None:
        """Learn the signals whose models raised again, from the page in S3; leave them where time is short.

        Gives that page where somebody has written it since: then all is to be learned again.
        """
        while raised := learning.learned.raised:
            await check.passed()
            learning.exclusions.add(raised)
            fresh = await self.pages.load(work.page_key)
            if fresh.e_tag != page.e_tag:
                return fresh
            learning.restore_from(fresh.states)
            if time_left.is_short():
                learning.leave(raised)
                break
            learning.learned.raised = {}
            learning.learn(raised)
        return None

    async def _refusals_step(self, batch: Batch, report: InvocationReport) -> int | None:
        """Keep what could not be decoded."""
        try:
            await self._keep(batch, batch.refusals, report)
        except Unavailable as error:
            report.problems.append(str(error))
            return batch.refusals[0].record
        return None

    async def _keep(self, batch: Batch, refusals: list[Rejection], report: InvocationReport) -> None:
        for key, content in quarantine_objects(self.name, batch, refusals):
            await self.objects.write(key, content)
        report.add(quarantined=len(refusals))
