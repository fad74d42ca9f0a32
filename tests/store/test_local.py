"""Local files."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from cryodata.errors import (
    AuthError,
    ConfigurationError,
    CryodataError,
    GranuleChangedError,
    NotFoundError,
    WrongRangeError,
)
from cryodata.store import loop
from cryodata.store.local import LocalStore
from tests.store.helpers import content, fetcher, read, some_ranges


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of 1 MB."""
    path = tmp_path / "granule.h5"
    path.write_bytes(content())
    return path


def test_ranges_equal_the_file(file: Path) -> None:
    """Bytes would come from another place."""
    ranges = some_ranges(2, 100)
    data = file.read_bytes()
    assert read(fetcher(LocalStore(file)), ranges) == [data[a:b] for a, b in ranges]


def test_a_relative_path_survives_chdir(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lazy read after a change of folder would not find the file."""
    monkeypatch.chdir(file.parent)
    store = LocalStore(file.name)
    monkeypatch.chdir("/")
    assert loop.run(store.get(0, 10)).size == 1_000_000


def test_a_tilde_is_the_users_home(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a shell would open would not be found."""
    monkeypatch.setenv("HOME", str(file.parent))
    assert LocalStore(f"~/{file.name}").url == str(file)


def test_a_range_is_cut_at_the_end(file: Path) -> None:
    """The end of a small file would be an error."""
    assert len(loop.run(LocalStore(file).get(999_990, 2_000_000)).data) == 10


def test_an_empty_file_has_an_empty_head(tmp_path: Path) -> None:
    """An empty download would look like a broken network instead of no HDF5 file."""
    (tmp_path / "empty.h5").write_bytes(b"")
    block = loop.run(LocalStore(tmp_path / "empty.h5").get(0, 100))
    assert (bytes(block.data), block.size) == (b"", 0)


def test_a_range_past_the_end_is_an_error(file: Path) -> None:
    """Nothing would be taken for data."""
    with pytest.raises(WrongRangeError, match="ends at byte 1000000"):
        loop.run(LocalStore(file).get(2_000_000, 2_000_010))


@pytest.mark.parametrize("how", ["replaced", "written to", "touched", "shortened"])
def test_a_changed_file_is_noticed(file: Path, how: str) -> None:
    """Chunks of two versions would be mixed."""
    store = LocalStore(file)
    etag = loop.run(store.get(0, 10)).etag
    assert loop.run(store.get(0, 10, etag=etag)).etag == etag
    if how == "replaced":
        fresh = file.with_suffix(".new")
        fresh.write_bytes(content(seed=1))
        fresh.replace(file)
    elif how == "written to":
        with file.open("r+b") as handle:
            handle.write(b"new")
    elif how == "shortened":
        os.truncate(file, 500_000)
    os.utime(file, ns=(10**18, 10**18))  # whatever the file system's clock can tell apart
    with pytest.raises(GranuleChangedError, match="changed since it was indexed"):
        loop.run(store.get(0, 10, etag=etag))


def test_what_is_not_a_readable_file_is_named(tmp_path: Path) -> None:
    """The user would not know what to do."""
    cases: list[tuple[Path, type[CryodataError]]] = [
        (tmp_path / "none.h5", NotFoundError),
        (tmp_path, ConfigurationError),
    ]
    for path, error in cases:
        with pytest.raises(error) as caught:
            loop.run(LocalStore(path).get(0, 10))
        assert caught.value.url == str(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_named(file: Path) -> None:
    """The user would look for the file instead of asking for access."""
    file.chmod(0)
    with pytest.raises(AuthError):
        loop.run(LocalStore(file).get(0, 10))


def test_a_local_store_pickles(file: Path) -> None:
    """Dask workers could not read local files."""
    store = pickle.loads(pickle.dumps(LocalStore(file)))
    assert bytes(loop.run(store.get(5, 9)).data) == content()[5:9]
