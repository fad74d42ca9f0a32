"""Reading on for longer than keys and links live: nothing fails, and nobody is asked too often."""

from __future__ import annotations

import asyncio
import math
import time
from itertools import pairwise

import pytest

from cryodata.earthdata.identity.login import login
from cryodata.sandbox import Fault, Keys, Sky
from cryodata.sandbox.earthdata import Earth
from cryodata.store import loop
from cryodata.store.fetch import Fetcher
from cryodata.store.renewing import RenewingStore
from cryodata.store.retry import RetryBudget
from cryodata.types import ByteRange
from tests.earthdata.conftest import CONTENT, KEYS
from tests.earthdata.reading import PATIENT, Way, store_of, threads_read

LIFE = 3.0
"""Of keys and of links, s."""
EARLY = 0.05 * LIFE
"""So much before their end, at most, keys are renewed, s."""
KEPT = 0.9
"""So long a link is used whose host says that it may be kept for one second, s."""
LATE = 0.5
"""For a question to arrive, on a busy machine, s."""


@pytest.fixture
def given(short_sky: Sky, monkeypatch: pytest.MonkeyPatch) -> list[Keys]:
    """All keys that are given out."""
    keys: list[Keys] = []
    server = short_sky._server
    assert server is not None
    make = server.session_keys

    def kept(*name: str) -> Keys:
        keys.append(make(*name))
        return keys[-1]

    monkeypatch.setattr(server, "session_keys", kept)
    return keys


@pytest.fixture
def user(earth: Earth) -> Earth:
    """Earthdata, and this process logged in."""
    login(token=earth.token(), system=earth.system, quiet=True)
    return earth


def asked(earth: Earth, what: str) -> list[float]:
    """When the data host was asked for it, s since 1970."""
    ahead = time.time() - time.perf_counter()
    return [entry.time + ahead for entry in earth.data.log if entry.path.endswith(what)]


def some_stores(way: Way, earth: Earth, engine: str = "auto") -> list[RenewingStore]:
    return [store_of(way, key, earth.system, engine=engine) for key in KEYS for _ in range(8)]


@pytest.mark.parametrize(
    "engine, seconds",
    [
        ("obstore", 8),
        pytest.param("obstore", 60, marks=pytest.mark.soak),
        pytest.param("fsspec", 60, marks=pytest.mark.soak),
    ],
)
def test_64_threads_read_on_with_keys_of_three_seconds(
    user: Earth, given: list[Keys], engine: str, seconds: int
) -> None:
    """Every read of more than an hour would fail, or each thread would ask for keys."""
    outcome = threads_read(seconds, some_stores("direct", user, engine), CONTENT)
    assert not outcome.failures
    assert outcome.reads >= 2 * 64
    times = asked(user, "/s3credentials")
    assert len(times) == len(given) >= 3
    # The host says when keys end in whole seconds, so three are up to one less.
    ends = [keys.expires.replace(microsecond=0).timestamp() for keys in given if keys.expires]
    assert all(time > end - EARLY - LATE for end, time in zip(ends, times[1:], strict=False))
    assert len(times) <= math.ceil(outcome.seconds / (LIFE - 1)) + 1


@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.soak)])
def test_64_threads_read_on_by_links_of_three_seconds(user: Earth, seconds: int) -> None:
    """A read at home would end after an hour, or each range would cost two requests."""
    user.outside()
    user.link_life = LIFE
    outcome = threads_read(seconds, some_stores("external", user), CONTENT)
    assert not outcome.failures
    assert outcome.reads >= 2 * 64
    for key in KEYS:
        times = asked(user, key)
        assert 3 <= len(times) <= math.ceil(outcome.seconds / KEPT) + 1
        assert min(later - sooner for sooner, later in pairwise(times)) > 0.8 * KEPT
    refused = [entry for entry in user.cdn.log if entry.status == 403]
    extra = len(user.cdn.log) - 4 * outcome.reads  # else each range is one request
    assert 0 <= extra <= len(refused) + outcome.hedges <= 0.02 * len(user.cdn.log)


@pytest.mark.parametrize("way", ["direct", "external"])
def test_readers_that_give_up_leave_the_others_alone(user: Earth, way: Way) -> None:
    """Who asked first for the keys that all wait for would take them along by giving up."""
    store = store_of(way, KEYS[0], user.system)
    user.data.fault(Fault("delay", seconds=0.5))

    async def read() -> list[bytes]:
        tasks = [asyncio.create_task(store.get(n, n + 10)) for n in range(40)]
        await asyncio.sleep(0.2)
        for task in tasks[::2]:  # the first among them
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks[::2])
        return [bytes((await task).data) for task in tasks[1::2]]

    assert loop.run(read(), timeout=30) == [CONTENT[n : n + 10] for n in range(1, 40, 2)]
    assert len(user.data.log) == 1


@pytest.mark.parametrize("way", ["direct", "external"])
def test_96_refusals_at_once_make_one_renewal(short_sky: Sky, user: Earth, way: Way) -> None:
    """When S3 changes its mind, Earthdata would be asked 96 times, and ask us to slow down."""
    store = store_of(way, KEYS[0], user.system)
    fetch = Fetcher(store, PATIENT, budget=RetryBudget(tokens=0))
    loop.run(fetch.head(1))
    user.data.fault(Fault("delay", seconds=0.5))  # the last refusal comes before the new leave
    refused = Fault("status", status=403, code="InvalidToken")
    where = short_sky if way == "direct" else user.cdn
    number = where.fault(refused, times=96)
    ranges = [ByteRange(n, n + 10) for n in range(96)]
    blocks = loop.run(fetch.fetch(ranges, etag="", size=len(CONTENT)), timeout=30)
    assert [bytes(block.data) for block in blocks] == [CONTENT[a:b] for a, b in ranges]
    assert where.fired(number) == 96
    assert len(user.data.log) == 2
    assert fetch.receipt.retries == 0
