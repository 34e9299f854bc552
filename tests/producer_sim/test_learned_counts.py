"""Counts of what was learned, read from the states in S3."""

import json

import pytest
from river import drift

from clients.deployment import ModelsOf
from clients.errors import StatesUnreadable
from consumer.decode.signal_names import SignalKey
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.pages.layout import Layout
from local.emulator.embedded_aws import EmbeddedAWS
from producer_sim.observe.learned_counts import Counts, LearnedCounts


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with EmbeddedAWS(tmp_path_factory.mktemp("aws") / "aws.log") as aws:
        yield aws.client("s3")


@pytest.fixture
def bucket(s3, request) -> str:
    name = f"models-{abs(hash(request.node.name))}"
    s3.create_bucket(Bucket=name)
    return name


def looking(s3, bucket, *signals: str) -> LearnedCounts:
    return LearnedCounts(s3, ModelsOf("drift", bucket), "telemetry", signals)


def write(s3, bucket, layout: Layout, carrier: str, **counts: tuple[int, int]) -> None:
    """Write the page of a carrier with these signals' counts, learned and skipped."""
    states = {
        SignalKey(carrier, name): State(drift.ADWIN(), learned=learned, skipped=skipped)
        for name, (learned, skipped) in counts.items()
    }
    s3.put_object(Bucket=bucket, Key=layout.key_of(carrier), Body=PageCodec().encode(states))


OLD, NEW = (Layout(f"models/drift/{mark * 16}", 16) for mark in "ab")


def test_only_what_came_since_and_only_of_the_named_signals(s3, bucket):
    write(s3, bucket, OLD, "a", a=(100, 5), other=(7, 7))
    counts = looking(s3, bucket, "a")
    assert counts.look() == Counts()
    write(s3, bucket, OLD, "a", a=(140, 6), other=(9, 9))
    assert counts.look() == Counts(learned=40, skipped=1)


def test_models_that_begin_anew_under_another_fingerprint_are_found(s3, bucket):
    write(s3, bucket, OLD, "a", a=(100, 0))
    counts = looking(s3, bucket, "a")
    write(s3, bucket, NEW, "a", a=(30, 0))
    assert counts.look() == Counts(learned=30)


@pytest.mark.parametrize("pages", [0, 1, 16])
def test_values_that_an_asset_carries_together_are_found_on_its_page(s3, bucket, pages):
    counts = looking(s3, bucket, "line1.pump.flow", "line1.pump.pressure")
    layout = Layout(NEW.prefix, pages)
    write(s3, bucket, layout, "line1.pump", **{"line1.pump.flow": (3, 0), "line1.pump.pressure": (4, 0)})
    assert counts.look() == Counts(learned=7)


def test_a_page_of_another_river_is_left_alone_until_it_is_written_and_then_an_error(s3, bucket):
    s3.put_object(Bucket=bucket, Key=OLD.key_of("a"), Body=b"RVPG of another River")
    counts = looking(s3, bucket, "a")
    assert counts.look() == Counts()
    s3.put_object(Bucket=bucket, Key=OLD.key_of("a"), Body=b"RVPG of another River, again")
    with pytest.raises(StatesUnreadable, match=r"consumer/requirements\.lock"):
        counts.look()


def test_a_line_of_quarantine_that_is_written_twice_counts_once(s3, bucket):
    def keep(key: str, *lines: tuple[str, str | None]) -> None:
        content = [{"id": name, "signal": signal, "reason": "NaN"} for name, signal in lines]
        body = "".join(json.dumps(line) + "\n" for line in content).encode()
        s3.put_object(Bucket=bucket, Key=f"quarantine/drift/telemetry/shard/{key}", Body=body)

    keep("1", ("before", "a"))
    counts = looking(s3, bucket, "a")
    keep("2", ("one", "a"), ("two", None), ("of another", "b"))
    keep("3", ("one", "a"))
    assert counts.look() == Counts(quarantined=2)
    assert counts.reasons == ["NaN"]
