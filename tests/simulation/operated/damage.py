"""Pages that cannot be read or written for a while, and pages that somebody has planted."""

import asyncio
from collections.abc import Callable
from typing import Any

from river import preprocessing

from consumer.detectors.alert_policy import AlertState
from consumer.detectors.clusters import ClustersState
from consumer.detectors.drift import DriftState
from consumer.errors import ConsumerError, UnreadablePage
from consumer.pages.codec import PageCodec, unmarked
from tests.simulation.operated.recorded import FussyState, RecordedState

_PLANTED: list[Callable[[Any], Any]] = [
    lambda model: None,
    lambda model: 3.0,
    lambda model: "text",
    lambda model: [1.0, None],
    lambda model: {"model": model},
    lambda model: AlertState(),
    lambda model: DriftState(None, 0, 0.0),
    lambda model: DriftState(preprocessing.StandardScaler(), 0, 0.0),
    lambda model: ClustersState(None),
    lambda model: RecordedState(None),
    lambda model: RecordedState(FussyState(7.0)),
    lambda model: RecordedState(model.model.model),
    lambda model: RecordedState(model.model, "text", 3.0),
    lambda model: RecordedState(model.model, [float("nan")], [None, None]),
]


class FullCodec(PageCodec):
    """Finds, while the world says so, that there is no room for what is to be written."""

    def __init__(self, memory_bytes: int, is_full: Callable[[], bool]) -> None:
        super().__init__(memory_bytes)
        self._is_full = is_full

    def encode_measured(self, states: Any) -> Any:
        if self._is_full():
            raise UnreadablePage(f"the page's {len(states)} states would take more than there is")
        return super().encode_measured(states)


class Damage:
    """What is done to the pages of one world."""

    def __init__(self, world: Any) -> None:
        self.world, self.chance, self.rng = world, world.chance, world.chance.rng("damage")
        self.full_until_s = -1.0
        self.healing: set[asyncio.Task[None]] = set()

    def is_full(self) -> bool:
        """Whether no page can be written now."""
        return asyncio.get_running_loop().time() < self.full_until_s and not self.chance.is_quiet

    def happen(self) -> None:
        """Something of it, perhaps."""
        if self.chance.happens("pages are full for a while", 0.004):
            self.full_until_s = asyncio.get_running_loop().time() + self.rng.uniform(1.0, 30.0)
            self.world.audit.are_all_harmed = True
        often = 3 if self.world.memory_bytes < 2**24 else 1
        if self.chance.happens("a page cannot be read for a while", 0.008 * often):
            self._break()
        if self.chance.happens("a page is planted", 0.006):
            self._plant()

    async def done(self) -> None:
        """Wait until all is healed."""
        while self.healing:
            await asyncio.wait(self.healing)

    def _pages(self) -> list[tuple[str, bytes]]:
        prefix = self.world.prefixes[self.world.deployed]
        layout = self.world.audit.layouts.get(prefix)
        found = []
        for key, (_, body) in sorted(self.world.bucket.objects.items()):
            if layout is not None and key.startswith(layout.folder) and body == unmarked(body):
                found.append((key, body))
        return found

    def _break(self) -> None:
        if not (pages := self._pages()):
            return
        key, good = self.rng.choice(pages)
        try:
            states = self.world.audit.codec.decode(good)
        except ConsumerError:
            return  # it is broken already
        self.world.audit.harmed |= {signal_key.signal for signal_key in states}
        self.world.audit.harmed_pages.add(key)
        at = self.rng.randrange(len(good))
        bad = good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :]
        if self.world.memory_bytes < 2**24 and self.rng.random() < 0.5:
            bad += bytes(self.world.memory_bytes)  # larger than it can be
        self.world.bucket.store(key, bad)
        self.world.note(f"{key} is broken")
        task = asyncio.get_running_loop().create_task(self._heal(key, good, bad))
        self.healing.add(task)
        task.add_done_callback(self.healing.discard)

    async def _heal(self, key: str, good: bytes, bad: bytes) -> None:
        await asyncio.sleep(self.rng.choice([0.5, 3.0, 20.0]))
        _, now = self.world.bucket.objects[key]
        if now.endswith(bad):  # fenced meanwhile, perhaps
            self.world.bucket.store(key, now.removesuffix(bad) + good)
            self.world.note(f"{key} is healed")
            if self.rng.random() < 0.5:
                await asyncio.sleep(self.rng.choice([0.0, 1.0, 10.0, 60.0]))
                self.world.operators.begin("quarantine redrive")

    def _plant(self) -> None:
        if not (pages := self._pages()):
            return
        audit = self.world.audit
        key, body = self.rng.choice(pages)
        try:
            states = audit.codec.decode(body)
            signal_key = self.rng.choice(sorted(states))
            if signal_key.signal in audit.victims:
                return
            states[signal_key].model = self.rng.choice(_PLANTED)(states[signal_key].model)
            planted = audit.codec.encode(states)
        except (ConsumerError, AttributeError):
            return
        audit.victims.add(signal_key.signal)
        self.world.bucket.store(key, planted)
        self.world.note(f"{key} is planted: {signal_key.signal} is {states[signal_key].model!r}")
