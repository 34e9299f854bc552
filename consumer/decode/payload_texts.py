"""The text of a payload: one document or several, or lines of them, each refused alone."""

from collections.abc import Callable, Iterable
from itertools import chain, islice
from typing import Any, NamedTuple

from consumer.decode import documents
from consumer.decode.batch import Batch, UnlearnableRecord
from consumer.decode.documents import Payload, converted
from consumer.decode.times import seconds_of
from consumer.decode.unreadable import kind_of
from consumer.decode.values import shortened
from consumer.errors import Unlearnable


class TextReader(NamedTuple):
    """Reads a text: one document or several, or lines of them; each is refused alone.

    The whole is refused where it is one document, or nothing of it can be read.
    """

    batch: Batch
    partition_key: str | None
    """Names the signal of a bare number."""
    read_object: Callable[[Payload, Batch], None]
    what: str = "payload"
    """What the text is."""
    nameless: str = "no partition key that would name its signal"
    timestamp: Any = None
    """Of a bare number."""

    def read(self, text: bytes) -> None:
        """Read a text. Raises: `Unlearnable` where nothing of it can be read."""
        text = documents.trimmed(text)
        if not text:
            raise Unlearnable(f"the {self.what} is empty")
        lines = documents.lines(text)
        if lines is None:
            self._read_text(text, self.what)
        else:
            read_each(lines, self.batch, self._read_line)

    def _read_line(self, line: bytes | Unlearnable) -> None:
        if isinstance(line, Unlearnable):
            raise line
        self._read_text(line, "line")

    def _read_text(self, text: bytes, what: str) -> None:
        if text.startswith(b"{"):
            payload = documents.decode_object(text)
            if payload is not None:
                self.read_object(payload, self.batch)
                return
        elif text.startswith(b"["):
            members = documents.decode_array(text)
            if members is not None:
                self._read_array(members)
                return
        else:
            self._read_bare_number(text, what)
            return
        found = documents.sequence(text)
        ahead = list(islice(found, 2))
        if len(ahead) == 1:
            self.read_decoded(ahead[0])
        else:
            read_each(chain(ahead, found), self.batch, self.read_decoded)

    def read_decoded(self, found: Any) -> None:
        """Read a document that was decoded already."""
        if isinstance(found, Unlearnable):
            raise found
        if isinstance(found, list):
            self._read_array(found)
        else:
            self._read_member(found)

    def _read_array(self, members: list[Any]) -> None:
        if not members:
            raise Unlearnable("the array is empty: there is no observation")
        if not any(isinstance(member, dict) for member in members):  # [1, 2] may be of two signals
            raise Unlearnable("an array of no JSON object: nothing in it names its signal")
        read_each(members, self.batch, self._read_member)

    def _read_member(self, member: Any) -> None:
        if not isinstance(member, dict):
            raise Unlearnable(f"{shortened(member)} is no JSON object that would name its signal")
        self.read_object(converted(member), self.batch)

    def _read_bare_number(self, text: bytes, what: str) -> None:
        try:
            value = documents.bare_number(text)
        except Unlearnable:
            kind = kind_of(text)
            is_what = f"is {kind}" if kind else "is neither a JSON object nor a finite number"
            raise Unlearnable(f"the {what} {is_what}") from None
        if self.partition_key is None:
            raise Unlearnable(f"a bare number, and {self.nameless}")
        self.batch.observe(
            self.partition_key, None, value, None if self.timestamp is None else seconds_of(self.timestamp)
        )


def read_each(members: Iterable[Any], batch: Batch, read_one: Callable[[Any], None]) -> None:
    """Read several payloads of one record, each refused alone."""
    for member in members:
        try:
            read_one(member)
        except UnlearnableRecord:
            raise
        except Unlearnable as error:
            batch.reject(str(error))
