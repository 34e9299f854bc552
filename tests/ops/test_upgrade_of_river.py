"""From an earlier River to the pinned one: two virtual environments, one stream, one bucket."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consumer.detectors.base import fingerprint
from consumer.handler import start
from consumer.pages.codec import PageCodec, versions
from consumer.pages.layout import prefix_of
from consumer.use_cases import USE_CASES
from ops.__main__ import app
from ops.upgrade.previous_models import checkpoints_in
from tests.consumer.world import interleaved, plain_loop, state_of, step
from tests.ops.live_plant import Plant, endpoint, plant

__all__ = ["endpoint", "plant"]
ROOT = Path(__file__).parents[2]
EARLIER = "0.26.0" if sys.version_info >= (3, 12) else "0.25.0"
"""River 0.26.0 cannot be imported by Python 3.11: it subscripts `csv.DictReader`."""
SERIES = interleaved(*(step(signal, 200, at=100) for signal in ("a", "b", "c")))
PART = len(SERIES) // 4
DELIVER = """
import json, sys
from consumer.handler import handler
print("answer", json.dumps(handler({"Records": json.load(sys.stdin)}, None)))
"""


@pytest.fixture(scope="module")
def earlier(tmp_path_factory) -> Path:
    """The Python of an environment that is this one, but for its River."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("there is no uv to make an environment with")
    folder = tmp_path_factory.mktemp("earlier") / "venv"
    python = folder / "bin" / "python"
    for command in (
        ["venv", "--quiet", "--python", sys.executable, str(folder)],
        ["pip", "install", "--quiet", "--no-deps", "--python", str(python), f"river=={EARLIER}"],
    ):
        ran = subprocess.run([uv, *command], capture_output=True, text=True, timeout=120, check=False)
        if ran.returncode != 0:
            pytest.skip(f"River {EARLIER} cannot be installed here: {ran.stderr.strip()[-300:]}")
    [site] = folder.glob("lib/python*/site-packages")
    (site / "shared.pth").write_text(sysconfig.get_path("purelib"))
    found = in_earlier(python, ["-c", "import river; print(river.__version__)"])
    assert found.strip() == EARLIER
    return python


def in_earlier(python: Path, arguments: list[str], given: str = "") -> str:
    ran = subprocess.run(
        [str(python), *arguments],
        input=given,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def learn_with_earlier(python: Path, records: list[dict]) -> None:
    said = in_earlier(python, ["-c", DELIVER], json.dumps(records))
    assert 'answer {"batchItemFailures": []}' in said


def upgrade(*arguments: str) -> str:
    where = ["--bucket", "models", "--stream", "plant", "--use-case", "drift"]
    ran = CliRunner().invoke(app, ["upgrade", *arguments, *where])
    assert ran.exit_code == 0, (ran.output, ran.exception)
    return ran.output


def test_from_an_earlier_river_to_the_pinned_one(plant: Plant, earlier: Path, tmp_path: Path):
    learn_with_earlier(earlier, plant.points(SERIES[:PART]))
    assert f"River {EARLIER}" in upgrade("build", "--yes")
    learn_with_earlier(earlier, plant.points(SERIES[PART : 2 * PART]))
    by_old = list(plant.sent)
    start.cache_clear()
    waiting = plant.points(SERIES[2 * PART : 3 * PART])
    assert plant.deliver(waiting) != [], "the new function has to wait"
    assert f"Learned: {PART} observations" in upgrade("finish", "--idle", "--yes")
    assert plant.deliver(waiting) == []
    plant.learn(SERIES[3 * PART :])
    prefix = prefix_of("drift", fingerprint(USE_CASES["drift"], versions()))
    reference, rivers, learned = plain_loop(plant.sent), set(), {}
    for key, body in plant.objects("models").items():
        if "/pages/" in key and not key.startswith(prefix):
            river, marks = checkpoints_in(body)
            rivers.add(river)
            learned |= marks
        elif "/pages/" in key:
            for signal, state in PageCodec().decode(body).items():
                assert state.learned == reference.learned[signal.signal]
                assert state_of(state.model.detector) == state_of(reference.models[signal.signal])
    assert rivers == {EARLIER}
    last = {}
    for record in by_old:
        shard, _, number = record["eventID"].partition(":")
        last[record["kinesis"]["partitionKey"]] = shard, int(number)
    assert {
        key.signal: (shard.shard_id, mark.sequence_number)
        for key, of_signal in learned.items()
        for shard, mark in of_signal.items()
    } == last
    written = plant.versions()
    assert "There is nothing to do" in upgrade("build", "--yes")
    assert plant.deliver(plant.sent) == []
    assert plant.versions() == written


def test_both_rivers_are_compared(plant: Plant, earlier: Path, tmp_path: Path):
    records = plant.points(SERIES)
    where = ["--bucket", "models", "--stream", "plant", "--use-case", "drift"]
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    in_earlier(earlier, ["-m", "consumer", "upgrade", "replay", "--out", str(old), *where])
    upgrade("replay", "--out", str(new), "--same-as", str(old))
    heads = [json.loads(path.read_text().splitlines()[0]) for path in (old, new)]
    assert [head["river"] for head in heads] == [EARLIER, versions()["river"]]
    ids = [{json.loads(line)["id"] for line in path.read_text().splitlines()[1:]} for path in (old, new)]
    assert ids[1] == set(plain_loop(records).ids)
    assert ids[0] == set(
        json.loads(in_earlier(earlier, ["-c", PLAIN_LOOP], json.dumps(records)).splitlines()[-1])
    )
    ran = CliRunner().invoke(app, ["upgrade", "compare", str(old), str(new), "--within", "0"])
    both = len(ids[0] & ids[1])
    assert f"In all: {both} alerts of both within 0 values" in ran.output
    assert f"{len(ids[0]) - both} only of the old one (River {EARLIER}" in ran.output


PLAIN_LOOP = """
import json, sys
from tests.consumer.world import plain_loop
print(json.dumps(plain_loop(json.load(sys.stdin)).ids))
"""
