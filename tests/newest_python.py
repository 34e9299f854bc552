"""What depends on the release of Python, on the newest one of this machine: `make test-newest`.

It is the newest that is newer than ours and for which what requirements.lock pins can be installed, into
build/python3.N. Where there is none, this says so, and nothing is tested.
"""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.newer_pythons import environment, newer_pythons

ROOT = Path(__file__).parents[1]
PARTS = (
    "tests/consumer/test_conformance.py",  # determinism, bounded states, the round trip through a page
    "tests/consumer/test_exactness.py",
    "tests/consumer/test_loaded_later.py",  # of the import system
    "tests/consumer/decode",
    "tests/consumer/pages",
    "tests/local/test_function_logs.py",  # processes
    "tests/simulation",  # 100 worlds, and processes that play more
    "tests/producer_sim/test_encoded_payloads.py",
    "tests/test_import_rule.py",
)


def main(folders=None) -> int:
    """Return the exit code: 0 if all passed, or if there is no newer Python in `folders`."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python, interpreter in newer_pythons(folders):
        try:
            within = environment(interpreter, ROOT / "build" / f"python{python}", ROOT / "requirements.lock")
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or ""
            print(f"Python {python} is left out: {error}\n{said}".rstrip(), flush=True)
            continue
        print(f"Testing on Python {python}, {interpreter}, what depends on Python", flush=True)
        return _tested_with(within)
    print(f"NOT TESTED on a Python newer than {own}: none is here. Put one, such as python3.14, on the PATH")
    return 0


def _tested_with(python: Path) -> int:
    environ = os.environ | {"PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [str(python), "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", *PARTS]
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
