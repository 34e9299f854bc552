"""The content of a model of any class, as plain values."""

import dataclasses
import math
import random
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec
from river import base, compose, drift, stats

from consumer.decode.values import iso8601
from consumer.detectors.drift import DriftState
from consumer.river_models.isolation import usual_range
from consumer.river_models.seasonal_isolation import SeasonalIsolationState

_DEPTH_MAX = 7
_ENTRIES_MAX = 30
_DEEP, _ENTRIES_MAX_DEEP = 5, 10
_TEXT_MAX = 300
_TIMES_FROM = 1e8
_HOURS = 24
_OMITTED = (random.Random, type(None))
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def plain(thing: Any, depth: int = 0) -> Any:
    """Describe a part of a state with numbers, strings, lists and dicts; long and deep ones are cut.

    >>> plain({"last_s": 1_700_000_000.0, "mean": 4.5})
    {'last_at': '2023-11-14T22:13:20.000000Z', 'mean': 4.5}
    """
    if thing is None or isinstance(thing, bool | int | str):
        return thing
    if isinstance(thing, float):
        return float(thing) if math.isfinite(thing) else str(thing)
    if hasattr(thing, "item") and getattr(thing, "shape", None) == ():  # a scalar of numpy
        return plain(thing.item(), depth)
    if depth >= _DEPTH_MAX:
        return _named(thing)
    if isinstance(thing, Mapping):
        return _entries(thing.items(), len(thing), depth)
    if isinstance(thing, SeasonalIsolationState):
        return _isolation(thing)
    if isinstance(thing, drift.ADWIN):
        return _adwin(thing)
    if isinstance(thing, DriftState):
        return _watched(thing, depth)
    if isinstance(thing, stats.base.Statistic):
        return {"is": type(thing).__name__, "value": plain(_value(thing), depth + 1)}
    if isinstance(thing, type) or (callable(thing) and not hasattr(thing, "learn_one")):
        return getattr(thing, "__qualname__", _named(thing))
    if isinstance(thing, Collection):
        return _list(thing, depth)
    fields = dict(_fields(thing))
    if not fields:
        return _named(thing)
    return {"is": type(thing).__name__} | _entries(fields.items(), len(fields), depth)


def parameters(thing: Any) -> Any:
    """The parameters of a use case and of the models in it, by name.

    >>> parameters(drift.ADWIN(delta=0.01))["delta"]
    0.01
    """
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        named = {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}
    elif isinstance(thing, base.Base):
        named = {str(name): value for name, value in thing._get_params().items()}
    elif isinstance(thing, tuple) and len(thing) == 2 and isinstance(thing[1], dict):
        kind, given = thing  # a step of River's pipelines
        return {"is": getattr(kind, "__name__", str(kind))} | {k: parameters(v) for k, v in given.items()}
    else:
        return plain(thing)
    return {"is": type(thing).__name__} | {name: parameters(value) for name, value in named.items()}


def _entries(items: Any, length: int, depth: int) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for number, (name, value) in enumerate(items):
        if number == _most(depth):
            shown["..."] = f"{length - number} more"
            break
        text = str(name)
        if text.endswith("_s") and isinstance(value, float) and value > _TIMES_FROM:
            shown[f"{text[:-2]}_at"] = iso8601(value)
        else:
            shown[text] = plain(value, depth + 1)
    return shown


def _list(things: Collection[Any], depth: int) -> list[Any]:
    shown: list[Any] = []
    for number, each in enumerate(things):
        if number == _most(depth):
            return [*shown, f"... {len(things) - number} more"]
        shown.append(plain(each, depth + 1))
    return shown


def _most(depth: int) -> int:
    return _ENTRIES_MAX if depth < _DEEP else _ENTRIES_MAX_DEEP


def _fields(thing: Any) -> Iterator[tuple[str, Any]]:
    """The fields of any object that Python can inspect."""
    if isinstance(thing, msgspec.Struct):
        names: Collection[str] = thing.__struct_fields__
    elif isinstance(thing, compose.Pipeline):
        names = ["steps"]  # its other fields are derived from them
    elif dataclasses.is_dataclass(thing):
        names = [field.name for field in dataclasses.fields(thing)]
    elif hasattr(thing, "__dict__"):
        names = list(vars(thing))
    else:
        names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    for name in names:
        if not name.startswith("__") and not isinstance(getattr(thing, name, None), _OMITTED):
            yield name.lstrip("_"), getattr(thing, name)


def _adwin(adwin: drift.ADWIN) -> dict[str, Any]:
    return {
        "is": "ADWIN",
        "delta": adwin.delta,
        "width": adwin.width,
        "mean": adwin.estimation,
        "variance": adwin.variance,
    }


def _watched(watched: DriftState, depth: int) -> dict[str, Any]:
    return {
        "detector": plain(watched.detector, depth + 1),
        "observations_since_last_drift": watched.count,
        "mean_since_last_drift": watched.total / watched.count if watched.count else None,
    }


def _isolation(state: SeasonalIsolationState) -> dict[str, Any]:
    means, counts = state.course.means, state.course.counts
    seen = [hour for hour in range(_HOURS) if counts[1 + hour]]
    return {
        "is": "SeasonalIsolation",
        "values": state.count,
        "level": means[0],
        "expected_at_last_value": state.expected,
        "usual_from": state.expected + usual_range(state.values)[0],
        "usual_to": state.expected + usual_range(state.values)[1],
        "mean_deviation_of_late": state.level,
        "mean_change": state.window.change,
        "window_distance": state.window.distance,
        "mean_by_hour": {f"{hour:02}": means[1 + hour] for hour in seen},
        "hours_of_week_seen": sum(1 for count in counts[1 + _HOURS :] if count),
        "last_at": iso8601(state.clock.last_s),
    }


def _value(statistic: Any) -> Any:
    try:
        return statistic.get()
    except Exception as error:  # a statistic without observations may raise anything
        return f"{type(error).__name__}: {error}"


def _named(thing: Any) -> str:
    text = _ADDRESS.sub("", repr(thing))
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}..."
