"""Writes `assumptions.toml` with new measurements; what was assumed stays."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from producer_sim.plan.assumptions import ASSUMPTIONS_FILE

_HEAD = """\
# What a plan takes for granted: each with its unit, and where it comes from.
# `python -m producer_sim.plan.measure` measures [measured] and [models] anew and writes this file.
"""
_COMMAND = "python -m producer_sim.plan.measure"
_MORE = {
    "state_bytes": "of a state in its page besides the model: the signal's name, checkpoint and counters",
    "base_mb": "memory of the function before its first record",
    "batch_mb": "memory of a batch of 10,000 records of ten values",
}


def write_figures(
    parts: Mapping[str, float],
    models: Mapping[str, Mapping[str, float]],
    meanings: Mapping[str, str],
    day: str,
    where: str,
    path: Path = ASSUMPTIONS_FILE,
) -> None:
    """Write what was measured, on a day (ISO 8601) and a machine; [assumed] and [limits] are kept."""
    content = tomllib.loads(path.read_text())
    lines = [_HEAD, f"measured_on = {_text(day)}", f"measured_where = {_text(where)}", ""]
    for table in ("assumed", "limits"):
        for name, figure in content[table].items():
            lines += _figure(table, name, figure)
    for name, value in parts.items():
        meaning = meanings.get(name) or _MORE[name]
        unit = {"us": "µs", "mb": "MB", "bytes": "bytes"}[name.rpartition("_")[2]]
        figure = {"value": _rounded(value), "unit": unit, "source": f"{meaning}: {_COMMAND}"}
        lines += _figure("measured", name, figure)
    for name, costs in models.items():
        lines += [f"[models.{name}]", *(f"{cost} = {_rounded(value)}" for cost, value in costs.items())]
        lines += [f"source = {_text(f'River, its defaults, after 2,000 values: {_COMMAND}')}", ""]
    path.write_text("\n".join(lines))


def _figure(table: str, name: str, figure: Mapping[str, Any]) -> Iterator[str]:
    yield f"[{table}.{name}]"
    yield f"value = {figure['value']}"
    yield f"unit = {_text(figure['unit'])}"
    yield f"source = {_text(figure['source'])}"
    yield ""


def _rounded(value: float) -> float:
    """Three figures are more than a measurement holds.

    >>> _rounded(0.41234), _rounded(917.6)
    (0.412, 918.0)
    """
    return float(f"{value:.3g}")


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
