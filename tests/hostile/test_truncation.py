"""A file that lost its end: an error, or the values that are still there; never zeros."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from cryodata.errors import CryodataError
from cryodata.granule import GranuleFile
from cryodata.hdf5.checksum import lookup3
from cryodata.options import Options
from cryodata.types import AnyArray
from tests.hostile.bases import REAL, write_granule
from tests.hostile.jobs import NO_CACHE
from tests.hostile.mutate import dissect
from tests.snapshot import Refused, Snapshot, seen_by_cryodata

POINTS = 200


@pytest.fixture(params=["earliest", "latest", "real-atl16"])
def sound(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    name: str = request.param
    path = tmp_path / "sound.h5"
    if name in REAL:
        path.write_bytes(REAL[name].read_bytes())
    else:
        write_granule(path, name)
    return path


def truncation_points(path: Path) -> list[int]:
    """Half of them around structures, half spread evenly; none leaves the file whole."""
    anatomy = dissect(path)
    size = len(anatomy.data)
    edges = [place + shift for place in anatomy.places for shift in (-1, 0, 4, 20)]
    edges = [at for at in edges if 0 <= at < size]
    chosen = [edges[i] for i in np.linspace(0, len(edges) - 1, POINTS // 2).astype(int)]
    even = np.linspace(0, size - 1, POINTS - len(set(chosen))).astype(int).tolist()
    return sorted({*chosen, *even})


def seen_in(path: Path) -> Snapshot | CryodataError:
    try:
        with GranuleFile(path, options=NO_CACHE) as granule:
            return seen_by_cryodata(granule)
    except CryodataError as error:
        return error


def test_truncated(sound: Path, tmp_path: Path) -> None:
    """A download that stopped must be told from a granule, whatever was lost."""
    data = sound.read_bytes()
    cut = tmp_path / "cut.h5"
    for size in truncation_points(sound):
        cut.write_bytes(data[:size])
        assert isinstance(seen_in(cut), CryodataError), size


def test_truncated_and_said_to_be_whole(sound: Path, tmp_path: Path) -> None:
    """Where the superblock's length is no help, each structure must miss its own end."""
    whole = seen_in(sound)
    assert isinstance(whole, dict)
    data = sound.read_bytes()
    cut = tmp_path / "cut.h5"
    lost = 0
    for size in truncation_points(sound):
        cut.write_bytes(with_end(data[:size], size))
        seen = seen_in(cut)
        if isinstance(seen, CryodataError):
            lost += 1
            continue
        refused = {path for path, thing in seen.items() if isinstance(thing, Refused)}
        assert all(thing.typed for thing in seen.values() if isinstance(thing, Refused))
        gone = tuple(f"{path}{mark}" for path in refused for mark in "@/")
        for path, thing in whole.items():
            kept = seen.get(path) == thing
            assert kept or path in refused or path.startswith(gone) or leads_to(thing, refused), (
                size,
                path,
            )
        lost += bool(refused)
    assert lost > POINTS // 2, "the truncations do not hurt"


def leads_to(thing: object, refused: set[str]) -> bool:
    """An alias of something that is refused, or an axis named by it."""
    text = repr(thing)
    return any(repr(path)[1:-1] in text for path in refused)


def with_end(data: bytes, size: int) -> bytes:
    """The file with another end-of-file address in its superblock."""
    if len(data) < 48:
        return data
    edited = bytearray(data)
    if data[8] in (2, 3):
        edited[28:36] = size.to_bytes(8, "little")
        edited[44:48] = lookup3(memoryview(edited)[:44]).to_bytes(4, "little")
    else:
        edited[40:48] = size.to_bytes(8, "little")
    return bytes(edited)


def test_truncated_after_it_was_indexed(sound: Path, tmp_path: Path) -> None:
    """An index of a longer file must not be used on what is left of it."""
    data = sound.read_bytes()
    path = tmp_path / "shrinking.h5"
    for size in truncation_points(sound)[::10]:
        options = Options(cache=tmp_path / f"cache {size}")
        path.write_bytes(data)
        with GranuleFile(path, options=options) as granule:
            index = granule.walk()
            largest = max(index.arrays.values(), key=lambda array: array.nbytes).path
            (whole,) = granule.read([(largest, None)])
            os.truncate(path, size)
            unchanged_or_refused(granule, largest, whole)
        with GranuleFile(path, options=options) as granule:
            unchanged_or_refused(granule, largest, whole)


def unchanged_or_refused(granule: GranuleFile, path: str, whole: AnyArray) -> None:
    """What was fetched before may be given out again; nothing else may."""
    try:
        (values,) = granule.read([(path, None)])
    except CryodataError:
        return
    assert values.tobytes() == whole.tobytes()
