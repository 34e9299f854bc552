"""`python -m producer_sim.plan.measure`: measure what the plan counts with, and write it to its file.

The consumer's own pipeline learns generated batches of many sizes, on memory; what it takes is split by least
squares into so much an invocation, a record, an observation, a signal, a page, and a state that is written or
read. Times differ by machine, and by what else runs on it; the plan scales them by `processor_speed`.
"""

import datetime
import json
import platform
import subprocess
import sys
import tracemalloc
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from consumer.decode.lambda_event import decode
from producer_sim.plan.assumptions import ASSUMPTIONS_FILE
from producer_sim.plan.assumptions_writer import write_figures
from producer_sim.plan.measuring_models import MODELS, model_costs, resident_mb
from producer_sim.plan.measuring_world import MeasuringWorld

_REPEATS = 5
_DESCENTS = 5000
_MB = 2**20
_PARTS = {
    "invocation_us": "CPU of an invocation, whatever is in it",
    "record_us": "CPU of a record: its part of the event's JSON, base64, its payload's JSON",
    "observation_us": "CPU of an observation, without the model's update",
    "signal_us": "CPU of a signal that an invocation brings",
    "page_us": "CPU of a page, without S3's requests",
    "state_encode_us": "CPU of a state written into its page, without the model's own",
    "state_decode_us": "CPU of a state read from its page, without the model's own",
}


@dataclass(frozen=True, slots=True)
class Case:
    """Batches of one size: of `touched` signals out of `held`, in `pages` (0: an object for each)."""

    held: int
    pages: int
    touched: int
    records: int
    values: int
    cold: bool = False


CASES = (
    Case(1, 1, 1, 1, 1),
    Case(16, 1, 16, 1, 1),
    Case(320, 16, 320, 1, 1),
    Case(320, 16, 320, 10, 1),
    Case(320, 16, 320, 1, 10),
    Case(320, 16, 320, 10, 10),
    Case(320, 16, 16, 60, 1),
    Case(320, 16, 16, 1, 60),
    Case(1000, 4, 1000, 2, 1),
    Case(1000, 4, 50, 2, 1),
    Case(1000, 4, 50, 2, 1, cold=True),
    Case(1000, 4, 1000, 2, 1, cold=True),
    Case(250, 0, 250, 1, 1),
    Case(250, 0, 250, 4, 1),
    Case(250, 0, 50, 1, 10, cold=True),
)


def measured() -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """The consumer's parts, and each model's costs, as `assumptions.Measured` and `Model` name them."""
    models = {name: model_costs(name) for name in track(MODELS, "Measuring models   ")}
    worlds = {(case.held, case.pages): MeasuringWorld(case.held, case.pages) for case in CASES}
    rows, taken = [], []
    for case in track(CASES, "Measuring consumer "):
        row, cpu_us = _measure(case, worlds[case.held, case.pages])
        rows.append(row)
        taken.append(cpu_us)
    parts = _split(np.array(rows), np.array(taken))
    adwin = models["ADWIN"]
    own = {"observation_us": "update_us", "state_encode_us": "dump_us", "state_decode_us": "load_us"}
    for part, of_model in own.items():
        parts[part] = max(parts[part] - adwin[of_model], 0.01)
    world = worlds[1000, 4]
    parts["state_bytes"] = world.state_bytes()
    parts["base_mb"] = _base_mb()
    parts["batch_mb"] = _batch_mb(world)
    return parts, models


def _measure(case: Case, world: MeasuringWorld) -> tuple[list[float], float]:
    """How much of each part is in the case, and the least µs of processor that it took."""
    touched = range(0, case.held, case.held // case.touched)[: case.touched]
    taken_s, written = [], set[str]()
    for _ in range(_REPEATS):
        before = dict(world.objects.objects)
        taken_s.append(world.cpu_s(world.event(touched, case.records, case.values), cold=case.cold))
        written = {key for key, stored in world.objects.objects.items() if stored != before.get(key)}
    states = len(written) * case.held / (case.pages or case.held)
    records = case.touched * case.records
    row = [1, records, records * case.values, case.touched, len(written), states, states * case.cold]
    return row, min(taken_s) * 1e6


def _split(rows: Any, taken_us: Any) -> dict[str, float]:
    """Least squares without negative parts, of relative errors: small batches count as large ones do."""
    parts = _least_squares(rows / taken_us[:, None])
    for row, cpu_us in zip(rows, taken_us, strict=True):
        fitted = float(row @ parts)
        _CONSOLE.print(
            f"  {[int(part) for part in row]!s:<42} {cpu_us:>10,.0f} µs, fitted {fitted:>10,.0f} µs"
        )
    return dict(zip(_PARTS, map(float, parts), strict=True))


def _least_squares(rows: Any) -> Any:
    """The parts, none below 0, that bring each row nearest to 1: by coordinate descent."""
    parts = np.zeros(rows.shape[1])
    squares = (rows**2).sum(axis=0)
    for _ in range(_DESCENTS):
        for part, square in enumerate(squares):
            missing = 1 - rows @ parts
            parts[part] = max(0.0, parts[part] + rows[:, part] @ missing / square)
    return parts


def _base_mb() -> float:
    """Memory of a process that has imported the handler and done nothing."""
    code = (
        "import consumer.handler; from producer_sim.plan.measuring_models import resident_mb; "
        "print(resident_mb())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def _batch_mb(world: MeasuringWorld) -> float:
    """Memory of a batch of 10,000 records of ten values, as Lambda delivers and the consumer reads it."""
    event = world.event(range(1000), 10, 10)
    tracemalloc.start()
    decode(json.loads(event))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (peak + len(event)) / _MB


_CONSOLE = Console()


def main() -> None:
    """Measure, print, and write the file."""
    parts, models = measured()
    where = f"{platform.machine()}, Python {platform.python_version()}"
    write_figures(parts, models, _PARTS, datetime.datetime.now(datetime.UTC).date().isoformat(), where)
    for name, value in parts.items():
        _CONSOLE.print(f"{name:<18}{value:>12.3f}")
    for name, costs in models.items():
        _CONSOLE.print(f"{name:<18}", "  ".join(f"{cost} {value:,.2f}" for cost, value in costs.items()))
    _CONSOLE.print(f"Written to {ASSUMPTIONS_FILE}. Now: python -m producer_sim.plan.document")


if __name__ == "__main__":
    resident_mb()  # tells at once where it cannot be measured
    main()
