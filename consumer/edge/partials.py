"""Factories of default values, as River's scalers, trees and clusterers keep them: `functools.partial`.

One could call anything that a page may look up, with any arguments; so it may call these alone.
"""

import functools
import random
from collections.abc import Callable
from types import MethodType
from typing import Any

from river import stats
from river.utils import Rolling

_CLASSES = (tuple, Rolling)


def check(factory: "functools.partial[Any]") -> None:
    """Raise `ValueError` where it calls anything but what River's factories do."""
    called = factory.func
    is_draw = isinstance(called, MethodType) and called.__func__ is random.Random.gauss
    is_statistic = isinstance(called, type) and issubclass(called, stats.base.Statistic)
    if not (is_draw or is_statistic or called in _CLASSES):
        raise ValueError(f"a page holds a factory that calls {called!r}")


def standing_in(checks: list[Callable[[], None]]) -> Callable[..., Any]:
    """What a pickle can make factories with; `checks` gets what is to be checked once it is read."""

    def make(function: Any) -> "functools.partial[Any]":
        factory = functools.partial(function)
        checks.append(lambda: check(factory))
        return factory

    return make
