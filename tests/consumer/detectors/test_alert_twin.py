"""The alert's life cycle over many signals: what `AlertPolicy` makes of it, bit for bit."""

import random

import numpy as np
import pytest

from consumer.detectors.alert_policy import AlertPolicy, AlertState
from consumer.detectors.in_columns.alert_twin import AlertTwin
from consumer.detectors.in_columns.vectorised import Gathered, Rows, Source
from consumer.detectors.seasonal_anomaly import SeasonalAnomalyState
from consumer.detectors.state_columns import StateColumns

SIGNALS, BATCHES, VALUES = 40, 30, 5
STEPS_S = [0.0, 60.0, 60.0, 60.0, -60.0, 3600.0, -3600.0, 1e5, -1e5]
FIELDS = [f"alert.{name}" for name in AlertState.__struct_fields__]


@pytest.mark.parametrize("seed", range(20))
def test_alerts_that_neither_open_nor_clear_nor_are_due_go_on_in_columns_as_alone(seed):
    draw = random.Random(seed)
    policy = AlertPolicy(
        clear_after=draw.choice([0, 1, 2, 5, 20, 2**70]),
        still_open_s=draw.choice([0.0, 3600.0, 86_400.0]),
        cool_down_s=draw.choice([0.0, 600.0]),
        alerts_per_week=draw.choice([1.0, 1e4]),
    )
    alone = [AlertState() for _ in range(SIGNALS)]
    columns = StateColumns.empty(SeasonalAnomalyState, SIGNALS)
    numbers_of = columns.layout.numbers_of
    at_s = np.array([draw.choice([0.0, 1e9]) for _ in range(SIGNALS)])
    stayed = 0
    for _ in range(BATCHES):
        columns.put(range(SIGNALS), [numbers_of(SeasonalAnomalyState(alert=alert)) for alert in alone])
        order = np.array(draw.sample(range(SIGNALS), SIGNALS))
        sources = [Source(columns, np.arange(15)), Source(columns, np.arange(15, SIGNALS))]
        gathered = Gathered(SeasonalAnomalyState, Rows(sources, order), FIELDS)
        twin, here = AlertTwin(policy, gathered), np.ones(SIGNALS, dtype=np.bool_)
        for _ in range(VALUES):
            at_s += [draw.choice(STEPS_S) for _ in range(SIGNALS)]
            opens, keeps = (np.array([draw.random() < 0.15 for _ in range(SIGNALS)]) for _ in range(2))
            score = np.array([draw.random() for _ in range(SIGNALS)])
            step = twin.next(slice(0, SIGNALS), score, opens, keeps, at_s)
            for row, signal in enumerate(order.tolist()):
                change = policy.next(
                    alone[signal],
                    float(score[row]),
                    opens=bool(opens[row]),
                    keeps=bool(keeps[row]),
                    at_s=float(at_s[row]),
                )
                if change is not None and here[row]:
                    assert step.leaves[row]
            here &= ~step.leaves
            step.commit(None if here.all() else here.copy())
        gathered.scatter()
        for signal in order[here].tolist():
            assert repr(columns.take(signal).alert) == repr(alone[signal])
        stayed += int(here.sum())
    assert stayed > SIGNALS
