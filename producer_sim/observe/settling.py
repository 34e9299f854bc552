"""The wait after the last record, which Ctrl-C may end too."""

from dataclasses import dataclass

from producer_sim.observe.protocols import Counts, Observer


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of what was sent; `counts` None where nobody looked, or the wait was interrupted.

    What was not yet learned when it was interrupted is not lost: so nothing is counted.
    """

    counts: Counts | None = None
    interrupted: bool = False


def settle(observer: Observer | None, observations: int, timeout_s: float) -> Settled:
    """Wait until so many observations are learned, skipped or quarantined, the time is up, or Ctrl-C."""
    if observer is None:
        return Settled()
    try:
        return Settled(observer.wait_until_settled(observations, timeout_s))
    except KeyboardInterrupt:
        return Settled(interrupted=True)
