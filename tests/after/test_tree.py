"""Tracks as a tree, put together again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import cryodata as cd
from cryodata.errors import SelectionError
from cryodata.granule import GranuleFile
from tests.after.samples import REAL, WAYS, beams_of, column

LABELS = ("beam", "spot", "strong", "ascending", "rgt", "cycle", "granule")


@pytest.mark.parametrize("way", WAYS)
def test_nodes_after_each_other_are_the_dataset(way: str, granules: list[Path]) -> None:
    """A row in the wrong node, or in none, would be under the wrong beam, or lost."""
    ds = WAYS[way](granules, variables=["h_li", "segment_id"])
    tree = ds.cryo.to_tree()
    nodes = [node.to_dataset() for node in tree.leaves]
    assert [node.path for node in tree.leaves] == [
        f"/{granule}/{beam}"
        for granule, beam in zip(ds.granule.values, ds.beam.values, strict=True)
    ]
    assert [node.sizes["segment"] for node in nodes] == ds.rowSize.values.tolist()
    rows = xr.concat([node.drop_vars(LABELS) for node in nodes], "segment", coords="minimal")
    expected = ds.drop_vars([*LABELS, "rowSize"]).drop_attrs(deep=False)
    xr.testing.assert_identical(rows.load(), expected.load())
    for name in LABELS:
        assert [node[name].item() for node in nodes] == ds[name].values.tolist()
        assert all(node[name].ndim == 0 for node in nodes)
    assert tree.attrs == ds.attrs


def test_nodes_hold_what_h5py_reads_of_their_beam(granules: list[Path]) -> None:
    """The path of a node says which beam it is; nobody looks again."""
    tree = cd.open(granules, variables="h_li").cryo.to_tree()
    for path, beam, rows in beams_of(granules, "land_ice_segments"):
        node = tree[f"{path.stem}/{beam}"]
        assert node.sizes["segment"] == (0 if rows is None else rows["h_li"].shape[0])
        if rows is not None:
            np.testing.assert_array_equal(
                node.longitude.values, rows["longitude"][()], err_msg=f"{path} {beam}"
            )


def test_one_granule_has_beams_at_the_top(photon_granule: Path) -> None:
    """With one granule its name in each path is noise; axes after the rows stay whole."""
    tree = cd.open(photon_granule).cryo.to_tree()
    assert list(tree.children) == ["gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r"]
    node = tree["gt2r"]
    expected = column([photon_granule], "signal_conf_ph", "heights")
    start = sum(tree[beam].sizes["photon"] for beam in ("gt1l", "gt1r", "gt2l"))
    stop = start + node.sizes["photon"]
    np.testing.assert_array_equal(node.signal_conf_ph.values, expected[start:stop])


def test_nothing_is_read_but_the_rows_that_are_touched(
    granules: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One beam of hundreds of granules must not cost all of them."""
    asked: list[str] = []
    read = GranuleFile.aread

    async def noting(self: GranuleFile, wanted: object) -> object:
        asked.extend(path for path, _ in wanted)  # type: ignore[attr-defined]
        return await read(self, wanted)  # type: ignore[arg-type]

    ds = cd.open(granules, variables="h_li")
    monkeypatch.setattr(GranuleFile, "aread", noting)
    tree = ds.cryo.to_tree()
    assert asked == []
    node = tree[f"{granules[0].stem}/gt2l"]
    _ = node.h_li.values
    assert asked == ["/gt2l/land_ice_segments/h_li"]
    assert node.to_dataset().cryo.receipt.requests == ds.cryo.receipt.requests > 0


def test_a_track_without_a_name(granules: list[Path]) -> None:
    """Of products with a single track at the root; the name of the root is taken."""
    ds = cd.open(granules, variables="h_li", beams="gt1l")
    ds = ds.assign_coords(beam=("track", [""] * 3))
    assert [node.path for node in ds.cryo.to_tree().leaves] == [f"/{p.stem}" for p in granules]
    ds = cd.open(granules[0], variables="h_li", beams="gt1l")
    tree = ds.assign_coords(beam=("track", [""])).cryo.to_tree()
    assert [node.path for node in tree.leaves] == [f"/{granules[0].stem}"]


def test_two_tracks_of_one_name() -> None:
    """One would take the place of the other, and be lost."""
    ds = cd.open(REAL, variables="h_li")
    twice = ds.assign_coords(beam=("track", ["gt1l"] * ds.sizes["track"]))
    with pytest.raises(SelectionError, match="called /gt1l"):
        twice.cryo.to_tree()
