"""An altered page can fill no memory and end no process: it takes what it says, or cannot be read."""

import random
import struct
import subprocess
import sys
import time
from array import array
from collections.abc import Sequence
from functools import cache
from itertools import cycle, islice
from pathlib import Path

import msgspec
import numpy as np
import pytest
from river import anomaly, drift
from river._river_rust.drift import AdaptiveWindowing
from river._river_rust.stats import RsQuantile

from consumer.decode.signal_names import SignalKey
from consumer.detectors import states as registry
from consumer.detectors.alert_policy import AlertState
from consumer.detectors.drift import DriftState, DriftUseCase
from consumer.detectors.sensor_checks import Health
from consumer.detectors.state_layouts import layout_of
from consumer.errors import (
    ConfigurationError,
    UnreadableModel,
    UnreadablePage,
    UnwritableModel,
)
from consumer.learning.state import State
from consumer.pages.arrays import write_row
from consumer.pages.codec import PageCodec, opened
from consumer.pages.columns import columns_of
from consumer.pages.packing import packed
from consumer.pages.unpacking import unpacked
from consumer.pages.written_marks import WrittenMarks
from tests.consumer.every_model import EVERY_MODEL
from tests.consumer.pages.hostile_pages import deep, memory_of, with_columns, with_models
from tests.consumer.pages.memory_taken import Taken, taken
from tests.consumer.test_conformance import TIMES, VALUES

ROOT = Path(__file__).parents[3]
MIB = 2**20
SLACK_BYTES = 2 * MIB
"""What the allocators keep beside; Python takes memory from the machine by the MiB."""
ESTIMATE_MAX = 12
"""How many times more a page may say that it takes than it takes."""
PROCESSOR_S_MAX = 5.0
A = SignalKey("a", "a")
encode = msgspec.msgpack.encode


def measured(pages: list[bytes], folder: Path, memory_bytes_max: int = 4 * 1024**3) -> list[Taken]:
    """What these pages take, each read in a process of its own."""
    files = [folder / str(number) for number in range(len(pages))]
    for file, page in zip(files, pages, strict=True):
        file.write_bytes(page)
    return taken(files, memory_bytes_max)


# What honest pages take.

STATES = 600


def page_of(use_case: object, learned: int) -> bytes:
    """A page of so many states, some of which are of one kind."""
    models = [use_case.create(seed) for seed in range(3)]
    for model in models:
        use_case.learn(model, VALUES[:learned], TIMES[:learned])
    codec = PageCodec()
    few = codec.decode(codec.encode({SignalKey(str(n), str(n)): State(one) for n, one in enumerate(models)}))
    stored = islice(cycle([state.stored for state in few.values()]), STATES)
    return codec.encode({SignalKey(f"asset.{n}", f"asset.{n}"): State(one) for n, one in enumerate(stored)})


HONEST = {
    f"{family} {name} {number}, {learned} values": (use_case, learned)
    for (family, name), use_cases in EVERY_MODEL.items()
    for number, use_case in enumerate(use_cases)
    for learned in (10, len(VALUES))
}


def test_a_page_says_how_much_memory_it_takes_and_not_much_more(tmp_path):
    found = measured([page_of(*case) for case in HONEST.values()], tmp_path)
    told = dict(zip(HONEST, found, strict=True))
    assert {name for name, page in told.items() if page.outcome != STATES} == set()
    assert {name: page for name, page in told.items() if page.memory_bytes > page.says + SLACK_BYTES} == {}
    wide = {n: p for n, p in told.items() if p.says > ESTIMATE_MAX * p.memory_bytes}
    assert wide == {}


# What hostile ones take. Each is of many parts, as small as can be.

PARTS = 40_000


def many(part: bytes, count: int = PARTS) -> bytes:
    """A list of so many equal parts."""
    return b"\xdd" + (count + 1).to_bytes(4) + b"\x01" + part * count


def numbered(code: int, count: int, value: bytes = b"\xc0") -> bytes:
    """A container of that code, of so many numbers, each with the value beside it."""
    entries = b"".join(b"\xce" + struct.pack(">I", 70_000 + number) + value for number in range(count))
    return b"\xdd" + (1 + count * (1 + bool(value))).to_bytes(4) + bytes([code]) + entries


def trees(height: int, count: int, features: Sequence[str] = ("x",)) -> bytes:
    leaves = b"\1\0\0\0" * (count * 2**height)
    splits = b"abcdefgh" * (count * (2**height - 1))
    start = [12, "HalfSpaceTrees", count, 10, height, 1, 1, True, None, None]
    which = b"" if len(features) == 1 else bytes(2 * (count * (2**height - 1)))
    return encode([*start, count, leaves, leaves, splits, which, features])


NUMBERS = array("I", random.Random(1).getstate()[1]).tobytes()
WINDOW = AdaptiveWindowing(0.002, 32, 5, 5, 10).__getstate__()
BOMBS = {
    **{f"plain values {part!r}": many(part) for part in (b"\xc0", b"\xa0", b"\xa1a", b"\xa3\xe2\x82\xac")},
    **{f"plain values {part!r}": many(part) for part in (b"\xcd\xff\x01", b"\xc4\x00", b"\xc4\x02ab")},
    "floats": many(b"\xcb" + struct.pack(">d", 1.5)),
    "a text that takes four times its bytes": encode([1, "\U0001f600" + "x" * 1_000_000]),
    "lists without a code": b"\xdd" + PARTS.to_bytes(4) + b"\x90" * PARTS,
    "maps": b"\xdd" + PARTS.to_bytes(4) + b"\x80" * PARTS,
    **{f"empty ones of code {code}": many(bytes([0x91, code])) for code in (1, 3, 4, 5, 6, 8, 9, 20)},
    **{f"one in each of code {code}": many(bytes([0x92, code, 1])) for code in (1, 3, 5, 6)},
    **{f"an entry in each of code {code}": many(bytes([0x93, code, 1, 1])) for code in (4, 8, 9)},
    "dicts of six": many(b"\x9d\x04" + bytes(range(1, 7)) * 2, 20_000),
    "deques": many(b"\x93\x07\xc0\xc2"),
    "dicts with defaults": many(b"\x94\x0a\xc0\x01\xc0"),
    **{f"a large one of code {code}": numbered(code, PARTS) for code in (4, 8, 9)},
    "a large set": numbered(5, PARTS, b""),
    "a set of just too many for its table": numbered(5, 39_322, b""),
    "a dict of just too many for its table": numbered(4, 87_382),
    "references": many(b"\x92\x00\x00"),
    "packed floats": encode([2, b"abcdefgh" * PARTS]),
    "empty packed floats": many(b"\x92\x02\xc4\x00"),
    "a deque of packed floats": encode([7, None, True, b"abcdefgh" * PARTS]),
    "arrays": many(encode([17, "<f8", [0], b""]), 30_000),
    "arrays of many dimensions": many(encode([17, "|u1", [1] * 30, b"a"]), 20_000),
    "numpy's numbers": many(encode([18, "|u1", b"a"]), 30_000),
    "long integers": many(encode([19, b"ab"])),
    "classes": many(encode([14, "float"])),
    "methods": encode([1, [12, "Random", NUMBERS, None], *[[15, [0, 1], "gauss"]] * 40_000]),
    "partial functions": many(encode([16, [14, "float"], [3], [4]]), 50_000),
    "instances without attributes": many(encode([11, "Squared"]), 50_000),
    "instances": many(encode([11, "Min", 1.5]), 50_000),
    "weights": encode([12, "VectorDict", *[x for n in range(PARTS) for x in (70_000 + n, 1.5)]]),
    "empty weights": many(encode([12, "VectorDict"]), 50_000),
    "random numbers": many(encode([12, "Random", NUMBERS, None]), 500),
    "a rolling statistic": encode([12, "Rolling", None, None, b"abcdefgh" * PARTS]),
    "empty rolling statistics": many(encode([12, "Rolling", None, None, b""]), 30_000),
    "components of a forecast": many(encode([12, "Trend", None, 0.5, True, b""]), 30_000),
    "quantiles": many(encode([12, "RsQuantile", RsQuantile(0.5).__getstate__()]), 10_000),
    "windows": many(encode([12, "AdaptiveWindowing", WINDOW, 0.002, 32, 1000, 5, 10]), 10_000),
    "high trees": trees(8, 100),
    "trees without branches": trees(0, 20_000),
    "low trees": trees(1, 10_000),
    "one tree": trees(15, 2),
    "trees of many features": trees(1, 1, [f"{number:x}" for number in range(PARTS)]),
    "deep lists": deep(200_000),
    "deep tuples": deep(200_000, b"\x92\x03"),
    "deep dicts by their keys": deep(200_000, b"\x93\x04"),
    "deep dicts by their values": deep(200_000, b"\x93\x04\x01"),
    "deep tuples as a key": b"\x93\x04" + deep(200_000, b"\x92\x03") + b"\xc0",
    "deep maps": b"\x81\xa0" * 200_000 + b"\xc0",
    **{
        f"states {tag!r}": many(encode([13, tag, encode(known._made())]), 2_000)
        for tag, known in registry._BY_TAG.items()
        if not known.holds_models
        and known._made.__struct_fields__[0] not in ("monitor", "means")
        and tag.isidentifier()
    },
    "states in a state": many(encode([13, "row_buffer", encode([None, {}, None, {}])]), 30_000),
    "names in a state": encode(
        [13, "row_buffer", encode([None, {f"{n:x}": 0.5 for n in range(PARTS)}, None, {}])]
    ),
}

CELLS = 20_000
NAMES = [chr(0x100 + number) for number in range(CELLS)]
NOTHING, _ = columns_of({SignalKey("a", "a"): State(None)})


def all_of(number: float) -> bytes:
    """A row of that number for every state."""
    return write_row(np.full(CELLS, number))


PLAIN = {
    "record_signals": NAMES,
    "latest_s": all_of(float("nan")),
    "lengths": all_of(1),
}


def marks(count: int, shards: Sequence[str] = ("",), digits: int = 1) -> dict[str, object]:
    """So many checkpoints for each of these shards, which are the same."""
    none = write_row(np.full(count, float("nan")))
    written = WrittenMarks(("", ""), count, b"", b"\1" * digits, b"", none, [])
    return {"marks": [msgspec.structs.replace(written, shard=("", name)) for name in shards]}


def of_arrays(tag: str) -> dict[str, object]:
    """States of a class that are all zeros."""
    layout = layout_of(registry.class_tagged(tag).made)
    kinds = bytes(layout.floats + layout.integers)
    return PLAIN | {"lengths": b"\0", "model_class": tag, "in_arrays": all_of(1), "kinds": kinds}


HEALTH = layout_of(Health)
IN_ARRAYS = {"has_health": all_of(1), "health_kinds": bytes(HEALTH.floats + HEALTH.integers)}
# Of the lengths, the alerts are all there: as many objects as can be.
ALL_ALERTS = bytes(
    0x81 if name.endswith("is_there") else 0
    for name, place in sorted(HEALTH.places.items(), key=lambda item: item[1].start)
    if place.kind == "integers"
)
ALERTS = encode(Health(1, 1.0, alerts=dict.fromkeys(NAMES, AlertState())))
COLUMN_BOMBS = {
    "states": PLAIN,
    "checkpoints": PLAIN | marks(CELLS),
    "checkpoints of some shards": PLAIN | marks(CELLS, "abcdefgh"),
    "checkpoints of one state": marks(1, NAMES),
    "long sequence numbers": PLAIN | marks(CELLS, digits=129),
    "parameters": PLAIN | {"parameters": [(number, "") for number in range(CELLS)]},
    "alerts": {"health": [(0, ALERTS)]},
    "health": PLAIN | {"health": [(number, encode(Health(1, 1.0))) for number in range(CELLS)]},
    "health of nothing": PLAIN | {"health": [(number, b"\x90") for number in range(CELLS)]},
    "health in arrays": PLAIN | IN_ARRAYS,
    "health with all alerts": PLAIN
    | IN_ARRAYS
    | {"health_kinds": bytes(HEALTH.floats) + ALL_ALERTS, "behind": b"\1" * 4},
    **{f"states of {tag} in arrays": of_arrays(tag) for tag in ("alert", "isolated_anomaly", "change_point")},
    "ADWINs": PLAIN
    | {
        "lengths": all_of(len(WINDOW)),
        "model_class": "drift",
        "in_arrays": all_of(1),
        "adwins": [[(0.002, 32, 1000, 5, 10)], b"\0", b"\0", all_of(0.0), b"\0"],
    },
}


@cache
def bombs() -> dict[str, bytes]:
    """Pages that say as little as they can, and still are read."""
    pages = {name: with_models(model, memory=memory_of(model)) for name, model in BOMBS.items()}
    for name, altered in COLUMN_BOMBS.items():
        altered = dict(altered)
        behind = [altered.pop("behind", b"")]
        is_each = altered.get("lengths", b"\0") != b"\0"
        models = [WINDOW if name == "ADWINs" else b"\xc0"] * (CELLS if is_each else "kinds" not in altered)
        pages[f"columns: {name}"] = with_columns(NOTHING, models + behind, **altered)
    return pages


def test_a_bomb_takes_no_more_memory_than_it_says_and_little_time(tmp_path):
    pages = bombs()
    told = dict(zip(pages, measured([*pages.values()], tmp_path), strict=True))
    assert {name: page for name, page in told.items() if str(page.outcome).startswith("ended")} == {}
    assert {name: page for name, page in told.items() if page.memory_bytes > page.says + SLACK_BYTES} == {}
    assert {name: page for name, page in told.items() if page.processor_s > PROCESSOR_S_MAX} == {}
    assert {name for name, page in told.items() if page.says > 2 * MIB} >= set(BOMBS) - {"maps"}


def test_a_bomb_that_says_too_little_is_unreadable_before_it_goes_off(tmp_path):
    """Nothing but what lies in the page itself is made of it."""
    models = {name: model for name, model in BOMBS.items() if memory_of(model) > 8 * MIB}
    assert len(models) > 10
    told = measured([with_models(model, memory=MIB) for model in models.values()], tmp_path)
    assert {name: page for name, page in zip(models, told, strict=True) if page.outcome != 0} == {}
    assert all(page.memory_bytes <= page.says + SLACK_BYTES for page in told)


def test_a_page_that_would_take_more_memory_than_there_is_is_not_read(tmp_path):
    for page in measured([*bombs().values()], tmp_path, MIB):
        assert page.memory_bytes < SLACK_BYTES
        assert "of memory, of 1048576" in str(page.outcome) or page.says <= MIB, page


# Numbers that ask for memory later.


@pytest.mark.parametrize(
    "alter",
    [{"n_trees": 2**31}, {"n_trees": 10**6, "height": 12}, {"height": 20}],
)
def test_trees_that_grow_at_the_next_value_are_counted_before(alter):
    detector = anomaly.HalfSpaceTrees()
    vars(detector).update(alter)
    model, takes = packed(detector)
    page = with_models(model, memory=takes)
    assert opened(page)[0].memory_bytes > 10**9
    with pytest.raises(UnreadablePage, match="of memory"):
        PageCodec(2**30).decode(page)
    [planted] = PageCodec().decode(with_models(model, memory=10**6)).values()
    with pytest.raises(UnreadableModel):
        _ = planted.model


@pytest.mark.parametrize("alter", [{"n_trees": -(2**40)}, {"height": 21}, {"height": 2**40}])
def test_trees_of_other_numbers_are_refused(alter):
    detector = anomaly.HalfSpaceTrees(height=3)
    fields = msgspec.msgpack.decode(packed(detector)[0])
    [(name, value)] = alter.items()
    fields[{"n_trees": 2, "height": 4}[name]] = value
    [planted] = PageCodec().decode(with_models(encode(fields), memory=2**30)).values()
    with pytest.raises(UnreadableModel, match="trees of what is no number"):
        _ = planted.model
    if name == "height":
        vars(detector).update(alter)
        with pytest.raises(UnwritableModel):
            packed(detector)


def window_of(buckets: int, *, at: int) -> AdaptiveWindowing:
    state = bytearray(AdaptiveWindowing(0.002, 32, 5, 5, 10).__getstate__())
    assert state[at : at + 8] == (5).to_bytes(8, "little"), "the number of buckets is here, twice"
    state[at : at + 8] = buckets.to_bytes(8, "little")
    window = AdaptiveWindowing(0.002, 32, 5, 5, 10)
    window.__setstate__(bytes(state))
    return window


def altered(**attributes: object) -> drift.ADWIN:
    """An ADWIN with other attributes."""
    detector = drift.ADWIN()
    vars(detector).update(attributes)
    return detector


def as_column(detector: drift.ADWIN) -> object:
    """As it comes back from a page, where ADWINs have columns of their own."""
    [state] = PageCodec().decode(PageCodec().encode({A: State(DriftState(detector))})).values()
    return state.model


@pytest.mark.parametrize("at", [12, -16])
def test_a_windows_state_says_no_more_buckets_than_are_allowed(at):
    at = at % len(WINDOW)
    allowed, too_many = (altered(_helper=window_of(buckets, at=at)) for buckets in (1000, 1001))
    assert as_column(allowed)
    assert unpacked(*packed(allowed))
    with pytest.raises(UnreadableModel, match="1001 buckets"):
        as_column(too_many)
    with pytest.raises((ValueError, UnwritableModel), match="1001 buckets"):
        unpacked(*packed(too_many))


def test_a_model_with_more_buckets_than_a_page_may_hold_is_refused():
    with pytest.raises(ConfigurationError, match="2000 buckets"):
        PageCodec().check(DriftUseCase(drift.ADWIN(max_buckets=2000)))
    with pytest.raises(UnreadableModel, match="2000 buckets"):
        as_column(drift.ADWIN(max_buckets=2000))
    with pytest.raises(UnwritableModel, match="2000 buckets"):
        packed(drift.ADWIN(max_buckets=2000))


def test_rusts_altered_states_end_no_process_and_take_no_more_memory():
    ran = subprocess.run(
        [sys.executable, "-m", "tests.consumer.pages.altered_rust", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    tried, read = map(int, ran.stdout.split())
    assert 1_000 < read < tried - 1_000


# Pages that are too large.


def test_a_page_that_would_take_too_much_memory_is_unreadable_and_says_so():
    states = {SignalKey(str(n), str(n)): State(DriftState(drift.ADWIN())) for n in range(2_000)}
    page = PageCodec().encode(states)
    assert len(PageCodec().decode(page)) == 2_000
    with pytest.raises(UnreadablePage, match=r"could take \d+ bytes of memory, of 1048576"):
        PageCodec(MIB).decode(page)


@pytest.mark.parametrize("case", EVERY_MODEL, ids="-".join)
def test_what_is_written_can_be_read_again_by_a_function_of_the_same_memory(case):
    """Also of models of which little is written and much is made."""
    states = {SignalKey(str(n), str(n)): State(EVERY_MODEL[case][0].create(n)) for n in range(300)}
    takes = opened(PageCodec().encode(states))[0].memory_bytes
    reader = PageCodec(takes)
    page, is_nearly_full = reader.encode_measured(states)
    assert is_nearly_full
    assert len(reader.decode(page)) == 300
    with pytest.raises(UnreadablePage, match="would take more"):
        PageCodec(takes - 1).encode(states)


def test_models_that_say_so_much_that_their_sum_wraps_are_not_read():
    """2,048 times 2**53 is 0 in 64 bits."""
    with pytest.raises(UnreadablePage):
        PageCodec(256 * MIB).decode(with_models(*[encode([1])] * 2048, memory=2**53))


def test_thousands_of_shards_cost_no_signal_more_than_its_own_checkpoints():
    """Looking for each signal's checkpoints in all of them would take many seconds."""
    shards, count = 4_000, 4_000
    names, no_time = [str(number) for number in range(count)], write_row(np.full(count, float("nan")))
    of_one = msgspec.structs.replace(marks(1)["marks"][0], slots=write_row(np.array([7])))
    written = [msgspec.structs.replace(of_one, shard=("", str(shard))) for shard in range(shards)]
    page = with_columns(
        NOTHING, [b"\xc0"] * count, **PLAIN | {"record_signals": names, "latest_s": no_time}, marks=written
    )
    begun = time.process_time()
    states = PageCodec().decode(page)
    checkpoints = [len(state.checkpoints) for state in states.values()]
    states.settle()
    assert time.process_time() - begun < 1.5
    assert (checkpoints[7], sum(checkpoints)) == (shards, shards)
    assert PageCodec().encode(states)[-count:] == page[-count:]
