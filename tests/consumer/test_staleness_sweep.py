"""A visit by the real function, of pages in a real bucket's stand-in: what is silent is told, once."""

import pytest

from consumer.handler import handler
from tests.ops.operated import plant, waves


@pytest.fixture
def running():
    with plant() as made:
        yield made


@pytest.mark.parametrize("pages", ["0", "16"])
def test_a_schedules_event_tells_of_what_is_silent_and_changes_nothing_the_second_time(running, pages):
    running.environment.setenv("MODEL_PAGES", pages)
    running.later_s = 3600.0  # an object for each signal is looked at where it was not written of late
    running.learn("anomaly", waves("compressor1.pressure", 100))
    assert handler({"visit": True}, None) == {"batchItemFailures": []}
    [told] = running.told()
    assert told["headline"].startswith("warning: Sensor Fault on compressor1.pressure, nothing came for")
    assert (told["evidence"]["fault"], told["change"]) == ("stale", "opened")
    before = running.objects()
    handler({"visit": True}, None)
    assert (running.told(), running.objects()) == ([], before)
    running.learn("anomaly", waves("compressor1.pressure", 5, start=100))
    [cleared] = running.told()
    assert (cleared["evidence"]["fault"], cleared["change"]) == ("stale", "cleared")
    assert cleared["alert"] == told["alert"]


def test_what_was_written_of_late_is_not_read_where_each_signal_has_an_object(running):
    running.environment.setenv("MODEL_PAGES", "0")
    running.learn("anomaly", waves("compressor1.pressure", 100))
    handler({"visit": True}, None)
    assert running.told() == []
