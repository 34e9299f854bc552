"""Every mistake in a plant's file is told with line, field, and what is allowed."""

import pytest

from producer_sim.plant.reading import PlantFileWrong, parse_plant, read_plant, shipped_plants
from producer_sim.run_folder import InjectedKind

GOOD = """
signals: 10
families:
  flow:
    name: "line{line}.pump{asset}.flow"
    unit: l/min
    share: 1
    level: [100, 200]
    noise: {deviation: 1, correlation: 0.5}
    cycles:
      - {period_s: 60, amplitude: 3, shape: sine}
faults:
  - kind: step
    share: 0.1
    at: [50%, 90]
"""


def told(text: str) -> list[str]:
    with pytest.raises(PlantFileWrong) as mistake:
        parse_plant(text, "plant.yaml")
    return str(mistake.value).splitlines()


def test_a_good_file_is_read():
    plant = parse_plant(GOOD, "plant.yaml")
    assert plant.families["flow"].noise.correlation == 0.5
    (fault,) = plant.faults
    assert fault.kind == ("step",)
    assert [moment.after(600.0) for moment in fault.at] == [300.0, 90.0]


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("signals: 10", "signals: 0", "line 2, signals: must be greater than or equal to 1; not 0"),
        (
            "unit: l/min",
            "units: l/min",
            "line 6, families.flow.units: there is no such field; allowed are",
        ),
        ("    unit: l/min\n", "", "line 4, families.flow.unit: this field is needed"),
        ("deviation: 1", "deviation: -1", "line 9, families.flow.noise.deviation: must be greater than 0"),
        ("[100, 200]", "[200, 100]", "line 8, families.flow.level: a level is [lowest, highest]"),
        ("shape: sine", "shape: round", "line 11, families.flow.cycles.0.shape: must be 'sine', 'square'"),
        ("pump{asset}", "pump{machine}", "line 5, families.flow.name: a name has {asset} or {number}"),
        ("kind: step", "kind: stepp", "line 13, faults.0.kind.0: must be 'step', 'ramp'"),
        ("at: [50%, 90]", "at: 150%", "line 15, faults.0.at: a time is a number of seconds"),
        ("at: [50%, 90]", "at: noon", "such as 50%; not 'noon'"),
        ("share: 0.1", "share: 2", "line 14, faults.0.share: must be less than or equal to 1; not 2"),
        ("    share: 0.1\n", "", "line 13, faults.0: a fault has 'signal', 'count' or 'share'"),
        ("kind: step", "kind: step\n    families: steam", "line 14, faults.0.families: there is no family"),
        ("share: 1\n", "share: 1\n    count: 3\n", "a family has either 'count' or 'share'"),
        ("unit: l/min", "unit: [", "this is not YAML"),
        ("signals: 10", "signals: 10\nsignals: 11", "line 3: signals is there twice; the first is in line 2"),
        (GOOD, "", "line 1, families: this field is needed"),
        (GOOD, "- 1", "line 1, the file: must be a valid dictionary"),
        ("unit: l/min", 'unit: "l/min\\n"', "line 6, families.flow.unit: a unit has at most 200 characters"),
        ('pump{asset}.flow"', 'pump{asset}.flow\\x9b"', "flow.name: a name has at most 200 bytes, and no"),
        (GOOD, "a: &a [*a]", "plant.yaml, line 1: it holds itself"),
        (
            "signals: 10",
            f"signals: 10\na: {'[' * 200}{']' * 200}",
            "line 3: it is nested more than 100 levels",
        ),
        ("signals: 10", "signals: 2024-13-45", "line 2: no timestamp: month must be in 1..12"),
        ("signals: 10", "signals: \x01", "line 2: this is not YAML: control characters are not allowed"),
        (
            GOOD,
            "\n".join([f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10) if n else 1}]" for n in range(20)]),
            "its aliases stand for more than 1,000,000 values",
        ),
    ],
)
def test_a_mistake_is_told_where_it_is(good, bad, message):
    assert good in GOOD
    lines = told(GOOD.replace(good, bad))
    assert any(message in line for line in lines), lines
    assert all(line.startswith("plant.yaml") for line in lines)


def test_all_mistakes_are_told_at_once():
    assert len(told(GOOD.replace("signals: 10", "signals: 0").replace("kind: step", "kind: stepp"))) == 2


def test_anchors_and_merges_are_read():
    text = GOOD.replace("  flow:\n", "  flow: &flow\n").replace(
        "faults:", '  other:\n    <<: *flow\n    name: "fan{asset}.flow"\nfaults:'
    )
    assert parse_plant(text, "plant.yaml").families["other"].unit == "l/min"


def test_the_plants_that_ship_are_read_by_name_and_have_all_kinds():
    assert shipped_plants() == ["factory", "steady"]
    kinds = {kind for fault in read_plant("factory").faults for kind in fault.kind}
    assert kinds == set(InjectedKind.__args__)
    assert read_plant("steady").faults


def test_a_file_that_is_not_there_names_those_that_ship():
    with pytest.raises(PlantFileWrong, match="factory and steady"):
        read_plant("nowhere.yaml")
