"""What installs is what ships and what the requirements say, each with its hashes."""

import re
from importlib import metadata
from pathlib import Path

import pytest

from consumer.pages.codec import versions

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def pins(*files: str) -> dict[str, str]:
    return {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for file in files
        for name, version in PIN.findall((ROOT / file).read_text())
    }


def test_both_locks_have_what_the_requirements_pin():
    asked = pins("consumer/requirements.txt")
    assert asked
    assert asked.items() <= pins("consumer/requirements.lock").items()
    assert (pins("requirements.txt") | asked).items() <= pins("requirements.lock").items()


def test_what_is_installed_is_what_ships():
    assert pins("consumer/requirements.lock").items() <= pins("requirements.lock").items()


@pytest.mark.parametrize("lock", ["requirements.lock", "consumer/requirements.lock"])
def test_each_package_of_a_lock_has_a_hash(lock):
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text())
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert len(packages) > 15
    assert [entry.split()[0] for entry in packages if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "consumer/requirements.lock"])
def test_what_a_models_fingerprint_covers_has_one_version_for_every_python(lock):
    """Else the function and an operator's laptop, of another Python, look for models in different folders.

    And what calculates with them: else a model learned again on that laptop might differ.
    """
    text = (ROOT / lock).read_text()
    for name, version in (versions() | {name: metadata.version(name) for name in ("numpy", "scipy")}).items():
        requirements = re.findall(rf"^{name}==.*$", text, re.MULTILINE)
        assert requirements == [f"{name}=={version} \\"], "one line, without a marker: what is installed here"
