"""Virtual datasets: written by VirtualiZarr, they read as h5py does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import icechunk
import numpy as np
import pytest
import xarray as xr
import zarr
from kerchunk.utils import refs_as_store

from cryodata.errors import UnknownVariableError, UnsupportedError
from cryodata.granule import GranuleFile
from cryodata.references.icechunk_in import read_icechunk
from cryodata.references.virtual import virtual_dataset
from tests.matrix.case import Case
from tests.real import every_real_file, real_files
from tests.references.compare import datasets, unequal
from tests.references.structures import every_structure, refusals
from tests.references.test_forms import NO_CACHE
from tests.snapshot.form import canonical

pytestmark = [
    pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification"),
    pytest.mark.filterwarnings("ignore:The codec .* is currently not part"),
]


@pytest.fixture(autouse=True)
def few_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of arrays of more chunks only some are compared: zarr takes its time for each."""
    monkeypatch.setattr("tests.references.compare.MOST_CHUNKS", 500)


def groups(path: Path) -> list[str]:
    """Of a file that is no tangle, the root first."""
    found = ["/"]
    with h5py.File(path) as file:
        file.visititems(lambda name, x: found.append(name) if isinstance(x, h5py.Group) else None)
    return found


def check(path: Path, group: str, **how: Any) -> xr.Dataset:
    """What is loaded is equal here; what is not, by way of VirtualiZarr's own writer."""
    with GranuleFile(path, options=NO_CACHE) as granule:
        found = virtual_dataset(granule, group, **how)
    loaded = {name for name, v in found.variables.items() if isinstance(v.data, np.ndarray)}
    with h5py.File(path) as file:
        for name in loaded:
            expected = file[group][name][()]
            if found[name].dtype == object:
                texts = [text.decode() for text in np.asarray(expected, object).ravel()]
                assert found[name].values.ravel().tolist() == texts
            else:
                assert canonical(found[name].values) == canonical(np.asarray(expected))
    virtual = found.drop_vars(loaded)
    if not virtual.variables:
        return found
    references = virtual.vz.to_kerchunk(format="dict")
    root = zarr.open_group(refs_as_store(references), mode="r", zarr_format=2)
    with h5py.File(path) as file:
        names = [name for name in virtual.variables if file[group][name].shape is not None]
    flat = {f"{group.strip('/')}/{name}".strip("/"): root[str(name)] for name in names}
    assert not unequal(flat, path, sorted(flat))  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("case", every_structure("groups/"))
def test_every_structure_is_equal_or_refused(case: Case, tmp_path: Path) -> None:
    """The root of each."""
    path = tmp_path / "case.h5"
    case.make(path)
    found = check(path, "/", on_unsupported="skip")
    table = refusals(case, "zarr view")
    assert not set(table) & set(found.variables)
    if "*" not in table:
        here = {name for name in datasets(path) if "/" not in name}
        assert here - set(table) == here & set(found.variables)


@pytest.mark.parametrize("name", every_real_file())
def test_every_real_file_is_equal(name: str) -> None:
    """Some groups of each."""
    path = real_files()[name]
    for group in groups(path)[::7]:
        check(path, group)


@pytest.mark.soak
@pytest.mark.parametrize("name", every_real_file())
def test_every_group_of_real_files_is_equal(name: str) -> None:
    """All of them, which takes a quarter of an hour."""
    path = real_files()[name]
    for group in groups(path):
        check(path, group)


@pytest.mark.soak
@pytest.mark.parametrize("case", every_structure())
def test_every_group_of_every_structure_is_equal_or_refused(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "case.h5"
    case.make(path)
    table = refusals(case, "zarr view")
    for group in groups(path):
        found = check(path, group, on_unsupported="skip")
        below = f"{group.strip('/')}/".lstrip("/")
        here = {
            name.removeprefix(below)
            for name in datasets(path)
            if name.startswith(below) and "/" not in name.removeprefix(below)
        }
        refused = {name.removeprefix(below) for name in table if name.startswith(below)}
        assert not refused & set(found.variables)
        if "*" not in table:
            assert here - refused == here & set(found.variables)


def tiny(path: Path, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        x = file.create_dataset("g/x", data=rng.random(100), chunks=(50,), compression="gzip")
        x.attrs["_FillValue"] = np.float64(-1)
        x[3] = -1
        x.attrs["coordinates"] = "lat"
        file["g/time"] = np.arange(100.0)
        file["g/time"].make_scale("time")
        x.dims[0].attach_scale(file["g/time"])
        file["g/lat"] = np.linspace(-1, 1, 100)
        file["g/lat"].dims[0].attach_scale(file["g/time"])
        file["g/name"] = "north"
        file["g"].attrs["title"] = "tiny"


def test_it_is_joined_and_written_without_a_value_read(tmp_path: Path) -> None:
    """By VirtualiZarr, into a repository of Icechunk; masks stay what they were."""
    paths = [tmp_path / f"{i}.h5" for i in range(2)]
    parts = []
    for seed, path in enumerate(paths):
        tiny(path, seed)
        with GranuleFile(path, options=NO_CACHE) as granule:
            parts.append(virtual_dataset(granule, "/g"))
    assert set(parts[0].coords) == {"time", "lat"}
    assert not parts[0].xindexes
    assert parts[0].attrs["title"] == "tiny"
    assert parts[0]["name"].item() == "north"
    joined = xr.concat(
        [part.drop_vars("name") for part in parts],
        dim="time",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="override",
    )
    where = icechunk.local_filesystem_storage(str(tmp_path / "repository"))
    place = f"file://{tmp_path}/"
    config = icechunk.RepositoryConfig.default()
    store = icechunk.local_filesystem_store(str(tmp_path))
    config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(place, store))
    repository = icechunk.Repository.create(where, config=config)
    session = repository.writable_session("main")
    joined.vz.to_icechunk(session.store)
    session.commit("joined")
    found = read_icechunk(tmp_path / "repository", tmp_path).load()
    expected = [xr.open_dataset(path, group="g", engine="h5netcdf").load() for path in paths]
    for part in expected:
        part.close()
    np.testing.assert_array_equal(found.x.values, np.concatenate([p.x.values for p in expected]))
    assert int(found.x.isnull().sum()) == 2


def test_what_cannot_be_held_is_told(tmp_path: Path) -> None:
    """A variable that is left out was asked to be."""
    path = tmp_path / "x.h5"
    tiny(path)
    with h5py.File(path, "a") as file:
        file["g/gaps"] = np.zeros(3, np.dtype({"names": ["a"], "formats": ["i4"], "itemsize": 8}))
        file.create_dataset("g/endless", (1 << 50,), "u1", chunks=(1 << 10,))
    with GranuleFile(path, options=NO_CACHE) as granule:
        with pytest.raises(UnsupportedError, match="gaps"):
            virtual_dataset(granule, "g")
        found = virtual_dataset(granule, "g", on_unsupported="skip")
        assert {"gaps", "endless"} & set(found.variables) == set()
        with pytest.raises(UnknownVariableError, match="no group"):
            virtual_dataset(granule, "/h")
