"""Synthetic granules are laid out as the real ones, and are what they say they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cryodata.errors import ConfigurationError, SelectionError
from cryodata.sandbox.granules import BEAMS, atl03, atl06
from tests.real import SHARED

ORIGINAL = "icesat2/ATL06_20181013235645_02340114_209_01.ORIGINAL.h5"
SUBSET = "ATL03_20181014002445_02350104_006_02.gt1l_bbox_subset.h5"
CHANGED_SINCE_209 = {"n_seg_pulses", "dh", "count", "bin_top_h"}
"""Variables of ATL06 that release 006 has otherwise than the original of release 209."""


SIZE: dict[Callable[..., Path], str] = {atl03: "photons", atl06: "segments"}
"""How each writer calls the size of its granule."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Granules are made once for all tests here."""
    return tmp_path_factory.mktemp("granules")


def datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    found: dict[str, h5py.Dataset] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item

    file.visititems(note)
    return found


def layout(dataset: h5py.Dataset) -> int:
    return int(dataset.id.get_create_plist().get_layout())


def superblock(path: Path) -> int:
    return path.read_bytes()[8]


def test_atl06_has_the_structure_of_an_original(folder: Path) -> None:
    """A reader tuned on the synthetic file would meet another structure in the real one."""
    if not SHARED.is_dir():
        pytest.skip("no original granule beside the project")
    path = atl06(folder, segments=300)
    with h5py.File(SHARED / ORIGINAL) as real, h5py.File(path) as made:
        ours, theirs = datasets(made), datasets(real)
        expected = {name for name in theirs if name.rpartition("/")[2] not in CHANGED_SINCE_209}
        assert expected <= set(ours)
        for name in sorted(expected):
            a, b = ours[name], theirs[name]
            assert (a.dtype, a.chunks, a.maxshape, a.compression_opts, a.shuffle) == (
                b.dtype,
                b.chunks,
                b.maxshape,
                b.compression_opts,
                b.shuffle,
            ), name
            assert a.fillvalue == b.fillvalue, name
            assert layout(a) == layout(b), name
            assert a.is_scale == b.is_scale, name
            assert a.attrs.get("units") == b.attrs.get("units"), name
        groups = [f"gt{n}{side}" for n in "123" for side in "lr"]
        for beam in groups:
            assert (
                dict(made[beam].attrs)["atlas_spot_number"]
                == (real[beam].attrs["atlas_spot_number"])
            )
    assert superblock(path) == superblock(SHARED / ORIGINAL) == 0
    raw, original = path.read_bytes(), (SHARED / ORIGINAL).read_bytes()
    for signature in (b"SNOD", b"HEAP"):
        assert raw.count(signature) == original.count(signature) == 0
    assert abs(raw.count(b"OHDR") - original.count(b"OHDR")) < 5
    assert abs(raw.count(b"FRHP") - original.count(b"FRHP")) < 5


def test_atl03_has_the_structure_of_a_subset(folder: Path) -> None:
    """As above, for photons; the subsetter keeps dtypes, chunks, filters and fill."""
    real_path = Path(__file__).parents[1] / "data" / SUBSET
    with (
        h5py.File(real_path) as real,
        h5py.File(atl03(folder, photons=5000, beams=("gt1l",))) as made,
    ):
        ours, theirs = datasets(made), datasets(real)
        names = [name for name in theirs if name.startswith("gt1l/")]
        assert len(names) == 80
        for name in names:
            a, b = ours[name], theirs[name]
            assert (a.dtype, a.chunks, a.compression_opts, a.shuffle) == (
                b.dtype,
                b.chunks,
                b.compression_opts,
                b.shuffle,
            ), name
            assert a.fillvalue == b.fillvalue, name
            assert ("_FillValue" in a.attrs) == ("_FillValue" in b.attrs), name
            assert a.attrs.get("coordinates") == b.attrs.get("coordinates"), name


@pytest.mark.parametrize("make", [atl03, atl06])
def test_says_that_it_is_synthetic(folder: Path, make: Callable[..., Path]) -> None:
    """Somebody would take it for NASA's."""
    with h5py.File(make(folder, seed=5, beams=(), **{SIZE[make]: 1})) as file:
        assert file.attrs["synthetic"] == b"cryodata sandbox, seed 5"
        assert b"synthetic" in file.attrs["institution"]


def test_names_times_and_orbit_agree(folder: Path) -> None:
    """Times, tracks or cycles would be read from a file that contradicts itself."""
    path = atl06(folder, segments=500, rgt=234, cycle=1, beams=("gt2r",))
    with h5py.File(path) as file:
        assert path.name.startswith("ATL06_20181013")
        assert path.name.endswith("_02340103_006_01.h5")
        assert file["METADATA/DatasetIdentification"].attrs["fileName"] == path.name.encode()
        assert file["orbit_info/orbit_number"][0] == 435  # as in the real granule
        info = {
            name: item[0] for name, item in file["ancillary_data"].items() if name != "land_ice"
        }
        assert (info["start_rgt"], info["start_cycle"], info["start_region"]) == (234, 1, 3)
        assert len(info["control"]) == file["ancillary_data/control"].dtype.itemsize == 100_000
        began = np.datetime64(info["data_start_utc"].decode().rstrip("Z"), "us")
        since = (began - np.datetime64("2018-01-01", "us")) / np.timedelta64(1, "s")
        assert since == pytest.approx(info["start_delta_time"], abs=1e-5)
        time = file["gt2r/land_ice_segments/delta_time"][()]
        assert (np.diff(time) > 0).all()
        assert info["start_delta_time"] <= time[0] < time[-1] <= info["end_delta_time"] + 1


def test_beams(folder: Path) -> None:
    """Strong and weak beams would be confused, missing and empty ones never met."""
    path = atl06(folder, segments=50, beams=("gt1l", "gt1r", "gt3l"), empty=("gt3l",))
    with h5py.File(path) as file:
        assert [name for name in file if name.startswith("gt")] == ["gt1l", "gt1r", "gt3l"]
        assert file["gt1l"].attrs["atlas_beam_type"] == b"weak"
        assert file["gt1r"].attrs["atlas_beam_type"] == b"strong"
        assert not [n for n in datasets(file) if n.startswith("gt3l")]
        assert "land_ice_segments" in file["gt3l"]
    with pytest.raises(SelectionError, match="gt4l"):
        atl06(folder, beams=("gt4l",))


def test_atl06_values(folder: Path) -> None:
    """Fill, quality and positions would not mean what they mean in real data."""
    with h5py.File(atl06(folder, segments=3000, beams=("gt1l", "gt1r"))) as file:
        left, right = (file[f"{beam}/land_ice_segments"] for beam in ("gt1l", "gt1r"))
        assert (left["segment_id"][()] == right["segment_id"][()]).all()
        assert (np.diff(left["segment_id"]) > 0).all()
        assert (np.diff(left["segment_id"]) > 1).any()
        latitude = left["latitude"][()]
        assert (np.diff(latitude) > 0).all()
        assert latitude[0] == pytest.approx(59.5, abs=0.05)
        height = left["h_li"][()]
        fill = height == left["h_li"].attrs["_FillValue"]
        assert 0 < fill.mean() < 0.15
        assert (left["atl06_quality_summary"][()][fill] == 1).all()
        assert (np.abs(height[~fill]) < 6000).all()
        across = right["ground_track/y_atc"][0] - left["ground_track/y_atc"][0]
        assert across == pytest.approx(90, abs=2)
        assert left["delta_time"].is_scale
        assert left["fit_statistics/h_mean"].dims[0][0] == left["delta_time"]
        assert file["gt1l/residual_histogram/count"].shape == (300, 748)
        assert file["gt1l/segment_quality/segment_id"].shape > left["segment_id"].shape


def test_atl03_photons_belong_to_segments(folder: Path) -> None:
    """The link between photons and segments would be wrong, or have no empty segments."""
    with h5py.File(atl03(folder, photons=20_000, beams=("gt1l", "gt1r"))) as file:
        for beam, expected in (("gt1r", 20_000), ("gt1l", 12_000)):
            heights, geolocation = file[f"{beam}/heights"], file[f"{beam}/geolocation"]
            assert len(heights["h_ph"]) == expected
            count, first = geolocation["segment_ph_cnt"][()], geolocation["ph_index_beg"][()]
            assert count.sum() == expected
            assert (first[count == 0] == 0).all()
            assert (count == 0).any()
            assert (first[count > 0] == 1 + (np.cumsum(count) - count)[count > 0]).all()
            time = heights["delta_time"][()]
            assert (np.diff(time) >= 0).all()
            assert (np.diff(time) == 0).any()  # photons of one pulse
            segment = np.repeat(np.arange(len(count)), count)
            begins = geolocation["delta_time"][()]
            assert (time >= begins[segment] - 1e-4).all()
            along = heights["dist_ph_along"][()]
            assert ((along >= 0) & (along < 21)).all()
            assert set(np.unique(heights["signal_conf_ph"][:, 1])) == {-1}
            assert set(np.unique(heights["signal_conf_ph"][:, 3])) == {0, 1, 2, 3, 4}


def test_chunks_lie_mixed(folder: Path) -> None:
    """Merging of ranges would be tested on chunks that happen to lie in order."""
    with h5py.File(atl03(folder, photons=200_000, beams=("gt1l", "gt1r"))) as file:
        spans = []
        ascending, pairs = 0, 0
        for beam in ("gt1l", "gt1r"):
            dataset = file[f"{beam}/heights/h_ph"].id
            chunks = [dataset.get_chunk_info(i) for i in range(dataset.get_num_chunks())]
            chunks.sort(key=lambda c: c.chunk_offset)
            offsets = np.array([c.byte_offset for c in chunks])
            spans.append((offsets.min(), offsets.max()))
            ascending += int((np.diff(offsets) > 0).sum())
            pairs += len(offsets) - 1
        assert spans[0][0] < spans[1][0] < spans[0][1] < spans[1][1]  # the beams overlap
        assert 0.4 < ascending / pairs < 0.9


STORED: dict[Callable[..., Path], dict[str, float]] = {
    atl03: {
        "heights/h_ph": 3.25,
        "heights/dist_ph_along": 3.55,
        "heights/lat_ph": 4.80,
        "heights/lon_ph": 4.82,
        "heights/delta_time": 0.58,
        "heights/signal_conf_ph": 0.138,
    },
    atl06: {
        "land_ice_segments/latitude": 6.25,
        "land_ice_segments/longitude": 6.3,
        "land_ice_segments/ground_track/x_atc": 6.2,
        "land_ice_segments/delta_time": 4.1,
        "land_ice_segments/fit_statistics/dh_fit_dx": 3.9,
        "land_ice_segments/h_li_sigma": 3.8,
        "land_ice_segments/sigma_geo_h": 3.7,
        "land_ice_segments/h_li": 3.5,
        "land_ice_segments/ground_track/y_atc": 2.2,
        "land_ice_segments/fit_statistics/n_fit_photons": 0.88,
    },
}
"""Stored bytes per row of real granules: all beams of an ATL03 of release 005, and a weak beam
of an ATL06 of release 006."""


@pytest.mark.parametrize("make", STORED)
def test_compresses_like_the_real_ones(folder: Path, make: Callable[..., Path]) -> None:
    """Bytes and decoding time would be measured on files larger or smaller than real ones."""
    beam = "gt1r" if make is atl03 else "gt1l"
    with h5py.File(make(folder, beams=(beam,), **{SIZE[make]: 50_000})) as file:
        for name, real in STORED[make].items():
            dataset = file[f"{beam}/{name}"]
            stored = dataset.id.get_storage_size() / len(dataset)
            assert stored == pytest.approx(real, rel=0.15), name


def test_release_007_is_paged(folder: Path) -> None:
    """The layout that NSIDC made for the cloud would not be tested."""
    path = atl03(folder, photons=250_000, release="007", beams=("gt1r",))
    page = 8 << 20
    assert superblock(path) == 2
    assert path.stat().st_size % page == 0
    with h5py.File(path) as file:
        creation = file.id.get_create_plist()
        assert creation.get_file_space_page_size() == page
        assert file["gt1r/heights/h_ph"].chunks == (100_000,)
        assert file["gt1r/heights/signal_class_ph"].dtype == np.int8
        assert file["gt1r/heights/weight_ph"].dtype == np.uint16
        assert all(layout(d) != h5py.h5d.COMPACT for d in datasets(file).values())
    with h5py.File(atl06(folder, segments=100, release="007", beams=("gt1r",))) as file:
        chunk = file["gt1r/residual_histogram/count"].chunks
        assert chunk[0] * chunk[1] * 4 <= page
    with pytest.raises(ConfigurationError, match="006"):
        atl06(folder, release="06")


def test_same_arguments_same_file(folder: Path, tmp_path: Path) -> None:
    """A measurement could not be repeated, or would make its granule each time."""
    small: dict[str, Any] = {"segments": 40, "beams": ("gt1l",)}
    first = atl06(folder, **small)
    stamp = first.stat().st_mtime_ns
    assert atl06(folder, **small) == first
    assert first.stat().st_mtime_ns == stamp
    again = atl06(tmp_path, **small)
    assert again.name == first.name
    other = atl06(folder, seed=1, **small)
    with h5py.File(first) as a, h5py.File(again) as b, h5py.File(other) as c:
        height = "gt1l/land_ice_segments/h_li"
        assert (a[height][()] == b[height][()]).all()
        assert (a[height][()] != c[height][()]).any()


@pytest.mark.parametrize("region", [3, 4])
@pytest.mark.parametrize("make", [atl03, atl06])
def test_one_row(folder: Path, make: Callable[..., Path], region: int) -> None:
    """The smallest granule would fail to be made."""
    beam = BEAMS[region]
    with h5py.File(make(folder, region=region, beams=(beam,), **{SIZE[make]: 1})) as file:
        rows = {len(d) for name, d in datasets(file).items() if name.startswith(f"{beam}/")}
        assert 1 in rows


def test_over_the_pole(folder: Path) -> None:
    """Latitude would always rise, as it does not in region 04."""
    path = atl06(folder, segments=60_000, region=4, beams=("gt2l",))
    with h5py.File(path) as file:
        latitude = file["gt2l/land_ice_segments/latitude"][()]
        assert latitude.max() == pytest.approx(88.0, abs=0.1)
        assert latitude[-1] < latitude.max() - 0.5
