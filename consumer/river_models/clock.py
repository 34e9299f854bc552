"""The time of a signal's values, which one wrong stamp does not move."""

import datetime as dt

import msgspec

HOUR_S = 3600.0
"""Values may come in another order within so much."""
BELIEVED_AFTER = 20
"""Values in a row that say that it is earlier than was thought."""


class Clock(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The latest believed time, in seconds since 1970.

    A time that lies far back is not believed until a number of values in a row say so: until then time stands
    still. A time far ahead may follow a gap, and is believed; but if it was wrong, the first values to return
    from it are believed too.
    """

    last_s: float | None = None
    before_jump_s: float | None = None
    """From when on it jumped ahead last; None: before the first value."""
    since_jump: int = 0
    """Values since then, at most `BELIEVED_AFTER`."""
    behind: int = 0
    """The latest values in a row whose times were not believed."""

    def move(self, at_s: float) -> tuple[float, float | None]:
        """The believed time at a value with that stamp, and how long after the value before.

        >>> clock = Clock(since_jump=BELIEVED_AFTER)
        >>> clock.move(1e9), clock.move(1e9 + 60.0), clock.move(9e8), clock.move(1e9 + 120.0)
        ((1000000000.0, None), (1000000060.0, 60.0), (1000000060.0, 0.0), (1000000120.0, 60.0))
        """
        last_s = self.last_s
        if last_s is None:
            self.last_s = at_s
            return at_s, None
        passed_s = at_s - last_s
        if passed_s < -HOUR_S:
            is_return = self.since_jump < BELIEVED_AFTER and (
                self.before_jump_s is None or at_s >= self.before_jump_s - HOUR_S
            )
            self.behind = 0 if is_return else self.behind + 1
            if not is_return and self.behind <= BELIEVED_AFTER:
                return last_s, 0.0
            self.behind, self.since_jump = 0, BELIEVED_AFTER
        elif passed_s > HOUR_S:
            self.before_jump_s, self.since_jump, self.behind = last_s, 0, 0
        else:
            self.since_jump, self.behind = min(self.since_jump + 1, BELIEVED_AFTER), 0
        self.last_s = at_s
        return at_s, abs(passed_s)


def seconds_of(t: dt.datetime | float | None) -> tuple[float | None, float | None]:
    """Seconds since 1970, of UTC and as clocks show them in the moment's zone; without one it is UTC."""
    if not isinstance(t, dt.datetime):
        return t, t
    at_s = (t if t.tzinfo else t.replace(tzinfo=dt.UTC)).timestamp()
    offset = t.utcoffset()
    return at_s, at_s + (offset.total_seconds() if offset else 0.0)
