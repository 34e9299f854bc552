"""A time without a zone is UTC, wherever the process runs, also on a laptop in Newfoundland."""

import json
import time

import pytest
from river import drift

from clients.recordings.columns import ReadOptions, choose
from clients.recordings.labels import labelled_windows
from clients.recordings.opening import open_table
from clients.recordings.survey import survey
from consumer.decode.times import seconds_of
from consumer.decode.values import iso8601
from consumer.detectors.drift import DriftUseCase
from consumer.events.mutes import Mute
from ops.formatting import past, shown
from producer_sim.plant.water_flow import water_flow
from tests.consumer.decode.payload_builders import aggregated, gzipped, observations, read, zstandard
from tests.consumer.world import World, record
from tests.producer_sim.recordings import START, write_csv, write_parquet

MIDNIGHT_S = 1_584_144_000.0  # 2020-03-14T00:00:00Z: summer time in America, winter time in Europe
TEXTS = [
    "2020-03-14T00:00:00",
    "2020-03-14 00:00:00",
    "2020-03-14T00:00",
    "2020-03-14T00:00:00.000",
    "2020-03-14T00:00:00.000000",
    "2020-03-14",
    "20200314",
    "20200314T000000",
    "2020-W11-6",
]


@pytest.fixture(autouse=True, params=["America/St_Johns", "Asia/Kathmandu", "UTC"])
def zone(request, monkeypatch):
    """The zone of the machine: a zone-less time read as local would be hours off."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def payloads(at: str) -> dict[str, bytes]:
    shapes = {
        "point": {"signal": "a", "value": 1.0, "timestamp": at},
        "key and body": {"key": "a", "body": "1", "timestamp": at},
        "point with more": {"signal": "a", "value": 1.0, "timestamp": at, "unit": "bar"},
        "columns": {"signal": "a", "values": [1.0, 1.0], "timestamps": [at, at]},
        "columns of one time": {"signal": "a", "values": [1.0], "timestamp": at},
        "named values": {"signal": "a", "values": {"b": 1.0}, "timestamp": at},
    }
    return {name: json.dumps(shape).encode() for name, shape in shapes.items()}


@pytest.mark.parametrize("at", TEXTS)
def test_all_shapes_read_a_time_without_a_zone_as_utc(at):
    for name, payload in payloads(at).items():
        for packed in (payload, gzipped(payload), zstandard(payload), aggregated(payload, payload)):
            assert {time_s for _, _, time_s in observations(read(packed))} == {MIDNIGHT_S}, name
        assert {time_s for _, _, time_s in observations(read(payload, payload))} == {MIDNIGHT_S}, name


def test_a_zone_that_is_named_counts():
    assert seconds_of("2020-03-13T21:30:00-02:30") == MIDNIGHT_S
    assert seconds_of("2020-03-14T05:45:00+05:45") == MIDNIGHT_S
    assert seconds_of("2020-03-14T00:00:00Z") == MIDNIGHT_S


def test_an_event_names_the_time_in_utc():
    assert iso8601(MIDNIGHT_S) == "2020-03-14T00:00:00.000000Z"
    assert shown(MIDNIGHT_S) == "2020-03-14 00:00:00"


def test_what_is_late_does_not_depend_on_the_machine():
    world = World(1, DriftUseCase(drift.ADWIN(), late="skip"))
    times = ["2020-03-14T00:00:00", "2020-03-14T00:00:00Z", "2020-03-14T00:00:01", "2020-03-14T00:00:00.5Z"]
    world.invoke(
        record(number, {"signal": "a", "value": 1.0, "timestamp": at}, key="a")
        for number, at in enumerate(times, 1)
    )
    assert (world.states()["a"].learned, world.states()["a"].skipped) == (2, 2)


@pytest.mark.parametrize("at", TEXTS)
def test_mutes_and_options_are_in_utc(at):
    assert past(at, "--since") == MIDNIGHT_S
    mute = Mute("a", at, "2020-03-15")
    assert (mute.from_s, mute.until_s) == (MIDNIGHT_S, MIDNIGHT_S + 86_400.0)


def recorded(path) -> tuple[float, ...]:
    found = survey(choose(open_table(path)))
    return found.first_s, found.last_s


def test_recordings_are_in_utc(tmp_path):
    first_s = START.timestamp()
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M:%S"):
        path = write_csv(tmp_path / f"{form.replace('/', '-')}.csv", rows=60, form=form)
        assert recorded(path) == (first_s, first_s + 59.0), form
        [window] = labelled_windows(choose(open_table(path), ReadOptions(labels="anomaly")))
        assert window == (first_s + 20.0, first_s + 29.0)
    assert recorded(write_parquet(tmp_path / "recording.parquet")) == (first_s, first_s + 59.0)
    lines = tmp_path / "recording.jsonl"
    lines.write_text('{"time": "2020-03-14T00:00:00", "v": 1}\n{"time": "2020-03-14 00:00:01", "v": 2}\n')
    assert recorded(lines) == (MIDNIGHT_S, MIDNIGHT_S + 1.0)


def test_rivers_recording_has_the_same_times_everywhere():
    flow = water_flow()
    assert flow.timestamps[0] == 1_647_770_400.0
    steps = {later - one for one, later in zip(flow.timestamps, flow.timestamps[1:], strict=False)}
    assert min(steps) == 3_600.0
