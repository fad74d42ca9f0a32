"""`cryodata.references.export`, as its users read what it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fsspec
import h5py
import numpy as np
import pytest
import xarray as xr
import zarr
from kerchunk.utils import refs_as_store
from packaging.version import Version

import cryodata as cd
from cryodata.errors import ConfigurationError, UnsafeReferenceError, UnsupportedError
from tests.references.stores import tiny_granules
from tests.test_matrix import NAMED

GROUP = "gt1l/land_ice_segments"
NAMES = ("h_li", "latitude", "delta_time")
NESTED = Version(zarr.__version__) >= Version("3.2")
"""Older ones find nothing in groups of groups, also of references that kerchunk wrote."""

pytestmark = [
    pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning"),  # codecs of numcodecs
    pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification"),
    pytest.mark.filterwarnings("ignore:The 'fastparquet' engine is deprecated"),  # in fsspec
    pytest.mark.filterwarnings("ignore:The codec .* is currently not part"),
]


@pytest.fixture
def granules(tmp_path: Path) -> list[Path]:
    return tiny_granules(tmp_path / "granules", 2)


def check(ds: xr.Dataset, path: Path) -> None:
    with h5py.File(path) as file:
        for name in NAMES:
            np.testing.assert_array_equal(ds[name].values, file[GROUP][name][:])


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("form", ["kerchunk", "kerchunk-parquet"])
def test_kerchunk(granules: list[Path], tmp_path: Path, form: str, built: bool) -> None:
    what = cd.references.build(granules, tmp_path / "refs") if built else granules
    assert cd.references.export(what, tmp_path / "out", form=form) == {}
    for path in granules:
        made = tmp_path / "out" / f"{path.name}.{'json' if form == 'kerchunk' else 'parq'}"
        store = refs_as_store(str(made), remote_protocol="file")
        for name in NAMES:
            array = zarr.open_array(store, path=f"{GROUP}/{name}", mode="r", zarr_format=2)
            with h5py.File(path) as file:
                np.testing.assert_array_equal(array[:], file[GROUP][name][:])
        if NESTED:
            options = {"group": GROUP, "decode_times": False}
            place = {"remote_protocol": "file"}  # else fsspec looks for it among the chunks
            ds = xr.open_dataset(
                str(made), engine="kerchunk", open_dataset_options=options, storage_options=place
            )
            check(ds, path)


@pytest.mark.parametrize("form", ["kerchunk", "kerchunk-parquet", "mapping"])
def test_read_back(granules: list[Path], tmp_path: Path, form: str) -> None:
    """By our own strict reader, where the places are allowed."""
    path = granules[0]
    cd.references.export(path, tmp_path / "out", form=form.replace("mapping", "kerchunk"))
    where: Any = tmp_path / "out" / f"{path.name}.{'parq' if form[-1] == 't' else 'json'}"
    if form == "mapping":
        where = json.loads(where.read_text())
    with pytest.raises(UnsafeReferenceError):
        cd.references.open_kerchunk(where)
    store = cd.references.open_kerchunk(where, allow=path.parent)
    options: dict[str, Any] = {"consolidated": False, "zarr_format": 2, "decode_times": False}
    with xr.open_zarr(store, group=GROUP, **options) as ds:
        check(ds, path)


def test_icechunk(granules: list[Path], tmp_path: Path) -> None:
    """Two granules in one repository, each a group."""
    assert cd.references.export(granules, tmp_path / "repo", form="icechunk") == {}
    store = cd.references.open_icechunk(tmp_path / "repo", allow=granules[0].parent)
    for granule in granules:
        group = f"{granule.name}/{GROUP}"
        with xr.open_zarr(store, group=group, consolidated=False, decode_times=False) as ds:
            check(ds, granule)
    strangers = cd.references.open_icechunk(tmp_path / "repo", allow="s3://elsewhere")
    path = f"{granules[0].name}/{GROUP}/h_li"
    array = zarr.open_array(strangers, path=path, mode="r")
    with pytest.raises(UnsafeReferenceError):
        array[:]


def test_by_fsspec(granules: list[Path], tmp_path: Path) -> None:
    cd.references.export(granules[:1], tmp_path, form="kerchunk")
    document = json.loads((tmp_path / f"{granules[0].name}.json").read_text())
    fs = fsspec.filesystem("reference", fo=document, asynchronous=False)
    attributes = json.loads(fs.cat(f"{GROUP}/h_li/.zarray"))
    assert attributes["shape"] == [100]
    assert attributes["chunks"] == [40]


def test_zarr_store(granules: list[Path]) -> None:
    store = cd.references.zarr_store(granules[0])
    with xr.open_zarr(store, group=GROUP, consolidated=False, decode_times=False) as ds:
        check(ds, granules[0])
    with pytest.raises(ConfigurationError, match="2 granules"):
        cd.references.zarr_store(granules)


def test_what_cannot_be_held(tmp_path: Path) -> None:
    """Refused before anything is written, or left out and told."""
    path = tmp_path / "odd.h5"
    NAMED["filter/szip/u1"].make(path)
    with pytest.raises(UnsupportedError, match="szip"):
        cd.references.export(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    left_out = cd.references.export(path, tmp_path / "out", on_unsupported="skip")
    assert set(left_out) == {"odd.h5"}
    assert set(left_out["odd.h5"]) == {"ramp", "noise"}
    refs = json.loads((tmp_path / "out" / "odd.h5.json").read_text())["refs"]
    assert not [key for key in refs if key.startswith(("ramp", "noise"))]


def test_words(granules: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no form 'netcdf'"):
        cd.references.export(granules, tmp_path, form="netcdf")
    with pytest.raises(ConfigurationError, match="on_unsupported"):
        cd.references.export(granules, tmp_path, on_unsupported="drop")
