"""Which way tracks go: by their rows, by the orbit region in the name, or not known."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import cryodata as cd
from cryodata.rowwise.direction import direction_of_region, direction_of_rows
from cryodata.sandbox.granules import atl06, granule

UNCACHED = cd.Options(cache=None)


@pytest.mark.parametrize(
    "latitudes, expected",
    [
        ([59.5, 60, 70], 1),
        ([70, 60, 59.5], 0),
        ([80, 87, 88, 87, 81], -1),
        ([-79, -88, -80], -1),
        ([70, np.nan, 71], 1),
        ([70.0, 70.1, 70.09, 70.2, 70.19, 70.3], 1),  # photons of a segment
        ([70.3, 70.31, 70.2, 70.1], 0),
        ([70], -1),
        ([70, 70], -1),
        ([], -1),
        ([np.nan, np.nan], -1),
    ],
)
def test_rows_tell_their_way(latitudes: list[float], expected: int) -> None:
    """Heights going down a slope would be taken for heights going up."""
    assert direction_of_rows(np.array(latitudes, "f8")) == expected


def test_regions_that_go_one_way() -> None:
    """Of the catalogue's records, 3 begins and ends ascending, 5 descending."""
    ways = [direction_of_region(region) for region in range(16)]
    assert ways == [-1, 1, 1, 1, -1, 0, 0, 0, 0, 0, 0, -1, 1, 1, 1, -1]


@pytest.mark.parametrize("region, told", [(3, 1), (5, 0), (12, 1), (4, -1)])
def test_name_tells_before_anything_is_read(tmp_path: Path, region: int, told: int) -> None:
    """Who wants ascending tracks only must not read the others."""
    path = atl06(tmp_path, segments=60, region=region, beams=("gt1l", "gt2r"), empty=("gt2r",))
    ds = cd.open(path, options=UNCACHED)
    assert ds.ascending.values.tolist() == [told, told]
    assert ds.ascending.dtype == np.int8
    assert ds.ascending.attrs["flag_values"].tolist() == [-1, 0, 1]
    assert ds.ascending.attrs["flag_meanings"] == "both_or_unknown descending ascending"


def test_rows_tell_where_the_name_does_not(tmp_path: Path) -> None:
    """Granules cut from the whole orbit say region 1, wherever they are."""
    path = granule("ATL07", tmp_path, rows=400, region=5, beams=("gt1l",), length=5e5)
    with h5py.File(path) as file:
        latitude = file["gt1l/sea_ice_segments/latitude"][()]
    assert (np.diff(latitude) < 0).all()
    assert cd.open(path, options=UNCACHED).ascending.values.tolist() == [-1]
    box = (-180.0, float(latitude.min()), 180.0, float(np.median(latitude)))
    assert cd.open(path, region=box, options=UNCACHED).ascending.values.tolist() == [0]


def test_over_the_pole(tmp_path: Path) -> None:
    """A granule over the pole goes both ways, and each half of it one way."""
    path = granule("ATL08", tmp_path, rows=400, region=4, length=2.2e6, beams=("gt1l",))
    whole = cd.open(path, region=(-180, 70, 180, 90), options=UNCACHED)
    assert whole.ascending.values.tolist() == [-1]
    with h5py.File(path) as file:
        place = file["gt1l/land_segments"]
        top = int(np.argmax(place["latitude"][()]))
        seconds = place["delta_time"][[top - 5, top + 5]]
    middle = np.datetime64("2018-01-01", "ns") + np.round(seconds * 1e9).astype("m8[ns]")
    for span, way in (((None, middle[0]), 1), ((middle[1], None), 0)):
        half = cd.open(path, region=(-180, 70, 180, 90), time=span, options=UNCACHED)
        assert half.ascending.values.tolist() == [way]
