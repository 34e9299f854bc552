"""An S3 in this process, as obstore's clients see one: conditions, versions, latencies; it counts."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from obstore import exceptions


@dataclass(frozen=True, slots=True)
class Got:
    """An answer with a body, as `obstore.store.S3Store.get` gives it."""

    meta: dict[str, Any]
    body: bytes

    def bytes(self) -> bytes:
        """The body."""
        return self.body


@dataclass(slots=True)
class Traffic:
    """What went to and from S3."""

    gets: int = 0
    puts: int = 0
    bytes_read: int = 0
    bytes_written: int = 0


@dataclass
class FakeS3:
    """The calls that `consumer.aws.s3` makes of obstore's `S3Store`. Latencies are slept."""

    get_s: float = 0.0
    put_s: float = 0.0
    objects: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    traffic: Traffic = field(default_factory=Traffic)
    _versions: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: str, *, options: dict[str, str] | None = None) -> Got:
        """An object, 304 or 404."""
        if self.get_s:
            time.sleep(self.get_s)
        with self._lock:
            self.traffic.gets += 1
            stored = self.objects.get(key)
        if stored is None:
            raise FileNotFoundError(key)
        e_tag, body = stored
        if options and options.get("if_none_match") == e_tag:
            raise exceptions.NotModifiedError(key)
        self.traffic.bytes_read += len(body)
        return Got({"e_tag": e_tag, "size": len(body)}, body)

    def put(self, key: str, body: bytes, *, mode: Any, use_multipart: bool) -> dict[str, str]:
        """A conditional write."""
        if self.put_s:
            time.sleep(self.put_s)
        with self._lock:
            self.traffic.puts += 1
            self.traffic.bytes_written += len(body)
            stored = self.objects.get(key)
            if mode == "create" and stored is not None:
                raise exceptions.AlreadyExistsError(key)
            if isinstance(mode, dict) and (stored is None or stored[0] != mode["e_tag"]):
                raise exceptions.PreconditionError(key)
            self._versions += 1
            self.objects[key] = (f'"{self._versions}"', body)
            return {"e_tag": self.objects[key][0]}
