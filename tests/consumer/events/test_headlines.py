"""What people read of an event is one line of plain text, and as long as every target takes."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.decode.records import Record, Shard
from consumer.events.event import HEADLINE_BYTES_MAX, event_of

PAGERDUTY_CHARACTERS_MAX, SLACK_CHARACTERS_MAX = 1024, 3000
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=200) | st.sampled_from(
    [
        "x" * 200,
        "木" * 200,
        "\U0001f525" * 200,
        "é" * 199,
        "a\u2028b",
        "\u202etxt",
        "<!channel>",
        "[a](http://b)",
        "\xa0",
    ]
)

ROWS = st.dictionaries(
    TEXTS | st.sampled_from([letter * 512 for letter in "abcdefghij"]), st.floats(), max_size=12
)


def headline(signal="c1.p", value=4.25, shown=None, evidence=None, **changes) -> str:
    given = {
        "use_case": "drift", "kind": "drift", "detail_type": "Drift Detected", "change": "opened",
        "shard": Shard("arn:aws:kinesis:eu-west-1:123456789012:stream/s", "shardId-0"),
        "record": Record("1", "k", 1.7e9),
        "signal": signal, "position": 0, "value": value, "timestamp": 1.7e9, "severity": "warning",
        "is_muted": False, "shown": shown or {}, "observations": 1, "evidence": evidence or {},
    }  # fmt: skip
    return json.loads(event_of(**given | changes).detail)["headline"]


@settings(max_examples=300)
@given(
    signal=TEXTS | st.sampled_from(["s" * 512, "木" * 170]),
    shown=st.dictionaries(st.sampled_from(["name", "asset", "line", "unit"]), TEXTS),
    evidence=st.fixed_dictionaries({}, optional={"says": TEXTS | st.just("s" * 5_000), "values": ROWS}),
    value=st.floats(allow_nan=False, allow_infinity=False),
)
def test_every_target_takes_it_as_one_line_of_plain_text(signal, shown, evidence, value):
    line = headline(signal, value, shown, evidence)
    assert line.isprintable()
    assert not set("<>") & set(line)
    assert len(line.encode()) <= HEADLINE_BYTES_MAX < PAGERDUTY_CHARACTERS_MAX < SLACK_CHARACTERS_MAX
    assert line.startswith("warning: Drift Detected on ")
    assert line == headline(signal, value, dict(shown), dict(evidence))


def test_names_that_fit_are_whole():
    names = {"name": "Discharge pressure", "asset": "Compressor 1", "line": "L" * 200, "unit": "bar"}
    assert headline(shown=names) == (
        f"warning: Drift Detected on Discharge pressure, Compressor 1, {'L' * 200} (c1.p), value 4.25 bar"
    )


def test_the_value_and_both_ends_of_each_name_are_there_however_long_the_names_are():
    shown = {name: f"begin-{name}-{'x' * 180}-end" for name in ("name", "asset", "line")}
    usual = {"usual_from": 1.0, "usual_to": 2.0}
    line = headline("begin." + "s" * 500 + ".end", 4.25, shown, usual)
    for name in shown:
        assert f"begin-{name}-x" in line
    assert line.count("-end") == 3
    assert "(begin.s" in line
    assert "s.end), value 4.25, where 1 to 2 is usual" in line


def test_values_of_a_row_with_long_names_are_all_told():
    row = {f"{'n' * 300}.{number}": float(number) for number in range(8)}
    line = headline(evidence={"values": row})
    assert [f".{number} {number}" in line for number in range(8)] == [True] * 8


def test_nobody_is_mentioned_and_no_line_is_begun_by_a_name():
    shown = {"name": "a\u2028b\u202e", "unit": "\xb0C\xa0"}
    line = headline("<!channel> <@U123> <http://evil|click>", shown=shown)
    assert line == (
        "warning: Drift Detected on a b\ufffd ((!channel) (@U123) (http://evil|click)), value 4.25 \xb0C "
    )
