"""The cache gives back what was kept, or nothing: never something else, never an error."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import stat
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryodata.errors import CacheError, UnsupportedError
from cryodata.formats import encode_index
from cryodata.index import Index
from cryodata.keep import cache as cache_module
from cryodata.keep.cache import IndexCache
from cryodata.options import Limits
from tests.cache_jobs import VERSIONS, expect_one_of_them, run_job
from tests.index_samples import differences, every_kind, small_index

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


@pytest.fixture
def kept(folder: Path) -> IndexCache:
    return IndexCache(folder)


def entry_of(folder: Path) -> Path:
    """The one file in the folder."""
    (path,) = folder.iterdir()
    return path


def same(ours: Index | None, theirs: Index) -> bool:
    return ours is not None and not differences(ours, theirs)


def finish(*jobs: subprocess.Popen[bytes]) -> None:
    """Wait for jobs and show what went wrong in them."""
    for job in jobs:
        _, complaint = job.communicate(timeout=120)
        assert job.returncode == 0, complaint.decode()


def test_load_gives_what_was_saved(kept: IndexCache) -> None:
    """The whole point."""
    index = every_kind()
    assert kept.load(index.source.url) is None
    assert kept.save(index)
    assert same(kept.load(index.source.url), index)
    assert same(IndexCache(kept.folder).load_version(index.source), index)


def test_newest_version_is_kept(kept: IndexCache) -> None:
    """A granule that was replaced must not be read by the old index for ever."""
    old, new = small_index(etag='"old"', arrays=9, complete=True), small_index(etag='"new"')
    assert kept.save(old)
    assert kept.save(new)
    assert same(kept.load(new.source.url), new)
    assert kept.load_version(old.source) is None
    assert kept.load_version(replace(new.source, size=1001)) is None
    assert same(kept.load_version(new.source), new)


def test_drop_forgets_that_version_only(kept: IndexCache) -> None:
    """A reader that met the old version must not drop what another just learnt of the new."""
    old, new = small_index(etag='"old"'), small_index(etag='"new"')
    kept.save(new)
    kept.drop(old.source)
    assert kept.load(new.source.url) is not None
    kept.drop(new.source)
    assert kept.load(new.source.url) is None
    kept.drop(new.source)


def test_poorer_index_does_not_replace_richer(kept: IndexCache) -> None:
    """Each reader of one variable would throw away the walk of the whole file."""
    for richer in (small_index(arrays=3), small_index(arrays=4), small_index(complete=True)):
        assert kept.save(richer)
        for poorer in (small_index(), small_index(arrays=2)):
            assert kept.save(poorer)
            assert same(kept.load(richer.source.url), richer)


def test_without_etag_nothing_is_kept(kept: IndexCache) -> None:
    """Nobody could notice that the granule changed: old places, new bytes."""
    assert not kept.save(small_index(etag=""))
    assert list(kept.folder.iterdir()) == []


def test_granules_do_not_meet(kept: IndexCache) -> None:
    """Two granules of one name in different buckets are two granules."""
    names = ["a", "b", "a/b", "ä", "\udcff"]
    for name in names:
        assert kept.save(small_index(name))
    for name in names:
        assert same(kept.load(f"s3://bucket/{name}.h5"), small_index(name))
    assert len(list(kept.folder.iterdir())) == len(names)


def test_nothing_tells_what_was_read(kept: IndexCache) -> None:
    """File names end up in listings and logs, and other users must not read the rest."""
    before = os.umask(0)
    try:
        made = IndexCache(kept.folder.parent / "other")
        made.save(small_index("secret-place"))
    finally:
        os.umask(before)
    path = entry_of(made.folder)
    assert path.stem == f"{int(path.stem, 16):040x}"
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_limits_are_part_of_the_key(kept: IndexCache) -> None:
    """What was refused under old limits must be tried again under new ones."""
    kept.save(small_index())
    raised = replace(kept, limits=Limits(links=7))
    assert raised.load("s3://bucket/a.h5") is None
    assert kept.load("s3://bucket/a.h5") is not None


def test_other_versions_of_the_library_start_anew(
    kept: IndexCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug mended in the walker must not live on in old caches."""
    kept.save(small_index())
    path = entry_of(kept.folder)
    monkeypatch.setattr(cache_module, "library_version", lambda: "99.0")
    assert kept.load("s3://bucket/a.h5") is None
    path.rename(kept._path("s3://bucket/a.h5"))
    assert kept.load("s3://bucket/a.h5") is None


def test_damage_is_noticed_and_mended(kept: IndexCache) -> None:
    """A disk that turns a bit must cost a walk, not a wrong elevation."""
    index = small_index(arrays=5)
    kept.save(index)
    path = entry_of(kept.folder)
    data = path.read_bytes()
    rng = np.random.default_rng(7)
    for place in rng.integers(0, len(data), 60).tolist():
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        assert kept.load(index.source.url) is None
    for content in (b"", b"PAR1", data[: len(data) // 2], data + data, b"\0" * 4096):
        path.write_bytes(content)
        assert kept.load(index.source.url) is None
        path.write_bytes(content)
        assert kept.save(index)
        assert same(kept.load(index.source.url), index)


def test_swapped_entries_are_noticed(kept: IndexCache) -> None:
    """Sound, sealed, and of another granule."""
    kept.save(small_index("a"))
    first = entry_of(kept.folder)
    data = first.read_bytes()
    kept.save(small_index("b"))
    kept._path("s3://bucket/b.h5").write_bytes(data)
    assert kept.load("s3://bucket/b.h5") is None
    assert kept.load("s3://bucket/a.h5") is not None


def plant_link(path: Path) -> None:
    target = path.with_name("elsewhere")
    path.rename(target)
    path.symlink_to(target)


def plant_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def plant_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


PLANTS: dict[str, Callable[[Path], None]] = {
    "link": plant_link,
    "folder": plant_folder,
    "pipe": plant_pipe,
    "writable by all": lambda path: path.chmod(0o602),
    "writable by the group": lambda path: path.chmod(0o620),
    "unreadable": lambda path: path.chmod(0),
}
if AS_ROOT:
    del PLANTS["unreadable"]
    PLANTS["of another user"] = lambda path: os.chown(path, NOBODY, NOBODY)


@pytest.mark.parametrize("plant", PLANTS)
def test_planted_entries_are_not_read(kept: IndexCache, plant: str) -> None:
    """Who can write an entry can tell us where to read."""
    index = small_index()
    kept.save(index)
    path = entry_of(kept.folder)
    PLANTS[plant](path)
    assert kept.load(index.source.url) is None
    if plant == "folder":
        with pytest.warns(RuntimeWarning, match="not kept"):
            assert not kept.save(index)
        return
    assert kept.save(index)
    assert same(kept.load(index.source.url), index)
    if plant == "link":
        assert not path.is_symlink()


def make_link(folder: Path) -> None:
    folder.with_name("real").mkdir()
    folder.symlink_to(folder.with_name("real"))


def make_file(folder: Path) -> None:
    folder.write_bytes(b"")


def make_open_to_all(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def make_open_to_group(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o770)


def make_foreign(folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)


@pytest.mark.parametrize(
    "make, words",
    [
        (make_link, "symbolic link"),
        (make_file, "no folder"),
        (make_open_to_all, "others may write"),
        (make_open_to_group, "others may write"),
        pytest.param(
            make_foreign,
            "another user",
            marks=pytest.mark.skipif(not AS_ROOT, reason="only root gives folders away"),
        ),
    ],
)
def test_folders_of_doubt_are_refused(
    folder: Path, make: Callable[[Path], None], words: str
) -> None:
    """Said once, with what to do about it; then reading goes on without a cache."""
    folder.parent.mkdir()
    make(folder)
    with pytest.raises(CacheError, match=words) as caught:
        IndexCache(folder)
    assert "CRYODATA_CACHE" in str(caught.value)
    with pytest.warns(RuntimeWarning, match=words):
        assert IndexCache.open(folder) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert IndexCache.open(folder) is None


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A home folder that is full, read-only or not there must not stop anybody."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.warns(RuntimeWarning, match="cannot be made"):
        assert IndexCache.open(tmp_path / "file" / "cache") is None


def test_no_folder_no_cache() -> None:
    """`Options(cache=None)` is a wish, not a mistake to be warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert IndexCache.open(None) is None


def test_opened_cache_keeps(folder: Path) -> None:
    """The way readers use it."""
    opened = IndexCache.open(folder, nbytes=1 << 20)
    assert opened is not None
    assert opened.save(small_index())
    assert IndexCache.open(folder).load("s3://bucket/a.h5") is not None  # type: ignore[union-attr]


class BrokenDisk:
    """Fails the n-th call of a few functions that write, with a given error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, code: int) -> None:
        self.left = number
        self.code = code
        for owner, name in ((os, "open"), (os, "fsync"), (os, "fstat"), (Path, "replace")):
            monkeypatch.setattr(owner, name, self.around(getattr(owner, name)))

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, failing at its turn."""

        def failing(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise OSError(self.code, os.strerror(self.code))
            return function(*args, **kwargs)

        return failing


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EMFILE])
def test_a_failure_at_any_step_costs_nothing(
    kept: IndexCache, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Whichever step fails, the old entry or the new one is there, and nothing half-done."""
    old, new = small_index(), small_index(arrays=3)
    for number in itertools.count(1):
        kept.drop(new.source)
        kept.save(old)
        cache_module._warned.discard(kept.folder)
        with monkeypatch.context() as patch, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            disk = BrokenDisk(patch, number, code)
            done = kept.save(new)
            kept.save(new)
        assert len(caught) <= 1
        assert done or "not kept" in str(caught[0].message)
        assert [path.suffix for path in kept.folder.iterdir()] == [".parquet"]
        assert same(kept.load(new.source.url), new)  # the second try went well
        if disk.left > 0:
            break
    assert number > 5


def test_failure_leaves_the_old_entry(kept: IndexCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk must not cost what was already kept."""
    kept.save(small_index())
    BrokenDisk(monkeypatch, 4, errno.ENOSPC)
    with pytest.warns(RuntimeWarning, match="not kept"):
        assert not kept.save(small_index(arrays=3))
    assert same(kept.load("s3://bucket/a.h5"), small_index())


def test_what_cannot_be_written_is_not_kept(kept: IndexCache) -> None:
    """Kept without what cannot be written, the index would be wrong."""
    odd = replace(small_index(), problems={"/x": UnsupportedError("x", path="/x")})
    object.__setattr__(odd.problems["/x"], "start", object())
    with pytest.warns(RuntimeWarning, match="cannot be written"):
        assert not kept.save(odd)


@pytest.fixture
def lent_folder() -> Iterator[Path]:
    """A folder that root can lend to an ordinary user, whom permissions bind."""
    place = Path(tempfile.mkdtemp(prefix="cryodata-test-"))
    place.chmod(0o755)
    (place / "cache").mkdir(mode=0o700)
    if AS_ROOT:
        os.chown(place / "cache", NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield place / "cache"
    finally:
        if AS_ROOT:
            os.seteuid(0)
        shutil.rmtree(place)


def test_read_only_folder_is_still_read(lent_folder: Path) -> None:
    """A shared, frozen cache serves; what is new is walked, with one warning."""
    kept = IndexCache(lent_folder)
    kept.save(small_index())
    lent_folder.chmod(0o500)
    try:
        assert same(kept.load("s3://bucket/a.h5"), small_index())
        with pytest.warns(RuntimeWarning, match="not kept") as caught:
            saved = [kept.save(small_index(arrays=2)), kept.save(small_index("b"))]
        assert saved == [False, False]
        assert len(caught) == 1
        assert len(list(lent_folder.iterdir())) == 1
    finally:
        lent_folder.chmod(0o700)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a file system takes root, and a machine that lets it")
    yield place
    subprocess.run(["umount", str(place)], check=True, timeout=20)


def test_full_disk(tiny_disk: Path) -> None:
    """A full home folder is the most common fault of all."""
    kept = IndexCache(tiny_disk / "cache")
    assert kept.save(small_index("small"))
    with pytest.warns(RuntimeWarning, match="No space left") as caught:
        saved = [kept.save(small_index("large", pad=size)) for size in (400_000, 500_000)]
    assert saved == [False, False]
    assert len(caught) == 1
    assert [path.suffix for path in kept.folder.iterdir()] == [".parquet"]
    assert same(kept.load("s3://bucket/small.h5"), small_index("small"))


def test_size_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A year of reading must not fill the home folder; what is used daily must stay."""
    one = len(encode_index(small_index("0", pad=9000)))
    kept = IndexCache(folder, nbytes=5 * one + 500)
    for number in range(12):
        assert kept.save(small_index(str(number), pad=9000))
        assert kept.load("s3://bucket/0.h5") is not None
        for path in folder.iterdir():  # an hour goes by
            status = path.stat()
            os.utime(path, (status.st_atime, status.st_mtime - 3600))
    assert [n for n in range(12) if kept.load(f"s3://bucket/{n}.h5")] == [0, 8, 9, 10, 11]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= kept.nbytes


def test_sweep_leaves_the_files_of_others(kept: IndexCache) -> None:
    """The folder may be shared with what a user put there; work under way goes on."""
    now = time.time()
    stem = "0123456789" * 4
    young, old = f"{stem}-{'a' * 16}.part", f"{stem}-{'b' * 16}.part"
    for name, age in [("notes.txt", 1e6), ("table.parquet", 1e6), (young, 60), (old, 1e5)]:
        (kept.folder / name).write_bytes(b"x" * 5000)
        os.utime(kept.folder / name, (now - age, now - age))
    small = replace(kept, nbytes=1)
    small.save(small_index())
    assert {path.name for path in kept.folder.iterdir()} == {"notes.txt", "table.parquet", young}


def test_processes_share_a_folder(kept: IndexCache) -> None:
    """Workers of one cluster open the same granule at the same moment."""
    finish(*[run_job("crowd", kept.folder, 30) for _ in range(4)])
    expect_one_of_them(kept)
    assert [path.suffix for path in kept.folder.iterdir()] == [".parquet"]


def test_killed_while_saving(kept: IndexCache) -> None:
    """A job that runs out of memory is killed at any moment: old or new, never half."""
    finish(run_job("fork_and_kill", kept.folder, 50))
    expect_one_of_them(kept)


@pytest.mark.soak
def test_killed_while_saving_often(kept: IndexCache) -> None:
    """As above, at the count promised."""
    finish(run_job("fork_and_kill", kept.folder, 300))
    expect_one_of_them(kept)


def test_forked_while_saving(kept: IndexCache) -> None:
    """A child that waits for a lock which nobody holds would wait for ever."""
    finish(run_job("fork_while_saving", kept.folder, 0))
    assert same(kept.load(VERSIONS[0].source.url), VERSIONS[0])


def test_random_changes_under_a_good_checksum(tmp_path: Path) -> None:
    """In a process of its own, since a fault in the Parquet reader would end it."""
    finish(run_job("mutants", tmp_path, 300))
