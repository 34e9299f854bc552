"""Real measurements: the water flow through a pipeline branch, as River ships it.

Hourly values of two months, given by Tecnojest s.r.l.; in four places the flow is not normal. The file is
part of River's package: nothing is downloaded.
"""

from dataclasses import dataclass

from river import datasets

SIGNAL = "branch1.water_flow"


@dataclass(frozen=True, slots=True)
class RecordedSignal:
    """What was measured; `values` and `timestamps` (epoch seconds, ascending) are of one length."""

    name: str
    unit: str
    values: tuple[float, ...]
    timestamps: tuple[float, ...]


def water_flow(name: str = SIGNAL) -> RecordedSignal:
    """Read the whole series, under a name of your choice: several names replay several branches.

    >>> flow = water_flow()
    >>> len(flow.values), flow.values[0], flow.unit
    (1268, 100.59, 'l/s')
    """
    rows = list(datasets.WaterFlow())
    return RecordedSignal(
        name=name,
        unit="l/s",
        values=tuple(float(value) for _, value in rows),
        timestamps=tuple(features["Time"].timestamp() for features, _ in rows),
    )
