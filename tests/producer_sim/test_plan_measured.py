"""What the plan is based on is measured on the consumer itself, and written where the plan reads it."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from consumer.learning.state import State
from consumer.use_cases import USE_CASES
from producer_sim.plan import measure, measuring_models
from producer_sim.plan.assumptions import ASSUMPTIONS_FILE, Measured, Model, read_assumptions
from producer_sim.plan.measure import _PARTS, CASES, Case, _least_squares, _measure, write_figures
from producer_sim.plan.measuring_world import MeasuringWorld


def test_a_case_counts_what_the_consumer_did():
    world = MeasuringWorld(signals=12, pages=4, values=40)
    row, taken_us = _measure(Case(12, 4, 6, 3, 5), world)
    invocations, records, observations, signals, pages, states, states_read = row
    assert (invocations, records, observations, signals, states_read) == (1, 18, 90, 6, 0)
    assert 1 <= pages <= 4
    assert states == pages * 3
    assert taken_us > 0
    row, _ = _measure(Case(12, 4, 6, 3, 5, cold=True), world)
    assert row[-1] == row[-2] > 0


def test_the_parts_can_be_told_apart():
    rows = []
    for case in CASES:
        pages = min(case.pages or case.touched, case.touched)
        states = pages * case.held / (case.pages or case.held)
        records = case.touched * case.records
        rows.append([1, records, records * case.values, case.touched, pages, states, states * case.cold])
    rows = np.array(rows, dtype=float)
    assert np.linalg.matrix_rank(rows) == len(_PARTS)
    known = np.array([600.0, 12.0, 1.5, 20.0, 60.0, 8.0, 10.0])
    found = _least_squares(rows / (rows @ known)[:, None])
    assert found == pytest.approx(known, rel=0.05)


def test_what_is_written_is_what_is_read(tmp_path):
    path = tmp_path / "assumptions.toml"
    shutil.copy(ASSUMPTIONS_FILE, path)
    before = read_assumptions()
    parts = dict.fromkeys(Measured.__struct_fields__, 1.25)
    costs = dict.fromkeys(Model.__struct_fields__, 2.5)
    write_figures(parts, {"ADWIN": costs}, {"anomaly": costs}, "2026-12-01", "a machine", path)
    after = read_assumptions(path)
    assert (after.assumed, after.limits) == (before.assumed, before.limits)
    assert after.measured == Measured(**parts)
    assert after.measured_on == "2026-12-01"
    assert after.models == {"ADWIN": Model(**costs)}
    assert after.use_cases == {"anomaly": Model(**costs)}
    assert "a machine" in path.read_text()
    sources_before, sources = (
        re.findall("source = .*", file.read_text().partition("[models.")[0])
        for file in (ASSUMPTIONS_FILE, path)
    )
    assert sources == sources_before


def test_what_is_put_back_takes_less_than_what_is_out():
    """A page's memory is that of a learning page: most of its states are in arrays."""
    states = [State(USE_CASES["anomaly"].create(1)) for _ in range(500)]
    for number, state in enumerate(states):
        USE_CASES["anomaly"].learn(state.model, [number * 0.1 + k % 7 for k in range(200)], range(200))
    page = measuring_models._encoded(measuring_models._named(states))
    assert measuring_models._memory_bytes(page) < _out_bytes(page) / 2


def _out_bytes(page):
    code = (
        "import sys; from producer_sim.plan import measuring_models as of; of._looked_at = of._read; "
        "print(of.loaded_bytes(sys.stdin.buffer.read()))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=page, capture_output=True, check=True)
    return float(done.stdout)


def test_bytes_alone_leave_every_time_as_it_was(monkeypatch):
    costs = dict.fromkeys(Model.__struct_fields__, 2.5)
    monkeypatch.setattr(measure, "model_costs", lambda subject: costs)
    before = read_assumptions()
    parts, models, use_cases = measure.bytes_measured(before)
    assert Measured(**parts) == before.measured
    assert [*models, *use_cases] == [*before.models, *before.use_cases]
    for name, anew in (models | use_cases).items():
        kept = before.models.get(name) or before.use_cases[name]
        for cost, value in anew.items():
            assert value == (2.5 if cost.endswith("_bytes") else getattr(kept, cost)), (name, cost)
