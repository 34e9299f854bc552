"""The core takes plain values and returns values: no AWS, clock, environment, randomness or logging."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack import bundling

CHECKOUT = Path(__file__).parents[2]
CONSUMER = CHECKOUT / "consumer"
ROOMS = ("decode", "detectors", "settings", "events", "learning", "pages")
CORE = [
    CONSUMER / "errors.py",
    CONSUMER / "ports.py",
    *(path for room in ROOMS for path in sorted((CONSUMER / room).glob("**/*.py"))),
]
# What they see beside one another: the plant's use cases, by the names of its modules.
BESIDE = {"consumer", "consumer.plant", "consumer.use_cases"}
# Models hold a `random.Random`: it is named there, not drawn from.
NAMES_RANDOM = CONSUMER / "pages" / "allow_list.py"
AWS = {"boto3", "botocore", "obstore", "aws_lambda_powertools", "aws_xray_sdk", "s3transfer"}
NOT_FOR_THE_CORE = AWS | {
    "os",
    "time",
    "random",
    "logging",
    "secrets",
    "uuid",
    "socket",
    "subprocess",
    "threading",
}
NOT_SHIPPED = {"benchmarks", "clients", "local", "ops", "producer_sim", "stack", "tests"}
# Reads of the clock in modules that the core may otherwise use.
CLOCKS = {"now", "utcnow", "today", "time"}


def name_of(path: Path) -> str:
    return str(path.relative_to(CHECKOUT).with_suffix("")).replace("/", ".").removesuffix(".__init__")


def imports_of(path: Path) -> set[str]:
    """The full names of all that a module imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def packages_of(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports_of(path)}


def test_the_modules_are_found():
    names = {name_of(path) for path in CORE}
    assert {"consumer.learning.page_learner", "consumer.decode.kpl", "consumer.pages.codec"} <= names
    assert {f"consumer.{room}" for room in ROOMS} <= names


def test_a_fresh_interpreter_that_imports_all_of_the_core_has_no_aws_library():
    script = (
        "import importlib, json, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, *map(name_of, CORE)],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    modules = json.loads(ran.stdout)
    assert "consumer.learning.page_learner" in modules
    assert {name.partition(".")[0] for name in modules} & AWS == set()
    ours = {name for name in modules if name.partition(".")[0] in {"consumer", *NOT_SHIPPED}}
    assert ours - {name_of(path) for path in CORE} <= BESIDE


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_a_module_of_the_core_imports_no_aws_library_clock_environment_randomness_or_log(path):
    allowed = {"random"} if path == NAMES_RANDOM else set()
    assert packages_of(path) & NOT_FOR_THE_CORE == allowed


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_a_module_of_the_core_imports_nothing_of_ours_but_the_core(path):
    ours = {name for name in imports_of(path) if name.partition(".")[0] in {"consumer", *NOT_SHIPPED}}
    rooms = tuple(f"consumer.{room}." for room in (*ROOMS, "errors", "ports"))
    outside = {name for name in ours if not name.startswith(rooms)}
    assert {name.rpartition(".")[0] for name in outside} <= BESIDE


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_a_module_of_the_core_asks_no_clock_and_opens_no_file(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            asked = (node.value.id, node.attr)
            assert not (asked[0] in {"datetime", "date"} and asked[1] in CLOCKS), f"line {node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input", "__import__", "eval", "exec"}, (
                f"line {node.lineno}"
            )


SHIPPED = [path for path in bundling._sources().values() if path.suffix == ".py"]


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_what_ships_imports_nothing_that_does_not(path):
    assert packages_of(path) & NOT_SHIPPED == set()


@pytest.mark.parametrize(
    "path", [CONSUMER / "pipeline.py", CONSUMER / "ports.py", CONSUMER / "use_cases.py"], ids=name_of
)
def test_the_order_of_effects_sees_aws_through_its_ports_only(path):
    assert packages_of(path) & AWS == set()
    assert {name for name in imports_of(path) if name.startswith("consumer.aws")} == set()
