"""What most functions never use does not run when the function starts, and runs as ever where it is used."""

import base64
import importlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from river import drift

from consumer import loaded_later
from consumer.decode.signal_names import SignalKey
from consumer.detectors.drift import DriftUseCase
from consumer.learning.state import State
from consumer.loaded_later import LATER
from consumer.pages.codec import PageCodec
from consumer.use_cases import USE_CASES
from tests.consumer.every_model import EVERY_MODEL

CHECKOUT = Path(__file__).parents[2]
KEY = SignalKey("signal", "signal")
VALUES = [20.0 + number * 7919 % 13 / 13.0 + 30.0 * (number > 150) for number in range(220)]
TIMES = [60.0 * minute for minute in range(len(VALUES))]

_REPORT = """
import json, sys
from types import ModuleType
run = sorted(name for name, module in sys.modules.items() if type(module) is ModuleType)
print(json.dumps({"answer": answer, "run": run}))
"""
_LEARNS = """
import json, sys
from consumer import handler
from consumer.plant import plant
from tests.consumer.world import World, record
rows = [{"signal": "pump1", "values": {"a": float(n % 7), "b": n % 5 * 1.5}} for n in range(60)]
points = [{"signal": "pump1.c", "value": float(n % 11)} for n in range(60)]
batch = [record(number, payload, key="pump1") for number, payload in enumerate(rows + points, 1)]
name = json.load(sys.stdin)
world = World(use_case=plant().use_case(name))
handler.start(handler.read_settings(handler.os.environ | {"USE_CASE": name}))
handler.start = lambda settings: world.function
answer = handler.handler({"Records": batch}, None)
"""


def run(code: str, given: object) -> tuple[Any, set[str]]:
    """What the code sets as its answer in a new process, and the modules whose code has run there."""
    ran = subprocess.run(
        [sys.executable, "-c", code + _REPORT],
        input=json.dumps(given),
        cwd=CHECKOUT,
        env={
            "PATH": os.environ["PATH"],
            "MODEL_BUCKET": "models",
            "EVENT_BUS_NAME": "alarms",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout.splitlines()[-1])
    return said["answer"], set(said["run"])


NEVER = {"pandas", "sklearn", "aws_xray_sdk", "scipy.linalg", "scipy.optimize", "river.stream", "river.proba"}


@pytest.mark.parametrize("name", sorted(USE_CASES))
def test_a_shipped_use_case_learns_without_what_only_others_use(name):
    answer, modules = run(_LEARNS, name)
    assert answer == {"batchItemFailures": []}
    assert {"river.drift.adwin", "consumer.pages.codec", "obstore"} <= modules
    assert modules & (LATER | NEVER) == set()


def test_a_model_that_uses_scipy_learns_as_ever():
    use_case = DriftUseCase(drift.KSWIN(alpha=0.001, window_size=60, stat_size=20))
    values = [float(number % 7) + 5.0 * (number > 200) for number in range(400)]
    expected = [finding.index for finding in use_case.learn(use_case.create(1), values)]
    assert expected
    answer, modules = run(
        "import sys, json\n"
        "from consumer import handler\n"
        "from consumer.detectors.drift import DriftUseCase\n"
        "from river import drift\n"
        "assert type(sys.modules['scipy.stats']).__name__ == '_Waiting'\n"
        "use_case = DriftUseCase(drift.KSWIN(alpha=0.001, window_size=60, stat_size=20))\n"
        "found = use_case.learn(use_case.create(1), json.load(sys.stdin))\n"
        "answer = [finding.index for finding in found]\n",
        values,
    )
    assert answer == expected
    assert "scipy.stats" in modules


def test_what_a_model_will_use_later_runs_when_the_function_starts():
    """No invocation of a snapshot is to wait for it: KSWIN first uses scipy where its window is full."""
    answer, modules = run(
        "import json, sys\n"
        "from consumer import handler\n"
        "from consumer.detectors.drift import DriftUseCase\n"
        "from consumer.plant import plant\n"
        "from river import drift\n"
        "plant().use_cases[json.load(sys.stdin)] = DriftUseCase(drift.KSWIN())\n"
        "handler.start(handler.read_settings(handler.os.environ | {'USE_CASE': 'kswin'}))\n"
        "answer = True\n",
        "kswin",
    )
    assert answer
    assert "scipy.stats" in modules


def test_a_function_that_has_met_no_such_model_reads_each_from_its_page_and_writes_the_same_page():
    pages = []
    for use_cases in EVERY_MODEL.values():
        for use_case in use_cases:
            if not type(use_case).__module__.startswith("tests."):
                model = use_case.create(1)
                use_case.learn(model, VALUES, TIMES)
                pages.append(base64.b64encode(PageCodec().encode({KEY: State(model)})).decode())
    assert len(pages) > 10
    answer, modules = run(
        "import base64, json, sys\n"
        "from consumer import handler\n"
        "from consumer.detectors import anomaly\n"
        "from consumer.pages.codec import PageCodec\n"
        "answer = []\n"
        "for page in json.load(sys.stdin):\n"
        "    states = PageCodec().decode(base64.b64decode(page))\n"
        "    [state.model for state in states.values()]\n"
        "    answer.append(base64.b64encode(PageCodec().encode(states)).decode())\n",
        pages,
    )
    assert answer == pages
    assert {"river.anomaly.hst", "river.proba.gaussian", "river.linear_model.lin_reg"} <= modules


# How.


@pytest.fixture
def package(tmp_path, monkeypatch) -> Any:
    """Writes a package of that name whose code waits."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(loaded_later, "LATER", frozenset({"waits_for_its_use"}))
    monkeypatch.setattr(loaded_later, "runs", [], raising=False)

    def write(code: str, within: str = "value = 3") -> ModuleType:
        folder = tmp_path / "waits_for_its_use"
        folder.mkdir()
        (folder / "__init__.py").write_text(f"from consumer.loaded_later import runs\nruns.append(1)\n{code}")
        (folder / "within.py").write_text(f"{within}\n")
        return importlib.import_module("waits_for_its_use")

    yield write
    for name in ("waits_for_its_use", "waits_for_its_use.within"):
        sys.modules.pop(name, None)


def test_a_package_runs_once_when_something_of_it_is_asked_for(package, monkeypatch):
    monkeypatch.setattr(loaded_later, "ALONE", frozenset({"waits_for_its_use.within"}))
    made = package("value = 1\n")
    import waits_for_its_use.within

    assert waits_for_its_use is made
    assert sys.modules["waits_for_its_use.within"].value == 3
    assert loaded_later.runs == []
    assert made.__spec__.name == made.__name__ == "waits_for_its_use"
    assert loaded_later.runs == []
    assert made.value == 1
    assert made.within.value == 3
    assert type(made) is ModuleType
    assert loaded_later.runs == [1]
    with pytest.raises(AttributeError, match="has no attribute 'other'"):
        _ = made.other


@pytest.mark.parametrize("then", ["", "from waits_for_its_use import within\n"])
def test_a_module_within_that_uses_its_package_finds_it(package, then):
    made = package(f"base = 1\n{then}", "from waits_for_its_use import base\nvalue = base + 2")
    within = importlib.import_module("waits_for_its_use.within")
    assert within.value == 3
    assert made.within is within is sys.modules["waits_for_its_use.within"]
    assert within.__spec__.origin.endswith("within.py")
    assert loaded_later.runs == [1]


def test_its_own_error_comes_where_it_is_used_and_each_time(package):
    made = package("raise ImportError('a library is missing')\n")
    for _ in range(2):
        with pytest.raises(ImportError, match="a library is missing"):
            _ = made.value


def test_what_is_not_installed_is_missing_when_it_is_imported(monkeypatch):
    monkeypatch.setattr(loaded_later, "LATER", frozenset({"nobody_has_this"}))
    with pytest.raises(ModuleNotFoundError, match="nobody_has_this"):
        importlib.import_module("nobody_has_this")


def test_all_names_of_it_can_be_imported(package):
    package("__all__ = ['value']\nvalue = 1\n")
    names: dict[str, Any] = {}
    exec("from waits_for_its_use import *", names)
    assert names["value"] == 1


def test_threads_that_use_it_at_once_all_find_it_whole(package):
    made = package("import time\nfirst = 1\ntime.sleep(0.2)\nvalue = 2\n")
    found, start = [], threading.Barrier(8)

    def use() -> None:
        start.wait()
        found.append((made.first, made.value))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(1, 2)] * 8
    assert loaded_later.runs == [1]
