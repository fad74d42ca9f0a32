"""The same calls on a laptop and in a cloud give the same Datasets, in few rounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata.sandbox import Sky, cloud
from tests.real import real_files

ATL06 = "processed_ATL06_20191106230008_06270503_006_01.h5"


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    """A cloud without latency."""
    with cloud("none", server="static") as here:
        yield here


@pytest.fixture(scope="module")
def url(sky: Sky) -> str:
    """A real ATL06 in the cloud."""
    return sky.put(real_files()[ATL06])


@pytest.mark.parametrize("engine", ["obstore", "fsspec"])
def test_s3_gives_what_the_disk_gives(sky: Sky, url: str, engine: str) -> None:
    """A notebook moved to the hub must not change its results."""
    local = cd.open(real_files()[ATL06]).load()
    remote = cd.open(url, storage_options=sky.storage_options, engine=engine)
    xr.testing.assert_identical(remote.load(), local)


def test_https_gives_what_the_disk_gives(sky: Sky, url: str) -> None:
    """Outside the region, granules come over https."""
    remote = cd.open(sky.https(url))
    xr.testing.assert_identical(remote.load(), cd.open(real_files()[ATL06]).load())


def test_engine_takes_storage_options(sky: Sky, url: str) -> None:
    """Users of plain xarray hand over the same options."""
    group = "gt1l/land_ice_segments"
    remote = xr.open_dataset(
        url, engine="cryodata", group=group, storage_options=sky.storage_options
    )
    local = xr.open_dataset(real_files()[ATL06], engine="cryodata", group=group)
    xr.testing.assert_identical(remote.load(), local.load())
    tree = xr.open_datatree(url, engine="cryodata", storage_options=sky.storage_options)
    assert tree[group].sizes == local.sizes


def test_second_open_costs_one_round(sky: Sky, url: str, tmp_path: Path) -> None:
    """What was learnt of a granule is kept: the second reader pays for values only."""
    options = cd.Options(cache=tmp_path)

    def opened() -> xr.Dataset:
        return cd.open(
            url,
            variables=["h_li", "h_li_sigma", "latitude"],
            storage_options=sky.storage_options,
            options=options,
        )

    first = opened().load()
    first.encoding["cryodata"].files[0].flush()  # written in the background, while reading goes on
    again = opened()
    assert again.cryo.receipt.requests == 0
    xr.testing.assert_identical(again.load(), first)
    assert again.cryo.receipt.rounds == 1


def test_other_processes_read_on(sky: Sky, url: str) -> None:
    """Dask workers get where to ask, and read by themselves."""
    dask = pytest.importorskip("dask")
    remote = cd.open(url, chunks={}, beams=["gt1l", "gt2r"], storage_options=sky.storage_options)
    with dask.config.set(scheduler="processes", num_workers=2):
        computed = remote.h_li.compute()
    local = cd.open(real_files()[ATL06], beams=["gt1l", "gt2r"]).h_li
    np.testing.assert_array_equal(computed, local)
