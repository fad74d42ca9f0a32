"""``cryodata.open_tree``: the product's own layout, with names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata.errors import UnknownVariableError
from cryodata.granule import GranuleFile
from cryodata.tree import part_dimensions
from tests.real import real_files

ATL06 = "processed_ATL06_20191106230008_06270503_006_01.h5"
ATL03 = "ATL03_20181014002445_02350104_006_02.gt1l_bbox_subset.h5"
REWRITTEN = "ATL03_20220401221822_006.ICESat2VegR_clip_gt1r.h5"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many datasets each plan reads while the test runs."""
    noted: list[int] = []
    read = GranuleFile.read

    def counted(self: GranuleFile, wanted: Any) -> Any:
        noted.append(len(wanted))
        return read(self, wanted)

    monkeypatch.setattr(GranuleFile, "read", counted)
    return noted


def test_rows_have_the_names_of_the_table(reads: list[int]) -> None:
    """``delta_time`` of six lengths is no name for the rows of a granule."""
    tree = cd.open_tree(real_files()[ATL06])
    assert reads == []
    for track in ("gt1l", "gt3r"):
        segments = tree[f"{track}/land_ice_segments"]
        assert set(segments.dims) == {"segment"}
        assert segments["geophysical"].tide_ocean.dims == ("segment",)
        assert set(segments.coords) == {"delta_time", "latitude", "longitude"}
        assert tree[f"{track}/segment_quality"].segment_id.dims == ("candidate",)
    assert tree["orbit_info"].sc_orient.dims == ("sc_orient_time",)


@pytest.mark.parametrize("name", [ATL03, REWRITTEN])
def test_photons_and_segments_side_by_side(name: str) -> None:
    """The link of photons to segments needs both axes, also where all scales are lost."""
    path = real_files().get(name)
    if path is None:
        pytest.skip(f"{name} is not here")
    tree = cd.open_tree(path)
    (track,) = (name for name in tree.children if name.startswith("gt"))
    heights, geolocation = tree[f"{track}/heights"], tree[f"{track}/geolocation"]
    assert heights.h_ph.dims == ("photon",)
    assert heights.signal_conf_ph.dims == ("photon", "ds_surf_type")
    assert geolocation.ph_index_beg.dims == ("segment",)
    assert geolocation.surf_type.dims == ("segment", "ds_surf_type")
    assert geolocation.segment_ph_cnt.sum() == heights.sizes["photon"]


def test_values_are_those_of_the_engine() -> None:
    """Names change, values do not."""
    path = real_files()[ATL06]
    tree, plain = cd.open_tree(path), xr.open_groups(path, engine="cryodata")
    assert set(tree.groups) == set(plain)
    for group, dataset in plain.items():
        for name, variable in dataset.variables.items():
            values = tree[group].variables[name].values
            if values.dtype.kind == "M":  # xarray multiplies doubles and loses up to 16 ns
                assert (np.abs(values - variable.values) <= np.timedelta64(16, "ns")).all()
            else:
                np.testing.assert_array_equal(values, variable)


def test_part_of_a_granule() -> None:
    """One beam alone costs less than the whole, and is named from itself."""
    tree = cd.open_tree(real_files()[ATL06], group="gt2l")
    assert set(tree.children) == {"land_ice_segments", "residual_histogram", "segment_quality"}
    assert tree["land_ice_segments"].h_li.dims == ("segment",)
    with pytest.raises(UnknownVariableError, match="gt2l"):
        cd.open_tree(real_files()[ATL06], group="gt2x")


def test_what_was_read_is_kept(reads: list[int]) -> None:
    """Looking twice must not fetch twice."""
    tree = cd.open_tree(real_files()[ATL06], group="gt1l/land_ice_segments")
    first = tree.h_li.values
    np.testing.assert_array_equal(tree.h_li.values, first)
    assert reads == [1]


def test_one_name_for_two_lengths_opens(tmp_path: Path) -> None:
    """Xarray cannot open such a file as a tree; ours renames the inner dimension."""
    path = tmp_path / "shadow.h5"
    with h5py.File(path, "w") as file:
        for group, count in (("", 3), ("inner", 5)):
            place = file.require_group(group) if group else file
            place["n"] = np.arange(count)
            place["n"].make_scale("n")
            place["v"] = np.arange(count) * 2.0
            place["v"].dims[0].attach_scale(place["n"])
        file["inner/deep/w"] = np.arange(5)
        file["inner/deep/w"].dims[0].attach_scale(file["inner/n"])
    with pytest.raises(ValueError, match="not aligned"):
        xr.open_datatree(path, engine="cryodata")
    tree = cd.open_tree(path)
    assert tree["v"].dims == ("n",)
    assert tree["inner/v"].dims == ("inner_n",)
    assert tree["inner/deep/w"].dims == ("inner_n",)
    np.testing.assert_array_equal(tree["inner/v"], np.arange(5) * 2.0)


def test_names_of_parted_dimensions_do_not_clash() -> None:
    """A made-up name that is taken by another length goes on to the next one."""
    lengths = {"/": {"n": 1, "b_n": 7}, "/a": {}, "/a/b": {"n": 2}}
    datasets = {
        path: xr.Dataset({f"v_{dim}": (dim, np.zeros(n)) for dim, n in sizes.items()})
        for path, sizes in lengths.items()
    }
    assert dict(part_dimensions(datasets)["/a/b"].sizes) == {"a_n": 2}


def test_tree_closes() -> None:
    """Connections are given back with the tree."""
    with cd.open_tree(real_files()[ATL06], group="orbit_info") as tree:
        assert tree.sc_orient.values.tolist() == [1]
