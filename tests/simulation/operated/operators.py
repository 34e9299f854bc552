"""What operators do amid the traffic: real commands, killed now and then, answered late, run again."""

import asyncio
import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

from consumer.decode.values import iso8601
from ops.commands.mute import mute, unmute
from ops.commands.repage import repage
from ops.commands.reset import reset
from ops.commands.rollback import rollback
from ops.failed_batches.command import redrive as failed_redrive
from ops.options import TargetOptions
from ops.quarantine.command import redrive as quarantine_redrive
from ops.upgrade.command import build, finish
from tests.local.fake_stream import START
from tests.simulation.functions import COMMAND
from tests.simulation.operated.console import Console

_TARGET = {each.name: each.default for each in dataclasses.fields(TargetOptions)} | {"bucket": "models"}
_TRIES = 3
STORIES = (
    "reset",
    "rollback",
    "rollback --relearn",
    "quarantine redrive",
    "failed redrive",
    "mute",
    "repage",
)
STORIES += ("upgrade", "upgrade build alone")


class Operators:
    """Several at once, of one world."""

    def __init__(self, world: Any) -> None:
        self.world, self.chance = world, world.chance
        self.rng = self.chance.rng("operators")
        self.at_work: set[asyncio.Task[None]] = set()
        self.unfinished: tuple[int, int] | None = None
        """A move that has to be run again: to how many pages, and of which checkout's models."""
        self.commands = 0
        """So many were run, or are running: what one does may make others fail."""

    def begin(self, story: str = "") -> None:
        """Another operator begins with this, or with anything."""
        story = story or self.rng.choice(STORIES)
        if story in self.chance.without:
            return
        self.chance.exercised[story] += 1
        task = asyncio.get_running_loop().create_task(self._story(story))
        self.at_work.add(task)
        task.add_done_callback(self.at_work.discard)

    async def done(self) -> None:
        """Wait until all have finished."""
        while self.at_work:
            await asyncio.wait(self.at_work)

    async def stop(self) -> None:
        """End those that are at work, as a kill does."""
        for task in self.at_work:
            task.cancel()
        await self.done()

    async def _story(self, story: str) -> None:
        if story == "upgrade":
            await self.upgrade()
        elif story == "upgrade build alone":
            await self.run("upgrade build", partial(build, from_=None, pause=False, idle=False), 1)
        elif story == "repage":
            await self.move()
        else:
            command = self._command(story)
            for _ in range(_TRIES):
                if await self.run(story, command):
                    break
                await asyncio.sleep(self.rng.uniform(0.0, 20.0))
            if story == "quarantine redrive" and self.rng.random() < 0.5:
                await asyncio.sleep(self.rng.uniform(0.0, 20.0))
                await self.run(story, command)  # once more, to see that nothing is left

    def _command(self, story: str) -> Callable[..., object]:
        signals = sorted(self.rng.sample(self.world.signals(), 1))
        to_s = START + asyncio.get_running_loop().time() * self.rng.random()
        at_random: dict[str, Callable[..., object]] = {
            "reset": partial(reset, signals=signals),
            "rollback": partial(rollback, signals=signals, to=iso8601(to_s), relearn=False),
            "rollback --relearn": partial(rollback, signals=signals, to=iso8601(to_s), relearn=True),
            "quarantine redrive": partial(
                quarantine_redrive, what=None, reason=None, since=None, repaired=None, in_doubt="leave"
            ),
            "failed redrive": partial(failed_redrive, keys=None),
            "mute": partial(mute, pattern=signals[0], until="2h", from_=None, reason="")
            if self.rng.random() < 0.7
            else partial(unmute, pattern=signals[0], repair=False),
        }
        return at_random[story]

    async def upgrade(self) -> None:
        """Build the models of the other checkout beside those in use, deploy it, and switch over."""
        world = self.world
        for _ in range(self.rng.randint(1, 2)):
            await self.run("upgrade build", partial(build, from_=None, pause=False, idle=False), 1)
            await asyncio.sleep(self.rng.uniform(0.0, 30.0))
        await self.run("upgrade build --pause", partial(build, from_=None, pause=True, idle=False), 1)
        world.deploy()
        for _ in range(_TRIES):
            await asyncio.sleep(self.rng.uniform(0.0, 20.0))
            if await self.run("upgrade finish", partial(finish, from_=None, idle=False), 1):
                break

    async def move(self) -> None:
        """Pause the function, move the models, and go on."""
        pages = self.rng.choice([0, 1, 3, 16, 64])
        self.unfinished = pages, self.world.deployed
        self.world.set_mappings(False)
        for _ in range(_TRIES):
            await asyncio.sleep(self.rng.uniform(1.0, 40.0))
            moving = partial(repage, pages=pages, function="local", force=False)
            if await self.run("repage", moving, has_target=False):
                self.unfinished = None
                break
        self.world.set_mappings(True)

    async def finish_move(self, pages: int, checkout: int) -> None:
        """Run a move that was cut short again."""
        self.world.set_mappings(False)
        if self.world.changing is not None:
            await self.world.changing
        moving = partial(repage, pages=pages, function="local", force=False)
        await self.run("repage", moving, checkout, has_target=False)
        self.unfinished = None

    async def finish_upgrade(self) -> None:
        """Run the end of an upgrade again; where it was deployed too early, as the command says then."""
        if await self.run("upgrade finish", partial(finish, from_=None, idle=False), 1):
            return
        self.world.set_mappings(False)
        await self.world.changing
        await self.run("upgrade finish --idle", partial(finish, from_=None, idle=True), 1)

    async def run(
        self, name: str, command: Callable[..., object], checkout: int | None = None, has_target: bool = True
    ) -> bool:
        """Run a command in a checkout, by default that of what is deployed; true if it was not cut short."""
        world = self.world
        console = Console(self.chance, world.versions[world.deployed if checkout is None else checkout])
        self.commands += 1
        COMMAND.set(f"{name} #{self.commands}")
        world.note(f"begins: {name} {_arguments(command)}")
        try:
            options = _TARGET if has_target else {}
            asking = {} if name == "repage" else {"yes": False}
            if name.startswith("upgrade build"):
                asking |= {"history": None, "time": None, "signals": None, "rows": False}
            await console.run(partial(command, **asking, **options))
        except Exception as error:
            world.audit.violations.append(f"{name} ended in a traceback: {error!r}")
        self.commands += 1
        for line in console.said:
            world.note(f"says: {line}")
        if console.is_dead:
            world.note("is killed")
        return not console.is_dead and not any(line.startswith("Not done") for line in console.said)


def _arguments(command: Any) -> str:
    return " ".join(
        f"{name}={value}" for name, value in command.keywords.items() if value not in (None, False)
    )
