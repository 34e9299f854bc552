"""`upgrade finish`: what it asks, and what it says."""

import asyncio
from dataclasses import dataclass

import typer

from consumer.errors import ConfigurationError
from ops.formatting import shown
from ops.lambda_function import LambdaFunction
from ops.options import confirmed
from ops.target import Target, TargetOptions, find
from ops.upgrade.building import check_not_in_use, tell
from ops.upgrade.context import mapped, open_upgrade
from ops.upgrade.upgrade import Upgrade


def finish(named: TargetOptions, from_: str | None, idle: bool, yes: bool) -> None:
    """Put the new models in force. Raises: `ConfigurationError`, `Unavailable`, `UnreadablePage`."""
    where = find(named)
    where.check_writable()
    asyncio.run(_Finishing(where, from_, mapped(where, idle), yes).run())


@dataclass(frozen=True, slots=True)
class _Finishing:
    where: Target
    source: str | None
    function: LambdaFunction | None
    yes: bool

    async def run(self) -> None:
        upgrade = await self._open()
        check_not_in_use(upgrade)
        is_being_built = await upgrade.is_being_built()
        is_paused = self.function is not None and self.function.is_paused()
        if not is_being_built and not is_paused:
            typer.echo("There is nothing to do: the new models are in force")
            return
        self._ask(await self._check_deployed(upgrade) if is_being_built else "", is_being_built)
        if is_being_built:
            await self._put_in_force()
        if self.function is not None:
            self.function.resume()
            typer.echo(f"{self.function.name} gets records again, from where it was paused")

    async def _check_deployed(self, upgrade: Upgrade) -> str:
        """Give what is known of the deployment.

        Raises: `ConfigurationError` where the function is still the one that was there before.
        """
        if self.function is None:
            return "the function that runs next is the new one"
        changed_s, begun_s = self.function.deployed_s(), await upgrade.begun_s()
        if changed_s <= begun_s:
            raise ConfigurationError(
                f"{self.function.name} was deployed at {shown(changed_s)} UTC, before the new models were "
                f"begun at {shown(begun_s)}: it is still the old one. Deploy the new one first"
            )
        return f"{self.function.name}, deployed at {shown(changed_s)} UTC, is the new one"

    def _ask(self, deployed: str, is_being_built: bool) -> None:
        if is_being_built:
            text = (
                f"To be put in force: {self.where.prefix()} in {self.where.name}. Is it so that {deployed}? "
                "If the old one ran on, what it learns from now on would be missing in the new models"
            )
        else:
            text = f"The new models are in force. {self.function.name if self.function else ''} is to go on"
        confirmed(text, self.yes)

    async def _put_in_force(self) -> None:
        if self.function is not None and not self.function.is_paused():
            self.function.pause()
            typer.echo(f"{self.function.name} gets no records for a moment: they wait in the stream")
        upgrade = await self._open()  # nothing learns any more: how far the old models are is final
        await upgrade.catch_up()
        tell(upgrade)
        await upgrade.activate()
        typer.echo(
            f"In force: {self.where.prefix()}, from the record on after the last that "
            f"{upgrade.source.fingerprint} has learned. Its models stay, to go back to"
        )

    async def _open(self) -> Upgrade:
        upgrade = await open_upgrade(self.where, self.source)
        if upgrade is None or await upgrade.is_new():
            raise ConfigurationError("there are no new models yet: `upgrade build` makes them")
        return upgrade
