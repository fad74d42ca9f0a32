"""References compared with their granules: sound ones are sound, and no lie goes unseen."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py._objects import phil

import cryodata as cd
from cryodata.errors import ConfigurationError, LimitExceededError, MissingDependencyError
from cryodata.granule import GranuleFile
from cryodata.index import Index
from cryodata.layout import Contiguous
from cryodata.options import Options
from cryodata.references import independent
from cryodata.references.catalogue import rows_to_table
from cryodata.references.independent import Blocks, Piece, seen_by_h5py
from cryodata.references.log import Log
from cryodata.references.references import References
from cryodata.sandbox import Sky, cloud
from cryodata.types import ByteRange
from tests.index_samples import walk_file
from tests.real import real_files
from tests.references.structures import STRUCTURES
from tests.references.tampered import tampered, with_array, with_table

ALL = 10_000
"""More chunks than any file here has."""


def problems(references: References, **how: Any) -> dict[str, str]:
    """Name to problem, of those that have one."""
    table = cd.references.verify(references, progress=False, **how)
    told = zip(table["name"], table["problem"], strict=True)
    return {name: problem for name, problem in told if problem}


def make(path: Path) -> Path:
    """Small arrays of every way to store values."""
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        file.create_dataset("g/packed", data=rng.random(100), chunks=(40,), compression="gzip")
        file.create_dataset("g/plain", data=rng.random((9, 8)).astype("f4"), chunks=(3, 4))
        holes = file.create_dataset("g/holes", (100,), "i4", chunks=(10,), fillvalue=-1)
        holes[20:30] = 7
        file["run"] = np.arange(1000.0)
        file["texts"] = np.array(["one", "two", "", "four"], h5py.string_dtype())
        file["nan"] = np.array([np.nan, -0.0, np.inf])
        file.create_dataset("none", (0, 5), "f8", chunks=(1, 5), maxshape=(None, 5))
        file["one"] = 7
    return path


@pytest.fixture
def refs(tmp_path: Path) -> References:
    return cd.references.build([make(tmp_path / "x.h5")], tmp_path / "refs")


def test_every_structure_is_sound(tmp_path: Path) -> None:
    """A false alarm would teach people to ignore true ones."""
    paths = []
    for number, case in enumerate(STRUCTURES):
        paths.append(tmp_path / f"{number}.h5")
        case.make(paths[-1])
    references = cd.references.build(paths, tmp_path / "refs")
    table = cd.references.verify(references, sample=40, progress=False)
    assert set(table["version"]) == {"same"}
    assert table["chunks"].sum() > 2000
    told = table[table["problem"] != ""]
    assert not [
        (STRUCTURES[int(Path(n).stem)].name, p)
        for n, p in zip(told["name"], told["problem"], strict=True)
    ]


def test_every_real_file_is_sound(tmp_path: Path) -> None:
    references = cd.references.build([*real_files().values()], tmp_path / "refs")
    table = cd.references.verify(references, sample=20, progress=False)
    assert list(table.columns) == ["name", "url", "version", "chunks", "problem"]
    assert set(table["version"]) == {"same"}
    assert set(table["problem"]) == {""}
    assert table["chunks"].max() == 20
    # Of atl11_metadata_template.h5 no array has elements.
    assert set(table["name"][table["chunks"] == 0]) <= {"atl11_metadata_template.h5"}


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with cloud("none") as running:
        yield running


def test_granules_in_s3(sky: Sky, tmp_path: Path) -> None:
    """Blocks come through our own loop, while h5py does nothing."""
    urls = [sky.put(path, name) for name, path in real_files().items() if "ATL" in name]
    options = sky.storage_options
    references = cd.references.build(urls, tmp_path / "refs", storage_options=options)
    table = cd.references.verify(references, storage_options=options, progress=False)
    assert set(table["problem"]) == {""}
    assert set(table["version"]) == {"same"}
    lost = cd.references.verify(references, progress=False)  # without keys
    assert set(lost["version"]) == {"unknown"}
    assert all(lost["problem"])


def test_replaced_and_gone(tmp_path: Path) -> None:
    paths = [make(tmp_path / f"{name}.h5") for name in ("same", "changed", "gone")]
    references = cd.references.build(paths, tmp_path / "refs")
    paths[1].write_bytes(paths[1].read_bytes())
    os.utime(paths[1], ns=(1, 1))
    paths[2].unlink()
    table = cd.references.verify(references, sample=ALL, progress=False).set_index("name")
    assert dict(table["version"]) == {
        "same.h5": "same",
        "changed.h5": "changed",
        "gone.h5": "gone",
    }
    assert table["problem"]["same.h5"] == ""
    assert "replaced" in table["problem"]["changed.h5"]
    assert "no such granule" in table["problem"]["gone.h5"]
    assert table["chunks"]["changed.h5"] == table["chunks"]["gone.h5"] == 0


def test_a_place_that_is_not_allowed_is_not_asked(refs: References) -> None:
    """References of others could otherwise have this machine hand its files to libhdf5."""
    table = cd.references.verify(cd.references.open(refs.url), progress=False)
    assert list(table["version"]) == ["unknown"]
    assert "allow" in table["problem"][0] or "place" in table["problem"][0]


def swap(index: Index) -> Index:
    def change(table: Any) -> Any:
        return replace(table, offsets=table.offsets[[1, 0, 2]], nbytes=table.nbytes[[1, 0, 2]])

    return with_table(index, "/g/packed", change)


def swap_equal(index: Index) -> Index:
    """Chunks of equal size, without filters: they decode without a complaint."""

    def change(table: Any) -> Any:
        offsets = table.offsets.copy()
        offsets[[2, 3]] = offsets[[3, 2]]
        return replace(table, offsets=offsets)

    return with_table(index, "/g/plain", change)


def drop(index: Index) -> Index:
    """A chunk that was written stands as a hole: its values would be fill."""

    def change(table: Any) -> Any:
        parts = (table.numbers, table.offsets, table.nbytes, table.masks)
        return type(table)(*(part[[0, 1, 3, 4, 5]] for part in parts))

    return with_table(index, "/g/plain", change)


def invent(index: Index) -> Index:
    """A chunk where the file has a hole."""

    def change(table: Any) -> Any:
        return replace(table, numbers=table.numbers + 3)

    return with_table(index, "/g/holes", change)


def mask(index: Index) -> Index:
    def change(table: Any) -> Any:
        return replace(table, masks=np.array([0, 1, 0], np.uint32))

    return with_table(index, "/g/packed", change)


def alter(path: str, **fields: Any) -> Callable[[Index], Index]:
    return lambda index: with_array(index, path, replace(index.arrays[path], **fields))


def move(index: Index) -> Index:
    layout: Any = index.arrays["/run"]
    storage = Contiguous(layout.storage.offset + 8, layout.storage.nbytes)
    return with_array(index, "/run", replace(layout, storage=storage))


def elsewhere(index: Index) -> Index:
    return with_array(index, "/g/other", replace(index.arrays["/g/plain"], path="/g/other"))


def of_a_group(index: Index) -> Index:
    return with_array(index, "/g", replace(index.arrays["/g/plain"], path="/g"))


LIES: dict[str, tuple[Callable[[Index], Index], str]] = {
    "two chunks swapped": (swap, "/g/packed, chunk .: at bytes .* but h5py finds it at bytes"),
    "two chunks of one size swapped": (swap_equal, "/g/plain, chunk 2: at bytes"),
    "a chunk left out": (drop, "/g/plain, chunk 2: other values than h5py reads"),
    "a chunk made up": (invent, "/g/holes, chunk 5: h5py says"),
    "a filter mask": (mask, "/g/packed, chunk 1: at bytes .* with filter mask 1, but"),
    "a shape": (alter("/g/packed", shape=(101,)), r"/g/packed.*: shape \(101,\) is \(100,\)"),
    "no elements": (
        alter("/run", shape=(0,), maxshape=(0,), storage=Contiguous(None, 0)),
        r"/run: shape \(0,\) is \(1000,\)",
    ),
    "some elements": (alter("/none", shape=(1, 5)), r"shape \(1, 5\) is \(0, 5\)"),
    "another rank": (
        alter("/run", shape=(1000, 1), maxshape=(1000, 1)),
        r"/run: shape \(1000, 1\) is \(1000,\)",
    ),
    "a shape of chunks": (
        alter("/g/plain", chunk_shape=(4, 3)),
        r"/g/plain.*: shape of chunks \(4, 3\) is \(3, 4\)",
    ),
    "a type": (
        alter("/g/plain", dtype=np.dtype("<i4"), stored_dtype=np.dtype("<i4"), fill=np.int32(0)),
        "/g/plain, chunk .*: type int32 is float32",
    ),
    "an order of bytes": (
        alter(
            "/run", dtype=np.dtype(">f8"), stored_dtype=np.dtype(">f8"), fill=np.array(0, ">f8")[()]
        ),
        "/run: type >f8 is float64",
    ),
    "a fill value": (
        alter("/g/holes", fill=np.int32(-2)),
        "/g/holes, chunk .*: other values than h5py reads",
    ),
    "a filter": (alter("/g/packed", filters=()), "/g/packed, chunk .: it cannot be read: "),
    "where contiguous values begin": (move, "/run: the values are at byte .* but h5py says"),
    "a dataset that is not there": (elsewhere, "/g/other, chunk .: h5py finds no such dataset"),
    "a dataset that is a group": (of_a_group, "/g, chunk .: h5py finds no dataset there"),
}


@pytest.mark.parametrize("lie", LIES)
def test_every_lie_is_found(lie: str, refs: References) -> None:
    change, words = LIES[lie]
    assert not problems(refs, sample=ALL)
    found = problems(tampered(refs, change), sample=ALL)
    assert list(found) == ["x.h5"]
    assert re.search(words, found["x.h5"]), found


def test_samples_find_a_lie_sooner_or_later(refs: References) -> None:
    """Of one chunk a time, another seed draws another."""
    lying = tampered(refs, swap_equal)
    assert any(problems(lying, sample=1, seed=seed) for seed in range(60))
    assert not all(problems(lying, sample=1, seed=seed) for seed in range(10))


def test_an_index_that_was_damaged(refs: References) -> None:
    (path,) = Path(refs.url, "indexes").iterdir()
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    table = cd.references.verify(refs, progress=False)
    assert list(table["version"]) == ["same"]
    assert "changed after it was written" in table["problem"][0]
    path.unlink()
    assert problems(refs)["x.h5"]


def test_an_index_of_another_format(refs: References) -> None:
    other = replace(refs[0], index_format=99)
    Log(refs.folder).commit(rows_to_table([other]))
    found = cd.references.open(refs.url, allow=refs[0].source.url.rpartition("/")[0])
    assert "format 99" in problems(found)["x.h5"]


@pytest.fixture
def inner(tmp_path: Path) -> Path:
    """What lies outside of the granule."""
    path = tmp_path / "inner.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.arange(20.0), maxshape=(None,), chunks=(20,))
        file["y"] = np.arange(20.0)
    return path


OUTSIDE: dict[str, tuple[Callable[[h5py.File, Path], Any], str]] = {}


def outside(words: str) -> Callable[[Any], Any]:
    def note(write: Any) -> Any:
        OUTSIDE[write.__name__] = (write, words)
        return write

    return note


@outside("a link")
def external_link(file: h5py.File, inner: Path) -> None:
    file["x"] = h5py.ExternalLink(str(inner), "/x")


@outside("a link")
def external_group(file: h5py.File, inner: Path) -> None:
    file["g"] = h5py.ExternalLink(str(inner), "/")


@outside("a link")
def soft_link(file: h5py.File, inner: Path) -> None:
    file["away"] = h5py.ExternalLink(str(inner), "/x")
    file["x"] = h5py.SoftLink("/away")


@outside("values lie in other files")
def external_values(file: h5py.File, inner: Path) -> None:
    file.create_dataset("x", (20,), "f8", external=[(str(inner), 0, 160)])


@outside("virtual")
def virtual(file: h5py.File, inner: Path) -> None:
    layout = h5py.VirtualLayout((20,), "f8", maxshape=(None,))
    source = h5py.VirtualSource(str(inner), "x", (20,), maxshape=(None,))
    layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
    file.create_virtual_dataset("x", layout)


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_other_file_is_opened(name: str, inner: Path, tmp_path: Path) -> None:
    """Index and granule by the same stranger: h5py would read what the user may read."""
    write, words = OUTSIDE[name]
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        write(file, inner)
        file["room"] = np.arange(10_000)  # so that the places of the other file can be
    references = cd.references.build([path], tmp_path / "refs")
    assert not problems(references, sample=ALL)  # our own reader refuses these
    where = "/g/x" if name == "external_group" else "/x"
    for theirs in ("/x", "/y"):
        layout = replace(walk_file(inner).arrays[theirs], path=where)

        def graft(index: Index, layout: Any = layout) -> Index:
            problems = {p: e for p, e in index.problems.items() if p != where}
            return replace(with_array(index, where, layout), problems=problems)

        found = problems(tampered(references, graft), sample=ALL)
        assert words in found["x.h5"]


def test_h5py_never_waits_for_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While blocks are fetched its lock is free, or garbage in the loop's thread waits for ever."""
    monkeypatch.setattr(independent, "BLOCK", 512)
    path = make(tmp_path / "x.h5")
    data = memoryview(path.read_bytes())
    asked: list[bool] = []

    def fetch(ranges: Sequence[ByteRange]) -> list[memoryview]:
        def try_lock() -> None:
            free = phil.acquire(blocking=False)
            asked.append(free)
            if free:
                phil.release()

        stranger = threading.Thread(target=try_lock)
        stranger.start()
        stranger.join()
        return [data[start:stop] for start, stop in ranges]

    with GranuleFile(path, options=Options(cache=None)) as granule:
        arrays = granule.walk().arrays
    pieces = [Piece(arrays["/g/packed"], 1), Piece(arrays["/texts"], 0)]
    seen = seen_by_h5py(pieces, Blocks(len(data), 1 << 20), fetch)
    assert len(asked) > 2
    assert all(asked)
    with h5py.File(path) as file:
        assert [one.differs for one in seen.values()] == ["", ""]
        values: Any = seen[pieces[0]].values
        assert values.tolist() == file["g/packed"][40:80].tolist()
        values = seen[pieces[1]].values
        assert values.tolist() == file["texts"][:].tolist()


def test_h5py_gets_so_many_attempts_and_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that leads it around for ever is a problem, not a hang."""
    path = make(tmp_path / "x.h5")
    data = memoryview(path.read_bytes())
    with GranuleFile(path, options=Options(cache=None)) as granule:
        piece = Piece(granule.walk().arrays["/texts"], 0)
    monkeypatch.setattr(independent, "BLOCK", 256)

    def fetch(ranges: Sequence[ByteRange]) -> list[memoryview]:
        return [data[start:stop] for start, stop in ranges]

    with pytest.raises(LimitExceededError, match="more than 1,000 bytes"):
        seen_by_h5py([piece], Blocks(len(data), 1000), fetch)
    monkeypatch.setattr(independent, "ATTEMPTS", 2)
    with pytest.raises(LimitExceededError, match="2 attempts"):
        seen_by_h5py([piece], Blocks(len(data), 1 << 20), fetch)


def test_chunks_of_arrays_that_grow_along_another_axis(tmp_path: Path) -> None:
    """There libhdf5 2.0 names another chunk's place when it is asked for it by coordinates."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", libver="latest") as file:
        data = np.random.default_rng(2).random((5, 6, 7))
        file.create_dataset(
            "x", data=data, chunks=(2, 4, 3), maxshape=(5, 6, None), compression="gzip"
        )
    references = cd.references.build([path], tmp_path / "refs")
    table = cd.references.verify(references, sample=ALL, progress=False)
    assert list(table["problem"]) == [""]
    assert list(table["chunks"]) == [18]


def test_versions_only(refs: References) -> None:
    table = cd.references.verify(refs, sample=0, progress=False)
    assert table.to_dict("records") == [
        {
            "name": "x.h5",
            "url": refs[0].source.url,
            "version": "same",
            "chunks": 0,
            "problem": "",
        }
    ]


def test_no_granules(refs: References) -> None:
    table = cd.references.verify(refs.select(product="ATL03"), progress=False)
    assert len(table) == 0
    assert "problem" in table


@pytest.mark.parametrize("sample", [-1, 1.5, True, "8"])
def test_a_sample_that_is_none(sample: Any, refs: References) -> None:
    with pytest.raises(ConfigurationError, match="sample="):
        cd.references.verify(refs, sample=sample)


def test_without_h5py(refs: References, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match="pip install h5py"):
        cd.references.verify(refs)
