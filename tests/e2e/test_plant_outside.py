"""A plant in a folder of its own, outside of the checkout: synthesised, backtested, and run in the demo."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CDK = Path(sys.executable).parent / "cdk"

OWN_MODULE = '''
"""A use case of this plant's own: it finds each value that is higher than all before it."""

from dataclasses import dataclass

from consumer.detectors.base import UseCase


class Highest:
    def __init__(self):
        self.highest = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHighs(UseCase):
    kind: str = "highs"
    detail_type: str = "New High"
    margin: float = 5.0

    @property
    def parameters(self):
        return ["highs", self.margin]

    def create(self, seed):
        return Highest()

    def stepper(self, model):
        def step(value, at_s):
            before = model.highest
            if before is not None and value <= before + self.margin:
                return 0.0, None
            model.highest = value
            return 1.0, None if before is None else ("opened", {"highest_before": before})

        return step
'''
USE_CASES = """
from highs import NewHighs

USE_CASES = {"highs": NewHighs(margin=3.0)}
OWN_MODULES = ("highs",)
"""
SIGNALS = """
version: 1
signals:
  - { match: branch1.water_flow, name: Inflow of branch 1, asset: Waterworks, unit: l/s }
  - { match: line1.mixer1.speed, name: Speed of the stirrer, severity: error }
"""
# In a file, for the function's processes are spawned: they import the main module again.
SMALL_DEMO = """
import io, json, pathlib, sys
from rich.console import Console
from local.demo.demo import DemoSize, run_demo

if __name__ == "__main__":
    size = DemoSize(signals=20, observations=300, seed=3)
    summary, broken = run_demo(pathlib.Path(sys.argv[1]), size, Console(file=io.StringIO()))
    print(json.dumps([broken, summary.others]))
"""


def run(*command: str, plant: Path, cwd: Path = ROOT) -> str:
    """What it printed; it has to end with 0."""
    environment = os.environ | {"PLANT": str(plant), "PYTHONPATH": str(cwd), "COLUMNS": "200"}
    ran = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def make(target: str, plant: Path) -> subprocess.CompletedProcess[str]:
    """As a user runs it; what is installed stays as it is."""
    done = ["-o", ".venv/installed", "-o", ".venv/cdk-installed"]
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "PLANT")}
    command = ["make", *done, target, f"PLANT={plant}"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def plant(tmp_path_factory) -> Path:
    """A folder that `new` made, with a use case class of its own and two signals named."""
    folder = tmp_path_factory.mktemp("outside") / "water-works"
    printed = run(sys.executable, "-m", "ops", "new", str(folder), plant=Path())
    assert "the plant WaterWorks" in printed
    (folder / "highs.py").write_text(OWN_MODULE)
    (folder / "use_cases.py").write_text(USE_CASES)
    (folder / "signals.yaml").write_text(SIGNALS)
    settings = json.loads((folder / "cdk.json").read_text())
    settings["context"]["plants"]["WaterWorks"]["use_cases"] = {"highs": {}}
    (folder / "cdk.json").write_text(json.dumps(settings))
    return folder


@pytest.mark.skipif(
    not CDK.exists(), reason=f"the CDK's command line is not in {CDK.parent}: `make test` installs it"
)
def test_it_is_synthesised_with_its_own_modules_beside_the_consumer(plant, tmp_path):
    done = make("synth", plant)
    assert done.returncode == 0, done.stdout + done.stderr
    template = json.loads((plant / "cdk.out" / "WaterWorks.template.json").read_text())
    variables = [
        resource["Properties"].get("Environment", {}).get("Variables", {})
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    ]
    [function] = [found for found in variables if "USE_CASE" in found]
    assert function["USE_CASE"] == "highs"
    asset = next(path for path in (plant / "cdk.out").glob("asset.*") if (path / "consumer").is_dir())
    own = {
        path.relative_to(asset / "plant").as_posix()
        for path in (asset / "plant").rglob("*")
        if path.is_file()
    }
    assert own == {"highs.py", "use_cases.py", "signals.yaml"}
    # What it starts with in Lambda: these sources, and nothing of the checkout.
    for name in ("consumer", "plant"):
        shutil.copytree(asset / name, tmp_path / name)
    start = (
        "import os\n"
        "from consumer.handler import start\n"
        "from consumer.settings.environment import read_settings\n"
        "pipeline = start(read_settings(os.environ))\n"
        "settings = pipeline.settings.of('line1.mixer1.speed')\n"
        "print(type(settings.use_case).__module__, settings.severity)"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "MODEL_BUCKET": "models",
        "EVENT_BUS_NAME": "bus",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "USE_CASE": function["USE_CASE"],
        "PLANT": function["PLANT"],
        "SIGNAL_SETTINGS": function["SIGNAL_SETTINGS"],
    }
    started = subprocess.run(
        [sys.executable, "-c", start],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.stdout == "highs error\n", started.stderr


def test_it_keeps_the_contract_of_use_cases_and_its_own_tests_pass(plant):
    conformance = "tests/consumer/test_conformance.py"
    command = (sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider")
    printed = run(*command, conformance, "-k", "registered", plant=plant)
    assert re.search(r"^\d+ passed", printed.splitlines()[-1]), printed
    printed = run(*command, str(plant / "tests"), plant=plant)
    assert printed.splitlines()[-1].startswith("2 passed"), printed


def test_its_use_case_is_backtested(plant, tmp_path):
    recording, events = tmp_path / "pump.csv", tmp_path / "events.jsonl"
    with recording.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["time", "pressure"])
        rows.writerows([1_700_000_000 + 60 * row, 10.0 if row < 500 else 20.0] for row in range(600))
    files = ("--events", str(events), str(recording))
    run(sys.executable, "-m", "ops", "backtest", "--use-case", "highs", *files, plant=plant)
    [detail] = map(json.loads, events.read_text().splitlines())
    assert (int(detail["sequence_number"]), detail["value"]) == (500, 20.0)
    assert detail["evidence"] == {"highest_before": 10.0}


def test_it_runs_in_the_demo_and_operators_commands_find_what_it_left(plant, tmp_path):
    script = tmp_path / "small_demo.py"
    script.write_text(SMALL_DEMO)
    broken, others = json.loads(run(sys.executable, str(script), str(tmp_path), plant=plant))
    assert broken == []
    assert set(others) == {"highs"}
    assert others["highs"]["alerts"] > 0
    details = list(map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines()))
    called = {(detail["signal"], detail.get("name")) for detail in details if detail["use_case"] == "highs"}
    assert ("branch1.water_flow", "Inflow of branch 1") in called
    look = ("--folder", str(tmp_path / "bucket"), "--use-case", "highs")
    listed = run(sys.executable, "-m", "ops", "signals", *look, plant=plant)
    assert "branch1.water_flow" in listed
    shown = run(sys.executable, "-m", "consumer", "inspect", "line1.mixer1.speed", *look, plant=plant)
    assert "observations: 300" in shown


def test_a_folder_with_a_space_in_its_name_is_a_plant_too(plant, tmp_path):
    folder = shutil.copytree(plant, tmp_path / "water works", ignore=shutil.ignore_patterns("cdk.out"))
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "PLANT")}
    command = ["make", "-n", "-o", ".venv/installed", "-o", ".venv/cdk-installed", "synth", f"PLANT={folder}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f'cd "{folder}" &&' in done.stdout


def test_yaml_that_is_no_settings_is_shipped_as_it_is(plant, tmp_path):
    folder = shutil.copytree(plant, tmp_path / "with-ci", ignore=shutil.ignore_patterns("cdk.out"))
    file = folder / ".gitlab-ci.yml"
    code = "import sys\nfrom pathlib import Path\nfrom stack.bundling import _shipped\n"
    code += "print(_shipped(Path(sys.argv[1])).decode(), end='')"
    bomb = "x0: &x0 1\n" + "".join(f"x{n}: &x{n} [{f'*x{n - 1}, ' * 10}]\n" for n in range(1, 30))
    for text in ("job:\n  script: !reference [.other, script]\n", "a: &a [*a]\n", bomb):
        file.write_text(text)
        assert run(sys.executable, "-c", code, str(file), plant=folder) == text
    assert run(sys.executable, "-c", code, str(folder / "signals.yaml"), plant=folder).startswith("{")


def test_what_is_not_a_plant_is_refused_with_what_to_do(plant, tmp_path):
    done = make("synth", tmp_path)
    assert done.returncode != 0
    assert "has no cdk.json" in done.stderr
    assert "ops new" in done.stderr
    again = subprocess.run(
        [sys.executable, "-m", "ops", "new", str(plant)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1
    assert "not an empty folder" in again.stderr


def test_a_use_case_that_the_plant_does_not_have_is_named_with_those_it_has(plant):
    environment = os.environ | {"PLANT": str(plant)}
    command = [sys.executable, "-m", "ops", "backtest", "--use-case", "drift", str(plant / "no.csv")]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert f"'drift'; {plant / 'use_cases.py'} has highs" in ran.stderr.replace("\n", " ")


def test_a_mistake_in_its_use_cases_is_named_with_the_file(plant, tmp_path):
    folder = shutil.copytree(plant, tmp_path / "broken", ignore=shutil.ignore_patterns("cdk.out"))
    (folder / "use_cases.py").write_text("USE_CASES = {}\n")
    environment = os.environ | {"PLANT": str(folder)}
    command = [sys.executable, "-m", "ops", "backtest", "--use-case", "drift", str(folder / "no.csv")]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "has no USE_CASES" in ran.stderr


def test_its_modules_never_take_the_place_of_ours_or_of_pythons(tmp_path):
    (tmp_path / "use_cases.py").write_text("import colorsys\nfrom consumer.use_cases import USE_CASES\n")
    for name in ("clients", "colorsys"):
        (tmp_path / f"{name}.py").write_text("raise AssertionError('this one must not be found')\n")
    script = "from consumer.plant import plant; plant(); import clients, colorsys"
    run(sys.executable, "-c", script, plant=tmp_path)
