"""`upgrade build`: what it asks, and what it reports."""

import asyncio
from dataclasses import dataclass

from clients.terminal import echo, printable
from consumer.decode.signal_names import SignalKey
from consumer.errors import ConfigurationError
from consumer.pages.codec import versions
from consumer.pages.layout import Recorded
from ops.formatting import pluralize
from ops.lambda_function import LambdaFunction
from ops.options import TargetOptions, check_unchanged, confirmed
from ops.target import Target, find
from ops.upgrade.history_backfill import HistoryBackfill, RecordingFiles
from ops.upgrade.upgrade import Upgrade, open_upgrade


def build(
    options: TargetOptions, from_: str | None, pause: bool, idle: bool, recordings: RecordingFiles, yes: bool
) -> None:
    """Build, or catch up. Raises: `ConfigurationError`, `Unavailable`, `UnreadablePage`."""
    target = find(options)
    target.check_writable()
    function = mapped_function(target, idle) if pause else None
    asyncio.run(_build(target, from_, function, recordings, idle, yes))


def mapped_function(target: Target, is_idle: bool) -> LambdaFunction | None:
    """The function whose mapping can be paused; None: the operator says that nothing learns.

    Raises: `ConfigurationError` if neither is given.
    """
    if is_idle:
        return None
    if target.function_name is None:
        raise ConfigurationError(
            "there is no Lambda function to check whether anything learns: say --idle if nothing does"
        )
    return LambdaFunction(target.client("lambda"), target.function_name)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What there is to do, as things are."""

    upgrade: Upgrade | None
    backfill: HistoryBackfill | None
    wanted: list[SignalKey]
    is_behind: bool
    is_to_pause: bool

    @property
    def essence(self) -> tuple[object, ...]:
        """What must not have changed when the answer is there; how far the models are may have."""
        upgrade = self.upgrade
        of_upgrade = None if upgrade is None else (upgrade.previous.fingerprint, upgrade.recorded)
        return of_upgrade, self.wanted, self.is_behind, self.is_to_pause

    def text(self, target: Target, function: LambdaFunction | None) -> str:
        """What will be done."""
        river, place = versions()["river"], f"{target.own_prefix()}, in {target.name}"
        lines = [f"Build beside the models in use: River {river}, {place}."]
        if self.wanted:
            lines.append(f"  From recordings: models of {pluralize(len(self.wanted), 'signal')}")
        if self.upgrade is not None and self.is_behind:
            previous = self.upgrade.previous
            lines.append(
                f"  From {pluralize(len(self.upgrade.behind()), 'shard')} of the stream: what the models of "
                f"{previous.fingerprint} have learned (River {previous.river}, "
                f"{pluralize(len(previous.checkpoints), 'signal')})"
            )
        if function is not None and self.is_to_pause:
            lines.append(f"  {function.name} is paused first: its records wait in the stream")
        return "\n".join([*lines, "No event is published."])


async def _look(
    target: Target,
    from_: str | None,
    function: LambdaFunction | None,
    recordings: RecordingFiles,
    is_idle: bool,
) -> _Plan:
    upgrade = await open_upgrade(target, from_)
    if upgrade is not None:
        _check_not_in_use(upgrade, is_idle)
    backfill = None
    if recordings.files:
        backfill = HistoryBackfill(target, upgrade.previous if upgrade else None, recordings)
    if upgrade is None and backfill is None:
        raise ConfigurationError(
            f"{target.name} has no other models of {target.use_case} than those of River "
            f"{versions()['river']} and the use case that are installed here: there is nothing to learn "
            "from. Check out and install what is deployed next; or give recordings with --history"
        )
    wanted = await backfill.wanted() if backfill else []
    is_behind = upgrade is not None and (bool(upgrade.behind()) or upgrade.recorded is None)
    return _Plan(upgrade, backfill, wanted, is_behind, function is not None and not function.is_paused())


def _check_not_in_use(upgrade: Upgrade, is_idle: bool) -> None:
    upgrade.check_not_in_use()
    if not is_idle:
        upgrade.check_not_begun()


async def _build(
    target: Target,
    from_: str | None,
    function: LambdaFunction | None,
    recordings: RecordingFiles,
    is_idle: bool,
    yes: bool,
) -> None:
    plan = await _look(target, from_, function, recordings, is_idle)
    if not (plan.wanted or plan.is_behind or plan.is_to_pause):
        echo("There is nothing to do: all is learned")
        return
    confirmed(plan.text(target, function), yes)
    shown, plan = plan, await _look(target, from_, function, recordings, is_idle)
    check_unchanged(shown.essence, plan.essence, "what there is to build")
    upgrade, backfill = plan.upgrade, plan.backfill
    if upgrade is not None and plan.is_behind:
        await upgrade.begin()
    if backfill is not None and plan.wanted:
        if upgrade is None:
            await backfill.record_layout()
        echo(f"Built from recordings: {pluralize(await backfill.run(plan.wanted), 'model')}")
    if function is not None and plan.is_to_pause:
        function.pause()
        echo(f"{function.name} gets no more records: they wait in the stream")
    if upgrade is not None:
        await _catch_up(target, from_, upgrade.recorded, is_idle)


async def _catch_up(target: Target, from_: str | None, recorded: Recorded | None, is_idle: bool) -> None:
    """Learn what there is to learn now; the models may have gone on since the plan was made."""
    upgrade = await open_upgrade(target, from_)
    if upgrade is None:
        return
    upgrade.check_recorded(recorded)
    _check_not_in_use(upgrade, is_idle)
    if upgrade.behind():
        await upgrade.begin()
    await upgrade.catch_up()
    report_learned(upgrade)
    if upgrade.is_being_built:
        echo(
            "No function learns with them yet. Deploy, then run `python -m ops upgrade finish`; until "
            "then, run this again to catch up"
        )


def report_learned(upgrade: Upgrade) -> None:
    """Print what was learned."""
    learner = upgrade.learner
    echo(
        f"Learned: {pluralize(learner.observations, 'observation')} "
        f"in {pluralize(learner.records, 'record')}; "
        f"there are models of {pluralize(len(learner.states), 'signal')} now"
    )
    for reason, times in learner.rejected.most_common(5):
        echo(f"  {times} times not: {printable(reason)}")
    if learner.left_out:
        echo(
            f"  {learner.left_out:,} times not: it is in quarantine. Once the new models are active, "
            "`quarantine redrive` sends it again"
        )
