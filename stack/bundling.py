"""The function's code as Lambda gets it: consumer, the plant's own modules, all they import; without Docker.

Wheels for Lambda's platform and Python are chosen by uv, whatever machine this is. What was installed once is
kept in `build/lambda`, so that another synthesis needs no network. The hash covers what goes in, not when.

If this machine has the function's Python, the modules go in compiled too: Lambda keeps none that it compiles,
and each cold start would compile all that it imports. Where there is no such Python, they are left out.

    python -m stack.bundling    # builds it, and prints where it is and how large
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import uv

from consumer.errors import ConfigurationError
from consumer.plant import plant
from consumer.settings.signals_yaml import as_json
from stack import compiling
from stack.company.function_config import FunctionConfig

ROOT = Path(__file__).parent.parent
PYTHON: str = FunctionConfig().python
PLATFORM = FunctionConfig().platform
UNPACKED_BYTES_MAX = 250 * 1024 * 1024
"""Lambda's limit."""

_CONSUMER = ROOT / "consumer"
_LOCK = _CONSUMER / "requirements.lock"
_BUILD = ROOT / "build" / "lambda"
# Nothing imports these. Shared libraries stay whole: stripped ones of scipy do not load. So do the
# `.dist-info` folders, which hold the versions that a model's fingerprint is made of.
_LEFT_OUT_FOLDERS = {"tests", "include", "__pycache__", "bin"}
_LEFT_OUT_SUFFIXES = {".pyi", ".pxd", ".pyx", ".h", ".c", ".a"}
_LEFT_OUT_DATA = ("river/datasets", {".csv", ".zip", ".gz", ".txt", ".npz"})
_SETTINGS_SUFFIXES = {".yaml", ".yml"}
_SOURCE_SUFFIXES = {".py", *_SETTINGS_SUFFIXES}
_TASK_ROOT = "/var/task"
"""Where Lambda has it, for the paths in compiled modules."""
_READER_FOLDER = Path("consumer", "decode", "plain")
_PLANT = "plant"
"""The folder of the asset that holds what is the plant's own."""


def not_compiled(python: str = PYTHON) -> str:
    """What it means that an asset has no compiled modules, and what to do."""
    return (
        f"Without compiled modules: there is no Python {python} on this machine. A cold start without "
        f"SnapStart takes seconds more; `uv python install {python}` before the synthesis changes that"
    )


class BundlingFailed(Exception):
    """The text says what to do."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A folder that is to be zipped, and the hash that names it."""

    folder: Path
    hash: str
    is_compiled: bool
    """Whether it has its modules compiled too."""
    no_reader: str = ""
    """Why it has no compiled reader, although that was asked for, and what to do."""


def bundle(platform: str = PLATFORM, python: str = PYTHON, *, compiled_reader: bool = False) -> Asset:
    """Build the asset, if it is not there from an earlier time; with the compiled reader, if it can be built.

    Raises: `BundlingFailed`.
    """
    shipped = {name: _shipped(path) for name, path in _sources().items()}
    parts = [part for name, content in shipped.items() for part in (name.encode(), content)]
    reader, no_reader = _reader(platform) if compiled_reader else (None, "")
    if reader is not None:
        parts.append(reader.parent.name.encode())
    digest = _digest(_recipe(platform, python), *parts)
    folder, compiler = _BUILD / digest, _compiler(python)
    if not folder.is_dir():
        installed = _dependencies(platform, python)
        with _made_whole(folder) as making:
            shutil.copytree(installed, making, copy_function=os.link, dirs_exist_ok=True)
            for name, content in shipped.items():
                target = making / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            if reader is not None:
                shutil.copyfile(reader, making / _READER_FOLDER / compiling.NAME)
            if compiler is not None:
                _compile(compiler, making, {name.split("/")[0] for name in shipped})
    return Asset(folder, digest, compiler is not None, no_reader)


def unpacked_bytes(folder: Path) -> int:
    """What Lambda counts: the files' lengths."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def asset_environment() -> dict[str, str]:
    """The environment variables by which the function finds the plant in its asset."""
    return {} if plant().folder is None else {"PLANT": _PLANT}


def _reader(platform: str) -> tuple[Path | None, str]:
    """The compiled reader for the platform; None, and why, if it cannot be built here."""
    source = _CONSUMER.parent / _READER_FOLDER / compiling.SOURCE.name
    folder = _BUILD / f"reader-{_digest(platform.encode(), *compiling.recipe(source))}"
    if not folder.is_dir():
        try:
            with _made_whole(folder) as making:
                compiling.build(making / compiling.NAME, platform, source)
        except compiling.NotBuilt as reason:
            return None, f"Without the compiled reader: {reason}"
    return folder / compiling.NAME, ""


def _sources() -> dict[str, Path]:
    """Each source by its name in the asset: all of `consumer`, and what is the plant's own.

    Of a plant's folder these are its modules, its packages but `tests`, and its settings.
    """
    sources = {path.relative_to(ROOT).as_posix(): path for path in _CONSUMER.rglob("*")}
    if (own := plant().folder) is not None:
        packages = [path.parent for path in own.glob("*/__init__.py") if path.parent.name != "tests"]
        paths = [*own.iterdir(), *(path for package in packages for path in package.rglob("*"))]
        sources |= {f"{_PLANT}/{path.relative_to(own).as_posix()}": path for path in paths}
    return {
        name: path
        for name, path in sorted(sources.items())
        if path.is_file() and path.suffix in _SOURCE_SUFFIXES
    }


def _shipped(path: Path) -> bytes:
    """What the asset has of a source: settings as JSON; as written any other YAML, such as a CI's.

    They have the events of their calendars, so that the function needs nothing that reads these.
    """
    if path.suffix in _SETTINGS_SUFFIXES:
        with suppress(ConfigurationError, ValueError, TypeError, OverflowError):
            return as_json(path.read_text(encoding="utf-8"), path.parent)
    return path.read_bytes()


def _dependencies(platform: str, python: str) -> Path:
    """The folder of all that the lock names, trimmed."""
    folder = _BUILD / f"dependencies-{_digest(_recipe(platform, python))}"
    if not folder.is_dir():
        with _made_whole(folder) as making:
            _install(making, platform, python)
            _trim(making)
            if (compiler := _compiler(python)) is not None:
                _compile(compiler, making, {path.name for path in making.iterdir()})
    return folder


def _install(target: Path, platform: str, python: str) -> None:
    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
    command += ["--python-platform", platform, "--python-version", python]
    command += ["--link-mode", "copy", "--target", str(target), "--requirements", str(_LOCK)]
    installing = subprocess.run(command, capture_output=True, text=True, check=False)
    if installing.returncode:
        raise BundlingFailed(
            f"uv could not install {_LOCK.relative_to(ROOT)} for {platform}, Python {python}. Is there a "
            "network, and a wheel of each package? After a change of consumer/requirements.txt run "
            "`make lock`. It says:\n"
            f"{installing.stderr.strip()}"
        )


def _trim(folder: Path) -> None:
    data_folder, data_suffixes = _LEFT_OUT_DATA
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and path.name in _LEFT_OUT_FOLDERS:
            shutil.rmtree(path)
        elif path.is_file() and (
            path.suffix in _LEFT_OUT_SUFFIXES
            or (path.is_relative_to(folder / data_folder) and path.suffix in data_suffixes)
        ):
            path.unlink()


@dataclass(frozen=True, slots=True)
class _Compiler:
    """A Python, and the number that its compiled modules start with: no other reads them."""

    executable: str
    magic: str


@cache
def _compiler(python: str) -> _Compiler | None:
    """The Python of that minor version on this machine; None, if there is none that is released."""
    executable = sys.executable
    if python != f"{sys.version_info.major}.{sys.version_info.minor}":
        # Not fetched: that is for whoever deploys to decide.
        command = [uv.find_uv_bin(), "python", "find", "--no-project", "--no-python-downloads", python]
        executable = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    if not executable:
        return None
    code = (
        "import sys, importlib.util as util\n"
        "print(sys.implementation.cache_tag, sys.version_info.releaselevel, util.MAGIC_NUMBER.hex())"
    )
    told = subprocess.run([executable, "-S", "-c", code], capture_output=True, text=True, check=False)
    kind, _, magic = told.stdout.strip().rpartition(" ")
    return _Compiler(executable, magic) if kind == f"cpython-{python.replace('.', '')} final" else None


def _compile(compiler: _Compiler, folder: Path, names: Iterable[str]) -> None:
    """Compile the modules of these parts of a folder: the same sources give the same bytes.

    Nothing of the asset changes after: so no module's source is compared with it. A file that is no Python of
    that version stays as it is, and fails where it is imported, as ever.
    """
    command = [compiler.executable, "-S", "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(folder), "-p", _TASK_ROOT, *(str(folder / name) for name in sorted(names))]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    subprocess.run(command, capture_output=True, check=False, env=environment)


def _recipe(platform: str, python: str) -> bytes:
    """All that the installed packages depend on: this file has the rules."""
    compiler = _compiler(python)
    parts = [platform, python, "" if compiler is None else compiler.magic]
    named = (part.encode() for part in parts)
    return _digest(*named, _LOCK.read_bytes(), Path(__file__).read_bytes()).encode()


def _digest(*parts: bytes) -> str:
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()


@contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes its place when it is full: one that is there is never half made."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=folder.parent, prefix="making-"))
    try:
        yield making
        _make_readable(making)
        with suppress(OSError):  # another process was first
            making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _make_readable(folder: Path) -> None:
    """For Lambda's user too, whatever this user's umask: the modes go into the zip."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        executable = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if executable else 0o644)


if __name__ == "__main__":
    asset = bundle()
    print(
        f"{asset.folder}: {unpacked_bytes(asset.folder) / 2**20:.0f} MiB unpacked, of 250 that Lambda allows"
    )
    if not asset.is_compiled:
        print(not_compiled())
