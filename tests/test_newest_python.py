"""`make test-newest` says on which Python it tested, and fails where anything fails."""

import subprocess
import sys
from pathlib import Path

from tests import newest_python

ROOT = Path(__file__).parents[1]
NEXT = sys.version_info.minor + 1


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_without_a_newer_python_it_says_that_nothing_was_tested(tmp_path, capfd):
    script(tmp_path / f"python3.{NEXT}", "exit 127")
    assert newest_python.main([tmp_path]) == 0
    assert capfd.readouterr().out.startswith("NOT TESTED on a Python newer than 3.")


def test_a_python_without_packages_is_left_out_and_the_next_one_is_tested(tmp_path, capfd, monkeypatch):
    script(tmp_path / f"python3.{NEXT}", f"echo {NEXT}")
    script(tmp_path / f"python3.{NEXT + 1}", f"echo {NEXT + 1}")
    within = script(tmp_path / "python", 'echo "ran $@"')

    def environment(interpreter, folder, lock):
        assert (folder.parent, lock.name) == (ROOT / "build", "requirements.lock")
        if interpreter.name == f"python3.{NEXT + 1}":
            raise subprocess.CalledProcessError(2, ["uv"], stderr="no wheel")
        return within

    monkeypatch.setattr(newest_python, "environment", environment)
    assert newest_python.main([tmp_path]) == 0
    left_out, reason, tested, ran = capfd.readouterr().out.splitlines()
    assert left_out.startswith(f"Python 3.{NEXT + 1} is left out")
    assert reason == "no wheel"
    assert tested.startswith(f"Testing on Python 3.{NEXT}, {tmp_path}")
    assert ran.startswith("ran -m pytest")
    assert ran.endswith(" ".join(newest_python.PARTS))


def test_it_fails_where_a_test_does(tmp_path, monkeypatch):
    script(tmp_path / f"python3.{NEXT}", f"echo {NEXT}")
    within = script(tmp_path / "python", "exit 1")
    monkeypatch.setattr(newest_python, "environment", lambda *_: within)
    assert newest_python.main([tmp_path]) == 1


def test_what_it_tests_is_there():
    assert [part for part in newest_python.PARTS if not (ROOT / part).exists()] == []
