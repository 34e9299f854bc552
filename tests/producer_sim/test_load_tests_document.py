"""docs/load-tests.md says what holds: its plant can be simulated, and its tables are complete."""

import re
from pathlib import Path
from typing import get_args

from clients.kinesis_writer.put_request import RECORDS_PER_REQUEST_MAX, REQUEST_BYTES_MAX
from producer_sim.__main__ import app
from producer_sim.payloads.shapes import SHAPES
from producer_sim.plant.reading import parse_plant
from producer_sim.plant.simulation import simulate
from producer_sim.run_folder import InjectedKind

DOCUMENT = (Path(__file__).parents[2] / "docs" / "load-tests.md").read_text()


def table_under(heading):
    text = DOCUMENT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([\w-]+)`", row.split("|")[1])}


def test_its_plant_has_the_faults_that_it_says():
    [plant] = re.findall(r"```yaml\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    simulation = simulate(parse_plant(plant, "load-tests.md"), seed=0, rate=1000.0, observations=60_000)
    names = {member.name: member.name for member in simulation.members}
    faults = simulation.truth(0.0, names, 60.0).faults
    kinds = [fault.kind for fault in faults]
    assert (kinds.count("step"), kinds.count("nan"), kinds.count("late")) == (3, 5, 5)
    assert [fault.signals for fault in faults if fault.kind == "stuck"] == [("line1.pump1.vibration",)]


def test_its_table_of_kinds_is_complete():
    assert table_under("A plant of your own") == set(get_args(InjectedKind))


def test_its_table_of_shapes_is_complete_and_names_the_signals_as_they_are_learned():
    assert table_under("Shapes") == {"mixed", *SHAPES}
    rows = DOCUMENT.partition("## Shapes\n")[2].partition("\n## ")[0].splitlines()
    for _, names, _, learned, _ in (row.split("|") for row in rows if row.startswith("| `")):
        for name in set(re.findall(r"`([\w-]+)`", names)) - {"mixed"}:
            assert SHAPES[name].learned_name("line1.pump1.flow") == (
                learned.strip(" `") or "line1.pump1.flow"
            )


def test_its_table_of_commands_is_complete():
    listed = DOCUMENT.partition("\n## ")[0]
    rows = [line.split("|")[1].strip(" `") for line in listed.splitlines() if line.startswith("| `")]
    assert rows == [command.name for command in app.registered_commands]


def test_its_limits_are_those_of_the_sender():
    assert f"{RECORDS_PER_REQUEST_MAX} records and {REQUEST_BYTES_MAX // 2**20} MiB" in DOCUMENT.replace(
        "\n", " "
    )
