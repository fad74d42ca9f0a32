"""Every product along a track opens, cuts and joins as h5py and numpy say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import cryodata as cd
from cryodata import products
from cryodata.errors import SelectionError
from cryodata.products import Product
from cryodata.sandbox.granules import granule
from cryodata.types import AnyArray

PRODUCTS = [name for name in products.known() if products.get(name).rates]
ATLAS_EPOCH = np.datetime64("2018-01-01T00:00:00", "ns")
EPOCHS = {"GLAH06": np.datetime64("2000-01-01T12:00:00", "ns")}
TRACKS = {"ATL09": ("profile_1", "profile_3"), "ATL11": ("pt1", "pt3")} | dict.fromkeys(
    ("GLAH06", "ILATM1B"), ("",)
)
ROWS = {"ATL03": 3000}


@dataclass(frozen=True)
class Case:
    """Two granules of a product, and how h5py finds its rows."""

    product: Product
    paths: list[Path]
    tracks: tuple[str, ...]
    options: cd.Options

    def open(self, *, granules: int = 2, **asked: Any) -> Any:
        """As `cryodata.open`."""
        return cd.open(self.paths[:granules], options=self.options, **asked)

    def group(self, file: h5py.File, track: str) -> h5py.Group:
        """What the rows lie in."""
        return file["/" + "/".join(filter(None, (track, self.product.rate.group)))]

    def rows(self, file: h5py.File, track: str) -> int:
        """How many a track has."""
        return len(self.group(file, track)[self.product.rate.latitude])

    def column(self, path: str, *, granules: int = 2, tracks: tuple[str, ...] = ()) -> AnyArray:
        """A dataset of all tracks of all granules, as float64, fill as NaN; cycles on their union.

        `path` is relative to the track.
        """
        parts, cycles = [], []
        for name in self.paths[:granules]:
            with h5py.File(name) as file:
                for track in tracks or self.tracks:
                    dataset = file[f"{track}/{path}" if track else path]
                    stored = dataset[()]
                    values = stored.astype("f8")
                    if "_FillValue" in dataset.attrs:
                        values[stored == np.ravel(dataset.attrs["_FillValue"])[0]] = np.nan
                    parts.append(values)
                    if self.product.short_name == "ATL11" and "cycle_number" in file[track]:
                        cycles.append(file[track]["cycle_number"][()].tolist())
        if cycles and parts[0].ndim == 2 and parts[0].shape[1] == len(cycles[0]):
            union = sorted({cycle for own in cycles for cycle in own})
            parts = [on_union(p, own, union) for p, own in zip(parts, cycles, strict=True)]
        return np.concatenate(parts)

    def place(self, name: str, **which: Any) -> AnyArray:
        """A coordinate of the rows, in degrees or seconds."""
        return self.column(self.product.rate.path(self.product.rate.coordinates[name]), **which)

    def times(self, **which: Any) -> AnyArray:
        """UTC of the rows."""
        return instants(self.product.short_name, self.place("time", **which))

    def check(self, ds: Any, inside: AnyArray | None = None, **which: Any) -> None:
        """All values and coordinates of a Dataset are those of the files, of the rows inside."""
        wanted = slice(None) if inside is None else inside
        for name, variable in ds.variables.items():
            path = variable.attrs.get("hdf5_path")
            if path is None:
                continue
            expected = self.column(path, **which)[wanted]
            if variable.dtype.kind == "M":
                assert_same_times(variable.values, instants(self.product.short_name, expected))
            else:
                values = variable.values.astype("f8")
                np.testing.assert_array_equal(values, expected, err_msg=str(name))
        have = {"latitude", "longitude"} | ({"time"} if self.product.rate.time else set())
        assert have <= set(ds.coords)
        sizes, tracks = self.sizes(**which), list(which.get("tracks") or self.tracks)
        beams = tracks * (len(sizes) // len(tracks))
        if inside is not None:
            ends = np.cumsum(sizes)[:-1]
            sizes = [int(part.sum()) for part in np.split(inside, ends)]
            beams = [beam for beam, size in zip(beams, sizes, strict=True) if size]
        assert ds.rowSize.values.tolist() == [size for size in sizes if size]
        assert ds.beam.values.tolist() == beams

    def sizes(self, *, granules: int = 2, tracks: tuple[str, ...] = ()) -> list[int]:
        """Rows of each track of each granule."""
        found = []
        for name in self.paths[:granules]:
            with h5py.File(name) as file:
                found += [self.rows(file, track) for track in tracks or self.tracks]
        return found


def on_union(values: AnyArray, own: list[int], union: list[int]) -> AnyArray:
    spread = np.full((len(values), len(union)), np.nan)
    for column, cycle in enumerate(own):
        spread[:, union.index(cycle)] = values[:, column]
    return spread


def instants(product: str, seconds: AnyArray) -> AnyArray:
    known = np.isfinite(seconds)
    times = EPOCHS.get(product, ATLAS_EPOCH) + np.round(np.where(known, seconds, 0) * 1e9).astype(
        "m8[ns]"
    )
    return np.where(known, times, np.datetime64("NaT", "ns"))


def assert_same_times(found: AnyArray, expected: AnyArray) -> None:
    """Equal but for what the file's doubles do not resolve."""
    np.testing.assert_array_equal(np.isnat(found), np.isnat(expected))
    apart = np.abs((found - expected)[~np.isnat(expected)].astype(int))
    assert apart.max(initial=0) <= 150


@pytest.fixture(scope="module", params=PRODUCTS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Two granules over two tracks, in two cycles."""
    name = request.param
    folder = tmp_path_factory.mktemp(name)
    tracks = TRACKS.get(name, ("gt1l", "gt2r"))
    paths = [
        granule(name, folder, rows=ROWS.get(name, 150), rgt=rgt, cycle=cycle, beams=tracks)
        for rgt, cycle in ((50, 4), (51, 5))
    ]
    return Case(products.get(name), paths, tracks, cd.Options(cache=folder / "cache"))


def test_default_variables_of_two_granules(case: Case) -> None:
    """What a table calls the usual variables is what everybody gets first."""
    ds = case.open()
    rate = case.product.rate
    found = {variable.attrs["hdf5_path"] for variable in ds.data_vars.values()}
    if case.product.rows in ds.coords:
        found.add(ds[case.product.rows].attrs["hdf5_path"])
    with h5py.File(case.paths[0]) as file:
        there = {path for path in rate.default if path in case.group(file, case.tracks[0])}
    assert found == {rate.path(path) for path in there}
    assert all(v.dims[:1] == (case.product.rows,) for v in ds.data_vars.values())
    case.check(ds)


def test_all_variables_along_the_rows(case: Case) -> None:
    """A variable left out in silence, or one of other rows beside them, spoils an archive."""
    ds = case.open(variables="all", granules=1)
    expected = set()
    with h5py.File(case.paths[0]) as file:
        track = case.tracks[0]
        count = case.rows(file, track)

        def note(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.shape[:1] == (count,):
                expected.add(case.product.rate.path(name))

        case.group(file, track).visititems(note)
    found = {v.attrs["hdf5_path"] for v in ds.variables.values() if "hdf5_path" in v.attrs}
    assert found == expected
    case.check(ds, granules=1)


def test_one_track(case: Case) -> None:
    """Rows of another beam would be taken for this one's."""
    track = case.tracks[-1]
    case.check(case.open(beams=track or "all"), tracks=(track,))


def test_cut_by_region_and_time(case: Case) -> None:
    """Rows are where and when the files say, also where longitudes run to 360 degrees."""
    latitude, longitude = case.place("latitude"), case.place("longitude")
    south, north = np.quantile(latitude, [0.2, 0.8])
    turned = (longitude + 180) % 360 - 180
    west, east = np.quantile(turned, [0.05, 0.9])
    inside = (latitude >= south) & (latitude <= north) & (turned >= west) & (turned <= east)
    asked: dict[str, Any] = {"region": (float(west), float(south), float(east), float(north))}
    if case.product.rate.time:
        times = case.times()
        stop = np.sort(times)[int(0.7 * len(times))].astype("M8[ms]")
        asked["time"] = (None, stop)
        inside &= times < stop + np.timedelta64(1, "ms")
    assert 0 < inside.sum() < len(inside)
    ds = case.open(**asked)
    case.check(ds, inside)
    assert set(np.unique(ds.ascending)) == {1}
    if not case.product.rate.time:
        with pytest.raises(SelectionError, match="have no time"):
            case.open(time="2019")


def test_flags_in_words(case: Case) -> None:
    """A word that stands for another number keeps the bad rows and drops the good ones."""
    rate = case.product.rate
    for flag in case.product.flags_of("006").values():
        path = flag.variable.removeprefix(rate.group and rate.group + "/")
        with h5py.File(case.paths[0]) as file:
            group = case.group(file, case.tracks[0])
            elsewhere = rate.group and not flag.variable.startswith(rate.group + "/")
            if (
                elsewhere
                or path not in group
                or len(group[path]) != case.rows(file, case.tracks[0])
            ):
                continue
        values = case.column(flag.variable)
        word, number = next(iter(flag.words.items()))
        if values.ndim == 1:
            asked = {path: values}
        elif flag.columns:
            asked = {flag.columns[1]: values[:, 1]}
        else:
            with pytest.raises(SelectionError, match="values for each row"):
                case.open(where={path: word})
            continue
        for name, column in asked.items():
            inside = column == number
            if inside.any():
                ds = case.open(where={name: word}, variables=[rate.latitude])
                case.check(ds, inside)
