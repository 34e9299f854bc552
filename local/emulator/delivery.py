"""One batch to its end: invoke, and after a failure split, retry or give up.

The rules, as Lambda documents them:

    the function raises, or its answer cannot be used    the whole batch failed
    the function names sequence numbers                  the batch failed from the lowest of them on

    with bisect      the whole batch failed: halves, the first to its end before the second      no quota used
                     it failed from a later record on: cut there, the rest comes again           no quota used
                     it failed from its first record on, or cannot be halved: it comes again     one retry
    without bisect   what failed comes again                                                     one retry

A batch made by a split has a quota of its own. Age is looked at before every invocation.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from local.emulator.batching import Batch
from local.emulator.clock import Clock, Pace
from local.emulator.invocation_result import first_failed, halves
from local.emulator.kinesis_event import EventFormat
from local.emulator.mapping_config import UNLIMITED, MappingConfig
from local.emulator.on_failure_destination import Condition, InvocationRecords, OnFailureDestination, store
from local.emulator.progress import Checkpoint, Progress

Invoke = Callable[[dict[str, Any]], Awaitable[object]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every shard of a mapping shares."""

    invoke: Invoke
    config: MappingConfig
    clock: Clock
    pace: Pace
    rng: random.Random
    progress: Progress
    destination: OnFailureDestination | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is left to do of a batch, or of a part split from it, and what became of it so far."""

    batch: Batch
    retries: int = 0
    invocations: int = 0
    function_raised: bool = False


class Delivery:
    """Delivers the batches of one shard."""

    def __init__(
        self, around: Surroundings, form: EventFormat, records: InvocationRecords, checkpoint: Checkpoint
    ) -> None:
        """Take what the mapping shares and what belongs to the shard."""
        self._around = around
        self._format = form
        self._records = records
        self._checkpoint = checkpoint

    async def deliver(self, batch: Batch) -> None:
        """Return when every record of `batch` was taken by the function or given up."""
        failures_in_a_row = 0
        # The last piece is the next: a first half is finished, with all its parts, before the second.
        pieces = [_Piece(batch)]
        while pieces:
            piece = await self._without_the_too_old(pieces.pop())
            if not piece.batch:
                continue
            tried, failed_from = await self._invoke(piece)
            taken = tried.batch[:failed_from] if failed_from is not None else ()
            self._delivered(taken)
            if len(taken) == len(tried.batch):
                failures_in_a_row = 0
                continue
            failures_in_a_row = 1 if taken else failures_in_a_row + 1
            if again := await self._what_comes_again(tried, failed_from):
                await self._back_off(failures_in_a_row)
                pieces.extend(reversed(again))

    async def _invoke(self, piece: _Piece) -> tuple[_Piece, int | None]:
        """Invoke once, and tell from which record on the batch failed: None where all of it did."""
        around = self._around
        around.progress.invocations += 1
        tried = replace(piece, invocations=piece.invocations + 1, function_raised=False)
        try:
            response = await around.invoke(self._format.event(piece.batch))
        # Whatever a function raises is a function error to Lambda, and never stops the mapping.
        except Exception as error:
            _log.info("the function raised %r at a batch of %d records", error, len(piece.batch))
            return replace(tried, function_raised=True), None
        if not around.config.report_batch_item_failures:
            return tried, len(piece.batch)
        return tried, first_failed(response, piece.batch)

    async def _what_comes_again(self, tried: _Piece, failed_from: int | None) -> list[_Piece]:
        around = self._around
        rest = tried.batch[failed_from or 0 :]
        if around.config.bisect_on_error:
            parts = halves(tried.batch) if failed_from is None else (rest,) if failed_from else None
            if parts:
                around.progress.bisections += 1
                return [replace(tried, batch=part, retries=0) for part in parts]
        if tried.retries == around.config.maximum_retry_attempts:
            await self._give_up(replace(tried, batch=rest), "RetryAttemptsExhausted")
            return []
        around.progress.retries += 1
        return [replace(tried, batch=rest, retries=tried.retries + 1)]

    async def _without_the_too_old(self, piece: _Piece) -> _Piece:
        oldest_s = self._around.config.maximum_record_age_s
        if oldest_s == UNLIMITED:
            return piece
        arrived_since = self._around.clock.now() - oldest_s
        too_old = tuple(record for record in piece.batch if record.arrived < arrived_since)
        if not too_old:
            return piece
        await self._give_up(replace(piece, batch=too_old), "RecordAgeExceeded")
        young = tuple(record for record in piece.batch if record.arrived >= arrived_since)
        return replace(piece, batch=young)

    async def _back_off(self, failures: int) -> None:
        await self._around.clock.sleep(self._around.pace.backoff_s(failures, self._around.rng))

    def _delivered(self, taken: Batch) -> None:
        self._checkpoint.done(taken)
        self._around.progress.delivered(len(taken))

    async def _give_up(self, piece: _Piece, condition: Condition) -> None:
        around = self._around
        _log.warning("%d records are given up: %s", len(piece.batch), condition)
        if around.destination is not None:
            now = around.clock.now()
            body = self._records.body(piece.batch, condition, piece.invocations, piece.function_raised, now)
            key = self._records.key(now)
            stored = await store(
                around.destination, key, body, clock=around.clock, pace=around.pace, rng=around.rng
            )
            around.progress.batches_stored += stored
            around.progress.destination_failures += not stored
        self._checkpoint.done(piece.batch)
        around.progress.given_up(len(piece.batch))
