"""Links: what completed requests tell about latency, bandwidth and lateness."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from cryodata.options import Network
from cryodata.store.link import Link, link_to
from tests.store.helpers import Scripted

EXPECTED = Network(latency=0.04, bandwidth=85e6, hedge=2.0)


def learnt(latency: float, bandwidth: float, *, sizes: tuple[int, int], seed: int = 0) -> Link:
    """A link that has seen requests with some scatter, and stragglers ten times as slow."""
    rng = random.Random(seed)
    link = Link()
    for number in range(128):
        nbytes = rng.randint(*sizes)
        seconds = (latency * rng.lognormvariate(0, 0.2)) + nbytes / bandwidth
        link.record(nbytes, seconds * (10 if number % 50 == 49 else 1))
    return link


def test_a_new_link_is_as_expected() -> None:
    """Plans would rest on two or three requests."""
    link = Link()
    for _ in range(10):
        link.record(1000, 5.0)
    assert link.network(EXPECTED) == EXPECTED
    assert link.hedge_after(1000, EXPECTED) == 2.0


@pytest.mark.parametrize("latency, bandwidth", [(0.03, 80e6), (0.18, 12e6), (0.002, 500e6)])
def test_latency_and_bandwidth_are_learnt(latency: float, bandwidth: float) -> None:
    """The planner would merge for a network that is not there."""
    network = learnt(latency, bandwidth, sizes=(1000, 8_000_000)).network(EXPECTED)
    assert network.latency == pytest.approx(latency, rel=0.5)
    assert network.bandwidth == pytest.approx(bandwidth, rel=0.3)
    assert replace(network, latency=0.04, bandwidth=85e6) == EXPECTED


def test_small_requests_teach_latency_only() -> None:
    """A bandwidth would be made out of noise."""
    network = learnt(0.1, 10e6, sizes=(1000, 20_000)).network(EXPECTED)
    assert network.latency == pytest.approx(0.1, rel=0.2)
    assert network.bandwidth == pytest.approx(EXPECTED.bandwidth)


def test_hedges_come_early_on_a_steady_link() -> None:
    """A straggler would be waited for two seconds where everybody else takes 30 ms."""
    assert learnt(0.03, 80e6, sizes=(1000, 50_000)).hedge_after(20_000, EXPECTED) == 0.25


def test_hedges_come_at_the_limit_on_a_slow_link() -> None:
    """Hedges would be later than the options promise."""
    link = learnt(0.8, 80e6, sizes=(1000, 50_000))
    assert link.hedge_after(20_000, EXPECTED) == EXPECTED.hedge


def test_no_hedge_before_twice_a_typical_answer() -> None:
    """Each large request on a thin link would be sent twice, and make it thinner."""
    thin = learnt(0.05, 1e6, sizes=(1000, 8_000_000))
    assert thin.hedge_after(8_000_000, EXPECTED) == pytest.approx(16.0, rel=0.3)


def test_stores_of_one_origin_share_a_link() -> None:
    """Each granule would learn the network anew, or learn that of another server."""
    one, other = Scripted(b"x"), Scripted(b"x")
    assert link_to(one) is link_to(one)
    assert link_to(one) is not link_to(other)
