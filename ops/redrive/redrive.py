"""Puts quarantined records onto their stream again, in their order and once: `quarantine redrive`.

read what was sent before               # it is not sent again
for each part of a shard's records:
    note that they are about to be sent # if nobody else has noted anything meanwhile
    put them onto the stream
    note that they were sent
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal, Protocol

from clients.kinesis_writer.put_request import StreamRecord
from consumer.decode.batch import Shard
from consumer.decode.timestamps import iso8601
from consumer.errors import ConfigurationError, Unavailable
from consumer.ports import ObjectStore
from ops.formatting import pluralize
from ops.quarantine.entries import Line
from ops.redrive.ledger import RedriveLedger, redriven_of
from ops.redrive.resending import Repaired, Sending, Unrepaired, as_it_was, as_repaired

_PART_RECORDS_MAX = 100
_PART_BYTES_MAX = 4 * 1024 * 1024
InDoubt = Literal["send", "leave"]


@dataclass(frozen=True, slots=True)
class Unsent:
    """That not all was sent: how many of the records were stored, and whether the others may be."""

    stored: Sequence[bool]
    may_be_stored: bool
    reason: str


class Stream(Protocol):
    """Where records are put."""

    def send(self, records: Sequence[StreamRecord]) -> Unsent | None:
        """Store them in their order, each once; None: all are stored."""


@dataclass(slots=True)
class ScheduledRecord:
    """What is to be sent, shard by shard, in the order of their records."""

    sendings: dict[Shard, list[Sending]] = field(default_factory=dict)
    redriven: dict[Shard, RedriveLedger] = field(default_factory=dict)
    sent_before: int = 0
    """Lines that a run has sent before."""
    unrepaired: list[Unrepaired] = field(default_factory=list)

    @property
    def lines(self) -> int:
        """How many lines are to be sent."""
        return sum(len(sending.lines) for each in self.sendings.values() for sending in each)

    @property
    def records(self) -> int:
        """How many records."""
        return sum(len(sending.records) for each in self.sendings.values() for sending in each)


async def plan(
    objects: ObjectStore,
    lines: Iterable[Line],
    repaired: Mapping[str, Repaired] | None,
    in_doubt: InDoubt | None,
) -> ScheduledRecord:
    """What to send for these lines, as they were or as they were repaired.

    Raises: `ConfigurationError` where it is not known whether some were sent, or where a repaired one would
        be refused again; `Unavailable`.
    """
    planned = ScheduledRecord()
    of_shards: defaultdict[Shard, dict[str, Line]] = defaultdict(dict)
    for line in lines:  # a batch that came again has left its lines twice
        of_shards[line.shard].setdefault(line.id, line)
    for shard, by_id in of_shards.items():
        redriven = planned.redriven[shard] = await redriven_of(objects, shard)
        _settle_doubt(redriven, in_doubt)
        sent = set(redriven.noted.sent)
        unsent = [line for line in by_id.values() if line.id not in sent]
        planned.sent_before += len(by_id) - len(unsent)
        unsent.sort(key=lambda line: (line.record, line.position))
        planned.sendings[shard] = list(_sendings(unsent, repaired, planned.unrepaired))
    return planned


def _settle_doubt(redriven: RedriveLedger, in_doubt: InDoubt | None) -> None:
    noted = redriven.noted
    if not noted.sending:
        return
    if in_doubt is None:
        listed = "\n".join(f"  {line}" for line in noted.sending)
        raise ConfigurationError(
            "a run ended, or is still at work, while it sent these lines, "
            f"at {iso8601(noted.since_s)}; they may be on the stream already:\n{listed}\n"
            "If no other run is at work, look for them on the stream, then say `--in-doubt leave` to take "
            "them as sent, or `--in-doubt send` to send them (again)"
        )
    redriven.settle(were_sent=in_doubt == "leave")


def _sendings(
    lines: Sequence[Line], repaired: Mapping[str, Repaired] | None, unrepaired: list[Unrepaired]
) -> Iterator[Sending]:
    for _, of_record in groupby(lines, key=lambda line: line.record):
        if repaired is not None:
            for line in of_record:
                yield as_repaired(line, repaired[line.id])
            continue
        sending, left = as_it_was(list(of_record))
        unrepaired += left
        if sending is not None:
            yield sending


async def send(planned: ScheduledRecord, stream: Stream, now_s: float) -> int:
    """Send it, and give how many lines were; part after part, so that little is in doubt after a crash.

    Raises: `PageChanged` where another run is at work; `Unavailable`, also where the stream did not take all.
    """
    lines_sent = 0
    for shard, sendings in planned.sendings.items():
        redriven = planned.redriven[shard]
        for part in _parts(sendings):
            await redriven.about_to_send([line.id for each in part for line in each.lines], now_s)
            unsent = stream.send([record for sending in part for record in sending.records])
            sent, in_doubt = _outcome(part, unsent)
            await redriven.sent(sent, in_doubt)
            lines_sent += len(sent)
            if unsent is not None:
                doubt = f" Of {len(in_doubt)} more it is not known." if in_doubt else ""
                raise Unavailable(
                    f"{unsent.reason}. Sent: {pluralize(lines_sent, 'line')}.{doubt} Run it again"
                )
        if not sendings and redriven.is_settled:
            await redriven.sent([], [])
    return lines_sent


def _outcome(part: Sequence[Sending], unsent: Unsent | None) -> tuple[list[str], list[str]]:
    """The ids of the lines that were sent, and of those that may have been."""
    if unsent is None:
        return [line.id for sending in part for line in sending.lines], []
    sent, in_doubt, at = [], [], 0
    for sending in part:
        stored = unsent.stored[at : at + len(sending.records)]
        at += len(sending.records)
        ids = [line.id for line in sending.lines]
        if all(stored):
            sent += ids
        elif any(stored) or unsent.may_be_stored:
            in_doubt += ids
    return sent, in_doubt


def _parts(sendings: Sequence[Sending]) -> Iterator[list[Sending]]:
    """Parts that one request can hold, but where a single record was cut into more."""
    part: list[Sending] = []
    records = size = 0
    for sending in sendings:
        of_it = sum(record.size_bytes for record in sending.records)
        if part and (records + len(sending.records) > _PART_RECORDS_MAX or size + of_it > _PART_BYTES_MAX):
            yield part
            part, records, size = [], 0, 0
        part.append(sending)
        records += len(sending.records)
        size += of_it
    if part:
        yield part
