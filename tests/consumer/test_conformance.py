"""What every use case has to be, whatever its model: exact, apart from the others, bounded, and a page's."""

import ast
import inspect
import io
import math
import pickle
import random
import sys
import textwrap
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly

from consumer.decode.signal_names import SignalKey, seed_of
from consumer.detectors import base
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.asset_rows import AssetUseCase
from consumer.detectors.base import UseCase, fingerprint
from consumer.errors import ModelRaised
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.pages.packing import packed
from consumer.pages.river_classes import CLASSES, CLASSES_LATER, FACTORIES, METHODS
from consumer.pages.river_packers import PACKED, PACKED_LATER
from consumer.pages.unpacking import unpacked
from consumer.plant import plant
from tests.consumer.every_model import EVERY_MODEL
from tests.consumer.own_model import Wobble, allow_own_modules
from tests.consumer.world import World, points, record

# It rises after 200, wanders off after 350, and falls back.
VALUES = [10.0 + number * 7919 % 13 for number in range(200)]
VALUES += [40.0 + number * 7919 % 17 for number in range(150)]
VALUES += [40.0 + number for number in range(60)]
VALUES += [10.0 + number * 7919 % 13 for number in range(90)]
TIMES = [1.7e9 + 60.0 * number for number in range(len(VALUES))]
KEY = SignalKey("a", "a")

CASES: dict[str, UseCase] = {
    f"{family}-{name}-{number}": use_case
    for (family, name), use_cases in EVERY_MODEL.items()
    for number, use_case in enumerate(use_cases)
} | {f"registered-{name}": use_case for name, use_case in plant().use_cases.items()}
OWN = anomaly.ThresholdFilter(Wobble(), threshold=0.8, protect_anomaly_detector=False)
CASES["own"] = AnomalyUseCase(OWN, warm_up=50)
every = pytest.mark.parametrize("name", CASES)


@pytest.fixture(autouse=True)
def own_module(monkeypatch):
    """As a line in use_cases.py allows it."""
    allow_own_modules(monkeypatch, "tests.consumer.own_model")


def learned(use_case: UseCase, values=VALUES, times=TIMES, seed=7):
    model = use_case.create(seed)
    return model, use_case.learn(model, list(values), list(times))


def through_a_page(model: object) -> object:
    codec = PageCodec()
    return codec.decode(codec.encode({KEY: State(model)}))[KEY].model


def bytes_of(model: object) -> bytes:
    """All that a model knows, wherever its equal parts are one object and wherever they are two."""
    written = io.BytesIO()
    pickler = pickle.Pickler(written, protocol=5)
    pickler.fast = True  # no part refers to an earlier one
    try:
        pickler.dump(through_a_page(model))
    except (ValueError, RecursionError):  # it refers to itself, as PageHinkley's method does
        return pickle.dumps(through_a_page(through_a_page(model)), protocol=5)
    return written.getvalue()


@every
def test_a_model_comes_back_from_a_page_as_it_was_and_goes_on_the_same(name):
    use_case = CASES[name]
    whole, findings = learned(use_case)
    for cut in (0, 1, 120, 207, 380):
        model, before = learned(use_case, VALUES[:cut], TIMES[:cut])
        model = through_a_page(model)
        after = use_case.learn(model, VALUES[cut:], TIMES[cut:])
        told = [*before, *(replace(one, index=one.index + cut) for one in after)]
        assert told == findings
        assert bytes_of(model) == bytes_of(whole)


@every
@given(cuts=st.lists(st.integers(0, len(VALUES)), max_size=6))
@settings(max_examples=8, deadline=None)
def test_any_cut_of_the_values_gives_the_same_model_and_findings(name, cuts):
    use_case = CASES[name]
    whole, findings = learned(use_case)
    model, told, start = use_case.create(7), [], 0
    for end in [*sorted(cuts), len(VALUES)]:
        part = use_case.learn(model, VALUES[start:end], TIMES[start:end])
        told += [replace(one, index=one.index + start) for one in part]
        start = end
    assert told == findings
    assert bytes_of(model) == bytes_of(whole)


@every
def test_two_signals_share_nothing(name):
    use_case = CASES[name]
    alone, _ = learned(use_case, seed=1)
    one, other = use_case.create(1), use_case.create(2)
    for value, time in zip(VALUES, TIMES, strict=True):
        use_case.learn(one, [value], [time])
        use_case.learn(other, [-3.0 * value], [time])
    assert bytes_of(one) == bytes_of(alone)


@every
def test_a_model_has_no_global_randomness_and_reads_no_clock(name, monkeypatch):
    use_case = CASES[name]
    first, findings = learned(use_case)
    random.seed(99)
    np.random.seed(99)
    before = random.getstate(), str(np.random.get_state())
    for clock in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(f"time.{clock}", lambda: pytest.fail("it read the clock"))
    second, again = learned(use_case)
    assert (random.getstate(), str(np.random.get_state())) == before
    assert again == findings
    assert bytes_of(first) == bytes_of(second)


@every
def test_a_seed_is_used_where_a_model_has_one(name):
    use_case = CASES[name]
    models = {bytes_of(learned(use_case, VALUES[:5], TIMES[:5], seed)[0]) for seed in range(3)}
    written = models.copy().pop()  # a SeasonalIsolation's state has its generator among its numbers,
    is_random = b"random" in written or b"SeasonalIsolation" in written
    is_random |= b"ModesState" in written  # and that of modes the seed for models of modes to come
    assert len(models) == (3 if is_random else 1)


@every
def test_the_state_is_bounded(name):
    use_case = CASES[name]
    model = use_case.create(7)
    rng, sizes = random.Random(5), []
    for _ in range(6):
        values = [rng.gauss(20.0, 6.0) + rng.choice([0.0, 0.0, 40.0]) for _ in range(500)]
        use_case.learn(model, values, [None] * 500)
        sizes.append(len(bytes_of(model)))
    assert sizes[-1] < max(1.5 * sizes[2], 12_000), sizes


@every
def test_nonsense_is_refused_at_its_value_or_learned_as_any(name):
    """The largest values that are let in, standing still, and jumps between the ends."""
    use_case = CASES[name]
    for nonsense in ([1e100, -1e100] * 40, [0.0] * 400, [5e-324] * 100, [1e100] * 60 + [0.0] * 60):
        model, left = use_case.create(7), list(nonsense)
        for _ in range(len(nonsense)):
            try:
                findings = use_case.learn(model, left, [None] * len(left))
            except ModelRaised as error:
                at = error.index
                model, left = use_case.create(7), left[at + 1 :]
                continue
            assert all(0 <= one.index < len(left) for one in findings)
            for one in findings:
                numbers = [number for number in one.evidence.values() if isinstance(number, float)]
                assert all(map(math.isfinite, numbers))
            break
        through_a_page(model)


@every
def test_a_signal_that_stands_still_tells_nothing(name):
    use_case = CASES[name]
    _, findings = learned(use_case, [42.0] * 600, TIMES[:1] * 600)
    if "Dummy" not in name:
        assert findings == []


@every
def test_scores_are_from_0_to_1_and_to_ask_for_them_changes_nothing(name):
    use_case = CASES[name]
    whole, findings = learned(use_case)
    model, scores = use_case.create(7), []
    assert use_case.learn(model, VALUES, TIMES, scores) == findings
    assert len(scores) == len(VALUES)
    assert all(0.0 <= score <= 1.0 for score in scores)
    assert bytes_of(model) == bytes_of(whole)
    for finding in findings:
        assert scores[finding.index] > 0.0 or finding.change != "opened"


@every
def test_its_parameters_are_plain_and_tell_it_from_the_others(name):
    use_case = CASES[name]
    own = fingerprint(use_case, {})
    assert own == fingerprint(use_case, {})
    others = {other: fingerprint(CASES[other], {}) for other in CASES if other != name}
    same = [other for other, print_ in others.items() if print_ == own and "registered" not in other + name]
    assert same == []


@every
def test_the_pipeline_learns_it_exactly_under_redelivery(name):
    use_case = CASES[name]
    world = World(pages=1, use_case=use_case)
    records = points([("a", value) for value in VALUES])
    if isinstance(use_case, AssetUseCase):  # single values may be left to other use cases
        payloads = [{"signal": "a", "values": {"value": value}} for value in VALUES]
        records = [record(100 + number, payload, key="a") for number, payload in enumerate(payloads)]
    for start in (0, 90, 0, 200, 150):
        assert world.invoke(records[start : start + 260], world.cold()).failed == []
    model = use_case.create(seed_of_a())
    arrived_s = [one["kinesis"]["approximateArrivalTimestamp"] for one in records[:460]]
    findings = use_case.learn(model, VALUES[:460], arrived_s)
    assert bytes_of(world.states()["a"].model) == bytes_of(model)
    assert len(set(world.event_ids())) == len(findings)


def seed_of_a() -> int:
    return seed_of("drift", "a")


def test_each_family_finds_something_in_these_values():
    """Else it would show little that the findings are the same."""
    silent = {name for name, use_case in CASES.items() if not learned(use_case)[1]}
    assert silent == {
        "drift-NoDrift-0",
        "registered-forecast",  # it has no limit
        "anomaly-HalfSpaceTrees-0",  # of values between 0 and 1
        "clusters-scaled-0",  # three clusters, all of them usual
        "registered-clusters",  # eight
        "anomaly-scaled-5",
        "anomaly-SeasonalIsolation-0",  # what is new in them lies within its warm-up
        "registered-asset",  # likewise
    }


# The registry.


def names_in(packed_model: bytes) -> set[str]:
    """Every class, method and factory that is named where a model is packed."""
    found: set[str] = set()

    def walk(node: object) -> None:
        if isinstance(node, bytes):  # a state's fields, or the bytes of numbers
            try:
                walk(msgspec.msgpack.decode(node))
            except (msgspec.DecodeError, UnicodeDecodeError):
                return
        elif isinstance(node, list):
            found.update(part for part in node if isinstance(part, str))
            for part in node:
                walk(part)

    walk(packed_model)
    return found


def needed() -> dict[str, set[tuple[str, str]]]:
    """By what is named, the use cases and models that need it."""
    needing: dict[str, set[tuple[str, str]]] = {}
    for case, use_cases in EVERY_MODEL.items():
        for use_case in use_cases:
            for count in (0, 10, 205, len(VALUES)):
                model = learned(use_case, VALUES[:count], TIMES[:count])[0]
                for name in names_in(packed(model)[0]):
                    needing.setdefault(name, set()).add(case)
    return needing


def registered() -> dict[str, set[str]]:
    """By what is registered, the texts that say what needs it."""
    texts: dict[str, set[str]] = {}
    for made, text, *_ in [*CLASSES, *PACKED, *FACTORIES]:
        texts.setdefault(made.__name__, set()).add(text)
    for full_name, text, *_ in [*CLASSES_LATER, *PACKED_LATER]:
        texts.setdefault(full_name.rpartition(".")[2], set()).add(text)
    for _, names, text in METHODS:
        for name in names:
            texts.setdefault(name, set()).add(text)
    return texts


def test_the_registry_has_what_the_use_cases_models_need_and_nothing_else():
    needing = needed()
    assert registered().keys() <= needing.keys()
    for name, texts in registered().items():
        listed = set()
        for part in "; ".join(texts).split("; "):
            family, models = part.split(": ")
            listed |= {(family, model) for model in models.split(", ")}
        of_others = {(family, model) for family, model in needing[name] if model in ("scaled", "joined")}
        assert needing[name] - of_others <= listed <= needing[name], name


@every
@pytest.mark.parametrize("count", [0, 1, 120, 207, len(VALUES)])
def test_a_model_is_packed_and_unpacked_to_the_same_bytes(name, count):
    model, _ = learned(CASES[name], VALUES[:count], TIMES[:count])
    written, objects = packed(model)
    assert packed(unpacked(written, objects)) == (written, objects)
    with pytest.raises(ValueError, match="more memory"):
        unpacked(written, objects - 1)


def test_every_registered_use_case_passes_the_check_at_the_start():
    for use_case in plant().use_cases.values():
        PageCodec().check(use_case)


# One line.


@pytest.mark.parametrize("family", ["drift", "anomaly", "clusters", "forecast"])
def test_to_swap_a_model_is_one_line(family):
    """The line of use_cases.py is all that differs, and another fingerprint keeps the models apart."""
    old, new = [use_cases[0] for (of, _), use_cases in EVERY_MODEL.items() if of == family][:2]
    assert type(old) is type(new)
    assert fingerprint(old, {}) != fingerprint(new, {})
    records = points([("a", value) for value in VALUES])
    for use_case in (old, new):
        world = World(use_case=use_case)
        assert world.invoke(records).failed == []
        assert world.states()["a"].learned == len(VALUES)


def test_seeds_reach_a_model_within_others():
    pattern = EVERY_MODEL["anomaly", "scaled"][0].detector
    one, other, again = (base.seeded(pattern, seed) for seed in (1, 2, 1))
    trees_of = [each.anomaly_detector.steps["HalfSpaceTrees"] for each in (one, other, again)]
    assert [tree.seed for tree in trees_of] == [1, 2, 1]
    assert pattern.anomaly_detector.steps["HalfSpaceTrees"].seed is None


def test_the_adaptors_import_no_clock_and_no_global_randomness():
    for module in {sys.modules[type(use_case).__module__] for use_case in CASES.values()}:
        tree = ast.parse(textwrap.dedent(inspect.getsource(module)))
        imported = {
            alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
        }
        assert not imported & {"time", "datetime", "random", "os"}
