"""The alert's life cycle over many signals: what `AlertPolicy` makes of it, bit for bit."""

import random

import numpy as np
import pytest

from consumer.detectors.alert_policy import AlertPolicy, AlertState, DeadBand
from consumer.detectors.in_columns.alert_twin import AlertTwin
from consumer.detectors.in_columns.vectorised import Gathered, Rows, Source
from consumer.detectors.seasonal_anomaly import SeasonalAnomalyState
from consumer.detectors.state_columns import StateColumns

SIGNALS, BATCHES, VALUES = 40, 30, 5
STEPS_S = [0.0, 60.0, 60.0, 60.0, -60.0, 3600.0, -3600.0, 1e5, -1e5]
FIELDS = [f"alert.{name}" for name in AlertState.__struct_fields__]


BAND = DeadBand(least=0.5, direction="rise")


@pytest.mark.parametrize(
    ("seed", "band"), [*((seed, None) for seed in range(20)), *((seed, BAND) for seed in range(20, 30))]
)
def test_alerts_that_neither_open_nor_clear_nor_are_due_go_on_in_columns_as_alone(seed, band):
    draw = random.Random(seed)
    policy = AlertPolicy(
        clear_after=draw.choice([0, 1, 2, 5, 20, 2**70]),
        still_open_s=draw.choice([0.0, 3600.0, 86_400.0]),
        cool_down_s=draw.choice([0.0, 600.0]),
        alerts_per_week=draw.choice([1.0, 1e4]),
        dead_band=band,
    )
    alone = [AlertState(notified_s=draw.choice([None, 5.0])) for _ in range(SIGNALS)]  # of an earlier one
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
            # With a dead band all leave that opened once, until they have cleared or calmed down.
            share = 0.15 if band is None else 0.03
            opens, keeps = (np.array([draw.random() < share for _ in range(SIGNALS)]) for _ in range(2))
            score = np.array([draw.random() for _ in range(SIGNALS)])
            step = twin.next(slice(0, SIGNALS), score, opens, keeps, at_s)
            for row, signal in enumerate(order.tolist()):
                change = policy.next(
                    alone[signal],
                    float(score[row]),
                    opens=bool(opens[row]),
                    keeps=bool(keeps[row]),
                    at_s=float(at_s[row]),
                    value=draw.choice([1.0, 0.3, 0.2, -3.0]),
                    expected=0.0,
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
