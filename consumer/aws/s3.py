"""Objects of one S3 bucket: conditional GETs and PUTs, and the only place that knows obstore's errors."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from obstore import exceptions
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import LocalStore, S3Store

from consumer.errors import ConfigurationError, PageChanged, Unavailable
from consumer.ports import Found, Missing, Unchanged

if TYPE_CHECKING:
    from obstore.store import S3Config

REQUESTS_IN_FLIGHT_MAX = 64
# boto3 hands out credentials that are good for ten minutes at least, and renews them by the wall clock.
# obstore would keep them for half an hour, past their end, and by a clock that may stand still in a snapshot.
# Those that end in five minutes it takes for used up, and asks again, at most ten times a second.
_CREDENTIALS_KEPT = timedelta(minutes=5)
_DOMAINS = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
}
"""Of AWS's other partitions, by how their regions begin."""
_CHANGED = (exceptions.PreconditionError, exceptions.AlreadyExistsError, FileNotFoundError)
_FAILED = (exceptions.BaseError, OSError)

_Answer = TypeVar("_Answer")


class _Answers:
    """Answers from threads for what waits in an event loop: those that come together wake it once.

    To wake it for each would cost as much as to ask.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ready: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._will_wake = False

    def ask(self, request: Callable[[], _Answer], threads: ThreadPoolExecutor) -> asyncio.Future[_Answer]:
        """Have a thread answer; whoever gives up before it begins has asked for nothing."""
        answered: asyncio.Future[_Answer] = self.loop.create_future()

        def answer() -> None:
            if answered.cancelled():
                return
            try:
                self._add(answered, request(), None)
            except BaseException as error:
                self._add(answered, None, error)

        threads.submit(answer)
        return answered

    def _add(self, answered: asyncio.Future[Any], answer: Any, error: BaseException | None) -> None:
        self._ready.append((answered, answer, error))
        # Who is told after this that it wakes for others finds this answer too: it was added before.
        if not self._will_wake:
            self._will_wake = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._will_wake = False  # before what is there is looked at: what is added after wakes again
        while self._ready:
            answered, answer, error = self._ready.popleft()
            if answered.done():  # given up meanwhile
                continue
            if error is None:
                answered.set_result(answer)
            else:
                answered.set_exception(error)


class Objects:
    """The objects of a bucket.

    Requests run in threads: obstore's own asyncio bridge now and then aborts an interpreter that ends, and
    costs the same CPU.
    """

    def __init__(self, store: S3Store | LocalStore) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(REQUESTS_IN_FLIGHT_MAX, thread_name_prefix="s3")
        self._answers: _Answers | None = None

    async def get(
        self, key: str, *, bytes_max: int, unless: str | None = None
    ) -> Found | Missing | Unchanged:
        """Read an object; no body if it still has the version `unless` or is larger than `bytes_max`.

        Raises: `Unavailable` for any answer but the object, 404 and 304: no other says that there is none.
        """

        def get() -> Found | Missing | Unchanged:
            found = self._store.get(key, options={"if_none_match": unless} if unless else None)
            e_tag, size = found.meta["e_tag"], found.meta["size"]
            if not e_tag:
                raise exceptions.GenericError("the answer has no ETag, without which nothing can be replaced")
            return Found(e_tag, size, bytes(found.bytes()) if size <= bytes_max else None)

        try:
            return await self._in_thread(get)
        except FileNotFoundError:
            return Missing()
        except exceptions.NotModifiedError as error:
            if unless is None:
                raise Unavailable(f"GET {key}: 'not modified', though no version was named") from error
            return Unchanged()
        except _FAILED as error:
            raise Unavailable(f"GET {key}: {_brief(error)}") from error

    async def replace(self, key: str, body: bytes, e_tag: str | None) -> str | None:
        """Write an object if it still has version `e_tag`, or, if `e_tag` is None, if there is none yet.

        Returns: its new version, if S3 names it.
        Raises: `PageChanged` if it has another version (412, 404) or two writes met (409); `Unavailable` if
            it is unknown whether it was written.
        """
        try:
            return await self._put(key, body, "create" if e_tag is None else {"e_tag": e_tag})
        except _CHANGED as error:
            raise PageChanged(f"PUT {key}: somebody else has written it") from error
        except _FAILED as error:
            raise Unavailable(f"PUT {key}: {_brief(error)}") from error

    async def write(self, key: str, body: bytes) -> None:
        """Write an object, whatever was there.

        Raises: `Unavailable`.
        """
        try:
            await self._put(key, body, "overwrite")
        except _FAILED as error:
            raise Unavailable(f"PUT {key}: {_brief(error)}") from error

    async def keys(self, prefix: str, before_s: float | None = None) -> list[str]:
        """The keys that begin so; if asked, of objects last written before that time, in seconds since 1970.

        Raises: `Unavailable`.
        """
        listed = await self._list(prefix)
        return [key for key, written_s in listed if before_s is None or written_s < before_s]

    async def last_written_s(self, prefix: str) -> float | None:
        """When an object whose key begins so was last written, in seconds since 1970; None: there is none.

        Raises: `Unavailable`.
        """
        return max((written_s for _, written_s in await self._list(prefix)), default=None)

    async def _list(self, prefix: str) -> list[tuple[str, float]]:
        """Keys, and when each object was last written."""

        def listed() -> list[tuple[str, float]]:
            pages = self._store.list(prefix.rstrip("/"))  # obstore's prefix ends at a slash by itself
            return [(found["path"], found["last_modified"].timestamp()) for page in pages for found in page]

        try:
            return await self._in_thread(listed)
        except _FAILED as error:
            raise Unavailable(f"LIST {prefix}: {_brief(error)}") from error

    async def folders(self, prefix: str) -> list[str]:
        """The names of the folders that lie under the prefix, which ends at a slash.

        Raises: `Unavailable`.
        """

        def folders() -> list[str]:
            found = self._store.list_with_delimiter(prefix.rstrip("/"))
            return sorted(each.rstrip("/").rpartition("/")[2] for each in found["common_prefixes"])

        try:
            return await self._in_thread(folders)
        except _FAILED as error:
            raise Unavailable(f"LIST {prefix}: {_brief(error)}") from error

    async def _put(self, key: str, body: bytes, mode: Any) -> str | None:
        put = await self._in_thread(lambda: self._store.put(key, body, mode=mode, use_multipart=False))
        return put["e_tag"]

    async def _in_thread(self, request: Callable[[], _Answer]) -> _Answer:
        answers, loop = self._answers, asyncio.get_running_loop()
        if answers is None or answers.loop is not loop:
            answers = self._answers = _Answers(loop)
        return await answers.ask(request, self._threads)


def open_folder(folder: Path) -> Objects:
    """A copy of a bucket on disk, to be read. Raises: `ConfigurationError` if there is no such folder."""
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}")
    return Objects(LocalStore(folder))


def open_bucket(
    bucket: str, region: str, endpoint: str | None, session: boto3.Session | None = None
) -> Objects:
    """The bucket, with the credentials that boto3 finds, or those of a session.

    A request and its retries end within some 15 seconds.

    Raises: `ConfigurationError` if there are no credentials.
    """
    try:
        credentials = Boto3CredentialProvider(
            session or boto3.Session(region_name=region), ttl=_CREDENTIALS_KEPT
        )
    except ValueError as error:
        raise ConfigurationError("no AWS credentials were found: set those of the AWS SDKs") from error
    # obstore refuses an endpoint that is None; without one it finds the region's.
    place: S3Config = {"region": region}
    endpoint = endpoint or regional_endpoint(region)
    if endpoint is not None:
        place["endpoint"] = endpoint
    store = S3Store(
        bucket,
        config=place,
        credential_provider=credentials,
        client_options={
            "allow_http": endpoint is not None and endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=2),
            "timeout": timedelta(seconds=5),
            "pool_max_idle_per_host": str(REQUESTS_IN_FLIGHT_MAX),
        },
        retry_config={
            "max_retries": 3,
            "retry_timeout": timedelta(seconds=10),
            "backoff": {
                "init_backoff": timedelta(milliseconds=50),
                "max_backoff": timedelta(seconds=1),
                "base": 2,
            },
        },
    )
    return Objects(store)


def regional_endpoint(region: str) -> str | None:
    """Where S3 is in a region that obstore does not find: it takes all to be in amazonaws.com.

    >>> regional_endpoint("cn-north-1"), regional_endpoint("eu-west-1")
    ('https://s3.cn-north-1.amazonaws.com.cn', None)
    """
    for begins, domain in _DOMAINS.items():
        if region.startswith(begins):
            return f"https://s3.{region}.{domain}"
    return None


def _brief(error: Exception) -> str:
    """The first line of obstore's text; the rest is its own stack."""
    return str(error).partition("\n")[0]
