"""KPL records byte by byte, so that they can lie."""

from hashlib import md5

KPL = b"\xf3\x89\x9a\xc2"


def sealed(message: bytes) -> bytes:
    """Whatever a KPL record says, with its magic and a right digest."""
    return KPL + message + md5(message, usedforsecurity=False).digest()


def field(number: int, content: bytes) -> bytes:
    """A field of a protobuf that holds bytes."""
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    septets = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)]
    return bytes(septet | 0x80 for septet in septets[:-1]) + bytes(septets[-1:])


def sub_record(payload: bytes, index: int = 0) -> bytes:
    """One sub-record, whose partition key is number `index` of the table."""
    return field(3, b"\x08" + varint(index) + field(3, payload))
