"""Builds the compiled reader, `consumer/decode/plain/compiled_reader.c`: faster, and needed by nothing.

For Lambda's platform, on any machine, it takes ziglang; for this machine, where it is measured and tested,
any C compiler. One build serves each Python from 3.11 on, so that any Python's headers do.

    python -m stack.compiling    # beside its source, for this machine
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib import metadata
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "consumer" / "decode" / "plain" / "compiled_reader.c"
NAME = f"{SOURCE.stem}.abi3.so"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# A product that is added before it is rounded would round otherwise than Python does.
_FLAGS = ["-std=c11", "-O2", "-fPIC", "-shared", "-s", "-ffp-contract=off"]
_FOR_MAC = ["-undefined", "dynamic_lookup"]
_PLATFORM = re.compile(r"(\w+)-manylinux_(\d+)_(\d+)")
_SECONDS_MAX = 300.0


class NotBuilt(Exception):
    """The text says why, and what to do."""


def build(target: Path, platform: str | None = None, source: Path = SOURCE) -> None:
    """Build it into a file, for a platform such as `aarch64-manylinux_2_28`; None: for this machine.

    Raises: `NotBuilt`.
    """
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        raise NotBuilt(f"{headers} has no Python.h: install Python's headers (Debian: python3-dev)")
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / NAME
        command = [*compiler(platform), *_FLAGS, f"-I{headers}", str(source), "-o", str(built)]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS_MAX)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotBuilt(f"{command[0]} could not be run: {error}") from None
        if ran.returncode:
            raise NotBuilt(f"{' '.join(command)} failed:\n{ran.stderr.strip()}")
        # At once: who has the file before it open goes on with that.
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.copyfile(built, beside)
        beside.replace(target)


def compiler(platform: str | None = None) -> list[str]:
    """The command of a compiler for the platform. Raises: `NotBuilt` if there is none on this machine."""
    if platform is None:
        own = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if own is not None:
            return [own, *(_FOR_MAC if sys.platform == "darwin" else ())]
    if _ziglang() is None:
        of_machine = "there is no C compiler on this machine, and " if platform is None else ""
        raise NotBuilt(
            f"{of_machine}ziglang is not installed: "
            f"{sys.executable} -m pip install -r {REQUIREMENTS.parent.name}/{REQUIREMENTS.name}"
        )
    zig = [sys.executable, "-m", "ziglang", "cc"]
    if platform is None:
        return zig
    parts = _PLATFORM.fullmatch(platform)
    if parts is None:
        raise NotBuilt(f"{platform} is no platform such as aarch64-manylinux_2_28")
    return [*zig, "-target", f"{parts[1]}-linux-gnu.{parts[2]}.{parts[3]}"]


def recipe(source: Path = SOURCE) -> tuple[bytes, ...]:
    """All that a build for another platform depends on, but the platform."""
    return source.read_bytes(), Path(__file__).read_bytes(), str(_ziglang()).encode()


def _ziglang() -> str | None:
    try:
        return metadata.version("ziglang")
    except metadata.PackageNotFoundError:
        return None


def main() -> None:
    """Build it beside its source, where Python finds it; say whether it did."""
    target = SOURCE.with_name(NAME)
    try:
        build(target)
    except NotBuilt as reason:
        target.unlink(missing_ok=True)  # else one of an earlier source would be used
        print(f"Without the compiled reader: {reason}")
    else:
        print(f"Built the compiled reader, {target.relative_to(SOURCE.parents[3])}")


if __name__ == "__main__":
    main()
