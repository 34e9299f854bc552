"""What a model believes can be shown, whatever class it is of."""

import json
import math

import numpy as np
import pytest
import yaml

from consumer.decode.signal_names import SignalKey
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.settings.signal_settings import SignalSettings
from ops.state.describe import parameters, plain
from ops.state.prediction import predicted
from tests.consumer.every_model import EVERY_MODEL

KEY = SignalKey("signal", "signal")
ALL = [
    pytest.param(use_case, id=f"{kind}-{name}-{number}")
    for (kind, name), use_cases in EVERY_MODEL.items()
    for number, use_case in enumerate(use_cases)
]


def learned(use_case) -> State:
    model = use_case.create(seed=1)
    values = [10.0 + math.sin(number / 9.0) + (number > 250) * 8.0 for number in range(300)]
    use_case.learn(model, values, [1.7e9 + 60.0 * number for number in range(300)])
    return State(model, learned=300)


@pytest.mark.parametrize("use_case", ALL)
def test_every_model_is_told_in_plain_values_and_stays_as_it_is(use_case):
    state = learned(use_case)
    before = PageCodec().encode({KEY: state})
    for told in (plain(state.model), parameters(use_case)):
        text = json.dumps(told, allow_nan=False)
        assert 10 < len(text) < 100_000
        assert "0x" not in text
        assert yaml.safe_load(yaml.safe_dump(told)) == told
    assert PageCodec().encode({KEY: state}) == before


@pytest.mark.parametrize("use_case", ALL)
def test_every_model_says_what_it_would_tell(use_case):
    state = learned(use_case)
    text = "value=4.5" if use_case.learns_assets else "4.5"
    told = predicted(SignalSettings(use_case, "warning"), state, text, 1.7e9)
    assert 0.0 <= told["score"] <= 1.0
    json.dumps(told, allow_nan=False)


def test_long_and_deep_parts_are_cut():
    told = plain({"long": list(range(1000)), "wide": {str(n): n for n in range(1000)}, "nan": math.nan})
    assert told["long"][-1] == "... 970 more"
    assert told["wide"]["..."] == "970 more"
    assert told["nan"] == "nan"
    deep: list = []
    for _ in range(50):
        deep = [deep, np.float64(1.0), np.arange(3)]
    json.dumps(plain(deep))
