"""The handler beside the bare loop on the newest Python of this machine, where that is newer than ours.

python -m benchmarks newest_python    # installs what ships in the function into build/bench, once

Where none is found for which the packages can be installed, this says so and has no figures.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from benchmarks.handler_vs_loop import columns, points
from benchmarks.measuring import Pair

SIGNALS = (1_000, 10_000)
_ROOT = Path(__file__).parent.parent
_LOCK = _ROOT / "consumer" / "requirements.lock"
_NAME = re.compile(r"python3\.(\d+)")
_INSTALL_S_MAX, _RUN_S_MAX = 600.0, 900.0


class Newer(NamedTuple):
    """A Python, such as "3.13", and its figures by what the batches hold."""

    python: str
    pairs: dict[str, Pair]


def newest_python(folders: Sequence[Path] | None = None) -> Newer | None:
    """The figures, or None after lines that say why there are none; Pythons are searched in `folders`."""
    for python, interpreter in _newer(_folders() if folders is None else folders):
        try:
            return Newer(python, _measured_with(_environment(python, interpreter)))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or ""
            print(f"Python {python} is left out: {error}\n{said}".rstrip(), file=sys.stderr)
    print("No newer Python than this one can be had: its figures are left out", file=sys.stderr)
    return None


def _measured_with(python: Path) -> dict[str, Pair]:
    command = [str(python), "-m", "benchmarks.newest_python"]
    ran = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True, timeout=_RUN_S_MAX)
    return {name: Pair(**pair) for name, pair in json.loads(ran.stdout).items()}


def _folders() -> list[Path]:
    """Where Pythons lie: the search path, and what pyenv and uv have installed."""
    home = Path.home()
    installed = [*home.glob(".pyenv/versions/*/bin"), *home.glob(".local/share/uv/python/*/bin")]
    return [*map(Path, os.environ.get("PATH", "").split(os.pathsep)), *installed]


def _newer(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Those that are newer than ours, and run; the newest first."""
    paths = [path for folder in folders for path in folder.glob("python3.*")]
    minors = {path: int(match[1]) for path in paths if (match := _NAME.fullmatch(path.name))}
    for path, minor in sorted(minors.items(), key=lambda one: -one[1]):
        if minor > sys.version_info.minor and _runs(path, minor):
            yield f"3.{minor}", path


def _runs(path: Path, minor: int) -> bool:
    """Whether it is what its name says: pyenv's are scripts that may have nothing to run."""
    code = "import sys; print(sys.version_info.minor)"
    try:
        ran = subprocess.run([str(path), "-c", code], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return False
    return ran.stdout.strip() == str(minor)


def _environment(python: str, interpreter: Path) -> Path:
    """The Python of an environment with what ships in the function, which is created the first time."""
    import uv  # not in that environment

    folder = _ROOT / "build" / "bench" / f"python{python}"
    done, within = folder / "installed", folder / "bin" / "python"
    if not done.exists() or done.read_text() != _LOCK.read_text():
        print(f"Installing what ships into build/bench, for Python {python} (once)", file=sys.stderr)
        tool = uv.find_uv_bin()
        install = ["pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
        for arguments in (
            ["venv", "--quiet", "--clear", "--python", str(interpreter), str(folder)],
            [*install, "--python", str(within), "--requirements", str(_LOCK)],
        ):
            subprocess.run(
                [tool, *arguments], capture_output=True, text=True, check=True, timeout=_INSTALL_S_MAX
            )
        done.write_text(_LOCK.read_text())
    return within


def _pairs() -> Iterator[tuple[str, Pair]]:
    for signals in SIGNALS:
        yield f"{signals:,} signals", points(signals)
    yield "columns of 100 values, 1,000 signals", columns()


if __name__ == "__main__":
    print(json.dumps({name: asdict(pair) for name, pair in _pairs()}))
