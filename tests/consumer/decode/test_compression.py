"""gzip and zstd are unpacked to the last byte or refused, in bounded time and memory."""

import contextlib
import subprocess
import sys
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.decode.unpacking import UNPACKED_BYTES_MAX, unpack
from consumer.errors import Unlearnable
from tests.consumer.decode.payload_builders import gzipped, zstandard, zstd

_WITHOUT_ZSTD = "import sys; sys.modules.update({'_zstd': None, 'backports.zstd': None})\n"
"""As where Python was built without it: the module is there, and what it is made of is not."""
PACKS = pytest.mark.parametrize("pack", [gzipped, zstandard])
MIB = 1024 * 1024


@PACKS
@given(content=st.binary(max_size=500))
def test_what_was_packed_comes_back(pack, content):
    assert unpack(pack(content)) == content


@given(st.binary(max_size=100))
def test_what_has_no_magic_is_left_as_it_is(content):
    if not content.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        assert unpack(content) is content


@PACKS
def test_exactly_the_bound_is_unpacked_and_one_byte_more_is_not(pack):
    assert len(unpack(pack(bytes(UNPACKED_BYTES_MAX)))) == UNPACKED_BYTES_MAX
    with pytest.raises(Unlearnable, match="unpacks to more than"):
        unpack(pack(bytes(UNPACKED_BYTES_MAX + 1)))


@PACKS
def test_the_bound_holds_for_joined_parts_too(pack):
    half = pack(bytes(UNPACKED_BYTES_MAX // 2))
    assert len(unpack(half + half)) == UNPACKED_BYTES_MAX
    with pytest.raises(Unlearnable, match="unpacks to more than"):
        unpack(half + half + pack(b"x"))


def gzip_bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(size // MIB)) + packer.flush()


def zstd_bomb(size: int) -> bytes:
    packer = zstd.ZstdCompressor()
    return b"".join(packer.compress(bytes(MIB)) for _ in range(size // MIB)) + packer.flush()


@pytest.mark.parametrize("make", [gzip_bomb, zstd_bomb])
def test_a_bomb_ends_quickly_in_bounded_memory(make):
    bomb = make(64 * MIB)
    assert len(bomb) < MIB
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(Unlearnable, match="unpacks to more than"):
        unpack(bomb)
    spent_s = time.process_time() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spent_s < 2
    assert peak < 3 * UNPACKED_BYTES_MAX


@PACKS
def test_joined_parts_are_one_payload(pack):
    assert unpack(pack(b'{"signal":"a",') + pack(b'"value":1}')) == b'{"signal":"a","value":1}'
    assert unpack(pack(b"") + pack(b"4") + pack(b"") + pack(b"2")) == b"42"


@PACKS
def test_a_million_bytes_of_tiny_parts_end_quickly(pack):
    part = pack(b"")
    start = time.process_time()
    with pytest.raises(Unlearnable, match="more than 100 parts"):
        unpack(part * (1_000_000 // len(part)))
    assert time.process_time() - start < 0.5


@PACKS
def test_whatever_is_cut_off_is_noticed(pack):
    packed = pack(b'{"signal":"a","value":1}' * 3)
    for length in range(4, len(packed)):
        with pytest.raises(Unlearnable, match=r"cut short|not readable"):
            unpack(packed[:length])


@PACKS
@pytest.mark.parametrize("garbage", [b"x", b"\0x", b"garbage after the end", b"\n{}"])
def test_garbage_after_the_end_is_refused(pack, garbage):
    with pytest.raises(Unlearnable, match=r"not readable|cut short"):
        unpack(pack(b"42") + garbage)


def test_parts_of_two_formats_are_not_joined():
    with pytest.raises(Unlearnable, match="not readable as gzip"):
        unpack(gzipped(b"4") + zstandard(b"2"))


def test_a_gzip_with_a_wrong_checksum_or_length_is_refused():
    packed = gzipped(b"42")
    for index in range(len(packed) - 8, len(packed)):
        with pytest.raises(Unlearnable, match="not readable as gzip"):
            unpack(packed[:index] + bytes([packed[index] ^ 1]) + packed[index + 1 :])


def test_a_zstd_frame_may_not_ask_for_a_huge_window():
    huge = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0}
    packer = zstd.ZstdCompressor(options=huge)
    frame = packer.compress(b"42") + packer.flush()
    assert zstd.decompress(frame) == b"42"
    tracemalloc.start()
    with pytest.raises(Unlearnable, match="not readable as zstd"):
        unpack(frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MIB


def test_a_zstd_frame_may_ask_for_the_window_that_the_usual_levels_use():
    for level in (1, 3, 19):
        packer = zstd.ZstdCompressor(level=level)
        assert unpack(packer.compress(b"42" * 1000) + packer.flush()) == b"42" * 1000


def test_a_zstd_frame_that_needs_a_dictionary_is_refused():
    samples = [b'{"signal":"compressor1.pressure","value":%d}' % number for number in range(1000)]
    dictionary = zstd.train_dict(samples, 4096)
    with pytest.raises(Unlearnable, match="not readable as zstd"):
        unpack(zstd.compress(samples[0], zstd_dict=dictionary))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"\x1f\x8b", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"]), st.binary(max_size=100))
def test_noise_after_a_magic_is_unpacked_or_refused(magic, noise):
    with contextlib.suppress(Unlearnable):
        assert len(unpack(magic + noise)) <= UNPACKED_BYTES_MAX


def test_where_python_lacks_zstd_the_function_starts_and_says_what_it_cannot_read():
    program = f"""{_WITHOUT_ZSTD}
import consumer.handler
from consumer.decode.unpacking import unpack
from consumer.errors import Unlearnable
assert unpack({gzipped(b"42")}) == b"42"
for packed in ({zstandard(b"42")}, {gzipped(b"42")[:-1]}, {gzipped(b"42")[:-8]} + bytes(8)):
    try:
        unpack(packed)
    except Unlearnable as error:
        print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    lacking, short, altered = ran.stdout.splitlines()
    assert lacking.startswith("zstd data, which this Python cannot read")
    assert lacking.endswith("update the function's runtime and redrive, or send gzip")
    assert short == "the gzip data is cut short"
    assert altered.startswith("not readable as gzip")
