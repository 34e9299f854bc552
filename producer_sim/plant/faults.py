"""How faults change a signal's observations, and which ones."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from producer_sim.payloads.encoders import Garbled, Value
from producer_sim.plant.randomness import Floats, draw, key_of, normals, uniforms
from producer_sim.run_folder import Expected, InjectedKind

Ticks = npt.NDArray[np.int64]

SIZE: dict[InjectedKind, float] = {"step": 3.0, "ramp": 9.0, "variance": 6.0, "spikes": 10.0, "late": 5.0}
"""Default sizes, of the kinds that have one."""

DENSITY: dict[InjectedKind, float] = {"spikes": 0.05, "bad-quality": 0.2, "nan": 0.1, "garbage": 0.1}
_HUNTING_TICKS = 10  # ticks over which the swings of a hunting control loop are correlated

EXPECTED: dict[InjectedKind, Expected] = {
    "step": "alert",
    "ramp": "alert",
    "variance": "alert",
    "stuck": "alert",
    "spikes": "alert",
    "drop-out": "alert",
    "nan": "quarantine",
    "garbage": "quarantine",
    "bad-quality": "skip",
    "late": "learn",
    "out-of-order": "learn",
    "duplicates": "learn",
}

OVERRIDES: dict[InjectedKind, Value] = {
    "bad-quality": None,
    "nan": Garbled("NaN"),
    "garbage": Garbled("#ERR!"),
}
"""What is sent instead of a touched observation's number."""


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault of one signal, from the tick `first` to before the tick `end`."""

    signal: str
    kind: InjectedKind
    first: int
    end: int
    size: float | None
    density: float
    seed: int

    def touches(self, ticks: Ticks) -> npt.NDArray[np.bool_]:
        """Which of these ticks' observations it touches."""
        inside = (ticks >= self.first) & (ticks < self.end)
        if self.kind == "out-of-order":  # pairs change places: those that lie inside whole
            even = ticks - ticks % 2
            inside = (even >= self.first) & (even + 1 < self.end)
        if self.density < 1.0:
            drawn = ticks - ticks % 2 if self.kind == "out-of-order" else ticks
            key = key_of(self.seed, self.signal, f"{self.kind} where")
            inside &= uniforms(np.array([key]), drawn)[0] < self.density
        return inside

    def changed_values(
        self, values: Floats, noise: Floats, deviation: float, ticks: Ticks, stuck_at: float
    ) -> Floats:
        """Apply the fault to a signal's values; `noise` is their random part."""
        touched = self.touches(ticks)
        size = (self.size or 0.0) * deviation
        changed = values
        match self.kind:
            case "step":
                changed = values + touched * self._direction * size
            case "ramp":
                share = (ticks - self.first + 1) / max(1, self.end - self.first)
                changed = values + touched * self._direction * size * share
            case "variance":
                changed = np.where(touched, values - noise + size * self._hunting(ticks), values)
            case "spikes":
                signs = np.sign(uniforms(np.array([self._key("sign")]), ticks)[0] - 0.5)
                changed = values + touched * signs * size
            case "stuck":
                changed = np.where(touched, stuck_at, values)
        return changed

    @property
    def _direction(self) -> float:
        return 1.0 if draw(self.seed, self.signal, "direction") < 0.5 else -1.0

    def _key(self, purpose: str) -> np.uint64:
        return key_of(self.seed, self.signal, f"{self.kind} {purpose}")

    def _hunting(self, ticks: Ticks) -> Floats:
        """Correlated swings of mean 0 and deviation 1."""
        earlier = np.arange(ticks[0] - _HUNTING_TICKS + 1, ticks[0])
        white = normals(np.array([self._key("swings")]), np.concatenate([earlier, ticks]))[0]
        swings: Floats = np.convolve(white, np.ones(_HUNTING_TICKS) / np.sqrt(_HUNTING_TICKS), mode="valid")
        return swings
