"""Every structure HDF5 has, and every real file, through each form that references are given in.

Equal to h5py in every bit, or refused by name: zeros where others wrote values would be believed.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr
from kerchunk.utils import refs_as_store

from cryodata.errors import CryodataError, UnsupportedError
from cryodata.formats.kerchunk_out import kerchunk_references
from cryodata.formats.zarr_tree import zarr_tree
from cryodata.granule import GranuleFile
from cryodata.options import Options
from cryodata.references.granule_store import GranuleStore
from cryodata.types import AnyArray
from tests.matrix.case import Case
from tests.real import every_real_file, real_files
from tests.references.compare import datasets, unequal
from tests.references.structures import every_structure, refusals
from tests.test_matrix import NAMED

NO_CACHE = Options(cache=None)
FORMS = ("kerchunk", "zarr view")

pytestmark = [
    pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning"),  # codecs of numcodecs
    pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification"),
    pytest.mark.filterwarnings("ignore:The codec .* is currently not part"),
]


@contextmanager
def opened(path: Path, form: str) -> Iterator[tuple[zarr.Group, Mapping[str, CryodataError]]]:
    """The granule as a group of Zarr, and what is not in it."""
    with GranuleFile(path, options=NO_CACHE) as granule:
        if form == "zarr view":
            store = GranuleStore(granule, on_unsupported="skip")
            yield zarr.open_group(store, mode="r", zarr_format=3), store.refused
            return
        tree = zarr_tree(granule.walk(), lambda ps: granule.read([(p, None) for p in ps]))
    references, refused = kerchunk_references(tree)
    store = refs_as_store(json.loads(json.dumps(references)))
    yield zarr.open_group(store, mode="r", zarr_format=2), {**tree.refused, **refused}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", every_structure())
def test_every_structure_is_equal_or_refused(case: Case, form: str, tmp_path: Path) -> None:
    """Nothing is lost: what is in neither the form nor the table fails here."""
    path = tmp_path / "case.h5"
    case.make(path)
    table = refusals(case, form)
    with opened(path, form) as (root, refused):
        names = datasets(path) - set(refused)
        assert not unequal(root, path, sorted(names))
    if "*" in table:
        assert refused
        table = dict.fromkeys(refused, table["*"])
    assert set(refused) == set(table)
    for name, words in table.items():
        assert isinstance(refused[name], UnsupportedError)
        assert words in str(refused[name])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", every_real_file())
def test_every_real_file_is_equal(name: str, form: str) -> None:
    """None of the files that scientists read has anything that has to be refused.

    One of them holds attributes only.
    """
    path = real_files()[name]
    with opened(path, form) as (root, refused):
        assert not refused
        assert not unequal(root, path, sorted(datasets(path)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [n for n in real_files() if n.endswith(".nc") or "ATL16" in n])
def test_xarray_reads_what_it_reads_of_the_file(name: str, form: str) -> None:
    """Masks and scales included: a fill value that moved would turn numbers into NaN.

    JSON does not say that a scale factor was of 32 bits, so that products come in 64.
    """
    path = real_files()[name]
    plain: dict[str, Any] = {"decode_times": False}  # one file counts days since 1601
    with (
        opened(path, form) as (root, _),
        xr.open_dataset(path, engine="h5netcdf", **plain) as expected,
    ):
        version = root.metadata.zarr_format
        found = xr.open_zarr(root.store, consolidated=False, zarr_format=version, **plain)
        assert set(found.variables) == set(expected.variables)
        for variable in expected.variables:
            ours, theirs = found[variable].variable, expected[variable].variable
            assert (ours.dims, ours.shape) == (theirs.dims, theirs.shape)
            if theirs.dtype.kind in "fc":
                np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-6)  # NaN is NaN
            else:
                assert ours.values.tolist() == theirs.values.tolist()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "values, fill",
    [
        (np.array([-999, -1000, 5], "i4"), np.float64(-999.5)),
        (np.array([255, 254, 1], "u1"), np.int8(-1)),
        (np.array([7, 8, -1], "i2"), np.int16(7)),
        (np.array([0, 1, 2], "i4"), np.float64(1)),
        (np.array([-999, 1, 2], "f4"), np.float32(-999)),
    ],
)
def test_a_mask_that_no_value_has_hides_none(
    values: AnyArray, fill: np.generic, form: str, tmp_path: Path
) -> None:
    """Cast to the type of the values it would hide one that was measured."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=values).attrs["_FillValue"] = fill
        file["x"].make_scale("x")
    with opened(path, form) as (root, _), xr.open_dataset(path, engine="h5netcdf") as expected:
        version = root.metadata.zarr_format
        found = xr.open_zarr(root.store, consolidated=False, zarr_format=version)
        np.testing.assert_array_equal(found.x.values, expected.x.values)


def test_a_refusal_raises_where_it_was_not_asked_to_skip(tmp_path: Path) -> None:
    """A store that silently lacks a variable is a variable lost."""
    path = tmp_path / "case.h5"
    NAMED["filter/masked/latest"].make(path)
    with GranuleFile(path, options=NO_CACHE) as granule:
        with pytest.raises(UnsupportedError, match="leave out a filter"):
            GranuleStore(granule)
        store = GranuleStore(granule, on_unsupported="skip")
        assert sorted(store.refused) == ["grown", "x"]
        assert "grown" not in zarr.open_group(store, mode="r")


def test_the_view_travels_and_is_not_written_to(tmp_path: Path) -> None:
    """A worker opens it again by itself; nobody changes a granule through it."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("c/c", data=range(10), chunks=(4,), compression="gzip")
        file.create_dataset("c/one", data=7)
    with GranuleFile(path, options=NO_CACHE) as granule:
        store = pickle.loads(pickle.dumps(GranuleStore(granule)))
        root: Any = zarr.open_group(store, mode="r")
        assert root["c/c"][3:6].tolist() == [3, 4, 5]
        assert root["c/one"][()] == 7
        assert store == GranuleStore(granule)
        assert sorted(root["c"].keys()) == ["c", "one"]
        with pytest.raises(ValueError, match="read-only"):
            root["c/c"][0] = 1
