"""River's Rust, given altered states: `python -m tests.consumer.pages.altered_rust seed`, in its own process.

Each is read, learned on and written. It may panic, which Python sees as an exception; no more.
"""

import random
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress

import msgspec
from river import drift
from river._river_rust.stats import RsQuantile

from consumer.errors import is_models_own
from consumer.pages import columns as columns  # which registers what may be read
from consumer.pages.packing import packed
from consumer.pages.unpacking import unpacked

_ENCODE = msgspec.msgpack.encode
_MEMORY_BYTES_MAX = 2 * 1024**3
_ADWIN, _PACKED, _OBJECT = "AdaptiveWindowing", 12, 11


def _windows() -> Iterator[bytes]:
    for values in (0, 10, 400):
        adwin = drift.ADWIN()
        for value in range(values):
            adwin.update(float(value % 7))
        yield adwin._helper.__getstate__()


def _quantiles() -> Iterator[bytes]:
    for values in (0, 3, 400):
        quantile = RsQuantile(0.5)
        for value in range(values):
            quantile.update(float(value % 7))
        yield quantile.__getstate__()


def _altered(states: list[bytes], rng: random.Random) -> Iterator[bytes]:
    yield from states
    yield from (bytes(length) for length in range(301))
    yield from (b"\xff" * length for length in range(301))
    yield from (rng.randbytes(length) for length in range(301))
    for state in states:
        yield from (state[:length] for length in range(len(state)))
        for at in range(len(state)):
            for value in (0, 1, 0x7F, 0x80, 0xFF, state[at] ^ 1 << rng.randrange(8)):
                yield state[:at] + bytes([value]) + state[at + 1 :]
        for at in range(0, len(state) - 8):
            for number in (2**64 - 1, 2**63 - 1, 2**32, 2**20):
                yield state[:at] + number.to_bytes(8, "little") + state[at + 8 :]
        for _ in range(300):
            changed = bytearray(state)
            for _ in range(rng.randrange(1, 9)):
                changed[rng.randrange(len(changed))] = rng.randrange(256)
            yield bytes(changed)


def _learned_on(model: object) -> None:
    for value in [float(number % 5) for number in range(120)] + [1e100] * 9:
        model.update(value)  # type: ignore[attr-defined]
    _ = model.drift_detected if isinstance(model, drift.ADWIN) else model.get()  # type: ignore[attr-defined]


def _try(node: list[object]) -> bool:
    try:
        model = unpacked(_ENCODE(node), 10**6)
    except BaseException as error:
        if not is_models_own(error):
            raise
        return False
    try:
        _learned_on(model)
        packed(model)
    except BaseException as error:
        if not is_models_own(error):
            raise
    return True


def main() -> None:
    """Try them all; print how many there were, and how many could be read."""
    rng = random.Random(int(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES_MAX, _MEMORY_BYTES_MAX))
    tried = read = 0
    parameters = [0.002, 32, 5, 5, 10]
    for state in _altered([*_windows()], rng):
        window = [_PACKED, _ADWIN, state, *parameters]
        tried, read = tried + 1, read + _try([_OBJECT, "ADWIN", False, *parameters, window])
    for numbers in (
        [0.0, 0, 0, 0, 0],
        [-1.0, -1, 5, 5, 5],
        [1e308, 1, 0, 0, 0],
        [0.5, 2**31 - 1, 1000, 2**31, 1],
    ):
        for state in _windows():
            window = [_PACKED, _ADWIN, state, *numbers]
            tried, read = tried + 1, read + _try([_OBJECT, "ADWIN", False, *numbers, window])
    for state in _altered([*_quantiles()], rng):
        tried, read = tried + 1, read + _try([_OBJECT, "Quantile", [_PACKED, "RsQuantile", state], True, 0.5])
    print(tried, read)


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main()
