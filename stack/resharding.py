"""Whether a stream can go from the shards of the last synthesis to those of this one, in one deployment."""

import json
from pathlib import Path

from stack.config import StreamConfig


def shards_of(file: Path) -> int | None:
    """How many shards the stream of a synthesised template has; None where that is not known."""
    try:
        resources = json.loads(file.read_text())["Resources"].values()
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ):  # there is none, or it is not one of ours
        return None
    counts = [
        resource["Properties"].get("ShardCount")
        for resource in resources
        if resource["Type"] == "AWS::Kinesis::Stream"
    ]
    return counts[0] if len(counts) == 1 and isinstance(counts[0], int) else None


def refused(before: int | None, stream: StreamConfig) -> str | None:
    """What to do instead, where Kinesis would refuse the step; None where it is possible, or not known.

    >>> refused(8, StreamConfig(mode="provisioned", shards=3)).partition("If ")[2]
    '8 is deployed, deploy 4 first'
    """
    after = stream.shards
    if before is None or after is None:
        return None
    least, most = -(-before // 2), 2 * before
    if least <= after <= most:
        return None
    return (
        f"stream.shards goes from {before}, in the last synthesis, to {after}: Kinesis refuses less than "
        "half and more than twice of what the stream has. "
        f"If {before} is deployed, deploy {max(least, min(after, most))} first"
    )
