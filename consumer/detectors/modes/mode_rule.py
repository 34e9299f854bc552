"""Which signal tells the mode of another one, and in which mode that one is learned."""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from consumer.decode.signal_names import SignalKey
from consumer.detectors.modes.timeline import Timeline

MODES_MAX = 64
_SEPARATORS = re.compile(r"[.:/]")


def last_part(signal: str) -> str:
    """What stands after the last separator of a name.

    >>> [last_part(name) for name in ("line3.press.force", "3f8e:9d2b", "temperature")]
    ['force', '9d2b', 'temperature']
    """
    return signal[max(signal.rfind(sign) for sign in ".:/") + 1 :]


class Phase(msgspec.Struct, frozen=True):
    """What a machine does: the mode in which it is learned; None while off or settling, or if not known."""

    mode: float | None
    is_known: bool


class ModeRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which signal tells the mode of a machine, and what of it is learned."""

    by: Annotated[str, Meta(min_length=1, max_length=512, pattern=r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z")]
    """The signal's full name, or its last part: then it is that of the same machine."""
    off: tuple[bool | float, ...] = ()
    """Modes in which nothing is learned or told."""
    settle_s: Annotated[float, Meta(ge=0.0, le=1e9)] = 60.0
    """After a change of the mode, nothing is learned or told for so long."""
    max: Annotated[int, Meta(ge=1, le=MODES_MAX)] = 16
    """So many modes of a signal have a model: a further one takes the place of that learned longest ago."""

    @property
    def is_last_part(self) -> bool:
        """Whether `by` is the last part of a name alone."""
        return not _SEPARATORS.search(self.by)

    def signal_of(self, key: SignalKey) -> SignalKey:
        """The signal that tells the mode of this one. It is kept beside it, or not at all.

        >>> ModeRule("state").signal_of(SignalKey("c1", "c1.pressure")).signal
        'c1.state'
        >>> ModeRule("9d2b").signal_of(SignalKey("3f8e", "3f8e:77aa")).signal
        '3f8e:9d2b'
        >>> ModeRule("c1.state").signal_of(SignalKey("c1", "c1.pump.pressure")).signal
        'c1.state'
        """
        if not self.is_last_part:
            return SignalKey(key.record_signal, self.by)
        machine, signal = key
        end = len(machine)
        if not (signal.startswith(machine) and _SEPARATORS.fullmatch(signal[end : end + 1])):
            end = len(signal) - len(last_part(signal)) - 1
        return SignalKey(machine, signal[: end + 1] + self.by)

    def property_of(self, asset: str) -> str:
        """What the signal is called among the values of this asset.

        >>> [ModeRule(by).property_of("c1") for by in ("state", "c1.state", "c2.state")]
        ['state', 'state', 'c2.state']
        """
        is_own = self.by.startswith(asset) and _SEPARATORS.fullmatch(self.by[len(asset) : len(asset) + 1])
        return self.by[len(asset) + 1 :] if is_own else self.by

    def phase(self, timeline: Timeline, at_s: float | None) -> Phase:
        """What the machine does at that time, as far as it is known."""
        found = timeline.at(at_s)
        if found is None:
            return Phase(None, is_known=False)
        since_s, mode = found
        is_settling = at_s is not None and at_s - since_s < self.settle_s
        return Phase(None if is_settling or mode in self.off else mode, is_known=True)
