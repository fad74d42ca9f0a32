"""Granules of several releases side by side: other names, types and fill values; against h5py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import cryodata as cd
from cryodata.errors import FormatError, SelectionError
from cryodata.sandbox.granules import granule
from cryodata.types import AnyArray

BEAMS = ("gt1l", "gt2r")
UNCACHED = cd.Options(cache=None)
SEGMENTS = "land_ice_segments"


def made(product: str, folder: Path, release: str, rgt: int, rows: int = 120) -> Path:
    return granule(product, folder, rows=rows, release=release, rgt=rgt, cycle=4, beams=BEAMS)


def stored(paths: list[Path], names: list[str]) -> list[AnyArray]:
    """A dataset of each beam of each granule, as it is called there."""
    found = []
    for path, name in zip(paths, names, strict=True):
        with h5py.File(path) as file:
            found += [file[f"{beam}/{name}"][()] for beam in BEAMS]
    return found


def retyped(path: Path, name: str, dtype: str, **attributes: Any) -> AnyArray:
    """Give a dataset another type and random values, of all beams; these together."""
    rng = np.random.default_rng(5)
    values = []
    with h5py.File(path, "r+") as file:
        for beam in BEAMS:
            own = file[f"{beam}/{name}"]
            scale = own.dims[0][0] if len(own.dims[0]) else None
            new = rng.integers(0, 100, len(own)).astype(dtype)
            if new.dtype.kind in "iu":
                new[::7] = np.iinfo(new.dtype).max - 1
            if "_FillValue" in attributes:
                new[::5] = attributes["_FillValue"]
            del file[f"{beam}/{name}"]
            made = file.create_dataset(f"{beam}/{name}", data=new)
            made.attrs.update(
                {
                    k: np.dtype(dtype).type(v) if k == "_FillValue" else v
                    for k, v in attributes.items()
                }
            )
            if scale is not None:
                made.dims[0].attach_scale(scale)
            values.append(new)
    return np.concatenate(values)


def test_freeboard_under_its_newest_names(tmp_path: Path) -> None:
    """Release 005 calls groups and variables otherwise: rows of years would be left out."""
    old, new = made("ATL10", tmp_path, "005", 50), made("ATL10", tmp_path, "006", 51)
    with h5py.File(old) as file:
        assert "beam_fb_sigma" in file["gt1l/freeboard_beam_segment/beam_freeboard"]
    groups = ["freeboard_beam_segment/beam_freeboard", "freeboard_segment"]
    for paths, own in (([old, new], groups), ([new, old], groups[::-1])):
        ds = cd.open(paths, options=UNCACHED)
        assert ds.beam_fb_unc.attrs["hdf5_path"] in {
            f"{own[0]}/beam_fb_sigma",
            f"{own[0]}/beam_fb_unc",
        }
        for name, theirs in (
            ("beam_fb_height", "beam_fb_height"),
            ("beam_fb_unc", "beam_fb_sigma"),
        ):
            names = [f"{g}/{theirs if 'beam_segment' in g else name}" for g in own]
            values = np.concatenate(stored(paths, names))
            expected = np.where(values > 1e38, np.nan, values)
            np.testing.assert_array_equal(ds[name].values, expected)
        latitude = np.concatenate(stored(paths, [f"{group}/latitude" for group in own]))
        np.testing.assert_array_equal(ds.latitude, latitude)
        south, north = np.quantile(latitude, [0.3, 0.6])
        cut = cd.open(
            paths, region=(-180, south, 180, north), variables="beam_fb_unc", options=UNCACHED
        )
        inside = (latitude >= south) & (latitude <= north)
        np.testing.assert_array_equal(cut.beam_fb_unc, ds.beam_fb_unc.values[inside])
        good = cd.open(paths, where="beam_fb_quality_flag == 'best'", options=UNCACHED)
        flags = np.concatenate(stored(paths, [f"{g}/beam_fb_quality_flag" for g in own]))
        np.testing.assert_array_equal(good.latitude, latitude[flags == 1])


def test_concentration_of_release_003(tmp_path: Path) -> None:
    """One concentration became two: that of release 003 is the one from SSM/I."""
    paths = [made("ATL07", tmp_path, "003", 50), made("ATL07", tmp_path, "006", 51)]
    with h5py.File(paths[0]) as file:
        stats = file["gt1l/sea_ice_segments/stats"]
        assert "ice_conc" in stats
        assert "ice_conc_ssmi" not in stats
    ds = cd.open(paths, variables="ice_conc_ssmi", options=UNCACHED)
    prefix = "sea_ice_segments/stats/"
    values = np.concatenate(stored(paths, [f"{prefix}ice_conc", f"{prefix}ice_conc_ssmi"]))
    expected = np.where(values > 1e38, np.nan, values)
    np.testing.assert_array_equal(ds.ice_conc_ssmi.values, expected)


@pytest.mark.parametrize("product", ["ATL06", "ATL10", "ATL13"])
def test_releases_that_must_not_mix(product: str, tmp_path: Path) -> None:
    """Heights in two frames differ by centimetres, and look like a change of the ice."""
    paths = [made(product, tmp_path, "006", 50), made(product, tmp_path, "007", 51)]
    with pytest.raises(SelectionError, match=r"releases 006, 007 of .* do not mix(.|\n)*version="):
        cd.open(paths, options=UNCACHED)
    assert set(cd.open(paths, version="007", options=UNCACHED).rgt.values) == {51}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    "types",
    [
        (("u1", {}), ("u2", {})),
        (("i4", {}), ("i2", {})),
        (("i1", {"_FillValue": 127}), ("i4", {"_FillValue": 2**31 - 1})),
        (("i4", {"_FillValue": 2**31 - 1}), ("f4", {"_FillValue": np.finfo("f4").max})),
        (("f4", {}), ("f4", {"_FillValue": np.finfo("f4").max})),
        (("u4", {}), ("f4", {"_FillValue": np.finfo("f4").max})),
        (("i2", {"_FillValue": -1}), ("i2", {"_FillValue": -1})),
    ],
)
def test_types_that_changed_with_the_release(types: Any, order: int, tmp_path: Path) -> None:
    """A count of 300 in one byte is 44; a fill value of one type is a number in another."""
    paths = [made("ATL06", tmp_path, "006", rgt) for rgt in (50, 51)][::order]
    name = f"{SEGMENTS}/fit_statistics/n_seg_pulses"
    expected = []
    for path, (dtype, attributes) in zip(paths, types, strict=True):
        values = retyped(path, name, dtype, units="1", **attributes)
        known = values != attributes.get("_FillValue", -9999)
        expected.append(np.where(known, values.astype("f8"), np.nan))
    both = np.concatenate(expected)
    kinds: tuple[Any, ...] = (None, {})
    for chunks in kinds:
        ds = cd.open(paths, variables="n_seg_pulses", chunks=chunks, options=UNCACHED)
        np.testing.assert_array_equal(ds.n_seg_pulses.values.astype("f8"), both)
        np.testing.assert_array_equal(ds.n_seg_pulses[100:300:3].values, both[100:300:3])
    cut = cd.open(paths, where="n_seg_pulses > 50", variables="n_seg_pulses", options=UNCACHED)
    np.testing.assert_array_equal(cut.n_seg_pulses.values, both[both > 50])
    if not any("_FillValue" in attributes for _, attributes in types):
        assert ds.n_seg_pulses.dtype == np.result_type(*(dtype for dtype, _ in types))


@pytest.mark.parametrize(
    "types, what",
    [
        ((("i1", {"_FillValue": 127}), ("i1", {"_FillValue": -1})), "_FillValue"),
        ((("i2", {}), ("i2", {"_FillValue": -1})), "_FillValue"),
        ((("i8", {}), ("f8", {})), "type"),
        ((("u8", {}), ("i4", {})), "type"),
    ],
)
def test_types_that_no_column_holds(types: Any, what: str, tmp_path: Path) -> None:
    """Where a number of one granule means "none" in the other, or is rounded: refused."""
    paths = [made("ATL06", tmp_path, "006", rgt) for rgt in (50, 51)]
    name = f"{SEGMENTS}/fit_statistics/n_seg_pulses"
    for path, (dtype, attributes) in zip(paths, types, strict=True):
        retyped(path, name, dtype, units="1", **attributes)
    with pytest.raises(FormatError, match=f"another {what} than"):
        cd.open(paths, variables="n_seg_pulses", options=UNCACHED)
