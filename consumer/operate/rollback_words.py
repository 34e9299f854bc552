"""What a rollback says, before and after."""

from consumer.core.state import State
from consumer.core.timestamps import iso8601
from consumer.operate.counted import counted
from consumer.operate.relearning import Relearning
from consumer.operate.rollback import Done, Then


def plan_of(then: Then, foreseen: Done | None, relearning: Relearning | None) -> str:
    """What is going to be done; `foreseen` is None where it is so already."""
    name = then.place.key.signal
    version = f"{iso8601(then.version.written_s)} (version {then.version.version_id})"
    if foreseen is None:
        return f"{name}: it is already as it was at {version}"
    lines = [
        f"{name}: as it was at {version}, of "
        f"{counted(then.state.learned, 'observation')}; now it is of {then.place.state.learned:,}"
    ]
    between = left_out(then.state, then.place.state)
    if relearning is not None:
        lines.append(
            f"  what came since is learned again, {relearning.observations:,} observations of it so far:"
        )
    elif between:
        lines.append("  what came since is not part of it, and is not learned again:")
    return "\n".join([*lines, *(f"    {line}" for line in between)])


def outcome_of(then: Then, done: Done, relearning: Relearning | None) -> str:
    """What was done."""
    name, before, after = then.place.key.signal, done.before.learned, done.after.learned
    if relearning is None:
        between = "; ".join(left_out(then.state, done.before)) or "nothing"
        return f"{name}: put back, {before:,} observations before, {after:,} now. Not part of it: {between}"
    refused = f", {relearning.refused:,} refused by the model" if relearning.refused else ""
    return (
        f"{name}: put back, and {relearning.observations:,} observations learned again{refused}: "
        f"{before:,} before, {after:,} now"
    )


def left_out(then: State, current: State) -> list[str]:
    """Which arrivals are between the two: a line for each shard."""
    lines = []
    for shard, mark in current.watermarks.items():
        own = then.watermarks.get(shard)
        if own == mark:
            continue
        since = "its first record" if own is None else f"after {iso8601(own.arrived_s)}"
        lines.append(f"{shard.stream} {shard.shard_id}: {since}, up to {iso8601(mark.arrived_s)}")
    return lines
