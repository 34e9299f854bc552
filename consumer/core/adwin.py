"""River's ADWIN without the Python around its Rust, which takes four times as long as what it surrounds."""

from collections.abc import Callable
from typing import Any

from river.drift import ADWIN


def updating(detector: Any) -> Callable[[float], bool]:
    """What to call with each value until it tells of a drift; then tell `drifted`, and ask for it again.

    >>> adwin = ADWIN()
    >>> update = updating(adwin)
    >>> [index for index, value in enumerate([0.0] * 500 + [5.0] * 12) if update(value)]
    [511]
    """
    if type(detector) is ADWIN:  # a subclass may have another `update`
        if detector._drift_detected:
            detector._reset()
        helper_update: Callable[[float], bool] = detector._helper.update
        return helper_update

    def update(value: float) -> bool:
        detector.update(value)
        return bool(detector.drift_detected)

    return update


def drifted(detector: Any) -> None:
    """Have the detector know what its `update` would have noted."""
    if type(detector) is ADWIN:
        detector._drift_detected = True
