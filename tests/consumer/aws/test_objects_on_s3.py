"""Objects and pages on an S3: conditions hold, and each answer means what the docstrings say."""

import asyncio
import re
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

import boto3
import botocore.session
import pytest
from botocore.credentials import RefreshableCredentials
from moto.server import ThreadedMotoServer
from river import drift

from consumer.aws import s3 as objects_module
from consumer.aws.s3 import Objects, open_bucket, regional_endpoint
from consumer.decode.signal_names import SignalKey
from consumer.detectors.drift import DriftUseCase
from consumer.errors import ConfigurationError, PageChanged, Unavailable, UnreadablePage
from consumer.events.quarantine import quoted
from consumer.learning.state import State
from consumer.pages.codec import PageCodec, memory_bytes_for
from consumer.pages.store import PageStore
from consumer.ports import Found, Missing, Unchanged
from tests.consumer.aws.scripted_s3 import TORN, Answer, ScriptedS3, refusal

BUCKET = "models"
REGION = "us-east-1"
REQUESTS_MAX = 4
"""Of one call: the request and its three retries."""
RETRIES_S_MAX = 20.0
WARM_BYTES = 2**20


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint, request):
    """A boto3 client, and a bucket of the test's own."""
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="t", aws_secret_access_key="t"
    )
    client.create_bucket(Bucket=BUCKET)
    yield client
    for stored in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=stored["Key"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()


@pytest.fixture
def objects(s3, endpoint) -> Objects:
    return open_bucket(BUCKET, REGION, endpoint)


def get(objects: Objects, key: str = "page", **options):
    return asyncio.run(objects.get(key, **({"bytes_max": 2**20} | options)))


def replace(objects: Objects, body: bytes, e_tag: str | None, key: str = "page") -> str | None:
    return asyncio.run(objects.replace(key, body, e_tag))


def body_in(s3, key: str = "page") -> bytes:
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def new_state() -> State:
    return State(DriftUseCase(drift.ADWIN()).create(seed=0))


def key_of(signal: str) -> SignalKey:
    return SignalKey(signal, signal)


def page_bytes(*signals: str) -> bytes:
    return PageCodec().encode({key_of(signal): new_state() for signal in signals})


def page_store(objects: Objects, warm_bytes_max: int = WARM_BYTES) -> PageStore:
    return PageStore(objects, PageCodec(), warm_bytes_max)


# Conditions, on moto.


def test_what_is_created_is_read_back_with_the_version_that_the_put_told(objects):
    e_tag = replace(objects, b"one", None)
    assert get(objects) == Found(e_tag, 3, b"one")


def test_an_object_that_is_there_is_not_created_again(objects, s3):
    replace(objects, b"one", None)
    with pytest.raises(PageChanged, match="page"):
        replace(objects, b"two", None)
    assert body_in(s3) == b"one"


def test_an_object_is_replaced_by_its_version_only_and_each_content_has_another(objects, s3):
    first = replace(objects, b"one", None)
    second = replace(objects, b"two", first)
    third = replace(objects, b"three", second)
    assert len({first, second, third}) == 3
    for old in (first, second):
        with pytest.raises(PageChanged):
            replace(objects, b"late", old)
    assert body_in(s3) == b"three"


def test_an_object_that_is_gone_is_not_replaced(objects, s3):
    e_tag = replace(objects, b"one", None)
    s3.delete_object(Bucket=BUCKET, Key="page")
    with pytest.raises(PageChanged):
        replace(objects, b"two", e_tag)
    assert get(objects) == Missing()


def test_an_unchanged_object_costs_no_body_and_a_changed_one_is_read(objects):
    first = replace(objects, b"one", None)
    assert get(objects, unless=first) == Unchanged()
    second = replace(objects, b"two", first)
    assert get(objects, unless=first) == Found(second, 3, b"two")


def test_an_object_that_is_missing_is_missing_also_where_a_version_is_named(objects):
    assert get(objects) == Missing()
    assert get(objects, unless='"0123456789abcdef0123456789abcdef"') == Missing()


def test_a_write_replaces_whatever_was_there(objects, s3):
    for body in (b"one", b"two"):
        asyncio.run(objects.write("page", body))
        assert body_in(s3) == body


def test_the_body_is_read_up_to_the_bound_and_not_past_it(objects):
    e_tag = replace(objects, b"12345", None)
    assert get(objects, bytes_max=5) == Found(e_tag, 5, b"12345")
    assert get(objects, bytes_max=4) == Found(e_tag, 5, None)


@pytest.mark.parametrize(
    "signal",
    ["..", ".", "../../other", "a.b", "a/b", "//", "a b", "%2E", "+", "?x=1&y#z", "\\", "Ölstand °C"],
)
def test_a_quoted_signal_is_the_objects_key_literally(objects, s3, signal):
    key = f"models/drift/signals/{quoted(signal)}"
    e_tag = replace(objects, b"one", None, key)
    assert [stored["Key"] for stored in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [key]
    assert get(objects, key) == Found(e_tag, 3, b"one")
    replace(objects, b"two", e_tag, key)
    assert body_in(s3, key) == b"two"


def test_signals_that_only_quoting_tells_apart_have_objects_of_their_own(objects, s3):
    signals = ["a.b", "a%2Eb", "a/b", "a%2Fb", "a b", "a+b", "a%20b", "A.B"]
    for signal in signals:
        replace(objects, signal.encode(), None, f"signals/{quoted(signal)}")
    assert [body_in(s3, f"signals/{quoted(signal)}").decode() for signal in signals] == signals


def test_a_page_is_committed_and_found_by_another_function(objects):
    mine, theirs = page_store(objects), page_store(objects)
    page = asyncio.run(mine.load("page"))
    assert (page.states, page.e_tag) == ({}, None)
    page.states[key_of("a")] = new_state()
    size = asyncio.run(mine.commit(page))
    found = asyncio.run(theirs.load("page"))
    assert list(found.states) == [key_of("a")]
    assert size == len(page_bytes("a"))


def test_of_two_who_load_a_page_the_second_to_commit_is_refused_and_its_page_is_not_kept(objects):
    mine, theirs = page_store(objects), page_store(objects)
    my_page, their_page = asyncio.run(mine.load("page")), asyncio.run(theirs.load("page"))
    my_page.states[key_of("mine")] = new_state()
    their_page.states[key_of("theirs")] = new_state()
    asyncio.run(theirs.commit(their_page))
    with pytest.raises(PageChanged):
        asyncio.run(mine.commit(my_page))
    assert list(asyncio.run(mine.load("page")).states) == [key_of("theirs")]


def test_a_page_that_was_handed_out_and_dropped_is_seen_by_nobody(objects):
    store = page_store(objects)
    page = asyncio.run(store.load("page"))
    page.states[key_of("a")] = new_state()
    asyncio.run(store.commit(page))
    dropped = asyncio.run(store.load("page"))
    assert dropped is page, "it was warm"
    dropped.states[key_of("in vain")] = new_state()
    assert list(asyncio.run(store.load("page")).states) == [key_of("a")]


def test_a_page_that_is_tampered_with_is_no_new_page_and_stays_as_it_is(objects, s3):
    tampered = page_bytes("a")[:-1] + b"!"
    s3.put_object(Bucket=BUCKET, Key="pages/16/3", Body=tampered)
    with pytest.raises(UnreadablePage, match="the page pages/16/3 cannot be read: "):
        asyncio.run(page_store(objects).load("pages/16/3"))
    assert body_in(s3, "pages/16/3") == tampered


# Answers by plan.


def calls(objects: Objects) -> dict:
    return {
        "get": partial(get, objects),
        "get unless": partial(get, objects, unless='"0"'),
        "create": partial(replace, objects, b"new", None),
        "replace": partial(replace, objects, b"new", '"1"'),
        "write": lambda: asyncio.run(objects.write("page", b"new")),
    }


CALLS = list(calls(None))
PUTS = ["create", "replace", "write"]


def against(call: str, *answers: Answer):
    """What the call gives or raises, and the requests that it took."""
    with ScriptedS3(*answers) as script:
        began = time.monotonic()
        try:
            outcome = calls(open_bucket(BUCKET, REGION, script.endpoint))[call]()
        except Unavailable as error:
            outcome = error
        assert time.monotonic() - began < RETRIES_S_MAX
        return outcome, script.requests


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [400, 401, 403, 405, 416])
def test_a_refusal_is_unavailable_at_once_and_never_missing(call, status):
    outcome, requests = against(call, refusal(status))
    assert type(outcome) is Unavailable
    assert len(requests) == 1


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("answer", [refusal(500), refusal(503, "SlowDown"), refusal(429), TORN])
def test_trouble_that_does_not_end_is_unavailable_after_a_few_requests(call, answer):
    outcome, requests = against(call, answer)
    assert type(outcome) is Unavailable
    assert "page" in str(outcome)
    assert "\n" not in str(outcome)
    assert 1 < len(requests) <= REQUESTS_MAX


@pytest.mark.parametrize("answer", [refusal(500), refusal(503, "SlowDown"), TORN])
def test_trouble_that_passes_is_not_noticed(answer):
    fine = Answer(200, b"content", {"ETag": '"7"'})
    for call, expected in {
        "get": Found('"7"', 7, b"content"),
        "create": '"7"',
        "replace": '"7"',
        "write": None,
    }.items():
        outcome, requests = against(call, answer, fine)
        assert (outcome, len(requests)) == (expected, 2), call


@pytest.mark.parametrize(("call", "conditions"), [
    ("get", {}),
    ("get unless", {"if-none-match": '"0"'}),
    ("create", {"if-none-match": "*"}),
    ("replace", {"if-match": '"1"'}),
    ("write", {}),
])  # fmt: skip
def test_each_request_has_its_condition_also_when_it_is_sent_again(call, conditions):
    _, requests = against(call, refusal(500), TORN, Answer())
    assert len(requests) == 3
    for request in requests:
        named = {
            name: request.headers[name] for name in ("if-match", "if-none-match") if name in request.headers
        }
        assert named == conditions
        assert request.body == (b"new" if call in PUTS else b"")


@pytest.mark.parametrize("call", ["get", "get unless"])
def test_only_404_says_that_an_object_is_missing(call):
    assert against(call, refusal(404, "NoSuchKey"))[0] == Missing()
    for status in (400, 403, 409, 410, 412, 500):
        assert type(against(call, refusal(status))[0]) is Unavailable, status


def test_not_modified_is_an_answer_only_where_a_version_was_named():
    assert against("get unless", Answer(304))[0] == Unchanged()
    outcome, _ = against("get", Answer(304))
    assert type(outcome) is Unavailable
    assert "no version was named" in str(outcome)


@pytest.mark.parametrize("call", ["create", "replace"])
@pytest.mark.parametrize("status", [404, 409, 412])
def test_a_condition_that_fails_and_two_writes_that_meet_say_that_the_page_changed(call, status):
    outcome, requests = against(call, refusal(status, "ConditionalRequestConflict"))
    assert isinstance(outcome, PageChanged)
    assert len(requests) <= REQUESTS_MAX


def test_a_put_whose_answer_was_lost_is_refused_when_it_is_sent_again():
    """The client cannot know that the version which refuses it is its own: whoever reloads sees it."""
    for answer in (TORN, refusal(500)):
        assert isinstance(against("replace", answer, refusal(412, "PreconditionFailed"))[0], PageChanged)


@pytest.mark.parametrize("status", [404, 409, 412])
def test_a_write_without_conditions_that_is_refused_is_unavailable(status):
    assert type(against("write", refusal(status))[0]) is Unavailable


@pytest.mark.parametrize("call", CALLS)
def test_an_answer_without_an_etag_is_unavailable_for_nothing_could_be_replaced(call):
    outcome, requests = against(call, Answer(200, b"content", {}))
    assert type(outcome) is Unavailable
    assert len(requests) == 1


def test_a_body_cut_short_is_unavailable_and_never_half_an_object():
    outcome, requests = against("get", Answer(200, b"cont", says_bytes=7))
    assert type(outcome) is Unavailable
    assert len(requests) <= REQUESTS_MAX


def rest(e_tag: str) -> Answer:
    return Answer(206, b"ent", {"ETag": e_tag, "Content-Range": "bytes 4-6/7"})


def test_a_body_cut_short_is_read_on_only_from_the_same_version():
    cut = Answer(200, b"cont", {"ETag": '"1"'}, says_bytes=7)
    assert against("get", cut, rest('"1"'))[0] == Found('"1"', 7, b"content")
    assert type(against("get", cut, rest('"2"'))[0]) is Unavailable


def test_a_slow_answer_is_waited_for_and_sent_for_once():
    outcome, requests = against("get", Answer(200, b"content", {"ETag": '"7"'}, after_s=0.3))
    assert (outcome, len(requests)) == (Found('"7"', 7, b"content"), 1)


@pytest.mark.parametrize("call", ["get", "replace"])
def test_an_answer_that_never_comes_is_unavailable(call, monkeypatch):
    """With a shorter time-out: the retries of the real one take ten seconds."""
    real = objects_module.timedelta

    def shortened(**duration: float):
        return real(milliseconds=200) if duration == {"seconds": 5} else real(**duration)

    monkeypatch.setattr(objects_module, "timedelta", shortened)
    outcome, requests = against(call, Answer(after_s=60.0))
    assert type(outcome) is Unavailable
    assert 1 <= len(requests) <= REQUESTS_MAX


def test_nobody_listening_is_unavailable():
    with ScriptedS3(Answer()) as script:
        objects = open_bucket(BUCKET, REGION, script.endpoint)
    for call in calls(objects).values():
        with pytest.raises(Unavailable) as raised:
            call()
        assert not isinstance(raised.value, PageChanged)


def test_a_huge_object_is_not_read_and_no_page():
    huge = Answer(200, b"RVPG", says_bytes=300 * 2**20, filled_up=True)
    with ScriptedS3(huge) as script:
        store = page_store(open_bucket(BUCKET, REGION, script.endpoint))
        with pytest.raises(UnreadablePage, match=str(300 * 2**20)):
            asyncio.run(store.load("page"))
    assert len(script.requests) == 1
    assert script.bytes_sent < 32 * 2**20, "what buffers hold, and no more"


def test_a_warm_page_names_its_version_and_is_not_unpickled_again():
    put, unchanged = Answer(200, b"", {"ETag": '"8"'}), Answer(304)
    with ScriptedS3(Answer(200, page_bytes("a"), {"ETag": '"7"'}), put, unchanged, put, unchanged) as script:
        store = page_store(open_bucket(BUCKET, REGION, script.endpoint))
        page = asyncio.run(store.load("page"))
        asyncio.run(store.commit(page))
        warm = asyncio.run(store.load("page"))
        assert not warm.is_confirmed
        assert asyncio.run(store.confirm(warm)) is warm
        assert warm.is_confirmed
        asyncio.run(store.commit(warm))
    assert warm is page
    conditions = [
        (request.method, request.headers.get("if-none-match"), request.headers.get("if-match"))
        for request in script.requests
    ]
    assert conditions == [
        ("GET", None, None),
        ("PUT", None, '"7"'),
        ("GET", '"8"', None),
        ("PUT", None, '"8"'),
    ]


@pytest.mark.parametrize("answer", [refusal(412), refusal(403), refusal(409)])
def test_a_page_whose_commit_failed_is_read_anew(answer):
    stored = Answer(200, page_bytes("a"), {"ETag": '"7"'})
    with ScriptedS3(stored) as script:
        store = page_store(open_bucket(BUCKET, REGION, script.endpoint))
        page = asyncio.run(store.load("page"))
        page.states[key_of("in vain")] = new_state()
        script.answers = [answer]
        with pytest.raises(Unavailable):
            asyncio.run(store.commit(page))
        script.answers = [stored]
        assert list(asyncio.run(store.load("page")).states) == [key_of("a")]
    assert "if-none-match" not in script.requests[-1].headers


def test_a_warm_page_is_handed_out_unasked_and_its_put_names_its_version():
    with ScriptedS3(Answer(200, page_bytes("a"), {"ETag": '"7"'})) as script:
        store = page_store(open_bucket(BUCKET, REGION, script.endpoint))
        for _ in range(2):
            asyncio.run(store.commit(asyncio.run(store.load("page"))))
        script.answers = [refusal(412)]
        with pytest.raises(PageChanged):
            asyncio.run(store.commit(asyncio.run(store.load("page"))))
    assert [request.method for request in script.requests] == ["GET", "PUT", "PUT", "PUT"]


def test_a_warm_page_that_is_another_by_now_is_given_as_it_is():
    with ScriptedS3(Answer(200, page_bytes("a"), {"ETag": '"7"'})) as script:
        store = page_store(open_bucket(BUCKET, REGION, script.endpoint))
        asyncio.run(store.commit(asyncio.run(store.load("page"))))
        warm = asyncio.run(store.load("page"))
        script.answers = [Answer(200, page_bytes("b"), {"ETag": '"9"'})]
        now = asyncio.run(store.confirm(warm))
    assert (now.e_tag, list(now.states), now.is_confirmed) == ('"9"', [key_of("b")], True)


def test_a_page_that_cannot_be_confirmed_now_is_not_warm_afterwards():
    with ScriptedS3(Answer(200, page_bytes("a"), {"ETag": '"7"'})) as script:
        store = page_store(open_bucket(BUCKET, REGION, script.endpoint))
        asyncio.run(store.commit(asyncio.run(store.load("page"))))
        script.answers = [refusal(403)]
        warm = asyncio.run(store.load("page"))
        with pytest.raises(Unavailable):
            asyncio.run(store.confirm(warm))
        script.answers = [Answer(200, page_bytes("b"), {"ETag": '"9"'})]
        assert list(asyncio.run(store.load("page")).states) == [key_of("b")]


def test_warm_pages_stay_within_their_memory_and_the_oldest_go_first():
    takes = memory_bytes_for(page_bytes("a"))
    with ScriptedS3(Answer(200, page_bytes("a"), {"ETag": '"7"'})) as script:
        store = page_store(open_bucket(BUCKET, REGION, script.endpoint), warm_bytes_max=2 * takes)
        for key in ("first", "second", "third"):
            asyncio.run(store.commit(asyncio.run(store.load(key))))
        script.requests.clear()
        for key in ("third", "second", "first"):
            asyncio.run(store.confirm(asyncio.run(store.load(key))))
    assert ["if-none-match" in request.headers for request in script.requests] == [True, True, False]


def test_the_bytes_of_a_page_that_is_handed_out_or_goes_are_given_back():
    """However often pages are committed, as many are warm as fit."""
    takes = memory_bytes_for(page_bytes("a"))
    with ScriptedS3(Answer(200, page_bytes("a"), {"ETag": '"7"'})) as script:
        store = page_store(open_bucket(BUCKET, REGION, script.endpoint), warm_bytes_max=2 * takes)
        for _ in range(5):
            asyncio.run(store.commit(asyncio.run(store.load("first"))))
        assert [request.method for request in script.requests] == ["GET", *["PUT"] * 5]
        page = asyncio.run(store.load("first"))
        for _ in range(5):  # a page that is committed again, though it is warm
            asyncio.run(store.commit(page))
        asyncio.run(store.commit(asyncio.run(store.load("first"))))
        assert [request.method for request in script.requests] == ["GET", *["PUT"] * 11]
        for key in ("second", "third", "fourth"):
            asyncio.run(store.commit(asyncio.run(store.load(key))))
        asyncio.run(store.load("fourth"))  # handed out, and dropped
        script.requests.clear()
        asyncio.run(store.commit(asyncio.run(store.load("fifth"))))
        asyncio.run(store.commit(asyncio.run(store.load("third"))))
        asyncio.run(store.commit(asyncio.run(store.load("fifth"))))
        assert [request.method for request in script.requests] == ["GET", "PUT", "PUT", "PUT"]


@pytest.mark.parametrize("good_for_minutes", [11, 60])
def test_credentials_are_renewed_before_they_end_however_long_ago_they_were_fetched(good_for_minutes):
    """obstore asks boto3 again, which renews them ten minutes before their end, by the wall clock."""
    now, issued = [datetime(2026, 1, 31, 12, tzinfo=UTC)], count()

    def issue() -> dict[str, str]:
        ends = now[0] + timedelta(minutes=good_for_minutes)
        secret = {"secret_key": "s", "token": "t", "expiry_time": ends.isoformat()}
        return {"access_key": f"KEY{next(issued)}", **secret}

    credentials = RefreshableCredentials.create_from_metadata(issue(), issue, "test")
    credentials._time_fetcher = lambda: now[0]
    session = botocore.session.get_session()
    session._credentials = credentials
    with ScriptedS3(Answer(body=b"x")) as server:
        objects = open_bucket(BUCKET, REGION, server.endpoint, boto3.Session(botocore_session=session))
        asyncio.run(objects.get("a", bytes_max=9))
        first = signer_of(server.requests[-1])
        now[0] += timedelta(minutes=good_for_minutes - 1)
        time.sleep(0.2)  # obstore asks for credentials ten times a second at most
        asyncio.run(objects.get("a", bytes_max=9))
        assert signer_of(server.requests[-1]) != first


def signer_of(request) -> str:
    """Of the credentials that signed it."""
    return re.search(r"Credential=(\w+)/", request.headers["authorization"])[1]


def test_every_region_that_boto3_knows_is_asked_where_its_s3_is():
    session = botocore.session.get_session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("s3", partition):
            domain = session.create_client("s3", region).meta.endpoint_url.partition(f"s3.{region}.")[2]
            own = regional_endpoint(region)
            if partition in ("aws", "aws-us-gov"):
                assert own is None
                continue
            assert own == f"https://s3.{region}.{domain}", region


def test_without_credentials_nothing_starts_and_the_error_says_what_to_do(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ConfigurationError, match="credentials"):
        open_bucket(BUCKET, REGION, "http://127.0.0.1:9")


def test_without_an_endpoint_of_ones_own_the_bucket_is_the_regions():
    objects = open_bucket(BUCKET, "eu-west-1", None)
    assert objects._store.config == {"bucket": BUCKET, "region": "eu-west-1"}
