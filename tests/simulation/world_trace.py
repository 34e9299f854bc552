"""What happened in a world, effect by effect, for people to read."""

import asyncio
import base64
import time
from typing import Any

from tests.simulation.functions import COMMAND, INVOCATION
from tests.simulation.simulated_world import World


def note_all(world: World, trace: list[str]) -> None:
    """Have each effect noted: when, by which invocation, what."""

    def note(text: str) -> None:
        invocation = INVOCATION.get()
        who = f"invocation {invocation.number}" if invocation else COMMAND.get() or "operator"
        try:
            now_s = asyncio.get_running_loop().time()
        except RuntimeError:  # in the thread of a command, where the world's time is everybody's
            now_s = time.monotonic()
        trace.append(f"{now_s:9.3f} s  {who:>18}  {text}")

    happens, put, get, publish = world.chance.happens, world.bucket.put, world.bucket.get, world.bus.publish

    def noted_happens(kind: str, probability: float) -> bool:
        if happened := happens(kind, probability):
            note(f"! {kind}")
        return happened

    def noted_put(key: str, body: bytes, **options: Any) -> Any:
        note(f"PUT {key} {options['mode']}")
        return put(key, body, **options)

    def noted_get(key: str, **options: Any) -> Any:
        note(f"GET {key}")
        return get(key, **options)

    async def noted_publish(events: Any) -> None:
        note(f"publishes {len(events)} events")
        await publish(events)

    if hasattr(world, "note"):
        world.note = note
    invoke = world.functions._invocation

    def noted_invocation(event: dict[str, Any]) -> Any:
        invocation = invoke(event)
        records = [
            f"{record['eventID'].removeprefix('shardId-')}/{record['kinesis']['partitionKey']} "
            f"{base64.b64decode(record['kinesis']['data'])[:40]!r}"
            for record in event["Records"]
        ]
        note(f"invocation {invocation.number} gets {', '.join(records)}")
        return invocation

    world.chance.happens = noted_happens
    world.bucket.put, world.bucket.get = noted_put, noted_get
    world.bus.publish, world.functions._invocation = noted_publish, noted_invocation
