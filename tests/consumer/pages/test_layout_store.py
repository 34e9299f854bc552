"""The layout in force is what the first writer recorded; without it, no page is looked for."""

import asyncio
import json

import pytest

from consumer.errors import LayoutChanged, PageChanged, Unavailable
from consumer.pages.layout import Layout, LayoutStore
from consumer.ports import Found, Missing

PREFIX = "models/drift/0123456789abcdef"
KEY = f"{PREFIX}/layout.json"


class Bucket:
    """One object; `before_put` runs between somebody's GET and PUT, `down` is raised by any call."""

    def __init__(self, body: bytes | None = None):
        self.body = body
        self.before_put = lambda: None
        self.down: Exception | None = None
        self.calls: list[tuple[str, str]] = []

    async def get(self, key, *, bytes_max, unless=None):
        self.calls.append(("get", key))
        if self.down:
            raise self.down
        if self.body is None:
            return Missing()
        return Found('"1"', len(self.body), self.body if len(self.body) <= bytes_max else None)

    async def replace(self, key, body, e_tag):
        self.calls.append(("create" if e_tag is None else "replace", key))
        self.before_put()
        if self.down:
            raise self.down
        if self.body is not None:
            raise PageChanged(key)
        self.body = body
        return '"1"'


def store(bucket: Bucket, pages: int, warnings: list[str] | None = None) -> LayoutStore:
    return LayoutStore(bucket, Layout(PREFIX, pages), ([] if warnings is None else warnings).append)


def current(layouts: LayoutStore) -> Layout:
    return asyncio.run(layouts.current())


@pytest.mark.parametrize("pages", [0, 1, 16, 4096])
def test_the_first_writer_records_the_layout_that_it_wants(pages):
    bucket, warnings = Bucket(), []
    assert current(store(bucket, pages, warnings)) == Layout(PREFIX, pages)
    assert json.loads(bucket.body) == {"pages": pages}
    assert bucket.calls == [("get", KEY), ("create", KEY)]
    assert warnings == []


@pytest.mark.parametrize(("recorded", "wanted"), [(0, 16), (16, 0), (8, 16)])
def test_what_is_recorded_wins_over_the_environment_with_one_warning_that_names_both(recorded, wanted):
    bucket, warnings = Bucket(json.dumps({"pages": recorded}).encode()), []
    layouts = store(bucket, wanted, warnings)
    assert [current(layouts) for _ in range(3)] == [Layout(PREFIX, recorded)] * 3
    [warning] = warnings
    assert f"MODEL_PAGES is {wanted}" in warning
    assert f"{recorded} pages" in warning
    assert bucket.body == json.dumps({"pages": recorded}).encode()


def test_it_is_read_once():
    bucket = Bucket(b'{"pages": 8}')
    layouts = store(bucket, 8)
    for _ in range(3):
        current(layouts)
    assert bucket.calls == [("get", KEY)]


def test_of_two_first_writers_the_later_takes_the_others_layout():
    bucket, warnings = Bucket(), []
    bucket.before_put = lambda: setattr(bucket, "body", b'{"pages":8}')
    assert current(store(bucket, 16, warnings)) == Layout(PREFIX, 8)
    assert len(warnings) == 1


def test_a_layout_written_and_removed_at_the_same_time_is_unavailable():
    bucket = Bucket()

    def somebody_writes_and_removes():
        raise PageChanged(KEY)

    bucket.before_put = somebody_writes_and_removes
    with pytest.raises(Unavailable, match="layout"):
        current(store(bucket, 16))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b'{"pages": "8"}',
        b'{"pages": 8.5}',
        b'{"pages": null}',
        b"\xff",
        b'{"pages": 8}' + b" " * 9999,
    ],
)
def test_a_layout_that_cannot_be_read_is_unavailable_and_never_replaced(body):
    bucket = Bucket(body)
    with pytest.raises(Unavailable, match="layout"):
        current(store(bucket, 16))
    assert bucket.body == body


@pytest.mark.parametrize("pages", [-1, 10**9])
def test_a_layout_that_no_function_wrote_is_unavailable(pages):
    with pytest.raises(Unavailable, match="layout"):
        current(store(Bucket(json.dumps({"pages": pages}).encode()), 16))


def test_a_bucket_that_is_down_is_asked_again_next_time():
    bucket = Bucket(b'{"pages": 8}')
    bucket.down = Unavailable("503")
    layouts = store(bucket, 8)
    with pytest.raises(Unavailable):
        current(layouts)
    bucket.down = None
    assert current(layouts) == Layout(PREFIX, 8)


def test_a_record_whose_answer_was_lost_is_found_by_the_next_call():
    bucket = Bucket()

    def lost():
        bucket.body = b'{"pages":16}'
        raise Unavailable("torn")

    bucket.before_put = lost
    layouts = store(bucket, 16)
    with pytest.raises(Unavailable):
        current(layouts)
    assert current(layouts) == Layout(PREFIX, 16)


def test_a_layout_that_is_still_in_force_is_confirmed_and_kept():
    bucket = Bucket(b'{"pages": 8}')
    layouts = store(bucket, 8)
    current(layouts)
    asyncio.run(layouts.confirm())
    assert current(layouts) == Layout(PREFIX, 8)
    assert bucket.calls == [("get", KEY)] * 2


@pytest.mark.parametrize("body", [b'{"pages": 64}', b'{"pages": 8, "moving_to": 64}', None])
def test_a_layout_that_has_changed_is_told_and_read_anew(body):
    bucket = Bucket(b'{"pages": 8}')
    layouts = store(bucket, 8)
    current(layouts)
    bucket.body = body
    with pytest.raises(LayoutChanged):
        asyncio.run(layouts.confirm())
    bucket.body = b'{"pages": 64}'
    layouts.forget()
    assert current(layouts) == Layout(PREFIX, 64)


def test_while_the_models_are_moved_there_is_no_layout():
    with pytest.raises(LayoutChanged, match="64"):
        current(store(Bucket(b'{"pages": 8, "moving_to": 64}'), 8))


class SlowBucket(Bucket):
    """Answers late, with what was there when it was asked."""

    async def get(self, key, *, bytes_max, unless=None):
        found = await super().get(key, bytes_max=bytes_max, unless=unless)
        await asyncio.sleep(0.01)
        return found


def test_a_thousand_who_ask_at_once_cost_two_requests_in_each_invocation():
    bucket = SlowBucket(b'{"pages": 8}')
    layouts = store(bucket, 8)
    current(layouts)

    async def many():
        await asyncio.gather(*(layouts.confirm() for _ in range(1_000)))

    for invocation in range(1, 4):
        asyncio.run(many())
        assert len(bucket.calls) == 1 + 2 * invocation


class HeldBucket(Bucket):
    """Answers once `may_answer` is set, with what was there when it was asked."""

    async def get(self, key, *, bytes_max, unless=None):
        found = await super().get(key, bytes_max=bytes_max, unless=unless)
        await self.may_answer.wait()
        return found


def test_who_asks_while_a_request_is_under_way_gets_the_answer_to_the_next():
    bucket = HeldBucket(b'{"pages": 8}')
    layouts = store(bucket, 8)

    async def early_and_late():
        bucket.may_answer = asyncio.Event()
        bucket.may_answer.set()
        await layouts.current()
        bucket.may_answer.clear()
        early = asyncio.create_task(layouts.confirm())
        await asyncio.sleep(0)
        assert len(bucket.calls) == 2, "the request is under way"
        bucket.body = b'{"pages": 64}'
        late = [asyncio.create_task(layouts.confirm()) for _ in range(5)]
        await asyncio.sleep(0)
        bucket.may_answer.set()
        return await asyncio.gather(early, *late, return_exceptions=True)

    early, *late = asyncio.run(early_and_late())
    assert early is None
    assert [type(answer) for answer in late] == [LayoutChanged] * 5
    assert len(bucket.calls) == 3


def test_a_bucket_that_is_down_is_told_to_all_who_asked():
    bucket = SlowBucket(b'{"pages": 8}')
    layouts = store(bucket, 8)
    current(layouts)
    bucket.down = Unavailable("503")

    async def many():
        return await asyncio.gather(*(layouts.confirm() for _ in range(5)), return_exceptions=True)

    assert [str(answer) for answer in asyncio.run(many())] == ["503"] * 5
    bucket.down = None
    asyncio.run(layouts.confirm())
