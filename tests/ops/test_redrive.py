"""What was refused or given up is learned after all: once, while data keeps arriving."""

import base64
import gzip
import json
import threading

from consumer.pages.codec import PageCodec
from ops.redrive.ledger import RedriveLedger
from ops.redrive.redrive import SendingStream, Unsent
from tests.consumer.decode.payload_builders import zstandard
from tests.consumer.world import interleaved, step
from tests.ops.live_plant import Plant, assert_learned, endpoint, plant

__all__ = ["endpoint", "plant"]
SIGNALS = ["a", "b", "c"]
SERIES = interleaved(*(step(signal, 60, at=30) for signal in SIGNALS))
PART = len(SERIES) // 3


def assert_again_changes_nothing(plant: Plant, *command: str) -> None:
    before = plant.versions()
    assert "There is nothing to" in plant.command(*command)
    assert plant.arrived() == []
    assert plant.deliver(plant.sent) == []
    written = {key for _, key, _ in plant.versions() - before}
    assert not {key for key in written if not key.startswith("quarantine/")}, "but what is refused, again"


def payload_of(record: dict) -> object:
    return json.loads(base64.b64decode(record["kinesis"]["data"]))


def spoil_pages(plant: Plant) -> dict[str, bytes]:
    """Make every page unreadable; gives them as they were."""
    pages = {key: body for key, body in plant.objects("models").items() if "/pages/" in key}
    for key in pages:
        plant.s3.put_object(Bucket="models", Key=key, Body=b"spoilt")
    return pages


def test_what_came_while_a_page_could_not_be_read_is_learned_after_what_came_meanwhile(plant):
    first = plant.learn(SERIES[:PART])
    pages = spoil_pages(plant)
    unlearned = plant.learn(SERIES[PART : 2 * PART])
    assert len(plant.quarantined()) == PART
    for key, body in pages.items():
        plant.s3.put_object(Bucket="models", Key=key, Body=body)
    third = plant.learn(SERIES[2 * PART :])
    assert_learned(plant, first + third)
    said = plant.command("quarantine", "redrive", "--reason", "cannot be READ")
    assert f"{PART} lines, as {PART} records" in said
    assert "learned after all that arrived meanwhile" in said
    redriven = plant.arrived()
    for signal in SIGNALS:
        sent, before = (
            [payload_of(one) for one in records if payload_of(one)["signal"] == signal]
            for records in (redriven, unlearned)
        )
        assert sent == before, "in their order"
    assert plant.deliver(redriven) == []
    assert_learned(plant, first + third + redriven)
    assert f", {PART} redriven" in plant.look("quarantine", "list")
    assert_again_changes_nothing(plant, "quarantine", "redrive")


def test_of_a_record_of_which_the_rest_was_learned_only_what_was_refused_is_sent(plant):
    """A record brings signals of two pages, of which one could not be read."""
    entries = [
        {"propertyAlias": name, "propertyValues": [tqv(value) for value in values]}
        for name, values in (("x", [1.0, 2.0]), ("y", [3.0]), ("z", [4.0, 5.0]))
    ]
    assert plant.deliver(plant.send([("g", {"entries": entries})])) == []
    page = next(key for key in plant.objects("models") if "/pages/2/1" in key)
    good = plant.objects("models")[page]
    here = {key.signal for key in PageCodec().decode(good)}
    assert 0 < len(here) < 3, "two pages"
    plant.s3.put_object(Bucket="models", Key=page, Body=b"spoilt")
    assert plant.deliver(plant.send([("g", {"entries": entries})])) == []
    plant.s3.put_object(Bucket="models", Key=page, Body=good)
    plant.command("quarantine", "redrive")
    redriven = plant.arrived()
    assert {payload_of(one)["signal"] for one in redriven} == here
    assert plant.deliver(redriven) == []
    learned = {name: state.learned for name, state in plant.states().items()}
    assert learned == {"x": 4, "y": 2, "z": 4}
    assert_again_changes_nothing(plant, "quarantine", "redrive")


def tqv(value: float) -> dict:
    return {"value": {"doubleValue": value}, "timestamp": {"timeInSeconds": 1_700_000_000}, "quality": "GOOD"}


def test_what_would_be_refused_again_is_not_sent_but_what_is_repaired_is(plant, tmp_path):
    bad = [("a", b"not JSON"), ("b", b'{"signal":"b","values":[1,NaN,3]}')]
    assert plant.deliver(plant.send(bad)) == []
    listed = plant.look("quarantine", "list")
    assert "2 lines in the quarantine of drift" in listed
    said = plant.command("quarantine", "redrive")
    assert said.count("it would be rejected again") == 2
    assert "There is nothing to send" in said
    assert plant.arrived() == []
    lines = [
        json.loads(text)
        for line in plant.quarantined()
        for text in plant.look("quarantine", "show", line["id"], "--json").splitlines()
    ]
    whole, one = sorted(lines, key=lambda line: line["partition_key"])
    assert whole["payload"] == "not JSON"
    assert one["payload"]["signal"] == "b"
    assert one["payload"]["value"] is None

    def repaired(*lines: dict) -> list[str]:
        path = tmp_path / "repaired.ndjson"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return ["quarantine", "redrive", "--repaired", str(path)]

    assert "carries nothing" in plant.command(*repaired(one), code=1)
    assert "would be learned again" in plant.command(
        *repaired(one | {"payload": {"signal": "b", "values": [1, 2, 3]}}), code=1
    )
    assert "rejected again" in plant.command(*repaired(whole), code=1)
    assert "has no line" in plant.command(*repaired(whole | {"id": "another"}), code=1)
    assert "line 1" in plant.command(*repaired({"id": "x"}), code=1)
    mended = repaired(
        whole | {"payload": {"signal": "a", "value": 7}},
        one | {"payload": one["payload"] | {"value": 2}},
    )
    assert "Sent and marked: 2 lines" in plant.command(*mended)
    assert plant.deliver(plant.arrived()) == []
    assert {name: state.learned for name, state in plant.states().items()} == {"a": 1, "b": 3}
    assert_again_changes_nothing(plant, *mended)


def test_a_line_is_shown_in_full(plant):
    bad = gzip.compress(b'{"signal":"a"}')
    assert plant.deliver(plant.send([("a", bad)])) == []
    [line] = plant.quarantined()
    [key] = [key for key in plant.objects("models") if key.startswith("quarantine/")]
    for name in (line["id"], key):
        shown = plant.look("quarantine", "show", name)
        assert line["reason"] in shown
        assert '{"signal":"a"}' in shown
        assert "the whole record" in shown
    assert key in plant.look("quarantine", "list", "--since", "2020-01-01")
    assert key not in plant.look("quarantine", "list", "--since", "2099-01-01")
    assert "0 lines" in plant.look("quarantine", "list", "--reason", "no such")
    assert "has no line" in plant.look("quarantine", "show", "nothing", code=1)


def test_a_record_of_many_lines_is_shown_once(plant):
    bad = zstandard(b'{"signal":"a","values":[' + b",".join([b"NaN"] * 2_000) + b"]}")
    assert plant.deliver(plant.send([("a", bad)])) == []
    [key] = [key for key in plant.objects("models") if key.startswith("quarantine/")]
    assert "2,000 lines" in plant.look("quarantine", "list")
    shown = plant.look("quarantine", "show", key)
    assert shown.count("rejected: observation") == 2_000
    assert shown.count('{"signal":"a"') == 1
    to_repair = plant.look("quarantine", "show", key, "--json").splitlines()
    lines = [json.loads(line) for line in to_repair]
    assert [line["position"] for line in lines] == list(range(2_000))
    assert [line["record"] is None for line in lines] == [False, *[True] * 1_999]
    assert {line["payload"]["signal"] for line in lines} == {"a"}
    of_one = plant.look("quarantine", "show", lines[7]["id"])
    assert of_one.count('{"signal":"a"') == of_one.count("rejected: observation 7 of the record") == 1


def some_unlearned(plant: Plant) -> None:
    """Six observations of two signals in quarantine that can be learned by now."""
    plant.learn(SERIES[:3])
    pages = spoil_pages(plant)
    plant.learn(SERIES[3:9])
    for key, body in pages.items():
        plant.s3.put_object(Bucket="models", Key=key, Body=body)


def test_after_a_crash_it_says_what_may_have_been_sent_and_asks(plant, monkeypatch):
    some_unlearned(plant)
    send = SendingStream.send

    def dies(self, records):
        send(self, records)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SendingStream, "send", dies)
        plant.command("quarantine", "redrive", code=130)
    arrived = plant.arrived()
    said = plant.command("quarantine", "redrive", code=1)
    in_doubt = [line["id"] for line in plant.quarantined() if line["id"] in said]
    assert len(in_doubt) == len(arrived) > 0
    assert "--in-doubt" in said
    said = plant.command("quarantine", "redrive", "--in-doubt", "leave")
    assert f"Sent and marked: {6 - len(arrived)} lines" in said
    redriven = arrived + plant.arrived()
    assert len(redriven) == 6
    assert plant.deliver(redriven) == []
    assert_learned(plant, plant.sent[:3] + redriven)
    assert_again_changes_nothing(plant, "quarantine", "redrive")


def test_what_the_stream_refuses_is_not_marked_and_is_sent_by_the_next_run(plant, monkeypatch):
    some_unlearned(plant)
    send = SendingStream.send

    def takes_one(self, records):
        send(self, records[:1])
        return Unsent([True] + [False] * (len(records) - 1), False, "too many requests")

    with monkeypatch.context() as patch:
        patch.setattr(SendingStream, "send", takes_one)
        assert "too many requests. Sent: 1 line." in plant.command("quarantine", "redrive", code=1)
    assert "Sent and marked: 5 lines" in plant.command("quarantine", "redrive")
    redriven = plant.arrived()
    assert len({json.dumps(payload_of(one)) for one in redriven}) == len(redriven) == 6
    assert plant.deliver(redriven) == []
    assert_again_changes_nothing(plant, "quarantine", "redrive")


def test_of_two_runs_at_once_one_is_refused(plant, monkeypatch):
    some_unlearned(plant)
    others: list[str] = []

    def meanwhile(code: int) -> None:
        def run():
            others.append(plant.command("quarantine", "redrive", code=code))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    send, note = SendingStream.send, RedriveLedger.about_to_send

    def while_another_starts(self, records):
        if len(others) < 1:
            meanwhile(code=1)
        return send(self, records)

    async def after_another_ran(self, ids, now_s):
        if len(others) < 2:
            others.append("")
            meanwhile(code=0)
        return await note(self, ids, now_s)

    with monkeypatch.context() as patch:
        patch.setattr(SendingStream, "send", while_another_starts)
        assert "Sent and marked: 3 lines" in plant.command("quarantine", "redrive", *lines_of(plant)[:3])
    assert "still at work" in others[0]
    with monkeypatch.context() as patch:
        patch.setattr(RedriveLedger, "about_to_send", after_another_ran)
        assert "another run is sending too" in plant.command("quarantine", "redrive", code=1)
    assert "Sent and marked: 3 lines" in others[2]
    redriven = plant.arrived()
    assert len({json.dumps(payload_of(one)) for one in redriven}) == len(redriven) == 6
    assert plant.deliver(redriven) == []
    assert_again_changes_nothing(plant, "quarantine", "redrive")


def lines_of(plant: Plant) -> list[str]:
    return [line["id"] for line in plant.quarantined()]


def test_a_record_that_the_stream_does_not_take_is_named_and_holds_up_no_other(plant, monkeypatch, tmp_path):
    """Another stream may take larger ones."""
    some_unlearned(plant)
    large = plant.quarantined()[0]
    monkeypatch.setattr("clients.kinesis_writer.put_request._RECORD_BYTES_MAX", 60)
    [key] = [key for key in plant.objects("models") if key.startswith("quarantine/")][:1]
    lines = [json.loads(line) for line in plant.objects("models")[key].splitlines()]
    payload = json.dumps({"signal": large["partition_key"], "value": 1.0, "more": "x" * 60}).encode()
    lines[0] |= {"data": base64.b64encode(payload).decode()}
    plant.s3.put_object(Bucket="models", Key=key, Body="\n".join(map(json.dumps, lines)).encode())
    said = plant.command("quarantine", "redrive")
    assert "the stream does not take it" in said
    assert lines[0]["id"] in said
    assert "Sent and marked: 5 lines" in said
    mended = tmp_path / "mended.ndjson"
    mended.write_text(json.dumps({"id": lines[0]["id"], "payload": json.loads(payload)}))
    assert "does not take the repaired" in plant.command(
        "quarantine", "redrive", "--repaired", str(mended), code=1
    )


HOSTILE = "\x1b[2J\x1b]0;title\x07\u202e\u200b\x9b31m\r"


def test_what_a_terminal_would_obey_is_printed_escaped(plant):
    """Payloads, partition keys, names and the reasons that quote them are anybody's."""
    spoilt = [
        (f"key{HOSTILE}", HOSTILE.encode()),
        ("k", {"signal": f"s{HOSTILE}", "value": 1.0}),
        ("k", {"signal": "s", "value": HOSTILE}),
        ("k", {"signal": "s", "value": 1.0, "timestamp": HOSTILE}),
    ]
    assert plant.deliver(plant.send(spoilt)) == []
    keys = [key for key in plant.objects("models") if key.startswith("quarantine/")]
    ids = [line["id"] for line in plant.quarantined()]
    assert len(ids) == 4
    commands = [["list"], ["show", *keys], ["show", *ids], ["show", *keys, "--json"], ["list", "--json"]]
    for command in commands:
        shown = plant.look("quarantine", *command)
        assert shown.replace("\n", "").isprintable(), command
        assert "1b" in shown, "escaped, and not left out"
    assert plant.command("quarantine", "redrive").replace("\n", "").isprintable()
