"""The handler beside the bare loop on the newest Python of this machine, where that is newer than ours.

python -m benchmarks newest_python    # installs what ships in the function into build/bench, once

Where none is found for which the packages can be installed, this says so and has no figures.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from benchmarks.handler_vs_loop import columns, points
from benchmarks.measuring import Pair
from benchmarks.newer_pythons import environment, newer_pythons

SIGNALS = (1_000, 10_000)
_ROOT = Path(__file__).parent.parent
_LOCK = _ROOT / "consumer" / "requirements.lock"
_RUN_S_MAX = 900.0


class Newer(NamedTuple):
    """A Python, such as "3.13", and its figures by what the batches hold."""

    python: str
    pairs: dict[str, Pair]


def newest_python(folders: Sequence[Path] | None = None) -> Newer | None:
    """The figures, or None after lines that say why there are none; Pythons are searched in `folders`."""
    for python, interpreter in newer_pythons(folders):
        folder = _ROOT / "build" / "bench" / f"python{python}"
        try:
            return Newer(python, _measured_with(environment(interpreter, folder, _LOCK)))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or ""
            print(f"Python {python} is left out: {error}\n{said}".rstrip(), file=sys.stderr)
    print("No newer Python than this one can be had: its figures are left out", file=sys.stderr)
    return None


def _measured_with(python: Path) -> dict[str, Pair]:
    command = [str(python), "-m", "benchmarks.newest_python"]
    ran = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True, timeout=_RUN_S_MAX)
    return {name: Pair(**pair) for name, pair in json.loads(ran.stdout).items()}


def _pairs() -> Iterator[tuple[str, Pair]]:
    for signals in SIGNALS:
        yield f"{signals:,} signals", points(signals)
    yield "columns of 100 values, 1,000 signals", columns()


if __name__ == "__main__":
    print(json.dumps({name: asdict(pair) for name, pair in _pairs()}))
