"""Signed links open one object for a while, and answer as S3 does."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from cryodata.sandbox import Fault
from cryodata.sandbox.earthdata import Earth
from tests.sandbox.conftest import GRANULE
from tests.sandbox.earthly import OBJECT, ask, bearer, fields


@pytest.fixture
def link(earth: Earth) -> str:
    """A link to the granule."""
    reply = ask(f"{earth.data.url}{OBJECT}", Authorization=bearer(earth.token()))
    return reply.headers["Location"]


@pytest.mark.parametrize(
    "asked, start, stop",
    [("bytes=10-19", 10, 20), (f"bytes={len(GRANULE) - 3}-", -3, None), ("bytes=-7", -7, None)],
)
def test_ranges(link: str, asked: str, start: int, stop: int | None) -> None:
    """A range would be cut at the wrong end, or be sent whole."""
    reply = ask(link, Range=asked)
    assert reply.status == 206
    assert reply.body == GRANULE[start:stop]
    assert reply.headers["Content-Range"].endswith(f"/{len(GRANULE)}")


def test_whole_and_etag(link: str) -> None:
    """A granule replaced while it is read would go unnoticed on this path."""
    whole = ask(link)
    assert (whole.status, whole.body) == (200, GRANULE)
    etag = whole.headers["Etag"]
    assert ask(link, If_Match=etag, Range="bytes=0-9").status == 206
    assert ask(link, If_Match='"other"', Range="bytes=0-9").status == 412
    assert ask(link, If_None_Match=etag).status == 304


def test_range_outside(link: str) -> None:
    """A range past the end would look like an empty object."""
    reply = ask(link, Range=f"bytes={len(GRANULE)}-")
    assert reply.status == 416
    assert b"InvalidRange" in reply.body


def test_link_ends(earth: Earth, link: str) -> None:
    """A link kept too long would go on working here and nowhere else."""
    assert ask(link, Range="bytes=0-9").status == 206
    earth.clock_skew = 3601.0
    reply = ask(link, Range="bytes=0-9")
    assert reply.status == 403
    assert b"<Code>AccessDenied</Code>" in reply.body


def test_short_links(earth: Earth) -> None:
    """Links could not be made to end within a test, or be kept too long."""
    earth.link_life = 2.0
    reply = ask(f"{earth.data.url}{OBJECT}", Authorization=bearer(earth.token()))
    assert reply.headers["Cache-Control"] == "private, max-age=1"
    earth.clock_skew = 3.0
    assert ask(reply.headers["Location"]).status == 403


@pytest.mark.parametrize("what", ["A-userid", "Expires", "Signature", "Key-Pair-Id", "path"])
def test_changed_links(earth: Earth, link: str, what: str) -> None:
    """A link could be changed to live longer, or to lead elsewhere."""
    there, _, _ = link.partition("?")
    said = fields(link)
    if what == "path":
        there = there.replace("granule", "other")
    else:
        said[what] = said[what][:-1] + ("0" if said[what][-1] != "0" else "1")
    assert ask(f"{there}?{urlencode(said)}").status == 403
    said.pop(what, None)
    assert ask(f"{there}?{urlencode(said)}").status == 403
    said["Signature"] = "ü"
    assert ask(f"{there}?{urlencode(said)}").status == 403


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_only_one_way_to_say_who_you_are(link: str, method: str) -> None:
    """A client that sends the token along would leak it unnoticed."""
    reply = ask(link, method, Authorization="Bearer x")
    assert reply.status == 400
    if method == "GET":
        assert b"<Code>InvalidArgument</Code>" in reply.body
        assert b"Only one auth mechanism allowed" in reply.body


def test_other_methods(link: str) -> None:
    """A link to read would be one to write."""
    for method in ("PUT", "DELETE", "POST"):
        assert ask(link, method, "x").status == 403
    assert ask(link).body == GRANULE


def test_streams_break_as_others(earth: Earth, link: str) -> None:
    """The faults of a wire would not strike here."""
    earth.cdn.fault(Fault("corrupt", at=5), times=1)
    broken = ask(link, Range="bytes=0-9").body
    assert broken != GRANULE[:10]
    assert broken[6:] == GRANULE[6:10]
    assert ask(link, Range="bytes=0-9").body == GRANULE[:10]
    first, second = earth.cdn.log
    assert (first.fault, second.fault) == ("corrupt", "")
    assert first.span == (0, 10)
    assert "Signature=***" in first.query
    assert fields(link)["Signature"] not in repr([first.query, first.path, dict(first.headers)])
