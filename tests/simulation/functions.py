"""Lambda: execution environments, and how invocations of them end."""

import asyncio
import contextvars
import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from consumer.decode.delivery import typed
from consumer.pipeline import Pipeline
from consumer.staleness_sweep import VISIT, sweep
from tests.local.fake_stream import START
from tests.simulation.chance import Chance
from tests.simulation.plant import Place
from tests.simulation.progress import Progress
from tests.simulation.reference import places_of

TIMEOUT_S = 20.0
_SHORT_S = 3.0
READ_TYPED = "event read by its types"


class Died(BaseException):
    """The process of this invocation is no more."""


class FunctionError(Exception):
    """What the event source mapping hears of an invocation that died or ran out of time."""


@dataclass
class Invocation:
    """One run of a function, in its own process or in a warm one."""

    number: int
    event: dict[str, Any]
    chance: Chance
    started_s: float
    is_dead: bool = False
    is_stalled: bool = False
    """It is slow without knowing: its process gets no time, say."""
    is_short_share: float = 0.01
    """How often its time is short when it asks."""

    @cached_property
    def arrivals(self) -> dict[Place, float]:
        """When each of its records arrived, by its place, in order."""
        records = self.event["Records"]
        places = places_of(self.event)
        assert len(set(places)) == len(places), "a record is twice in one batch"
        arrived_s = (record["kinesis"]["approximateArrivalTimestamp"] for record in records)
        return dict(zip(places, arrived_s, strict=True))

    def live(self) -> None:
        """Go no further where it is dead."""
        if self.is_dead:
            raise Died

    def may_die(self, when: str, probability: float = 0.01) -> None:
        """Die here, perhaps."""
        self.live()
        if self.chance.happens(f"death {when}", probability):
            self.is_dead = True
            raise Died

    def is_short(self) -> bool:
        """Whether to learn no more."""
        if self.is_stalled:
            return False
        return self._left_s() < _SHORT_S or self.chance.happens("time is short", self.is_short_share)

    def seconds_to_answer(self) -> float | None:
        """How long effects may be waited for."""
        if self.is_stalled:
            return None
        return max(0.0, self._left_s() - 1.0)

    def _left_s(self) -> float:
        return self.started_s + TIMEOUT_S - asyncio.get_running_loop().time()


INVOCATION: contextvars.ContextVar[Invocation | None] = contextvars.ContextVar("invocation", default=None)
COMMAND: contextvars.ContextVar[str] = contextvars.ContextVar("command", default="")
"""What an operator runs here, for the trace."""


@dataclass
class Lambda:
    """Execution environments, warm ones among them, and how invocations of them end."""

    chance: Chance
    cold: Callable[[], Pipeline]
    warm: list[Pipeline] = field(default_factory=list)
    background: set[asyncio.Task[Any]] = field(default_factory=set)
    invocations: int = 0
    is_short_share: float = 0.01
    violations: list[str] = field(default_factory=list)
    """Invocations that raised something of their own."""
    progress: Progress = field(init=False)
    reads_bytes: bool = field(init=False)

    def __post_init__(self) -> None:
        draws_bytes = self.chance.rng(READ_TYPED).random() < 0.5
        self.reads_bytes = draws_bytes and READ_TYPED not in self.chance.without
        self.progress = Progress(self.chance.exercised, self.violations)

    def deploy(self, cold: Callable[[], Pipeline]) -> None:
        """From now on other code is started; what runs goes on."""
        self.cold, self.warm = cold, []

    async def invoke(self, event: dict[str, Any]) -> object:
        """What the event source mapping calls."""
        answer, wrong_before = None, self.progress.wrong()
        try:
            answer = await self._invoke(event)
        finally:
            self.progress.answered(event, wrong_before, answer)
        return answer

    async def _invoke(self, event: dict[str, Any]) -> object:
        if self.chance.happens("batch delivered to two at once", 0.03):
            self._in_background(self._run(self._invocation(copy.deepcopy(event))))
        invocation = self._invocation(event)
        running = self._in_background(self._run(invocation))
        done, _ = await asyncio.wait({running}, timeout=TIMEOUT_S)
        if done:
            return running.result()
        if self.chance.rng("zombie").random() < 0.5:
            self.chance.exercised["time-out, and the invocation goes on"] += 1
        else:
            self.chance.exercised["time-out, and the invocation ends"] += 1
            invocation.is_dead = True
        raise FunctionError("timed out")

    def sweep(self) -> None:
        """What a schedule calls, without waiting for it."""
        self._in_background(self._run(self._invocation({VISIT: True, "Records": []})))

    def _read(self, event: dict[str, Any]) -> dict[str, Any]:
        """What the handler is given: in half of the worlds an event is read from its bytes."""
        if not self.reads_bytes:
            return event
        body = json.dumps(event).encode()
        found = typed(body)
        # Once: what goes on counting is what goes wrong.
        self.chance.exercised[READ_TYPED if found else "event left to the reader of dicts"] = 1
        return found or json.loads(body)

    async def settled(self) -> None:
        """Wait until no invocation is left, those that nobody waits for included."""
        while self.background:
            await asyncio.wait(self.background)

    def _invocation(self, event: dict[str, Any]) -> Invocation:
        self.invocations += 1
        now, is_stalled = asyncio.get_running_loop().time(), self.chance.happens("stalled process", 0.02)
        return Invocation(self.invocations, event, self.chance, now, False, is_stalled, self.is_short_share)

    def _in_background(self, run: Any) -> "asyncio.Task[Any]":
        task = asyncio.get_running_loop().create_task(run)
        self.background.add(task)
        task.add_done_callback(self.background.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _run(self, invocation: Invocation) -> object:
        INVOCATION.set(invocation)
        cold = self.cold
        if not self.warm or self.chance.happens("cold start", 0.1):
            pipeline = cold()
        else:
            pipeline = self.warm.pop(self.chance.rng("warm").randrange(len(self.warm)))
        try:
            if VISIT in invocation.event:
                now_s = START + asyncio.get_running_loop().time()
                report = await sweep(pipeline, now_s, invocation)
            else:
                report = await pipeline.consume(self._read(invocation.event), invocation)
        except Died as died:
            raise FunctionError("the process ended") from died
        except Exception as error:
            self.violations.append(f"invocation {invocation.number} raised {error!r}")
            raise
        if cold is self.cold:
            self.warm.append(pipeline)
        return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in report.failed]}
