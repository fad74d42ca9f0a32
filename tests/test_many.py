"""A thousand granules whose indexes are kept: no request, one array a variable, little memory."""

from __future__ import annotations

import copy
import gc
import pickle
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata.arrays.parts import Parts
from cryodata.errors import CacheError
from cryodata.formats import encode_index
from cryodata.granule import GranuleFile
from cryodata.index import Index
from cryodata.keep import keeping
from cryodata.keep.cache import IndexCache
from cryodata.layout import Chunked
from cryodata.sandbox import Sky, cloud
from cryodata.sandbox.granules import atl06

COUNT = 50
BYTES = 200_000
"""Of Python's own, per granule of ATL06 with its 120 datasets; 85 kB at the time of writing."""


def name_of(number: int) -> str:
    return f"ATL06_20190101000000_{number + 1:04d}0103_006_01.h5"


@pytest.fixture(scope="module")
def granule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small granule of ATL06."""
    return atl06(tmp_path_factory.mktemp("many"), segments=600, seed=5)


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    """A cloud without latency."""
    with cloud("none", server="static") as here:
        yield here


@pytest.fixture(scope="module")
def urls(sky: Sky, granule: Path) -> list[str]:
    """The granule under many names."""
    return [sky.put(granule, name_of(number)) for number in range(COUNT)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, sky: Sky, urls: list[str]) -> Path:
    """A cache that knows them all."""
    folder = tmp_path_factory.mktemp("kept") / "cache"
    with opened(sky, urls, folder) as dataset:
        flush(dataset)
    return folder


def opened(sky: Sky, urls: list[str], folder: Path, **more: Any) -> xr.Dataset:
    options = cd.Options(cache=folder)
    return cd.open(urls, storage_options=sky.storage_options, options=options, **more)


def flush(dataset: xr.Dataset) -> None:
    for file in dataset.encoding["cryodata"].files:
        file.flush()


def indexes(dataset: xr.Dataset) -> list[Index]:
    return [file.walk([]) for file in dataset.encoding["cryodata"].files]


def test_kept_granules_cost_no_request(sky: Sky, urls: list[str], folder: Path) -> None:
    """A thousand first bytes would take longer than all the rest."""
    sky.reset()
    dataset = opened(sky, urls, folder)
    assert len(list(sky.log)) == 0
    assert dataset.cryo.receipt.requests == 0
    assert dataset.sizes["track"] == 6 * COUNT


def test_values_are_those_of_the_file(
    sky: Sky, urls: list[str], folder: Path, granule: Path
) -> None:
    """What was chosen for one granule is said of the next: rows must not come from another."""
    dataset = opened(sky, urls[:3], folder, variables=["h_li", "dh_fit_dx"])
    with h5py.File(granule) as told:
        for name, path in (("h_li", "h_li"), ("dh_fit_dx", "fit_statistics/dh_fit_dx")):
            beams = [told[f"{beam}/land_ice_segments/{path}"] for beam in dataset.beam.values[:6]]
            own = np.concatenate([beam[:] for beam in beams])
            fill = beams[0].attrs["_FillValue"]
            expected = np.tile(np.where(own == fill, np.nan, own), 3)
            np.testing.assert_array_equal(dataset[name].values, expected)


def test_a_variable_is_one_array(sky: Sky, urls: list[str], folder: Path) -> None:
    """Thousands of parts are columns of numbers, not thousands of objects."""
    dataset = opened(sky, urls, folder)
    array: Any = dataset.variables["h_li"]._data
    while not hasattr(array, "parts"):
        array = array.array
    assert isinstance(array.parts, Parts)
    assert len(array.parts) == 6 * COUNT
    assert {part.file.source.url for part in array.parts} == set(urls)


def test_equal_things_are_one_object(sky: Sky, urls: list[str], folder: Path) -> None:
    """A thousand granules say the same: it is kept in memory once, and compared by address."""
    one, other = indexes(opened(sky, urls[:2], folder))
    path = "/gt2l/land_ice_segments/h_li"
    assert one.arrays[path].attributes is other.arrays[path].attributes
    assert one.arrays[path].filters is other.arrays[path].filters
    assert one.arrays[path].dtype is other.arrays[path].dtype
    assert one.groups["/gt1l"].attributes is other.groups["/gt1l"].attributes
    assert one.outline is not None
    assert other.outline is not None
    assert one.outline.alike is other.outline.alike


def test_memory_of_a_granule_is_bounded(sky: Sky, urls: list[str], folder: Path) -> None:
    """A thousand granules have to fit into a notebook's memory many times."""
    opened(sky, urls[:1], folder).close()
    gc.collect()
    tracemalloc.start()
    try:
        dataset = opened(sky, urls, folder)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert dataset.sizes["track"] == 6 * COUNT
    assert used < BYTES * COUNT


def test_kept_and_walked_are_the_same(
    sky: Sky, urls: list[str], folder: Path, tmp_path: Path
) -> None:
    """How a granule came to be known must not be seen in the Dataset."""
    walked = opened(sky, urls[:4], tmp_path / "none", beams=["gt1l", "gt3r"])
    kept = opened(sky, urls[:4], folder, beams=["gt1l", "gt3r"])
    xr.testing.assert_identical(kept.load(), walked.load())


def test_granules_that_differ_are_looked_at_by_themselves(tmp_path: Path) -> None:
    """Longer, without a beam, with other chunks: what was chosen for the first does not fit."""
    (tmp_path / "a").mkdir()
    first = atl06(tmp_path / "a", segments=600, seed=5).rename(tmp_path / name_of(0))
    longer = atl06(tmp_path / "a", segments=900, seed=6).rename(tmp_path / name_of(1))
    shorter = atl06(tmp_path / "a", segments=600, seed=7).rename(tmp_path / name_of(2))
    with h5py.File(shorter, "a") as file:
        del file["gt1r"]
    files = [first, longer, shorter]
    options = cd.Options(cache=tmp_path / "cache")
    flush(cd.open(files, variables="h_li", options=options))
    again = cd.open(files, variables="h_li", options=options)
    assert again.cryo.receipt.requests == 0
    expected, sizes = [], []
    for path in files:
        with h5py.File(path) as told:
            for beam in ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r"):
                if beam in told:
                    own = told[f"{beam}/land_ice_segments/h_li"][:]
                    expected.append(np.where(own > 3e38, np.nan, own))
                    sizes.append(len(own))
    np.testing.assert_array_equal(again.h_li.values, np.concatenate(expected))
    assert again.rowSize.values.tolist() == sizes


def lie(cache: IndexCache, url: str, change: Any) -> None:
    """Replace what is kept of a granule by something sealed and false."""
    index = cache.load(url)
    assert index is not None
    cache._path(url).write_bytes(encode_index(change(index)))


def false_table(index: Index) -> Index:
    arrays: Mapping[str, Any] = index.arrays
    path = "/gt1l/land_ice_segments/h_li"
    table = arrays[path].storage.table
    beyond = replace(table, numbers=table.numbers + 1000)
    return replace(index, arrays={**arrays, path: replace(arrays[path], storage=Chunked(beyond))})


def false_shape(index: Index) -> Index:
    path = "/gt1l/land_ice_segments/latitude"
    array = replace(index.arrays[path], shape=(10, 10))
    return replace(index, arrays={**index.arrays, path: array})


@pytest.mark.parametrize("change", [false_table, false_shape])
def test_lies_are_found_when_they_are_touched(granule: Path, tmp_path: Path, change: Any) -> None:
    """Decoded late is not believed unseen: the granule is walked, and gives its own values."""
    options = cd.Options(cache=tmp_path)
    with cd.open(granule, variables="h_li", options=options) as dataset:
        file = dataset.encoding["cryodata"].files[0]
        expected = dataset.h_li.values
        file.flush()
        cache = file.cache
    lie(cache, file.url, change)
    with cd.open(granule, variables="h_li", options=options) as again:
        np.testing.assert_array_equal(again.h_li.values, expected)
        again.encoding["cryodata"].files[0].flush()
    assert again.cryo.receipt.requests > 0
    assert cache.load(file.url) is not None  # the truth is kept instead


def test_a_lie_that_is_touched_late_is_told_once(sky: Sky, urls: list[str], tmp_path: Path) -> None:
    """What nobody looked at until rows were cut is refused then, and walked the next time."""
    near = (-180.0, -90.0, 180.0, 90.0)
    with opened(sky, urls[:2], tmp_path, region=near, variables="h_li") as first:
        flush(first)
        expected = first.load()
        cache = first.encoding["cryodata"].files[1].cache

    def false_maxshape(index: Index) -> Index:
        path = "/gt1l/land_ice_segments/longitude"
        array = replace(index.arrays[path], maxshape=(-5,))
        return replace(index, arrays={**index.arrays, path: array})

    lie(cache, urls[1], false_maxshape)
    for _ in range(2):
        try:
            again = opened(sky, urls[:2], tmp_path, region=near, variables="h_li")
        except CacheError:
            continue
        break
    xr.testing.assert_identical(again.load(), expected)


def test_an_index_is_written_once_however_often_it_grew(
    granule: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every read that learns bounds would write it anew, while the next one wants the time."""
    monkeypatch.setattr(keeping, "QUIET", 1e6)
    saved: list[str] = []
    save = IndexCache.save

    def counting(self: IndexCache, index: Index) -> bool:
        saved.append(index.source.url)
        return save(self, index)

    monkeypatch.setattr(IndexCache, "save", counting)
    options = cd.Options(cache=tmp_path)
    with GranuleFile(granule, options=options) as file:
        for name in ("h_li", "latitude", "longitude"):
            path = f"/gt1l/land_ice_segments/{name}"
            file.learn([path])
            file.read([(path, None)])
        assert saved == []
        other = GranuleFile(granule, options=options)
        assert other.zone_map(path) is None
        assert path in other.walk([path], dims=False).zones  # who asks meanwhile gets what is known
        assert other.receipt.requests == 0
        file.flush()
        assert saved == [file.url]
        file.flush()
        assert saved == [file.url]


def test_what_waits_is_written_at_exit(granule: Path, tmp_path: Path) -> None:
    """A script that ends at once must not walk the same granule again tomorrow."""
    code = "import cryodata as cd, sys;cd.open(sys.argv[1], options=cd.Options(cache=sys.argv[2]))"
    command = [sys.executable, "-c", code, str(granule), str(tmp_path / "cache")]
    subprocess.run(command, check=True, timeout=120)
    again = cd.open(granule, options=cd.Options(cache=tmp_path / "cache"))
    assert again.cryo.receipt.requests == 0


def test_regions_far_off_cost_no_request(sky: Sky, urls: list[str], tmp_path: Path) -> None:
    """What misses the region by what is known of its chunks is not touched again."""
    near = (-180.0, -90.0, 180.0, 90.0)
    first = opened(sky, urls[:5], tmp_path, region=near, variables="h_li")
    flush(first)
    sky.reset()
    with pytest.warns(UserWarning, match="region alone leaves none"):
        none = opened(sky, urls[:5], tmp_path, region=(10.0, 1.0, 11.0, 2.0), variables="h_li")
    assert none.sizes["segment"] == 0
    assert len(list(sky.log)) == 0


@pytest.mark.parametrize("way", ["pickle", "deepcopy", "xarray"])
def test_datasets_of_kept_granules_travel(
    sky: Sky, urls: list[str], folder: Path, granule: Path, way: str
) -> None:
    """Workers of dask, and everybody's second session, get exactly such Datasets."""
    ds = opened(sky, urls[:3], folder, variables="h_li")
    ways: dict[str, Callable[[], xr.Dataset]] = {
        "pickle": lambda: pickle.loads(pickle.dumps(ds)),
        "deepcopy": lambda: copy.deepcopy(ds),
        "xarray": lambda: ds.copy(deep=True),
    }
    arrived = ways[way]()
    with h5py.File(granule) as file:
        expected = decoded(file["gt3r/land_ice_segments/h_li"])
    np.testing.assert_array_equal(arrived.h_li.values[-len(expected) :], expected)
    index = arrived.encoding["cryodata"].files[0].walk([])
    assert {path: len(group.links) for path, group in index.groups.items()} == {
        path: len(group.links) for path, group in indexes(ds)[0].groups.items()
    }


def test_shared_attributes_cannot_be_changed(sky: Sky, urls: list[str], folder: Path) -> None:
    """A unit that one user writes into them would be another's."""
    index = indexes(opened(sky, urls[:1], folder))[0]
    attributes: Any = next(iter(index.arrays.values())).attributes
    with pytest.raises(TypeError, match="shared"):
        attributes.update(units="K")
    with pytest.raises(TypeError, match="shared"):
        attributes.pop("units")
    with pytest.raises(TypeError, match="shared"):
        attributes["units"] = "K"
    with pytest.raises(TypeError, match="shared"):
        attributes.clear()
    copied = pickle.loads(pickle.dumps(attributes))
    copied["units"] = "K"  # whoever copies may


def decoded(dataset: h5py.Dataset) -> Any:
    """Values as numbers, fill as NaN."""
    stored = dataset[()]
    values = stored.astype("f4")
    values[stored == np.ravel(dataset.attrs["_FillValue"])[0]] = np.nan
    return values


def test_a_cache_that_is_taken_away_is_no_trouble(
    sky: Sky, urls: list[str], folder: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """A folder of the hour, such as the demo's, is gone before indexes are written."""
    (index,) = indexes(opened(sky, urls[:1], folder))
    cache = IndexCache.open(tmp_path / "cache")
    assert cache is not None
    shutil.rmtree(tmp_path / "cache")
    assert not cache.save(index)
    assert not (tmp_path / "cache").exists()
    assert not [w for w in recwarn if "not kept" in str(w.message)]
