"""What must be true after a soak, compared with a plain River loop over the records on the stream."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from consumer.detectors.base import UseCase, fingerprint
from consumer.pages.codec import PageCodec, versions
from consumer.pages.layout import prefix_of
from tests.simulation.plant import Observation
from tests.simulation.reference import History, Known, knowledge, quarantined_in, reference_of


@dataclass
class Sent:
    """The records on the stream: the history that each signal's model must have."""

    histories: dict[str, History]
    refused: set[Known]
    """Observations that are no numbers and must be in quarantine."""
    records: int

    @property
    def observations(self) -> int:
        """How many observations must be learned."""
        return sum(len(history.learned) for history in self.histories.values())


def sent(records: Iterable[tuple[str, dict[str, Any]]], stream_arn: str) -> Sent:
    """Read points, each a record of one observation, in the order of their shards."""
    histories: dict[str, History] = {}
    refused: set[Known] = set()
    count = 0
    for shard_id, record in records:
        count += 1
        place = (stream_arn, shard_id, int(record["SequenceNumber"]), record["PartitionKey"])
        point = _point(record["Data"])
        if point is None:
            refused.add((place, 0))
            continue
        signal, value = point
        history = histories.setdefault(signal, History(signal))
        (history.skipped if value is None else history.learned).append(
            (place, Observation(signal, 0, value, None))
        )
    return Sent(histories, refused, count)


def _point(data: bytes) -> tuple[str, float | None] | None:
    """The signal and its value; None if it can neither be learned nor skipped."""
    try:
        point = json.loads(data)
        signal, value = point["signal"], point["value"]
    except (ValueError, KeyError, TypeError):
        return None
    if value is None or (isinstance(value, int | float) and math.isfinite(value)):
        return signal, value
    return None


def violations(sent: Sent, use_case: UseCase, s3: Any, bucket: str, published: set[str]) -> list[str]:
    """One sentence for each violation."""
    found: list[str] = []
    codec, states = PageCodec(), {}
    quarantined: set[Known] = set()
    prefix = prefix_of("drift", fingerprint(use_case, versions()))
    for key in _keys(s3, bucket):
        if key.startswith("quarantine/"):
            quarantined |= quarantined_in(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        elif key.startswith(prefix) and not key.endswith("layout.json"):
            found += _gone_back(s3, bucket, key, codec)
            page = codec.decode(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            for (_, signal), state in page.items():
                if signal in states:
                    found.append(f"{signal} has two models")
                states[signal] = state
    if states.keys() != sent.histories.keys():
        found.append(f"{len(states.keys() ^ sent.histories.keys())} signals have no model, or one too many")
    ids: set[str] = set()
    for signal, history in sent.histories.items():
        reference = reference_of(use_case, signal, history)
        ids |= reference.told
        state = states.get(signal)
        if state is None:
            continue
        if (state.learned, state.skipped) != (len(history.learned), len(history.skipped)):
            found.append(f"{signal} learned {state.learned} of {len(history.learned)}")
        elif knowledge(state.model) != knowledge(reference.model):
            found.append(f"{signal}: its model is not the plain loop's")
    if quarantined != sent.refused:
        lost, more = len(sent.refused - quarantined), len(quarantined - sent.refused)
        found.append(f"{lost} observations that cannot be learned are not in quarantine, {more} others are")
    if published != ids:
        found.append(f"{len(ids - published)} events are missing, {len(published - ids)} are not the loop's")
    if not ids:
        found.append("there was no event to publish")
    return found


def _gone_back(s3: Any, bucket: str, key: str, codec: PageCodec) -> list[str]:
    """No version of a page may know less about a signal than the one before it."""
    found = []
    before: dict[Any, int] = {}
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
    listed = [one for page in pages for one in page.get("Versions", []) if one["Key"] == key]
    for one in reversed(listed):  # S3 lists the newest first
        body = s3.get_object(Bucket=bucket, Key=key, VersionId=one["VersionId"])["Body"].read()
        now = {signal: state.learned + state.skipped for signal, state in codec.decode(body).items()}
        if now == before:
            found.append(f"{key}: version {one['VersionId']} adds nothing")
        if lost := [signal for signal in before if now.get(signal, 0) < before[signal]]:
            found.append(
                f"{key}: version {one['VersionId']} knows less about {lost[:3]} than the one before it"
            )
        before = now
    return found


def _keys(s3: Any, bucket: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [stored["Key"] for page in pages for stored in page.get("Contents", [])]
