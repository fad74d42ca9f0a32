"""ATL11: heights by point and cycle, joined where granules hold other cycles; against h5py."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata.errors import FormatError, NothingFoundError, SelectionError
from cryodata.granule import GranuleFile
from cryodata.sandbox.granules import granule
from cryodata.types import AnyArray
from tests.rechunked import rechunked

PAIRS = ("pt1", "pt2", "pt3")
EPOCH = np.datetime64("2018-01-01T00:00:00", "ns")
UNCACHED = cd.Options(cache=None)


@pytest.fixture(scope="module")
def granules(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two tracks: cycles 4 to 29 and 7 to 32; one lacks a pair."""
    folder = tmp_path_factory.mktemp("granules")
    return [
        granule("ATL11", folder, rows=200, rgt=50, cycle=4),
        granule("ATL11", folder, rows=170, rgt=51, cycle=7, beams=PAIRS[:2]),
    ]


def changed(path: Path, folder: Path, keep: list[int], name: str = "") -> Path:
    """A copy of a granule with only some of its cycles, by place."""
    copy = folder / (name or path.name)
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "r+") as file:
        for pair in (pair for pair in PAIRS if pair in file):
            found: list[str] = []
            file[pair].visititems(lambda n, x, found=found: found.append(n) if wide(x) else None)
            for below in [*found, "cycle_number"]:
                dataset = file[pair][below]
                values, attributes = dataset[()], dict(dataset.attrs)
                del file[pair][below]
                made = file[pair].create_dataset(below, data=values[..., keep])
                if "_FillValue" in attributes:
                    made.attrs["_FillValue"] = attributes["_FillValue"]
                if "units" in attributes:
                    made.attrs["units"] = attributes["units"]
    return copy


def wide(item: Any) -> bool:
    return isinstance(item, h5py.Dataset) and item.shape[1:] == (26,)


def on_cycles(paths: list[Path], name: str, cycles: list[int]) -> AnyArray:
    """A dataset of all pairs, (point, cycle) float64; NaN where fill, or where there is none."""
    parts = []
    for path in paths:
        with h5py.File(path) as file:
            for pair in (pair for pair in PAIRS if pair in file):
                dataset, own = file[pair][name], file[pair]["cycle_number"][()].tolist()
                values = dataset[()].astype("f8")
                values[dataset[()] == dataset.attrs["_FillValue"]] = np.nan
                spread = np.full((len(values), len(cycles)), np.nan)
                for place, cycle in enumerate(cycles):
                    if cycle in own:
                        spread[:, place] = values[:, own.index(cycle)]
                parts.append(spread)
    return np.concatenate(parts)


def test_granules_of_other_cycles_are_joined_on_all(granules: list[Path]) -> None:
    """By place, cycle 4 of one granule would stand beside cycle 7 of the other."""
    ds = cd.open(granules, options=UNCACHED)
    cycles = list(range(4, 33))
    assert ds.cycle.values.tolist() == cycles
    assert ds.h_corr.dims == ("ref_pt", "cycle")
    for name in ("h_corr", "h_corr_sigma", "quality_summary"):
        found = ds[name].values.astype("f8")
        np.testing.assert_array_equal(found, on_cycles(granules, name, cycles))
    seconds = on_cycles(granules, "delta_time", cycles)
    seen = np.isfinite(seconds)
    assert ds.delta_time.dtype == np.dtype("M8[ns]")
    np.testing.assert_array_equal(np.isnat(ds.delta_time.values), ~seen)
    expected = EPOCH + np.round(seconds[seen] * 1e9).astype("m8[ns]")
    assert np.abs((ds.delta_time.values[seen] - expected).astype(int)).max() <= 150
    np.testing.assert_array_equal(
        ds.h_corr.sel(cycle=30).values, on_cycles(granules, "h_corr", [30])[:, 0].astype("f4")
    )
    assert ds.rowSize.values.tolist() == [200, 200, 200, 170, 170]


@pytest.mark.parametrize(
    "key",
    [
        (slice(10, 700, 7), slice(None, None, 3)),
        (slice(590, 610), slice(2, 5)),
        ([0, 650, 3, 640], [28, 0, 14]),
        (slice(None), 1),
        (600, slice(20, None)),
    ],
)
def test_parts_of_the_joined_cycles(granules: list[Path], key: Any) -> None:
    """Slices over cycles that a granule has in part are cut from other columns of its file."""
    ds = cd.open(granules, variables="h_corr", options=UNCACHED)
    rows, cycles = key
    expected = on_cycles(granules, "h_corr", list(range(4, 33))).astype("f4")[rows]
    found = ds.h_corr.isel(ref_pt=rows, cycle=cycles).values
    np.testing.assert_array_equal(found, expected[..., cycles])


@pytest.mark.parametrize("chunks", [None, {}, 64])
def test_chosen_cycles(granules: list[Path], chunks: Any) -> None:
    """Who wants two cycles of thirty reads two columns, of granules that have any of them."""
    ds = cd.open(granules, cycle=[30, 5], variables="h_corr", chunks=chunks, options=UNCACHED)
    assert ds.cycle.values.tolist() == [5, 30]
    expected = on_cycles(granules, "h_corr", [5, 30]).astype("f4")
    np.testing.assert_array_equal(ds.h_corr.values, expected)
    alone = cd.open(granules, cycle=4, variables="h_corr", chunks=chunks, options=UNCACHED)
    assert set(alone.rgt.values) == {50}
    np.testing.assert_array_equal(
        alone.h_corr.values, on_cycles(granules[:1], "h_corr", [4]).astype("f4")
    )
    with pytest.raises(NothingFoundError):
        cd.open(granules, cycle=40)


def test_cycles_with_gaps(granules: list[Path], tmp_path: Path) -> None:
    """A file that skips a cycle says so by its labels, which its name does not."""
    gaps = changed(granules[0], tmp_path, [0, 1, 5, 25])
    paths = [gaps, granules[1]]
    ds = cd.open(paths, options=UNCACHED)
    assert ds.cycle.values.tolist() == [4, 5, *range(7, 33)]
    cycles = ds.cycle.values.tolist()
    np.testing.assert_array_equal(ds.h_corr.values, on_cycles(paths, "h_corr", cycles).astype("f4"))
    single = cd.open(gaps, variables="h_corr", options=UNCACHED)
    assert single.cycle.values.tolist() == [4, 5, 9, 29]
    with pytest.raises(SelectionError, match=r"none of the cycles 8(.|\n)*4, 5, 9, 29"):
        cd.open(gaps, variables="h_corr", cycle=8, options=UNCACHED)


def test_cycles_out_of_order_are_refused(granules: list[Path], tmp_path: Path) -> None:
    """Nobody knows which of two columns of one label is meant."""
    odd = changed(granules[0], tmp_path, [1, 0, 2])
    with pytest.raises(FormatError, match="cycle"):
        cd.open(odd, options=UNCACHED)


def test_cycles_from_the_name(granules: list[Path], tmp_path: Path) -> None:
    """A subset without its labels still has a name; one without either cannot be joined."""
    bare = tmp_path / granules[0].name
    bare.write_bytes(granules[0].read_bytes())
    with h5py.File(bare, "r+") as file:
        for pair in PAIRS:
            del file[pair]["cycle_number"]
    ds = cd.open([bare, granules[1]], variables="h_corr", options=UNCACHED)
    assert ds.cycle.values.tolist() == list(range(4, 33))
    np.testing.assert_array_equal(
        ds.h_corr.values, on_cycles(granules, "h_corr", list(range(4, 33))).astype("f4")
    )
    shorter = changed(granules[1], tmp_path, [0, 1], "ATL11_005103_0708_006_01.h5")
    with h5py.File(shorter, "r+") as file:
        for pair in PAIRS[:2]:
            del file[pair]["cycle_number"]
    renamed = shorter.rename(tmp_path / "ATL11_005103_0709_006_01.h5")
    with pytest.raises(FormatError, match="number of values along cycle"):
        cd.open(renamed, variables="h_corr", options=UNCACHED)


def test_whole_numbers_without_fill_are_not_made_up(granules: list[Path], tmp_path: Path) -> None:
    """Zero is a quality of a height that was never measured."""
    bare = tmp_path / granules[1].name
    bare.write_bytes(granules[1].read_bytes())
    with h5py.File(bare, "r+") as file:
        for pair in PAIRS[:2]:
            del file[pair]["quality_summary"].attrs["_FillValue"]
    other = tmp_path / granules[0].name
    other.write_bytes(granules[0].read_bytes())
    with h5py.File(other, "r+") as file:
        for pair in PAIRS:
            del file[pair]["quality_summary"].attrs["_FillValue"]
    with pytest.raises(FormatError, match="no fill value"):
        cd.open([other, bare], variables="quality_summary", options=UNCACHED)
    alone = cd.open(bare, variables="quality_summary", options=UNCACHED)
    assert alone.quality_summary.dtype == np.dtype("i1")


def test_numbers_of_points_stay_in_the_file(
    granules: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Xarray makes an index of what is called as its dimension, and reads all of it to do so."""
    asked: list[str] = []
    read = GranuleFile.aread

    async def noting(self: GranuleFile, wanted: Any) -> list[AnyArray]:
        asked.extend(path for path, _ in wanted)
        return await read(self, wanted)

    monkeypatch.setattr(GranuleFile, "aread", noting)
    ds = cd.open(granules, options=UNCACHED)
    part = pickle.loads(pickle.dumps(ds.isel(ref_pt=slice(5, 9))))
    assert not [path for path in asked if path.endswith("/ref_pt")]
    with h5py.File(granules[0]) as file:
        np.testing.assert_array_equal(part.ref_pt, file["pt1/ref_pt"][5:9])
    assert list(ds.xindexes) == ["cycle"]


@pytest.mark.parametrize("chunk", [0, 23])
def test_cut_points(granules: list[Path], tmp_path: Path, chunk: int) -> None:
    """Cycles that only tracks outside of the region have are still there, and missing."""
    paths = [rechunked(p, tmp_path, chunk, "") for p in granules] if chunk else granules
    with h5py.File(granules[0]) as file:
        south = float(np.median(file["pt1/latitude"]))
        first = file["pt1/longitude"][0]
    with h5py.File(granules[1]) as file:
        west = float(first + file["pt1/longitude"][0]) / 2
    assert west < first
    box = (west, south, 180.0, 90.0)
    ds = cd.open(paths, region=box, variables=["h_corr", "ref_pt"], options=UNCACHED)
    cycles = list(range(4, 33))
    parts = []
    for path in granules:
        with h5py.File(path) as file:
            parts += [
                (file[p]["latitude"][()] >= south) & (file[p]["longitude"][()] >= west)
                for p in PAIRS
                if p in file
            ]
    inside = np.concatenate(parts)
    assert set(ds.rgt.values) == {50}
    assert ds.cycle.values.tolist() == cycles
    np.testing.assert_array_equal(
        ds.h_corr.values, on_cycles(granules, "h_corr", cycles).astype("f4")[inside]
    )


def test_same_points_twice(granules: list[Path], tmp_path: Path) -> None:
    """The update of a granule holds all heights of the one before it."""
    newer = granule("ATL11", tmp_path, rows=200, rgt=50, cycle=6)
    with pytest.raises(SelectionError, match="both hold cycle 6"):
        cd.open([granules[0], newer])


def test_what_cannot_be_asked_of_points(granules: list[Path]) -> None:
    """A point has no time and no single height: the answer says what to do instead."""
    with pytest.raises(SelectionError, match=r"no time(.|\n)*cycle="):
        cd.open(granules, time="2020")
    with pytest.raises(SelectionError, match=r"values for each row of ref_pt"):
        cd.open(granules, where="h_corr > 3")
    with pytest.raises(SelectionError, match=r"no beam 'strong'(.|\n)*pt1, pt2, pt3"):
        cd.open(granules, beams="strong")


def test_points_as_tree_and_netcdf(granules: list[Path], tmp_path: Path) -> None:
    """What is done with Datasets of other products can be done with these."""
    ds = cd.open(granules, options=UNCACHED)
    tree = ds.cryo.to_tree()
    node = next(node for node in tree.subtree if node.name == "pt2")
    with h5py.File(granules[0]) as file:
        np.testing.assert_array_equal(node.ref_pt, file["pt2/ref_pt"])
    ds.to_netcdf(tmp_path / "points.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "points.nc", engine="h5netcdf") as back:
        np.testing.assert_array_equal(back.h_corr, ds.h_corr)
