"""Every command on every use case, on states in which all is set at once that ever can be.

Four open faults of the sensor, a hidden alert, an open alert, checkpoints of two shards with several
partition keys under their last numbers, skipped observations, parameters of the signal's own, a row that
waits for the rest of its values. A command loses none of it, but what it says.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import AlertState
from consumer.detectors.asset_rows import RowBuffer
from consumer.detectors.sensor_checks import Health
from consumer.handler import start
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.use_cases import USE_CASES
from ops.__main__ import app
from tests.ops.live_plant import a_second_passes, endpoint, plant
from tests.ops.operated import run
from tests.ops.test_failed_batches import give_up
from tests.ops.test_full_states import LATER, OF_ROWS, STARTED_S, FullPlant, contents, full

__all__ = ["endpoint", "full", "plant"]
WHERE = ["--bucket", "models", "--stream", "plant", "--bus", "bus", "--failed-bucket", "failed"]
FAULTS = ("flat", "quality", "range", "stale")
States = dict[SignalKey, State]


def filled(use_case: str, state: State) -> State:
    """The state with all that it can have."""
    for checkpoint in state.checkpoints.values():
        checkpoint.partition_keys = tuple(sorted({*checkpoint.partition_keys, "one", "other"}))
    state.skipped += 3
    if USE_CASES[use_case].sensor_checks is not None:
        state.health = state.health or Health()
        state.health.is_hiding = True
        for fault in FAULTS:
            alert = state.health.alerts.setdefault(fault, AlertState())
            alert.is_open, alert.since_s = True, STARTED_S
    if isinstance(state.model, RowBuffer):
        state.model.row, state.model.started_s = {"flow": 5.0}, STARTED_S + 1e6
    alert = USE_CASES[use_case].alert_of(state.model)
    if alert is not None:
        alert.is_open, alert.since_s = True, STARTED_S
    return state


class Filled:
    """A plant whose pages are filled, and how it is operated."""

    def __init__(self, full: FullPlant) -> None:
        self.full, self.plant, self.use_case, codec = full, full.plant, full.use_case, PageCodec()
        for key, body in self.pages().items():
            states = {one: filled(self.use_case, state) for one, state in codec.decode(body).items()}
            self.plant.s3.put_object(Bucket="models", Key=key, Body=codec.encode(states))
        start.cache_clear()
        self.filled_pages, self.contents = self.pages(), contents(full.states())

    def pages(self) -> dict[str, bytes]:
        objects = self.plant.objects("models").items()
        return {key: body for key, body in objects if key.startswith(f"{self.full.prefix}/pages/")}

    def states(self) -> States:
        return self.full.states()

    @property
    def names(self) -> list[str]:
        return [key.signal for key in self.states()]

    def put_back(self) -> None:
        for key, body in self.filled_pages.items():
            self.plant.s3.put_object(Bucket="models", Key=key, Body=body)
        start.cache_clear()

    def run(self, *arguments: str, where: bool = True) -> str:
        ran = run(*arguments, *(["--use-case", self.use_case, *WHERE] if where else []))
        assert ran.exit_code == 0, (arguments, ran.output, ran.exception)
        return ran.stdout

    def seen(self) -> int:
        """How many observations were learned or skipped, or wait in no model's way."""
        return sum(state.learned + state.skipped for state in self.states().values())


@pytest.fixture
def all_set(full: FullPlant) -> Filled:
    return Filled(full)


def signals(of: Filled, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in of.run("signals", "--json").splitlines()]
    assert {line["signal"] for line in lines} == set(of.names)
    if USE_CASES[of.use_case].sensor_checks is not None:
        assert all({f"sensor {fault}" for fault in FAULTS} <= set(line["open_alerts"]) for line in lines)
    of.run("signals")


def inspect(of: Filled, tmp_path: Path) -> None:
    for key, state in of.states().items():
        told = yaml.safe_load(of.run("inspect", key.signal))
        assert told["skipped"] == state.skipped
        if state.health is not None:
            assert told["sensor"]["is_hiding"]
            assert all(told["sensor"]["alerts"][fault]["is_open"] for fault in FAULTS)
        json.loads(of.run("inspect", key.signal, "--json"))
        value = "flow=5,speed=10" if of.use_case in OF_ROWS else "10"
        assert "written" in of.run("inspect", key.signal, "--predict", value)


def explain(of: Filled, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, of.full.told)))
    for event in of.full.told[:1]:
        assert event["id"] in of.run("explain", event["id"], "--event", str(file))


def mute(of: Filled, tmp_path: Path) -> None:
    of.run("mute", "pump1*", "--until", "2h", "--yes")
    of.run("unmute", "pump1*", "--yes")
    of.run("unmute", "--repair", "--yes")


def quarantine(of: Filled, tmp_path: Path) -> None:
    keys = [key for key in of.plant.objects("models") if key.startswith("quarantine/")]
    assert "in the quarantine" in of.run("quarantine", "list")
    assert "no JSON" in of.run("quarantine", "show", *keys)
    assert "There is nothing to send" in of.run("quarantine", "redrive", "--yes")


def failed(of: Filled, tmp_path: Path) -> None:
    assert "0 redriven" in of.run("failed", "list")
    assert "There is nothing to redrive" in of.run("failed", "redrive", "--yes")


def upgrade_replay(of: Filled, tmp_path: Path) -> None:
    old, new = str(tmp_path / "old.jsonl"), str(tmp_path / "new.jsonl")
    of.run("upgrade", "replay", "--out", old)
    of.run("upgrade", "replay", "--out", new, "--same-as", old)
    assert "In all: " in of.run("upgrade", "compare", old, new, where=False)


def backtest(of: Filled, tmp_path: Path) -> None:
    file = tmp_path / "pump1.csv"
    with file.open("w", newline="") as written:
        csv.writer(written).writerows(
            [
                ["time", "flow", "speed"],
                *([STARTED_S + 60 * at, 5.0 + at % 3, 10.0 + at % 7] for at in range(50)),
            ]
        )
    bound = ["--upper", "60"] if of.use_case == "forecast" else []
    of.run("backtest", str(file), "--use-case", of.use_case, *bound, where=False)


def new(of: Filled, tmp_path: Path) -> None:
    of.run("new", str(tmp_path / "folder"), "--name", "Plant1", where=False)


LOOKING: list[Callable[[Filled, Path], None]] = [
    signals,
    inspect,
    explain,
    mute,
    quarantine,
    failed,
    upgrade_replay,
    backtest,
    new,
]


def reset(of: Filled, tmp_path: Path) -> None:
    before = of.states()
    of.run("reset", *of.names, "--yes")
    for key, state in of.states().items():
        was = before[key]
        assert (state.learned, state.checkpoints, state.skipped) == (0, was.checkpoints, was.skipped)
        assert state.parameters == was.parameters
        if was.health is not None:
            assert state.health is not None
            assert not state.health.is_hiding, "it hid an alert of the old model"
            was.health.is_hiding = False
            assert state.health == was.health, "the sensor is as faulty as before"


def repage(of: Filled, tmp_path: Path) -> None:
    moved = run("repage", "--pages", "4", "--force")
    assert moved.exit_code == 0, moved.output
    assert contents(of.states()) == of.contents
    moved = run("repage", "--pages", "2", "--force")
    assert moved.exit_code == 0, moved.output
    assert contents(of.states()) == of.contents


def quarantine_redrive(of: Filled, tmp_path: Path) -> None:
    for key in of.filled_pages:
        of.plant.s3.put_object(Bucket="models", Key=key, Body=b"spoilt")
    start.cache_clear()
    assert of.plant.deliver(of.plant.send(LATER)) == []
    of.put_back()
    before, seen = of.states(), of.seen()
    assert "Sent and marked" in of.run("quarantine", "redrive", "--reason", "cannot be read", "--yes")
    after = of.states()
    for key, state in before.items():
        assert state.checkpoints.keys() == after[key].checkpoints.keys()
        state.checkpoints = after[key].checkpoints  # they are raised over what was sent
    assert contents(before) == contents(after)
    assert of.plant.deliver(of.plant.sent) == of.plant.deliver(of.plant.arrived()) == []
    assert of.seen() - seen == later_of(of), "each once"


def failed_redrive(of: Filled, tmp_path: Path) -> None:
    seen = of.seen()
    records = of.plant.send(LATER)
    give_up(of.plant, records)
    said = of.run("failed", "redrive", "--yes")
    assert "redriven; " in said
    assert of.seen() - seen == later_of(of)
    assert of.plant.deliver(records) == []
    assert of.seen() - seen == later_of(of)


def later_of(of: Filled) -> int:
    """How many observations the last batch brings the use case."""
    named, single = sum(2 for _, payload in LATER if isinstance(payload, dict) and "values" in payload), 3
    return named if of.use_case in OF_ROWS else named + single


def upgrade(of: Filled, tmp_path: Path) -> None:
    other, before = f"{of.full.prefix.rpartition('/')[0]}/0123456789abcdef", of.states()
    for key, body in of.plant.objects("models").items():
        if key.startswith(of.full.prefix):
            of.plant.s3.put_object(Bucket="models", Key=key.replace(of.full.prefix, other), Body=body)
            of.plant.s3.delete_object(Bucket="models", Key=key)
    of.run("upgrade", "build", "--yes")
    of.run("upgrade", "finish", "--idle", "--yes")
    after = of.states()
    assert after.keys() == before.keys()
    for key, state in before.items():
        assert after[key].learned == state.learned
        assert {shard: one.sequence_number for shard, one in after[key].checkpoints.items()} == {
            shard: one.sequence_number for shard, one in state.checkpoints.items()
        }


CHANGING = [reset, repage, quarantine_redrive, failed_redrive, upgrade]


def test_no_command_that_looks_changes_or_refuses_any_of_it(all_set: Filled, tmp_path: Path):
    for number, command in enumerate(LOOKING):
        (tmp_path / str(number)).mkdir()
        command(all_set, tmp_path / str(number))
        assert all_set.pages() == all_set.filled_pages, command


@pytest.mark.parametrize("command", CHANGING, ids=lambda command: command.__name__)
def test_no_command_that_changes_it_loses_any_of_it(all_set: Filled, tmp_path: Path, command):
    command(all_set, tmp_path)


def test_what_is_put_back_has_all_of_it_and_the_checkpoints_of_now(all_set: Filled):
    to = a_second_passes()
    assert all_set.plant.deliver(all_set.plant.send(LATER)) == []
    now = all_set.states()
    all_set.run("rollback", *all_set.names, "--to", to, "--yes")
    after = all_set.states()
    assert {key: state.checkpoints for key, state in after.items()} == {
        key: state.checkpoints for key, state in now.items()
    }
    then = {
        key: state
        for body in all_set.filled_pages.values()
        for key, state in PageCodec().decode(body).items()
    }
    for key, state in then.items():
        state.checkpoints = now[key].checkpoints
    assert contents(after) == contents(then)


def test_each_command_is_run_here():
    run_here = {command.__name__.replace("_", " ") for command in (*LOOKING, *CHANGING)}
    run_here |= {"unmute", "rollback", "upgrade build", "upgrade finish", "upgrade compare"}
    run_here |= {"quarantine list", "quarantine show", "failed list"}
    found = {command.name or command.callback.__name__ for command in app.registered_commands}
    for group in app.registered_groups:
        found |= {
            f"{group.name} {command.name or command.callback.__name__}"
            for command in group.typer_instance.registered_commands
        }
    assert found <= run_here
