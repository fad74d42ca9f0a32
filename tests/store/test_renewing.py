"""The renewing store: reads go on when leave ends, and nothing of it is ever seen."""

from __future__ import annotations

import asyncio
import copy
import gc
import logging
import pickle
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import FrameType, TracebackType

import fsspec
import pytest

from cryodata.errors import (
    AuthError,
    ConfigurationError,
    CredentialsExpiredError,
    CryodataError,
    FetchError,
    NotFoundError,
    NotLoggedInError,
)
from cryodata.sandbox import Fault, Sky, cloud
from cryodata.sandbox.s3_access import Keys
from cryodata.store import fsspec_private, loop, obstore_engine, quiet
from cryodata.store.base import Store, Tailed
from cryodata.store.fetch import Fetcher
from cryodata.store.fsspec_readers import _on
from cryodata.store.link import link_to
from cryodata.store.renewing import RenewingStore
from cryodata.store.retry import RetryBudget
from cryodata.types import ByteRange, Grant
from tests.store.granting import Granting
from tests.store.helpers import PATIENT, SIZE, Origin, content, some_ranges, wait_until

ENGINES = ("obstore", "fsspec")
every_engine = pytest.mark.parametrize("engine", ENGINES)
EXPIRED = Fault("status", status=400, code="ExpiredToken")


@pytest.fixture(scope="module")
def shared_sky() -> Iterator[Sky]:
    """One cloud whose session keys last three seconds."""
    with cloud("none", session="3s") as sky:
        for name in ("a.h5", "b.h5"):
            sky.put(content(), name, private=True)
        yield sky


@pytest.fixture
def sky(shared_sky: Sky) -> Iterator[Sky]:
    """The same, as it was at first."""
    settled(shared_sky, 0)
    shared_sky.reset()
    yield shared_sky
    shared_sky.reset()


@dataclass(frozen=True)
class Bucket:
    """Leave to read any object of the private bucket, with the same keys for all."""

    sky: Sky
    granting: Granting

    @classmethod
    def of(cls, sky: Sky, *, pause: float = 0.0, keep: list[Keys] | None = None) -> Bucket:
        """Keys are new ones of the server each time, and are listed in `keep`."""

        def make(serial: int) -> Grant:
            keys = sky.session_keys()
            if keep is not None:
                keep.append(keys)
            assert keys.expires is not None
            options = sky.private_options(keys)
            return Grant(url="", options=options, expires=keys.expires.timestamp(), serial=serial)

        return cls(sky, Granting(make, pause=pause))

    def store(self, engine: str, key: str = "a.h5") -> RenewingStore:
        """The store of one object."""
        return RenewingStore(f"s3://private/{key}", _Of(self, key), engine=engine, network=PATIENT)


@dataclass
class _Of:
    """Leave to read one object of the bucket."""

    bucket: Bucket
    key: str
    curable: tuple[type[AuthError], ...] = (CredentialsExpiredError,)

    async def grant(self, *, stale: Grant | None = None) -> Grant:
        """As `Access.grant`."""
        return replace(
            await self.bucket.granting.grant(stale=stale), url=f"s3://private/{self.key}"
        )


def fetching(store: Store, budget: RetryBudget | None = None) -> Fetcher:
    return Fetcher(store, PATIENT, budget=budget or RetryBudget())


def one(store: Store, start: int = 1000, stop: int = 2000) -> bytes:
    """One range."""
    return bytes(loop.run(store.get(start, stop), timeout=30).data)


@every_engine
def test_reads_go_on_when_the_keys_are_over(sky: Sky, engine: str) -> None:
    """A read of more than an hour would end with "the provided token has expired"."""
    bucket = Bucket.of(sky)
    fetches = [fetching(bucket.store(engine, key)) for key in ("a.h5", "b.h5")]
    ranges = some_ranges(1, 24, longest=4000)

    async def read(fetch: Fetcher, began: float) -> None:
        head = await fetch.head(100)
        while time.monotonic() < began + 5.0 or bucket.granting.made < 3:
            blocks = await fetch.fetch(ranges, etag=head.etag, size=head.size)
            assert [bytes(b.data) for b in blocks] == [content()[a:b] for a, b in ranges]

    async def all_read() -> float:
        began = time.monotonic()
        await asyncio.gather(*(read(fetch, began) for fetch in fetches for _ in range(4)))
        return time.monotonic() - began

    took = loop.run(all_read(), timeout=60)
    assert bucket.granting.made <= took / 2 + 1  # keys of 3 s say so in whole seconds
    assert sum(fetch.receipt.retries for fetch in fetches) == 0


@every_engine
def test_a_burst_of_refusals_makes_one_renewal(sky: Sky, engine: str) -> None:
    """Every request in flight would ask for keys of its own, and Earthdata would throttle."""
    bucket = Bucket.of(sky, pause=0.5)
    fetch = fetching(bucket.store(engine), RetryBudget(tokens=0))
    loop.run(fetch.head(10))
    sky.log.clear()
    refused = sky.fault(EXPIRED, times=96)
    ranges = some_ranges(2, 96, longest=2000)
    blocks = loop.run(fetch.fetch(ranges, etag="", size=SIZE), timeout=60)
    assert [bytes(b.data) for b in blocks] == [content()[a:b] for a, b in ranges]
    assert sky.fired(refused) == 96
    assert (bucket.granting.made, len(bucket.granting.stale)) == (2, 96)
    assert len(sky.log) == 2 * 96
    assert fetch.receipt.retries == 0  # there were no tokens for any


@every_engine
def test_renewal_is_tried_once(sky: Sky, engine: str) -> None:
    """A bucket that refuses all keys would be asked for ever."""
    sky.fault(EXPIRED)
    bucket = Bucket.of(sky)
    with pytest.raises(CredentialsExpiredError) as caught:
        loop.run(fetching(bucket.store(engine)).fetch([ByteRange(5, 9)], etag="", size=SIZE))
    assert (len(sky.log), bucket.granting.made) == (2, 2)
    assert caught.value.url == "s3://private/a.h5"
    assert (caught.value.start, caught.value.stop) == (5, 9)


@pytest.mark.parametrize("grants, made", [(1, 2), (3, 4), (9, 5)])
def test_a_grant_that_was_over_when_refused_does_not_count(
    sky: Sky, grants: int, made: int
) -> None:
    """Requests that wait long behind others would fail for being late twice."""
    refused = sky.fault(EXPIRED, times=grants)

    def make(serial: int) -> Grant:
        options = sky.private_options(sky.session_keys())
        return Grant(url="s3://private/a.h5", options=options, serial=serial, expires=time.time())

    granting = Granting(make)
    store = RenewingStore("s3://private/a.h5", granting, network=PATIENT)
    if grants < 5:
        assert one(store) == content()[1000:2000]
    else:  # whoever gives grants that are over is not asked for ever
        with pytest.raises(CredentialsExpiredError):
            one(store)
    assert (granting.made, sky.fired(refused)) == (made, min(grants, 5))


@every_engine
@pytest.mark.parametrize(
    "status, code, error",
    [(403, "AccessDenied", AuthError), (404, "NoSuchKey", NotFoundError)],
)
def test_what_new_keys_cannot_cure_is_not_renewed(
    sky: Sky, engine: str, status: int, code: str, error: type[CryodataError]
) -> None:
    """Outside the region every read would ask for new keys, in vain."""
    sky.fault(Fault("status", status=status, code=code))
    bucket = Bucket.of(sky)
    with pytest.raises(error) as caught:
        one(bucket.store(engine))
    assert type(caught.value) is error
    assert (len(sky.log), bucket.granting.made) == (1, 1)


@every_engine
def test_the_fetcher_repeats_what_failed_for_other_reasons(sky: Sky, engine: str) -> None:
    """A hiccup of the network would end the read, or cost new keys."""
    sky.fault(Fault("status", status=500, code="InternalError"), times=2)
    bucket = Bucket.of(sky)
    fetch = fetching(bucket.store(engine))
    (block,) = loop.run(fetch.fetch([ByteRange(5, 9)], etag="", size=SIZE))
    assert bytes(block.data) == content()[5:9]
    assert (fetch.receipt.retries, bucket.granting.made) == (2, 1)


@every_engine
def test_objects_with_the_same_keys_share_connections(sky: Sky, engine: str) -> None:
    """A hundred granules of a bucket would open connections of their own."""
    bucket = Bucket.of(sky)
    first, second = bucket.store(engine), bucket.store(engine, "b.h5")
    for store in (first, second, first, second):
        one(store)
    assert connections(sky) == 1
    first.close()
    assert one(second) == content()[1000:2000]
    assert connections(sky) == 1


@every_engine
def test_nothing_is_left_of_keys_that_are_over(sky: Sky, engine: str) -> None:
    """After a day of reading there would be a client and its connections for every hour."""
    bucket = Bucket.of(sky)
    stores = [bucket.store(engine), bucket.store(engine, "b.h5")]
    for _ in range(6):
        bucket.granting.revoke()
        for store in stores:
            one(store)
    settled(sky, 1)
    assert bucket.granting.made == 6
    assert len(obstore_engine._clients) + len(fsspec_private._file_systems) == 1
    for store in stores:
        store.close()
    settled(sky, 0)
    assert len(obstore_engine._clients) + len(fsspec_private._file_systems) == 0


def test_fsspec_keeps_no_file_system_of_ours(sky: Sky) -> None:
    """Fsspec would keep keys for as long as the program runs, for anybody to look at."""
    one(Bucket.of(sky).store("fsspec"))
    s3 = fsspec.get_filesystem_class("s3")
    (ours,) = fsspec_private._file_systems.values()
    for cls in (s3, type(ours)):
        assert ours not in cls._cache.values()
    assert isinstance(ours, s3)


@every_engine
def test_cancelled_reads_leave_the_others_alone(sky: Sky, engine: str) -> None:
    """One dask task that is given up would take the reads beside it along."""
    bucket = Bucket.of(sky, pause=0.2)
    store = bucket.store(engine)

    async def some_cancelled() -> list[bytes]:
        tasks = [asyncio.create_task(store.get(n, n + 10)) for n in range(40)]
        await asyncio.sleep(0.1)  # all of them wait for the first grant
        for task in tasks[::2]:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks[::2])
        return [bytes((await task).data) for task in tasks[1::2]]

    assert loop.run(some_cancelled(), timeout=30) == [
        content()[n : n + 10] for n in range(1, 40, 2)
    ]


def test_it_is_one_object_whatever_the_grants_say(sky: Sky) -> None:
    """Each renewal would make a new index, and learn the network anew."""
    bucket = Bucket.of(sky)
    store = bucket.store("obstore")
    assert isinstance(store, Store)
    assert isinstance(store, Tailed)
    known = store.url, store.origin, link_to(store)
    etag = loop.run(store.tail(10)).etag
    bucket.granting.revoke()
    assert bytes(loop.run(store.tail(10)).data) == content()[-10:]
    assert loop.run(store.get(0, 10, etag=etag)).etag == etag
    assert (store.url, store.origin, link_to(store)) == known
    assert known[:2] == ("s3://private/a.h5", "s3://private")


@pytest.mark.parametrize("cls", [NotLoggedInError, FetchError])
def test_who_gives_no_leave_is_heard(cls: type[CryodataError]) -> None:
    """The user would not learn that they are not logged in, or for what."""

    def refuse(serial: int) -> Grant:
        raise cls("nobody is logged in", fix="cd.login()")

    store = RenewingStore("s3://private/a.h5", Granting(refuse))
    with pytest.raises(cls) as caught:
        one(store)
    assert type(caught.value) is cls
    assert (caught.value.url, caught.value.fix) == ("s3://private/a.h5", "cd.login()")


def test_an_unknown_engine_is_refused() -> None:
    """A typing error would choose another engine silently."""
    with pytest.raises(ConfigurationError, match="there is no engine 'obstor'"):
        RenewingStore("s3://private/a.h5", Granting(_no_grant), engine="obstor")


def _no_grant(serial: int) -> Grant:
    raise AssertionError("nobody asks")


@dataclass(frozen=True)
class Reference:
    """Says where to ask for leave, and holds none."""

    where: str
    curable: tuple[type[AuthError], ...] = ()

    async def grant(self, *, stale: Grant | None = None) -> Grant:
        """As `Access.grant`."""
        return Grant(url=self.where, options={"anon": True})


def test_a_pickle_says_where_to_ask(sky: Sky) -> None:
    """Workers could not read, or would be sent the keys."""
    store = RenewingStore("s3://private/a.h5", Reference("s3://public/none"), engine="fsspec")
    with pytest.raises(CryodataError):
        one(store)  # it holds a store and a grant from now on
    made, parts = store.__reduce__()
    assert parts == ("s3://private/a.h5", Reference("s3://public/none"), "fsspec", store._network)
    twin = pickle.loads(pickle.dumps(store))
    assert twin.__reduce__() == (made, parts)
    assert copy.copy(store) is store
    assert copy.deepcopy(store) is store


LINK = "Expires=1795000000&Signature=CANARY-~Ab_9xKq&Key-Pair-Id=CANARYPAIR"


def linked(origin: Origin, **given: object) -> tuple[RenewingStore, Granting]:
    """A store of a granule at a data host, and the links to it."""

    def make(serial: int) -> Grant:
        return Grant(url=f"{origin.wire.url}/bucket/granule.h5?n={serial}&{LINK}", serial=serial)

    granting = Granting(make, curable=(AuthError,))
    url = "https://data.example/bucket/granule.h5"
    return RenewingStore(url, granting, network=PATIENT), granting


def test_a_link_that_is_over_is_made_anew(origin: Origin) -> None:
    """A read on a laptop would end after an hour."""
    store, granting = linked(origin)
    one(store)
    origin.wire.fault(Fault("status", status=403, code="AccessDenied"), path="n=1", times=96)
    blocks = loop.run(fetching(store).fetch(some_ranges(3, 96), etag="", size=SIZE))
    assert [bytes(b.data) for b in blocks] == [content()[a:b] for a, b in some_ranges(3, 96)]
    assert granting.made == 2
    origin.wire.fault(Fault("status", status=403, code="AccessDenied"), path="n=")
    with pytest.raises(AuthError):
        one(store)
    assert granting.made == 3


def test_granules_behind_links_share_connections(origin: Origin) -> None:
    """On a laptop every granule would begin with the handshakes of its own connections."""
    for _ in range(3):
        store, granting = linked(origin)
        one(store)
        granting.revoke()
        one(store)
    assert len(origin.wire.connections) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=403, code="AccessDenied"),
        Fault("status", status=404, code="NoSuchKey"),
        Fault("status", status=307, code="TemporaryRedirect", header="Location: /x\r\n"),
        Fault("status", status=500, code="InternalError"),
        Fault("reset", at=3),
        Fault("truncate", at=3),
        Fault("garbage"),
        Fault("shift"),
        Fault("whole"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_an_error_shows_the_granule_and_not_the_link(origin: Origin, fault: Fault) -> None:
    """A bug report would hold leave to read in the user's name."""
    store, _ = linked(origin)
    origin.wire.fault(fault)
    with pytest.raises(CryodataError) as caught:
        one(store)
    assert caught.value.url == "https://data.example/bucket/granule.h5"
    assert origin.wire.url not in str(caught.value)
    assert "CANARY" not in all_of(caught.value)
    assert "CANARY" not in pickle.dumps(caught.value).decode("latin-1")


@every_engine
def test_an_error_holds_no_keys(sky: Sky, engine: str) -> None:
    """A traceback with the values of variables, as many tools print it, would give keys away."""
    keep: list[Keys] = []
    for fault in (EXPIRED, Fault("reset", at=3), Fault("shift"), Fault("garbage")):
        sky.reset()
        sky.fault(fault)
        with pytest.raises(CryodataError) as caught:
            one(Bucket.of(sky, keep=keep).store(engine))
        text = all_of(caught.value)
        assert not [k for k in keep if k.token in text or k.secret in text], fault.kind


def all_of(error: BaseException) -> str:
    """All that an error says and holds: text, fields, notes, causes, and variables of frames."""
    text = "".join(traceback.format_exception(error)) + repr(vars(error))
    text += "".join(getattr(error, "__notes__", ()))
    for frame in frames(error.__traceback__):
        if "cryodata/" in frame.f_code.co_filename:
            text += repr(frame.f_locals)
    for other in (error.__cause__, error.__context__):
        text += all_of(other) if other is not None else ""
    return text


def frames(at: TracebackType | None) -> Iterator[FrameType]:
    while at is not None:
        yield at.tb_frame
        at = at.tb_next


def connections(sky: Sky) -> int:
    """Connections to the wire that stand."""
    return len(sky._wire.connections)  # type: ignore[union-attr]  # it is in this process


def settled(sky: Sky, goal: int) -> None:
    """Wait until so many connections stand."""

    def reached() -> bool:
        gc.collect()  # an error and the frames it went through hold each other
        return connections(sky) == goal

    wait_until(reached)


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """What all loggers say from now on, at the lowest level."""
    names = [None, *quiet.LOGGERS, "aiobotocore", "asyncio", "fsspec", "s3fs"]
    for name in names:
        caplog.set_level(1, logger=name)
    return lambda: caplog.text


@every_engine
def test_logs_hold_no_keys(
    sky: Sky, engine: str, everything_logged: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    """Who turns logging on to see why a read fails would post their keys with the log."""
    with caplog.at_level(logging.CRITICAL, logger="botocore"):  # the sandbox asks for keys
        keys = sky.session_keys()
    grant = Grant(url="s3://private/a.h5", options=sky.private_options(keys), serial=1)
    store = RenewingStore(grant.url, Granting(lambda _: grant), engine=engine, network=PATIENT)
    one(store)
    sky.fault(EXPIRED)
    with pytest.raises(CredentialsExpiredError):
        one(store)
    text = everything_logged()
    if engine == "fsspec":
        assert text.count("x-amz-security-token:***") >= 2  # it was there, and was struck out
        assert "Signature=***" in text
    assert not [secret for secret in (keys.key, keys.secret, keys.token) if secret in text]


def test_logs_of_links_hold_no_signature(
    origin: Origin, everything_logged: Callable[[], str]
) -> None:
    """The same on the way through the data host."""
    store, _ = linked(origin)
    one(store)
    origin.wire.fault(Fault("status", status=403, code="AccessDenied"))
    with pytest.raises(AuthError):
        one(store)
    assert "CANARY" not in everything_logged()


def test_what_others_log_is_left_alone(caplog: pytest.LogCaptureFixture, sky: Sky) -> None:
    """Another program's log would lack what it needs, or pay for our filter."""
    one(Bucket.of(sky).store("fsspec"))
    caplog.set_level(logging.DEBUG, logger="botocore.auth")
    logger = logging.getLogger("botocore.auth")
    logger.debug("Signature=%s and %s", "0" * 64, "AKIAOFOTHERS")
    record = caplog.records[-1]
    assert record.args == ("0" * 64, "AKIAOFOTHERS")
    assert len([f for f in logger.filters if isinstance(f, quiet.Redact)]) == 1


def test_an_answer_that_repeats_the_token_is_redacted(caplog: pytest.LogCaptureFixture) -> None:
    """S3 says which token has expired, and botocore logs what S3 says."""
    redact = quiet.Redact(lambda: ["FQoGZXIvYXdzEBY+/="])
    record = logging.LogRecord(
        "botocore.parsers", 10, "", 0, "Response body:\n%s", (b"<T>FQoGZXIvYXdzEBY+/=</T>",), None
    )
    assert redact.filter(record)
    assert record.getMessage() == "Response body:\nb'<T>***</T>'"


def test_a_failed_request_in_the_log_shows_no_headers() -> None:
    """Errors of aiohttp hold the request, and so would records of them."""
    redact = quiet.Redact(lambda: ["FQoGZXIvYXdzEBY"])
    for error, seen in ((ValueError("token=FQoGZXIvYXdzEBY"), True), (ValueError("x"), False)):
        exc_info = (ValueError, error, None)
        record = logging.LogRecord("botocore.endpoint", 10, "", 0, "it broke", (), exc_info)
        assert redact.filter(record)
        assert record.exc_info == (None if seen else exc_info)
        assert (record.exc_text or "").strip() == ("ValueError: token=***" if seen else "")


def test_who_gives_up_leaves_no_error_behind(caplog: pytest.LogCaptureFixture) -> None:
    """What a request that nobody waits for any more ends with would be logged, headers and all."""
    asked = threading.Event()

    async def request() -> None:
        try:
            asked.set()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ValueError("CANARY") from None  # as clients do that are torn from their work

    async def give_up() -> None:
        task = asyncio.create_task(_on(fs, request()))
        await asyncio.to_thread(asked.wait, 10)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    fs = fsspec.filesystem("http", skip_instance_cache=True)
    loop.run(give_up(), timeout=30)
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), fs.loop).result(10)
    gc.collect()
    assert "CANARY" not in caplog.text
