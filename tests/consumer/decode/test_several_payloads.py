"""Several payloads in one record, as gateways batch them: a JSON array, or a line for each."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.decode import documents
from consumer.decode.batch import OBSERVATIONS_PER_RECORD_MAX
from tests.consumer.decode.payload_builders import (
    ARRIVED_S,
    aggregated,
    gzipped,
    kept,
    observations,
    original,
    read,
    skipped,
    zstandard,
)
from tests.consumer.decode.test_null_is_absent import WHOLE

T = 1_700_000_000.0
ONE = {"signal": "mill.speed", "value": 10.0, "timestamp": T}
TWO = {"signal": "mill.load", "values": [1.0, 2.0], "timestamps": [T, T + 1]}
THREE = {"signal": "mill", "values": {"speed": 11.0, "heat": 70.0}, "timestamp": T + 1}
LEARNED = [
    ("mill.speed", 10.0, T),
    ("mill.load", 1.0, T),
    ("mill.load", 2.0, T + 1),
    ("mill.speed", 11.0, T + 1),
    ("mill.heat", 70.0, T + 1),
]


def array(*payloads: object) -> bytes:
    return json.dumps(list(payloads)).encode()


def lines(*payloads: object) -> bytes:
    return b"\n".join(json.dumps(payload).encode() for payload in payloads)


FORMS = pytest.mark.parametrize("together", [array, lines])


@FORMS
@pytest.mark.parametrize("pack", [bytes, gzipped, zstandard, lambda payload: b"\xef\xbb\xbf" + payload])
def test_payloads_of_any_shape_are_read_in_their_order(together, pack):
    batch = read(pack(together(ONE, TWO, THREE)))
    assert (observations(batch), batch.rejections) == (LEARNED, [])
    assert batch.position == len(LEARNED)


@FORMS
def test_so_they_are_in_an_aggregated_record(together):
    batch = read(aggregated(together(ONE, TWO), json.dumps(THREE).encode()))
    assert (observations(batch), batch.rejections) == (LEARNED, [])


@FORMS
def test_each_is_refused_alone_at_its_position_and_the_record_is_kept_whole(together):
    payload = together(
        ONE, {"value": 1}, TWO, {"signal": "mill.speed", "value": "fast"}, {"signal": "x"}, THREE
    )
    batch = read(payload)
    assert observations(batch) == LEARNED
    assert [(each.position, each.is_whole) for each in batch.rejections] == [
        (1, False),
        (4, False),
        (5, False),
    ]
    reasons = [each.reason for each in batch.rejections]
    assert all(
        word in reason for word, reason in zip(["no signal", "not a number", "none of"], reasons, strict=True)
    )
    assert {original(line) for line in kept(batch)} == {payload}


@pytest.mark.parametrize(
    "bad", ["7,0", "NaN", "null", '"text"', "[]", '{"signal":"mill.speed","value":', "x"]
)
def test_a_line_that_is_no_object_costs_itself_alone(bad):
    batch = read(lines(ONE) + b"\n" + bad.encode() + b"\n" + lines(TWO, THREE))
    assert observations(batch) == LEARNED
    assert [each.position for each in batch.rejections] == [1]


@pytest.mark.parametrize("bad", [7, None, "text", "7", [], [ONE], True])
def test_an_element_that_is_no_object_costs_itself_alone(bad):
    batch = read(array(ONE, bad, TWO, THREE))
    assert observations(batch) == LEARNED
    assert [each.position for each in batch.rejections] == [1]


def test_the_first_line_may_be_the_one_that_is_cut_short():
    batch = read(b'{"signal":"mill.speed","val\n' + lines(ONE, TWO, THREE))
    assert (observations(batch), len(batch.rejections)) == (LEARNED, 1)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n \n", b""])
def test_ends_of_lines_may_be_any_and_blank_lines_do_not_count(end):
    payload = b"\r\n\n".join([lines(ONE), lines(TWO), lines(THREE)]) + end
    assert observations(read(payload)) == LEARNED


def test_an_object_over_several_lines_is_one():
    batch = read(json.dumps(THREE, indent=2).encode(), json.dumps([ONE, TWO], indent=2).encode())
    assert sorted(observations(batch)) == sorted(LEARNED)
    broken = read(json.dumps(THREE, indent=2).encode()[:-1])
    assert [(each.is_whole, each.position) for each in broken.rejections] == [(True, 0)]


def test_a_nan_costs_its_observation_alone():
    for payload in (
        b'[{"signal":"a","value":NaN},{"signal":"a","value":1}]',
        b'{"signal":"a","value":NaN}\n{"signal":"a","value":1}',
    ):
        batch = read(payload)
        assert observations(batch) == [("a", 1.0, ARRIVED_S)]
        assert "not finite" in batch.rejections[0].reason


@pytest.mark.parametrize("payload", [b"1.5\n2\r\n-3e2\n", b"\n1.5\n\n2\n-3e2"])
def test_bare_numbers_are_the_partition_keys(payload):
    expected = [("compressor1.pressure", value, ARRIVED_S) for value in (1.5, 2.0, -300.0)]
    for packed in (payload, gzipped(payload), aggregated(payload)):
        assert observations(read(packed)) == expected


def test_a_bare_number_that_is_none_costs_itself_alone():
    batch = read(b"1.5\nx\n2")
    assert [value for _, value, _ in observations(batch)] == [1.5, 2.0]
    assert [(each.position, each.is_whole) for each in batch.rejections] == [(1, False)]


def test_bare_numbers_and_objects_may_be_lines_together():
    batch = read(b"7\n" + lines(ONE), lines(ONE) + b"\n7")
    assert [value for _, value, _ in observations(batch)] == [7.0, 10.0, 10.0, 7.0]


def test_an_empty_array_holds_nothing():
    batch = read(b"[]", b" [ ] ")
    assert ["no observation" in each.reason for each in batch.rejections] == [True, True]


@FORMS
@pytest.mark.parametrize("member", [{"signal": "a", "value": 1}, {"signal": "a", "value": None}, {"x": 1}])
def test_a_record_holds_so_many_observations_and_no_more(together, member):
    most = read(together(*[member] * OBSERVATIONS_PER_RECORD_MAX))
    assert len(observations(most)) + skipped(most) + len(most.rejections) == OBSERVATIONS_PER_RECORD_MAX
    more = read(together(*[member] * (OBSERVATIONS_PER_RECORD_MAX + 1)))
    assert (observations(more), [each.is_whole for each in more.rejections]) == ([], [True])
    assert "more than 10000" in more.rejections[0].reason


@given(st.lists(st.sampled_from(sorted(WHOLE)), min_size=2, max_size=5), st.sampled_from([array, lines]))
@settings(max_examples=100, deadline=None)
def test_together_they_bring_what_each_brings_alone(names, together):
    alone = [each for name in names for each in observations(read(json.dumps(WHOLE[name]).encode()))]
    batch = read(together(*(WHOLE[name] for name in names)))
    assert (observations(batch), batch.rejections) == (alone, [])


MARK = b"\xef\xbb\xbf"


def reasons(batch) -> list[tuple[int, bool]]:
    return [(each.position, each.is_whole) for each in batch.rejections]


@pytest.mark.parametrize(
    "bad",
    [
        b"{bad}",
        b'{"signal":"mill.speed","value":',
        b'{"signal":"mill.speed",',
        b'{"signal":"mill.speed","values":[1,',
        b"[1, bad]",
        b'{"signal":"K\xfchler","value":1}',
        b"started at 06:00",
        b"null",
    ],
)
def test_a_first_line_that_cannot_be_read_costs_itself_alone(bad):
    batch = read(bad + b"\n" + lines(ONE, TWO, THREE))
    assert (observations(batch), reasons(batch)) == (LEARNED, [(0, False)])


def test_one_good_line_is_enough():
    batch = read(b"{bad}\n{worse}\n" + lines(ONE) + b"\n{bad}")
    assert (observations(batch), reasons(batch)) == (LEARNED[:1], [(0, False), (1, False), (3, False)])
    assert [value for _, value, _ in observations(read(b"nan\n1.5\nnan"))] == [1.5]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("around", [b"%s", MARK + b"%s", b" %s\t", b"\x1e%s", b"%s\0", MARK + MARK + b"%s"])
@pytest.mark.parametrize("pack", [bytes, gzipped])
def test_a_line_may_be_any_shape_with_its_own_mark_and_blanks(end, around, pack):
    written = [array(ONE), *map(array, [TWO]), lines(THREE), array(ONE, TWO, THREE)]
    batch = read(pack(end.join(around % line for line in written)))
    assert (observations(batch), batch.rejections) == (LEARNED + LEARNED, [])


def test_what_is_wrong_in_an_array_that_is_a_line_costs_itself_alone():
    batch = read(lines(ONE) + b"\n" + array({"x": 1}, TWO, 7) + b"\n" + array() + b"\n" + array(THREE))
    assert observations(batch) == LEARNED
    assert reasons(batch) == [(1, False), (4, False), (5, False)]


@pytest.mark.parametrize("between", [b"", b" ", b"\r", b"\n\n", b"\x1e", MARK])
@pytest.mark.parametrize("pack", [bytes, gzipped, lambda payload: gzipped(payload) + b"\0\0\n"])
def test_documents_may_follow_each_other_without_lines(between, pack):
    indented = (json.dumps(each, indent=2).encode() for each in (ONE, TWO, THREE))
    for written in (between.join(map(lines, (ONE, TWO, THREE))), between.join(indented)):
        batch = read(pack(written))
        assert (observations(batch), batch.rejections) == (LEARNED, [])


def test_padded_members_of_gzip_are_documents_after_one_another():
    batch = read(b"\0\0".join(map(gzipped, map(lines, (ONE, TWO, THREE)))) + bytes(512))
    assert (observations(batch), batch.rejections) == (LEARNED, [])


def test_of_documents_after_one_another_the_rest_is_refused_from_where_it_cannot_be_read():
    batch = read(lines(ONE) + lines(TWO)[:-3])
    assert (observations(batch), reasons(batch)) == (LEARNED[:1], [(1, False)])
    batch = read(json.dumps(ONE, indent=1).encode() + b"\n{\n bad }\n" + lines(TWO, THREE))
    assert (observations(batch), reasons(batch)) == (LEARNED, [(1, False), (2, False)])
    batch = read(lines(ONE) + b"\n" + lines(ONE) + lines(TWO)[:-3] + b"\n" + lines(TWO, THREE))
    assert observations(batch) == [LEARNED[0], *LEARNED]
    assert reasons(batch) == [(2, False)]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{bad}\n{worse}", "not readable as JSON"),
        (b"[\n" + b",\n".join(map(lines, (ONE, THREE))) + b",\n" + lines(ONE)[:-3], "not readable as JSON"),
        (b",\n".join(map(lines, (ONE, THREE))) + b",", "write several documents in brackets"),
        (b"\\n".join(map(lines, (ONE, THREE))), "a line feed itself"),
        (b'{"signal":"mill.speed",\n"values":[\n1.0,\nbad,\n3.0\n]\n}', "not readable as JSON"),
        (b'{"signal":"mill.speed",\n"values":[\n1.0\n2.0,\n3.0\n]\n}', "not readable as JSON"),
        (b"time,value\n06:00,1.5\n", "CSV"),
        (b"\n\t123456789\n\x03abc", "binary data"),
        (
            lines(ONE).decode().encode("utf-16-le") + b"\n\0" + lines(TWO).decode().encode("utf-16-le"),
            "UTF-16",
        ),
        (b"[42.0, 71.5]", "no JSON object"),
    ],
)
def test_a_payload_of_which_nothing_can_be_read_is_refused_once_and_for_its_whole(payload, reason):
    batch = read(payload)
    assert (observations(batch), reasons(batch)) == ([], [(0, True)])
    assert reason in batch.rejections[0].reason


def test_what_is_within_a_broken_document_is_not_taken_for_one():
    event = {"specversion": "1.0", "time": "2023-11-14T22:13:20Z", "data": [ONE, ONE]}
    written = json.dumps(event).replace("[{", "[\n{").replace("}, {", "},\n{")
    for length in range(len(written) - 5, len(written)):
        batch = read(written[:length].encode())
        assert (observations(batch), reasons(batch)) == ([], [(0, True)])


@given(
    st.lists(st.sampled_from(sorted(WHOLE)), min_size=1, max_size=4),
    st.integers(0, 4),
    st.binary(max_size=20).filter(lambda bad: not set(bad) & set(b"\n{[")),
)
@settings(max_examples=100, deadline=None)
def test_wherever_a_line_is_that_cannot_be_read_the_others_are(names, where, bad):
    written = [json.dumps(WHOLE[name]).encode() for name in names]
    alone = [each for line in written for each in observations(read(line))]
    written.insert(min(where, len(written)), b"{!" + bad + b"!")
    batch = read(b"\n".join(written))
    assert (observations(batch), len(batch.rejections)) == (alone, 1)


def indented(payload: object, indent: int = 1) -> bytes:
    return json.dumps(payload, indent=indent).encode()


@pytest.mark.parametrize("between", [b"\n", b"\r\n", b"\n\n", b"", b" "])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_lines_and_documents_over_several_lines_may_follow_each_other(between, encoding):
    other = {"signal": "mill.speed", "value": 10.0, "timestamp": T, "unit": "U/min · °C"}
    odd = json.dumps(other, ensure_ascii=False).encode(encoding)
    written = [odd, indented(TWO), lines(THREE), indented([ONE, TWO], 0), indented(THREE, 4), odd]
    if encoding == "latin-1" and b"\n" not in between:
        return  # where no line ends, it is not known what can be read of it
    batch = read(between.join(written))
    assert (observations(batch), batch.rejections) == ([*LEARNED, *LEARNED, LEARNED[0]], [])


@pytest.mark.parametrize("broken", [b"bad", b"1e", b'"a" "b"'])
def test_numbers_within_a_broken_document_are_nobodys(broken):
    columns = b'{"signal": "mill.speed",\n"values": [\n1\n,\n2.5,\n' + broken + b",\n7\n]}\n"
    batch = read(lines(ONE) + b"\n" + columns + lines(TWO))
    assert observations(batch) == LEARNED[:3]
    assert "within a document" in " ".join(each.reason for each in batch.rejections)
    cut = read(lines(ONE) + b'\n{"signal": "mill.speed",\n"values": [\n1,\n2.5')
    assert observations(cut) == LEARNED[:1]


def test_a_number_behind_a_line_that_is_cut_is_still_one():
    batch = read(b'7\n{"signal": "mill.spe\n8\n' + lines(ONE))
    assert [value for _, value, _ in observations(batch)] == [7.0, 8.0, 10.0]


@pytest.mark.parametrize(
    "text",
    [
        b"pump restarted\n42\nall well",
        b"value\n42",
        b"a 1\nb 2\n3",
        b"2023-11-14 22:13:20 level is\n7\n2023-11-14 22:13:21 valve is\n1\ndone",
        b"- 1\n- 2\n3\n",
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzipped, aggregated])
def test_a_number_in_a_text_of_which_most_is_no_payload_is_nobodys(text, pack):
    batch = read(pack(text))
    assert (observations(batch), len(batch.rejections)) == ([], 1)
    assert "lines of text of which most are no payloads" in batch.rejections[0].reason


def test_beside_objects_such_a_number_is_refused_alone():
    written = [b"starting", lines(ONE), b"42", b"stopping", b"stopped", *[b"done"] * 2, lines(TWO)]
    batch = read(b"\n".join(written))
    assert observations(batch) == LEARNED[:3]
    assert [each.position for each in batch.rejections] == [0, 2, 3, 4, 5, 6]
    assert "nothing says that it is the partition key's" in batch.rejections[1].reason


@pytest.mark.parametrize(
    "text", [b"1\nx\n2", b"nan\n1\n2\nx", b"1\nnull\nnull\n2\nx", b"value\n1\n2", lines(ONE) + b"\n1\n2\nx"]
)
def test_where_most_lines_are_payloads_its_numbers_are_the_partition_keys(text):
    batch = read(text)
    values = [value for name, value, _ in observations(batch) if name == "compressor1.pressure"]
    assert values == [1.0, 2.0]


@pytest.mark.parametrize("padding", [b"\0", b"\0\0\0", b"\n\0", b"\0\r\n"])
@pytest.mark.parametrize("pack", [bytes, gzipped, aggregated])
def test_padding_behind_a_number_is_no_part_of_it(padding, pack):
    assert [value for _, value, _ in observations(read(pack(b"42" + padding), pack(b"1\n42" + padding)))] == [
        *[42.0, 1.0],
        42.0,
    ]


def test_a_document_among_lines_may_go_on_for_thousands_of_lines():
    count = OBSERVATIONS_PER_RECORD_MAX - 2
    column = {"signal": "mill.load", "values": [float(n) for n in range(count)]}
    batch = read(lines(ONE) + b"\n" + indented(column) + b"\n" + lines(ONE))
    assert (len(observations(batch)), batch.rejections) == (count + 2, [])


def test_a_number_behind_an_object_within_a_broken_document_is_nobodys_too():
    broken = b'{"signal": "mill", "values": [\n' + lines(TWO) + b",\n42\n,\nbad\n]}\n"
    batch = read(lines(ONE) + b"\n" + broken.replace(b"},\n", b"}\n,\n") + lines(THREE))
    assert [name for name, *_ in observations(batch)] == [
        *["mill.speed", "mill.load", "mill.load"],
        *["mill.speed", "mill.heat"],
    ]


def test_of_millions_of_lines_no_more_are_looked_at_than_a_record_may_hold(monkeypatch):
    looked_at = 0
    trimmed = documents.trimmed

    def counted(text: bytes) -> bytes:
        nonlocal looked_at
        looked_at += 1
        return trimmed(text)

    monkeypatch.setattr(documents, "trimmed", counted)
    batch = read(gzipped(b"x\n" * (OBSERVATIONS_PER_RECORD_MAX - 1) + b"7\n" * 1_000_000))
    assert (observations(batch), len(batch.rejections)) == ([], 1)
    assert looked_at < 5 * OBSERVATIONS_PER_RECORD_MAX
