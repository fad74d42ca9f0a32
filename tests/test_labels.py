"""Labels of axes after the rows, and rows of products that keep them in a track's own group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import cryodata as cd
from cryodata import products
from cryodata.errors import FormatError, SelectionError
from cryodata.granule import GranuleFile
from cryodata.sandbox.granules import granule
from cryodata.types import AnyArray

BEAMS = ("gt1l", "gt2r")
BINS = "sea_ice_segments/stats/ds_si_hist_bins"
UNCACHED = cd.Options(cache=None)


def sea_ice(folder: Path, rgt: int) -> Path:
    return granule("ATL07", folder, rows=80, rgt=rgt, cycle=4, beams=BEAMS)


def test_bins_are_labelled(tmp_path: Path) -> None:
    """A histogram without its bins is a row of numbers."""
    path = sea_ice(tmp_path, 50)
    ds = cd.open(path, variables="hist_photon_heights", options=UNCACHED)
    with h5py.File(path) as file:
        bins = file[f"gt1l/{BINS}"]
        np.testing.assert_array_equal(ds.ds_si_hist_bins, bins[()])
        counts = [file[f"{b}/sea_ice_segments/stats/hist_photon_heights"][()] for b in BEAMS]
    np.testing.assert_array_equal(ds.hist_photon_heights, np.concatenate(counts))
    assert ds.hist_photon_heights.dims == ("segment", "ds_si_hist_bins")
    assert "ds_si_hist_bins" not in cd.open(path, options=UNCACHED).coords


def test_labels_are_read_for_their_variables_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening the usual variables costs no read."""
    asked: list[str] = []
    read = GranuleFile._read

    async def noting(self: GranuleFile, wanted: Any) -> list[AnyArray]:
        asked.extend(path for path, _ in wanted)
        return await read(self, wanted)

    monkeypatch.setattr(GranuleFile, "_read", noting)
    paths = [sea_ice(tmp_path, rgt) for rgt in (50, 51)]
    cd.open(paths, options=UNCACHED)
    assert asked == []
    cd.open(paths, variables="hist_photon_heights", options=UNCACHED)
    assert sorted(asked) == sorted(f"/{beam}/{BINS}" for beam in BEAMS * 2)


@pytest.mark.parametrize("change", ["shifted", "gone"])
def test_bins_that_differ_are_not_joined(change: str, tmp_path: Path) -> None:
    """Counts of one height would stand under another."""
    paths = [sea_ice(tmp_path, rgt) for rgt in (50, 51)]
    with h5py.File(paths[1], "r+") as file:
        for beam in BEAMS:
            bins = file[f"{beam}/{BINS}"]
            if change == "shifted":
                bins[...] = bins[()][::-1]
            else:
                del file[f"{beam}/{BINS}"]
    with pytest.raises(FormatError, match="ds_si_hist_bins"):
        cd.open(paths, variables="hist_photon_heights", options=UNCACHED)
    cd.open(paths, options=UNCACHED)


def test_granule_without_labels_opens(tmp_path: Path) -> None:
    """A subset without its bins still has counts."""
    path = sea_ice(tmp_path, 50)
    with h5py.File(path, "r+") as file:
        for beam in BEAMS:
            del file[f"{beam}/{BINS}"]
    ds = cd.open(path, variables="hist_photon_heights", options=UNCACHED)
    assert ds.hist_photon_heights.dims == ("segment", "ds_si_hist_bins")
    assert "ds_si_hist_bins" not in ds.coords


@pytest.mark.parametrize(
    "name, group, variable",
    [
        ("ATL11", "pt2", "latitude"),
        ("ATL11", "pt2/crossing_track_data", "latitude"),
        ("ATL13", "gt2r", "segment_lat"),
        ("ATL24", "gt2r", "lat_ph"),
        ("GLAH06", "Data_40HZ/Geolocation", "d_lat"),
        ("GLAH06", "Data_40HZ", "DS_UTCTime_40"),
        ("ILATM1B", "", "latitude"),
        ("ILATM1B", "instrument_parameters", "rel_time"),
    ],
)
def test_trees_name_the_rows(name: str, group: str, variable: str, tmp_path: Path) -> None:
    """Rows in a track's own group, or in the root, are called as `cryodata.open` calls them."""
    table = products.get(name)
    tracks = (group.split("/", maxsplit=1)[0],) if table.tracks != ("",) else ("",)
    path = granule(name, tmp_path, rows=60, beams=tracks)
    found = cd.open_tree(path)[f"{group}/{variable}" if group else variable]
    assert found.dims == ("crossing",) if "crossing" in group else (table.rows,)
    with h5py.File(path) as file:
        stored = file[f"{group}/{variable}"][()]
    if found.dtype.kind == "M":
        assert found.size == len(stored)
    else:
        np.testing.assert_array_equal(found, stored)


def test_one_row_beside_other_scalars(tmp_path: Path) -> None:
    """What is said once of a file is no variable of its single row."""
    path = granule("ILATM1B", tmp_path, rows=1)
    names = {v.attrs["hdf5_path"] for v in cd.open(path, variables="all").data_vars.values()}
    assert names
    assert not [name for name in names if name.startswith(("ancillary_data", "METADATA"))]


def test_longitudes_to_360_degrees(tmp_path: Path) -> None:
    """A box in either convention means the same shots, which keep their numbers."""
    path = granule("GLAH06", tmp_path, rows=300, rgt=50, cycle=4)
    with h5py.File(path) as file:
        longitude = file["Data_40HZ/Geolocation/d_lon"][()]
        latitude = file["Data_40HZ/Geolocation/d_lat"][()]
    assert longitude.min() > 180
    south, north = (float(edge) for edge in np.quantile(latitude, [0.2, 0.7]))
    inside = (latitude >= south) & (latitude <= north)
    for west, east in ((180.5, 359.5), (-179.5, -0.5), (-180, 180)):
        ds = cd.open(path, region=(west, south, east, north), options=UNCACHED)
        np.testing.assert_array_equal(ds.longitude, longitude[inside])
    with pytest.warns(UserWarning, match="Nothing is inside"):
        cd.open(path, region=(1, south, 179, north), options=UNCACHED)
    kept = cd.Options(cache=tmp_path / "cache")
    for _ in range(2):  # the second time by bounds of chunks
        ds = cd.open(path, region=(-179.5, south, -0.5, north), options=kept)
        np.testing.assert_array_equal(ds.longitude, longitude[inside])
        ds.encoding["cryodata"].files[0].flush()
        with pytest.warns(UserWarning, match="Nothing is inside"):
            cd.open(path, region=(1, south, 179, north), options=kept)


def test_tracks_without_strength(tmp_path: Path) -> None:
    """A laser that flies alone is neither strong nor weak."""
    path = granule("GLAH06", tmp_path, rows=30)
    with pytest.raises(SelectionError, match=r"no beam 'strong'(.|\n)*leave beams out"):
        cd.open(path, beams="strong")
    ds = cd.open(path)
    assert (ds.beam.values.tolist(), ds.spot.values.tolist()) == ([""], [0])
