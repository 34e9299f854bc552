"""Values of observations: numbers that a model can learn; and which times have a date."""

from datetime import UTC, datetime, timedelta
from typing import Any

from consumer.errors import Unlearnable

VALUE_MAX = 1e100  # beyond it, squares and sums of squares overflow and blind a model for good


def number(value: Any) -> float:
    """A finite float within ±1e100, from a number, a boolean (0 or 1) or the decimal text of a number.

    >>> number("42"), number(True), number(-1.5)
    (42.0, 1.0, -1.5)
    """
    kind = type(value)
    if kind is float:
        found = value
    elif kind is int or kind is bool:
        found = _float(value)
    elif kind is str:
        found = _from_text(value)
    else:
        raise Unlearnable(f"a value is a number, not {_json_type(value)}")
    if not -VALUE_MAX <= found <= VALUE_MAX:  # false for NaN too
        raise Unlearnable(f"the value {shortened(value)} is not finite or beyond ±{VALUE_MAX:g}")
    return float(found)


def numbers(values: list[Any]) -> list[float] | None:
    """The whole column at once where each value is plainly a float in bounds; None: look at each."""
    kinds = set(map(type, values))
    if not values or not kinds <= {float, int}:
        return None
    # A NaN hides from min and max; a sum does not lose it.
    if min(values) >= -VALUE_MAX and max(values) <= VALUE_MAX and (total := sum(values)) == total:
        return values if kinds == {float} else list(map(float, values))
    return None


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _from_text(text: str) -> float:
    # Python's float() also reads '1_000' and digits of other scripts; no producer means those.
    if text.isascii() and "_" not in text:
        try:
            return float(text)
        except ValueError:
            pass
    raise Unlearnable(f"the value {shortened(text)} is not a number")


def shortened(value: object) -> str:
    """A value as a reason may show it: 60 characters at most."""
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python prints
        return "with thousands of digits"
    except RecursionError:  # JSON that the decoder could just follow, called from less deep
        return "with hundreds of levels"
    return text if len(text) <= 60 else text[:60] + "…"


def _json_type(value: object) -> str:
    return {type(None): "null", dict: "an object", list: "an array"}.get(type(value), type(value).__name__)


# Times: `times` reads them.

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_S = -62_135_596_800.0  # 0001-01-01
_LAST_S = 253_402_300_799.0  # 9999-12-31
END_S = _LAST_S + 1.0
"""The year 10000: no time."""


def check_seconds(found_s: float, timestamp: object) -> float:
    """Give `found_s` back if it lies in the years 1 to 9999; `timestamp` is what the producer wrote.

    The last second counts as a whole: what has no time may be written as 9999-12-31T23:59:59.999.
    """
    if not _FIRST_S <= found_s < END_S:  # false for NaN too
        raise Unlearnable(f"the timestamp {shortened(timestamp)} is outside the years 1 to 9999")
    return found_s if found_s < _LAST_S else _LAST_S


def iso8601(timestamp_s: float | None) -> str | None:
    """UTC text to the microsecond, such as 2023-11-14T22:13:20.000000Z; None outside the years 1 to 9999."""
    if timestamp_s is None or not _FIRST_S <= timestamp_s <= _LAST_S:  # altered pages have such
        return None
    moment = _EPOCH + timedelta(seconds=timestamp_s)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
