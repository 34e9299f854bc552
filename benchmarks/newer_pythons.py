"""The Pythons of this machine that are newer than ours, and environments for them; uv installs those."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_NAME = re.compile(r"python3\.(\d+)")
_INSTALL_S_MAX = 600.0


def newer_pythons(folders: Sequence[Path] | None = None) -> Iterator[tuple[str, Path]]:
    """Those that are newer than ours, and run, such as "3.14" and its path; the newest first.

    Args:
        folders: Where to look; None: on the search path, and where pyenv and uv install them.
    """
    searched = _folders() if folders is None else folders
    paths = [path for folder in searched for path in folder.glob("python3.*")]
    minors = {path: int(match[1]) for path in paths if (match := _NAME.fullmatch(path.name))}
    for path, minor in sorted(minors.items(), key=lambda one: -one[1]):
        if minor > sys.version_info.minor and _runs(path, minor):
            yield f"3.{minor}", path


def environment(interpreter: Path, folder: Path, lock: Path) -> Path:
    """The Python of an environment in `folder` with what `lock` pins, created where it is not there yet.

    Raises: `OSError`; `subprocess.SubprocessError`, as where there is no network or no wheel.
    """
    import uv  # not in that environment

    done, within = folder / "installed", folder / "bin" / "python"
    if not done.exists() or done.read_text() != lock.read_text():
        print(f"Installing what {lock.name} pins into {folder}, for {interpreter} (once)", file=sys.stderr)
        tool = uv.find_uv_bin()
        install = ["pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
        for arguments in (
            ["venv", "--quiet", "--clear", "--python", str(interpreter), str(folder)],
            [*install, "--python", str(within), "--requirements", str(lock)],
        ):
            subprocess.run(
                [tool, *arguments], capture_output=True, text=True, check=True, timeout=_INSTALL_S_MAX
            )
        done.write_text(lock.read_text())
    return within


def _folders() -> list[Path]:
    """Where Pythons lie: the search path, and what pyenv and uv have installed."""
    home = Path.home()
    installed = [*home.glob(".pyenv/versions/*/bin"), *home.glob(".local/share/uv/python/*/bin")]
    return [*map(Path, os.environ.get("PATH", "").split(os.pathsep)), *installed]


def _runs(path: Path, minor: int) -> bool:
    """Whether it is what its name says: pyenv's are scripts that may have nothing to run."""
    code = "import sys; print(sys.version_info.minor)"
    try:
        ran = subprocess.run([str(path), "-c", code], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return False
    return ran.stdout.strip() == str(minor)
