"""Puts quarantined records onto their stream again, in order and once: `quarantine redrive`.

read the ledger of what was sent before             # it is not sent again
for each part of a shard's records:
    write to the ledger that they are about to be sent  # if no other run has written to it meanwhile
    put them onto the stream
    write to the ledger that they were sent
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from botocore.exceptions import ClientError

from clients.kinesis_writer.ordered_put import OrderedPut
from clients.kinesis_writer.put_request import RECORDS_PER_REQUEST_MAX, StreamRecord, check
from clients.kinesis_writer.sending import AnswerLost, PutFailed
from consumer.decode.records import Shard
from consumer.decode.times import TimeLimits
from consumer.decode.values import iso8601
from consumer.errors import ConfigurationError, Unavailable
from consumer.ports import ObjectStore
from ops.formatting import pluralize
from ops.quarantine.lines import QuarantinedLine
from ops.quarantine.repaired import Repaired
from ops.redrive.ledger import RedriveLedger, folded, read_ledger
from ops.redrive.resending import Resend, Unrepaired, as_it_was, as_repaired

_PART_RECORDS_MAX = 100
_PART_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Unsent:
    """Sending failed: which of the records were stored, and whether the others may be."""

    stored: Sequence[bool]
    may_be_stored: bool
    reason: str


@dataclass(frozen=True, slots=True)
class SendingStream:
    """A stream, through a client of Kinesis that does not retry by itself."""

    client: Any
    stream_name: str

    def send(self, records: Sequence[StreamRecord]) -> Unsent | None:
        """Store them in order, each once, one request after the other; None: all are stored."""
        if not records:
            return None
        putting = OrderedPut(self.client, self.stream_name, requests_in_flight=1, rng=random.SystemRandom())
        try:
            putting.send(records)
        except PutFailed as failure:
            stored = [acknowledged is not None for acknowledged in failure.acknowledgements]
            return Unsent(stored, isinstance(failure, AnswerLost), str(failure))
        except ValueError as error:  # before anything was sent
            return Unsent([False] * len(records), False, f"the stream does not take it: {error}")
        except ClientError as error:  # this request was rejected, earlier ones were stored
            is_first = len(records) <= RECORDS_PER_REQUEST_MAX
            return Unsent([False] * len(records), not is_first, f"the stream {self.stream_name}: {error}")
        return None


@dataclass(slots=True)
class RedrivePlan:
    """What to send, shard by shard, in the order of their records."""

    resends: dict[Shard, list[Resend]] = field(default_factory=dict)
    ledgers: dict[Shard, RedriveLedger] = field(default_factory=dict)
    sent_before: int = 0
    """Lines that an earlier run has sent."""
    unrepaired: list[Unrepaired] = field(default_factory=list)

    def to_send(self) -> list[QuarantinedLine]:
        """The lines that will be sent, in order."""
        return [line for each in self.resends.values() for resend in each for line in resend.lines]

    def ids(self) -> list[str]:
        """Those of these lines."""
        return [line.id for line in self.to_send()]

    @property
    def lines(self) -> int:
        """How many lines will be sent."""
        return len(self.to_send())

    @property
    def records(self) -> int:
        """As how many records."""
        return sum(len(resend.records) for each in self.resends.values() for resend in each)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send, nor anything settled to write."""
        return not self.lines and not any(ledger.is_settled for ledger in self.ledgers.values())


async def plan(
    objects: ObjectStore,
    lines: Iterable[QuarantinedLine],
    repaired: Mapping[str, Repaired] | None,
    in_doubt: str | None,
    times: TimeLimits = TimeLimits(),  # noqa: B008  # it is a constant
) -> RedrivePlan:
    """Plan to send these lines, or what they were repaired to; `in_doubt` is "send", "leave" or None.

    `times` are those that the function believes.

    Raises: `ConfigurationError` if some may have been sent and `in_doubt` is None, or if a repaired line
        would be rejected again; `Unavailable`.
    """
    planned = RedrivePlan()
    of_shards: defaultdict[Shard, dict[str, QuarantinedLine]] = defaultdict(dict)
    for line in lines:  # a batch that was delivered twice has left its lines twice
        of_shards[line.shard].setdefault(line.id, line)
    for shard, by_id in of_shards.items():
        ledger = planned.ledgers[shard] = await read_ledger(objects, shard)
        _settle_doubt(ledger, in_doubt)
        sent = set(ledger.record.sent)
        unsent = [line for line in by_id.values() if line.id not in sent]
        planned.sent_before += len(by_id) - len(unsent)
        unsent.sort(key=lambda line: (line.record, line.position))
        planned.resends[shard] = list(_resends(unsent, repaired, planned.unrepaired, times))
    return planned


def _settle_doubt(ledger: RedriveLedger, in_doubt: str | None) -> None:
    record = ledger.record
    if not record.sending:
        return
    if in_doubt is None:
        listed = "\n".join(f"  {line_id}" for line_id in folded(record.sending))
        raise ConfigurationError(
            f"a run that sent these lines at {iso8601(record.since_s)} has ended early, or is still at work; "
            f"they may be on the stream already:\n{listed}\n"
            "If no other run is at work, look for them on the stream. Then use `--in-doubt leave` to count "
            "them as sent, or `--in-doubt send` to send them (again)"
        )
    ledger.settle(were_sent=in_doubt == "leave")


def _resends(
    lines: Sequence[QuarantinedLine],
    repaired: Mapping[str, Repaired] | None,
    unrepaired: list[Unrepaired],
    times: TimeLimits,
) -> Iterator[Resend]:
    for _, of_record in groupby(lines, key=lambda line: line.record):
        if repaired is not None:
            for line in of_record:
                resend = as_repaired(line, repaired[line.id])
                if reason := _why_not_taken(resend):
                    raise ConfigurationError(
                        f"the stream does not take the repaired line: {reason}: {line.id}"
                    )
                yield resend
            continue
        found, rejected_again = as_it_was(list(of_record), times)
        unrepaired += rejected_again
        if found is not None and (reason := _why_not_taken(found)):
            unrepaired += [Unrepaired(line, f"the stream does not take it: {reason}") for line in found.lines]
        elif found is not None:
            yield found


def _why_not_taken(resend: Resend) -> str | None:
    """Which limit of Kinesis one of the records breaks, if any."""
    try:
        for number, record in enumerate(resend.records):
            check(number, record)
    except ValueError as error:
        return str(error)
    return None


async def send(planned: RedrivePlan, stream: SendingStream, now_s: float) -> int:
    """Send it in small parts, so that little is in doubt after a crash; return how many lines were sent.

    Raises: `PageChanged` if another run is at work; `Unavailable`, also if the stream did not take all.
    """
    lines_sent = 0
    for shard, resends in planned.resends.items():
        ledger = planned.ledgers[shard]
        for part in _parts(resends):
            await ledger.about_to_send([line.id for resend in part for line in resend.lines], now_s)
            unsent = stream.send([record for resend in part for record in resend.records])
            sent, in_doubt = _outcome(part, unsent)
            await ledger.sent(sent, in_doubt)
            lines_sent += len(sent)
            if unsent is not None:
                doubt = f" {pluralize(len(in_doubt), 'more line')} may have been sent." if in_doubt else ""
                raise Unavailable(
                    f"{unsent.reason}. Sent: {pluralize(lines_sent, 'line')}.{doubt} Run it again"
                )
        if not resends and ledger.is_settled:
            await ledger.sent([], [])
    return lines_sent


def _outcome(part: Sequence[Resend], unsent: Unsent | None) -> tuple[list[str], list[str]]:
    """The ids of the lines that were sent, and of those that may have been."""
    if unsent is None:
        return [line.id for resend in part for line in resend.lines], []
    sent, in_doubt, at = [], [], 0
    for resend in part:
        stored = unsent.stored[at : at + len(resend.records)]
        at += len(resend.records)
        ids = [line.id for line in resend.lines]
        if all(stored):
            sent += ids
        elif any(stored) or unsent.may_be_stored:
            in_doubt += ids
    return sent, in_doubt


def _parts(resends: Sequence[Resend]) -> Iterator[list[Resend]]:
    """Parts that fit one request, unless a single record was cut into more."""
    part: list[Resend] = []
    records = size = 0
    for resend in resends:
        size_bytes = sum(record.size_bytes for record in resend.records)
        if part and (
            records + len(resend.records) > _PART_RECORDS_MAX or size + size_bytes > _PART_BYTES_MAX
        ):
            yield part
            part, records, size = [], 0, 0
        part.append(resend)
        records += len(resend.records)
        size += size_bytes
    if part:
        yield part
