"""S3 and EventBridge: each call may fail before or after its effect, be slow, or find nobody alive."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from obstore import exceptions

from consumer.aws.s3 import Objects
from consumer.errors import Unavailable
from consumer.events.event import Event
from tests.local.fake_stream import START
from tests.simulation.chance import Chance
from tests.simulation.functions import INVOCATION, Invocation


@dataclass
class Bucket:
    """What `Objects` calls of obstore's store, on memory. `on_put` hears of each PUT."""

    chance: Chance
    on_put: Callable[[str, bytes | None, bytes, Invocation | None], None]
    objects: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    modified_s: dict[str, float] = field(default_factory=dict)
    versions: int = 0
    kept: dict[str, list[tuple[str, float, bytes]]] = field(default_factory=lambda: defaultdict(list))
    """All versions of each object: ETag, time and content."""

    def get(self, key: str, *, options: dict[str, str] | None = None) -> Any:
        """An object, or obstore's error."""
        if self.chance.happens("GET fails", 0.01):
            raise exceptions.GenericError("500 Internal Error, or 503 Slow Down")
        if self.chance.happens("GET answers 403", 0.003):
            raise exceptions.PermissionDeniedError("403")
        if key not in self.objects:
            raise FileNotFoundError(key)
        e_tag, body = self.objects[key]
        if options and options.get("if_none_match") == e_tag:
            raise exceptions.NotModifiedError(key)
        return SimpleNamespace(meta={"e_tag": e_tag, "size": len(body)}, bytes=lambda: body)

    def put(self, key: str, body: bytes, *, mode: Any, use_multipart: bool) -> dict[str, str]:
        """Write an object, on obstore's conditions."""
        if self.chance.happens("PUT fails before its effect", 0.01):
            raise exceptions.GenericError("500 Internal Error, or 503 Slow Down")
        conditional = mode != "overwrite"
        if conditional and self.chance.happens("PUT answers 409", 0.01):
            raise exceptions.PreconditionError("409: two writes met")
        e_tag, before = self.objects.get(key, (None, None))
        if mode == "create" and e_tag is not None:
            raise exceptions.AlreadyExistsError(key)
        if isinstance(mode, dict) and mode["e_tag"] != e_tag:
            raise exceptions.PreconditionError(key)
        self.store(key, body)
        self.on_put(key, before, body, INVOCATION.get())
        if self.chance.happens("PUT fails after its effect", 0.01):
            raise exceptions.GenericError("the connection is torn")
        if conditional and self.chance.happens("PUT answers 412 after its effect", 0.01):
            raise exceptions.PreconditionError("412: the client's own retry")
        return {"e_tag": self.objects[key][0]}

    def store(self, key: str, body: bytes) -> None:
        """Keep it as a new version."""
        self.versions += 1
        self.objects[key] = f'"{self.versions}"', body
        now_s = self.modified_s[key] = START + asyncio.get_running_loop().time()
        self.kept[key].append((self.objects[key][0], now_s, body))

    def list_with_delimiter(self, prefix: str) -> dict[str, Any]:
        """The folders in a folder."""
        below = [key[len(prefix) + 1 :] for key in self.objects if key.startswith(prefix + "/")]
        return {"common_prefixes": {f"{prefix}/{name.partition('/')[0]}" for name in below if "/" in name}}

    def list(self, prefix: str) -> list[list[dict[str, Any]]]:
        """All keys below a folder, and when they were last written."""
        keys = [key for key in sorted(self.objects) if key.startswith(prefix + "/")]
        return [
            [
                {"path": key, "last_modified": datetime.fromtimestamp(self.modified_s[key], UTC)}
                for key in keys
            ]
        ]


class SimulatedObjects(Objects):
    """The real thing, whose requests run on the loop instead of in threads; a request goes on though it is
    no longer waited for.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._store: Any = bucket
        self._chance = bucket.chance

    async def _in_thread(self, request: Callable[[], Any]) -> Any:
        return await asyncio.shield(asyncio.ensure_future(self._request(request)))

    async def _request(self, request: Callable[[], Any]) -> Any:
        invocation = INVOCATION.get()
        name = _what(request)
        if invocation is not None:
            invocation.may_die(f"before {name}")
        await latency(self._chance)
        if invocation is not None:
            invocation.live()
        answer = request()
        await latency(self._chance)
        if invocation is not None:
            invocation.may_die(f"after {name}", 0.05 if name == "a quarantine's PUT" else 0.01)
        return answer


def _what(request: Callable[[], Any]) -> str:
    """Which kind of request this closure of `Objects` is."""
    names = dict(zip(request.__code__.co_freevars, request.__closure__ or (), strict=True))
    if "body" not in names:
        return "a GET"
    key = names["key"].cell_contents
    return "a quarantine's PUT" if key.startswith("quarantine/") else "a page's PUT"


async def latency(chance: Chance) -> None:
    invocation = INVOCATION.get()
    if invocation is not None and invocation.is_stalled:
        await asyncio.sleep(chance.rng("stall").uniform(0.0, 15.0))
    elif chance.happens("request that hangs", 0.002):
        await asyncio.sleep(chance.rng("hang").uniform(10.0, 60.0))
    elif chance.happens("slow request", 0.02):
        await asyncio.sleep(chance.rng("slow").uniform(0.5, 8.0))
    else:
        await asyncio.sleep(chance.rng("latency").uniform(0.001, 0.05))


@dataclass
class Bus:
    """EventBridge: what it has taken."""

    chance: Chance
    events: list[Event] = field(default_factory=list)
    down_until_s: float = -1.0

    async def publish(self, events: Sequence[Event]) -> None:
        """Take all, or some and say that not all were."""
        invocation = INVOCATION.get()
        assert invocation is not None
        invocation.may_die("before a publication")
        await latency(self.chance)
        invocation.live()
        now = asyncio.get_running_loop().time()
        if self.chance.happens("bus down for minutes", 0.01):
            self.down_until_s = now + self.chance.rng("down").uniform(30.0, 240.0)
        if now < self.down_until_s and not self.chance.is_quiet:
            self.chance.exercised["bus down for minutes"] += 1
            raise Unavailable("EventBridge is down")
        if self.chance.happens("publication fails whole", 0.02):
            raise Unavailable("EventBridge answers 500")
        if self.chance.happens("publication fails in part", 0.02):
            self.events += events[::2]
            raise Unavailable("EventBridge refuses some entries")
        self.events += events
        invocation.may_die("after a publication")
        if self.chance.happens("publication is not answered", 0.02):
            raise Unavailable("EventBridge did not answer")


class Destination:
    """The on-failure destination."""

    def __init__(self, chance: Chance):
        self.chance, self.objects = chance, {}
        self.on_put: Callable[[dict[str, Any]], None] = lambda event: None

    async def put(self, key: str, body: bytes) -> None:
        """Store a batch whole."""
        if self.chance.happens("destination fails", 0.1):
            raise OSError("the bucket is on fire")
        self.on_put(json.loads(json.loads(body)["payload"]))
        self.objects[key] = body
