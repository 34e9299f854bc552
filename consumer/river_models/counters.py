"""Counters, found by themselves: signals that rise and hardly ever fall are learned as their differences."""

import msgspec

UNDECIDED, LEVEL_KIND, COUNTER_KIND = 0, 1, 2
KINDS = {"auto": UNDECIDED, "level": LEVEL_KIND, "counter": COUNTER_KIND}
"""What a signal may be said to be, from its first value on; `auto` is found by itself."""
DECIDED_AT = 200
"""Values, after which it is decided once what a signal is."""
RISES_MIN, FALLS_MAX = 0.5, 0.03
"""Shares of the steps up, and down, of a counter; what falls has been reset, or has overflown."""


class Kind(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Whether a signal is a counter; and its last value, as it came."""

    kind: int = UNDECIDED
    seen: int = 0
    """Values until it was decided."""
    rises: int = 0
    falls: int = 0
    last: float = 0.0

    def number_of(self, value: float) -> float | None:
        """What is to be learned of a value: the value, or the difference of a counter; None where it fell."""
        is_first = self.seen == 0
        step, self.last = value - self.last, value
        if self.kind == COUNTER_KIND:
            self.seen = max(self.seen, 1)
            return step if step >= 0.0 and not is_first else None
        if self.kind == UNDECIDED:
            if not is_first:
                self.rises += step > 0.0
                self.falls += step < 0.0
            self.seen += 1
        elif is_first:
            self.seen = 1
        return value

    def decide(self) -> bool:
        """Decide what it is, once enough was seen; whether it has just turned out to be a counter."""
        if self.kind != UNDECIDED or self.seen < DECIDED_AT:
            return False
        steps = self.seen - 1
        is_counter = self.rises >= RISES_MIN * steps and self.falls <= FALLS_MAX * steps
        self.kind = COUNTER_KIND if is_counter else LEVEL_KIND
        return is_counter
