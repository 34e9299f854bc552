"""Records onto a stream, in their order and each once, and what became of them where that failed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from clients.kinesis_writer.ordered_put import OrderedPut
from clients.kinesis_writer.put_request import RECORDS_PER_REQUEST_MAX, StreamRecord
from clients.kinesis_writer.sending import AnswerLost, PutFailed
from ops.redrive.redrive import Unsent


@dataclass(frozen=True, slots=True)
class SendingStream:
    """A stream, through a client of Kinesis that repeats nothing by itself."""

    client: Any
    stream_name: str

    def send(self, records: Sequence[StreamRecord]) -> Unsent | None:
        """Store them in their order, one request after the other; None: all are stored."""
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
        except ClientError as error:  # a request as a whole was refused, and those before it were not
            is_first = len(records) <= RECORDS_PER_REQUEST_MAX
            return Unsent([False] * len(records), not is_first, f"the stream {self.stream_name}: {error}")
        return None
