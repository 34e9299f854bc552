"""`python -m producer_sim.plan.measure`: measure the CPU and memory that the plan counts with.

The consumer's own pipeline learns generated batches of many sizes, in memory; least squares split their CPU
into so much per invocation, record, observation, signal, page, and state written or read. Times differ by
machine and by what else runs on it; the plan scales them by `processor_speed`.
"""

import datetime
import json
import platform
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import typer
from rich.progress import track
from scipy.optimize import nnls  # type: ignore[import-untyped]

from clients.console import Console
from consumer.decode.lambda_event import decode
from producer_sim.plan.assumptions import ASSUMPTIONS_FILE, Assumptions, Measured, Model, read_assumptions
from producer_sim.plan.measuring_models import MODELS, SHIPPED, model_costs, resident_mb
from producer_sim.plan.measuring_world import MeasuringWorld, read

_REPEATS = 5
_MB = 2**20
_PARTS = Measured.__struct_fields__[:7]  # the CPU of the parts that `_measure` counts, in its order
_OF_MODEL = {"observation_us": "update_us", "state_encode_us": "dump_us", "state_decode_us": "load_us"}
_CONSOLE = Console()


class Case(NamedTuple):
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


Costs = dict[str, dict[str, float]]
"""Of each model, by its name, as `assumptions.Model` names them."""


def measured() -> tuple[dict[str, float], Costs, Costs]:
    """The consumer's parts, as `assumptions.Measured` names them, each model's costs and each use case's."""
    models = {name: model_costs(MODELS[name]) for name in track(MODELS, "Measuring models   ")}
    use_cases = {name: model_costs(SHIPPED[name]) for name in track(SHIPPED, "Measuring use cases")}
    worlds = {case[:2]: MeasuringWorld(case.held, case.pages) for case in CASES}
    cases = [_measure(case, worlds[case[:2]]) for case in track(CASES, "Measuring consumer ")]
    rows, cpu_us = (np.array(column) for column in zip(*cases, strict=True))
    fitted = _least_squares(rows / cpu_us[:, None])
    for row, taken_us in zip(rows, cpu_us, strict=True):
        _CONSOLE.print(f"  {row.astype(int)} {taken_us:>10,.0f} µs, fitted {row @ fitted:>10,.0f} µs")
    parts = dict(zip(_PARTS, map(float, fitted), strict=True))
    for part, of_model in _OF_MODEL.items():  # the cases learn with ADWIN
        parts[part] = max(parts[part] - models["ADWIN"][of_model], 0.01)
    world = worlds[1000, 4]
    parts |= {"state_bytes": world.state_bytes(), "base_mb": _base_mb(), "batch_mb": _batch_mb(world)}
    return parts, models, use_cases


def write_figures(
    parts: Mapping[str, float],
    models: Mapping[str, Mapping[str, float]],
    use_cases: Mapping[str, Mapping[str, float]],
    day: str,
    machine: str,
    path: Path = ASSUMPTIONS_FILE,
) -> None:
    """Write what was measured, on a day (ISO 8601) and a machine; everything else in the file is kept."""
    text = path.read_text().partition("\n[models.")[0]
    for name, quoted in {"measured_on": day, "measured_where": machine}.items():
        text = re.sub(f"(?m)^{name} = .*", f"{name} = {json.dumps(quoted)}", text)
    for name, value in parts.items():
        text = re.sub(rf"(\[measured\.{name}\]\nvalue = ).*", rf"\g<1>{_rounded(value)}", text)
    text += _tables("models", models, "River, its defaults, after 2,000 values")
    text += _tables(
        "use_cases", use_cases, "as shipped, its sensor checks included, after 2,000 values in a week"
    )
    path.write_text(text)


def _tables(kind: str, of_each: Mapping[str, Mapping[str, float]], source: str) -> str:
    text = ""
    for name, costs in of_each.items():
        figures = (f"{cost} = {_rounded(value)}" for cost, value in costs.items())
        source_line = f'source = "{source}: python -m producer_sim.plan.measure"'
        text += "\n".join([f"\n[{kind}.{name}]", *figures, source_line, ""])
    return text


def _measure(case: Case, world: MeasuringWorld) -> tuple[list[float], float]:
    """How many of each part are in the case, and the least µs of CPU that it took."""
    touched = range(0, case.held, case.held // case.touched)[: case.touched]
    taken_s, written = [], set[str]()
    for _ in range(_REPEATS):
        before = dict(world.bucket.objects)
        taken_s.append(world.cpu_s(world.event(touched, case.records, case.values), cold=case.cold))
        written = {key for key, stored in world.bucket.objects.items() if stored != before.get(key)}
    states = len(written) * case.held / (case.pages or case.held)
    records = case.touched * case.records
    row = [1, records, records * case.values, case.touched, len(written), states, states * case.cold]
    return row, min(taken_s) * 1e6


def _least_squares(rows: Any) -> Any:
    """The parts, none below 0, that bring each row nearest to 1; so small batches count like large ones."""
    return nnls(rows, np.ones(len(rows)))[0]


def _base_mb() -> float:
    """Memory of a process that has imported the handler and done nothing."""
    module = "producer_sim.plan.measuring_models"
    code = f"import consumer.handler; from {module} import resident_mb; print(resident_mb())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def _batch_mb(world: MeasuringWorld) -> float:
    """Memory of a batch of 10,000 records of ten values, as Lambda delivers and the consumer reads it."""
    event = world.event(range(1000), 10, 10)
    tracemalloc.start()
    decode(read(event))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (peak + len(event)) / _MB


def _rounded(value: float) -> float:
    """To three figures: a measurement holds no more.

    >>> _rounded(0.41234), _rounded(917.6)
    (0.412, 918.0)
    """
    return float(f"{value:.3g}")


def bytes_measured(before: Assumptions) -> tuple[dict[str, float], Costs, Costs]:
    """The same with the bytes of models and use cases measured anew, and every time as it was before."""
    anew = (
        {name: kept | _bytes_of(model_costs(subjects[name])) for name, kept in costs.items()}
        for subjects, costs in ((MODELS, _costs(before.models)), (SHIPPED, _costs(before.use_cases)))
    )
    models, use_cases = anew
    return msgspec.structs.asdict(before.measured), models, use_cases


def _costs(models: Mapping[str, Model]) -> Costs:
    return {name: msgspec.structs.asdict(model) for name, model in models.items()}


def _bytes_of(costs: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in costs.items() if name.endswith("_bytes")}


def main(
    only_bytes: Annotated[
        bool, typer.Option("--bytes", help="Only what models take in bytes: on a machine that is busy.")
    ] = False,
) -> None:
    """Measure, write the file, and print what was measured."""
    resident_mb()  # fails at once where it cannot be measured
    before = read_assumptions()
    if only_bytes:
        day, machine = before.measured_on, before.measured_where
        parts, models, use_cases = bytes_measured(before)
    else:
        machine = f"{platform.machine()}, Python {platform.python_version()}"
        day = datetime.datetime.now(datetime.UTC).date().isoformat()
        parts, models, use_cases = measured()
    write_figures(parts, models, use_cases, day, machine)
    for name, value in parts.items():
        _CONSOLE.print(f"{name:<18}{value:>12.3f}")
    for name, costs in (models | use_cases).items():
        _CONSOLE.print(f"{name:<18}", "  ".join(f"{cost} {value:,.2f}" for cost, value in costs.items()))
    _CONSOLE.print(
        f"Written to {ASSUMPTIONS_FILE}. Now `python -m producer_sim.plan.document` writes docs/costs.md."
    )


if __name__ == "__main__":
    typer.run(main)
