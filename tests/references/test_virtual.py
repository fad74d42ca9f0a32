"""Virtual datasets: written by VirtualiZarr, they read as h5py does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr
from kerchunk.utils import refs_as_store

from cryodata.errors import UnknownVariableError, UnsupportedError
from cryodata.granule import GranuleFile
from cryodata.references.virtual import virtual_dataset
from tests.matrix.case import Case
from tests.real import real_files
from tests.references.compare import unequal
from tests.references.test_forms import NO_CACHE, STRUCTURES, refusals
from tests.references.test_reference_store import LARGE
from tests.snapshot.form import canonical

pytestmark = [
    pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification"),
    pytest.mark.filterwarnings("ignore:The codec .* is currently not part"),
]


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


@pytest.mark.parametrize(
    "case",
    [case for case in STRUCTURES if not case.name.startswith((*LARGE, "groups/"))],
    ids=lambda case: case.name,
)
def test_every_structure_is_equal_or_refused(case: Case, tmp_path: Path) -> None:
    """The root of each."""
    path = tmp_path / "case.h5"
    case.make(path)
    found = check(path, "/", on_unsupported="skip")
    table = refusals(case, "zarr view")
    assert not set(table) & set(found.variables)


@pytest.mark.parametrize("name", [*real_files()])
def test_every_real_file_is_equal(name: str) -> None:
    """Some groups of each."""
    path = real_files()[name]
    for group in groups(path)[::7]:
        check(path, group)
