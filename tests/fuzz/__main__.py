"""`make fuzz`: shows that a planted bug is found, plays the corpus, then looks for what nobody thought of."""

import importlib.util
import itertools
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.sensor_checks import Health
from consumer.learning.state import Checkpoint, State
from consumer.pages.columns import columns_of
from consumer.pages.packing import packed
from tests.consumer.every_model import EVERY_MODEL
from tests.fuzz.corpus import corpus, well_formed
from tests.fuzz.target import deliver

ROOT = Path(__file__).parents[2]
FINDINGS = ROOT / "build" / "fuzz"
PLANTED_SECONDS_MAX = 120
MEMORY_MB_MAX = 512  # the smallest function's
# In a copy of the consumer: a sub-record may name a partition key that is not there, and now it is taken.
PLANTED = ("consumer/decode/unpacking.py", "(keys[index] if index < len(keys) else None)", "keys[index]")

app = typer.Typer(add_completion=False)


@app.command()
def main(
    seconds: Annotated[int, typer.Option(help="How long to look for new ones.")] = 60,
    again: Annotated[Path | None, typer.Option(help="Try this finding again, alone.")] = None,
) -> None:
    """Exit with 1 where anything does harm, or where the planted bug is not found."""
    if importlib.util.find_spec("atheris") is None:
        _play_corpus()
        print(
            "The fuzzer, atheris, is not installed, so that nothing else was looked for: it has wheels for "
            "Linux on x86-64 and Python 3.11 to 3.13. Run `make fuzz` there"
        )
        raise typer.Exit(1)
    if again:
        from tests.fuzz.fuzzer import try_one

        try_one(again.read_bytes())
        print("It does no harm")
        return
    _find_planted()
    findings = _play_corpus() + _look(seconds)
    print(f"{findings} findings")
    raise typer.Exit(int(bool(findings)))


def _find_planted() -> None:
    file, right, wrong = PLANTED
    print(f"Planting a bug in a copy: {file} takes {wrong} for {right}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        for name in ("consumer", "clients", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        source = (copy / file).read_text()
        assert source.count(right) == 1, f"{file} has no {right} any more: plant another bug"
        (copy / file).write_text(source.replace(right, wrong))
        ran = _fuzz(copy, Path(folder), PLANTED_SECONDS_MAX)
    if ran.returncode == 0 or "IndexError" not in ran.stdout:
        print(ran.stdout[-3000:])
        print("The planted bug was not found: the fuzzer is blind, and what it does not find means nothing")
        raise typer.Exit(1)
    print(f"  found, after {_tried(ran.stdout)} inputs")


def _play_corpus() -> int:
    findings = 0
    for name, hostile in (hostiles := corpus()).items():
        try:
            deliver(hostile.payload)
        except Exception as error:
            findings += 1
            print(f"  {name}: {type(error).__name__}: {error}")
    unit = 1024 if sys.platform == "linux" else 2**20  # of the peak, which elsewhere is in bytes
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
    findings += peak_mb > MEMORY_MB_MAX
    print(f"{len(hostiles)} payloads of the corpus, {findings} do harm; {peak_mb} MB, of {MEMORY_MB_MAX}")
    return findings


def _look(seconds: int) -> int:
    print(f"Looking for {seconds} s for what nobody thought of")
    FINDINGS.mkdir(parents=True, exist_ok=True)
    ran = _fuzz(ROOT, FINDINGS, seconds)
    ways = re.findall(r"cov: (\d+)", ran.stdout)
    print(f"  {_tried(ran.stdout)} inputs, {ways[-1] if ways else 0} edges of the consumer's code reached")
    if ran.returncode == 0:
        return 0
    print(ran.stdout[-4000:])
    for finding in sorted(FINDINGS.glob("finding-*")):
        print(f"  again: {sys.executable} -m tests.fuzz --again {finding}")
    return 1


def _fuzz(root: Path, folder: Path, seconds: int) -> "subprocess.CompletedProcess[str]":
    starts = folder / "starts"
    starts.mkdir(exist_ok=True)
    for number, (name, payload) in enumerate(well_formed().items()):
        # What is packed is mutated before it is: once is enough.
        kinds = b"k" if name.startswith("kpl") else b"rgz" if name == "point" else b"r"
        for kind in kinds:
            (starts / f"{number}-{chr(kind)}").write_bytes(bytes([kind]) + payload)
    for number, content in enumerate(_pages()):
        (starts / f"page-{number}").write_bytes(b"p" + content)
    for number, model in enumerate(_models()):
        (starts / f"model-{number}").write_bytes(b"m" + packed(model)[0])
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzzer", str(starts), str(seconds)],
        cwd=root,
        env=os.environ | {"RUST_BACKTRACE": "0"},  # River's Rust panics at altered pages, as it should
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def _models() -> list[object]:
    """One of each that is known to work, which has learned a little."""
    models = []
    for use_case in itertools.chain.from_iterable(EVERY_MODEL.values()):
        models.append(use_case.create(1))
        use_case.learn(models[-1], [1.0 + value % 7 for value in range(70)], [60.0 * n for n in range(70)])
    return models


def _pages() -> Iterator[bytes]:
    """Columns, with their length before them, and models: of ADWINs alone, of others, and of both."""
    models = _models()
    marks = {
        Shard("arn:aws:kinesis:eu-west-1:123456789012:stream/s", "shardId-0"): Checkpoint(9, ("k",), 1.5)
    }
    for part in (models[:1], models[1:2], models[:3]):
        states = {
            SignalKey("a", f"a.{number}"): State(model, marks, 70, 1, 1.5, "", Health(seen=70))
            for number, model in enumerate(part)
        }
        columns, packed_models = columns_of(states)
        encoded = msgspec.msgpack.encode(columns)
        yield len(encoded).to_bytes(2) + encoded + b"".join(packed_models)


def _tried(told: str) -> str:
    counts = re.findall(r"^#(\d+)", told, re.MULTILINE)
    return f"{int(counts[-1]):,}" if counts else "a few"


if __name__ == "__main__":
    app()
