"""The order of effects.

1. decode the records, and group their signals by page;
then, for each page at the same time:
2. load the page;
3. learn its signals, together with those of all pages that are loaded by then;
4. quarantine what cannot be learned;
5. publish the events;
6. commit the page: one conditional PUT.

All that must agree is in the commit. If it fails, whoever learns the page again repeats steps 2 to 5 with the
same result: the same events with the same ids, the same quarantined lines.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consumer.decode.batch import Batch
from consumer.decode.lambda_event import decode
from consumer.decode.rejections import RejectedColumns, Rejections
from consumer.decode.signal_names import SignalKey
from consumer.detectors.in_columns.vectorised import FEW
from consumer.errors import (
    LayoutChanged,
    MoreMemoryNeeded,
    PageChanged,
    Unavailable,
    UnreadablePage,
    UnwritableModels,
    brief,
    is_models_own,
)
from consumer.events.event import Event
from consumer.events.mutes import MuteStore
from consumer.events.quarantine import Quarantine
from consumer.learning.columns_learner import learn_together
from consumer.learning.outcome import DeploymentCheck, FailedObservations, InvocationReport, PageOutcome
from consumer.learning.page_learner import PageLearner
from consumer.learning.page_parts import PagePart
from consumer.learning.state import State
from consumer.learning.usual_signals import Member
from consumer.pages.layout import Layout, LayoutStore, parts_by_page
from consumer.pages.store import Page, PageStore, commit_with_retries
from consumer.ports import EventBus, Jitter, ObjectStore, TimeLeft
from consumer.settings.signal_settings import SettingsOfSignals


@dataclass(frozen=True, slots=True)
class PageWork:
    """What one batch holds for one page, starting at `first_record`."""

    batch: Batch
    page_key: str
    part: PagePart
    quarantine: Quarantine
    turns: "Turns"


class ArraysRaised(Exception):
    """Pages learned together in arrays, and something raised: each is to be learned again, one by one."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"its signals are learned one by one, for the arrays raised {brief(error)}")


class Turns:
    """Pages that are loaded learn together: all that are ready when the event loop comes round."""

    def __init__(self, few: int) -> None:
        self._few = few
        self._ready: list[tuple[Member, asyncio.Future[None]]] = []

    async def learn(self, member: Member) -> None:
        """Learn with the others. Raises: what is no signal's own failure."""
        loop = asyncio.get_running_loop()
        if not self._ready:
            loop.call_soon(self._learn)
        learned = loop.create_future()
        self._ready.append((member, learned))
        await learned

    def _learn(self) -> None:
        ready, self._ready = [one for one in self._ready if not one[1].done()], []
        try:
            errors = learn_together([member for member, _ in ready], self._few)
        except BaseException as error:
            is_of_arrays = is_models_own(error) or isinstance(error, MemoryError)
            errors = [ArraysRaised(error) if is_of_arrays else error] * len(ready)
        for (_, learned), raised in zip(ready, errors, strict=True):
            if raised is None:
                learned.set_result(None)
            else:
                learned.set_exception(raised)


async def first_left(
    steps: Mapping[asyncio.Task[int | None], int],
    time_left: TimeLeft,
    report: InvocationReport,
    unread_from: int | None,
) -> int | None:
    """Wait for the steps as long as there is time; a step that does not finish leaves its first record."""
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
    """One use case, with its name and its settings for single signals, learning a stream's records."""

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
    few: int = FEW
    """As long as so many values alone takes one for each of the signals that learn together."""

    async def consume(self, event: Mapping[str, Any], time_left: TimeLeft) -> InvocationReport:
        """Learn the invocation's records; the report names those from which Lambda must deliver again.

        Raises: `MalformedEvent`, `BadDeployment`: Lambda must deliver all records again. If no model can be
            made, pages that needed no new one may have been committed, and their checkpoints say so.
        """
        report = InvocationReport()
        # 1. Decode, and group by page.
        for batch in decode(event):
            failed = await self._consume_batch(batch, time_left, report)
            if failed is not None:
                report.failed.append(batch.records[failed].identifier)
        return report

    async def _consume_batch(self, batch: Batch, time_left: TimeLeft, report: InvocationReport) -> int | None:
        """Learn one batch; return the first record that is not done, if any."""
        layout = await self._layout(time_left, report)
        batch.of_no_asset = self.settings.make_ready(batch, None if layout is None else layout.assets)
        report.read(batch)
        if layout is None:
            return 0
        parts = parts_by_page(batch, layout)
        check = DeploymentCheck(self.name, self.settings.use_case, batch)
        quarantine = Quarantine(self.name, self.objects, batch, [part.records for part in parts.values()])
        turns, steps = Turns(self.few), {}
        for page_key, part in parts.items():
            work = PageWork(batch, page_key, part, quarantine, turns)
            step = self._page_step(work, check, time_left, report)
            steps[asyncio.create_task(step)] = part.first_record
        if batch.rejections:
            step = self._rejections_step(batch.rejections, quarantine, report)
            steps[asyncio.create_task(step)] = batch.rejections.first_record
        return await first_left(steps, time_left, report, batch.unread_from)

    async def _layout(self, time_left: TimeLeft, report: InvocationReport) -> Layout | None:
        """Where the models lie; None if that cannot be known now."""
        try:
            async with asyncio.timeout(time_left.seconds_to_answer()):
                return await self.layouts.current()
        except Unavailable as error:
            report.problems.append(str(error))
        except TimeoutError:
            report.problems.append("the time ran out while the layout waited for an answer")
        report.add(pages_failed=1)
        return None

    async def _page_step(
        self, work: PageWork, check: DeploymentCheck, time_left: TimeLeft, report: InvocationReport
    ) -> int | None:
        """Learn one page's signals; return the first record that is not done, if any."""
        while True:
            try:
                async with self.pages.memory.room(work.page_key):
                    return await self._commit(work, check, time_left, report)
            except MoreMemoryNeeded:
                continue
            except UnreadablePage as error:
                return await self._quarantine_page(work, error, report)
            except Unavailable as error:
                return self._left(work, error, report)

    async def _quarantine_page(
        self, work: PageWork, error: UnreadablePage, report: InvocationReport
    ) -> int | None:
        """Quarantine what an unreadable page should have learned."""
        report.problems.append(str(error))
        report.add(pages_unreadable=1)
        try:
            await self._quarantine(work, work.part.rejected(str(error)), report)
        except Unavailable as unavailable:
            return self._left(work, unavailable, report)
        return None

    def _left(self, work: PageWork, error: Unavailable, report: InvocationReport) -> int:
        """Report a page that failed; all of its records are to be delivered again."""
        if isinstance(error, LayoutChanged):
            self.layouts.forget()
        report.problems.append(str(error))
        report.add(pages_failed=1)
        return work.part.first_record

    async def _commit(
        self, work: PageWork, check: DeploymentCheck, time_left: TimeLeft, report: InvocationReport
    ) -> int | None:
        failed = FailedObservations()

        async def attempt() -> int | None:
            # 2. Load, and 3. learn.
            page, outcome = await self._learn(work, failed, check, time_left, report)
            # 4. Quarantine.
            if outcome.rejections:
                await self._quarantine(work, outcome.rejections, report)
            # 5. Publish.
            if outcome.events:
                await self.publish(outcome.events, report)
            # 6. Commit.
            if outcome.first_done is not None:
                is_new = page.e_tag is None
                try:
                    page_bytes = await self.pages.commit(page)
                except PageChanged:
                    # It is no conflict if another function has written a page that was warm here.
                    report.add(page_conflicts=int(page.is_confirmed))
                    raise
                if is_new:  # if the models were moved meanwhile, there was no page to fence
                    await self.layouts.confirm()
                report.committed(outcome, work.batch, page_bytes)
            report.add(redelivered=outcome.redelivered, signals_refused=outcome.signals_refused)
            return outcome.first_left

        return await commit_with_retries(f"the page {work.page_key}", self.jitter, attempt)

    async def publish(self, events: Sequence[Event], report: InvocationReport) -> None:
        """Publish events, those of muted signals marked. Raises: `Unavailable` unless all were accepted."""
        await self.bus.publish(events if self.mutes is None else await self.mutes.marked(events))
        report.add(events_published=len(events))

    async def _learn(
        self,
        work: PageWork,
        failed: FailedObservations,
        check: DeploymentCheck,
        time_left: TimeLeft,
        report: InvocationReport,
    ) -> tuple[Page, PageOutcome]:
        """Load the page and learn the batch, without the observations at which models raise."""
        page: Page | None = None
        while True:
            if time_left.is_short():
                raise Unavailable(f"the time ran short before the page {work.page_key} was learned")
            page = page or await self.pages.load(work.page_key)
            if page.is_confirmed:  # read now, and perhaps made by somebody after the models were moved
                await self.layouts.confirm()
            learner = PageLearner(
                self.name,
                self.settings,
                work.batch,
                page.states,
                failed,
                time_left.is_short,
                0 if page.is_full else self.page_signals_max,
            )
            try:
                await work.turns.learn(Member(learner, work.part))
            except ArraysRaised as error:  # perhaps of an altered page, no matter whose
                report.problems.append(f"{work.page_key}: {error}")
                report.add(pages_one_by_one=1)
                failed.in_arrays, page = True, None
                continue
            if learner.outcome.needs_confirmed_page:
                confirmed = await self.pages.confirm(page)
                if confirmed is not page:
                    page = confirmed
                    continue
            if learner.outcome.raised:
                check.passed(learner.outcome)
            changed = await self._learn_raised(work, page, learner, time_left)
            if changed is not None:
                page = changed
                continue
            try:
                if learner.outcome.first_done is not None:
                    self.pages.encode(page)
                return page, learner.outcome
            except UnwritableModels as error:  # their signals are left as they are in S3
                failed.set_aside.update(error.reasons)
                page = None

    async def _learn_raised(
        self, work: PageWork, page: Page, learner: PageLearner, time_left: TimeLeft
    ) -> Page | None:
        """Learn signals whose models raised again, from the page in S3; defer them if the time is short.

        Returns that page if somebody has written it since: then all must be learned again.
        """
        stored: dict[SignalKey, State] | None = None
        while raised := learner.outcome.raised:
            learner.failed.add(raised)
            if stored is None:  # read once, however often one of them raises
                fresh = await self.pages.load(work.page_key)
                if fresh.e_tag != page.e_tag:
                    return fresh
                stored = {key: fresh.states[key] for key in raised if key in fresh.states}
            learner.restore_from(stored)
            if time_left.is_short():
                learner.defer(raised)
                break
            learner.outcome.raised = {}
            learner.learn(raised)
        return None

    async def _rejections_step(
        self, rejections: Rejections, quarantine: Quarantine, report: InvocationReport
    ) -> int | None:
        """Quarantine what could not be decoded."""
        try:
            await quarantine.keep(rejections)
        except Unavailable as error:
            report.problems.append(str(error))
            return rejections.first_record
        report.add(quarantined=len(rejections))
        return None

    async def _quarantine(
        self, work: PageWork, rejected: list[RejectedColumns], report: InvocationReport
    ) -> None:
        rejections = Rejections(work.batch.records, rejected)
        await work.quarantine.keep(rejections)
        report.add(quarantined=len(rejections))
