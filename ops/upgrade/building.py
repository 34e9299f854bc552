"""`upgrade build`: what it asks, and what it says."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from consumer.decode.signal_names import SignalKey
from consumer.errors import ConfigurationError
from consumer.pages.codec import versions
from ops.backtest.command import Columns
from ops.formatting import pluralize
from ops.lambda_function import LambdaFunction
from ops.options import confirmed
from ops.target import Target, TargetOptions, find
from ops.upgrade.context import HistoryBackfill, mapped, open_upgrade
from ops.upgrade.upgrade import Upgrade


@dataclass(frozen=True, slots=True)
class Recordings:
    """The files of history that are given, and how they are read."""

    files: Sequence[Path]
    time: str | None = None
    signals: str | None = None
    are_rows: bool = False


def build_all(
    named: TargetOptions, from_: str | None, pause: bool, idle: bool, recordings: Recordings, yes: bool
) -> None:
    """Build, or catch up. Raises: `ConfigurationError`, `Unavailable`, `UnreadablePage`."""
    where = find(named)
    where.check_writable()
    function = mapped(where, idle) if pause else None
    asyncio.run(_Building(where, from_, function, recordings, yes).run())


@dataclass(frozen=True, slots=True)
class _Building:
    where: Target
    source: str | None
    function: LambdaFunction | None
    recordings: Recordings
    yes: bool

    async def run(self) -> None:
        upgrade = await open_upgrade(self.where, self.source)
        if upgrade is not None:
            check_not_in_use(upgrade)
        warm, given = None, self.recordings
        if given.files:
            warm = HistoryBackfill(
                self.where,
                upgrade.source if upgrade else None,
                given.files,
                Columns(given.time, given.signals),
                given.are_rows,
            )
        wanted = await warm.wanted() if warm else []
        if upgrade is None and warm is None:
            raise ConfigurationError(
                f"{self.where.name} has no other models of {self.where.use_case} than those of River "
                f"{versions()['river']} and the line that are installed here: there is nothing to learn from "
                "them. Check out, and install, what is to be deployed next; or give recordings with --history"
            )
        is_behind = upgrade is not None and (bool(upgrade.behind()) or await upgrade.is_new())
        is_to_pause = self.function is not None and not self.function.is_paused()
        if not (wanted or is_behind or is_to_pause):
            typer.echo("There is nothing to do: all is learned")
            return
        plan = [f"River {versions()['river']}, {self.where.prefix()}, in {self.where.name}:"]
        if wanted:
            plan.append(f"  from recordings, models of {pluralize(len(wanted), 'signal')}")
        if upgrade is not None and is_behind:
            plan.append(f"  {plan_of(upgrade)}")
        if is_to_pause:
            plan.append(f"  before that, {self.function.name if self.function else ''} gets no more records")
        confirmed("To be built beside the models in use, telling nobody.\n" + "\n".join(plan), self.yes)
        await self._do(upgrade, warm, wanted, is_behind)

    async def _do(
        self, upgrade: Upgrade | None, warm: HistoryBackfill | None, wanted: list[SignalKey], is_behind: bool
    ) -> None:
        if upgrade is not None and is_behind:
            await upgrade.begin()
        if warm is not None and wanted:
            if upgrade is None:
                await warm.record_layout()
            added = await warm.run(wanted)
            typer.echo(f"Built from recordings: {pluralize(added, 'model')}")
        if self.function is not None and not self.function.is_paused():
            self.function.pause()
            typer.echo(f"{self.function.name} gets no more records: they wait in the stream")
        if upgrade is None:
            return
        upgrade = await open_upgrade(self.where, self.source) or upgrade
        if upgrade.behind():
            await upgrade.begin()
        await upgrade.catch_up()
        tell(upgrade)
        if await upgrade.is_being_built():
            typer.echo(
                "No function learns with them yet. Deploy, then run `python -m consumer upgrade finish`; "
                "until you do, run this again to catch up"
            )


def check_not_in_use(upgrade: Upgrade) -> None:
    """Raise `ConfigurationError` where the new models cannot be built: they have learned without this."""
    passed = upgrade.passed()
    if passed and upgrade.behind():
        raise ConfigurationError(
            f"the models of the River and the line that are installed here are in use themselves: "
            f"{pluralize(len(passed), 'signal')}, such as {passed[0].signal!r}, have learned what those of "
            f"{upgrade.source.fingerprint} have not. Nothing was built under them"
        )


def plan_of(upgrade: Upgrade) -> str:
    """What is to be learned."""
    source, shards = upgrade.source, upgrade.behind()
    return (
        f"from the stream, {pluralize(len(shards), 'shard')} of it, what those of "
        f"{source.fingerprint} (River "
        f"{source.river}, {pluralize(len(source.marks), 'signal')}) have learned"
    )


def tell(upgrade: Upgrade) -> None:
    """What was learned."""
    learning = upgrade.learning
    typer.echo(
        f"Learned: {pluralize(learning.observations, 'observation')} "
        f"in {pluralize(learning.records, 'record')}; "
        f"there are models of {pluralize(len(upgrade.states), 'signal')} now"
    )
    for reason, times in learning.refused.most_common(5):
        typer.echo(f"  {times} times not: {reason}")
