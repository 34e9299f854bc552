"""`upgrade finish`: what it asks, and what it reports."""

import asyncio

from clients.terminal import echo
from consumer.errors import ConfigurationError
from ops.formatting import shown
from ops.lambda_function import LambdaFunction
from ops.options import TargetOptions, check_unchanged, confirmed
from ops.target import Target, find
from ops.upgrade.build import mapped_function, report_learned
from ops.upgrade.upgrade import Upgrade, open_upgrade


def finish(options: TargetOptions, from_: str | None, idle: bool, yes: bool) -> None:
    """Catch up and activate the new models. Raises: `ConfigurationError`, `Unavailable`, `UnreadablePage`."""
    target = find(options)
    target.check_writable()
    asyncio.run(_finish(target, from_, mapped_function(target, idle), yes))


async def _finish(target: Target, from_: str | None, function: LambdaFunction | None, yes: bool) -> None:
    upgrade = await _open(target, from_)
    upgrade.check_not_in_use()
    if upgrade.is_being_built:
        deployed = _check_deployed(upgrade, function)
        confirmed(
            f"Activate {target.own_prefix()} in {target.name}. Make sure that {deployed}: what an old "
            "function learns from now on would be missing in the new models",
            yes,
        )
        again = await _open(target, from_)
        again.check_recorded(upgrade.recorded)
        again.check_not_in_use()
        check_unchanged(deployed, _check_deployed(again, function), "what is deployed")
        await _activate(target, from_, function, again)
    elif function is not None and function.is_paused():
        confirmed(f"The new models are active. Resume {function.name}", yes)
        (await _open(target, from_)).check_recorded(upgrade.recorded)
        check_unchanged(True, function.is_paused(), f"whether {function.name} is paused")
    else:
        echo("There is nothing to do: the new models are active")
        return
    if function is not None:
        function.resume()
        echo(f"{function.name} gets records again, from where it was paused")


def _check_deployed(upgrade: Upgrade, function: LambdaFunction | None) -> str:
    """Return what is known of the deployment.

    Raises: `ConfigurationError` if the function is still the old one.
    """
    if function is None:
        return "the function that runs next is the new one"
    deployed_s, begun_s = function.deployed_s(), upgrade.recorded.upgrade_begun_s if upgrade.recorded else 0.0
    if deployed_s <= begun_s:
        raise ConfigurationError(
            f"{function.name} was deployed at {shown(deployed_s)} UTC, before `upgrade build` began at "
            f"{shown(begun_s)}: it is still the old one. Deploy the new one first. Only if it is the new "
            "one, deployed too early: disable its event source mapping, and run `upgrade finish --idle`"
        )
    return f"{function.name}, deployed at {shown(deployed_s)} UTC, is the new one"


async def _activate(
    target: Target, from_: str | None, function: LambdaFunction | None, shown: Upgrade
) -> None:
    if function is not None and not function.is_paused():
        function.pause()
        echo(f"{function.name} gets no records for a moment: they wait in the stream")
    upgrade = await _open(target, from_)  # nothing learns any more: how far the old models are is final
    upgrade.check_recorded(shown.recorded)
    await upgrade.catch_up()
    report_learned(upgrade)
    await upgrade.activate()
    echo(
        f"Active: {target.own_prefix()}, from the record after the last that {upgrade.previous.fingerprint} "
        "has learned. The old models are kept, to go back to"
    )


async def _open(target: Target, from_: str | None) -> Upgrade:
    upgrade = await open_upgrade(target, from_)
    if upgrade is None or upgrade.recorded is None:
        raise ConfigurationError("there are no new models yet: `upgrade build` makes them")
    return upgrade
