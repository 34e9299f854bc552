"""River's windows of an ADWIN, made and filled of what a page says: no larger than one can be.

A window asks for the memory of all buckets of a row at once, and where it gets none, its Rust ends the
process.
"""

import struct
from collections.abc import Callable
from typing import Any

from river._river_rust.drift import AdaptiveWindowing

from consumer.edge.untouchable import untouchable

NAME = ("river._river_rust.drift", "AdaptiveWindowing")
NEEDED_BY = "drift: ADWIN"
BUCKETS_MAX = 1000
# Where the state of a window has its own parameters, at its beginning and again at its end: delta, clock and
# the number of buckets. River has no name for them.
_AT_START = struct.Struct("<diQ")
_AT_END = struct.Struct("<diQII")


def made(delta: float, clock: int, max_buckets: int, *others: int) -> AdaptiveWindowing:
    """An empty window; raises `ValueError` for one of too many buckets."""
    if max_buckets > BUCKETS_MAX:
        raise ValueError(f"a window of {max_buckets} buckets in a row, and {BUCKETS_MAX} are the most")
    return AdaptiveWindowing(delta, clock, max_buckets, *others)


def check(state: bytes) -> None:
    """Raise an error where the state is none of a window as `made` makes it."""
    _, _, first = _AT_START.unpack_from(state)
    _, _, last, _, _ = _AT_END.unpack_from(state, len(state) - _AT_END.size)
    if first > BUCKETS_MAX or last > BUCKETS_MAX:
        raise ValueError(f"a window with a state of {max(first, last)} buckets in a row")


def standing_in(checks: list[Callable[[], None]]) -> type:
    """A class that a pickle can make windows of; `checks` gets what is to be checked once it is read."""

    def new(cls: type, *parameters: Any) -> Any:
        window = made(*parameters)
        checks.append(lambda: check(window.__getstate__()))
        return window

    return untouchable("AdaptiveWindowing", new)
