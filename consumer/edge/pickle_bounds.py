"""What a pickle may consist of, checked before it is read: an altered one could fill all memory.

The opcodes are those that protocol 5 writes for plain values and objects. Others are left out for what they
can do: an index of LONG_BINPUT makes a table that long.

Source: https://github.com/python/cpython/blob/main/Lib/pickletools.py
"""

import re

_BY_ARGUMENT_BYTES = {
    0: b"NR().]}abestu\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x93\x94",
    1: b"Kh\x80",
    2: b"M",
    4: b"Jj",
    8: b"G\x95",
}
_COUNTED_IN_1_BYTE = b"C\x8a\x8c"
_COUNTED_IN_4_BYTES = b"BX"

# These make an object of one byte, or a few: that is what can be much larger than the pickle. What a REDUCE
# calls is largest where it is a `random.Random`, of 2.5 kB.
_BYTES_OF = dict.fromkeys(b"]}t\x81\x85\x86\x87", 100) | {0x8F: 220, 0x91: 220, ord("R"): 2600}
_BYTES_OF_ANY = 8
BYTES_OF_ONE_MAX = _BYTES_OF_ANY + max(_BYTES_OF.values())
"""Of memory, that one byte of a pickle can take."""
_OTHERS = bytes(set(range(256)) - _BYTES_OF.keys())


def _any_of(opcodes: bytes) -> bytes:
    return b"[" + b"".join(re.escape(bytes([opcode])) for opcode in opcodes) + b"]"


_FIXED = [
    _any_of(opcodes) + b".{%d}" % argument_bytes for argument_bytes, opcodes in _BY_ARGUMENT_BYTES.items()
]
_LENGTHS = b"|".join(re.escape(bytes([length])) + b".{%d}" % length for length in range(256))
_COUNTED = _any_of(_COUNTED_IN_1_BYTE) + b"(?:" + _LENGTHS + b")"
# One pass of the regular expression's own loop: there may be millions of opcodes.
_SHORT_OPCODES = re.compile(b"(?:" + b"|".join([*_FIXED, _COUNTED]) + b")*+", re.DOTALL)


def check_opcodes(pickled: bytes) -> None:
    """Raise `ValueError` where the pickle has an opcode that is not allowed, or one that is cut short."""
    at, end = 0, len(pickled)
    while True:
        match = _SHORT_OPCODES.match(pickled, at)
        assert match is not None  # of nothing at least
        at = match.end()
        if at == end:
            return
        if pickled[at] not in _COUNTED_IN_4_BYTES:
            raise ValueError(f"the opcode {pickled[at : at + 1]!r} at byte {at} is not allowed, or cut short")
        at += 5 + int.from_bytes(pickled[at + 1 : at + 5], "little")
        if at > end:
            raise ValueError(f"a text or bytes reach {at - end} bytes beyond the end")


def memory_bytes(pickled: bytes) -> int:
    """How much memory what it holds takes at most, roughly."""
    made = pickled.translate(None, _OTHERS)
    return _BYTES_OF_ANY * len(pickled) + sum(made.count(each) * size for each, size in _BYTES_OF.items())
