"""Rows by place, time and condition equal those of read-everything-then-filter, from h5py."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cryodata as cd
from cryodata.granule import GranuleFile
from cryodata.options import Options
from cryodata.sandbox.granules import atl03, atl06
from cryodata.types import AnyArray
from tests.real import SHARED, real_files
from tests.rechunked import rechunked

BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")
EPOCH = np.datetime64("2018-01-01T00:00:00", "ns")


@dataclass(frozen=True)
class Layout:
    """Where a product keeps its rows, told to the reference apart from our tables."""

    group: str
    latitude: str
    longitude: str
    variables: Mapping[str, str]


ATL06 = Layout(
    "land_ice_segments",
    "latitude",
    "longitude",
    {
        "h_li": "h_li",
        "h_li_sigma": "h_li_sigma",
        "atl06_quality_summary": "atl06_quality_summary",
        "segment_id": "segment_id",
        "x_atc": "ground_track/x_atc",
    },
)
ATL03 = Layout(
    "heights",
    "lat_ph",
    "lon_ph",
    {"h_ph": "h_ph", "quality_ph": "quality_ph", "conf": "signal_conf_ph"},
)


ATL07 = Layout(
    "sea_ice_segments",
    "latitude",
    "longitude",
    {
        "height_segment_height": "heights/height_segment_height",
        "height_segment_quality": "heights/height_segment_quality",
        "seg_dist_x": "seg_dist_x",
    },
)
ATL08 = Layout(
    "land_segments",
    "latitude",
    "longitude",
    {
        "h_te_best_fit": "terrain/h_te_best_fit",
        "night_flag": "night_flag",
        "segment_id_beg": "segment_id_beg",
    },
)


@dataclass(frozen=True)
class Reference:
    """All rows of some granules, read whole with h5py."""

    latitude: AnyArray
    longitude: AnyArray
    time: AnyArray
    track: AnyArray
    beams: tuple[tuple[str, str], ...]
    values: Mapping[str, AnyArray]

    @classmethod
    def of(cls, paths: list[Path], layout: Layout) -> Reference:
        """All beams of all granules, those without rows as tracks of none."""
        columns: dict[str, list[AnyArray]] = {}
        track: list[AnyArray] = []
        beams: list[tuple[str, str]] = []
        for path in paths:
            with h5py.File(path) as file:
                name = named(path)
                for beam in (b for b in BEAMS if b in file):
                    group = file[beam].get(layout.group)
                    count = len(group[layout.latitude]) if group and layout.latitude in group else 0
                    track.append(np.full(count, len(beams)))
                    beams.append((name, beam))
                    if count:
                        paths_of = {"lat": layout.latitude, "lon": layout.longitude}
                        paths_of |= {"t": "delta_time", **layout.variables}
                        for key, below in paths_of.items():
                            columns.setdefault(key, []).append(decoded(group[below]))
        joined = {key: np.concatenate(parts) for key, parts in columns.items()}
        time = EPOCH + np.round(joined.pop("t") * 1e9).astype("m8[ns]")
        return cls(
            joined.pop("lat"), joined.pop("lon"), time, np.concatenate(track), tuple(beams), joined
        )

    def check(self, ds: Any, inside: AnyArray, names: Mapping[str, str]) -> None:
        """A Dataset holds the rows inside and no others, of every variable, under their tracks."""
        assert ds.latitude.size == np.count_nonzero(inside)
        np.testing.assert_array_equal(ds.latitude.values, self.latitude[inside])
        np.testing.assert_array_equal(ds.longitude.values, self.longitude[inside])
        apart = np.abs((ds.time.values - self.time[inside]).astype(int))
        assert apart.max(initial=0) <= 100  # the file's doubles resolve no more
        for name, key in names.items():
            np.testing.assert_array_equal(ds[name].values.astype("f8"), self.values[key][inside])
        kept, sizes = np.unique(self.track[inside], return_counts=True)
        assert ds.rowSize.values.tolist() == sizes.tolist()
        found = list(zip(ds.granule.values.tolist(), ds.beam.values.tolist(), strict=True))
        assert found == [self.beams[i] for i in kept]


def named(path: Path) -> str:
    """What the granule was called by its producer; the whole name where that is lost."""
    name = path.name.removeprefix("processed_").split(".")[0]
    return path.name if path.name.startswith("ATL08_20") else name


def decoded(dataset: h5py.Dataset) -> AnyArray:
    """Values as numbers, fill as NaN."""
    stored = dataset[()]
    values = stored.astype("f8")
    if "_FillValue" in dataset.attrs:
        values[stored == np.ravel(dataset.attrs["_FillValue"])[0]] = np.nan
    return np.asarray(values)


Condition = tuple[str, Callable[[Mapping[str, AnyArray]], AnyArray]]
"""What is asked of cryodata, and the same in numpy."""


def conditions_atl06(draw: st.DrawFn, reference: Reference) -> Condition:
    share = draw(st.floats(0.02, 0.98))
    sigma = float(np.float32(np.nanquantile(reference.values["h_li_sigma"], share)))
    height = float(np.float32(np.nanquantile(reference.values["h_li"], share)))
    x = float(np.nanquantile(reference.values["x_atc"], share))
    found: Condition = draw(
        st.sampled_from(
            [
                (f"h_li_sigma < {sigma!r}", lambda v: v["h_li_sigma"] < sigma),
                (f"not (h_li_sigma < {sigma!r})", lambda v: ~(v["h_li_sigma"] < sigma)),
                (
                    "atl06_quality_summary == 'best_quality'",
                    lambda v: v["atl06_quality_summary"] == 0,
                ),
                (
                    f"`ground_track/x_atc` > {x!r} and atl06_quality_summary != 0",
                    lambda v: (v["x_atc"] > x) & (v["atl06_quality_summary"] != 0),
                ),
                (
                    f"x_atc <= {x!r} or h_li > {height!r}",
                    lambda v: (v["x_atc"] <= x) | (v["h_li"] > height),
                ),
            ]
        )
    )
    return found


def conditions_atl03(draw: st.DrawFn, reference: Reference) -> Condition:
    share = draw(st.floats(0.02, 0.98))
    height = float(np.float32(np.nanquantile(reference.values["h_ph"], share)))
    found: Condition = draw(
        st.sampled_from(
            [
                ("signal_conf_land_ice >= 'medium'", lambda v: v["conf"][:, 3] >= 3),
                (
                    f"h_ph < {height!r} and quality_ph == 'nominal'",
                    lambda v: (v["h_ph"] < height) & (v["quality_ph"] == 0),
                ),
                (
                    "signal_conf_ocean in ('noise', 'buffer') or signal_conf_land == 4",
                    lambda v: np.isin(v["conf"][:, 1], [0, 1]) | (v["conf"][:, 0] == 4),
                ),
            ]
        )
    )
    return found


def conditions_atl07(draw: st.DrawFn, reference: Reference) -> Condition:
    share = draw(st.floats(0.02, 0.98))
    height = float(np.float32(np.nanquantile(reference.values["height_segment_height"], share)))
    found: Condition = draw(
        st.sampled_from(
            [
                ("height_segment_quality == 1", lambda v: v["height_segment_quality"] == 1),
                (
                    f"not (height_segment_height >= {height!r})",
                    lambda v: ~(v["height_segment_height"] >= height),
                ),
            ]
        )
    )
    return found


def conditions_atl08(draw: st.DrawFn, reference: Reference) -> Condition:
    share = draw(st.floats(0.02, 0.98))
    height = float(np.float32(np.nanquantile(reference.values["h_te_best_fit"], share)))
    found: Condition = draw(
        st.sampled_from(
            [
                ("night_flag == 'night'", lambda v: v["night_flag"] == 1),
                (f"h_te_best_fit > {height!r}", lambda v: v["h_te_best_fit"] > height),
            ]
        )
    )
    return found


@dataclass(frozen=True)
class Case:
    """Granules of one product and their reference."""

    paths: list[Path]
    reference: Reference
    layout: Layout
    names: Mapping[str, str]
    conditions: Callable[[st.DrawFn, Reference], Condition]
    cache: Path


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """Real and synthetic granules; the latter with many chunks a track."""
    made = tmp_path_factory.mktemp("made")
    small = tmp_path_factory.mktemp("small")
    atl06s = [
        atl06(made, segments=1500, seed=1, rgt=50, cycle=4),
        atl06(made, segments=1100, seed=2, rgt=50, cycle=5, beams=BEAMS[:4] + BEAMS[5:]),
        atl06(made, segments=700, seed=3, rgt=51, cycle=4, empty=("gt1r",), region=4),
    ]
    atl03s = [
        atl03(made, photons=6000, seed=1, rgt=50, cycle=4, beams=("gt1l", "gt1r", "gt3l")),
        atl03(made, photons=4000, seed=2, rgt=51, cycle=4, beams=("gt2r",)),
    ]
    real = [path for path in real_files().values() if "ATL06_20" in path.name]
    ice = [path for path in real_files().values() if "ATL07-01_20" in path.name]
    land = [path for path in real_files().values() if path.name.startswith("ATL08_20")]
    photons = [path for path in real_files().values() if "gt1l_bbox_subset" in path.name]
    names06 = {n: n for n in ("h_li", "h_li_sigma", "atl06_quality_summary", "segment_id", "x_atc")}
    names03 = {"h_ph": "h_ph", "quality_ph": "quality_ph"}
    files = {
        "synthetic ATL06": ([rechunked(p, small, 97, ATL06.group) for p in atl06s], ATL06, names06),
        "real ATL06": (real, ATL06, names06),
        "synthetic ATL03": ([rechunked(p, small, 500, "heights") for p in atl03s], ATL03, names03),
        "real ATL03": (photons, ATL03, names03),
        "real ATL07": (ice, ATL07, {name: name for name in ATL07.variables}),
        "real ATL08": (land, ATL08, {name: name for name in ATL08.variables}),
    }
    conditions = {"ATL06": conditions_atl06, "ATL03": conditions_atl03}
    conditions |= {"ATL07": conditions_atl07, "ATL08": conditions_atl08}
    return {
        name: Case(
            paths,
            Reference.of(paths, layout),
            layout,
            names,
            conditions[name[-5:]],
            tmp_path_factory.mktemp("cache"),
        )
        for name, (paths, layout, names) in files.items()
        if paths
    }


@st.composite
def questions(draw: st.DrawFn, case: Case) -> tuple[dict[str, Any], AnyArray]:
    """Arguments of `open`, and which rows of the reference they mean."""
    reference = case.reference
    asked: dict[str, Any] = {}
    inside = np.ones(len(reference.latitude), bool)
    rows = st.integers(0, len(reference.latitude) - 1)
    kinds = draw(st.sets(st.sampled_from(["region", "time", "where"]), min_size=1))
    if "region" in kinds:
        one, other = draw(rows), draw(rows)
        lon = np.sort(reference.longitude[[one, other]]) + np.array([-0.01, 0.01])
        lat = np.sort(reference.latitude[[one, other]]) + np.array([-1e-4, 1e-4])
        lat = np.clip(lat, -90, 90)
        if draw(st.booleans()):
            asked["region"] = (lon[0], lat[0], lon[1], lat[1])
            inside &= (reference.longitude >= lon[0]) & (reference.longitude <= lon[1])
            inside &= (reference.latitude >= lat[0]) & (reference.latitude <= lat[1])
        else:
            shape = shapely.Polygon([(lon[0], lat[0]), (lon[1], lat[0]), (lon[0], lat[1])])
            asked["region"] = shape
            inside &= shapely.intersects_xy(shape, reference.longitude, reference.latitude)
    if "time" in kinds:
        start, stop = np.sort(reference.time[[draw(rows), draw(rows)]]).astype("M8[ms]")
        asked["time"] = (start, stop)
        inside &= (reference.time >= start) & (reference.time < stop + np.timedelta64(1, "ms"))
    if "where" in kinds:
        asked["where"], holds = case.conditions(draw, reference)
        inside &= holds(reference.values)
    return asked, inside


NAMES = ["synthetic ATL06", "real ATL06", "synthetic ATL03", "real ATL03"]
if SHARED.is_dir():  # those that are not with the project
    NAMES += ["real ATL07", "real ATL08"]


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_cut_equals_filtering(cases: dict[str, Case], name: str, data: st.DataObject) -> None:
    """A chunk ruled out wrongly, or a row misplaced, changes every result made from it.

    The cache is shared by all examples, so that each begins with other bounds known.
    """
    case = cases[name]
    asked, inside = data.draw(questions(case))
    cold = data.draw(st.booleans())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Nothing is inside")
        ds = cd.open(
            case.paths,
            variables=[*case.names],
            chunks=data.draw(st.sampled_from([None, {}, 50])),
            options=Options(cache=None if cold else case.cache),
            **asked,
        )
    case.reference.check(ds, inside, case.names)
    if not cold:
        for file in ds.encoding["cryodata"].files:
            file.flush()
    ds.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Paths and slices of every read."""
    noted: list[Any] = []
    read = GranuleFile._read

    async def noting(self: GranuleFile, wanted: Any) -> list[AnyArray]:
        noted.extend(wanted)
        return await read(self, wanted)

    monkeypatch.setattr(GranuleFile, "_read", noting)
    return noted


def rows_asked(asked: list[Any], name: str) -> int:
    total = 0
    for path, slices in asked:
        if path.rsplit("/", 1)[-1] == name:
            assert slices is not None
            total += slices[0].stop - slices[0].start
    return total


def test_bounds_spare_chunks_the_second_time(
    cases: dict[str, Case], tmp_path: Path, asked: list[Any]
) -> None:
    """Latitudes that rule a chunk out were read once already: not again."""
    case = cases["synthetic ATL06"]
    reference = case.reference
    south, north = np.nanquantile(reference.latitude, [0.3, 0.35])
    box = (-180, float(south), 180, float(north))
    options = Options(cache=tmp_path)
    first = cd.open(case.paths, region=box, variables="h_li", options=options)
    assert rows_asked(asked, "latitude") == len(reference.latitude)
    for file in first.encoding["cryodata"].files:
        file.flush()
    asked.clear()
    second = cd.open(case.paths, region=box, variables="h_li", options=options)
    rows = rows_asked(asked, "latitude")
    assert second.sizes["segment"] <= rows < 0.3 * len(reference.latitude)
    inside = (reference.latitude >= south) & (reference.latitude <= north)
    case.reference.check(second, inside, {"h_li": "h_li"})


def test_segments_spare_photons_the_first_time(cases: dict[str, Case], asked: list[Any]) -> None:
    """A beam has a hundred times as many photons as segments."""
    case = cases["synthetic ATL03"]
    south = float(case.reference.latitude.max() + 0.1)
    with pytest.warns(UserWarning, match="region alone leaves none"):
        ds = cd.open(case.paths, region=(-180, south, 180, south + 1), options=Options(cache=None))
    assert ds.sizes == {"photon": 0, "track": 0, "ds_surf_type": 5}
    read = {path.rsplit("/", 1)[-1] for path, _ in asked}
    assert read == {*("segment_ph_cnt", "reference_photon_lat", "reference_photon_lon")}


def test_photons_far_from_their_segment_are_found_all_the_same(tmp_path: Path) -> None:
    """The reach of a segment is physics; a file that breaks it is read whole, not cut wrongly."""
    made = atl03(tmp_path / "made", photons=30_000, seed=4, beams=("gt1l",))
    path = rechunked(made, tmp_path, 500, "heights")
    with h5py.File(path, "a") as file:
        latitude = file["gt1l/heights/lat_ph"]
        low = latitude[0]
        latitude[400:420] = (
            low + 0.015
        )  # within the first chunk: read, and farther than half the reach
        latitude[-20:-10] = low  # at the other end of the track
    reference = Reference.of([path], ATL03)
    box = (-180.0, float(low - 1e-3), 180.0, float(low + 1e-3))
    ds = cd.open(path, region=box, variables=["h_ph"], options=Options(cache=None))
    inside = (reference.latitude >= box[1]) & (reference.latitude <= box[3])
    assert inside[-20:-10].all()
    reference.check(ds, inside, {"h_ph": "h_ph"})


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"where": "h_lj < 3"}, "h_lj"),
        ({"where": "atl06_quality_summary == 'splendid'"}, "best_quality"),
        ({"where": "__import__('os')"}, "where="),
        ({"where": "h_li == 'high'"}, "high"),
        ({"where": "count > 3"}, "other rows|no variable"),
    ],
)
def test_conditions_that_make_no_sense(
    cases: dict[str, Case], arguments: dict[str, Any], message: str
) -> None:
    """The answer names what there is, before anything large is read."""
    with pytest.raises(cd.errors.ConfigurationError, match=message):
        cd.open(cases["synthetic ATL06"].paths, **arguments)


def test_what_left_nothing_is_said(cases: dict[str, Case]) -> None:
    """An empty result without a reason sends a user to look for a bug."""
    paths = cases["synthetic ATL06"].paths
    with pytest.warns(UserWarning, match="tracks where alone leaves none"):
        ds = cd.open(paths, region=(-180, -90, 180, 90), where="h_li_sigma < -1")
    assert ds.sizes["segment"] == 0
    assert ds.h_li.shape == (0,)
    assert ds.h_li.dtype == np.float32
    with pytest.warns(UserWarning, match="no row fulfils where"):
        cd.open(paths, where="x_atc < -1e12")


def test_columns_of_a_flag_have_names(cases: dict[str, Case]) -> None:
    """Confidence for land ice is what users ask for, not column 3."""
    case = cases["synthetic ATL03"]
    ds = cd.open(case.paths, variables=["signal_conf_land_ice", "h_ph"])
    assert ds.signal_conf_land_ice.dims == ("photon",)
    np.testing.assert_array_equal(
        ds.signal_conf_land_ice.values, case.reference.values["conf"][:, 3]
    )
