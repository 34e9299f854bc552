"""Alerts as they arrive, each once, with the events on the bus that raised them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from producer_sim.observe.listening import AlertMessage, Inbox

_DETAIL_WITHIN_S = 3.0
_REMEMBERED = 10_000

_Known = TypeVar("_Known")


@dataclass(frozen=True, slots=True)
class SeenAlert:
    """An alert, or an event watched itself; `detail` is the event's, empty if unknown."""

    received_s: float
    alert: str | None
    """None for an event from the bus."""
    id: str
    headline: str
    detail: dict[str, Any]


@dataclass(slots=True)
class Watch:
    """Drops duplicates, and joins alerts that are text with their events from the bus.

    `events_too` shows every event, also those that match no alert.
    """

    inbox: Inbox
    events_too: bool = False
    clock: Callable[[], float] = time.monotonic
    repeats: int = 0
    _seen: dict[str, None] = field(default_factory=dict)
    _details: dict[str, dict[str, Any]] = field(default_factory=dict)
    _waiting: dict[str, tuple[float, AlertMessage]] = field(default_factory=dict)

    def arrivals(self, wait_s: float) -> Iterator[SeenAlert]:
        """What has arrived within this time, possibly nothing."""
        arrival = self.inbox.next(wait_s)
        if isinstance(arrival, AlertMessage):
            self._take(arrival)
        elif arrival is not None:
            detail, event_id = arrival.detail, arrival.detail["id"]
            _remember(self._details, event_id, detail)
            if self.events_too and self._is_new(event_id):
                headline = detail.get("headline", arrival.detail_type)
                yield SeenAlert(arrival.received_s, None, event_id, headline, detail)
        yield from self._ready()

    def _take(self, alert: AlertMessage) -> None:
        if alert.detail is not None:
            _remember(self._details, alert.id, alert.detail)
        if self._is_new(alert.id):
            self._waiting[alert.id] = self.clock(), alert

    def _is_new(self, event_id: str) -> bool:
        if event_id in self._seen:
            self.repeats += 1
            return False
        _remember(self._seen, event_id, None)
        return True

    def _ready(self) -> Iterator[SeenAlert]:
        now = self.clock()
        for event_id, (since, alert) in list(self._waiting.items()):
            detail = self._details.get(event_id)
            if detail is None and now - since < _DETAIL_WITHIN_S:
                continue
            del self._waiting[event_id]
            yield SeenAlert(alert.received_s, alert.alert, event_id, alert.headline, detail or {})


def _remember(known: dict[str, _Known], event_id: str, what: _Known) -> None:
    """Add it, and forget the oldest: a watch may run for weeks."""
    known[event_id] = what
    if len(known) > _REMEMBERED:
        del known[next(iter(known))]
