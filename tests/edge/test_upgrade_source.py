"""How far models have learned is read of any page, whatever they are made of, and nothing of it is run."""

import os
import pickle
from hashlib import sha256

import pytest

from consumer.core.errors import UnreadablePage
from consumer.core.records import Shard
from consumer.core.signals import SignalKey
from consumer.core.state import State, Watermark
from consumer.edge.page_codec import PageCodec
from consumer.edge.state_columns import columns_of
from consumer.operate.upgrade_source import marks_in
from consumer.use_cases import USE_CASES

MARKS = {Shard("arn:aws:kinesis:us-east-1:123456789012:stream/plant", "shardId-0"): Watermark(7, ("k",), 1.5)}


@pytest.mark.parametrize("name", USE_CASES)
def test_of_each_use_case(name):
    use_case = USE_CASES[name]
    states = {}
    for signal in ("a", "b"):
        model = use_case.create(1)
        use_case.learn(model, [float(value % 7) for value in range(200)], [60.0 * n for n in range(200)])
        states[SignalKey("asset", f"asset.{signal}")] = State(model, MARKS, 200)
    river, marks = marks_in(PageCodec().encode(states))
    assert marks == dict.fromkeys(states, MARKS)
    assert river.count(".") == 2


class Harm:
    def __reduce__(self):
        return os.mkdir, ("harm",)


def test_what_a_page_asks_to_be_called_is_not_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    key = SignalKey("a", "a")
    page = PageCodec().encode({key: State(USE_CASES["drift"].create(1), MARKS)})
    columns = columns_of({key: State(None, MARKS)})._replace(models=("as they are", [Harm()]))
    body, start = pickle.dumps(tuple(columns), protocol=5), 5 + 4
    header = page[start : start + int.from_bytes(page[5:start])]
    forged = page[:start] + header + sha256(header + body).digest() + body
    assert marks_in(forged)[1] == {key: MARKS}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("page", [b"", b"RVPG moved\n", b"RVPG\x01" + b"x" * 100])
def test_what_is_no_page_is_said(page):
    with pytest.raises(UnreadablePage):
        marks_in(page)
