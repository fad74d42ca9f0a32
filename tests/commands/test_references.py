"""Index, verify and refs: what they say, beside h5py."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest
import zarr

from cryodata.references import open_kerchunk
from tests.commands.conftest import Told


def counted(path: Path) -> tuple[int, int]:
    """Datasets of a granule, and chunks of those that are chunked, as h5py counts."""
    arrays = chunks = 0

    def look(_: str, thing: object) -> None:
        nonlocal arrays, chunks
        if isinstance(thing, h5py.Dataset):
            arrays += 1
            if thing.chunks:
                chunks += thing.id.get_num_chunks()

    with h5py.File(path) as file:
        file.visititems(look)
    return arrays, chunks


def test_index_counts_as_h5py_does(cryodata: Told, granules: list[Path]) -> None:
    """Every variable, and where it lies."""
    said = cryodata("index", granules[0], "--json")
    assert said.code == 0
    arrays, chunks = counted(granules[0])
    table = {row["path"]: row for row in said.data["table"]}
    assert len(table) == arrays
    assert (
        sum(
            row["chunks"]
            for row in table.values()
            if " x " in row["chunk_shape"] or (row["chunk_shape"].isdigit())
        )
        == chunks
    )
    row = table["/gt1l/land_ice_segments/h_li"]
    assert (row["product"], row["dtype"]) == ("ATL06", "float32")
    assert "deflate" in row["codecs"]
    text = cryodata("index", granules[0]).out
    assert text.startswith(f"1 granule, {arrays} variables, ")
    assert "/gt1l/land_ice_segments/h_li" in text


def test_index_of_some_cycles(cryodata: Told, granules: list[Path]) -> None:
    """A condition that was said and not heeded would count what nobody asked about."""
    assert cryodata("index", *granules, "--cycle", "3,4", "--json").data["granules"] == 2
    assert cryodata("index", *granules, "--cycle", 20, "--json").code == 4


def test_verify_of_granules(cryodata: Told, granules: list[Path]) -> None:
    """They are compared and nothing is kept."""
    said = cryodata("verify", *granules, "--sample", 5, "--json")
    assert said.code == 0
    assert said.data["sound"]
    assert [row["chunks"] for row in said.data["table"]] == [5, 5, 5]
    assert "15 chunks compared: all are sound" in cryodata("verify", *granules, "--sample", 5).out


def test_references_from_first_to_last(
    cryodata: Told, granules: list[Path], tmp_path: Path
) -> None:
    """Built, appended to, shown, described, verified, refreshed and given away."""
    where = tmp_path / "refs"
    here = granules[0].parent
    said = cryodata("refs", "build", where, granules[0], "--json")
    assert [one["url"] for one in said.data["granules"]] == [str(granules[0])]
    assert said.data["granules"][0]["arrays"] == counted(granules[0])[0]
    assert cryodata("refs", "append", where, *granules[1:]).code == 0
    shown = cryodata("refs", "show", where, "--allow", here.parent, "--json").data["granules"]
    assert {one["url"] for one in shown} == {str(path) for path in granules}
    described = cryodata("refs", "describe", where, "--allow", here.parent, "--json").data
    assert described["granules"] == len(granules)
    assert cryodata("refs", "refresh", where, "--allow", here.parent).code == 0
    assert cryodata("verify", where, "--allow", here.parent).code == 0
    out = tmp_path / "out"
    said = cryodata("refs", "export", where, "--to", out, "--allow", here.parent, "--json")
    assert said.data["granules"] == len(granules)
    assert said.data["left_out"] == {}
    store = open_kerchunk(out / f"{granules[0].name}.json", allow=here.parent)
    name = "gt1l/land_ice_segments/h_li"
    root = zarr.open_group(store, mode="r", zarr_format=2)
    with h5py.File(granules[0]) as file:
        assert root[name][:].tobytes() == file[name][:].tobytes()  # type: ignore[index,union-attr]


def test_references_to_other_places_are_refused(
    cryodata: Told, granules: list[Path], tmp_path: Path
) -> None:
    """Unless they are allowed: the code is one of its own."""
    where = tmp_path / "refs"
    assert cryodata("refs", "build", where, granules[0]).code == 0
    for command in ("open", "verify"):
        said = cryodata(command, where)
        assert said.code == 9
        assert "--allow PLACE" in said.err
    assert cryodata("refs", "describe", where).code == 0  # reads nothing of the granules
    place = granules[0].parent
    target = tmp_path / "x.parquet"
    assert cryodata("get", where, "--allow", place, "--to", target).code == 0
    assert target.exists()


def test_a_granule_that_changed_is_not_sound(
    cryodata: Told, granules: list[Path], tmp_path: Path
) -> None:
    """And the script that asked sees that in the code."""
    copy = tmp_path / granules[0].name
    copy.write_bytes(granules[0].read_bytes())
    where = tmp_path / "refs"
    assert cryodata("refs", "build", where, copy).code == 0
    copy.write_bytes(granules[1].read_bytes())
    said = cryodata("verify", where, "--allow", tmp_path)
    assert said.code == 6
    assert "1 granule not sound" in said.out


@pytest.mark.filterwarnings("ignore")
def test_a_bad_granule_among_good_ones(
    cryodata: Told, granules: list[Path], tmp_path: Path
) -> None:
    """An error, or a line: as asked."""
    bad = tmp_path / "bad.h5"
    bad.write_text("no granule at all")
    said = cryodata("refs", "build", tmp_path / "a", bad, granules[0])
    assert said.code != 0
    assert "bad.h5" in said.err
    said = cryodata("refs", "build", tmp_path / "b", bad, granules[0], "--skip", "--json")
    assert said.code == 0
    assert len(said.data["granules"]) == 1
    assert "bad.h5" in said.data["skipped"][0]
