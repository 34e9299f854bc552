"""The golden file: what the code of before made of the batches, small enough for the repository."""

import gzip
import json
from pathlib import Path
from typing import Any

from tests.consumer.same_as_before.replay import CASES, WAYS, Became, became_of, digest, machine

FILE = Path(__file__).with_name("golden.json.gz")
_LETTERS = 4
"""Of a signal's digest, to say which signal differs; the digest of all signals is whole."""


def read() -> dict[str, Any]:
    """What was recorded."""
    found: dict[str, Any] = json.loads(gzip.decompress(FILE.read_bytes()))
    return found


def record(commit: str) -> None:
    """Record what this code makes of the batches, if all ways agree. Raises: `AssertionError`."""
    cases = {}
    for case in CASES:
        ways = {way: became_of(case, way) for way in WAYS}
        first, *others = (common_to_ways(became) for became in ways.values())
        assert others == [first] * len(others), f"the ways differ: {case}"
        cases[case] = first | {"ways": {way: of_way(way, became) for way, became in ways.items()}}
    content = {"commit": commit, "machine": machine(), "cases": cases}
    FILE.write_bytes(gzip.compress(json.dumps(content).encode(), mtime=0))


def common_to_ways(became: Became) -> dict[str, Any]:
    """What must be the same however the batches are read, kept in pages, or interrupted."""
    return {
        "states": [digest(of_batch) for of_batch in became.states],
        "signals": _changed(became.states),
        "events": became.events,
        "quarantine": became.quarantine,
    }


def of_way(way: str, became: Became) -> dict[str, Any]:
    """What depends on it; in which objects the quarantine lies does on where it was interrupted."""
    found = {"objects": became.objects, "reports": became.reports, "swept": became.swept}
    return {"swept": became.swept} if WAYS[way][-1] else found


def _changed(states: list[dict[str, str]]) -> list[dict[str, str]]:
    """The signals that each batch changed."""
    before: dict[str, str] = {}
    changed = []
    for of_batch in states:
        changed.append(
            {signal: state[:_LETTERS] for signal, state in of_batch.items() if before.get(signal) != state}
        )
        before = of_batch
    return changed
