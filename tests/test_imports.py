"""Imports run downward only: between the packages, and between the rooms of the consumer."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
# Each may import itself and what stands before it.
ROOMS = [
    {"errors", "ports"},
    {"decode"},
    {"detectors"},
    {"use_cases"},
    {"plant"},
    {"settings"},
    {"events"},
    {"learning"},
    {"pages"},
    {"pipeline", "aws"},
    {"staleness_sweep"},
    {"handler"},
]
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
PACKAGES = {
    "consumer": set(),
    "clients": {"consumer"},
    "ops": {"clients", "consumer"},
    "producer_sim": {"clients", "consumer"},
    "local": {"clients", "consumer", "ops", "producer_sim"},
    "stack": {"consumer"},
    "benchmarks": {"clients", "consumer", "local", "ops", "producer_sim", "stack"},
}
# `python -m consumer` is `python -m ops` by its name of before; it does not ship.
ALIAS = ROOT / "consumer" / "__main__.py"


def modules_of(package: str) -> list[Path]:
    return [path for path in sorted((ROOT / package).rglob("*.py")) if path != ALIAS]


def imported_by(path: Path) -> Iterator[str]:
    """The full names of all that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "consumer").parts[0].removesuffix(".py")


def test_every_package_and_every_room_has_its_place():
    assert set(PACKAGES) == {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert set(LEVEL) == {room_of(path) for path in modules_of("consumer")} - {"__init__"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_those_below_it(package):
    upward = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules_of(package)
        for name in imported_by(path)
        if name.partition(".")[0] in PACKAGES.keys() - PACKAGES[package] - {package}
    }
    assert upward == set()


@pytest.mark.parametrize("room", sorted(LEVEL))
def test_a_room_imports_only_those_below_it(room):
    below = {other for other, level in LEVEL.items() if level < LEVEL[room]} | {room}
    upward = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules_of("consumer")
        if room_of(path) == room
        for name in imported_by(path)
        if re.match(r"consumer\.(\w+)", name) and name.split(".")[1] not in below
    }
    assert upward == set()


def test_contributing_says_so():
    line = re.search(r"^(errors, ports < .*?)  +in consumer/$", CONTRIBUTING, flags=re.MULTILINE)[1]
    assert [set(rooms.split(", ")) for rooms in line.split(" < ")] == ROOMS
