"""Alerts that are watched: each once, with what the bus told of its event."""

from producer_sim.observe.listening import Inbox, read_alert
from producer_sim.observe.watching import Watch
from producer_sim.run_folder import ReceivedEvent

ID = "32728622bcb927ee503830e2d4420c27"
DETAIL = {"id": ID, "headline": "warning: Drift Detected on a, value 3", "use_case": "drift", "lag_s": 1.0}
EVENT = ReceivedEvent(10.0, "Drift Detected", DETAIL)
TEXT = read_alert(
    11.0, "drifts", f'"{DETAIL["headline"]}"\n"Event {ID}: a mail that comes twice has the same."'
)


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def watch(*arrivals, events_too=False) -> tuple[Watch, Time]:
    inbox, clock = Inbox(lambda: None), Time()
    for arrival in arrivals:
        inbox.put(arrival)
    return Watch(inbox, events_too=events_too, clock=clock), clock


def seen_of(watched: Watch, arrivals: int) -> list:
    return [seen for _ in range(arrivals) for seen in watched.arrivals(0.0)]


def test_an_alert_that_is_text_has_the_detail_of_its_event_whichever_comes_first():
    for arrivals in ((EVENT, TEXT), (TEXT, EVENT)):
        watched, _ = watch(*arrivals)
        [seen] = seen_of(watched, 2)
        assert (seen.alert, seen.headline, seen.detail) == ("drifts", DETAIL["headline"], DETAIL)


def test_an_alert_whose_event_does_not_come_is_shown_all_the_same():
    watched, clock = watch(TEXT)
    assert seen_of(watched, 1) == []
    clock.now = 4.0
    [seen] = seen_of(watched, 1)
    assert (seen.id, seen.headline, seen.detail) == (ID, DETAIL["headline"], {})


def test_what_comes_again_is_dropped_and_counted():
    watched, _ = watch(EVENT, TEXT, TEXT, EVENT, TEXT)
    assert len(seen_of(watched, 5)) == 1
    assert watched.repeats == 2


def test_events_are_shown_once_also_where_their_alert_comes():
    watched, _ = watch(EVENT, TEXT, EVENT, events_too=True)
    [seen] = seen_of(watched, 3)
    assert seen.alert is None


def test_the_id_is_read_behind_a_signal_whose_name_looks_like_one():
    text = f'"warning: Drift Detected on Event {"0" * 32}, value 3"\n"Event {ID}: a mail"'
    assert read_alert(0.0, "drifts", text).id == ID
    assert read_alert(0.0, "drifts", "You have chosen to subscribe") is None
