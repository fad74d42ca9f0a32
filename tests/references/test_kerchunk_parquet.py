"""References as a folder of Parquet: equal to h5py through fsspec, and read strictly."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from kerchunk.df import refs_to_dataframe
from kerchunk.utils import refs_as_store

from cryodata.errors import (
    CryodataError,
    FormatError,
    LimitExceededError,
    UnsafeReferenceError,
    UnsupportedError,
)
from cryodata.formats.allowed import Allowed
from cryodata.formats.kerchunk_in import KerchunkReferences, read_kerchunk
from cryodata.formats.kerchunk_out import kerchunk_references
from cryodata.formats.kerchunk_parquet_in import read_kerchunk_parquet
from cryodata.formats.kerchunk_parquet_out import kerchunk_parquet
from cryodata.formats.zarr_tree import zarr_tree
from cryodata.granule import GranuleFile
from cryodata.options import Limits
from tests.matrix.case import Case
from tests.real import real_files
from tests.references.compare import datasets, unequal
from tests.references.test_forms import NO_CACHE, STRUCTURES, refusals
from tests.references.test_kerchunk_in import ARRAY, EVIL, PLACE, refs

pytestmark = [
    pytest.mark.filterwarnings("ignore:The 'fastparquet' engine is deprecated"),
    pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning"),
]


def references_of(path: Path) -> tuple[dict[str, Any], set[str]]:
    """What is written, and the names of what is refused."""
    with GranuleFile(path, options=NO_CACHE) as granule:
        tree = zarr_tree(granule.walk(), lambda ps: granule.read([(p, None) for p in ps]))
    written, refused = kerchunk_references(tree)
    return written, {*tree.refused, *refused}


def put(files: Mapping[str, bytes], folder: Path) -> str:
    for name, data in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return f"{folder}/"


def assert_same(found: KerchunkReferences, expected: KerchunkReferences) -> None:
    """The same, whatever order the files are in."""
    assert found.groups == expected.groups
    assert found.attributes == expected.attributes
    assert set(found.arrays) == set(expected.arrays)
    for path, theirs in expected.arrays.items():
        ours = found.arrays[path]
        assert ours.metadata == theirs.metadata
        assert ours.inline == theirs.inline
        for field in fields(ours):
            if field.name in ("numbers", "offsets", "nbytes"):
                np.testing.assert_array_equal(getattr(ours, field.name), getattr(theirs, field.name))
        assert [found.urls[i] for i in ours.files] == [expected.urls[i] for i in theirs.files]


def check(path: Path, folder: Path, record: int) -> set[str]:
    """Through fsspec equal to h5py, through our reader equal to the other form."""
    written, refused = references_of(path)
    files = kerchunk_parquet(written, record=record)
    # that says which protocol: to find out, fsspec would look at each group as if it had chunks
    store = refs_as_store(put(files, folder), remote_protocol="file")
    root = zarr.open_group(store, mode="r", zarr_format=2)
    assert not unequal(root, path, sorted(datasets(path) - refused))
    allow = Allowed.of(path.parent)
    found = read_kerchunk_parquet(files.__getitem__, allow)
    assert_same(found, read_kerchunk(json.dumps(written), allow))
    return refused


@pytest.mark.parametrize("case", STRUCTURES, ids=lambda case: case.name)
def test_every_structure_is_equal_or_refused(case: Case, tmp_path: Path) -> None:
    """Short records: large arrays are spread over several files."""
    path = tmp_path / "case.h5"
    case.make(path)
    refused = check(path, tmp_path / "refs", 200)
    assert refused == set(refusals(case, "kerchunk")) or "*" in refusals(case, "kerchunk")


@pytest.mark.parametrize("name", [*real_files()])
def test_every_real_file_is_equal(name: str, tmp_path: Path) -> None:
    """As large records as they are."""
    assert not check(real_files()[name], tmp_path / "refs", 100_000)
