"""The engine against h5netcdf, on real files and on one file per oddity."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5netcdf
import h5netcdf.legacyapi
import h5py
import numpy as np
import pytest
import xarray as xr

from cryodata.backend import CryodataBackend
from cryodata.errors import (
    CryodataError,
    NotFoundError,
    NotHDF5Error,
    UnknownVariableError,
    UnsupportedError,
)
from tests.real import SHARED, WHERE, real_files

H5NETCDF: dict[str, Any] = {"engine": "h5netcdf", "phony_dims": "access"}
ENCODING = (
    *("chunksizes", "complevel", "contiguous", "dtype", "fletcher32", "original_shape"),
    *("preferred_chunks", "shuffle", "zlib", "_FillValue", "units", "calendar", "scale_factor"),
)
"""What decides how a Dataset is written again."""


def assert_same(ours: xr.Dataset, theirs: xr.Dataset) -> None:
    """Identical in names, dims, values, attributes, dtypes and the encoding that matters."""
    xr.testing.assert_identical(ours, theirs)
    assert set(ours.coords) == set(theirs.coords)
    for name in theirs.variables:
        mine, other = ours[name], theirs[name]
        assert mine.dtype == other.dtype, name
        for key in ENCODING:
            a, b = mine.encoding.get(key), other.encoding.get(key)
            assert str(a) == str(b), (name, key)
    assert ours.encoding["unlimited_dims"] == theirs.encoding["unlimited_dims"]


def readable_text(dataset: xr.Dataset) -> xr.Dataset:
    """Attributes that h5netcdf leaves as surrogates, because the file calls UTF-8 ASCII."""
    for name, value in dataset.attrs.items():
        if isinstance(value, str):
            dataset.attrs[name] = value.encode("utf-8", "surrogateescape").decode("utf-8")
    return dataset


def slow(path: Path) -> bool:
    """Files for which h5netcdf needs 5 to 15 s: every day only a part of them."""
    return path.stat().st_size > 1_400_000 and path.name.startswith(("ATL06", "processed"))


REAL = [
    *(
        pytest.param(n, None, marks=pytest.mark.soak if slow(p) else [])
        for n, p in real_files().items()
    ),
    *(pytest.param(n, "gt2l") for n, p in real_files().items() if slow(p)),
]


@pytest.mark.parametrize("name, group", REAL)
def test_real_files_look_as_in_h5netcdf(name: str, group: str | None) -> None:
    """Users switch engines only if nothing of their code has to change."""
    path = real_files()[name]
    settings: dict[str, Any] = {"group": group}
    if name.startswith("seaice"):
        settings["decode_times"] = False  # 1601 needs cftime
    try:
        theirs = xr.open_groups(path, **H5NETCDF, **settings)
    except (ValueError, KeyError) as error:
        pytest.skip(f"h5netcdf does not open it: {error}")
    ours = xr.open_groups(path, engine="cryodata", **settings)
    assert list(ours) == list(theirs)
    for member, dataset in theirs.items():
        assert_same(ours[member], readable_text(dataset))


def test_more_real_files_are_welcome() -> None:
    """Says where files are looked for, where the folder beside the project is not there."""
    if not SHARED.is_dir():
        pytest.skip(WHERE)


@pytest.mark.parametrize(
    "group", ["/", "gt1l", "/gt1l/land_ice_segments/", "gt1l/land_ice_segments/geophysical"]
)
def test_one_group_of_a_real_file(group: str) -> None:
    """A group opened alone must look as it does within the whole."""
    path = real_files()["processed_ATL06_20191106230008_06270503_006_01.h5"]
    ours = xr.open_dataset(path, engine="cryodata", group=group)
    assert_same(ours, xr.open_dataset(path, group=group, **H5NETCDF))


def test_tree_of_a_real_file() -> None:
    """A beam as a tree in one call is what DataTree users ask for."""
    path = real_files()["processed_ATL06_20191106230008_06270503_006_01.h5"]
    with (
        xr.open_datatree(path, engine="cryodata", group="gt1l") as ours,
        xr.open_datatree(path, group="gt1l", **H5NETCDF) as theirs,
    ):
        xr.testing.assert_identical(ours, theirs)
    with xr.open_datatree(path, engine="cryodata") as whole:
        assert {f"/gt{i}{side}" for i in (1, 2, 3) for side in "lr"} <= set(whole.groups)
        xr.testing.assert_identical(
            whole["gt1l/land_ice_segments"].to_dataset(), ours["land_ice_segments"].to_dataset()
        )


def test_subset_with_lost_scales_opens() -> None:
    """NASA's subsetter drops root scales; h5netcdf and netCDF4 refuse such granules."""
    path = real_files()["ATL03_20181014002445_02350104_006_02.gt1l_bbox_subset.h5"]
    with pytest.raises(ValueError, match="mixing of labeled and unlabeled"):
        xr.open_datatree(path, **H5NETCDF)
    tree = xr.open_datatree(path, engine="cryodata")
    raw = xr.open_datatree(path, engine="cryodata", decode_cf=False)
    values = {f"{g.path}/{n}": v.values for g in raw.subtree for n, v in g.variables.items()}
    stored: dict[str, Any] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            stored[f"/{name}"] = item[()]

    with h5py.File(path) as file:
        file.visititems(note)
    assert values.keys() == stored.keys()
    for name, value in stored.items():
        np.testing.assert_array_equal(values[name], value)
    heights = tree["gt1l/heights"]
    assert heights["h_ph"].dims == ("delta_time",)
    lost = str(heights["signal_conf_ph"].dims[1])
    assert lost.startswith("phony_dim_")
    assert lost not in tree["gt1l/geolocation"]["surf_type"].dims  # named by group, not by size


Writer = Callable[[Path], None]
WRITERS: dict[str, Writer] = {}


def writer(function: Writer) -> Writer:
    """Register the writer of one odd file under its own name."""
    WRITERS[function.__name__] = function
    return function


@writer
def no_scales(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["square"] = np.arange(9.0).reshape(3, 3)
        file["line"] = np.arange(3)
        file["scalar"] = 7.5
        file["sub/line"] = np.arange(3)
        file["sub/deeper/cube"] = np.zeros((3, 4, 3))


@writer
def unlimited_of_unequal_length(path: Path) -> None:
    with h5netcdf.legacyapi.Dataset(path, "w") as file:
        file.createDimension("time", None)
        file.createDimension("x", 3)
        file.createVariable("time", "f8", ("time",))[:] = np.arange(2.0)
        long = file.createVariable("long", "f4", ("time", "x"), fill_value=-1.0)
        long[0:5] = np.arange(15.0).reshape(5, 3)


@writer
def dimensions_without_variables(path: Path) -> None:
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"x": 4, "y": 5}
        file.create_variable("v", ("y", "x"), data=np.arange(20).reshape(5, 4))
        group = file.create_group("below")
        group.create_variable("w", ("x",), data=np.arange(4))
        group.dimensions = {"y": 2}
        group.create_variable("y", ("y",), data=[1.0, 2.0])


@writer
def coordinate_of_two_dimensions(path: Path) -> None:
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"x": 4, "y": 5}
        file.create_variable("x", ("y", "x"), data=np.arange(20).reshape(5, 4))
        file.create_variable("y", ("y",), data=np.arange(5))


@writer
def variable_named_like_a_dimension(path: Path) -> None:
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"x": 4, "y": 5}
        file.create_variable("x", ("y",), data=np.arange(5))


@writer
def texts(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["vlen"] = ["a", "bc\u00e9", ""]
        file["vlen_scalar"] = "hello"
        file["fixed"] = np.array([b"abc", b"d"])
        file["characters"] = np.array([[b"a", b"b"], [b"c", b"d"]])
        utf8 = h5py.string_dtype("utf-8", 4)
        file.create_dataset("utf8", data=np.array(["\u00e9".encode()], utf8))


@writer
def types(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["flag"] = np.array([True, False])
        file["complex"] = np.array([1 + 2j], "c8")
        file["compound"] = np.zeros(3, [("a", "f4"), ("b", "i2")])
        file["big"] = np.arange(4, dtype=">i4")
        file.create_dataset("enum", data=[0, 1], dtype=h5py.enum_dtype({"a": 0, "b": 1}, "i1"))


@writer
def packed(path: Path) -> None:
    with h5py.File(path, "w") as file:
        values = file.create_dataset(
            "packed", data=np.array([-1, 5, 7], "i1"), chunks=(2,), shuffle=True, compression=3
        )
        values.attrs["_Unsigned"] = "true"
        values.attrs["scale_factor"] = np.float32(0.01)
        values.attrs["_FillValue"] = np.int8(-1)
        days = file.create_dataset("days", data=[1.0, 2.0], fletcher32=True)
        days.attrs["units"] = "days since 2018-01-01"


@writer
def attributes(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for place in (file, file.create_dataset("v", data=[1.0]), file.create_group("g")):
            place.attrs["text"] = "caf\u00e9"
            place.attrs["bytes"] = np.bytes_(b"fixed")
            place.attrs["letter"] = np.bytes_(b"x")
            place.attrs["letters"] = np.array([b"x", b"y"])
            place.attrs["texts"] = ["a", "b"]
            place.attrs["one_text"] = ["a"]
            place.attrs["fixed_texts"] = np.array([b"ab", b"cd"])
            place.attrs["number"] = 3
            place.attrs["one_number"] = [2.5]
            place.attrs["numbers"] = [1, 2, 3]
            place.attrs["matrix"] = np.eye(2)
            place.attrs["truth"] = True
            place.attrs["nothing"] = h5py.Empty("f4")
            place.attrs["no_text"] = h5py.Empty("S1")
            place.attrs["_NCProperties"] = "hidden"


@writer
def names_and_links(path: Path) -> None:
    with h5py.File(path, "w", track_order=True) as file:
        file["z with space"] = np.arange(3)
        file["a.b"] = np.arange(4)
        file["{curly}/x"] = np.arange(5)
        file["soft"] = h5py.SoftLink("/a.b")
        file["hard"] = file["a.b"]


@writer
def two_scales_on_an_axis(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name in ("first", "second"):
            file[name] = np.arange(3)
            file[name].make_scale(name)
        file["v"] = np.arange(3.0)
        file["v"].dims[0].attach_scale(file["first"])
        file["v"].dims[0].attach_scale(file["second"])


@pytest.mark.parametrize("name", WRITERS)
def test_odd_files_look_as_in_h5netcdf(name: str, tmp_path: Path) -> None:
    """Each oddity was seen in real files, or is what netCDF-4 does behind the scenes."""
    path = tmp_path / f"{name}.h5"
    WRITERS[name](path)
    ours = xr.open_groups(path, engine="cryodata")
    theirs = xr.open_groups(path, **H5NETCDF)
    assert list(ours) == list(theirs)
    for group, dataset in theirs.items():
        assert_same(ours[group], dataset)


@pytest.mark.parametrize("name", WRITERS)
def test_decoding_can_be_switched_off(name: str, tmp_path: Path) -> None:
    """Every decoder keyword of xarray reaches the decoder."""
    path = tmp_path / f"{name}.h5"
    WRITERS[name](path)
    ours = xr.open_dataset(path, engine="cryodata", decode_cf=False)
    assert_same(ours, xr.open_dataset(path, decode_cf=False, **H5NETCDF))


def test_slices_equal_numpy(tmp_path: Path) -> None:
    """Wrong arithmetic of steps or negative indices gives wrong values in silence."""
    values = np.random.default_rng(7).normal(size=(30, 20, 4))
    path = tmp_path / "cube.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("v", data=values, chunks=(7, 6, 4), compression=1)
    v = xr.open_dataset(path, engine="cryodata", cache=False).v.variable
    some = np.array([3, 1, 29, 1])
    for key in (
        np.s_[::-1],
        np.s_[25:3:-4, 2:18:3],
        np.s_[-1, :, 2],
        np.s_[:, -5:],
        np.s_[4:4],
        np.s_[..., 0],
    ):
        np.testing.assert_array_equal(v[key].values, values[key])
    np.testing.assert_array_equal(v[some].values, values[some])
    np.testing.assert_array_equal(v[some, :, np.array([0, 3])].values, values[some][:, :, [0, 3]])
    at = (some, np.array([0, 19, 7, 7]), np.arange(4))
    points = {d: xr.Variable("p", i) for d, i in zip(v.dims, at, strict=True)}
    np.testing.assert_array_equal(v.isel(points).values, values[at])


def test_dask_chunks_of_xarray(tmp_path: Path) -> None:
    """``chunks={}`` takes the chunks of the file, and the values stay the same."""
    pytest.importorskip("dask.array")
    values = np.arange(70.0).reshape(10, 7)
    path = tmp_path / "chunked.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("v", data=values, chunks=(4, 7))
    chunked = xr.open_dataset(path, engine="cryodata", chunks={})
    assert chunked.v.chunks == ((4, 4, 2), (7,))
    np.testing.assert_array_equal(chunked.v, values)
    again = xr.open_dataset(path, engine="cryodata", chunks={})
    assert chunked.v.data.name == again.v.data.name


def test_scale_in_a_group_beside(tmp_path: Path) -> None:
    """A scale that is no ancestor's still names and measures the axis."""
    path = tmp_path / "beside.h5"
    with h5py.File(path, "w") as file:
        file["scales/n"] = np.arange(3)
        file["scales/n"].make_scale("n")
        file["data/v"] = np.arange(3.0)
        file["data/v"].dims[0].attach_scale(file["scales/n"])
    assert xr.open_groups(path, engine="cryodata")["/data"].v.dims == ("n",)


def test_axis_longer_than_its_scale_is_not_cut(tmp_path: Path) -> None:
    """A scale of the wrong length must not take values away."""
    path = tmp_path / "long.h5"
    with h5py.File(path, "w") as file:
        file["n"] = np.arange(3)
        file["n"].make_scale("n")
        file["v"] = np.arange(5.0)
        file["v"].dims[0].attach_scale(file["n"])
    dataset = xr.open_dataset(path, engine="cryodata")
    np.testing.assert_array_equal(dataset.v.values, np.arange(5.0))


def test_names_of_one_dimension_with_two_lengths(tmp_path: Path) -> None:
    """Two scales of one name meeting in a group must not make it unreadable."""
    path = tmp_path / "clash.h5"
    with h5py.File(path, "w") as file:
        for group, count in (("a", 3), ("b", 4)):
            file[f"{group}/n"] = np.arange(count)
            file[f"{group}/n"].make_scale("n")
            file[f"c/{group}"] = np.arange(count)
            file[f"c/{group}"].dims[0].attach_scale(file[f"{group}/n"])
    dataset = xr.open_dataset(path, engine="cryodata", group="c")
    assert dataset.a.size == 3
    assert dataset.b.size == 4


@pytest.fixture
def unsupported(tmp_path: Path) -> Path:
    """A file with one variable that cannot be read, and one that can."""
    path = tmp_path / "unsupported.h5"
    with h5py.File(path, "w") as file:
        file["good"] = np.arange(3)
        file.create_dataset("references", data=file["good"].ref, dtype=h5py.ref_dtype)
        file["nothing"] = h5py.Empty("f4")
    return path


def test_unsupported_variables_fail_when_touched(unsupported: Path) -> None:
    """One strange variable must not keep the others from being read."""
    dataset = xr.open_dataset(unsupported, engine="cryodata")
    np.testing.assert_array_equal(dataset.good, np.arange(3))
    for name in ("references", "nothing"):
        with pytest.raises(UnsupportedError, match=f"/{name}"):
            dataset[name].load()


def test_unreadable_header_names_the_way_out(tmp_path: Path) -> None:
    """A damaged object is named, and the rest of the file stays within reach."""
    path = tmp_path / "damaged.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["good"] = np.arange(3)
        bad = file.create_dataset("bad", data=np.arange(3))
        offset = h5py.h5o.get_info(bad.id).addr
    content = bytearray(path.read_bytes())
    content[offset + 12] ^= 0xFF  # inside the object header, so its checksum fails
    path.write_bytes(content)
    for open_it in (xr.open_dataset, xr.open_datatree, xr.open_groups):
        with pytest.raises(CryodataError, match="drop_variables='bad'") as caught:
            open_it(path, engine="cryodata")
        assert caught.value.path == "/bad"
    rest = xr.open_dataset(path, engine="cryodata", drop_variables="bad")
    np.testing.assert_array_equal(rest.good, np.arange(3))


@pytest.mark.parametrize(
    "group, message",
    [("nowhere", "nowhere"), ("gt1l/heigths", "heights"), ("gt1l/heights/h_ph", "is a variable")],
)
def test_groups_that_are_not_there(group: str, message: str) -> None:
    """A slip in a group's name is answered with the close ones."""
    path = real_files()["ATL03_20181014002445_02350104_006_02.gt1l_bbox_subset.h5"]
    with pytest.raises(UnknownVariableError, match=message):
        xr.open_dataset(path, engine="cryodata", group=group)


def test_files_that_are_not_there_or_not_hdf5(tmp_path: Path) -> None:
    """Both are common, and neither should end in a message of a lower layer."""
    with pytest.raises(NotFoundError):
        xr.open_dataset(tmp_path / "absent.h5", engine="cryodata")
    other = tmp_path / "other.h5"
    other.write_bytes(b"%PDF-1.4" + bytes(1000))
    with pytest.raises(NotHDF5Error):
        xr.open_dataset(other, engine="cryodata")


@pytest.mark.parametrize("name", ["a.h5", "a.nc", "s3://bucket/a.h5", "a", "a.he5"])
def test_engine_never_takes_what_others_read(name: str) -> None:
    """Users of xarray who did not ask for this engine must not get it."""
    assert not CryodataBackend().guess_can_open(name)


def test_engine_alone_brings_the_receipt(tmp_path: Path) -> None:
    """``ds.cryo`` is there for those who never called ``cryodata.open``."""
    path = tmp_path / "plain.h5"
    no_scales(path)
    code = (
        f"import xarray as xr; ds = xr.open_dataset({str(path)!r}, engine='cryodata');"
        "print(ds.cryo.receipt.requests)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) > 0


def test_lost_attributes_are_announced(tmp_path: Path) -> None:
    """An attribute that cannot be given must not vanish in silence."""
    path = tmp_path / "attribute.h5"
    with h5py.File(path, "w") as file:
        file["v"] = np.arange(3)
        file["v"].attrs.create("points_to", file["v"].ref, dtype=h5py.ref_dtype)
    with pytest.warns(UserWarning, match="points_to of /v"):
        dataset = xr.open_dataset(path, engine="cryodata")
    assert "points_to" not in dataset.v.attrs


def test_labels_of_all_groups_are_read_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Xarray loads one label array per group at open: a round trip each would be slow."""
    from cryodata.granule import GranuleFile

    path = tmp_path / "groups.h5"
    with h5netcdf.File(path, "w") as file:
        for i in range(6):
            group = file.create_group(f"g{i}")
            group.dimensions = {"n": 10 + i}
            group.create_variable("n", ("n",), data=np.arange(10 + i))
            group.create_variable("v", ("n",), data=np.arange(10.0 + i))
    calls: list[int] = []
    read = GranuleFile.read

    def counted(self: GranuleFile, wanted: Any) -> Any:
        calls.append(len(wanted))
        return read(self, wanted)

    monkeypatch.setattr(GranuleFile, "read", counted)
    tree = xr.open_datatree(path, engine="cryodata")
    assert calls == [6]
    for i in range(6):
        np.testing.assert_array_equal(tree[f"g{i}/n"], np.arange(10 + i))


def test_many_opens_leave_no_warning(tmp_path: Path) -> None:
    """h5netcdf warns of made-up dimensions; here they are what was asked for."""
    path = tmp_path / "plain.h5"
    no_scales(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xr.open_groups(path, engine="cryodata")
