"""Several granules as one Dataset, whole and cut, against h5py and numpy."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata.errors import (
    ConfigurationError,
    FormatError,
    NotFoundError,
    NothingFoundError,
    SelectionError,
    UnknownVariableError,
)
from cryodata.granule import GranuleFile
from cryodata.sandbox.granules import atl03, atl06
from cryodata.types import AnyArray

EPOCH = np.datetime64("2018-01-01T00:00:00", "ns")
BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")
GROUP = "land_ice_segments"


@pytest.fixture(scope="module")
def granules(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three ATL06 over one track in three cycles; one lacks a beam, one has an empty one."""
    folder = tmp_path_factory.mktemp("granules")
    return [
        atl06(folder, segments=900, seed=1, rgt=50, cycle=4),
        atl06(folder, segments=1100, seed=2, rgt=50, cycle=5, beams=BEAMS[:4] + BEAMS[5:]),
        atl06(folder, segments=500, seed=3, rgt=51, cycle=4, empty=("gt1r",)),
    ]


def beams_of(paths: list[Path]) -> Iterator[tuple[Path, str, h5py.Group]]:
    """Every beam that has a group, in the order of the granules."""
    for path in paths:
        with h5py.File(path) as file:
            for beam in BEAMS:
                if beam in file:
                    yield path, beam, file[beam]


def column(paths: list[Path], name: str) -> AnyArray:
    """A dataset of all beams of all granules, fill as NaN."""
    found = []
    for _, _, group in beams_of(paths):
        if GROUP in group and name in group[GROUP]:
            dataset = group[GROUP][name]
            values = dataset[()].astype("f8")
            if "_FillValue" in dataset.attrs:
                values[dataset[()] == np.ravel(dataset.attrs["_FillValue"])[0]] = np.nan
            found.append(values)
    return np.concatenate(found)


def times(paths: list[Path]) -> AnyArray:
    seconds = column(paths, "delta_time")
    return EPOCH + np.round(seconds * 1e9).astype("m8[ns]")


def test_all_rows_of_all_granules(granules: list[Path]) -> None:
    """Rows that change places, or a beam that is lost, put heights under wrong tracks."""
    ds = cd.open(granules, variables=["h_li", "h_li_sigma"])
    for name in ("h_li", "h_li_sigma", "latitude", "longitude"):
        np.testing.assert_array_equal(ds[name].values.astype("f8"), column(granules, name))
    apart = np.abs(ds["time"].values - times(granules)).astype(int)
    assert apart.max() <= 100  # the file's doubles resolve no more
    expected = [
        (
            path.stem.removesuffix(".h5"),
            beam,
            group[GROUP]["h_li"].shape[0] if GROUP in group and "h_li" in group[GROUP] else 0,
        )
        for path, beam, group in beams_of(granules)
    ]
    got = list(zip(ds.granule.values, ds.beam.values, ds.rowSize.values.tolist(), strict=True))
    assert got == expected
    assert ds.rgt.values.tolist()[:1] + ds.rgt.values.tolist()[-1:] == [50, 51]
    assert sorted({int(c) for c in ds.cycle.values}) == [4, 5]


def test_ways_to_name_several(granules: list[Path]) -> None:
    """List, wildcard and nested list are the same granules, in the order given."""
    expected = cd.open(granules, variables="h_li").load()
    pattern = str(granules[0].parents[1] / "*" / "ATL06_*_0050??03_006_01.h5")
    two = cd.open(pattern, variables="h_li")
    assert set(two.granule.values) == {path.stem for path in granules[:2]}
    nested = cd.open([granules[:1], granules[1:]], variables="h_li").load()
    xr.testing.assert_identical(nested, expected)
    chosen = cd.open(granules, variables="h_li", cycle=4, rgt=[51, 52])
    assert set(chosen.granule.values) == {granules[2].stem}
    with pytest.raises(NothingFoundError, match="none of 3 granules"):
        cd.open(granules, cycle=9)


def box_of(paths: list[Path], low: float, high: float) -> tuple[float, float, float, float]:
    """A box between two quantiles of the latitudes, and about all longitudes of the track."""
    latitude, longitude = column(paths, "latitude"), column(paths, "longitude")
    south, north = np.nanquantile(latitude, [low, high])
    return (longitude.min() - 1, float(south), float(np.median(longitude)), float(north))


@pytest.mark.parametrize("chunks", [None, {}, 300])
@pytest.mark.parametrize("low, high", [(0.2, 0.7), (0.0, 1.0), (0.49, 0.51)])
def test_cut_by_region_and_time_equals_filtering(
    granules: list[Path], low: float, high: float, chunks: Any
) -> None:
    """Every row inside and no other, with the values, tracks and row sizes that belong to it."""
    west, south, east, north = box_of(granules, low, high)
    span = times(granules)
    day = str(np.sort(span)[len(span) // 2].astype("M8[D]"))
    ds = cd.open(
        granules,
        region=(west, south, east, north),
        time=(None, day),
        variables=["h_li", "segment_id"],
        chunks=chunks,
    )
    latitude, longitude = column(granules, "latitude"), column(granules, "longitude")
    inside = (latitude >= south) & (latitude <= north) & (longitude >= west) & (longitude <= east)
    inside &= span < np.datetime64(day) + np.timedelta64(1, "D")
    assert inside.any()
    np.testing.assert_array_equal(ds.h_li.values.astype("f8"), column(granules, "h_li")[inside])
    np.testing.assert_array_equal(ds.segment_id.values, column(granules, "segment_id")[inside])
    sizes = [
        g[GROUP]["h_li"].shape[0] if GROUP in g and "h_li" in g[GROUP] else 0
        for _, _, g in beams_of(granules)
    ]
    track = np.repeat(np.arange(len(sizes)), sizes)[inside]
    kept = np.unique(track, return_counts=True)
    np.testing.assert_array_equal(ds.rowSize.values, kept[1])
    beams = [(path.stem, beam) for path, beam, _ in beams_of(granules)]
    assert list(zip(ds.granule.values, ds.beam.values, strict=True)) == [beams[i] for i in kept[0]]


def test_nothing_inside_is_an_empty_dataset_and_a_warning(granules: list[Path]) -> None:
    """A region beside the tracks is an answer, not an error; but it is said."""
    with pytest.warns(UserWarning, match="Nothing is inside"):
        ds = cd.open(granules, region=(100, -10, 110, 10), variables="h_li")
    assert dict(ds.sizes) == {"segment": 0, "track": 0}
    assert ds.h_li.values.shape == (0,)


def test_cut_reads_places_and_leaves_the_rest(
    granules: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At open only time and place are read; and later only rows that were kept."""
    asked: list[tuple[str, Any]] = []
    read = GranuleFile.aread

    async def noting(self: GranuleFile, wanted: Any) -> list[AnyArray]:
        asked.extend(wanted)
        return await read(self, wanted)

    monkeypatch.setattr(GranuleFile, "aread", noting)
    ds = cd.open(granules, region=box_of(granules, 0.2, 0.4), variables="h_li")
    assert {path.rsplit("/", 1)[-1] for path, _ in asked} == {"latitude", "longitude"}
    asked.clear()
    _ = ds.h_li.values
    rows = sum(slices[0].stop - slices[0].start for _, slices in asked)
    assert {path.rsplit("/", 1)[-1] for path, _ in asked} == {"h_li"}
    assert ds.sizes["segment"] <= rows < 0.5 * len(column(granules, "h_li"))


def test_joined_dataset_pickles_and_reads_on(granules: list[Path]) -> None:
    """Workers get where to ask, of every granule."""
    ds = cd.open(granules, variables=["h_li", "h_li_sigma"], region=box_of(granules, 0.2, 0.7))
    copy = pickle.loads(pickle.dumps(ds))
    xr.testing.assert_identical(copy.load(), ds.load())


def test_dask_keys_tell_cuts_apart(granules: list[Path]) -> None:
    """Two regions under one key would give one the values of the other."""
    boxes = [box_of(granules, 0.2, high) for high in (0.6, 0.7)]
    names = [cd.open(granules, region=box, chunks={}).h_li.data.name for box in boxes]
    again = cd.open(granules, region=boxes[0], chunks={}).h_li.data.name
    assert names[0] != names[1]
    assert names[0] == again


def test_memory_bounds_all_granules_together(granules: list[Path]) -> None:
    """Granules that each fit, and together do not, would end the process instead of the read."""
    whole = column(granules, "h_li").astype("f4").nbytes
    small = cd.Options(memory=whole - 1)
    for path in granules:
        assert cd.open(path, variables="h_li", options=small).h_li.values.nbytes < whole
    ds = cd.open(granules, variables="h_li", options=small)
    with pytest.raises(SelectionError, match=r"more than(.|\n)*chunks="):
        _ = ds.h_li.values
    with pytest.raises(SelectionError, match="more than"):
        asyncio.run(ds.h_li.load_async())
    assert ds.h_li[:-10].values.nbytes == whole - 40
    enough = cd.Options(memory=whole)
    assert cd.open(granules, variables="h_li", options=enough).h_li.values.nbytes == whole


def test_what_is_not_joined(granules: list[Path], tmp_path: Path) -> None:
    """Two revisions of one granule, or two products, would count heights twice or mix them."""
    newer = atl06(tmp_path, segments=900, seed=1, rgt=50, cycle=4, revision=2)
    with pytest.raises(SelectionError, match=r"more than one(.|\n)*latest"):
        cd.open([granules[0], newer])
    photons = atl03(tmp_path, photons=5_000, rgt=50, cycle=4)
    with pytest.raises(SelectionError, match="2 products: ATL03, ATL06"):
        cd.open([granules[0], photons])
    with pytest.raises(ConfigurationError, match="empty"):
        cd.open([])


def without(path: Path, folder: Path, name: str, beams: Any = BEAMS) -> Path:
    """A copy of a granule that lacks a variable on some beams."""
    copy = folder / path.name
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "a") as file:
        for beam in beams:
            if f"{beam}/{GROUP}/{name}" in file:
                del file[f"{beam}/{GROUP}/{name}"]
    return copy


def test_columns_missing_in_one_granule(granules: list[Path], tmp_path: Path) -> None:
    """A default that one granule lacks is left out and said; a named one costs the granule."""
    short = without(granules[2], tmp_path, "h_li_sigma")
    options = cd.Options(cache=None)
    with pytest.warns(UserWarning, match="missing in 1 of 2 granules"):
        ds = cd.open([granules[0], short], options=options)
    assert "h_li_sigma" not in ds
    assert "h_li" in ds
    names = ["h_li_sigma", "h_li"]
    with pytest.raises(UnknownVariableError, match=r"h_li_sigma(.|\n)*skip"):
        cd.open([short, *granules[:2]], variables=names, options=options)
    ds = cd.open([short, *granules[:2]], variables=names, on_missing="skip", options=options)
    xr.testing.assert_identical(
        ds.load(), cd.open(granules[:2], variables=names, options=options).load()
    )
    (skipped,) = ds.cryo.skipped
    assert (skipped.url, skipped.beam, skipped.variable) == (str(short), "", "h_li_sigma")


@pytest.mark.parametrize("order", [1, -1])
def test_granule_without_any_row(granules: list[Path], tmp_path: Path, order: int) -> None:
    """One granule of a thousand whose beams are all empty must not stop the others."""
    empty = atl06(tmp_path, segments=50, seed=9, rgt=60, cycle=4, empty=BEAMS)
    paths = [empty, granules[0]][::order]
    questions: list[dict[str, Any]] = [{}, {"where": "atl06_quality_summary == 'best_quality'"}]
    for asked in questions:
        ds = cd.open(paths, variables=["h_li", "h_li_sigma"], **asked)
        alone = cd.open(granules[0], variables=["h_li", "h_li_sigma"], **asked)
        np.testing.assert_array_equal(ds.h_li, alone.h_li)
        assert ds.cryo.skipped == ()
    with pytest.raises(UnknownVariableError, match="h_li"):
        cd.open(empty, variables="h_li")
    with pytest.raises(UnknownVariableError, match="h_lj"):
        cd.open(paths, variables="h_lj")


def test_variables_no_granule_has(granules: list[Path]) -> None:
    """A misspelt name among others must be told, and must not cost every granule."""
    with pytest.raises(UnknownVariableError, match=r"'h_lj'(.|\n)*1 more of 2 granules"):
        cd.open(granules[:2], variables=["h_li", "h_lj"])
    ds = cd.open(granules[:2], variables=["h_li", "h_lj"], on_missing="skip")
    np.testing.assert_array_equal(ds.h_li.values.astype("f8"), column(granules[:2], "h_li"))
    assert [(Path(one.url), one.variable) for one in ds.cryo.skipped] == [
        (path, "h_lj") for path in granules[:2]
    ]


def test_every_failure_is_told_in_one_error(granules: list[Path], tmp_path: Path) -> None:
    """Mending one beam at a time takes as many runs as there are beams."""
    short = without(granules[0], tmp_path, "h_li_sigma", ("gt1l", "gt2r"))
    asked: dict[str, Any] = {
        "variables": ["h_li", "h_li_sigma"],
        "beams": ["gt1l", "gt2r", "gt3l"],
        "options": cd.Options(cache=None),
    }
    mixed = [short, granules[1]]
    with pytest.raises(SelectionError, match=r"h_li_sigma is missing on gt1l") as caught:
        cd.open(mixed, **asked)
    told = [str(caught.value), *caught.value.__notes__]
    assert sum(f"h_li_sigma is missing on {beam}" in one for beam in BEAMS for one in told) == 2
    assert sum("gt3l is not in this granule" in one for one in told) == 1
    ds = cd.open(mixed, on_missing="skip", **asked)
    assert list(zip(ds.granule.values, ds.beam.values, strict=True)) == [
        (short.stem, "gt3l"),
        (granules[1].stem, "gt1l"),
        (granules[1].stem, "gt2r"),
    ]
    assert [(Path(one.url), one.beam, one.variable) for one in ds.cryo.skipped] == [
        (short, "gt1l", "h_li_sigma"),
        (short, "gt2r", "h_li_sigma"),
        (granules[1], "gt3l", ""),
    ]
    with h5py.File(short) as one, h5py.File(granules[1]) as other:
        groups = [one["gt3l"], other["gt1l"], other["gt2r"]]
        expected = np.concatenate([group[GROUP]["segment_id"][()] for group in groups])
    ids = cd.open(mixed, on_missing="skip", **asked | {"variables": ["h_li_sigma", "segment_id"]})
    np.testing.assert_array_equal(ids.segment_id, expected)


def test_conditions_on_what_a_beam_lacks(granules: list[Path], tmp_path: Path) -> None:
    """Rows that a condition cannot be asked of are neither wanted nor unwanted."""
    short = without(granules[0], tmp_path, "h_li_sigma", ("gt1r",))
    asked: dict[str, Any] = {
        "variables": "h_li",
        "where": "h_li_sigma < 0.1",
        "options": cd.Options(cache=None),
    }
    with pytest.raises(SelectionError, match="h_li_sigma is missing on gt1r"):
        cd.open(short, **asked)
    ds = cd.open(short, on_missing="skip", **asked)
    whole = cd.open(granules[0], beams=[b for b in BEAMS if b != "gt1r"], **asked)
    np.testing.assert_array_equal(ds.h_li, whole.h_li)
    assert [(one.beam, one.variable) for one in ds.cryo.skipped] == [("gt1r", "h_li_sigma")]


def test_granules_that_cannot_be_opened(granules: list[Path], tmp_path: Path) -> None:
    """All that failed are named; or left out and listed, never dropped in silence."""
    broken = tmp_path / "ATL06_20190801210118_00600403_006_01.h5"
    broken.write_bytes(granules[0].read_bytes()[:70_000])
    absent = tmp_path / "ATL06_20190802210118_00700403_006_01.h5"
    mixed = [granules[0], broken, granules[2], absent]
    with pytest.raises(FormatError, match=r"1 more of 4(.|\n)*skip") as caught:
        cd.open(mixed, variables="h_li")
    assert caught.value.url == str(broken)
    assert [note.split(":")[0] for note in caught.value.__notes__] == [absent.name]
    ds = cd.open(mixed, variables="h_li", on_missing="skip")
    expected = cd.open([granules[0], granules[2]], variables="h_li")
    xr.testing.assert_identical(ds.load(), expected.load())
    assert [Path(one.url) for one in ds.cryo.skipped] == [broken, absent]
    assert isinstance(ds.cryo.skipped[1].error, NotFoundError)
    assert expected.cryo.skipped == ()
    with pytest.raises(FormatError):
        cd.open([broken, absent], on_missing="skip")


def test_granules_that_count_otherwise_are_not_joined(granules: list[Path], tmp_path: Path) -> None:
    """Heights in feet, or scaled by another factor, would be taken for those of the first."""
    for name, value in (("scale_factor", 0.01), ("units", "feet"), ("add_offset", 1.0)):
        other = tmp_path / granules[1].name
        other.write_bytes(granules[1].read_bytes())
        with h5py.File(other, "r+") as file:
            for beam in BEAMS:
                if beam in file:
                    file[beam][GROUP]["h_li"].attrs[name] = value
        with pytest.raises(FormatError, match=f"another {name}"):
            cd.open([granules[0], other], variables="h_li", options=cd.Options(cache=None))


def test_cuts_within_a_second_are_two_arrays(granules: list[Path]) -> None:
    """Dask would compute one of them and give it out for both."""
    instants = np.sort(times(granules[:1]))[[10, 60, 110]]
    spans = [(instants[0], instants[1]), (instants[1], instants[2])]
    first, second = (
        cd.open(granules[0], variables="h_li", time=span, chunks={}).h_li for span in spans
    )
    assert first.data.name != second.data.name


def test_nothing_inside_granules_without_rows(tmp_path: Path) -> None:
    """Tracks without a row inside are left out, also where none has any row."""
    path = atl06(tmp_path, segments=50, seed=1, empty=BEAMS)
    with pytest.warns(UserWarning, match="Nothing is inside"):
        ds = cd.open(path, region=(-180, -90, 180, 90))
    assert ds.sizes["track"] == 0


def test_accessor_where_a_dataset_arrives(granules: list[Path], tmp_path: Path) -> None:
    """In a worker, and in tomorrow's session, it would have no ds.cryo."""
    kept = tmp_path / "ds.pickle"
    kept.write_bytes(pickle.dumps(cd.open(granules[0], variables="h_li")))
    script = f"import pickle; print(pickle.load(open({str(kept)!r}, 'rb')).cryo.receipt.requests)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "0", done.stderr


@pytest.mark.parametrize("beams", [1, [], [1, 2], None])
def test_beams_that_are_none(granules: list[Path], beams: Any) -> None:
    """Python's own error would say nothing of beams."""
    with pytest.raises(SelectionError, match="names"):
        cd.open(granules[0], beams=beams)


def test_cache_as_text(granules: list[Path], tmp_path: Path) -> None:
    """A folder is a string to most users; it failed in the middle of opening."""
    options = cd.Options(cache=str(tmp_path / "kept"))  # type: ignore[arg-type]
    assert options.cache == tmp_path / "kept"
    cd.open(granules[0], variables="h_li", options=options).close()


def test_remedy_is_told_once(granules: list[Path]) -> None:
    """It was told twice, in two wordings."""
    with pytest.raises(SelectionError) as caught:
        cd.open(granules, variables="h_li", beams="gt3l")
    assert caught.value.fix.count("on_missing") == 1
