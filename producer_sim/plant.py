"""A simulated plant with known faults, the same from the same seed.

Each signal is white noise around a level of its own. One signal of every ten changes once, at a known
observation: its mean steps, its variance grows, or it begins to ramp. The sizes are such that `drift.ADWIN`
with River's defaults finds nearly all of them on raw values. Two things follow from how ADWIN decides:

- It compares means, so it finds a larger variance only where the mean of a few dozen observations moves. It
  misses white noise of eight times the deviation one time in four. What fails here is a control loop that
  hunts: its swings last several seconds, and are found.
- Its bound has a term for values between 0 and 1, which hides changes of signals whose noise is much smaller
  than one unit. The units here are those in which a plant's noise is about one or more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

ChangeKind = Literal["mean", "variance", "slope"]

START_SECONDS = 1_700_000_000
"""When every simulated plant starts, in epoch seconds; each signal then has one observation a second."""

SIGNALS_PER_CHANGE = 10
SIGNALS_PER_ASSET = 4

_KINDS: tuple[ChangeKind, ...] = ("mean", "variance", "slope")
_MACHINES = ("compressor", "pump", "fan", "mill")
_ASSETS_PER_LINE = 2 * len(_MACHINES)

_MEAN_STEP = 3.0  # deviations
_RAMP = 0.02  # deviations a second
_HUNTING = 6.0  # times the deviation before
_HUNTING_SECONDS = 10  # for so long the swings of a hunting control loop go together


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is measured: levels are drawn from between the two, `deviation` is that of the noise."""

    name: str
    unit: str
    level_low: float
    level_high: float
    deviation: float


QUANTITIES = (
    Quantity("pressure", "kPa", 500.0, 900.0, 4.0),
    Quantity("temperature", "degC", 40.0, 90.0, 0.8),
    Quantity("vibration", "um", 30.0, 60.0, 1.5),
    Quantity("flow", "l/min", 100.0, 400.0, 3.0),
)


@dataclass(frozen=True, slots=True)
class InjectedChange:
    """A fault put there on purpose: the observation at `index` is the first one that it touches."""

    kind: ChangeKind
    index: int


@dataclass(frozen=True, slots=True)
class SimulatedSignal:
    """One measured quantity of one asset; `values` are finite, `timestamps` in epoch seconds."""

    asset: str
    quantity: str
    unit: str
    values: tuple[float, ...]
    timestamps: tuple[float, ...]
    change: InjectedChange | None

    @property
    def name(self) -> str:
        """Asset and quantity, such as `line3.compressor1.pressure`: partition key and name in one."""
        return f"{self.asset}.{self.quantity}"


@dataclass(frozen=True, slots=True)
class SimulatedAsset:
    """Signals of one asset sampled together: they can be sent as several values of one observation."""

    name: str
    signals: tuple[SimulatedSignal, ...]


@dataclass(frozen=True, slots=True)
class SimulatedPlant:
    """All signals, those of `assets` first among them."""

    seed: int
    signals: tuple[SimulatedSignal, ...]
    assets: tuple[SimulatedAsset, ...]


def simulate_plant(
    seed: int, signals: int = 200, observations_per_signal: int = 1000, assets: int = 5
) -> SimulatedPlant:
    """Simulate `signals` signals, of which the first `assets` times four can be sent as several values.

    A signal depends on the seed and its own position only: a larger plant begins with the smaller one. A
    change comes between half and six tenths of the observations, so that a detector has seen enough.

    Raises:
        ValueError: There are fewer signals than the assets need, or too few observations to change.
    """
    if assets * SIGNALS_PER_ASSET > signals:
        raise ValueError(f"{assets} assets need {assets * SIGNALS_PER_ASSET} signals, there are {signals}")
    if observations_per_signal < SIGNALS_PER_CHANGE:
        raise ValueError(f"observations_per_signal is {observations_per_signal}, it must be 10 or more")
    changes = _changes(seed, signals, observations_per_signal)
    simulated = tuple(
        _simulate_signal(seed, position, observations_per_signal, changes.get(position))
        for position in range(signals)
    )
    return SimulatedPlant(seed, simulated, _assets(simulated[: assets * SIGNALS_PER_ASSET]))


def _assets(signals: Sequence[SimulatedSignal]) -> tuple[SimulatedAsset, ...]:
    starts = range(0, len(signals), SIGNALS_PER_ASSET)
    groups = [tuple(signals[start : start + SIGNALS_PER_ASSET]) for start in starts]
    return tuple(SimulatedAsset(group[0].asset, group) for group in groups)


def _changes(seed: int, signals: int, observations: int) -> dict[int, InjectedChange]:
    """Draw one changed signal of every ten; the kinds take turns, so that thirty signals have all of them."""
    changes: dict[int, InjectedChange] = {}
    for group in range(signals // SIGNALS_PER_CHANGE):
        random = np.random.default_rng([seed, 1, group])
        position = group * SIGNALS_PER_CHANGE + int(random.integers(SIGNALS_PER_CHANGE))
        index = int(random.integers(observations // 2, observations * 6 // 10))
        changes[position] = InjectedChange(_KINDS[group % len(_KINDS)], index)
    return changes


def _simulate_signal(
    seed: int, position: int, observations: int, change: InjectedChange | None
) -> SimulatedSignal:
    asset_number, quantity_number = divmod(position, SIGNALS_PER_ASSET)
    line, on_line = divmod(asset_number, _ASSETS_PER_LINE)
    number, machine = divmod(on_line, len(_MACHINES))
    quantity = QUANTITIES[quantity_number]
    random = np.random.default_rng([seed, 0, position])
    level = random.uniform(quantity.level_low, quantity.level_high)
    noise = random.standard_normal(observations)
    if change is not None:
        noise = _changed(noise, change, random)
    return SimulatedSignal(
        asset=f"line{line + 1}.{_MACHINES[machine]}{number + 1}",
        quantity=quantity.name,
        unit=quantity.unit,
        values=tuple((level + quantity.deviation * noise).tolist()),
        timestamps=tuple((START_SECONDS + np.arange(observations, dtype=np.float64)).tolist()),
        change=change,
    )


def _changed(
    noise: npt.NDArray[np.float64], change: InjectedChange, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Put the change into noise of mean 0 and deviation 1; what comes before its index stays as it is."""
    before, after = noise[: change.index], noise[change.index :]
    direction = random.choice([-1.0, 1.0])
    match change.kind:
        case "mean":
            after = after + direction * _MEAN_STEP
        case "slope":
            after = after + direction * _RAMP * np.arange(1, len(after) + 1)
        case "variance":
            white = random.standard_normal(len(after) + _HUNTING_SECONDS - 1)
            swing = np.ones(_HUNTING_SECONDS) / np.sqrt(_HUNTING_SECONDS)
            after = _HUNTING * np.convolve(white, swing, mode="valid")
    return np.concatenate([before, after])
