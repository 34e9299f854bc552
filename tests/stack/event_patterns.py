"""EventBridge's event patterns, as far as the template uses them."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

_COMPARED = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "=": operator.eq}


class NotMatched(Exception):
    """The template filters by something that is not known here: teach it, or the test proves nothing."""


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether each field of the pattern is in the event, with a value that one of its filters passes."""
    return all(name in event and _lets_through(wanted, event[name]) for name, wanted in pattern.items())


def _lets_through(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and matches(wanted, value)
    return any(_is_one(one, value) for one in wanted)


def _is_one(wanted: Any, value: Any) -> bool:
    if not isinstance(wanted, Mapping):
        # In Python true is 1, in JSON it is not.
        return type(wanted) is type(value) and wanted == value
    [(kind, of)] = wanted.items()
    if kind == "prefix":
        return isinstance(value, str) and value.startswith(of)
    if kind == "numeric" and isinstance(of, Sequence):
        bounds = zip(of[::2], of[1::2], strict=True)
        return isinstance(value, int | float) and all(_COMPARED[sign](value, bound) for sign, bound in bounds)
    raise NotMatched(f"{kind}: {of}")
