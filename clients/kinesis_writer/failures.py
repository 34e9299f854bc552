"""What ends a sending.

PutFailed           what is known to be stored is in `sending`, and in `acknowledgements` of `OrderedPut`
├── RecordRefused   a record was refused too often: the stream may need more shards
└── AnswerLost      nobody knows whether the records without acknowledgement were stored
"""

from collections.abc import Sequence

from clients.kinesis_writer.put_request import Acknowledgement
from clients.kinesis_writer.sent import Sending


class PutFailed(Exception):
    """Not every record was acknowledged; the requests on their way were waited for, and are counted.

    `acknowledgements` are in order of submission where a list was sent, None for those without.
    """

    def __init__(
        self, reason: str, sending: Sending, acknowledgements: Sequence[Acknowledgement | None] = ()
    ) -> None:
        super().__init__(reason)
        self.sending = sending
        self.acknowledgements = tuple(acknowledgements)


class RecordRefused(PutFailed):
    """A record was refused at every attempt: send it and those behind it later, slower, or add shards."""


class AnswerLost(PutFailed):
    """Records without acknowledgement may have been stored: read the stream before you send them again."""
