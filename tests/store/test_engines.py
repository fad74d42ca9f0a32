"""What every engine owes: the same bytes, the same checks, the same errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import fsspec
import pytest

from cryodata.errors import (
    AuthError,
    ClockSkewError,
    ConfigurationError,
    CredentialsExpiredError,
    CryodataError,
    FetchError,
    FetchTimeoutError,
    GranuleChangedError,
    NotFoundError,
    ThrottledError,
    TruncatedError,
    WrongRangeError,
)
from cryodata.sandbox import Fault
from cryodata.store import loop
from cryodata.store.base import Store, Tailed
from cryodata.store.resolve import open_store
from cryodata.types import ByteRange
from tests.store.helpers import SIZE, WAYS, Origin, content, fetcher, patient, read, some_ranges
from tests.store.replying import Answer, answering

every_way = pytest.mark.parametrize("way", WAYS)


def one(store: Store, start: int = 1000, stop: int = 2000, etag: str = "") -> bytes:
    """One range, one request."""
    return bytes(loop.run(store.get(start, stop, etag=etag), timeout=30).data)


@every_way
def test_ranges_equal_the_object(origin: Origin, way: str) -> None:
    """Bytes would come from another place."""
    ranges = [*some_ranges(3, 60), *(ByteRange(*r) for r in [(0, 1), (SIZE - 1, SIZE), (0, SIZE)])]
    assert read(fetcher(origin.store(way)), ranges) == [content()[a:b] for a, b in ranges]


@every_way
def test_every_range_costs_one_get_with_if_match(origin: Origin, way: str) -> None:
    """Reads would cost more requests than planned, or mix versions unseen."""
    ranges = some_ranges(4, 20)
    read(patient(origin, way), ranges)
    head, *rest = list(origin.wire.log)
    assert {entry.method for entry in (head, *rest)} == {"GET"}
    assert sorted(str(entry.span) for entry in rest) == sorted(str(r) for r in ranges)
    assert all(entry.headers["if-match"].startswith('"') for entry in rest)
    assert "if-match" not in head.headers


@every_way
def test_a_block_says_size_and_version(origin: Origin, way: str) -> None:
    """The index could not tell which version it describes."""
    block = loop.run(origin.store(way).get(10, 20))
    assert (block.start, block.stop, block.size) == (10, 20, SIZE)
    assert block.etag.startswith('"')
    assert block.data.readonly


def test_all_ways_agree_on_the_version(origin: Origin) -> None:
    """An index made through one engine would be refused by the other."""
    assert len({loop.run(origin.store(way).get(0, 1)).etag for way in WAYS}) == 1


@every_way
def test_a_range_is_cut_at_the_end(origin: Origin, way: str) -> None:
    """The speculative first block of a small file would fail."""
    assert one(origin.store(way), SIZE - 10, SIZE + 1000) == content()[-10:]


@every_way
def test_a_range_past_the_end(origin: Origin, way: str) -> None:
    """A shrunken object would look like a broken network, and be asked again and again."""
    store = origin.store(way)
    etag = loop.run(store.get(0, 1)).etag
    with pytest.raises(WrongRangeError, match="ends before"):
        one(store, SIZE, SIZE + 10)
    origin.put(b"x" * 100)
    with pytest.raises(GranuleChangedError):
        one(store, SIZE - 10, SIZE, etag=etag)


@every_way
def test_the_end_is_read_without_knowing_where_it_is(origin: Origin, way: str) -> None:
    """A file's structure at its end would cost a second round."""
    store = origin.store(way)
    assert isinstance(store, Tailed)
    block = loop.run(store.tail(1000))
    assert (block.start, bytes(block.data), block.size) == (SIZE - 1000, content()[-1000:], SIZE)
    whole = loop.run(store.tail(2 * SIZE))
    assert (whole.start, len(whole.data)) == (0, SIZE)
    assert [entry.range for entry in origin.wire.log] == ["bytes=-1000", f"bytes=-{2 * SIZE}"]


def test_the_end_is_read_through_any_file_system() -> None:
    """A file's structure at its end would cost a second round."""
    fsspec.filesystem("memory").pipe("/ended.h5", content())
    store = open_store("memory://ended.h5")
    assert isinstance(store, Tailed)
    assert bytes(loop.run(store.tail(1000)).data) == content()[-1000:]


@every_way
def test_an_empty_object_has_an_empty_head(origin: Origin, way: str) -> None:
    """An empty upload would look like a broken network instead of no HDF5 file."""
    origin.put(b"", "empty.h5")
    block = loop.run(fetcher(origin.store(way, "empty.h5")).head(100))
    assert (bytes(block.data), block.size) == (b"", 0)


@every_way
@pytest.mark.parametrize("key", ["sp ace.h5", "a+b=c,d&e.h5", "dé/ünï.h5", "x%20y.h5", "a#b.h5"])
def test_keys_with_odd_characters(origin: Origin, way: str, key: str) -> None:
    """Objects whose names need escaping could not be read."""
    origin.put(b"odd" * 100, key)
    if way.startswith("http"):
        key = key.replace("%", "%25").replace(" ", "%20").replace("#", "%23")
    assert one(origin.store(way, key), 0, 3) == b"odd"


def test_a_query_string_is_sent_and_never_shown(origin: Origin) -> None:
    """A signed URL would be refused by the server, or seen in a log."""
    for engine in ("auto", "fsspec"):
        origin.wire.log.clear()
        url = f"{origin.wire.url}/bucket/granule.h5?canary=CANARY%2B1"
        store = open_store(url, engine=engine)
        one(store)
        assert [entry.query for entry in origin.wire.log] == ["canary=CANARY%2B1"]
        assert "CANARY" not in store.url + repr(store)


@dataclass(frozen=True)
class Refusal:
    """A status, and what it means."""

    status: int
    code: str
    error: type[CryodataError]
    words: str


REFUSALS = [
    Refusal(400, "ExpiredToken", CredentialsExpiredError, "expired"),
    Refusal(400, "InvalidToken", CredentialsExpiredError, "expired"),
    Refusal(400, "TokenRefreshRequired", CredentialsExpiredError, "expired"),
    Refusal(400, "InvalidRequest", ConfigurationError, "HTTP 400"),
    Refusal(401, "", AuthError, "HTTP 401"),
    Refusal(403, "AccessDenied", AuthError, "us-west-2"),
    Refusal(403, "RequestTimeTooSkewed", ClockSkewError, "clock"),
    Refusal(403, "SignatureDoesNotMatch", AuthError, "secret"),
    Refusal(403, "InvalidAccessKeyId", CredentialsExpiredError, "unknown"),
    Refusal(404, "NoSuchKey", NotFoundError, "no such object"),
    Refusal(408, "RequestTimeout", FetchError, "HTTP 408"),
    Refusal(412, "PreconditionFailed", GranuleChangedError, "another version"),
    Refusal(429, "TooManyRequests", ThrottledError, "slow down"),
    Refusal(500, "InternalError", FetchError, "HTTP 500"),
    Refusal(503, "SlowDown", ThrottledError, "slow down"),
]


@every_way
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: f"{r.status}-{r.code}")
def test_a_refusal_says_what_to_do(origin: Origin, way: str, refusal: Refusal) -> None:
    """The user would get "GenericError" and a page of debugging output."""
    origin.wire.fault(Fault("status", status=refusal.status, code=refusal.code))
    with pytest.raises(refusal.error) as caught:
        one(origin.store(way))
    assert type(caught.value) is refusal.error
    assert refusal.words in str(caught.value)
    assert (caught.value.start, caught.value.stop) == (1000, 2000)
    assert caught.value.url == origin.store(way).url
    assert "injected" not in str(caught.value)  # the server's own words are not repeated


@dataclass(frozen=True)
class Break:
    """A broken reply, and what it means."""

    fault: Fault
    error: type[CryodataError]


BREAKS = [
    Break(Fault("reset", at=100), FetchError),
    Break(Fault("truncate", at=100), FetchError),
    Break(Fault("garbage"), FetchError),
    Break(Fault("hang", seconds=20.0), FetchTimeoutError),
    Break(Fault("stall", at=100, seconds=20.0), FetchTimeoutError),
    Break(Fault("shift"), WrongRangeError),
    Break(Fault("whole"), WrongRangeError),
]


@every_way
@pytest.mark.parametrize("broken", BREAKS, ids=lambda b: b.fault.kind)
def test_a_broken_reply_is_one_of_our_errors(origin: Origin, way: str, broken: Break) -> None:
    """Wrong bytes would be taken, or an error of another library would escape."""
    origin.wire.fault(broken.fault)
    with pytest.raises(broken.error) as caught:
        one(origin.store(way))
    assert type(caught.value) is broken.error


def lie(claimed: int = 0, sent: int = 0, etag: str = "") -> Callable[[int, int], Answer]:
    """A reply that claims and sends so many bytes more than were asked for."""

    def answer(start: int, stop: int) -> Answer:
        headers = {"Content-Range": f"bytes {start}-{stop - 1 + claimed}/{SIZE}"}
        if etag:
            headers["ETag"] = etag
        return Answer(206, headers, b"x" * (stop - start + sent))

    return answer


LIES: dict[str, tuple[Callable[[int, int], Answer], type[CryodataError]]] = {
    "extra bytes": (lie(sent=5), WrongRangeError),
    "too few bytes": (lie(sent=-5), TruncatedError),
    "a shorter range": (lie(claimed=-5, sent=-5), WrongRangeError),
    "a longer range": (lie(claimed=5, sent=5), WrongRangeError),
    "another version": (lie(etag='"other"'), GranuleChangedError),
}


@every_way
@pytest.mark.parametrize("kind", LIES)
def test_a_server_that_lies_is_not_believed(way: str, kind: str) -> None:
    """Bytes of another place, or of another version, would be decoded as data."""
    answer, error = LIES[kind]
    scheme, _, engine = way.partition("-")
    with answering(answer) as url:
        options = {"anon": True, "client_kwargs": {"endpoint_url": url}} if scheme == "s3" else None
        what = "s3://bucket/granule.h5" if scheme == "s3" else f"{url}/bucket/granule.h5"
        store = open_store(what, storage_options=options, engine=engine)
        with pytest.raises(error):
            one(store, etag='"mine"')


@pytest.mark.parametrize("way", ["http-obstore", "http-fsspec"])
@pytest.mark.parametrize("claim", ["", "bytes 1000-1999/*", "bytes 0-999/-5", "items 1-2/3"])
def test_a_reply_that_does_not_say_which_bytes_is_refused(way: str, claim: str) -> None:
    """Bytes of an unknown place would be decoded as data."""
    headers = {"Content-Range": claim} if claim else {}
    with answering(lambda a, b: Answer(206, headers, b"x" * (b - a))) as url:
        store = open_store(f"{url}/granule.h5", engine=way.partition("-")[2])
        with pytest.raises(FetchError):
            one(store)


@every_way
def test_a_weak_entity_tag_is_compared_and_not_sent(way: str) -> None:
    """Servers that compress give weak tags, which never match: nothing could be read."""
    seen: list[int] = []

    def answer(start: int, stop: int) -> Answer:
        seen.append(start)
        headers = {"Content-Range": f"bytes {start}-{stop - 1}/{SIZE}", "ETag": 'W/"one"'}
        return Answer(206, headers, b"x" * (stop - start))

    scheme, _, engine = way.partition("-")
    with answering(answer) as url:
        options = {"anon": True, "client_kwargs": {"endpoint_url": url}} if scheme == "s3" else None
        what = "s3://bucket/granule.h5" if scheme == "s3" else f"{url}/bucket/granule.h5"
        store = open_store(what, storage_options=options, engine=engine)
        assert len(one(store, etag='W/"one"')) == 1000
        with pytest.raises(GranuleChangedError):
            one(store, etag='W/"two"')


@every_way
def test_an_unreachable_server_is_named(way: str) -> None:
    """A typing error in a host name would be an error of another library."""
    scheme, _, engine = way.partition("-")
    url = "http://127.0.0.1:9"  # the discard port: nobody listens
    options = {"anon": True, "client_kwargs": {"endpoint_url": url}} if scheme == "s3" else None
    what = "s3://bucket/granule.h5" if scheme == "s3" else f"{url}/granule.h5"
    with pytest.raises(FetchError):
        one(open_store(what, storage_options=options, engine=engine))


def test_retry_after_is_seen_where_the_engine_shows_it(origin: Origin) -> None:
    """A server that asked for peace would be asked again too soon."""
    origin.wire.fault(Fault("status", status=503, header="Retry-After: 7\r\n"))
    for way in ("s3-fsspec", "http-fsspec"):
        with pytest.raises(ThrottledError) as caught:
            one(origin.store(way))
        assert caught.value.retry_after == 7.0


def test_stores_of_one_bucket_share_connections(origin: Origin) -> None:
    """Every granule of a dataset would open its own 64 connections."""
    origin.put(b"x" * 100, "other.h5")
    first, second = origin.s3(), origin.s3("other.h5")
    one(first)
    one(second, 0, 10)
    assert len(origin.wire.connections) == 1
    first.close()
    assert one(second, 10, 20) == b"x" * 10
