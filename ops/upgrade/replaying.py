"""`upgrade replay` and `upgrade compare`: what they say."""

import json
from itertools import islice
from pathlib import Path

import typer

from ops.context import settings_of
from ops.formatting import pluralize
from ops.target import TargetOptions, find
from ops.upgrade.compare import common, plain, read_replayed
from ops.upgrade.compare import compare as compare_told
from ops.upgrade.context import stream_arn
from ops.upgrade.replay import Replaying, all_of, same_as
from ops.upgrade.replay import replay as replay_all

_MOST = 40


def replay(named: TargetOptions, out: Path, line: str | None, other: Path | None) -> None:
    """Learn the stretch and write the file. Raises: `ConfigurationError`, `Unavailable`."""
    where = find(named)
    settings = settings_of(where, line)
    client = where.client("kinesis")
    wanted = same_as(read_replayed(other)[0]) if other else all_of(client, stream_arn(where))
    replaying = Replaying(where.use_case, settings)
    replay_all(client, wanted, [replaying])
    replaying.write(out)
    done = replaying.replayed()
    typer.echo(
        f"{out}: {pluralize(len(replaying.events), 'event')} of "
        f"{pluralize(done.observations, 'observation')} in {pluralize(done.records, 'record')}, "
        f"as {line or where.use_case} with River {done.river} would have "
        "told them; nobody was told"
    )
    for reason, times in replaying.learning.refused.most_common(5):
        typer.echo(f"  {times} times: {reason}")


def compare(old: Path, new: Path, within: int, as_json: bool) -> None:
    """Print it. Raises: `ConfigurationError`."""
    (one, ours), (other, theirs) = read_replayed(old), read_replayed(new)
    stretch = common(one, other)
    compared = compare_told(ours, theirs, stretch, within)
    if as_json:
        for line in plain(compared):
            typer.echo(json.dumps(line))
        return
    for signal, each in islice(compared.items(), _MOST):
        typer.echo(
            f"{signal}: {each.both} of both, {each.only_old} of the old one only, "
            f"{each.only_new} of the new one only"
        )
    if len(compared) > _MOST:
        typer.echo(f"... and {pluralize(len(compared) - _MOST, 'signal')} more: --json has them all")
    both, only_old, only_new = (
        sum(getattr(each, name) for each in compared.values()) for name in ("both", "only_old", "only_new")
    )
    typer.echo(
        f"In all: {both} alerts of both within {within} values, {only_old} of the old one only (River "
        f"{one.river}, {one.fingerprint}), {only_new} of the new one only (River {other.river}, "
        f"{other.fingerprint}); on {pluralize(len(stretch), 'shard')}, "
        f"{pluralize(other.observations, 'observation')}"
    )
