"""Which Datasets the verbs of ds.cryo take, and what they say to others."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata.after.rows import track_rows
from cryodata.errors import ConfigurationError, SelectionError
from cryodata.sandbox.granules import BEAMS, atl06
from tests.real import real_files

VERBS: dict[str, Callable[[xr.Dataset, Path], Any]] = {
    "to_tree": lambda ds, _: ds.cryo.to_tree(),
    "tracks": lambda ds, _: ds.cryo.tracks(),
    "to_geodataframe": lambda ds, _: ds.cryo.to_geodataframe(),
    "to_geoparquet": lambda ds, folder: ds.cryo.to_geoparquet(folder / "a.parquet"),
    "project": lambda ds, _: ds.cryo.project("EPSG:3413"),
    "quicklook": lambda ds, _: ds.cryo.quicklook(),
}


@pytest.fixture(scope="module")
def dataset(granules: list[Path]) -> xr.Dataset:
    return cd.open(granules, variables="h_li").load()


@pytest.mark.parametrize("verb", VERBS)
def test_selected_rows_are_told_and_how_to_do_it(
    verb: str, dataset: xr.Dataset, tmp_path: Path
) -> None:
    """Rows under the wrong track: heights of one beam would be given as those of another."""
    for selected in (
        dataset.isel(segment=slice(10, 20)),
        dataset.isel(segment=3),
        dataset.isel(track=slice(0, 2)),
        dataset.isel(track=0),
        dataset.where(dataset.h_li > 1000, drop=True),
    ):
        with pytest.raises(SelectionError, match=r"selected(.|\n)*cryodata.open(.|\n)*to_tree"):
            VERBS[verb](selected, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", VERBS)
def test_strangers_are_told(verb: str, tmp_path: Path) -> None:
    """A KeyError of rowSize would say nothing."""
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["height"] = [1.0, 2.0]
    generic = cd.open(tmp_path / "plain.h5")
    for stranger in (xr.Dataset({"a": ("x", [1, 2])}), generic):
        with pytest.raises(ConfigurationError, match=r"no tracks(.|\n)*cryodata.open"):
            VERBS[verb](stranger, tmp_path)


@pytest.mark.parametrize("verb", VERBS)
def test_without_rows(verb: str, granules: list[Path], tmp_path: Path) -> None:
    """Nothing inside a region is an answer, and so is what comes after it."""
    with pytest.warns(UserWarning, match="Nothing is inside"):
        nothing = cd.open(granules, region=(100, -10, 110, 10), variables="h_li")
    VERBS[verb](nothing, tmp_path)
    (tmp_path / "a.parquet").unlink(missing_ok=True)
    VERBS[verb](cd.open(atl06(tmp_path, segments=50, seed=1, empty=BEAMS)), tmp_path)


def test_masked_rows_are_all_there(dataset: xr.Dataset, tmp_path: Path) -> None:
    """ds.where keeps rows and tracks: the way to leave out bad heights."""
    masked = dataset.where(dataset.h_li > 1000)
    for verb in VERBS.values():
        verb(masked, tmp_path)
    assert masked.cryo.to_tree()[f"{dataset.granule.values[0]}/gt1l"].sizes == {"segment": 900}


def test_missing_place_is_told(dataset: xr.Dataset, tmp_path: Path) -> None:
    """Without longitudes there is no point."""
    for name in ("tracks", "to_geodataframe", "to_geoparquet", "project", "quicklook"):
        with pytest.raises(SelectionError, match="no longitude"):
            VERBS[name](dataset.drop_vars("longitude"), tmp_path)
    with pytest.raises(ConfigurationError, match="lacks rgt"):
        dataset.drop_vars("rgt").cryo.tracks()


@pytest.mark.parametrize("verb", ["tracks", "to_geodataframe", "to_geoparquet"])
@pytest.mark.parametrize("name", ["time", "h_li", "latitude"])
def test_sorted_rows_are_told(
    verb: str, name: str, dataset: xr.Dataset, granules: list[Path], tmp_path: Path
) -> None:
    """Sorted by time, rows of six beams alternate, and each would get the label of the first."""
    for ds in (dataset, cd.open(granules[0], variables="h_li")):
        with pytest.raises(SelectionError, match=r"do not follow a track(.|\n)*sort the table"):
            VERBS[verb](ds.sortby(name), tmp_path)
    one = cd.open(granules[0], variables="h_li", beams="gt2r")
    with pytest.raises(SelectionError, match="do not follow a track"):
        VERBS[verb](one.sortby("time", ascending=False), tmp_path)
    VERBS[verb](one.sortby("time"), tmp_path)


def test_every_real_track_follows_itself() -> None:
    """A check that refuses good data is worse than none."""
    known = [path for name, path in real_files().items() if "ATL0" in name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of files that are no known product
        opened = [cd.open(path, on_missing="skip") for path in known]
    ragged = [ds for ds in opened if "rowSize" in ds.variables]
    assert len(ragged) >= 2
    for ds in ragged:
        assert len(ds.cryo.tracks()) == ds.sizes["track"]


@pytest.mark.parametrize("most", [70, 400, 900, 1500, 10**9])
def test_batches_hold_each_row_once(dataset: xr.Dataset, most: int) -> None:
    """A row that is in two batches, or none, is counted twice or lost."""
    cut = dataset.cryo.to_tree()
    rows = track_rows(dataset)
    seen: dict[int, list[float]] = {track: [] for track in range(len(rows.counts))}
    for batch in rows.batches(["h_li"], most):
        assert set(batch.dataset.variables) == {"h_li"}
        assert batch.dataset.sizes["segment"] <= most
        assert batch.dataset.sizes["segment"] == sum(p.stop - p.start for _, p in batch.parts)
        for track, part in batch.parts:
            seen[track] += batch.dataset.h_li.values[part].tolist()
    for track, values in seen.items():
        name = f"{dataset.granule.values[track]}/{dataset.beam.values[track]}"
        np.testing.assert_array_equal(values, cut[name].h_li.values)
