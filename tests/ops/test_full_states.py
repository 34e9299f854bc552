"""Operators' commands, for each use case that ships, on states that have all that a state can have.

That is: parameters of the signal's own, checkpoints of two shards, values that come in another signal's
records, open alerts, and a sensor that has had every kind of fault that the use case looks for.
"""

import json
import random
import time
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from consumer.aws.event_bus import EventBridgeBus
from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import fingerprint
from consumer.handler import handler, start
from consumer.learning.state import State
from consumer.pages.codec import PageCodec, unmarked, versions
from consumer.pages.layout import prefix_of
from consumer.use_cases import USE_CASES
from tests.ops.live_plant import Plant, a_second_passes, endpoint, plant
from tests.ops.operated import run

__all__ = ["endpoint", "plant"]
STARTED_S = 1_700_000_000.0
SETTINGS = """
version: 1
signals:
  - match: "pump1*"
    range: { low: -100.0, high: 100.0 }
    limits: { high: 60.0 }
    use_cases:
      drift: { delta: 0.01 }
      anomaly: { all_rate: 0.004, warm_up: 100 }
      asset: { warm_up: 50, delay: 25 }
      clusters: { n_clusters: 3, warm_up: 50, rare: 0.99 }
      forecast: { alpha: 0.4 }
"""
WITHOUT_PARAMETERS = {"shift"}
WITHOUT_OPEN_ALERT = {"drift"}
OF_ROWS = {"asset", "clusters"}
FAULTS = {"anomaly": {"flat", "range", "quality", "stale"}, "shift": {"flat", "range", "quality"}}
"""By the use cases that look at sensors; `shift` tells of no fault, and so of no silence."""


@dataclass
class FullPlant:
    """A plant whose function learns with one use case."""

    plant: Plant
    use_case: str
    told: list[dict] = field(default_factory=list)
    """The details of all events."""

    @property
    def prefix(self) -> str:
        return prefix_of(self.use_case, fingerprint(USE_CASES[self.use_case], versions()))

    def states(self) -> dict[SignalKey, State]:
        pages = [
            unmarked(body)
            for key, body in self.plant.objects("models").items()
            if key.startswith(f"{self.prefix}/pages/")
        ]
        return {key: state for page in pages if page for key, state in PageCodec().decode(page).items()}

    def command(self, *arguments: str) -> str:
        where = ["--bucket", "models", "--stream", "plant", "--use-case", self.use_case]
        ran = run(*arguments, *where)
        assert ran.exit_code == 0, (ran.output, ran.exception)
        return ran.stdout

    def signals(self) -> list[dict]:
        return [json.loads(line) for line in self.command("signals", "--json").splitlines()]

    def assert_redelivery_changes_no_page(self) -> None:
        start.cache_clear()
        before = self.pages()
        assert self.plant.deliver(self.plant.sent) == []
        assert self.pages() == before

    def pages(self) -> set[tuple[str, str, str]]:
        return {version for version in self.plant.versions() if "/pages/" in version[1]}


def pressures(values: list[float | None], first: int) -> dict:
    """As SiteWise has them; None is of bad quality."""
    return {
        "propertyAlias": "pump1.pressure",
        "propertyValues": [
            {
                "value": {"doubleValue": 0.0 if value is None else value},
                "timestamp": {"timeInSeconds": int(STARTED_S) + 60 * (first + number)},
                "quality": "BAD" if value is None else "GOOD",
            }
            for number, value in enumerate(values)
        ],
    }


def batches() -> list[list[tuple[str, object]]]:
    """A flat line, bad quality, a slope and a jump, each on the other shard than the one before."""
    rng = random.Random(1)
    keys = [
        next(key for key in map(str, range(99)) if md5(key.encode()).digest()[0] >> 7 == n) for n in (0, 1)
    ]
    noise = [[round(rng.gauss(10.0, 1.0), 4) for _ in range(count)] for count in (450, 60, 30)]
    slope = [12.0 + 0.8 * number for number in range(60)]
    parts = [noise[0], [4.0] * 200, noise[1], [None] * 6, noise[2], slope, [150.0], [11.0, None, 10.0]]
    made, measured, rows = [], 0, 0
    for number, values in enumerate(parts):
        key = keys[number % 2]
        batch: list[tuple[str, object]] = [(key, b"no JSON")]
        for at in range(0, len(values), 50):
            batch.append((key, pressures(values[at : at + 50], measured + at)))
        measured += len(values)
        for _ in range(5 if number else 100):
            flow = rng.gauss(5.0, 1.0)
            speed = 2.0 * flow + rng.gauss(0.0, 0.1) if number < 6 else 40.0 - 3.0 * flow
            row = {"flow": flow, "speed": speed}
            batch.append((key, {"signal": "pump1", "timestamp": STARTED_S + 60.0 * rows, "values": row}))
            rows += 1
        made.append(batch)
    return made


*BATCHES, LATER = batches()


@pytest.fixture(params=USE_CASES)
def full(plant: Plant, monkeypatch, tmp_path, request) -> FullPlant:
    (tmp_path / "signals.yaml").write_text(SETTINGS)
    monkeypatch.setenv("PLANT", str(tmp_path))
    monkeypatch.setattr("ops.replay.stream_reader._READ_EVERY_S", 0.0)
    monkeypatch.setenv("USE_CASE", request.param)
    start.cache_clear()
    made, publish = FullPlant(plant, request.param), EventBridgeBus.publish

    async def recorded(self: EventBridgeBus, events) -> None:
        await publish(self, events)
        made.told += [json.loads(event.detail) for event in events]

    monkeypatch.setattr(EventBridgeBus, "publish", recorded)
    for batch in BATCHES:
        assert plant.deliver(plant.send(batch)) == []
    with monkeypatch.context() as patch:
        patch.setattr("consumer.handler.time", SimpleNamespace(time=lambda: time.time() + 3600.0))
        assert handler({"visit": True}, None) == {"batchItemFailures": []}
    assert_full(made)
    return made


def assert_full(full: FullPlant) -> None:
    states = full.states()
    assert {key.record_signal == key.signal for key in states} == (
        {True} if full.use_case in OF_ROWS else {True, False}
    )
    assert {len(state.checkpoints) for state in states.values()} == {2}
    assert {bool(state.parameters) for state in states.values()} == {full.use_case not in WITHOUT_PARAMETERS}
    faults = {fault for state in states.values() if state.health for fault in state.health.alerts}
    assert faults == FAULTS.get(full.use_case, set())
    alerts = [USE_CASES[full.use_case].alert_of(state.model) for state in states.values()]
    assert any(alert is not None and alert.is_open for alert in alerts) == (
        full.use_case not in WITHOUT_OPEN_ALERT
    )


def contents(states: dict[SignalKey, State], *, with_silence: bool = True) -> dict[SignalKey, bytes]:
    """All that is known of each signal, however its parts came to be."""
    found, codec = {}, PageCodec()
    for key, state in states.items():
        state.checkpoints = dict(sorted(state.checkpoints.items()))
        if state.health is not None and not with_silence:
            state.health.alerts.pop("stale", None)
            state.health.is_stale_alone = True
        page = codec.encode({key: state})
        for _ in range(2):
            page = codec.encode(codec.decode(page))
        found[key] = page
    return found


def test_an_upgrade_learns_all_that_models_of_another_fingerprint_have(full: FullPlant, monkeypatch):
    """The line is the same, so that the models are too; silence is nothing that records tell of."""
    monkeypatch.setattr("ops.replay.stream_reader._TOGETHER_S", 0.0)  # in the order of arrival
    plant, expected = full.plant, contents(full.states(), with_silence=False)
    other = f"{full.prefix.rpartition('/')[0]}/0123456789abcdef"
    for key, body in plant.objects("models").items():
        if key.startswith(full.prefix):
            plant.s3.put_object(Bucket="models", Key=key.replace(full.prefix, other), Body=body)
            plant.s3.delete_object(Bucket="models", Key=key)
    told = len(full.told)
    assert "Learned: " in full.command("upgrade", "build", "--yes")
    assert "Active: " in full.command("upgrade", "finish", "--idle", "--yes")
    assert contents(full.states()) == expected
    assert len(full.told) == told, "nobody is told"
    full.assert_redelivery_changes_no_page()


def test_whoever_looks_at_it_sees_it_and_changes_nothing(full: FullPlant, tmp_path: Path):
    states, seen, before = full.states(), full.signals(), full.plant.versions()
    assert {line["signal"]: line["observations"] for line in seen} == {
        key.signal: state.learned for key, state in states.items()
    }
    faults = {fault for line in seen for fault in line["open_alerts"] if fault != "alert"}
    assert faults == {f"sensor {fault}" for fault in FAULTS.get(full.use_case, set()) & {"range", "stale"}}
    for key, state in states.items():
        told = yaml.safe_load(full.command("inspect", key.signal))
        assert (told["record_signal"], told["observations"]) == (key.record_signal, state.learned)
        assert len(told["checkpoints"]) == 2
        assert isinstance(told["parameters"], dict), "they are those that are set here"
        assert (told["sensor"] or {"alerts": {}})["alerts"].keys() == (
            state.health.alerts.keys() if state.health else set()
        )
        value = "flow=5,speed=10" if full.use_case in OF_ROWS else "10"
        assert "would_tell" in yaml.safe_load(full.command("inspect", key.signal, "--predict", value))
    assert f"{len(BATCHES)} lines in the quarantine" in full.command("quarantine", "list")
    for key, body in full.plant.objects("models").items():
        (tmp_path / "copy" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / key).write_bytes(body)
    of_copy = run("signals", "--json", "--folder", str(tmp_path / "copy"), "--use-case", full.use_case)
    assert [json.loads(line) | {"age_s": 0} for line in of_copy.stdout.splitlines()] == [
        line | {"age_s": 0} for line in seen
    ]
    assert full.plant.versions() == before


def test_events_are_explained_and_a_mute_is_shown(full: FullPlant, tmp_path: Path):
    file, before = tmp_path / "events.jsonl", full.plant.versions()
    file.write_text("\n".join(map(json.dumps, full.told)))
    assert full.told
    for event in full.told:
        told = yaml.safe_load(full.command("explain", event["id"], "--event", str(file)))
        if event["evidence"].get("fault") == "stale":
            assert told["explained"].startswith("by silence")
        else:
            assert told["told_again"] == "yes, with the same evidence"
    assert full.plant.versions() == before
    full.command("mute", "pump1*", "--until", "2h", "--yes")
    assert None not in {line["muted_until"] for line in full.signals()}
    full.command("unmute", "pump1*", "--yes")
    assert {line["muted_until"] for line in full.signals()} == {None}


def test_models_are_put_back_learn_again_are_moved_and_start_anew(full: FullPlant):
    names, then, to = [key.signal for key in full.states()], full.states(), a_second_passes()
    assert full.plant.deliver(full.plant.send(LATER)) == []
    now = full.states()
    marks = {key: state.checkpoints for key, state in now.items()}
    latest = contents(now)
    full.command("rollback", *names, "--to", to, "--yes")
    for key, state in then.items():
        state.checkpoints = marks[key]
    assert contents(full.states()) == contents(then) != latest
    full.assert_redelivery_changes_no_page()
    full.command("rollback", *names, "--to", to, "--relearn", "--yes")
    assert contents(full.states()) == latest
    full.assert_redelivery_changes_no_page()
    moved = run("repage", "--pages", "4", "--force")
    assert moved.exit_code == 0, moved.output
    assert contents(full.states()) == latest
    full.assert_redelivery_changes_no_page()
    full.command("reset", *names, "--yes")
    assert {key: (state.learned, state.checkpoints) for key, state in full.states().items()} == {
        key: (0, of_signal) for key, of_signal in marks.items()
    }
    assert "There is nothing to do" in full.command("reset", *names, "--yes")
    full.assert_redelivery_changes_no_page()
