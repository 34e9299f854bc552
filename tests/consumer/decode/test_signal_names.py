"""Names, pages and seeds of signals: fixed for good, for models lie where they say."""

from hashlib import md5

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumer.decode.signal_names import check_name, page_of, seed_of
from consumer.errors import Unlearnable
from consumer.pages.layout import Layout

NAMES = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=100)


def shard_of(partition_key: str, shards: int) -> int:
    """The shard whose range of hash keys, one of even ones, holds the key's: 128 bits of MD5."""
    hash_key = int.from_bytes(md5(partition_key.encode(), usedforsecurity=False).digest())
    starts = [2**128 * shard // shards for shard in range(shards)]
    return max(shard for shard in range(shards) if starts[shard] <= hash_key)


@given(NAMES, st.sampled_from([1, 2, 4, 8, 16]))
def test_a_page_of_sixteen_lies_in_one_of_the_even_shards(name, shards):
    assert page_of(name, 16) * shards // 16 == shard_of(name, shards)


def test_sixteen_pages_over_four_shards_are_four_each_and_none_is_in_two():
    pages_of = {shard: set() for shard in range(4)}
    for number in range(2000):
        name = f"plant1.pump{number}.flow"
        pages_of[shard_of(name, 4)].add(page_of(name, 16))
    assert sorted(map(sorted, pages_of.values())) == [
        [first, *range(first + 1, first + 4)] for first in (0, 4, 8, 12)
    ]


@given(NAMES, st.integers(1, 4096))
@example("a", 1)
@example("a", 4096)
@example("a", 7)
def test_a_page_is_one_of_the_pages(name, pages):
    assert 0 <= page_of(name, pages) < pages


def test_pages_are_used_evenly():
    pages = [page_of(f"signal{number}", 16) for number in range(16_000)]
    assert all(800 < pages.count(page) < 1200 for page in range(16))


def test_pages_never_move():
    assert page_of("compressor1.pressure", 16) == 13
    assert page_of("compressor1.temperature", 16) == 11
    assert page_of("compressor1.pressure", 4096) == 3492


def test_seeds_never_change():
    assert seed_of("drift", "compressor1.pressure") == 3786047572
    assert seed_of("anomaly", "compressor1.pressure") == 3528625524


def test_a_seed_has_32_bits_and_is_of_use_case_and_signal():
    seeds = [seed_of(use_case, f"signal{number}") for use_case in ("a", "b") for number in range(200)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert seed_of("a", "b.c") != seed_of("a.b", "c")


@given(NAMES)
def test_a_name_without_control_characters_is_itself(name):
    if len(name.encode()) <= 512:
        assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["a", "s" * 512, "€" * 170, "a b", ".", "..", "/", "a\u2028b", "😀" * 128, "\xa0"]
)
def test_what_may_name_a_signal(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "s" * 513,
        "€" * 171,
        "😀" * 129,
        "\0",
        "a\nb",
        "a\x1f",
        "\x7f",
        "\x80",
        "a\x9fb",
        "\ud800",
        "a\udfff",
    ],
)
def test_what_may_not(name):
    with pytest.raises(Unlearnable):
        check_name(name)


@pytest.mark.parametrize("name", [None, 1, 1.5, True, b"a", ["a"], {"a": 1}, ("a",)])
def test_a_name_is_text(name):
    with pytest.raises(Unlearnable, match="name is text"):
        check_name(name)


@given(NAMES, NAMES)
def test_an_object_per_signal_has_a_key_of_its_own_without_odd_segments(one, other):
    layout = Layout("models/drift/0123456789abcdef", 0)
    key = layout.key_of(one)
    assert key.startswith("models/drift/0123456789abcdef/signals/")
    assert len(key.split("/")) == 5
    assert not {"", ".", ".."} & set(key.split("/"))
    assert (key == layout.key_of(other)) == (one == other)
