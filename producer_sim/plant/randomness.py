"""Random numbers that belong to a name and a position: whoever asks, in whatever order, draws the same."""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


def key_of(seed: int, name: str, purpose: str) -> np.uint64:
    """The key of one series of numbers."""
    digest = blake2b(f"{seed}\0{purpose}\0{name}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest))


def draw(seed: int, name: str, purpose: str, low: float = 0.0, high: float = 1.0) -> float:
    """One number between the two, from names alone."""
    return low + (high - low) * (int(key_of(seed, name, purpose)) >> 11) / 2.0**53


def uniforms(keys: Keys, ticks: npt.NDArray[np.int64]) -> Floats:
    """Numbers of [0, 1): a row for each key, a column for each tick."""
    return (_bits(keys, ticks) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normals(keys: Keys, ticks: npt.NDArray[np.int64]) -> Floats:
    """Numbers of mean 0 and deviation 1, within ±6.8: a row for each key, a column for each tick.

    Source: Box & Muller (1958), A note on the generation of random normal deviates
    """
    bits = _bits(keys, ticks)
    radius = np.sqrt(-2.0 * np.log(((bits >> _HALF).astype(np.float64) + 0.5) * 2.0**-32))
    drawn: Floats = radius * np.cos((bits & _LOW).astype(np.float64) * (2.0 * np.pi * 2.0**-32))
    return drawn


def _bits(keys: Keys, ticks: npt.NDArray[np.int64]) -> Keys:
    """Source: Steele, Lea & Flood (2014), Fast splittable pseudorandom number generators (SplitMix64)."""
    bits = keys[:, None] + (ticks.astype(np.uint64) + np.uint64(1))[None, :] * _GOLDEN
    bits = (bits ^ (bits >> np.uint64(30))) * _MIX[0]
    bits = (bits ^ (bits >> np.uint64(27))) * _MIX[1]
    mixed: Keys = bits ^ (bits >> np.uint64(31))
    return mixed
