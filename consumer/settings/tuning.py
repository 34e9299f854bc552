"""Another value for some parameters of a use case, or of the model in it, for single signals."""

import copy
import dataclasses
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

from river.base import Base

from consumer.detectors.base import UseCase
from consumer.errors import ConfigurationError

Number = bool | int | float
Value = Number | str
_LIMITS = {"lower", "upper"}
_SET_ELSEWHERE = {*_LIMITS, "lowest", "highest"}
_NUMBER_MAX = 1e100
"""As of values: what is larger cannot be squared."""
_Place = tuple[str, ...]
_T = TypeVar("_T")


def with_parameters(use_case: UseCase, parameters: Mapping[str, Value]) -> UseCase:
    """The use case with these parameters: its own numbers, or what a model in it is given, by their names.

    A name that several parts have is given with its part's: `GaussianScorer.window_size`.

    >>> from river import drift
    >>> from consumer.detectors.drift import DriftUseCase
    >>> with_parameters(DriftUseCase(drift.ADWIN()), {"delta": 0.01}).detector.delta
    0.01

    Raises: `ConfigurationError` for what cannot be set, with what can be.
    """
    for name, value in parameters.items():
        places = dict(_places(use_case))
        named = [place for place in places if _is_named(place, name)]
        if not named:
            known = sorted({place[-1] for place in places})
            raise ConfigurationError(f"{name} cannot be set; allowed: {', '.join(known) or 'nothing'}")
        if len(named) > 1:
            several = ", ".join(sorted(".".join(place[-2:]) for place in named))
            raise ConfigurationError(f"{name} is of several parts; allowed: {several}")
        [place] = named
        if not _fits(value, places[place]):
            raise ConfigurationError(f"{name} is {value!r}; allowed: a value such as {places[place]!r}")
        try:
            use_case = _with(use_case, place, value)
        except Exception as error:  # a model's constructor may raise anything
            raise ConfigurationError(f"{name} cannot be {value!r}: {error}") from error
    return use_case


def _places(part: Any) -> Iterator[tuple[_Place, Any]]:
    """Where a number can be set, and what is there now: names of fields, of steps, of parameters."""
    if _is_settable(part):
        kind: Any = type(part)
        own = kind.__name__
        for name, is_number in _fields(kind).items():
            value = getattr(part, name)
            if is_number and name not in _SET_ELSEWHERE:
                yield (own, name), value
            elif not is_number:
                yield from (((name, *place), there) for place, there in _places(value))
    elif isinstance(part, Base):
        for name, value in part._get_params().items():
            within = _within(part, name)
            if isinstance(within, Base) or hasattr(within, "learn_one"):
                yield from (((name, *place), there) for place, there in _places(within))
            elif value is None or isinstance(value, Value):
                yield (type(part).__name__, name), value
    elif hasattr(part, "learn_one"):  # of a class of one's own: what it starts with
        own = type(part).__name__
        yield from (((own, name), value) for name, value in vars(part).items() if isinstance(value, Number))


def _with(part: Any, place: _Place, value: Value) -> Any:
    """A copy of the part, with the value at that place."""
    if _is_settable(part):
        name, *rest = place if len(place) > 2 else place[1:]
        new = _with(getattr(part, name), tuple(rest), value) if rest else value
        return _replaced(part, **{name: new})
    if isinstance(part, Base):
        return _clone(part, _arguments(part, place, value))
    changed = copy.deepcopy(part)
    setattr(changed, place[-1], value)
    return changed


def _arguments(part: Any, place: _Place, value: Value) -> dict[str, Any]:
    """The arguments for `clone`: a pipeline's steps by their changes, models within a model as copies."""
    if len(place) == 2:
        return {place[1]: value}
    name, rest = place[0], place[1:]
    goes_on = _arguments if hasattr(part, "steps") else _with
    return {name: goes_on(_within(part, name), rest, value)}


def _clone(part: Any, changes: dict[str, Any]) -> Any:
    # Some of River's detectors have a `clone` that takes nothing; that of a pipeline goes through its steps.
    return part.clone(changes) if hasattr(part, "steps") else Base.clone(part, changes)


def _within(part: Any, name: str) -> Any:
    steps = getattr(part, "steps", None)
    return steps[name] if isinstance(steps, dict) else getattr(part, name, None)


def _is_settable(part: Any) -> bool:
    return dataclasses.is_dataclass(part) and not isinstance(part, type)


def _is_named(place: _Place, name: str) -> bool:
    return name in (place[-1], ".".join(place[-2:]))


def _fits(value: Any, present: Any) -> bool:
    """Whether a value may take the present one's place: a whole number that of a float, any that of None.

    >>> _fits(3, 0.5), _fits(0.5, 3), _fits(True, 3), _fits(5, None), _fits(float('nan'), 0.5)
    (True, False, False, True, False)
    """
    if isinstance(present, str):
        return isinstance(value, str)
    if isinstance(value, bool) or isinstance(present, bool):
        return isinstance(value, bool) and isinstance(present, bool | None)
    allowed = int if isinstance(present, int) else int | float
    return isinstance(value, allowed) and -_NUMBER_MAX <= value <= _NUMBER_MAX  # false for NaN too


@cache
def _fields(kind: type) -> dict[str, bool]:
    """The fields of a dataclass: is it a number? Texts, which say what it is, cannot be set."""
    hints = typing.get_type_hints(kind)
    fields = [field.name for field in dataclasses.fields(kind)]
    return {
        name: _is_number(hints[name]) for name in fields if _is_part(hints[name]) or _is_number(hints[name])
    }


def _is_part(hint: Any) -> bool:
    return hint is Any or any(map(dataclasses.is_dataclass, (hint, *typing.get_args(hint))))


def _is_number(hint: Any) -> bool:
    kinds = set(typing.get_args(hint)) or {hint}
    return kinds <= {bool, int, float, type(None)}


def _replaced(part: _T, **changes: Any) -> _T:
    changed: _T = dataclasses.replace(part, **changes)  # type: ignore[type-var]
    return changed
