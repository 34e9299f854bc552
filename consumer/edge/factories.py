"""Factories of default values, as River's scalers, trees and clusterers keep them, and the dicts that do.

A factory could call whatever a page may look up, with any arguments; so it may call these alone.
"""

import functools
import random
from collections import defaultdict
from collections.abc import Callable
from types import MethodType
from typing import Any

from river import stats
from river.utils import Rolling

Checks = list[Callable[[], None]]
Real = dict[Any, type]
"""The classes that the stand-ins of a pickle stand for."""

_CLASSES = (float, tuple, Rolling)


def _is_allowed(called: Any) -> bool:
    if isinstance(called, MethodType):
        return called.__func__ is random.Random.gauss
    return isinstance(called, type) and (called in _CLASSES or issubclass(called, stats.base.Statistic))


def _partial(checks: Checks, real: Real) -> Callable[..., Any]:
    def make(function: Any) -> "functools.partial[Any]":
        factory = functools.partial(function)
        checks.append(lambda: _finish(factory, real))
        return factory

    return make


def _finish(factory: "functools.partial[Any]", real: Real) -> None:
    """Put the classes in place of their stand-ins; raise `ValueError` where it calls anything else."""
    parts = (factory.func, *factory.args)
    called, *arguments = (real[part] if _is_known(part, real) else part for part in parts)
    if not _is_allowed(called):
        raise ValueError(f"a page holds a factory that calls {called!r}")
    factory.__setstate__((called, tuple(arguments), factory.keywords, vars(factory)))  # type: ignore[attr-defined]


def _is_known(part: Any, real: Real) -> bool:
    return isinstance(part, type) and part in real


def _defaultdict(checks: Checks, real: Real) -> Callable[..., Any]:
    def make(factory: Any) -> "defaultdict[Any, Any]":
        called = real[factory] if _is_known(factory, real) else factory
        if not (type(called) is functools.partial or _is_allowed(called)):
            raise ValueError(f"a page holds a dict whose defaults {called!r} makes")
        return defaultdict(called)

    return make


# Each with the use cases and models that need it.
MAKING: dict[tuple[str, str], tuple[str, Callable[[Checks, Real], Callable[..., Any]]]] = {
    ("functools", "partial"): ("anomaly: HalfSpaceTrees; clusters: KMeans", _partial),
    ("collections", "defaultdict"): (
        "anomaly: HalfSpaceTrees, scaled; clusters: KMeans, scaled; forecast: SNARIMAX",
        _defaultdict,
    ),
}
