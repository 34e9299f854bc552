"""What this plant expects of its use cases, on a recording made here. Edit it: your own recordings say more.

`make test PLANT=path` runs it, in the checkout of Kinesis River.
"""

import csv
import json
import math

import pytest
from typer.testing import CliRunner

from consumer.plant import plant
from ops.__main__ import app

ROWS, STEP_AT = 3000, 2000


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A value every 10 seconds: it wanders a little, and is 5 higher from row 2,000 on."""
    file = tmp_path_factory.mktemp("recording") / "pump1.csv"
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["time", "pressure"])
        for row in range(ROWS):
            value = 10.0 + math.sin(row * 0.7) * 0.2 + row * 7919 % 13 / 13.0 + 5.0 * (row >= STEP_AT)
            rows.writerow([1_700_000_000 + 10 * row, f"{value:.4f}"])
    return file


def opened(use_case, recording, tmp_path):
    """The sequence numbers at which alerts opened: the rows of the recording."""
    events = tmp_path / f"{use_case}.jsonl"
    ran = CliRunner().invoke(
        app, ["backtest", "--use-case", use_case, "--events", str(events), str(recording)]
    )
    assert ran.exit_code == 0, ran.output
    details = [json.loads(line) for line in events.read_text().splitlines()]
    return [int(detail["sequence_number"]) for detail in details if detail["change"] == "opened"]


@pytest.mark.parametrize("use_case", sorted(plant().use_cases))
def test_nothing_alerts_before_anything_happens(use_case, recording, tmp_path):
    assert [row for row in opened(use_case, recording, tmp_path) if row < STEP_AT] == []


def test_a_step_opens_an_alert_of_some_use_case_within_a_hundred_values(recording, tmp_path):
    found = [row for use_case in plant().use_cases for row in opened(use_case, recording, tmp_path)]
    assert [row for row in found if STEP_AT <= row < STEP_AT + 100]
