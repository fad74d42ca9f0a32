"""GeoParquet as geopandas, pandas and pyarrow read it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyproj
import pytest
import shapely

import cryodata as cd
from cryodata.after import geoparquet as module
from cryodata.errors import ConfigurationError, FetchError, NotFoundError, SelectionError
from cryodata.granule import GranuleFile
from tests.after.samples import REAL, WAYS, column


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("most", [350, 1 << 19])
def test_file_is_the_frame(
    way: str, most: int, granules: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two ways to the same table that differ are two truths."""
    monkeypatch.setattr(module, "MOST_ROWS", most)
    ds = WAYS[way](granules, variables=["h_li", "segment_id"])
    path = ds.cryo.to_geoparquet(tmp_path / "h.parquet")
    read = geopandas.read_parquet(path).drop(columns="bbox", errors="ignore")
    expected = cd.open(granules, variables=["h_li", "segment_id"]).cryo.to_geodataframe()
    assert (read.dtypes == expected.dtypes).all()
    pd.testing.assert_frame_equal(pd.DataFrame(read), pd.DataFrame(expected))
    assert read.crs == expected.crs
    np.testing.assert_array_equal(read.geometry.x, column(granules, "longitude"))


def test_pandas_and_pyarrow_read_it_alone(granules: list[Path], tmp_path: Path) -> None:
    """Half of the users have no geopandas."""
    path = cd.open(granules, variables="h_li").cryo.to_geoparquet(tmp_path / "h.parquet")
    frame = pd.read_parquet(path)
    np.testing.assert_array_equal(frame.h_li.to_numpy(float), column(granules, "h_li"))
    assert frame.beam.dtype == "category"
    table = pq.read_table(path, columns=["geometry", "latitude"])
    points = shapely.from_wkb(table["geometry"].to_numpy())
    np.testing.assert_array_equal(shapely.get_y(points), column(granules, "latitude"))
    units = pq.read_schema(path).field("h_li").metadata[b"units"]
    assert units == b"meters"


def test_metadata_is_that_of_the_standard(granules: list[Path], tmp_path: Path) -> None:
    """GeoParquet 1.1: version, primary column, encoding, types, CRS, box and covering."""
    path = cd.open(granules, variables="h_li").cryo.to_geoparquet(tmp_path / "h.parquet")
    geo = json.loads(pq.read_metadata(path).metadata[b"geo"])
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
    about = geo["columns"]["geometry"]
    assert (about["encoding"], about["geometry_types"]) == ("WKB", ["Point"])
    assert pyproj.CRS.from_json_dict(about["crs"]) == pyproj.CRS("EPSG:4326")
    longitude, latitude = column(granules, "longitude"), column(granules, "latitude")
    box = [longitude.min(), latitude.min(), longitude.max(), latitude.max()]
    assert about["bbox"] == box
    sides = about["covering"]["bbox"]
    assert sides == {side: ["bbox", side] for side in ("xmin", "ymin", "xmax", "ymax")}
    covers = pq.read_table(path, columns=["bbox"])["bbox"].combine_chunks()
    for side, values in zip(sides, [longitude, latitude] * 2, strict=True):
        np.testing.assert_array_equal(covers.field(side).to_numpy(), values)


def test_row_groups_are_tracks_and_are_skipped(granules: list[Path], tmp_path: Path) -> None:
    """A box is looked up in the statistics of row groups: they must not mix tracks."""
    ds = cd.open(granules, variables="h_li")
    path = ds.cryo.to_geoparquet(tmp_path / "h.parquet")
    file = pq.ParquetFile(path)
    groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert groups == [count for count in ds.rowSize.values.tolist() if count]
    south, north = np.quantile(column(granules, "latitude"), [0.3, 0.6])
    found = geopandas.read_parquet(path, bbox=(-180, south, 0, north))
    x, y = column(granules, "longitude"), column(granules, "latitude")
    assert len(found) == ((x <= 0) & (y >= south) & (y <= north)).sum() > 0


def test_labels_and_missing_places(photon_granule: Path, tmp_path: Path) -> None:
    """Null, not a point at NaN; and one column per surface, as in the frame."""
    ds = cd.open(photon_granule, variables=["signal_conf_ph", "h_ph"]).load()
    latitude, time = ds.latitude.values.copy(), ds.time.values.copy()
    latitude[[3, 9000]], time[4] = np.nan, np.datetime64("NaT", "ns")
    ds = ds.assign_coords(latitude=("photon", latitude), time=("photon", time))
    path = ds.cryo.to_geoparquet(tmp_path / "p.parquet", "signal_conf_ph")
    read = geopandas.read_parquet(path)
    assert np.flatnonzero(read.geometry.isna()).tolist() == [3, 9000]
    assert np.flatnonzero(read.time.isna()).tolist() == [4]
    expected = column([photon_granule], "signal_conf_ph", "heights")
    np.testing.assert_array_equal(read.signal_conf_land_ice, expected[:, 3])
    assert "h_ph" not in read
    covers = pq.read_table(path)["bbox"]
    assert covers.null_count == 2


def test_memory_is_bounded(
    granules: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All granules of a season do not fit; half a million rows do."""
    asked: list[list[tuple[str, int]]] = []
    read = GranuleFile.aread

    async def noting(self: GranuleFile, wanted: Any) -> Any:
        asked.append([(path, s[0].stop - s[0].start) for path, s in wanted])
        return await read(self, wanted)

    monkeypatch.setattr(module, "MOST_ROWS", 400)
    monkeypatch.setattr(GranuleFile, "aread", noting)
    ds = cd.open(granules, variables="h_li")
    ds.cryo.to_geoparquet(tmp_path / "h.parquet")
    heights = [sum(rows for path, rows in batch if path.endswith("h_li")) for batch in asked]
    assert max(heights) <= 400
    assert sum(heights) == ds.sizes["segment"]  # and nothing is read twice
    assert all(v._in_memory is False for n, v in ds.variables.items() if n == "h_li")


@pytest.mark.parametrize("overwrite", [True, False])
def test_nothing_is_left_of_a_failure(
    overwrite: bool, granules: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file looks like a file; and the one that was there is still good."""
    target = tmp_path / "h.parquet"
    if overwrite:
        target.write_bytes(b"before")
    monkeypatch.setattr(module, "MOST_ROWS", 400)
    ds = cd.open(granules, variables="h_li")
    read, calls = GranuleFile.aread, iter(range(100))

    async def failing(self: GranuleFile, wanted: Any) -> Any:
        if next(calls) == 5:
            raise FetchError("the line is cut")
        return await read(self, wanted)

    monkeypatch.setattr(GranuleFile, "aread", failing)
    with pytest.raises(FetchError, match="cut"):
        ds.cryo.to_geoparquet(target, overwrite=overwrite)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([b"before"] if overwrite else [])
    monkeypatch.undo()
    ds.cryo.to_geoparquet(target, overwrite=overwrite)
    assert [p.name for p in tmp_path.iterdir()] == ["h.parquet"]
    assert len(pd.read_parquet(target)) == ds.sizes["segment"]


def test_places_that_are_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result of hours must not be replaced by accident, nor fail at the end."""
    ds = cd.open(REAL, variables="h_li").load()
    there = tmp_path / "h.parquet"
    there.write_bytes(b"mine")
    with pytest.raises(ConfigurationError, match=r"of that name(.|\n)*overwrite=True"):
        ds.cryo.to_geoparquet(there)
    assert there.read_bytes() == b"mine"
    with pytest.raises(ConfigurationError, match="of that name"):
        ds.cryo.to_geoparquet(tmp_path, overwrite=True)
    with pytest.raises(NotFoundError, match="no such folder"):
        ds.cryo.to_geoparquet(tmp_path / "none" / "h.parquet")
    with pytest.raises(ConfigurationError, match="local"):
        ds.cryo.to_geoparquet("s3://bucket/h.parquet")
    with pytest.raises(SelectionError, match="complex"):
        ds.assign(z=ds.h_li.astype(complex)).cryo.to_geoparquet(tmp_path / "z.parquet")
    late = tmp_path / "late.parquet"
    monkeypatch.setattr(os, "fsync", lambda _: late.write_bytes(b"other"))
    with pytest.raises(ConfigurationError, match="of that name"):
        ds.cryo.to_geoparquet(late)
    assert late.read_bytes() == b"other"
    assert {p.name for p in tmp_path.iterdir()} == {"h.parquet", "late.parquet"}


def test_texts_are_texts(tmp_path: Path) -> None:
    """A column of words is no column of numbers."""
    ds = cd.open(REAL, variables="h_li").load()
    words = ds.h_li.copy(data=np.where(ds.h_li > 500, "high", "low"))
    path = ds.assign(word=words, thing=words.astype(object)).cryo.to_geoparquet(
        tmp_path / "w.parquet"
    )
    read = pd.read_parquet(path)
    assert read.word.tolist() == read.thing.tolist() == words.values.tolist()
