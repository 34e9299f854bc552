"""An altered page can fill no memory and end no process: it cannot be read, and its records are kept."""

import functools
import json
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from river import drift
from river._river_rust.drift import AdaptiveWindowing

from consumer.decode.signal_names import SignalKey
from consumer.detectors.block_statistics import DyadicScales
from consumer.detectors.drift import DriftState
from consumer.detectors.states import written
from consumer.errors import UnreadablePage
from consumer.learning.state import State
from consumer.pages import codec
from consumer.pages.codec import PageCodec
from consumer.pages.columns import columns_of
from consumer.pages.layout import Layout
from tests.consumer.every_model import EVERY_MODEL
from tests.consumer.pages.hostile_pages import enveloped, looking_up, text
from tests.consumer.world import PREFIX, World, points, step

ROOT = Path(__file__).parents[3]
PROTO = b"\x80\x05"
A = SignalKey("a", "a")


def index(number: int) -> bytes:
    return number.to_bytes(4, "little")


def laughs(levels: int) -> bytes:
    """A list of ten times the same list of ten times the same, and so on."""
    level = b"]\x94(" + b"N" * 10 + b"e"
    for memo in range(levels):
        level += b"]\x94(" + b"j" + index(memo) + (b"j" + index(memo)) * 9 + b"e"
    return PROTO + level + b"."


WINDOW = looking_up("river._river_rust.drift", "AdaptiveWindowing")
DELTA = b"G?\x60bM\xd2\xf1\xa9\xfc"
RANDOM = looking_up("random", "Random")
BOMBS = {
    "an index that makes a table so long": lambda: PROTO + b"Nr" + index(2**28) + b".",
    "the same as text": lambda: PROTO + b"Np268435456\n.",
    "an index of one byte": lambda: PROTO + b"Nq\xff.",
    "sets": lambda: PROTO + b"](" + b"\x8f" * 4_000_000 + b"e.",
    "lists": lambda: PROTO + b"](" + b"]" * 8_000_000 + b"e.",
    "objects": lambda: (
        PROTO + b"](" + looking_up("random", "Random") + b"\x94" + b"h\x00)R" * 400_000 + b"e."
    ),
    "deep lists": lambda: PROTO + b"]" * 3_000_000 + b"a" * 2_999_999 + b".",
    "deep tuples": lambda: PROTO + b"N" + b"\x85" * 6_000_000 + b".",
    "bytes that are not there": lambda: PROTO + b"B\xff\xff\xff\xff.",
    "a frame that is not there": lambda: PROTO + b"\x95" + b"\xff" * 5 + b"\x00\x00\x00N.",
    "more bytes that are not there": lambda: PROTO + b"\x8e" + b"\xff" * 7 + b"\x7f.",
    "a text that is not there": lambda: PROTO + b"X\xff\xff\xff\x7f.",
    "a number of a million digits": lambda: PROTO + b"\x8b" + index(2**20) + b"\x01" * 2**20 + b".",
    "a number as text": lambda: PROTO + b"L" + b"9" * 1_000_000 + b"L\n.",
    "a billion laughs": lambda: laughs(9),
    "a window of more buckets than there is memory": lambda: (
        PROTO + WINDOW + b"(" + DELTA + b"K\x20\x8a\x08" + b"\x00" * 6 + b"\x08\x00K\x05K\x0at\x81."
    ),
    "windows of many buckets": lambda: (
        (
            PROTO
            + WINDOW
            + b"\x94]("
            + b"h\x00(G?\x60bM\xd2\xf1\xa9\xfcK\x20J\x00\x00\x00\x01K\x05K\x0at\x81" * 99
        )
        + b"e."
    ),
}


def called(module: str, name: str, arguments: bytes) -> bytes:
    """A pickle that calls what it looks up, over and over, with arguments that lie before it."""
    looked_up = looking_up(module, name) + b"\x94"
    return PROTO + looked_up + b"](" + arguments + (b"h\x00h\x01R" * 20_000) + b"e."


def shared_fields(times: int) -> bytes:
    """Columns that refer to the fields of one state many times."""
    tag, fields = written(DyadicScales())
    columns = columns_of({A: State(DyadicScales())})
    return pickle.dumps(tuple(columns._replace(models=("states", [tag] * times, [fields] * times))), 5)


# A list of a million, a dict of a hundred thousand: memo 1, as the one argument of a tuple.
MILLION = b"](" + b"N" * 1_000_000 + b"e\x85\x94"
HUNDRED_THOUSAND = b"}(" + b"".join(b"J" + index(n) + b"N" for n in range(100_000)) + b"u\x85\x94"
HUGE = b"J\xff\xff\xff\x7f"
BOMBS |= {
    "a deque of what is there, again and again": lambda: called("collections", "deque", MILLION),
    "a tuple likewise": lambda: called("builtins", "tuple", MILLION),
    "a Counter likewise": lambda: called("collections", "Counter", HUNDRED_THOUSAND),
    "an OrderedDict likewise": lambda: called("collections", "OrderedDict", HUNDRED_THOUSAND),
    "a VectorDict likewise": lambda: called("river._river_rust.vectordict", "VectorDict", HUNDRED_THOUSAND),
    "a KMeans of two thousand million clusters": lambda: (
        PROTO + looking_up("river.cluster.k_means", "KMeans") + HUGE + b"\x85R."
    ),
    "as many trees": lambda: PROTO + looking_up("river.anomaly.hst", "HalfSpaceTrees") + HUGE + b"\x85R.",
    "an ADWIN of more buckets than there is memory": lambda: (
        PROTO
        + looking_up("river.drift.adwin", "ADWIN")
        + (b"(" + DELTA + b"K\x20\x8a\x08" + b"\x00" * 6 + b"\x08\x00K\x05K\x0atR.")
    ),
    "a factory of clusterers": lambda: (
        PROTO
        + looking_up("functools", "partial")
        + looking_up("river.cluster.k_means", "KMeans")
        + b"\x85R("
        + looking_up("river.cluster.k_means", "KMeans")
        + HUGE
        + b"\x85NNtb."
    ),
    "one state's fields, again and again": lambda: shared_fields(1_000_000),
    "a dict whose defaults are clusterers": lambda: (
        PROTO
        + looking_up("collections", "defaultdict")
        + looking_up("river.cluster.k_means", "KMeans")
        + b"\x85R."
    ),
}

_DECODED = """
import json, resource, sys, time
from consumer.errors import UnreadablePage
from consumer.pages.layout import Layout
from consumer.pages.codec import PageCodec
for name in sys.argv[1:]:
    page = open(name, "rb").read()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        outcome = f"{len(PageCodec(256 * 2**20).decode(page))} states"
    except UnreadablePage as error:
        outcome = "unreadable"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps([name, outcome, peak // 1024, time.process_time() - start]), flush=True)
"""


def test_a_bomb_is_unreadable_within_memory_and_time(tmp_path):
    for number, bomb in enumerate(BOMBS.values()):
        (tmp_path / str(number)).write_bytes(enveloped(bomb()))
    files = [str(tmp_path / str(number)) for number in range(len(BOMBS))]
    ran = subprocess.run(
        [sys.executable, "-c", _DECODED, *files], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    told = dict(zip(BOMBS, map(json.loads, ran.stdout.splitlines()), strict=True))
    assert {name: outcome for name, (_, outcome, _, _) in told.items()} == dict.fromkeys(BOMBS, "unreadable")
    assert {name: more for name, (_, _, more, _) in told.items() if more > 256} == {}
    assert {name: took for name, (_, _, _, took) in told.items() if took > 5.0} == {}


def test_the_bombs_would_go_off_elsewhere():
    read = pickle.loads(BOMBS["sets"]())
    assert len(read) == 4_000_000


# States that a model does not make.


def altered(**attributes: object) -> bytes:
    """A page with one ADWIN, on which more was set than an ADWIN has."""
    detector = drift.ADWIN()
    vars(detector).update(attributes)
    return PageCodec().encode({A: State(DriftState(detector))})


def window_of(buckets: int, *, at: int) -> AdaptiveWindowing:
    state = bytearray(AdaptiveWindowing(0.002, 32, 5, 5, 10).__getstate__())
    assert state[at : at + 8] == (5).to_bytes(8, "little"), "the number of buckets is here, twice"
    state[at : at + 8] = buckets.to_bytes(8, "little")
    window = AdaptiveWindowing(0.002, 32, 5, 5, 10)
    window.__setstate__(bytes(state))
    return window


@pytest.mark.parametrize("at", [12, -16])
@pytest.mark.parametrize("more", [{}, {"added": 1}])
def test_a_windows_state_says_no_more_buckets_than_are_allowed(at, more):
    """Packed as ADWINs are, or with an attribute more as any model is."""
    at = at % len(AdaptiveWindowing(0.002, 32, 5, 5, 10).__getstate__())
    assert PageCodec().decode(altered(_helper=window_of(1000, at=at), **more))
    with pytest.raises(UnreadablePage, match="1001 buckets"):
        PageCodec().decode(altered(_helper=window_of(1001, at=at), **more))


def test_a_model_with_more_buckets_than_a_page_may_hold_is_refused():
    with pytest.raises(UnreadablePage, match="2000 buckets"):
        PageCodec().decode(PageCodec().encode({A: State(DriftState(drift.ADWIN(max_buckets=2000)))}))


def test_a_page_that_would_take_too_much_memory_is_unreadable_and_says_so():
    states = {SignalKey(str(n), str(n)): State(DriftState(drift.ADWIN())) for n in range(2_000)}
    page = PageCodec().encode(states)
    assert len(PageCodec().decode(page)) == 2_000
    with pytest.raises(UnreadablePage, match=r"could take \d+ bytes of memory, of 1048576"):
        PageCodec(2**20).decode(page)


@pytest.mark.parametrize("model", [drift.ADWIN(), drift.PageHinkley(), drift.KSWIN(window_size=60)])
def test_the_estimate_is_above_what_is_taken(model):
    states = {SignalKey(str(n), str(n)): State(DriftState(model.clone())) for n in range(500)}
    page = PageCodec().encode(states)
    tracemalloc.start()
    read = PageCodec().decode(page)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(read) == 500
    body = pickle.dumps(tuple(columns_of(states)), protocol=5)
    assert peak < codec.memory_bytes_of(body) < 40 * peak


@pytest.mark.parametrize("case", EVERY_MODEL, ids="-".join)
def test_what_is_written_can_be_read_again_by_a_function_of_the_same_memory(case):
    """Also of models of which little is written and much is made."""
    states = {SignalKey(str(n), str(n)): State(EVERY_MODEL[case][0].create(n)) for n in range(300)}
    body = pickle.dumps(tuple(columns_of(states)), protocol=5)
    takes = codec.memory_bytes_of(body)
    reader = PageCodec(takes)
    page, is_nearly_full = reader.encode_measured(states)
    assert is_nearly_full
    assert len(reader.decode(page)) == 300
    with pytest.raises(UnreadablePage, match="would take more"):
        PageCodec(takes - 1).encode(states)


@pytest.mark.parametrize("pages", [0, 16])
def test_a_page_that_can_be_read_and_not_written_again_blocks_nothing(pages):
    """Its models hold lists within lists, deeper than pickle writes."""
    records = points([*step("a", 60), ("b", 1.0)])
    world = World(pages)
    world.invoke(records[:30] + records[60:])
    key = Layout(PREFIX, pages).key_of("a")
    states = PageCodec().decode(world.objects.objects[key][1])
    states[A].model.detector.extra = "here"
    written = pickle.dumps(tuple(columns_of(states)), protocol=5)
    before, after = written.split(text("here"))
    nested = b"]" * 50_000 + b"a" * 49_999
    world.objects.objects[key] = ('"planted"', enveloped(_unframed(before) + nested + after))
    report = world.invoke(records[30:60], world.cold())
    assert report.failed == []
    assert report.counts["pages_unreadable"] == 1
    assert len(world.objects.quarantined()) == 30
    assert "cannot be written" in world.objects.quarantined()[0]["reason"]


def _unframed(start: bytes) -> bytes:
    """A pickle's start without its frame, whose length would be another."""
    assert start[2:3] == b"\x95"
    return start[:2] + start[11:]


def test_partial_tricks_are_refused_by_their_opcodes():
    for opcode in b"cio0123pqrFILSTUVdlgPQ\x82\x83\x84\x8b\x8d\x8e\x92\x96\x97\x98":
        with pytest.raises(ValueError, match="is not allowed"):
            codec.check_opcodes(PROTO + b"N" + bytes([opcode]) + b"....")


def test_what_pickle_writes_is_allowed():
    values = [
        1,
        -1,
        2**40,
        2**600,
        1.5,
        "x" * 10,
        "y" * 300,
        b"z",
        b"z" * 300,
        None,
        True,
        (),
        (1,),
        {1: 2},
        [3],
    ]
    values += [{4}, frozenset({5}), (1, 2, 3, 4), functools.reduce(lambda inner, _: [inner], range(200), [])]
    codec.check_opcodes(pickle.dumps(values, protocol=5))
