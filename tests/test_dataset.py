"""``cryodata.open`` against h5py and numpy on the same granules."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata import products
from cryodata.errors import (
    ConfigurationError,
    FormatError,
    NotFoundError,
    NothingFoundError,
    RegionError,
    SelectionError,
    UnknownVariableError,
)
from cryodata.granule import GranuleFile
from cryodata.sandbox.granules import atl06 as atl06_of_sandbox
from cryodata.types import AnyArray
from tests.real import real_files

TRACKS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")
EPOCH = np.datetime64("2018-01-01T00:00:00", "ns")
ATL06 = "processed_ATL06_20191106230008_06270503_006_01.h5"
UNCACHED = cd.Options(cache=None)  # for files that a test changes
ATL03 = "ATL03_20181014002445_02350104_006_02.gt1l_bbox_subset.h5"


def decoded(dataset: h5py.Dataset) -> AnyArray:
    """Values with fill as NaN, by the definition in CF 2.5.1."""
    values: AnyArray = dataset[()]
    fill = dataset.attrs.get("_FillValue")
    if fill is None:
        return values
    floats = values.astype("f8")
    floats[values == np.ravel(fill)[0]] = np.nan
    return floats


def joined(file: h5py.File, path: str, tracks: tuple[str, ...] = TRACKS) -> AnyArray:
    """A variable of all beams the file has, one after the other."""
    return np.concatenate([decoded(file[f"{t}/{path}"]) for t in tracks if f"{t}/{path}" in file])


GRANULES = [
    pytest.param(path, products.get(name.removeprefix("processed_")[:5]), id=name)
    for name, path in real_files().items()
    if name.removeprefix("processed_")[:5] in products.known() and "only" not in name
]
"""Every real file of a product with a table that holds its beams."""


RENAMED = {"sea_ice_segments/stats/ice_conc_ssmi": "stats/ice_conc"}
"""What the releases of the real files call by another name than the newest."""


@pytest.mark.parametrize("path, product", GRANULES)
def test_real_granules_equal_h5py(path: Path, product: products.Product) -> None:
    """Every default value, of every beam, in its place."""
    rate = product.rate
    dataset = cd.open(path)
    with h5py.File(path) as file:
        present = [track for track in TRACKS if track in file]
        assert dataset.beam.values.tolist() == present
        for variable in rate.default:
            name = variable.rsplit("/", 1)[-1]
            variable = RENAMED.get(f"{rate.group}/{variable}", variable)
            if not any(f"{t}/{rate.group}/{variable}" in file for t in present):
                assert name not in dataset, "a release without it has none made up"
                continue
            expected = joined(file, f"{rate.group}/{variable}")
            np.testing.assert_array_equal(dataset[name].values.astype("f8"), expected)
            assert dataset[name].dims[0] == rate.dimension
            assert dataset[name].attrs["hdf5_path"] == f"{rate.group}/{variable}"
        for name, source in rate.coordinates.items():
            expected = joined(file, f"{rate.group}/{source}")
            if name == "time":
                whole = np.floor(expected)
                expected = EPOCH + (
                    whole.astype("i8") * 10**9 + np.rint((expected - whole) * 1e9).astype("i8")
                ).astype("m8[ns]")
            np.testing.assert_array_equal(dataset.coords[name], expected)
        times = [f"{t}/{rate.group}/{rate.time}" for t in present]
        rows = [file[path].shape[0] if path in file else 0 for path in times]
        np.testing.assert_array_equal(dataset.rowSize, rows)


@pytest.mark.parametrize("path, product", GRANULES)
def test_real_granules_with_all_variables(path: Path, product: products.Product) -> None:
    """``variables="all"`` is everything on the rows, and nothing on other rows."""
    group = product.rate.group
    dataset = cd.open(path, variables="all", beams="all")
    paths = {v.attrs["hdf5_path"] for v in dataset.variables.values() if "hdf5_path" in v.attrs}
    with h5py.File(path) as file:
        expected: set[str] = set()
        for track in (t for t in TRACKS if t in file):
            if f"{track}/{group}/delta_time" not in file:
                continue  # a beam without rows
            rows = file[f"{track}/{group}/delta_time"].shape[0]

            def note(name: str, item: Any, rows: int = rows) -> None:
                if isinstance(item, h5py.Dataset) and item.shape[:1] == (rows,):
                    expected.add(f"{group}/{name}")

            file[f"{track}/{group}"].visititems(note)
    assert paths == expected


@pytest.mark.parametrize("path, product", GRANULES)
def test_variables_called_like_what_is_said_of_a_track(
    path: Path, product: products.Product
) -> None:
    """ATL07 and ATL08 have ``rgt`` for each row; it must not vanish behind that of the track."""
    group = product.rate.group
    with h5py.File(path) as file:
        found = [
            below
            for below in ("rgt", "geolocation/rgt")
            if any(f"{track}/{group}/{below}" in file for track in TRACKS)
        ]
        for below in found:
            dataset = cd.open(path, variables=[below])
            (name,) = dataset.data_vars
            np.testing.assert_array_equal(dataset[name], joined(file, f"{group}/{below}"))
            assert dataset.rgt.dims == ("track",)
    if not found:
        pytest.skip("no variable of such a name")


@pytest.mark.parametrize("path, product", GRANULES)
def test_strong_and_weak_beams_of_real_granules(path: Path, product: products.Product) -> None:
    """Strong beams give four times the photons: taking the wrong ones ruins a comparison."""
    with h5py.File(path) as file:
        said = {
            track: np.atleast_1d(file[track].attrs["atlas_beam_type"])[0]
            for track in TRACKS
            if track in file
        }
    for word in ("strong", "weak"):
        expected = [t for t, kind in said.items() if kind in (word, word.encode())]
        if expected:
            chosen = cd.open(path, beams=word)
            assert chosen.beam.values.tolist() == expected
            np.testing.assert_array_equal(chosen.strong, word == "strong")
        else:
            with pytest.raises(SelectionError, match="None of the beams"):
                cd.open(path, beams=word)


@pytest.fixture(scope="module")
def atl06() -> Path:
    """A real ATL06 subset of six beams."""
    return real_files()[ATL06]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The paths of each plan that is read while the test runs."""
    noted: list[list[str]] = []
    read = GranuleFile.read

    def counted(self: GranuleFile, wanted: Any) -> Any:
        noted.append([path for path, _ in wanted])
        return read(self, wanted)

    monkeypatch.setattr(GranuleFile, "read", counted)
    return noted


def test_open_reads_no_value(atl06: Path, reads: list[list[str]]) -> None:
    """Lazy means lazy: neither open nor the repr may fetch a chunk."""
    dataset = cd.open(atl06)
    assert "h_li" in repr(dataset)
    assert dataset._repr_html_()
    assert reads == []


def test_named_variables_are_read_in_one_plan(atl06: Path, reads: list[list[str]]) -> None:
    """``ds.load()`` of named variables is one round, coordinates included."""
    names = ["h_li", "fit_statistics/dh_fit_dx", "segment_id"]
    dataset = cd.open(atl06, variables=names, beams=["gt1l", "gt2r"])
    dataset.load()
    assert len(reads) == 1
    assert len(reads[0]) == 2 * 6


def test_touching_a_named_variable_spares_the_coordinates(
    atl06: Path, reads: list[list[str]]
) -> None:
    """Heights alone must not pay for latitudes."""
    dataset = cd.open(atl06, variables=["h_li", "h_li_sigma"], beams="gt1l")
    dataset.variables["h_li"].load()
    assert [path.rsplit("/", 1)[-1] for path in reads[0]] == ["h_li", "h_li_sigma"]


def test_named_coordinate_brings_the_others(atl06: Path, reads: list[list[str]]) -> None:
    """Heights with their latitudes are one round, the time that comes with them included."""
    names = ["h_li", "latitude", "longitude"]
    cd.open(atl06, variables=names, beams="gt1l")[names].load()
    assert [sorted(path.rsplit("/", 1)[-1] for path in plan) for plan in reads] == [
        ["delta_time", "h_li", "latitude", "longitude"]
    ]


def test_cryo_load_reads_everything_in_one_plan(atl06: Path, reads: list[list[str]]) -> None:
    """The default variables were not named, so they are read one by one, unless asked."""
    dataset = cd.open(atl06, beams="gt1l").isel(segment=slice(5, 50))
    expected = cd.open(atl06, beams="gt1l").load().isel(segment=slice(5, 50))
    reads.clear()
    assert dataset.cryo.load() is dataset
    assert len(reads) == 1
    xr.testing.assert_identical(dataset, expected)
    dataset.load()
    assert len(reads) == 1


@pytest.mark.parametrize(
    "key",
    [
        slice(900, 1000),
        slice(None, None, -7),
        [0, 932, 933, 5000, 6032],
        [5000, 3, 3, 4000],
        np.arange(6033) % 1000 == 999,
        -1,
    ],
    ids=["across beams", "backwards", "sorted", "unsorted", "mask", "last"],
)
def test_rows_across_beams_equal_numpy(atl06: Path, key: Any) -> None:
    """A selection that spans beams must not shift by a row at their borders."""
    rows = np.flatnonzero(key) if isinstance(key, np.ndarray) else key
    dataset = cd.open(atl06).isel(segment=rows)
    with h5py.File(atl06) as file:
        heights = joined(file, "land_ice_segments/h_li")
        latitudes = joined(file, "land_ice_segments/latitude")
    np.testing.assert_array_equal(dataset.h_li.values, heights[rows].astype("f4"))
    np.testing.assert_array_equal(dataset.latitude.values, latitudes[rows])


@pytest.mark.parametrize(
    "name", ["dh_fit_dx", "fit_statistics/dh_fit_dx", "land_ice_segments/fit_statistics/dh_fit_dx"]
)
def test_variables_by_as_much_path_as_one_likes(atl06: Path, name: str) -> None:
    """Nobody should have to know which sub-group holds a variable."""
    dataset = cd.open(atl06, variables=name)
    assert list(dataset.data_vars) == ["dh_fit_dx"]


def test_variables_outside_the_defaults_are_found(atl06: Path) -> None:
    """``h_mean`` is no default, and in a sub-group that its name does not tell."""
    dataset = cd.open(atl06, variables=["h_mean", "default"], beams="gt1r")
    with h5py.File(atl06) as file:
        expected = decoded(file["gt1r/land_ice_segments/fit_statistics/h_mean"])
    np.testing.assert_array_equal(dataset.h_mean, expected.astype("f4"))
    assert "h_li" in dataset


def test_coordinates_in_the_files_own_words() -> None:
    """ATL03 calls its places lat_ph and lon_ph; who asks for these names gets them."""
    dataset = cd.open(real_files()[ATL03], variables=["lat_ph", "delta_time"])
    np.testing.assert_array_equal(dataset.lat_ph, dataset.latitude)
    assert dataset.latitude.attrs["hdf5_path"] == "heights/lat_ph"
    assert dataset.delta_time.dtype == np.dtype("f8")
    assert dataset.delta_time.attrs["units"] == "seconds since 2018-01-01"
    seconds = (dataset.time - EPOCH) / np.timedelta64(1, "s")
    np.testing.assert_allclose(dataset.delta_time, seconds, rtol=0, atol=1e-7)


def test_axis_that_lost_its_scale_has_the_name_of_the_table() -> None:
    """Subset or not, the surface axis of the confidence is called the same."""
    dataset = cd.open(real_files()[ATL03])
    assert dataset.signal_conf_ph.dims == ("photon", "ds_surf_type")


def test_ragged_array_follows_cf(atl06: Path) -> None:
    """Clouddrift and trajan recognise the layout by these attributes."""
    dataset = cd.open(atl06)
    assert dataset.attrs["featureType"] == "trajectory"
    assert dataset.rowSize.attrs["sample_dimension"] == "segment"
    assert dataset.rowSize.sum() == dataset.sizes["segment"]
    roles = [n for n, v in dataset.variables.items() if v.attrs.get("cf_role") == "trajectory_id"]
    assert roles == ["beam"]
    assert set(dataset.coords) == {
        *("time", "latitude", "longitude"),
        *("beam", "spot", "strong", "ascending", "rgt", "cycle", "granule", "rowSize"),
    }
    assert dataset.granule.values.tolist() == ["ATL06_20191106230008_06270503_006_01"] * 6
    assert set(dataset.rgt.values) == {627}
    assert set(dataset.cycle.values) == {5}


def test_written_and_read_again(atl06: Path, tmp_path: Path) -> None:
    """A Dataset that cannot be saved is of little use; times keep their nanoseconds."""
    dataset = cd.open(atl06, beams=["gt1l", "gt3r"])
    path = tmp_path / "saved.nc"
    dataset.to_netcdf(path, engine="h5netcdf")
    with xr.open_dataset(path, engine="h5netcdf") as again:
        for name in dataset.data_vars:
            np.testing.assert_array_equal(again[name], dataset[name])
        difference = np.abs(again.time.values - dataset.time.values)
        assert difference.max() <= np.timedelta64(60, "ns")  # what a double resolves
        np.testing.assert_array_equal(again.strong, dataset.strong)


def test_awaited_dataset_is_the_same(atl06: Path) -> None:
    """A notebook's own event loop can load without blocking."""
    dataset = asyncio.run(cd.open(atl06).isel(segment=slice(None, None, 5)).load_async())
    xr.testing.assert_identical(dataset, cd.open(atl06).isel(segment=slice(None, None, 5)).load())


def test_pickled_dataset_reads_on(atl06: Path) -> None:
    """Multiprocessing sends Datasets around; they must find their granule again."""
    dataset = cd.open(atl06, variables=["h_li", "h_li_sigma"])
    copy = pickle.loads(pickle.dumps(dataset))
    xr.testing.assert_identical(copy.load(), dataset.load())


def test_pickling_asks_for_nothing(tmp_path: Path) -> None:
    """Each task of a graph is pickled, and again by whoever hands it on: no time for a walk."""
    path = atl06_of_sandbox(tmp_path, segments=20_000, beams=("gt1l", "gt2l"))
    dataset = cd.open(path, variables="h_li", options=UNCACHED)
    before = dataset.cryo.receipt
    copy = pickle.loads(pickle.dumps(dataset))
    again = pickle.loads(pickle.dumps(copy))
    assert dataset.cryo.receipt == before
    assert copy.cryo.receipt.requests == again.cryo.receipt.requests == 0
    np.testing.assert_array_equal(again.h_li.values, dataset.h_li.values)


def test_scales_that_one_walk_left_out_are_found_by_the_next(atl06: Path) -> None:
    """Otherwise every later walk looks for them again, and the axes never get their names."""
    path = "/gt1l/land_ice_segments/h_li"
    with GranuleFile(atl06, options=UNCACHED) as file:
        assert not file.walk([path], dims=False).array(path).dims_known
        index = file.walk([path])
        assert index.array(path).dims == (("/gt1l/land_ice_segments/delta_time",),)
        assert index.knows(path)


def test_receipt_counts_and_survives_selection(atl06: Path) -> None:
    """Users look at the price of what they chose, not of what they opened."""
    dataset = cd.open(atl06)
    opened = dataset.cryo.receipt
    assert opened.requests > 0
    assert opened.nbytes > 0
    chosen = dataset[["h_li"]].isel(segment=slice(10))
    chosen.load()
    assert chosen.cryo.receipt.requests >= opened.requests
    with pytest.raises(ConfigurationError, match="does not know"):
        _ = xr.Dataset().cryo.receipt


def test_what_may_stand_for_a_granule(atl06: Path, tmp_path: Path) -> None:
    """Path, text, wildcard, list of one and open file are the same granule."""
    fsspec = pytest.importorskip("fsspec")
    expected = cd.open(atl06).load()
    with fsspec.open(str(atl06)) as opened:
        for what in (str(atl06), [atl06], str(atl06).replace("06270503", "*"), opened):
            xr.testing.assert_identical(cd.open(what).load(), expected)


def test_what_is_no_granule(tmp_path: Path) -> None:
    """Files that cannot be joined must not be cut to the first in silence."""
    for name in ("a.h5", "b.h5"):
        with h5py.File(tmp_path / name, "w") as file:
            file["x"] = [1.0]
    with pytest.raises(ConfigurationError, match=r"cannot be joined(.|\n)*one by one"):
        cd.open(str(tmp_path / "*.h5"))
    with pytest.raises(SelectionError, match="which rows are where"):
        cd.open(tmp_path / "a.h5", time="2023")
    with pytest.raises(ConfigurationError, match="empty"):
        cd.open([])
    with pytest.raises(NotFoundError, match="matches"):
        cd.open(str(tmp_path / "*.nc"))
    with pytest.raises(NotFoundError):
        cd.open(tmp_path / "absent.h5")


def test_a_file_whose_name_looks_like_a_wildcard(atl06: Path, tmp_path: Path) -> None:
    """Brackets are legal in names, and the file that is there is the one meant."""
    path = tmp_path / "granule[1].h5"
    path.write_bytes(atl06.read_bytes())
    assert cd.open(path).sizes["track"] == 6


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"beams": "gt4l"}, SelectionError, "has no beam 'gt4l'"),
        ({"beams": ["gt1l", "strnog"]}, SelectionError, '"strong"'),
        ({"beams": []}, SelectionError, "names none"),
        ({"variables": "h_l"}, UnknownVariableError, "h_li"),
        ({"variables": "fit_statistics/h_li"}, UnknownVariableError, "h_li"),
        ({"variables": "lat_mean"}, UnknownVariableError, "lat_mean"),
        ({"variables": "segment_quality/segment_id"}, SelectionError, "open_tree"),
        ({"region": (69, -50, 70, -48)}, RegionError, "lat"),
        ({"time": "May 2023"}, SelectionError, "no time"),
        ({"access": "sideways"}, ConfigurationError, "direct"),
        ({"cycle": 12}, NothingFoundError, "none of 1"),
        ({"on_missing": "ignore"}, ConfigurationError, "on_missing"),
        ({"chunks": {"photon": 5}}, ConfigurationError, "only segment is cut"),
        ({"chunks": 0}, ConfigurationError, "no length"),
        ({"engine": "magic"}, ConfigurationError, "magic"),
    ],
)
def test_mistakes_are_answered(
    atl06: Path, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Each says what was got and what to do."""
    with pytest.raises(error, match=message):
        cd.open(atl06, **settings)


def test_variables_of_another_rate() -> None:
    """20 m segments among photons would be a silent misalignment."""
    path = real_files()[ATL03]
    for name in ("segment_ph_cnt", "geolocation/segment_ph_cnt"):
        with pytest.raises(SelectionError, match=r"other rows than photon(.|\n)*open_tree"):
            cd.open(path, variables=["h_ph", name])


def test_absent_beams(tmp_path: Path) -> None:
    """A beam that is asked for by name and is not there is an error, unless told otherwise."""
    path = real_files()[ATL03]
    with pytest.raises(SelectionError, match=r"gt2r is not in this granule(.|\n)*It has gt1l"):
        cd.open(path, beams=["gt1l", "gt2r"])
    assert cd.open(path, beams=["gt1l", "gt2r"], on_missing="skip").beam.values.tolist() == ["gt1l"]
    with pytest.raises(SelectionError, match="None of the beams"):
        cd.open(path, beams="gt2r", on_missing="skip")


def test_absent_variables_can_be_skipped(atl06: Path) -> None:
    """``on_missing="skip"`` keeps what there is."""
    dataset = cd.open(atl06, variables=["h_li", "no_such"], on_missing="skip")
    assert list(dataset.data_vars) == ["h_li"]


def make_granule(path: Path, rows: dict[str, int], **attributes: Any) -> h5py.File:
    """A small ATL06 with one variable, to be changed by the test."""
    file = h5py.File(path, "w")
    file.attrs["short_name"] = "ATL06"
    for i, (track, count) in enumerate(rows.items()):
        group = file.create_group(f"{track}/land_ice_segments")
        group.parent.attrs.update({"atlas_spot_number": "6"} | attributes)
        for name in ("delta_time", "latitude", "longitude", "h_li"):
            group[name] = np.arange(count) + 100.0 * i
    return file


def test_empty_and_absent_beams_among_others(tmp_path: Path) -> None:
    """A beam without rows keeps its place among the tracks; a beam without group has none."""
    path = tmp_path / "granule.h5"
    with make_granule(path, {"gt1l": 3, "gt2l": 0, "gt3r": 2}) as file:
        del file["gt2l/land_ice_segments"]
        file.create_group("gt2r/land_ice_segments")
    dataset = cd.open(path)
    assert dataset.beam.values.tolist() == ["gt1l", "gt2l", "gt2r", "gt3r"]
    assert dataset.rowSize.values.tolist() == [3, 0, 0, 2]
    np.testing.assert_array_equal(dataset.h_li, [0, 1, 2, 200, 201])


def test_granule_without_any_row(tmp_path: Path) -> None:
    """An empty subset is a normal answer of a subsetter."""
    path = tmp_path / "granule.h5"
    make_granule(path, {"gt1l": 0, "gt1r": 0}).close()
    dataset = cd.open(path, options=UNCACHED)
    assert dataset.rowSize.values.tolist() == [0, 0]
    assert dataset.h_li.shape == (0,)
    assert dataset.time.values.dtype == np.dtype("M8[ns]")
    with h5py.File(path, "r+") as file:
        for track in ("gt1l", "gt1r"):
            del file[f"{track}/land_ice_segments"]
    assert cd.open(path, options=UNCACHED).rowSize.values.tolist() == [0, 0]


def test_file_of_another_product_is_not_read_with_this_table(tmp_path: Path) -> None:
    """A name can lie; the file's own short_name decides."""
    path = tmp_path / "ATL03_20191106230008_06270503_006_01.h5"
    make_granule(path, {"gt1l": 3}).close()
    assert cd.open(path, options=UNCACHED).h_li.dims == ("segment",)
    with h5py.File(path, "r+") as file:
        file.attrs["short_name"] = "ATL99"
        file["at_root"] = np.arange(3)
    assert list(cd.open(path, options=UNCACHED).data_vars) == ["at_root"]


def test_orientation_is_asked_where_beams_do_not_say(tmp_path: Path) -> None:
    """Subsetters drop group attributes; the orientation then tells strong from weak."""
    path = tmp_path / "granule.h5"
    with make_granule(path, {"gt1l": 2, "gt1r": 2}, atlas_spot_number="") as file:
        file["orbit_info/sc_orient"] = np.array([1], "i1")
    dataset = cd.open(path, options=UNCACHED)
    assert dataset.spot.values.tolist() == [6, 5]
    assert dataset.strong.values.tolist() == [False, True]
    with h5py.File(path, "r+") as file:
        file["orbit_info/sc_orient"][:] = 0
    backward = cd.open(path, beams="strong", options=UNCACHED)
    assert backward.beam.values.tolist() == ["gt1l"]


@pytest.mark.parametrize("sc_orient", [[2], [1, 0], [0, 2, 1]])
def test_turning_spacecraft_leaves_strength_open(tmp_path: Path, sc_orient: list[int]) -> None:
    """While the spacecraft turns, calling a beam strong would be wrong for half the rows."""
    path = tmp_path / "granule.h5"
    with make_granule(path, {"gt1l": 2, "gt1r": 2}, sc_orientation="Transition") as file:
        file["orbit_info/sc_orient"] = np.array(sc_orient, "i1")
    dataset = cd.open(path)
    assert dataset.spot.values.tolist() == [0, 0]
    assert dataset.strong.values.tolist() == [False, False]
    with pytest.raises(SelectionError, match=r"was turning(.|\n)*beams="):
        cd.open(path, beams="strong")
    with pytest.raises(SelectionError, match="None of the beams"):
        cd.open(path, beams="strong", on_missing="skip")


def test_renamed_granule_tells_its_orbit(tmp_path: Path) -> None:
    """Under a name of the user's, track and cycle come from inside the file."""
    path = tmp_path / "mine.h5"
    with make_granule(path, {"gt1l": 2}) as file:
        file["orbit_info/rgt"] = np.array([150], "i2")
        file["orbit_info/cycle_number"] = np.array([15], "i1")
    dataset = cd.open(path, options=UNCACHED)
    assert (dataset.rgt.item(), dataset.cycle.item()) == (150, 15)
    assert dataset.granule.item() == "mine.h5"
    with h5py.File(path, "r+") as file:
        identification = file.create_group("METADATA/DatasetIdentification")
        identification.attrs["fileName"] = "ATL06_20191106230008_06270503_006_01.h5"
    dataset = cd.open(path, options=UNCACHED)
    assert (dataset.rgt.item(), dataset.cycle.item()) == (627, 5)
    assert dataset.granule.item() == "ATL06_20191106230008_06270503_006_01"


def test_variable_missing_on_one_beam(tmp_path: Path) -> None:
    """Rows without a value must not be filled or shifted in silence."""
    path = tmp_path / "granule.h5"
    with make_granule(path, {"gt1l": 2, "gt1r": 3}) as file:
        del file["gt1r/land_ice_segments/h_li"]
    with pytest.raises(SelectionError, match=r"missing on gt1r(.|\n)*\['gt1l'\]"):
        cd.open(path, variables="h_li")
    with pytest.warns(UserWarning, match="missing on gt1r"):
        dataset = cd.open(path)
    assert "h_li" not in dataset
    assert cd.open(path, variables="h_li", beams="gt1l").h_li.size == 2


def test_beams_with_different_fill_values_are_not_joined(tmp_path: Path) -> None:
    """One fill value masks one beam only: the other's would pass as heights."""
    path = tmp_path / "granule.h5"
    with make_granule(path, {"gt1l": 2, "gt1r": 3}) as file:
        file["gt1l/land_ice_segments/h_li"].attrs["_FillValue"] = -1.0
    with pytest.raises(FormatError, match=r"another _FillValue(.|\n)*by themselves"):
        cd.open(path)


def test_fill_becomes_nan_and_nat(tmp_path: Path) -> None:
    """A fill value of 1e38 in a mean is the classic mistake."""
    path = tmp_path / "granule.h5"
    with make_granule(path, {"gt1l": 3}) as file:
        for name in ("h_li", "delta_time"):
            file[f"gt1l/land_ice_segments/{name}"].attrs["_FillValue"] = 1.0
    dataset = cd.open(path)
    np.testing.assert_array_equal(dataset.h_li, [0.0, np.nan, 2.0])
    np.testing.assert_array_equal(np.isnat(dataset.time), [False, True, False])


def test_generic_files_open_as_xarray_would(tmp_path: Path) -> None:
    """Any netCDF: the same as xarray with the engine."""
    path = real_files()["SC_SPL3FTP_004_Polar_prefetch.nc4"]
    expected = xr.open_dataset(path, engine="cryodata")
    if not expected.variables:
        path = real_files()["ATL16_variables.opendap_subset.nc4"]
        expected = xr.open_dataset(path, engine="cryodata")
    dataset = cd.open(path)
    xr.testing.assert_identical(dataset, expected)
    assert dataset.cryo.receipt.requests > 0
    name = str(next(iter(expected.data_vars)))
    assert list(cd.open(path, variables=name).data_vars) == [name]
    with pytest.raises(UnknownVariableError, match=name):
        cd.open(path, variables=name + "x")
    with pytest.raises(SelectionError, match="no beams"):
        cd.open(path, beams="strong")


def test_generic_file_with_groups_only(tmp_path: Path) -> None:
    """An empty answer says where the rest is."""
    path = tmp_path / "groups.h5"
    with h5py.File(path, "w") as file:
        file["group/v"] = np.arange(3)
    with pytest.warns(UserWarning, match="open_tree"):
        assert not cd.open(path).variables


@pytest.mark.parametrize("chunks", [{}, 700, "auto", {"segment": -1}, {"segment": 300}])
def test_dask_arrays_hold_the_same_values(atl06: Path, chunks: Any) -> None:
    """Chunking may change when values are read, never which."""
    pytest.importorskip("dask.array")
    dataset = cd.open(atl06, chunks=chunks)
    assert all(v.chunks for v in dataset.data_vars.values())
    xr.testing.assert_identical(dataset.compute(), cd.open(atl06).load())


def test_dask_keys_are_the_same_in_every_process(atl06: Path) -> None:
    """Equal keys let dask reuse what it has; other beams must have other keys."""
    pytest.importorskip("dask.array")
    first, second = cd.open(atl06, chunks={}), cd.open(atl06, chunks={})
    assert first.h_li.data.name == second.h_li.data.name
    assert first.h_li.data.name != cd.open(atl06, chunks={}, beams="strong").h_li.data.name
    assert first.h_li.data.name != first.h_li_sigma.data.name


def test_dask_graph_is_small_and_holds_no_values(atl06: Path) -> None:
    """A graph of a hundred granules travels to every worker: it must not carry the index."""
    pytest.importorskip("dask.array")
    dataset = cd.open(atl06, chunks={})
    assert len(pickle.dumps(dict(dataset.h_li.data.dask))) < 20_000
    copy = pickle.loads(pickle.dumps(dataset.h_li.data))
    np.testing.assert_array_equal(copy.compute(scheduler="synchronous"), dataset.h_li.values)


def test_closing_gives_connections_back(atl06: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After ``with`` nothing is open, nor after an open that failed."""
    closed: list[str] = []
    close = GranuleFile.close

    def noted(self: GranuleFile) -> None:
        closed.append(self.url)
        close(self)

    monkeypatch.setattr(GranuleFile, "close", noted)
    every: list[dict[str, Any]] = [{}, {"chunks": {}}]
    for settings in every:
        closed.clear()
        with cd.open(atl06, **settings):
            assert closed == []
        assert closed == [str(atl06)]
    closed.clear()
    with pytest.raises(SelectionError):
        cd.open(atl06, beams="gt9l")
    assert closed == [str(atl06)]
