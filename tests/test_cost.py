"""Budgets, and what costs mean in seconds and money."""

from __future__ import annotations

from typing import Any

import pytest

from cryodata.cost import Budget, Cost, Way, estimate
from cryodata.errors import ConfigurationError
from cryodata.options import Network
from cryodata.prices import Prices

INSIDE = Way(title="in", latency=0.04, bandwidth=1e9, inside=True)
OUTSIDE = Way(title="out", latency=0.2, bandwidth=1e7, inside=False)


@pytest.mark.parametrize(
    "what, nbytes, dollars",
    [
        (1000, 1000, None),
        (2.5e6, 2.5e6, None),
        ("200 MB", 200e6, None),
        ("1.5GB", 1.5e9, None),
        ("1 GiB", 2**30, None),
        ("10_000", 10_000, None),
        ("5 cents", None, 0.05),
        ("$0.05", None, 0.05),
        ("2 USD", None, 2.0),
        ("1,000 kB", 1e6, None),
    ],
)
def test_budgets(what: Any, nbytes: float | None, dollars: float | None) -> None:
    """A budget taken for another would refuse what it should not, or let it pass."""
    assert Budget.of(what) == Budget(nbytes, dollars)
    assert Budget.of(Budget.of(what)) == Budget(nbytes, dollars)


@pytest.mark.parametrize("what", ["", "lots", "5 euros", -1, True, None, "$5 MB", "1e9", "5 m"])
def test_what_is_no_budget(what: Any) -> None:
    """A budget that is not understood must not count as none."""
    with pytest.raises(ConfigurationError, match="budget="):
        Budget.of(what)


def test_an_estimate_follows_its_model() -> None:
    """Who pays what: requests and egress the owner of the data, the machine whoever runs it."""
    cost = Cost(requests=1000, nbytes=10**9, rounds=3, decoded=0)
    prices = Prices(request=1e-6, egress_gb=0.1, hub_hour=3.6)
    network = Network(in_flight=100)
    near = estimate(cost, INSIDE, network, prices, threads=2)
    assert near.seconds == pytest.approx(3 * 2 * 0.04 + 9 * 0.04 + 1.0)
    assert near.compute == pytest.approx(near.seconds * 0.001)
    assert near.requests == pytest.approx(1e-3)
    assert near.egress == 0.0
    far = estimate(cost, OUTSIDE, network, prices, threads=2)
    assert far.seconds == pytest.approx(3 * 2 * 0.2 + 9 * 0.2 + 100.0)
    assert far.compute == 0.0
    assert far.egress == pytest.approx(0.1)
    assert far.dollars == pytest.approx(0.1 + 1e-3)


def test_local_files_cost_nobody_anything() -> None:
    """A disk sends no bill."""
    way = Way(title="here", latency=0.0, bandwidth=1e9, inside=False, local=True)
    found = estimate(Cost(requests=9, nbytes=10**9, rounds=1), way, Network(), Prices(), threads=2)
    assert found.dollars == 0.0


def test_costs_add_up() -> None:
    """A granule that is not counted is not paid for."""
    one = Cost(requests=1, nbytes=10, rounds=1, needed=8, decoded=80)
    assert one + one == Cost(requests=2, nbytes=20, rounds=2, needed=16, decoded=160)
