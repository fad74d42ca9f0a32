"""What copies of granules spend is counted once, wherever they are."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cryodata as cd
from cryodata.options import Options
from cryodata.sandbox import Sky, cloud
from cryodata.sandbox.granules import atl06


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return atl06(tmp_path_factory.mktemp("granules"), segments=12_000, seed=1)


@pytest.fixture
def sky() -> Iterator[Sky]:
    with cloud("none", server="static") as sky:
        yield sky


def test_a_copy_is_counted_with_its_original(path: Path) -> None:
    """A Dataset that was handed on reads on, on the account of the one who opened it."""
    ds = cd.open(path, variables="h_li", options=Options(cache=None))
    before = ds.cryo.receipt
    copy = pickle.loads(pickle.dumps(ds))
    again = pickle.loads(pickle.dumps(ds))
    copy.h_li.load()
    spent = ds.cryo.receipt - before
    assert spent.requests > 0
    again.h_li.load()
    assert (ds.cryo.receipt - before).nbytes == 2 * spent.nbytes
    assert copy.cryo.receipt.nbytes == 2 * spent.nbytes  # of all copies here, once
    other = cd.open(path, variables="h_li", options=Options(cache=None))
    assert other.cryo.receipt == before or other.cryo.receipt.nbytes == before.nbytes


@pytest.mark.parametrize("processes", [True, False])
def test_workers_are_counted_as_the_wire_counts_them(
    path: Path, sky: Sky, processes: Any, tmp_path: Path
) -> None:
    """The receipt of a computation on a cluster is what the cluster read, to the byte."""
    distributed: Any = pytest.importorskip("distributed")
    url = sky.put(path)
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=processes,
            dashboard_address=":0",
            protocol="tcp://",
            host="127.0.0.1",
        ) as cluster,
        distributed.Client(cluster),
    ):
        ds = cd.open(
            url,
            variables="h_li",
            chunks={},
            storage_options=sky.storage_options,
            options=Options(cache=tmp_path),
        )
        opened = ds.cryo.receipt
        seen = sky.log.summary()
        assert (opened.requests, opened.nbytes) == (seen.requests, seen.nbytes)
        mean = float(ds.h_li.mean().compute())
        receipt = ds.cryo.receipt
        seen = sky.log.summary()
    assert np.isfinite(mean)
    assert receipt.requests > opened.requests
    assert (receipt.requests, receipt.nbytes) == (seen.requests, seen.nbytes)
