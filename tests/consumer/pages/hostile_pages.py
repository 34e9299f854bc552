"""Pages as somebody could plant them: whatever body, in a right envelope."""

from hashlib import sha256

import msgspec

from consumer.detectors.base import STATE_FORMAT
from consumer.pages.codec import versions


def enveloped(body: bytes, **fields: object) -> bytes:
    """What an attacker who knows the format writes: a right envelope around any pickle."""
    header = {"format": STATE_FORMAT, "river": versions()["river"], "python": "3.13.0", "signals": 1}
    return sealed(msgspec.json.encode(header | fields), body)


def sealed(header: bytes, body: bytes) -> bytes:
    return b"RVPG\x01" + len(header).to_bytes(4, "big") + header + sha256(header + body).digest() + body


def text(written: str) -> bytes:
    """The opcode that makes a short text."""
    return b"\x8c" + bytes([len(written)]) + written.encode()


def looking_up(module: str, name: str) -> bytes:
    """The opcodes that look a class up."""
    return text(module) + text(name) + b"\x93"
