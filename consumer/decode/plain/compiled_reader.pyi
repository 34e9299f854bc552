"""What `compiled_reader.c` has, where it is built."""

from typing import Any

def records(
    entries: list[Any],
    start: int,
    end: int,
    arn: str,
    prefix: str,
    width: int,
    arrived_s_end: float,
    /,
) -> tuple[list[str], list[str], list[float], list[str], list[bytes], bytes] | None: ...
def payloads(
    payloads: list[bytes],
    partition_keys: list[str],
    first: int,
    are_lists: bool,
    count_max: int,
    value_max: float,
    time_min: float,
    time_end: float,
    /,
) -> tuple[list[str], list[int], bytes, bytes] | None: ...
