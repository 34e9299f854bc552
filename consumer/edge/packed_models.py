"""Models as a page holds them: ADWINs, of which it may hold thousands, packed; all others as they are.

A pickle of an ADWIN names its attributes one by one, which takes longer than to learn ten values. What it
knows is one string of bytes that its Rust gives and takes; that and a few numbers say the same in a tenth
of the time.
"""

import operator
from collections.abc import Sequence
from typing import Any

from river.drift import ADWIN

from consumer.core.drift import Watched
from consumer.edge import adwin_windows

_AS_THEY_ARE, _ADWINS = "as they are", "ADWINs"
_PARAMETERS = ("delta", "clock", "max_buckets", "min_window_length", "grace_period")
_ATTRIBUTES = len(_PARAMETERS) + len(("_drift_detected", "_helper"))
_parameters_of = operator.itemgetter(*_PARAMETERS)


def packed(models: Sequence[Any]) -> tuple[Any, ...]:
    """What is to be pickled of these models."""
    if set(map(type, models)) == {Watched}:
        detectors = [watched.detector for watched in models]
        if set(map(type, detectors)) == {ADWIN}:
            attributes: list[dict[str, Any]] = [vars(detector) for detector in detectors]
            if set(map(len, attributes)) == {_ATTRIBUTES}:  # nobody has added one
                return _packed_adwins(models, attributes)
    return _AS_THEY_ARE, list(models)


def unpacked(pickled: tuple[Any, ...]) -> list[Any]:
    """The models again.

    Raises: anything, where `packed` did not make it.
    """
    form, *columns = pickled
    if form == _AS_THEY_ARE:
        [models] = columns
        return list(models)
    if form != _ADWINS:
        raise ValueError(f"models in the unknown form {form!r}")
    parameters, *others = columns
    return [_adwin(parameters[which], *rest) for which, *rest in zip(*others, strict=True)]


def _packed_adwins(models: Sequence[Watched], attributes: list[dict[str, Any]]) -> tuple[Any, ...]:
    table: dict[tuple[Any, ...], int] = {}
    which = [table.setdefault(_parameters_of(named), len(table)) for named in attributes]
    return (
        _ADWINS,
        list(table),
        which,
        [watched.count for watched in models],
        [watched.total for watched in models],
        [named["_drift_detected"] for named in attributes],
        [named["_helper"].__getstate__() for named in attributes],
    )


def _adwin(parameters: tuple[Any, ...], count: int, total: float, drifted: bool, window: bytes) -> Watched:
    helper = adwin_windows.made(*parameters)
    adwin_windows.check(window)
    helper.__setstate__(window)
    detector = ADWIN.__new__(ADWIN)
    attributes = vars(detector)  # in the order in which River's own constructor sets them
    attributes["_drift_detected"] = drifted
    attributes.update(zip(_PARAMETERS, parameters, strict=True), _helper=helper)
    return Watched(detector, count, total)
