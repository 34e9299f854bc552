"""Local time: what a plant's clocks show, for all that is learned by the hour.

The rules are those of the pinned package `tzdata` where it is installed, as in the function, so that function
and laptop agree; else those of the system.
"""

import re
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from consumer.errors import ConfigurationError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

UTC_NAME = "UTC"
_Floats = npt.NDArray[np.float64]
_SPAN_S = 2.0**25
"""About a year: the offsets of a zone are looked up a span at a time, for any year, when one is asked for."""
_DAY_S = 86_400
_FIRST_S, _LAST_S = -62_000_000_000, 253_000_000_000
"""From the year 5 to 9987: what `datetime` has in any zone. Times beyond are left as they are."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAME = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
_SPANS_KNOWN_MAX = 4096


class LocalTime:
    """The local time of a zone, in seconds since 1970 as its clocks show them.

    An hour that begins there at half past of UTC's, or that clocks show twice, is what its clocks say.

    >>> berlin = local_time("Europe/Berlin")
    >>> berlin.local_s(1_774_745_999.0), berlin.local_s(1_774_746_000.0)  # 2026-03-29, 02:00 becomes 03:00
    (1774749599.0, 1774753200.0)
    """

    __slots__ = ("_offset_s", "_zone")

    def __init__(self, zone: "ZoneInfo") -> None:
        self._zone = zone
        self._offset_s = lru_cache(_SPANS_KNOWN_MAX)(self._offsets)

    def local_s(self, at_s: float) -> float:
        """The local time of a time, in seconds since 1970."""
        if not _FIRST_S <= at_s <= _LAST_S:
            return at_s
        starts, offsets = self._offset_s(int(at_s // _SPAN_S))
        return at_s + offsets[bisect_right(starts, at_s) - 1]

    def all_local_s(self, at_s: _Floats) -> _Floats:
        """The same of each of these times. Shape: (times,) -> (times,)."""
        is_known = (at_s >= _FIRST_S) & (at_s <= _LAST_S)
        known_s = at_s if is_known.all() else at_s[is_known]
        if not len(known_s):
            return at_s
        spans = np.floor(known_s / _SPAN_S)
        first = spans[0]
        numbers = [int(first)] if (spans == first).all() else np.unique(spans).astype(np.int64).tolist()
        found = [self._offset_s(number) for number in numbers]
        starts = np.array([start for of_span, _ in found for start in of_span])
        offsets = np.array([offset for _, of_span in found for offset in of_span])
        local_s: _Floats = known_s + offsets[np.searchsorted(starts, known_s, "right") - 1]
        if len(known_s) == len(at_s):
            return local_s
        whole_s = at_s.copy()
        whole_s[is_known] = local_s
        return whole_s

    def _offsets(self, span: int) -> tuple[list[float], list[float]]:
        """From when on within a span which offset holds, in seconds; one of less than a day may be missed."""
        start, end = int(span * _SPAN_S), int((span + 1) * _SPAN_S)
        days = [*range(start, end, _DAY_S), end]
        starts, offsets = [float(start)], [self._at(start)]
        for before, after in pairwise(days):
            later = self._at(after)
            if later == offsets[-1]:
                continue
            while after - before > 1:  # the last second of the offset before, the first of the other
                middle = (before + after) // 2
                before, after = (before, middle) if self._at(middle) == later else (middle, after)
            starts.append(float(after))
            offsets.append(later)
        return starts, offsets

    def _at(self, at_s: int) -> float:
        moment = _EPOCH + timedelta(seconds=min(max(at_s, _FIRST_S), _LAST_S))
        offset = moment.astimezone(self._zone).utcoffset()
        return 0.0 if offset is None else offset.total_seconds()


def clock_of(name: str) -> LocalTime | None:
    """The local time of a zone; None for UTC. Raises: as `local_time`."""
    return None if name == UTC_NAME else local_time(name)


def hour_of_day(at_s: float, clock: LocalTime | None) -> int:
    """The hour that the clock shows, from 0 to 23; UTC's without one."""
    return int((at_s if clock is None else clock.local_s(at_s)) // 3600.0) % 24


@cache
def local_time(name: str) -> LocalTime:
    """The local time of a zone of the IANA's, such as Europe/Berlin.

    Raises: `ConfigurationError` where there is none of that name.
    """
    return LocalTime(zone_of(name))


def zone_of(name: str) -> "ZoneInfo":
    """The rules of a zone. Raises: as `local_time`."""
    # Plants without a zone need not wait for these at a cold start.
    from importlib import resources
    from zoneinfo import ZoneInfo

    try:
        if not _NAME.fullmatch(name):  # a path, or a text
            raise ValueError(name)
        with resources.files("tzdata.zoneinfo").joinpath(name).open("rb") as rules:
            return ZoneInfo.from_file(rules, key=name)
    except ModuleNotFoundError:  # not installed
        try:
            return ZoneInfo(name)
        except (ValueError, OSError, LookupError):
            pass
    except (ValueError, OSError):
        pass
    raise ConfigurationError(f"{name!r} is no time zone; {_instead(name)}")


def _instead(name: str) -> str:
    import difflib
    from zoneinfo import available_timezones

    near = difflib.get_close_matches(name, available_timezones(), n=3, cutoff=0.6)
    return f"nearest: {', '.join(near)}" if near else "allowed: a name of the IANA's, such as Europe/Berlin"
