"""A list of records onto a Kinesis stream at once, in order for each partition key: see `paced`."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from clients.kinesis_writer.paced import Backoff, SendOptions, WallClock, send_paced
from clients.kinesis_writer.pending import ScheduledRecord
from clients.kinesis_writer.put_request import Acknowledgement, RecordStream, StreamRecord, check
from clients.kinesis_writer.sending import PutFailed, Sending


@dataclass(frozen=True, slots=True)
class OrderedPut:
    """Sends records, several requests at a time; a failed request changes nothing for the keys of the others.

    `progress` gets (acknowledged, total) after every response, on the thread that sends; `rng` spreads waits.
    """

    stream: RecordStream
    stream_name: str
    requests_in_flight: int = 4
    backoff: Backoff = field(default_factory=Backoff)
    resend_when_answer_lost: bool = False
    progress: Callable[[int, int], None] = lambda acknowledged, total: None
    rng: random.Random = field(default_factory=random.Random)

    def send(self, records: Sequence[StreamRecord]) -> list[Acknowledgement]:
        """Send all, and give one acknowledgement for each, in order of submission.

        An error is raised when the requests on their way have been answered.

        Raises:
            ValueError: A record breaks a limit of Kinesis; nothing was sent.
            KeyboardInterrupt: Ctrl-C; what was on its way has been answered.
            PutFailed: See its two kinds.
            botocore.exceptions.ClientError: The request as a whole is wrong, as when there is no such stream.
        """
        for position, record in enumerate(records):
            check(position, record)
        acknowledgements: list[Acknowledgement | None] = [None] * len(records)

        def hear(sending: Sending) -> None:
            self.progress(sending.records, len(records))

        try:
            sending = send_paced(
                self.stream,
                self.stream_name,
                (ScheduledRecord(0.0, record, 1) for record in records),
                clock=WallClock(),
                options=SendOptions(
                    requests_in_flight=self.requests_in_flight,
                    linger_s=0.0,
                    backoff=self.backoff,
                    resend_when_answer_lost=self.resend_when_answer_lost,
                ),
                on_progress=hear,
                on_acknowledged=acknowledgements.__setitem__,
                rng=self.rng,
            )
        except PutFailed as failure:
            raise type(failure)(str(failure), failure.sending, acknowledgements) from None
        if sending.interrupted:
            raise KeyboardInterrupt
        return [acknowledgement for acknowledgement in acknowledgements if acknowledgement is not None]
