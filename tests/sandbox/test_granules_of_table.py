"""A granule of every product, made from its table and its recorded structure."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from cryodata import products
from cryodata.errors import ConfigurationError, SelectionError, UnknownProductError
from cryodata.products import Product, Rate, parse_name
from cryodata.sandbox.granules import BEAMS, atl03, atl06, granule, rgt_near
from cryodata.sandbox.granules.template import DatasetSpec, load, recorded
from cryodata.sandbox.granules.track import Beam, Pass

PRODUCTS = [name.upper() for name in recorded() if products.find(name)]
FROM_TABLE = [name for name in PRODUCTS if name not in {"ATL03", "ATL06"}]
MEASURED = [n for n in FROM_TABLE if any(s.stored for s in load(n.lower()).datasets)]
WITH_BEAMS = [name for name in PRODUCTS if "gt1l" in products.get(name).tracks]
SPEED = {"ILATM1B": 125.0}
"""Of aircraft, m/s; satellites cover some 7 km in a second."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Granules are made once for all tests here."""
    return tmp_path_factory.mktemp("granules")


def some_track(product: Product) -> str:
    """A strong beam, where there are beams."""
    return "gt1r" if "gt1r" in product.tracks else product.tracks[0]


def small(product: str, folder: Path) -> h5py.File:
    """A few hundred rows; two tracks where there are several."""
    tracks = products.get(product).tracks
    return h5py.File(granule(product, folder, rows=rows_of(product), beams=tracks[:2]))


def rows_of(product: str) -> int:
    return 30_000 if product == "ATL03" else 300  # 170 photons reach 20 m


def in_file(path: str, track: str) -> str:
    return path.replace("{beam}", track)


def specs(product: str) -> list[DatasetSpec]:
    return list(load(product.lower()).datasets)


def column(file: h5py.File, track: str, rate: Rate, name: str) -> NDArray[Any]:
    parts = [part for part in (track, rate.group, name) if part]
    found: NDArray[Any] = file["/".join(parts)][()]
    return found


def placed(product: Product) -> list[Rate]:
    return [rate for rate in product.rates if rate.latitude]


def metres(latitude: NDArray[Any], longitude: NDArray[Any]) -> NDArray[np.float64]:
    """Length of each step on a sphere, from the cosine of the angle between directions."""
    a, b = np.deg2rad(latitude.astype("f8")), np.deg2rad(longitude.astype("f8"))
    xyz = np.stack([np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)], axis=-1)
    steps: NDArray[np.float64] = 6_371_000.0 * np.linalg.norm(np.diff(xyz, axis=0), axis=-1)
    return steps


@pytest.mark.parametrize("product", PRODUCTS)
def test_structure_is_the_recorded_one(product: str, folder: Path) -> None:
    """A reader would be tested on a layout that the real product does not have."""
    track = some_track(products.get(product))
    with small(product, folder) as file:
        for spec in specs(product):
            dataset = file[in_file(spec.path, track)]
            assert dataset.dtype == spec.dtype, spec.path
            assert dataset.chunks == (spec.chunk or None), spec.path
            assert dataset.shape[1:] == (spec.trail or spec.shape[1:]), spec.path
            assert dataset.shuffle == ("shuffle" in spec.filters), spec.path
            assert (dataset.compression == "gzip") == ("deflate" in spec.filters), spec.path
            assert dataset.is_scale == spec.scale, spec.path
            if spec.layout == "chunked":
                assert dataset.fillvalue == spec.dtype.type(spec.fill), spec.path
            if spec.fill_attribute:
                assert dataset.attrs["_FillValue"] == dataset.fillvalue, spec.path
            scales = [axis[0].name for axis in dataset.dims if len(axis)]
            assert scales == [in_file(path, track) for path in spec.dims], spec.path
            written = {name for name in spec.attributes if name in dataset.attrs}
            assert written == set(spec.attributes), spec.path
        for path in load(product.lower()).groups:
            assert in_file(path, track) in file


@pytest.mark.parametrize("product", PRODUCTS)
def test_rows_of_one_rate_agree(product: str, folder: Path) -> None:
    """Variables of one row axis would have to be joined by guess; two rates never told apart."""
    table = products.get(product)
    with small(product, folder) as file:
        for track in table.tracks[:2]:
            rows = defaultdict(set)
            for spec in specs(product):
                if spec.layout == "chunked" and "{beam}" in spec.path and spec.dims:
                    rows[spec.dims[0]].add(len(file[in_file(spec.path, track)]))
                    rows[spec.dims[0]].add(len(file[in_file(spec.dims[0], track)]))
            assert all(len(lengths) == 1 for lengths in rows.values())
            known = [
                column(file, track, rate, next(iter(rate.coordinates.values())))
                for rate in table.rates
                if rate.coordinates
            ]
            lengths = [len(values) for values in known]
            same = {"ATL03": 1}.get(product, 0)  # segments come twice
            assert len(set(lengths)) == len(lengths) - same
            if track == "gt1r":  # as many as asked for, in a strong beam
                assert lengths[[r.dimension for r in table.rates].index(table.rows)] == rows_of(
                    product
                )


@pytest.mark.parametrize("product", PRODUCTS)
def test_moves_over_the_ground_as_it_should(product: str, folder: Path) -> None:
    """Regions and times would select rows of a track that no satellite flies."""
    table = products.get(product)
    with small(product, folder) as file:
        for rate in placed(table):
            latitude = column(file, some_track(table), rate, rate.latitude)
            longitude = column(file, some_track(table), rate, rate.longitude)
            assert (np.abs(latitude) <= 90).all()
            assert (np.abs(longitude) <= 360).all()
            if not rate.time:
                continue
            time = column(file, some_track(table), rate, rate.time)
            time = time if time.ndim == 1 else time[:, 0]
            seen = time < 1e300
            assert (np.diff(time[seen]) >= 0).all()
            ends = np.flatnonzero(seen)[[0, -1]]
            speed = metres(latitude[ends], longitude[ends])[0] / np.diff(time[ends])[0]
            assert speed == pytest.approx(SPEED.get(product, 7000.0), rel=0.06)


@pytest.mark.parametrize("product", PRODUCTS)
def test_name_says_when_and_where(product: str, folder: Path) -> None:
    """The catalogue and the join go by names, and would go wrong by these."""
    table = products.get(product)
    beams = table.tracks[:1]
    path = granule(product, folder, rows=50, rgt=77, cycle=5, revision=2, beams=beams)
    name = parse_name(path.name)
    assert name is not None
    if product == "ILATM1B":  # flies along no reference track
        assert (name.product, name.rgt, str(name)) == (product, 0, path.stem)
        return
    assert (name.product, name.rgt, name.cycle, name.revision) == (product, 77, 5, "02")
    assert name.region in {1, 3}
    if name.start is None:
        return
    rate = next(rate for rate in (table.rate, *table.rates) if rate.time)
    with h5py.File(path) as file:
        first = column(file, beams[0], rate, rate.time).ravel()[0]
        assert table.epoch is not None
        began = table.epoch + np.timedelta64(round(first * 1e9), "ns")
        after = (began - name.start) / np.timedelta64(1, "s")
        assert -2 <= after < (20 if name.region == 3 else 95 * 60)
        assert file["ancillary_data/start_rgt"][0] == 77
        assert file["orbit_info/orbit_number"][0] == name.orbit


@pytest.mark.parametrize("product", PRODUCTS)
def test_flags_hold_the_words_of_the_table(product: str, folder: Path) -> None:
    """A condition on a word would be tested on numbers that mean nothing."""
    table = products.get(product)
    track = some_track(table)
    with h5py.File(granule(product, folder, rows=3000, beams=(track,))) as file:
        for path, flag in table.flags_of("006").items():
            found = file.get(f"{track}/{path}" if track else path)
            if found is None:  # new in a later release
                continue
            values = set(np.unique(found[()]).tolist())
            assert values <= set(flag.words.values()), path
            if product in FROM_TABLE and len(flag.words) > 1:
                assert len(values) > 1, path
                if flag.good:
                    good = np.isin(found[()], [flag.words[word] for word in flag.good])
                    assert good.mean() > 0.4, path


@pytest.mark.parametrize("product", FROM_TABLE)
def test_some_rows_lack_values(product: str, folder: Path) -> None:
    """Masking would be tested on data without a fill value, or with little else."""
    table = products.get(product)
    track = some_track(table)
    with small(product, folder) as file:
        named = [s for s in specs(product) if s.fill_attribute and s.dtype.kind == "f"]
        shares = []
        for spec in named:
            values = file[in_file(spec.path, track)][()]
            shares.append(float((values == spec.fill).mean()))
        if shares:
            assert np.mean(np.array(shares) > 0) > 0.5
            assert max(shares) < 0.5
        for rate in placed(table):
            for name in (rate.latitude, rate.longitude):
                assert np.abs(column(file, track, rate, name)).max() <= 360


@pytest.mark.parametrize("product", PRODUCTS)
def test_same_seed_same_values(product: str, folder: Path, tmp_path: Path) -> None:
    """A measurement could not be repeated, nor a revision told from the one it replaces."""
    tracks = products.get(product).tracks[:1]

    def values(where: Path, **other: Any) -> tuple[str, dict[str, bytes]]:
        path = granule(product, where, rows=50, beams=tracks, **other)
        found: dict[str, bytes] = {}

        def note(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu":
                found[name] = item[()].tobytes()

        with h5py.File(path) as file:
            file.visititems(note)
        return path.name, found

    first = values(folder)
    assert values(tmp_path) == first
    for change in ({"seed": 1}, {"revision": 2}):
        name, found = values(tmp_path, **change)
        assert found.keys() == first[1].keys()
        assert found != first[1]
        assert name != first[0] or product == "ILATM1B"  # whose names have no revision


@pytest.mark.parametrize("product", MEASURED)
def test_compresses_like_the_recorded_one(product: str, folder: Path) -> None:
    """Bytes planned and paid would be measured on files larger or smaller than real ones."""
    track = some_track(products.get(product))
    ratios = []
    with h5py.File(granule(product, folder, rows=10_000, beams=(track,))) as file:
        for spec in specs(product):
            if "deflate" in spec.filters and spec.dtype.kind == "f" and spec.stored > 0.5:
                dataset = file[in_file(spec.path, track)]
                if len(dataset) >= 5000:  # a chunk's padding weighs little
                    stored = dataset.id.get_storage_size() / len(dataset)
                    ratios.append(stored / spec.stored)
    assert np.median(ratios) == pytest.approx(1.0, abs=0.1)
    assert np.percentile(ratios, 90) < 1.3
    assert np.percentile(ratios, 10) > 0.7


@pytest.mark.parametrize("product", WITH_BEAMS)
def test_missing_and_empty_beams(product: str, folder: Path) -> None:
    """Beams without groups, or without datasets, would never be met before real data."""
    path = granule(product, folder, rows=50, beams=("gt1r", "gt3l"), empty=("gt3l",))
    with h5py.File(path) as file:
        assert [name for name in file if name.startswith("gt")] == ["gt1r", "gt3l"]
        found: list[str] = []
        file["gt3l"].visititems(lambda name, item: found.append(f"{name} {type(item).__name__}"))
        left = [entry.split()[0] for entry in found if entry.endswith(" Dataset")]
        if product == "ATL07":  # as in real granules
            assert left == ["sea_ice_segments/stats/ds_si_hist_bins"]
            assert list(file["gt3l/sea_ice_segments"]) == ["stats"]
        else:
            assert left == []
        assert file["gt3l"].attrs["groundtrack_id"] == b"gt3l"


BACKWARD = (0, b"1", b"strong", b"Backward")
FORWARD = (1, b"6", b"weak", b"Forward")
TRANSITION = (2, b"6", b"weak", b"Transition")
CHANGING = ((1, 2, 0), b"6", b"weak", b"Forward")


@pytest.mark.parametrize(
    "product, orientation, spot, beam_type, said",
    [
        *((product, *BACKWARD) for product in WITH_BEAMS),
        *(("ATL07", *how) for how in (FORWARD, TRANSITION, CHANGING)),
    ],
)
def test_orientation(
    product: str, orientation: Any, spot: bytes, beam_type: bytes, said: bytes, folder: Path
) -> None:
    """Strong beams would be taken for weak ones, half of the time."""
    path = granule(product, folder, rows=50, beams=("gt1l",), orientation=orientation)
    with h5py.File(path) as file:
        attributes = file["gt1l"].attrs
        assert attributes["atlas_spot_number"] == spot
        assert attributes["atlas_beam_type"] == beam_type
        assert attributes["sc_orientation"] == said
        changes = file["orbit_info/sc_orient"][()]
        assert changes.tolist() == np.atleast_1d(orientation).tolist()
        since = file["orbit_info/sc_orient_time"][()]
        begin, end = (file[f"ancillary_data/{n}_delta_time"][0] for n in ("start", "end"))
        assert since[0] < begin
        assert ((since[1:] > begin) & (since[1:] < end)).all()
        assert (np.diff(since) > 0).all()


def test_strong_beams_have_the_photons(folder: Path) -> None:
    """The beams called strong would be the poor ones."""
    with h5py.File(atl03(folder, photons=3000, beams=("gt2l", "gt2r"), orientation=0)) as file:
        assert len(file["gt2l/heights/h_ph"]) == 3000
        assert len(file["gt2r/heights/h_ph"]) == 1800
    with h5py.File(atl06(folder, segments=2000, beams=("gt2l", "gt2r"), orientation=0)) as file:
        photons = "land_ice_segments/fit_statistics/n_fit_photons"
        assert np.median(file[f"gt2l/{photons}"]) > 1.5 * np.median(file[f"gt2r/{photons}"])


@pytest.mark.parametrize("product", FROM_TABLE)
def test_over_the_pole(product: str, folder: Path) -> None:
    """Ascending would be told from the region's number, as it cannot be there."""
    table = products.get(product)
    track = some_track(table)
    path = granule(product, folder, rows=400, region=4, length=2.2e6, beams=(track,))
    with h5py.File(path) as file:
        latitude = column(file, track, placed(table)[0], placed(table)[0].latitude)
        assert 80 <= latitude[0] < 84
        assert latitude.max() == pytest.approx(88, abs=0.1)
        assert latitude[-1] < 85


@pytest.mark.parametrize("product", FROM_TABLE)
def test_across_the_antimeridian(product: str, folder: Path) -> None:
    """A box around 180 degrees would never be tried."""
    table = products.get(product)
    track = some_track(table)
    rgt = rgt_near(-179.5, 3)
    path = granule(product, folder, rows=400, rgt=rgt, length=1e6, beams=(track,))
    with h5py.File(path) as file:
        longitude = column(file, track, placed(table)[0], placed(table)[0].longitude)
        east = (longitude + 180) % 360 - 180
        assert east.max() > 179
        assert east.min() < -179
        assert (np.abs(np.diff(np.unwrap(east.astype("f8"), period=360))) < 1).all()


def test_photons_cross_the_antimeridian(folder: Path) -> None:
    """Between two segments there, photons would be spread all around the Earth."""
    photons, length = 100_000, 11_700.0

    def crosses(rgt: int, beam: str) -> bool:
        along = Pass(rgt=rgt, cycle=1, region=4, length=length, seed=0)
        x = along.begin + length * np.array([0.2, 0.8])
        longitude = along.position(x, Beam(beam).offset)[1]
        return bool(np.abs(np.diff(longitude))[0] > 180)

    rgt, beam = next((r, b) for r in range(1, 1388) for b in BEAMS if crosses(r, b))
    with h5py.File(atl03(folder, photons=photons, rgt=rgt, region=4, beams=(beam,))) as file:
        longitude = file[f"{beam}/heights/lon_ph"][()]
        assert (longitude > 0).any()
        assert (longitude < 0).any()
        assert (np.abs(longitude) > 179).all()


@pytest.mark.parametrize(
    "region, latitude, north",
    [(5, 80, False), (7, 27, False), (8, 0, False), (10, -50, False), (12, -79, True)],
)
def test_regions_go_all_around(region: int, latitude: float, north: bool, folder: Path) -> None:
    """Antarctica, and all that is seen flying south, would have no granule."""
    with h5py.File(atl06(folder, segments=200, region=region, beams=("gt1l",))) as file:
        found = file["gt1l/land_ice_segments/latitude"][()]
        assert found[0] == pytest.approx(latitude, abs=0.1)
        assert (np.diff(found) > 0).all() if north else (np.diff(found) < 0).all()


@pytest.mark.parametrize("region, said", [(3, "01"), (7, "01"), (8, "02"), (12, "02")])
def test_sea_ice_is_named_by_hemisphere(region: int, said: str, folder: Path) -> None:
    """Antarctic sea ice would be searched for in the north."""
    path = granule("ATL10", folder, rows=20, region=region, beams=("gt1r",))
    name = parse_name(path.name)
    assert name is not None
    assert (name.hemisphere, name.region) == (said, 1)


@pytest.mark.parametrize("product", [p for p in FROM_TABLE if products.get(p).nestings])
def test_nested_rows_lie_where_they_are_said_to(product: str, folder: Path) -> None:
    """Segments would name rows of other segments, or rows that do not exist."""
    table = products.get(product)
    track = some_track(table)
    with h5py.File(granule(product, folder, rows=400, beams=(track,))) as file:
        for nesting in table.nestings:
            first, count = (
                file[f"{track}/{nesting.first}"][()],
                file[f"{track}/{nesting.count}"][()],
            )
            fine = table.rate_along(nesting.fine)
            rows = len(column(file, track, fine, fine.time or fine.default[0]))
            assert count.sum() == rows
            assert (first[count == 0] == 0).all()
            assert (first[count > 0] == 1 + (np.cumsum(count) - count)[count > 0]).all()


@pytest.mark.parametrize("product", PRODUCTS)
def test_releases_call_things_as_the_table_says(product: str, folder: Path) -> None:
    """Old names in the table would never meet a file that has them."""
    table = products.get(product)
    track = some_track(table)
    for release in table.releases:
        number = release.numbers[0]
        there = {spec.path.removeprefix("/{beam}/") for spec in specs(product)}
        renamed = {
            ours: theirs
            for ours, theirs in release.names.items()
            if ours in there or any(path.startswith(f"{ours}/") for path in there)
        }
        if not renamed:
            continue
        with h5py.File(granule(product, folder, rows=30, release=number, beams=(track,))) as file:
            for ours, theirs in renamed.items():
                assert theirs in file[track]
                assert ours not in file[track]


def test_places_in_segments_count_from_one(folder: Path) -> None:
    """A photon would be looked for before the first one of its segment."""
    with h5py.File(granule("ATL08", folder, rows=100, beams=("gt1r",))) as file:
        signal = file["gt1r/signal_photons"]
        seen: dict[int, int] = {}
        for segment, place in zip(signal["ph_segment_id"], signal["classed_pc_indx"], strict=True):
            seen[segment] = seen.get(segment, 0) + 1
            assert place == seen[segment]


@pytest.mark.parametrize("product", FROM_TABLE)
def test_smallest_granule(product: str, folder: Path) -> None:
    """A single row would fail to be made."""
    table = products.get(product)
    track = some_track(table)
    with h5py.File(granule(product, folder, rows=1, beams=(track,))) as file:
        assert len(column(file, track, table.rate, table.rate.latitude)) == 1


def test_each_row_of_atl11_is_visited_in_each_cycle(folder: Path) -> None:
    """Times and heights of many cycles would be those of one; crossings would be of no point."""
    path = granule("ATL11", folder, rows=200, cycle=3, beams=("pt2",))
    name = parse_name(path.name)
    assert name is not None
    with h5py.File(path) as file:
        pair = file["pt2"]
        cycles = pair["cycle_number"][()]
        assert cycles.tolist() == list(range(name.cycle, name.last_cycle + 1))
        time = pair["delta_time"][()]
        known = time < 1e300
        assert 0.5 < known.mean() < 0.9
        assert ((pair["h_corr"][()] < 1e38) == known).all()
        first_visit = time - 91 * 86400.0 * np.arange(len(cycles))
        assert np.ptp(first_visit[known]) < 60
        assert (np.diff(pair["ref_pt"]) > 0).all()
        crossing = pair["crossing_track_data/ref_pt"][()]
        assert set(crossing.tolist()) <= set(pair["ref_pt"][()].tolist())


@pytest.mark.parametrize("product", ["GLAH06", "ILATM1B"])
def test_some_longitudes_run_from_0_to_360(product: str, folder: Path) -> None:
    """Regions west of Greenwich would find nothing in real files of these products."""
    table = products.get(product)
    with h5py.File(granule(product, folder, rows=50, rgt=rgt_near(-45, 3))) as file:
        longitude = column(file, "", table.rate, table.rate.longitude)
        assert ((longitude > 314) & (longitude < 316)).all()


def test_clocks_of_a_flight_agree(folder: Path) -> None:
    """The time of a flight's rows would be read from digits that mean something else."""
    path = granule("ILATM1B", folder, rows=50)
    name = parse_name(path.name)
    assert name is not None
    assert name.start is not None
    with h5py.File(path) as file:
        digits = file["instrument_parameters/time_hhmmss"][()].astype("f8")
        since = file["instrument_parameters/rel_time"][()].astype("f8")
        seconds = digits // 10000 * 3600 + digits % 10000 // 100 * 60 + digits % 100
        day = name.start.astype("datetime64[D]")
        begin = (name.start - day) / np.timedelta64(1, "s")
        assert seconds - begin == pytest.approx(since, abs=1.1)  # the name has whole seconds


def test_mistakes_are_told(folder: Path) -> None:
    """A wrong word would make a granule of something else."""
    with pytest.raises(UnknownProductError):
        granule("ATL99", folder)
    with pytest.raises(SelectionError, match="gt4l"):
        granule("ATL06", folder, beams=("gt4l",))
    with pytest.raises(ConfigurationError, match="ATL06"):
        granule("ATL06", folder, length=1e6)
    with pytest.raises(ConfigurationError, match="15"):
        granule("ATL06", folder, region=15)
    with pytest.raises(ConfigurationError, match="3"):
        granule("ATL06", folder, orientation=3)
    with pytest.raises(ConfigurationError, match="orientation"):
        granule("ATL06", folder, orientation=())
