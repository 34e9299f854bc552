"""Events and alerts as they arrive, in one inbox."""

import json
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from clients.deployment import Pipeline
from clients.errors import NotObservable
from producer_sim.observe.queues import PROBE_SOURCE, Message, Queue, temporary_queues
from producer_sim.run_folder import ReceivedEvent

_OPEN_WITHIN_S = 60.0
_PROBE_EVERY_S = 2.0
_ID = re.compile(r"\bEvent ([0-9a-f]{32})\b")


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """An alert as delivered; `detail` is the event's if the message is the whole event, else None."""

    received_s: float
    alert: str
    id: str
    headline: str
    detail: dict[str, Any] | None


def read_alert(received_s: float, alert: str, message: str) -> AlertMessage | None:
    r"""Read a message of the topic of `alert`, an e-mail's text or the event itself; None for others.

    >>> text = '"warning: Drift Detected on a, value 3"\n"Event 32728622bcb927ee503830e2d4420c27: a mail"'
    >>> read_alert(0.0, "drifts", text).headline
    'warning: Drift Detected on a, value 3'
    >>> read_alert(0.0, "drifts", '{"detail": {"id": "32728622bcb927ee503830e2d4420c27"}}').id
    '32728622bcb927ee503830e2d4420c27'
    """
    try:
        event = json.loads(message)
        detail = event["detail"]
        return AlertMessage(received_s, alert, detail["id"], detail.get("headline", ""), detail)
    except (ValueError, KeyError, TypeError):
        pass
    # The last match: a signal's name comes before it, and may be anything.
    ids = _ID.findall(message)
    if not ids:
        return None
    return AlertMessage(received_s, alert, ids[-1], message.partition("\n")[0].strip('"'), None)


Arrival = ReceivedEvent | AlertMessage


class Inbox:
    """Arrivals, in order within events and within each alert."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._arrivals: queue.Queue[Arrival | Exception] = queue.Queue()

    def put(self, arrival: Arrival | Exception) -> None:
        """Add an arrival, or the error that prevents arrivals."""
        self._arrivals.put(arrival)

    def check(self) -> None:
        """Raise what polling the queues raised, or what `Pipeline.check` raises; no arrival is taken."""
        self._check()
        with self._arrivals.mutex:
            waiting = list(self._arrivals.queue)
        for arrival in waiting:
            if isinstance(arrival, Exception):
                raise arrival

    def next(self, wait_s: float) -> Arrival | None:
        """Return the next arrival; None if there is none within this time.

        Raises: what polling the queues raised; what `Pipeline.check` raises.
        """
        self._check()
        try:
            arrival = self._arrivals.get(timeout=max(0.0, wait_s))
        except queue.Empty:
            return None
        if isinstance(arrival, Exception):
            raise arrival
        return arrival


@contextmanager
def listening(pipeline: Pipeline) -> Iterator[Inbox]:
    """Listen to the bus and to each alert's topic; nothing published inside the block is missed.

    Raises: `NotObservable`; what botocore raises.
    """
    bus = pipeline.event_bus_name
    if bus is None:
        raise NotObservable(
            f"{pipeline.name} is a stream alone and cannot be observed: use --stack NAME or --local"
        )
    inbox = Inbox(pipeline.check)
    is_open, stopped = threading.Event(), threading.Event()

    def event(message: Message) -> None:
        if message.body["source"] == PROBE_SOURCE:
            is_open.set()
        else:
            inbox.put(ReceivedEvent(message.sent_s, message.body["detail-type"], message.body["detail"]))

    def alert_of(name: str) -> Callable[[Message], None]:
        def alert(message: Message) -> None:
            if read := read_alert(message.sent_s, name, message.body["Message"]):
                inbox.put(read)

        return alert

    with temporary_queues(pipeline) as (events, alerts), ExitStack() as threads:
        threads.enter_context(_polled(events, event, inbox, stopped))
        for name, queue_of_alert in alerts.items():
            threads.enter_context(_polled(queue_of_alert, alert_of(name), inbox, stopped))
        threads.callback(stopped.set)  # before joining them
        _wait_until_open(pipeline, bus, is_open, inbox)
        yield inbox


def _wait_until_open(pipeline: Pipeline, bus: str, is_open: threading.Event, inbox: Inbox) -> None:
    """A new rule takes a while until it delivers events: send probes until one arrives."""
    events = pipeline.client("events")
    deadline = time.monotonic() + _OPEN_WITHIN_S
    while not is_open.is_set():
        if time.monotonic() > deadline:
            raise NotObservable(
                f"Events on the bus {bus} did not reach a queue within {_OPEN_WITHIN_S:g} s: see the metric "
                "FailedInvocations of the rules river-observe-* in CloudWatch, namespace AWS/Events"
            )
        answer = events.put_events(
            Entries=[
                {"Source": PROBE_SOURCE, "DetailType": "Probe", "Detail": json.dumps({}), "EventBusName": bus}
            ]
        )
        if answer["FailedEntryCount"]:
            raise NotObservable(f"The bus {bus} rejects events: {answer['Entries'][0].get('ErrorMessage')}")
        is_open.wait(_PROBE_EVERY_S)
        inbox.check()


@contextmanager
def _polled(
    polled: Queue, take: Callable[[Message], None], inbox: Inbox, stopped: threading.Event
) -> Iterator[None]:
    def poll() -> None:
        try:
            while not stopped.is_set():
                for message in polled.receive():
                    take(message)
        except Exception as error:  # whatever it is, the thread that waits for arrivals has to raise it
            inbox.put(error)

    thread = threading.Thread(target=poll, name=f"poll {polled.url.rpartition('/')[2]}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
