"""Imports run downward only; the pure rooms take plain values and return values, and folders stay small."""

import ast
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import bundling

CHECKOUT = Path(__file__).parents[1]
CONSUMER = CHECKOUT / "consumer"
PRODUCT = ("consumer", "clients", "ops", "producer_sim", "local", "stack")

# What a package may import of ours, beside itself.
PACKAGES = {
    "consumer": set(),
    "clients": {"consumer"},
    "ops": {"consumer", "clients"},
    "producer_sim": {"consumer", "clients"},
    "local": {"consumer", "clients", "ops", "producer_sim"},
    "stack": {"consumer"},
    "app": {"consumer", "stack"},
    "benchmarks": {"consumer", "clients", "ops", "producer_sim", "local", "stack"},
}
# The rooms of `consumer`, upward: each imports itself and those above it in this list.
ROOMS = (
    {"errors", "loaded_later", "river_models"},
    {"ports"},
    {"decode"},
    {"detectors"},
    {"use_cases"},
    {"plant"},
    {"settings"},
    {"events"},
    {"learning"},
    {"pages"},
    {"pipeline", "aws"},
    {"staleness_sweep", "event_loop"},
    {"handler"},
)
PURE_ROOMS = ("river_models", "decode", "detectors", "settings", "events", "learning", "pages")
ALIAS = CONSUMER / "__main__.py"
"""`python -m consumer` stays what it was before the commands moved to `ops`: it alone imports upward."""

AWS = {"boto3", "botocore", "obstore", "aws_lambda_powertools", "aws_xray_sdk", "s3transfer"}
IMPURE = AWS | {"os", "time", "random", "logging", "secrets", "uuid", "socket", "subprocess", "threading"}
CLOCKS = {"now", "utcnow", "today", "time"}
"""Reads of the clock in modules that a pure room may otherwise use."""
MAY_IMPORT = {
    # Models hold a random.Random, so it is named; nothing draws from it.
    ("consumer.pages.river_classes", "random"),
    ("consumer.pages.river_packers", "random"),
}
MAKES_CODE = {"consumer.detectors.state_layouts"}
"""Of the annotations of our own classes, as dataclasses do, and of nothing that is read."""
SHARED_CLASS_NAMES: dict[tuple[str, str], str] = {}
"""Public classes of one package that may share a name, each with its reason."""


def name_of(path: Path) -> str:
    return str(path.relative_to(CHECKOUT).with_suffix("")).replace("/", ".").removesuffix(".__init__")


def modules_of(package: str) -> list[Path]:
    if package == "app":
        return [CHECKOUT / "app.py"]
    return sorted(path for path in (CHECKOUT / package).glob("**/*.py") if "plant_template" not in path.parts)


MODULES = {name_of(path): path for package in PACKAGES for path in modules_of(package)}
PURE = [
    CONSUMER / "errors.py",
    CONSUMER / "ports.py",
    *(path for room in PURE_ROOMS for path in modules_of(f"consumer/{room}")),
]


def imports_of(path: Path) -> set[str]:
    """The full names of all that a module imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names |= {name.value for name in node.args if isinstance(name, ast.Constant)}
    return names


def packages_of(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports_of(path)}


def modules_imported(path: Path) -> set[str]:
    """Our own modules among its imports: `a.b.c` is a module, or else something of the module `a.b`."""
    names = imports_of(path)
    return {name if name in MODULES else name.rpartition(".")[0] for name in names} & MODULES.keys()


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_the_modules_are_found():
    assert {"consumer.learning.page_learner", "consumer.decode.unpacking", "consumer.decode"} <= set(
        map(name_of, PURE)
    )
    assert {room_of(name_of(path)) for path in modules_of("consumer")} - {"", "__main__"} == set().union(
        *ROOMS
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_lies_below_it(package):
    upward = {
        (name_of(path), other)
        for path in modules_of(package)
        if path != ALIAS
        for other in packages_of(path) & {*PACKAGES, "tests"} - PACKAGES[package] - {package}
    }
    assert upward == set()


@pytest.mark.parametrize("path", [path for path in modules_of("consumer") if path != ALIAS], ids=name_of)
def test_a_room_of_the_consumer_imports_only_the_rooms_below_it(path):
    own = room_of(name_of(path))
    below = {""}
    for rooms in ROOMS:
        if own in rooms:
            break
        below |= rooms
    rooms = {room_of(name) for name in imports_of(path) if name.partition(".")[0] == "consumer"}
    assert rooms - below - {own} == set()


def test_the_alias_of_the_commands_is_nothing_but_an_alias():
    assert packages_of(ALIAS) == {"ops"}
    assert len(ALIAS.read_text().splitlines()) < 10


def test_a_fresh_interpreter_that_imports_all_pure_rooms_has_no_aws_library():
    script = (
        "import importlib, json, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, *map(name_of, PURE)],
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
    below = {*PURE_ROOMS, "", "errors", "ports", "use_cases", "plant"}
    ours = [name for name in modules if name.partition(".")[0] in {*PACKAGES, "tests"}]
    assert [name for name in ours if not name.startswith("consumer") or room_of(name) not in below] == []


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_a_pure_module_imports_no_aws_library_clock_environment_randomness_or_log(path):
    found = {(name_of(path), package) for package in packages_of(path) & IMPURE}
    assert found - MAY_IMPORT == set()


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_a_pure_module_asks_no_clock_and_opens_no_file(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            asked = (node.value.id, node.attr)
            assert not (asked[0] in {"datetime", "date"} and asked[1] in CLOCKS), f"line {node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            forbidden = {"open", "print", "input", "__import__", "eval", "exec"}
            if name_of(path) in MAKES_CODE:
                forbidden.remove("exec")
            assert node.func.id not in forbidden, f"line {node.lineno}"
        # `signals_yaml` alone reads a file, the settings that ship with the function, once when it starts.
        if isinstance(node, ast.Attribute) and node.attr in {"read_text", "read_bytes", "write_text"}:
            assert name_of(path) == "consumer.settings.signals_yaml", f"line {node.lineno}"


SHIPPED = [path for path in bundling._sources().values() if path.suffix == ".py" and path != ALIAS]


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_what_ships_imports_nothing_that_does_not(path):
    not_shipped = {*PACKAGES, "tests"} - {"consumer"}
    assert packages_of(path) & not_shipped == set()


@pytest.mark.parametrize(
    "path", [CONSUMER / name for name in ("pipeline.py", "ports.py", "use_cases.py")], ids=name_of
)
def test_the_order_of_effects_reaches_aws_through_its_ports_only(path):
    assert packages_of(path) & AWS == set()
    assert {name for name in imports_of(path) if name.startswith("consumer.aws")} == set()


def test_only_those_who_speak_to_aws_import_its_libraries():
    speak = {"clients", "ops", "producer_sim", "local", "stack", "app", "benchmarks"}
    others = {
        (name, package)
        for name, path in MODULES.items()
        if name.partition(".")[0] not in speak and not name.startswith("consumer.aws")
        for package in packages_of(path) & AWS
    }
    assert others == set()


def test_no_two_files_import_each_other_however_far_around():
    graph = {name: modules_imported(path) - {name} for name, path in MODULES.items()}
    # Remove files that import nothing, or only what was removed: what remains is in a ring, or above one.
    while done := {name for name, imported in graph.items() if not imported & graph.keys()}:
        graph = {name: imported for name, imported in graph.items() if name not in done}
    assert {name: sorted(imported & graph.keys()) for name, imported in graph.items()} == {}


@pytest.mark.parametrize("package", PRODUCT)
def test_no_folder_has_more_than_20_modules(package):
    folders = defaultdict(list)
    for path in modules_of(package):
        folders[path.parent].append(path.name)
    assert {str(folder): len(names) for folder, names in folders.items() if len(names) > 20} == {}


def test_the_consumer_stays_a_lambda_function_and_no_more():
    assert len(modules_of("consumer")) <= 135


def public_classes(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


@pytest.mark.parametrize("package", PRODUCT)
def test_no_two_public_classes_of_a_package_share_a_name(package):
    found = defaultdict(list)
    for path in modules_of(package):
        for name in public_classes(path):
            found[name].append(name_of(path))
    shared = {name: places for name, places in found.items() if len(places) > 1}
    assert {name: at for name, at in shared.items() if (package, name) not in SHARED_CLASS_NAMES} == {}
