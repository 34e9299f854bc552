"""The event bus: PutEvents, which sends again only the entries that were not accepted."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from consumer.errors import Unavailable
from consumer.events.event import SOURCE, Event
from consumer.ports import Jitter

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

ENTRIES_PER_REQUEST_MAX = 10
REQUEST_BYTES_MAX = 256 * 1024
_TRIES = 5
_BACKOFF_S = 0.1
_IN_FLIGHT_MAX = 8


class EventBridgeBus:
    """One bus of EventBridge."""

    def __init__(self, client: "EventBridgeClient", name: str, jitter: Jitter) -> None:
        self._client = client
        self._name = name
        self._jitter = jitter
        self._threads = ThreadPoolExecutor(_IN_FLIGHT_MAX, thread_name_prefix="events")

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish all events, in requests of up to ten and 256 kB.

        Raises: `Unavailable` unless all were accepted: some may have been, and will be published again.
        """
        await asyncio.gather(*(self._publish(request) for request in _requests(events)))

    async def _publish(self, events: Sequence[Event]) -> None:
        refused: Counter[str] = Counter()
        for tried in range(_TRIES):
            if tried:
                await asyncio.sleep(_BACKOFF_S * 2 ** (tried - 1) * self._jitter.uniform(0.5, 1.5))
            events, refused = await self._put(events)
            if not events:
                return
        raise Unavailable(f"the event bus {self._name} refused entries, {_TRIES} times: {dict(refused)}")

    async def _put(self, events: Sequence[Event]) -> tuple[list[Event], Counter[str]]:
        """Send the events; return those that were not accepted, and the number of them by error code."""
        entries = [self._entry(event) for event in events]
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(
                self._threads, lambda: self._client.put_events(Entries=entries)
            )
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"the event bus {self._name} does not answer: {error}") from error
        results = answer.get("Entries", [])
        failed = [event for event, result in zip(events, results, strict=False) if "ErrorCode" in result]
        failed_count = answer.get("FailedEntryCount", 0)
        if len(results) != len(events) or len(failed) != failed_count:
            raise Unavailable(
                f"the event bus {self._name} answered {len(results)} of {len(events)} entries, and counts "
                f"{failed_count} as failed where {len(failed)} say so"
            )
        return failed, Counter(result["ErrorCode"] for result in results if "ErrorCode" in result)

    def _entry(self, event: Event) -> "PutEventsRequestEntryTypeDef":
        return {
            "Source": SOURCE,
            "DetailType": event.detail_type,
            "Detail": event.detail,
            "EventBusName": self._name,
        }


def open_event_bus(name: str, region: str, jitter: Jitter) -> EventBridgeBus:
    """The bus, through a client whose requests and their retries end within some 20 seconds."""
    config = Config(
        region_name=region,
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=_IN_FLIGHT_MAX,
    )
    return EventBridgeBus(boto3.client("events", config=config), name, jitter)


def _requests(events: Sequence[Event]) -> Iterator[list[Event]]:
    request: list[Event] = []
    request_bytes = 0
    for event in events:
        # The names count, and 14 bytes for a time.
        size = len(event.detail.encode()) + len(event.detail_type.encode()) + len(SOURCE) + 14
        if request and (len(request) == ENTRIES_PER_REQUEST_MAX or request_bytes + size > REQUEST_BYTES_MAX):
            yield request
            request, request_bytes = [], 0
        request.append(event)
        request_bytes += size
    if request:
        yield request
