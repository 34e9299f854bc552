"""The consumer makes of 24 mixed batches what it made of them before batches and pages were columns.

What `shift` makes of them was recorded anew when rounding became that of a double: signals that stand still
(flat, stuck), whose blocks differ by more than they vary (saw, huge), or change their level after a day
(step, ramp, rare: the means of hours no longer keep what they followed of the change) have other states
since. It was recorded once more when the first block of a signal no longer led those that follow, which is a
number of each state, and hours began with a block: other blocks lie across a step since.
`anomaly` was recorded anew, with the scalar code alone, when it became a River model that isolates; and
so were the use cases whose alerts have a budget when a clock that was behind no longer gave it back twice,
and one that was ahead was found out: how many values came from before is a number of each alert's state
since, and one alert (assets by pattern) opens two rows sooner.
What the other use cases make of them is as it was recorded first, but for the visit at the end: of the
signals that never brought a value, none falls silent any more.
"""

import pytest

from consumer.decode.delivery import TypedRecords
from consumer.use_cases import USE_CASES
from tests.consumer.compiled import compiled_reader, plain_read_by
from tests.consumer.same_as_before import golden
from tests.consumer.same_as_before.mixed_batches import deliveries
from tests.consumer.same_as_before.replay import CASES, WAYS, became_of, machine, read_from_bytes


@pytest.fixture(scope="module")
def before():
    found = golden.read()
    if found["machine"] != machine():
        pytest.skip(
            "this machine's C library, numpy or Python calculates other last digits than the recorder's"
        )
    return found["cases"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_states_events_quarantine_and_counts_are_those_of_before(before, case, way):
    with plain_read_by(None):
        assert_as_before(before, case, way)


@pytest.mark.parametrize("case", CASES)
def test_they_are_the_same_where_the_compiled_reader_reads(before, case):
    with plain_read_by(compiled_reader()):
        assert_as_before(before, case, "16 pages, from dicts, interrupted")


def assert_as_before(before, case, way):
    expected = before[case]
    became = became_of(case, way)
    found = golden.common_to_ways(became)
    for number, delivery in enumerate(deliveries()):
        other = differing(found["signals"][number], expected["signals"][number])
        assert not other, f"after batch {number}, {delivery.name}"
        assert found["states"][number] == expected["states"][number], f"batch {number}: in the whole digest"
    assert found["events"] == expected["events"]
    assert found["quarantine"] == expected["quarantine"]
    assert golden.of_way(way, became) == expected["ways"][way]


def differing(found, expected):
    """The signals whose state is another one, or which only one of the two has changed."""
    return [signal for signal in sorted({*found, *expected}) if found.get(signal) != expected.get(signal)]


def test_the_batches_are_of_all_kinds(before):
    batches = deliveries()
    assert len(batches) == 24
    typed = [isinstance(read_from_bytes(batch.records)["Records"], TypedRecords) for batch in batches]
    assert typed.count(True) >= 16, "most are as Lambda sends them"
    assert typed.count(False) >= 4, "some are not"
    changes = {text.split()[-3] for case in before.values() for text in case["events"]}
    assert changes == {"opened", "still_open", "cleared"}
    counted = {
        name
        for case in before.values()
        for way in case["ways"].values()
        for _, counts in way.get("reports", [])
        for name in counts
    }
    assert counted >= {
        "redelivered",
        "skipped",
        "uncertain",
        "of_no_asset",
        "quarantined",
        "signals_on_several_shards",
        "events_published",
    }


def test_each_use_case_that_ships_is_replayed():
    assert [case.use_case for case in CASES.values()][: len(USE_CASES)] == list(USE_CASES.values())
