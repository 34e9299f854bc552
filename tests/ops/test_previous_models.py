"""How far models have learned is read of any page, whatever they are made of, and nothing of it is run."""

from typing import get_args

import msgspec
import numpy as np
import pytest

from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import AlertState
from consumer.detectors.sensor_checks import Fault, Health
from consumer.errors import UnreadablePage
from consumer.learning.state import Checkpoint, State
from consumer.pages.arrays import write_row
from consumer.pages.codec import PageCodec
from consumer.pages.columns import columns_of
from consumer.use_cases import USE_CASES
from ops.upgrade.previous_models import checkpoints_in
from tests.consumer.every_model import EVERY_MODEL
from tests.consumer.pages.hostile_pages import with_columns

MARKS = {
    Shard("arn:aws:kinesis:us-east-1:123456789012:stream/plant", "shardId-0"): Checkpoint(7, ("k",), 1.5)
}


@pytest.mark.parametrize("name", USE_CASES)
def test_of_each_use_case(name):
    use_case = USE_CASES[name]
    states = {}
    for signal in ("a", "b"):
        model = use_case.create(1)
        use_case.learn(model, [float(value % 7) for value in range(200)], [60.0 * n for n in range(200)])
        states[SignalKey("asset", f"asset.{signal}")] = State(model, MARKS, 200)
    river, marks = checkpoints_in(PageCodec().encode(states))
    assert marks == dict.fromkeys(states, MARKS)
    assert river.count(".") == 2


@pytest.mark.parametrize("name", USE_CASES)
def test_whatever_else_a_state_holds(name):
    """Sensors' alerts are of a class of ours, and are not read any more than a model is."""
    shards = [Shard("arn:aws:kinesis:us-east-1:123456789012:stream/plant", f"shardId-{n}") for n in (0, 1)]
    marks = {shard: Checkpoint(7, ("k", "l"), None) for shard in shards}
    opened = {fault: AlertState(is_open=True, since_s=1.5, values=3) for fault in get_args(Fault)}
    cleared = {fault: AlertState(cleared_s=2.5, times=1) for fault in get_args(Fault)}
    states = {
        SignalKey("asset", signal): State(
            USE_CASES[name].create(1), of_signal, 200, 3, 1.5, parameters, Health(200, 1.0, alerts=alerts)
        )
        for signal, of_signal, parameters, alerts in (
            ("asset", {}, "", {}),
            ("asset.a", MARKS, "0123456789abcdef", opened),
            ("asset.b", marks, "fedcba9876543210", cleared),
        )
    }
    page = PageCodec().encode(states)
    assert checkpoints_in(page)[1] == {
        key: state.checkpoints for key, state in PageCodec().decode(page).items()
    }
    assert checkpoints_in(page)[1] == {key: state.checkpoints for key, state in states.items()}


@pytest.mark.parametrize("models", EVERY_MODEL.values(), ids=map("-".join, EVERY_MODEL))
def test_of_each_model(models):
    for use_case in models:
        model = use_case.create(1)
        use_case.learn(model, [1.0 + value % 7 for value in range(200)], [60.0 * n for n in range(200)])
        key = SignalKey("a", "a")
        assert checkpoints_in(PageCodec().encode({key: State(model, MARKS, 200)}))[1] == {key: MARKS}


def test_no_model_is_looked_at():
    """Not even whether it is one: it may be of a River that is not here."""
    states = {SignalKey("a", "a"): State(None, MARKS), SignalKey("b", "b"): State(None, MARKS)}
    columns, _ = columns_of(states)
    models = [b"\xc1\xff", b""]
    lengths = write_row(np.array([2, 0]))
    page = with_columns(columns, models, lengths=lengths, health=[(0, b"\xc1")])
    assert checkpoints_in(page)[1] == dict.fromkeys(states, MARKS)


@pytest.mark.parametrize(
    "altered",
    [
        {"digits": ["7"]},
        {"digits": b"7"},
        {"template": b""},
        {"keys": [(0, ["k", 7])]},
        {"keys": [7]},
        {"keys": [(1, ["k"])]},
        {"slots": b"\x81\1"},
        {"slots": -1},
        {"shard": ["arn"]},
        {"count": 2},
        {"count": 0},
        {"signals": [7]},
    ],
)
def test_checkpoints_of_other_types_are_refused(altered):
    columns, models = columns_of({SignalKey("a", "a"): State(USE_CASES["drift"].create(1), MARKS)})
    assert checkpoints_in(with_columns(columns, models))[1] == {SignalKey("a", "a"): MARKS}
    if "signals" not in altered:
        altered = {"marks": [msgspec.structs.replace(columns.marks[0], **altered), *columns.marks[1:]]}
    with pytest.raises(UnreadablePage, match="checkpoints cannot be read"):
        checkpoints_in(with_columns(columns, models, **altered))


@pytest.mark.parametrize("page", [b"", b"RVPG moved\n", b"RVPG\x01" + b"x" * 100, b"RVPG\x02" + b"x" * 100])
def test_what_is_no_page_is_said(page):
    with pytest.raises(UnreadablePage):
        checkpoints_in(page)
