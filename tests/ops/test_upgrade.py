"""From one model to another while data keeps arriving: each record learned once, and watched by one."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
from river import cluster, drift, preprocessing
from typer.testing import CliRunner

from consumer.aws.event_bus import EventBridgeBus
from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.asset_rows import AssetUseCase
from consumer.detectors.base import fingerprint
from consumer.detectors.clusters import ClustersUseCase
from consumer.detectors.drift import DriftUseCase
from consumer.errors import ConfigurationError, Unavailable
from consumer.handler import handler, start
from consumer.learning.state import Checkpoint, State
from consumer.pages.codec import PageCodec, versions
from consumer.pages.layout import Layout, prefix_of
from consumer.pages.store import PageStore
from consumer.settings.signal_settings import SettingsOfSignals
from consumer.use_cases import USE_CASES
from ops.__main__ import app
from ops.replay.offline_learner import OfflineLearner
from ops.state.describe import plain
from ops.upgrade.previous_models import PreviousModels
from ops.upgrade.upgrade import Upgrade
from tests.consumer.world import InMemoryObjects, interleaved, plain_loop, state_of, step
from tests.ops.live_plant import PREFIX, Plant, before_the_next_commit, endpoint, plant

__all__ = ["endpoint", "plant"]
SIGNALS = ["compressor1.pressure", "pump 7/°C", "c"]
SERIES = interleaved(*([*step(signal, 100, at=50), *step(signal, 60, at=30, seed=1)] for signal in SIGNALS))
PART = len(SERIES) // 8
OLD, NEW = DriftUseCase(drift.ADWIN()), DriftUseCase(drift.PageHinkley())
NEW_PREFIX = prefix_of("drift", fingerprint(NEW, versions()))


@dataclass
class Checkout:
    """Which line is installed where the commands run, and which the function has."""

    monkeypatch: pytest.MonkeyPatch
    told: list[str] = field(default_factory=list)
    """The ids of all events, in order."""

    def install(self, line: DriftUseCase) -> None:
        self.monkeypatch.setitem(USE_CASES, "drift", line)

    def deploy(self) -> None:
        """The function starts anew, with what is installed."""
        start.cache_clear()


@pytest.fixture
def checkout(plant, monkeypatch) -> Checkout:
    made, publish = Checkout(monkeypatch), EventBridgeBus.publish

    async def recorded(self: EventBridgeBus, events) -> None:
        await publish(self, events)
        made.told += [event.id for event in events]

    monkeypatch.setattr(EventBridgeBus, "publish", recorded)
    monkeypatch.setattr("ops.replay.stream_reader._READ_EVERY_S", 0.0)
    return made


def states_under(plant: Plant, prefix: str) -> dict[str, State]:
    pages = {key: body for key, body in plant.objects("models").items() if key.startswith(f"{prefix}/pages/")}
    return {key.signal: state for body in pages.values() for key, state in PageCodec().decode(body).items()}


def known(detector) -> object:
    """All that a detector knows."""
    if isinstance(detector, drift.ADWIN):
        return state_of(detector)
    return {
        name: vars(value) if hasattr(value, "__dict__") else value for name, value in vars(detector).items()
    }


def assert_learned(plant: Plant, prefix: str, make: Callable, records: list[dict]) -> None:
    """The models are those of a plain loop over these records, all of them."""
    reference, states = plain_loop(records, make), states_under(plant, prefix)
    assert {signal: state.learned for signal, state in states.items()} == reference.learned
    for signal, model in reference.models.items():
        assert known(states[signal].model.detector) == known(model), signal


def pages_of(plant: Plant, prefix: str) -> set[tuple[str, str, str]]:
    return {each for each in plant.versions() if each[1].startswith(prefix)}


def layout_of(plant: Plant, prefix: str) -> dict:
    return json.loads(plant.objects("models")[f"{prefix}/layout.json"])


def ids_of(records: list[dict], make: Callable, those: list[dict]) -> set[str]:
    """What a plain loop over all the records tells of some of them."""
    of_others = [record for record in records if record not in those]
    assert [*those, *of_others] == records or [*of_others, *those] == records
    ids = plain_loop(records, make).ids
    if records[: len(those)] == those:
        return set(plain_loop(those, make).ids)
    return set(ids) - set(plain_loop(of_others, make).ids)


def test_from_adwin_to_page_hinkley_every_record_is_learned_once_and_watched_by_one_of_them(
    plant, checkout, monkeypatch
):
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    meanwhile = plant.points(SERIES[PART : 2 * PART])
    with before_the_next_commit(monkeypatch, lambda: plant.deliver(meanwhile)):
        said = plant.command("upgrade", "build")
    assert "Learned: 60 observations" in said
    assert layout_of(plant, NEW_PREFIX)["upgrade_from"] == PREFIX.rpartition("/")[2]
    plant.learn(SERIES[2 * PART : 4 * PART])
    assert "Learned: 180 observations" in plant.command("upgrade", "build")
    by_old = list(plant.sent)
    plant.learn(SERIES[4 * PART : 5 * PART])
    by_old, waiting = list(plant.sent), plant.points(SERIES[5 * PART : 6 * PART])
    checkout.deploy()
    written = plant.versions()
    assert plant.deliver(waiting) != [], "the new function has to wait"
    assert plant.versions() == written
    told_by_old = list(checkout.told)
    said = plant.command("upgrade", "finish", "--idle")
    assert "Learned: 60 observations" in said
    assert_learned(plant, NEW_PREFIX, drift.PageHinkley, by_old)
    assert checkout.told == told_by_old, "nobody is told"
    old_pages = pages_of(plant, PREFIX)
    assert plant.deliver(waiting) == []
    plant.learn(SERIES[6 * PART :])
    by_new = plant.sent[len(by_old) :]
    assert_learned(plant, NEW_PREFIX, drift.PageHinkley, plant.sent)
    assert pages_of(plant, PREFIX) == old_pages, "there to go back to"
    assert set(told_by_old) == ids_of(plant.sent, drift.ADWIN, by_old)
    assert set(checkout.told[len(told_by_old) :]) == ids_of(plant.sent, drift.PageHinkley, by_new) != set()
    written = plant.versions()
    assert plant.deliver(plant.sent) == []
    for command in (["build"], ["finish", "--idle"]):
        assert "There is nothing to do" in plant.command("upgrade", *command)
    assert plant.versions() == written


def test_what_the_old_function_has_not_learned_is_left_for_the_new_one(plant, checkout):
    """One shard's records are in time for the old function, the other's are not, and neither is one's end."""
    plant.learn(SERIES[:PART])
    rest = plant.points(SERIES[PART : 2 * PART])
    first, second = (
        [record for record in rest if record["eventID"].startswith(shard)] for shard in plant.shard_ids
    )
    assert len(first) > 4
    assert plant.deliver(first[: len(first) // 2]) == []
    checkout.install(NEW)
    checkout.deploy()
    plant.command("upgrade", "build")
    plant.command("upgrade", "finish", "--idle")
    assert sum(state.learned for state in states_under(plant, NEW_PREFIX).values()) == PART + len(first) // 2
    for left in (first[len(first) // 2 :], second):
        assert left == [] or plant.deliver(left) == []
    assert_learned(plant, NEW_PREFIX, drift.PageHinkley, plant.sent)


def test_a_page_that_the_old_function_could_not_write_is_left_for_the_new_one_with_its_alerts(
    plant, checkout
):
    """Of a batch whose records are delivered again, one signal's page was written and another's was not."""
    plant.learn(SERIES[:PART])
    batch = plant.points(SERIES[PART:])
    of_shards = [
        {each["kinesis"]["partitionKey"] for each in batch if each["eventID"].startswith(shard)}
        for shard in plant.shard_ids
    ]
    written, left = sorted(next(signals for signals in of_shards if len(signals) > 1))[:2]
    done = [record for record in batch if record["kinesis"]["partitionKey"] == written]
    assert plant.deliver(done) == []
    told = len(checkout.told)
    checkout.install(NEW)
    checkout.deploy()
    plant.command("upgrade", "build")
    plant.command("upgrade", "finish", "--idle")
    learned = {signal: state.learned for signal, state in states_under(plant, NEW_PREFIX).items()}
    assert (learned[written], learned[left]) == (160, 20)
    assert plant.deliver(batch) == []
    assert_learned(plant, NEW_PREFIX, drift.PageHinkley, plant.sent)
    before = [each for each in plant.sent if each not in batch]
    due = [each for each in plant.sent if each["kinesis"]["partitionKey"] != written]
    expected = set(plain_loop(due, drift.PageHinkley).ids) - set(plain_loop(before, drift.PageHinkley).ids)
    assert set(checkout.told[told:]) == expected != set()


def test_to_go_back_is_the_same_again_and_the_old_models_miss_nothing(plant, checkout):
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    plant.command("upgrade", "build")
    checkout.deploy()
    plant.command("upgrade", "finish", "--idle")
    plant.learn(SERIES[PART : 2 * PART])
    told = len(checkout.told)
    checkout.install(OLD)
    checkout.deploy()
    assert "Learned: 60 observations" in plant.command("upgrade", "build")
    waiting = plant.points(SERIES[2 * PART :])
    assert plant.deliver(waiting) != []
    plant.command("upgrade", "finish", "--idle")
    assert plant.deliver(waiting) == []
    assert_learned(plant, PREFIX, drift.ADWIN, plant.sent)
    assert set(checkout.told[told:]) == ids_of(plant.sent, drift.ADWIN, waiting)
    assert layout_of(plant, PREFIX) == {"pages": 2}


def test_while_they_are_built_other_commands_leave_the_new_models_alone(plant, checkout):
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    plant.command("upgrade", "build")
    written = plant.versions()
    assert "upgrade finish" in plant.command("reset", "c", code=1)
    ran = CliRunner().invoke(app, ["repage", "--pages", "4", "--force"])
    assert ran.exit_code == 1
    assert "upgrade finish" in ran.output
    assert plant.versions() == written


@pytest.mark.parametrize("command", [("signals",), ("inspect", "c")])
def test_models_under_construction_are_not_shown_as_if_they_were_in_force(plant, checkout, command):
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    plant.command("upgrade", "build")
    shown = plant.look(*command, code=1)
    assert "are being built" in shown
    assert "upgrade finish" in shown


@pytest.mark.parametrize("command", [("upgrade", "build"), ("upgrade", "finish", "--idle")])
def test_a_layout_that_cannot_be_read_is_reported_not_a_traceback(plant, checkout, command):
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    plant.command("upgrade", "build")
    plant.s3.put_object(Bucket="models", Key=f"{NEW_PREFIX}/layout.json", Body=b"none of ours")
    written = plant.versions()
    source = ("--from", PREFIX.rpartition("/")[2])
    assert f"{NEW_PREFIX}/layout.json cannot be read" in plant.command(*command, *source, code=1)
    assert plant.versions() == written


def test_an_upgrade_under_way_reports_a_layout_that_became_unreadable():
    objects = InMemoryObjects()
    objects.objects[f"{NEW_PREFIX}/layout.json"] = ('"1"', b"none of ours")
    source = PreviousModels("0123456789abcdef", Layout(PREFIX, 2))
    settings = SettingsOfSignals("drift", NEW)
    upgrade = Upgrade(
        "drift", settings, objects, PageStore(objects, PageCodec(), 0), None, NEW_PREFIX, source, {}, 0.0
    )
    with pytest.raises(Unavailable, match=r"layout\.json cannot be read"):
        asyncio.run(upgrade.activate())


def test_models_that_are_in_use_themselves_are_not_built_under(plant, checkout):
    """It was deployed without an upgrade, and has learned what comes ever since."""
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    checkout.deploy()
    plant.learn([("c", 1.0)])
    written = plant.versions()
    assert "in use themselves" in plant.command("upgrade", "build", code=1)
    assert plant.versions() == written


def test_models_with_which_a_function_has_begun_are_not_taken_from_it(plant, checkout):
    """It was deployed too early, and has learned nothing yet: it would wait for a deployment of itself."""
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    checkout.deploy()
    handler({"visit": True}, None)
    assert layout_of(plant, NEW_PREFIX) == {"pages": 2}
    written = plant.versions()
    assert "has learned nothing yet" in plant.command("upgrade", "build", code=1)
    assert plant.versions() == written
    assert "Learned: " in plant.command("upgrade", "build", "--idle"), "the old one is deployed again"
    plant.command("upgrade", "finish", "--idle")
    assert_learned(plant, NEW_PREFIX, drift.PageHinkley, plant.sent)


def test_without_other_models_or_with_several_it_says_so(plant, checkout):
    plant.learn(SERIES[:PART])
    assert "no other models" in plant.command("upgrade", "build", code=1)
    assert "no new models" in plant.command("upgrade", "finish", "--idle", code=1)
    for line in (NEW, DriftUseCase(drift.ADWIN(delta=0.1))):
        checkout.install(line)
        checkout.deploy()
        plant.learn([("c", 1.0)])
    checkout.install(DriftUseCase(drift.ADWIN(delta=0.2)))
    said = plant.command("upgrade", "build", code=1)
    assert "--from" in said
    assert f"{PREFIX.rpartition('/')[2]}: River {versions()['river']}, 3 signals, learned until 20" in said
    plant.command("upgrade", "build", "--from", NEW_PREFIX.rpartition("/")[2])
    assert "Learned: " in plant.command("upgrade", "finish", "--idle"), "it is known which were named"
    assert "say --idle" in plant.command("upgrade", "finish", code=1)


def test_who_answers_no_changes_nothing(plant, checkout):
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    written = plant.versions()
    assert "Nothing was changed" in plant.command("upgrade", "build", answer="n\n", code=1)
    assert plant.versions() == written
    plant.command("upgrade", "build")
    written = plant.versions()
    assert "Nothing was changed" in plant.command("upgrade", "finish", "--idle", answer="n\n", code=1)
    assert plant.versions() == written


def test_values_of_one_record_and_records_that_cannot_be_read_are_no_obstacle(plant, checkout):
    rows = [("asset.1", {"signal": "asset.1", "values": {"p": float(n), "t": 2.0}}) for n in range(20)]
    assert plant.deliver(plant.send([*rows, ("x", b"not JSON")])) == []
    checkout.install(NEW)
    plant.command("upgrade", "build")
    assert {name: state.learned for name, state in states_under(plant, NEW_PREFIX).items()} == {
        "asset.1.p": 20,
        "asset.1.t": 20,
    }
    written = plant.versions()
    assert "There is nothing to do" in plant.command("upgrade", "build")
    assert plant.versions() == written


ROWS = [("asset", {"signal": "asset", "values": {"p": float(n % 5), "t": float(n % 7)}}) for n in range(90)]


def clusters(count: int) -> AssetUseCase:
    rows = preprocessing.StandardScaler() | cluster.KMeans(n_clusters=count, halflife=0.1, sigma=1.0)
    return AssetUseCase(ClustersUseCase(rows), pattern=None)


@pytest.mark.parametrize("before", [clusters(8), OLD])
def test_an_assets_models_learn_as_far_as_those_before_of_the_asset_or_of_its_signals(
    plant, checkout, before
):
    checkout.install(before)
    checkout.deploy()
    assert plant.deliver(plant.send(ROWS[:60])) == []
    after = clusters(4)
    checkout.install(after)
    checkout.deploy()
    waiting = plant.send(ROWS[60:])
    plant.command("upgrade", "build")
    plant.command("upgrade", "finish", "--idle")
    prefix = prefix_of("drift", fingerprint(after, versions()))
    assert states_under(plant, prefix)["asset"].learned == 120
    assert plant.deliver(waiting) == []
    [state] = states_under(plant, prefix).values()
    whole = OfflineLearner("drift", SettingsOfSignals("drift", after))
    whole.learn(plant.sent)
    [expected] = whole.states.values()
    assert (state.learned, plain(state.model)) == (180, plain(expected.model))


def test_an_interrupted_build_goes_on_where_it_was(plant, checkout, monkeypatch):
    plant.learn(SERIES[: 3 * PART])
    checkout.install(NEW)

    monkeypatch.setattr("ops.upgrade.upgrade._RECORDS_PER_COMMIT", 1)
    monkeypatch.setattr("ops.replay.stream_reader._PART_MAX", 7)
    with monkeypatch.context() as patch:
        calls = [0]
        commit = PageStoreCommit(calls)
        patch.setattr("consumer.pages.store.PageStore.commit", commit.stopping_at(3))
        ran = CliRunner().invoke(
            app, ["upgrade", "build", "--bucket", "models", "--use-case", "drift", "--yes"]
        )
        assert ran.exit_code != 0
    assert 0 < sum(state.learned for state in states_under(plant, NEW_PREFIX).values()) < 3 * PART
    plant.command("upgrade", "build")
    assert_learned(plant, NEW_PREFIX, drift.PageHinkley, plant.sent)


class PageStoreCommit:
    """The store's commit, that dies at one of them."""

    def __init__(self, calls: list[int]) -> None:
        from consumer.pages.store import PageStore

        self.calls, self.commit = calls, PageStore.commit

    def stopping_at(self, number: int) -> Callable:
        async def commit(store, page) -> int:
            self.calls[0] += 1
            if self.calls[0] > number:
                raise RuntimeError("the machine was switched off")
            return await self.commit(store, page)

        return commit


def test_a_signal_on_several_shards_is_learned_whole_and_once(plant, checkout):
    """Some producers cannot choose the partition key."""
    values = [value for _, value in step("c", 120)]
    sent = [(f"key{number % 5}", {"signal": "c", "value": value}) for number, value in enumerate(values)]
    records = plant.send(sent)
    shards = [[each for each in records if each["eventID"].startswith(shard)] for shard in plant.shard_ids]
    assert all(shards)
    for of_shard in shards:
        assert plant.deliver(of_shard) == []
    checkout.install(NEW)
    checkout.deploy()
    plant.command("upgrade", "build")
    plant.command("upgrade", "finish", "--idle")
    written = plant.versions()
    assert plant.deliver(shards[0]) == plant.deliver(shards[1]) == []
    assert plant.versions() == written, "all of it is known"
    assert states_under(plant, NEW_PREFIX)["c"].learned == 120


def test_a_value_at_which_the_new_model_raises_is_left_out_and_counted(plant, checkout, monkeypatch):
    plant.learn([("c", 1.0), ("c", 1e99), ("c", 2.0), ("d", 1.0)])
    update = drift.PageHinkley.update

    def squeamish(self, x: float) -> None:
        if x > 1e98:
            raise OverflowError("too large")
        update(self, x)

    monkeypatch.setattr(drift.PageHinkley, "update", squeamish)
    checkout.install(NEW)
    said = plant.command("upgrade", "build")
    assert "Learned: 3 observations" in said
    assert "1 times not: the model raised" in said
    assert {key: each.learned for key, each in states_under(plant, NEW_PREFIX).items()} == {"c": 2, "d": 1}


def test_a_model_that_no_page_may_hold_is_refused_before_anything_is_written(plant, checkout):
    plant.learn(SERIES[:PART])
    checkout.install(DriftUseCase(OfOnesOwn()))
    written = plant.versions()
    told = plant.command("upgrade", "build", code=1)
    assert "OfOnesOwn is not allowed in a page" in told
    assert "consumer/pages/river_classes.py" in told
    assert plant.versions() == written


class OfOnesOwn(drift.ADWIN):
    """It is not among the classes that a page may hold."""


# Comparing.


def replayed(path: Path) -> tuple[dict, list[dict]]:
    head, *events = map(json.loads, path.read_text().splitlines())
    return head, events


def test_both_lines_are_compared_on_the_same_stretch(plant, checkout, tmp_path, monkeypatch):
    plant.learn(SERIES)
    monkeypatch.setitem(USE_CASES, "drift-before", OLD)
    checkout.install(NEW)
    old, new, written = tmp_path / "old.jsonl", tmp_path / "new.jsonl", plant.versions()
    told = len(checkout.told)
    look(["replay", "--out", str(new)])
    plant.learn([("c", 50.0)] * 40)  # by the old function, and after the stretch
    written = plant.versions()
    look(["replay", "--out", str(old), "--line", "drift-before", "--same-as", str(new)])
    assert plant.versions() == written, "nothing is written"
    those = plant.sent[: len(SERIES)]
    for path, make in ((old, drift.ADWIN), (new, drift.PageHinkley)):
        head, events = replayed(path)
        assert head["observations"] == len(SERIES)
        assert [event["id"] for event in events] != []
        assert {event["id"] for event in events} == set(plain_loop(those, make).ids)
    assert len(checkout.told) >= told
    said = look(["compare", str(old), str(new), "--json", "--within", "10"], where=False)
    lines = {line["signal"]: line for line in map(json.loads, said.splitlines())}
    for signal in SIGNALS:
        one, other = (alerts(signal, make) for make in (drift.ADWIN, drift.PageHinkley))
        both = pairs(one, other, 10)
        line = lines.get(signal, {"both": 0, "only_old": 0, "only_new": 0})
        assert (line["both"], line["only_old"], line["only_new"]) == (
            both,
            len(one) - both,
            len(other) - both,
        )
    assert "In all: " in look(["compare", str(old), str(new)], where=False)


def look(arguments: list[str], where: bool = True) -> str:
    named = ["--bucket", "models", "--stream", "plant", "--use-case", "drift"] if where else []
    ran = CliRunner().invoke(app, ["upgrade", *arguments, *named])
    assert ran.exit_code == 0, (ran.output, ran.exception)
    return ran.output


def alerts(signal: str, make: Callable) -> list[int]:
    """After how many values a plain loop tells of a drift."""
    model, found = make(), []
    for number, (_, value) in enumerate([each for each in SERIES if each[0] == signal], 1):
        model.update(value)
        found += [number] if model.drift_detected else []
    return found


def pairs(one: list[int], other: list[int], within: int) -> int:
    """The most pairs that there can be, found by trying all."""
    if not one:
        return 0
    best = pairs(one[1:], other, within)
    for index, at in enumerate(other):
        if abs(at - one[0]) <= within:
            best = max(best, 1 + pairs(one[1:], other[:index] + other[index + 1 :], within))
    return best


def test_replays_of_other_stretches_are_not_compared(plant, checkout, tmp_path):
    plant.learn(SERIES[:PART])
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    look(["replay", "--out", str(one)])
    head, *events = one.read_text().splitlines()
    moved = json.loads(head)
    moved["stretch"][0]["first"] += "1"
    other.write_text("\n".join([json.dumps(moved), *events]) + "\n")
    ran = CliRunner().invoke(app, ["upgrade", "compare", str(one), str(other)])
    assert ran.exit_code == 1
    assert "--same-as" in ran.output
    ran = CliRunner().invoke(app, ["upgrade", "compare", str(one), str(tmp_path / "none")])
    assert ran.exit_code == 1


# History.


def recording(path: Path, values: list[float], start_s: float) -> Path:
    lines = [f"{start_s + number},{value}" for number, value in enumerate(values)]
    path.write_text("\n".join(["time,pressure", *lines]) + "\n")
    return path


def test_a_recording_is_learned_up_to_where_the_streams_own_begins(plant, checkout, tmp_path):
    start_s = 1_700_000_000.0
    values = [value for _, value in step("x", 300, at=150)]
    later = [
        ("new1.pressure", {"signal": "new1.pressure", "value": value, "timestamp": start_s + 200 + number})
        for number, value in enumerate(values[200:])
    ]
    assert plant.deliver(plant.send(later)) == []
    checkout.install(NEW)
    path = recording(tmp_path / "new1.csv", values, start_s)
    said = plant.command("upgrade", "build", "--history", str(path))
    assert "new1.pressure: 200 observations of its recording" in said
    model = drift.PageHinkley()
    for value in values:
        model.update(value)
    state = states_under(plant, NEW_PREFIX)["new1.pressure"]
    assert state.learned == 300
    assert known(state.model.detector) == known(model)
    written = plant.versions()
    assert "There is nothing to do" in plant.command("upgrade", "build", "--history", str(path))
    assert plant.versions() == written


@pytest.mark.parametrize(
    "content", ["time,v\n", "time,v,quality\n2023-03-01,1,Bad\n2023-03-02,2,Bad\n", "[]"]
)
def test_a_recording_of_which_nothing_is_read_builds_nothing(plant, checkout, tmp_path, content):
    plant.learn(SERIES[:PART])
    path, versions = tmp_path / "new1.csv", plant.versions()
    path.write_text(content)
    assert "new1.csv" in plant.command("upgrade", "build", "--history", str(path), code=1)
    assert plant.versions() == versions


def test_new_signals_of_models_in_use_start_with_their_recordings(plant, checkout, tmp_path):
    plant.learn(SERIES[:PART])
    values = [value for _, value in step("x", 100)]
    path = recording(tmp_path / "new1.csv", values, 1_600_000_000.0)
    said = plant.command("upgrade", "build", "--history", str(path))
    assert "Built from recordings: 1 model" in said
    written = plant.versions()
    assert "There is nothing to do" in plant.command("upgrade", "build", "--history", str(path))
    assert plant.versions() == written
    plant.learn([("new1.pressure", 4.5), *SERIES[PART:]])
    model = drift.ADWIN()
    for value in [*values, 4.5]:
        model.update(value)
    state = states_under(plant, PREFIX)["new1.pressure"]
    assert (state.learned, known(state.model.detector)) == (101, known(model))
    assert_others = {name: each.learned for name, each in states_under(plant, PREFIX).items()}
    assert assert_others["c"] == 160


@pytest.mark.parametrize("rows", [False, True])
def test_a_historians_export_starts_the_models_of_its_tags(plant, checkout, tmp_path, rows):
    """A tag is the name that the stream brings, not one of the file's; a word for a gap is a gap."""
    values = [value for _, value in step("x", 100)]
    lines = ["DateTime;TagName;Value"]
    for number, value in enumerate(values):
        at, comma = f"{1 + number // 60:02}.03.2024 12:{number % 60:02}:00", f"{value:.4f}".replace(".", ",")
        lines += [f"{at};new1.pressure;{comma}", f"{at};new1.flow;7"]
    lines += ["02.03.2024 12:59:00;new1.pressure;Bad Input"]
    path = tmp_path / "export.csv"
    path.write_text("\n".join(lines))
    said = plant.command("upgrade", "build", "--history", str(path), *(["--rows"] if rows else []))
    assert "2 signals, by the tags in 'TagName' (new1.pressure, new1.flow)" in said
    assert "'Bad Input' 1" in said
    assert "Built from recordings: 2 models" in said
    checkout.deploy()
    record = ("new1", {"signal": "new1", "values": {"pressure": 4.5}}) if rows else ("new1.pressure", 4.5)
    assert plant.deliver(plant.send([record])) == []
    found = {key.signal: (key.record_signal, state.learned) for key, state in by_key(plant, PREFIX).items()}
    page = "new1" if rows else "new1.pressure"
    assert found["new1.pressure"] == (page, 101)
    assert found["new1.flow"][1] == 100


def test_before_a_use_case_is_deployed_its_models_start_with_recordings(plant, checkout, tmp_path):
    values = [value for _, value in step("x", 100)]
    path = recording(tmp_path / "asset.csv", values, 1_600_000_000.0)
    assert "no models" in look_for_none()
    said = plant.command("upgrade", "build", "--history", str(path), "--rows")
    assert "Built from recordings: 1 model" in said
    row = ("asset", {"signal": "asset", "values": {"pressure": 4.5}})
    checkout.deploy()
    assert plant.deliver(plant.send([row])) == []
    [(name, state)] = [
        (key, state) for key, state in by_key(plant, PREFIX).items() if key.signal == "asset.pressure"
    ]
    assert (name.record_signal, state.learned) == ("asset", 101)


def look_for_none() -> str:
    ran = CliRunner().invoke(app, ["upgrade", "build", "--bucket", "models", "--stream", "plant", "--yes"])
    assert ran.exit_code == 1
    return ran.output


def by_key(plant: Plant, prefix: str) -> dict:
    pages = [body for key, body in plant.objects("models").items() if key.startswith(f"{prefix}/pages/")]
    return {key: state for body in pages for key, state in PageCodec().decode(body).items()}


# A deployed function.


def test_a_function_is_paused_and_goes_on(plant, checkout, monkeypatch):
    """Also where nobody paused it before: then for as long as it takes to finish."""
    lambda_ = deployed(plant)
    monkeypatch.setattr("ops.lambda_function._POLL_EVERY_S", 0.01)
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    assert "gets no more records" in stack("build", "--pause")
    assert mapping_states(lambda_) == {"Disabled"}
    checkout.deploy()
    refused = stack("finish", code=1)
    assert "Deploy the new one first" in refused
    assert "run `upgrade finish --idle`" in " ".join(refused.split()), "there is a way on for who did"
    lambda_.update_function_configuration(FunctionName="consumer", Description="the new one")
    monkeypatch.setattr("ops.lambda_function.LambdaFunction.deployed_s", lambda function: float("inf"))
    monkeypatch.setattr("ops.upgrade.finish.shown", lambda at_s: "now")
    [mapping] = lambda_.list_event_source_mappings()["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    paused: list[bool] = []
    activate = Upgrade.activate

    async def seen(upgrade: Upgrade) -> bool:
        paused.append(mapping_states(lambda_) == {"Disabled"})
        return await activate(upgrade)

    monkeypatch.setattr(Upgrade, "activate", seen)
    said = stack("finish")
    assert paused == [True]
    assert "gets no records for a moment" in said
    assert "gets records again" in said
    assert mapping_states(lambda_) == {"Enabled"}
    assert_learned(plant, NEW_PREFIX, drift.PageHinkley, plant.sent)
    written = plant.versions()
    assert "There is nothing to do" in stack("finish")
    assert plant.versions() == written


def deployed(plant: Plant):
    import io
    import zipfile

    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("m.py", "")
    client = boto3.client("lambda")
    client.create_function(
        FunctionName="consumer",
        Runtime="python3.13",
        Role=role,
        Handler="m.h",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {}},
    )
    # With the plant's own stream, the embedded Lambda would try to run it.
    plant.kinesis.create_stream(StreamName="empty", ShardCount=1)
    arn = plant.kinesis.describe_stream(StreamName="empty")["StreamDescription"]["StreamARN"]
    client.create_event_source_mapping(
        EventSourceArn=arn, FunctionName="consumer", StartingPosition="TRIM_HORIZON"
    )
    outputs = {
        "StreamName": "plant",
        "StreamArn": plant.stream_arn,
        "EventBusName": "bus",
        "ModelBucketName": "models",
        "FailedBatchBucketName": "failed",
        "UseCases": "drift",
        "FunctionNameDrift": "consumer",
    }
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    boto3.client("cloudformation").create_stack(StackName="Plant1", TemplateBody=json.dumps(template))
    return client


def mapping_states(client) -> set[str]:
    return {each["State"] for each in client.list_event_source_mappings()["EventSourceMappings"]}


def stack(*arguments: str, code: int = 0) -> str:
    ran = CliRunner().invoke(app, ["upgrade", *arguments, "--stack", "Plant1", "--yes"])
    assert ran.exit_code == code, (ran.output, ran.exception)
    return ran.output


def test_models_that_have_learned_exactly_as_far_are_not_in_use_themselves(plant, checkout):
    """Only one signal has gone on since the new models were built; the others lie at the same records."""
    plant.learn(SERIES[:PART])
    checkout.install(NEW)
    plant.command("upgrade", "build")
    plant.learn([("c", 1.0), ("c", 2.0)])
    assert "Learned: 2 observations" in plant.command("upgrade", "build")
    plant.command("upgrade", "finish", "--idle")
    assert_learned(plant, NEW_PREFIX, drift.PageHinkley, plant.sent)


@pytest.mark.parametrize(
    ("own", "is_ahead"),
    [
        (Checkpoint(8, ("a",), 1.0), False),
        (Checkpoint(9, ("a", "b"), 1.0), False),
        (Checkpoint(9, ("a",), 1.0), False),
        (Checkpoint(9, ("a", "c"), 1.0), True),
        (Checkpoint(10, ("a",), 1.0), True),
    ],
)
def test_who_has_learned_a_record_more_is_in_use_also_under_the_last_number(own, is_ahead):
    """Two records may share it: the partition keys tell them apart."""
    limit, behind = Checkpoint(9, ("a", "b"), 1.0), Checkpoint(5, ("z",), 1.0)
    shard = Shard("arn:aws:kinesis:eu-west-1:123456789012:stream/plant", "shardId-000000000000")
    keys = {SignalKey(name, name): {shard: limit} for name in ("one", "other")}
    source = PreviousModels("0123456789abcdef", Layout(PREFIX, 2), checkpoints=keys)
    objects, settings = InMemoryObjects(), SettingsOfSignals("drift", NEW)
    codec, held = PageCodec(), {shard.stream_arn: 0.0}
    one, other = keys
    states = {one: State(NEW.create(1), {shard: own}), other: State(NEW.create(1), {shard: behind})}
    asyncio.run(objects.write(Layout(NEW_PREFIX, 2).key_of("one"), codec.encode(states)))
    upgrade = Upgrade(
        "drift", settings, objects, PageStore(objects, codec, 0), None, NEW_PREFIX, source, held, 0.0
    )
    asyncio.run(upgrade.open())
    if is_ahead:
        with pytest.raises(ConfigurationError, match="in use themselves: 1 signal, such as 'one'"):
            upgrade.check_not_in_use()
    else:
        upgrade.check_not_in_use()


def test_an_asset_is_learned_as_far_as_each_of_its_signals_was_also_under_a_number_that_they_share():
    shard = Shard("arn:aws:kinesis:eu-west-1:123456789012:stream/plant", "shardId-000000000000")
    keys = {
        SignalKey("asset", f"asset.{name}"): {shard: Checkpoint(number, (partition_key,), 1.0)}
        for name, number, partition_key in (("p", 9, "one"), ("s", 8, "none"), ("t", 9, "other"))
    }
    limits = PreviousModels("0123456789abcdef", Layout(PREFIX, 2), checkpoints=keys).limits(clusters(4))
    for key in (SignalKey("asset", "asset"), SignalKey("asset", "asset.new")):
        assert limits.of(key, shard) == Checkpoint(9, ("one", "other"), 1.0)
