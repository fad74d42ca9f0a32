"""References as a folder of Parquet: built, opened, added to, brought up to date, damaged."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import geopandas
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

import cryodata as cd
from cryodata.earthdata.granule import Granule
from cryodata.errors import (
    AuthError,
    ConfigurationError,
    CryodataError,
    FetchError,
    FormatError,
    NotFoundError,
    NotHDF5Error,
    NothingFoundError,
    UnsafeReferenceError,
    UnsupportedError,
)
from cryodata.granule import GranuleFile
from cryodata.options import Options
from cryodata.references import building, log
from cryodata.references.catalogue import Row, encode_rows, rows_to_table
from cryodata.references.log import Log
from cryodata.references.references import References
from cryodata.sandbox import cloud
from cryodata.sandbox.granules import atl06
from cryodata.sandbox.s3_access import PRIVATE
from cryodata.store.folder import open_folder
from cryodata.types import Source
from tests.real import real_files
from tests.references.stores import clean, contents, tiny_granules

NO_CACHE = Options(cache=None)
H_LI = "gt1l/land_ice_segments/h_li"


@pytest.fixture(scope="module")
def granules(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return tiny_granules(tmp_path_factory.mktemp("granules"), 5)


@pytest.fixture
def refs(granules: list[Path], tmp_path: Path) -> References:
    return cd.references.build(granules, tmp_path / "refs")


def values(references: Any, **more: Any) -> list[float]:
    ds = cd.open(references, variables=["h_li"], options=NO_CACHE, **more)
    with ds:
        return sorted(ds["h_li"].values.tolist())


def expected(granules: list[Path]) -> list[float]:
    found: list[float] = []
    for path in granules:
        with h5py.File(path) as file:
            found += file[H_LI][:].tolist()
    return sorted(found)


def test_build_and_read(refs: References, granules: list[Path]) -> None:
    assert len(refs) == 5
    assert values(refs) == expected(granules)
    assert contents(clean(Path(refs.url))) == contents(refs)
    opened = cd.references.open(refs.url, allow=granules[0].parent)
    assert values(opened) == expected(granules)
    assert [row.granule.product for row in opened] == ["ATL06"] * 5
    assert {row.chunks for row in opened} == {12}
    assert "5 granules, 60 chunks" in repr(opened)
    page = opened._repr_html_()
    assert "<td>ATL06</td><td>006</td><td>5</td>" in page
    assert "5 granules, 60 chunks" in page


def test_releases_are_mixed_as_in_a_list(tmp_path: Path) -> None:
    """Nobody asked to leave the older ones out, and their rows would be missed by nobody."""
    paths = [path for name, path in real_files().items() if name.startswith("processed_ATL06")]
    releases = [path.stem[-6:-3] for path in paths]
    assert sorted(set(releases)) == ["002", "006"]
    refs = cd.references.build(paths, tmp_path / "refs")
    rows = cd.open(paths).sizes["segment"]
    assert cd.open(refs).sizes["segment"] == cd.plan(refs).rows == rows
    assert cd.plan(refs).granules == len(paths)
    of_002 = [path for path, release in zip(paths, releases, strict=True) if release == "002"]
    assert cd.open(refs, version="002").sizes["segment"] == cd.open(of_002).sizes["segment"] < rows


def test_verbs_take_a_place(tmp_path: Path) -> None:
    """By name, as `append` does."""
    refs = cd.references.build(tiny_granules(tmp_path / "granules", 2), tmp_path / "refs")
    assert len(cd.references.describe(tmp_path / "refs")) == len(cd.references.describe(refs))
    table = cd.references.verify(str(tmp_path / "refs"), progress=False)
    assert len(table) == 2
    assert table["problem"].str.contains("allow").all()


def test_one_round_and_no_walk(tmp_path: Path) -> None:
    """On the wire: the second reader of a granule asks for values and nothing else."""
    path = atl06(tmp_path, segments=12_000)
    with cloud("none", server="static") as sky:
        url = sky.put(path)
        options: dict[str, Any] = {"storage_options": sky.storage_options}
        refs = cd.references.build(url, tmp_path / "refs", **options)
        sky.reset()
        ds = cd.open(refs, variables=["h_li"], options=NO_CACHE, **options)
        opening = len(sky.log)
        found = ds["h_li"].values
        with h5py.File(path) as file:
            beams = [file[f"gt{n}{s}/land_ice_segments/h_li"] for n in "123" for s in "lr"]
            stored = np.concatenate([beam[:] for beam in beams])
            chunks = [
                (info.byte_offset, info.size)
                for beam in beams
                for info in (beam.id.get_chunk_info(i) for i in range(beam.id.get_num_chunks()))
            ]
        asked = [entry.span for entry in sky.log if entry.span]
    assert opening == 0
    np.testing.assert_array_equal(found, np.where(stored > 3e38, np.nan, stored))
    assert all(any(a <= o and o + n <= b for a, b in asked) for o, n in chunks)
    assert sum(b - a for a, b in asked) < 3 * sum(n for _, n in chunks)


def test_build_goes_on_where_it_was(granules: list[Path], tmp_path: Path) -> None:
    where = tmp_path / "refs"
    cd.references.build(granules[:3], where)
    before = {p: p.stat().st_mtime_ns for p in where.rglob("*.parquet")}
    refs = cd.references.build(granules, where)
    assert len(refs) == 5
    assert {p: p.stat().st_mtime_ns for p in before} == before, "files are never changed"
    files = set(where.rglob("*.parquet"))
    cd.references.build(granules, where)
    assert set(where.rglob("*.parquet")) == files, "nothing to do, nothing written"


@pytest.mark.filterwarnings("ignore:Couldn't detect a suitable IP")
@pytest.mark.parametrize("parallel", [None, "threads", "processes", "dask"])
def test_ways_to_walk(granules: list[Path], tmp_path: Path, parallel: str | None) -> None:
    if parallel == "dask":
        import distributed

        with (
            distributed.LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=1,
                threads_per_worker=2,
                processes=False,
                dashboard_address=None,
            ) as cluster,
            distributed.Client(cluster) as client,  # type: ignore[no-untyped-call]
        ):
            refs = cd.references.build(granules, tmp_path / "refs", parallel=client)
    elif parallel == "processes":
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            refs = cd.references.build(granules, tmp_path / "refs", parallel=pool)
    else:
        refs = cd.references.build(granules, tmp_path / "refs", parallel=parallel)
    plain = cd.references.build(granules, tmp_path / "plain")
    assert contents(refs) == contents(plain)


def test_unknown_words(granules: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="parallel='processes'"):
        cd.references.build(granules, tmp_path / "refs", parallel="processes")
    with pytest.raises(ConfigurationError, match="on_error='ignore'"):
        cd.references.build(granules, tmp_path / "refs", on_error="ignore")
    with pytest.raises(ConfigurationError, match="neither a folder"):
        cd.references.build(granules, "ftp://host/refs")


def test_one_bad_granule(granules: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "ATL06_20190101000000_09990103_006_01.h5"
    bad.write_bytes(b"no HDF5" * 1000)
    with pytest.raises(NotHDF5Error, match="others are in the references"):
        cd.references.build([bad, *granules], tmp_path / "raise")
    assert len(cd.references.open(tmp_path / "raise")) == 5
    refs = cd.references.build([bad, *granules], tmp_path / "skip", on_error="skip")
    assert len(refs) == 5
    assert [one.url for one in refs.skipped] == [str(bad)]
    assert "1 skipped" in repr(refs)
    assert bad.name in refs._repr_html_()


def test_append(granules: list[Path], tmp_path: Path) -> None:
    where = tmp_path / "refs"
    refs = cd.references.build(granules[:2], where)
    more = cd.references.append(refs, granules[1:])
    assert values(more) == expected(granules)
    assert len(refs) == 2, "what was opened stays as it was"
    with pytest.raises(NotFoundError, match="no references"):
        cd.references.append(tmp_path / "nothing", granules)
    assert not (tmp_path / "nothing").exists()


def test_refresh(tmp_path: Path) -> None:
    """One replaced, one gone, one superseded, one as it was."""
    files = tiny_granules(tmp_path / "granules", 4)
    newer = files[3].with_name(files[3].name.replace("_01.h5", "_02.h5"))
    shutil.copy(files[2], newer)
    refs = cd.references.build([*files, newer], tmp_path / "refs")
    assert len(refs) == 5
    with h5py.File(files[0], "r+") as file:
        file[H_LI][:] = 7.0
    files[1].unlink()
    fresh = cd.references.refresh(refs)
    assert {row.granule.name for row in fresh} == {files[0].name, files[2].name, newer.name}
    assert values(fresh) == sorted([7.0] * 100 + 2 * expected([files[2]]))
    assert contents(clean(Path(refs.url))) == contents(fresh)
    again = cd.references.refresh(fresh)
    assert contents(again) == contents(fresh)
    assert len(cd.references.build([newer], tmp_path / "refs")) == 3, "history is no granule"


def test_refresh_reports_what_cannot_be_asked(
    refs: References, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = GranuleFile.version

    def version(self: GranuleFile) -> Source:
        if self.url == refs[0].source.url:
            raise AuthError("not today")
        return real(self)

    monkeypatch.setattr(GranuleFile, "version", version)
    with pytest.raises(AuthError, match="not today"):
        cd.references.refresh(refs)
    kept = cd.references.refresh(refs, on_error="skip")
    assert [one.error.what for one in kept.skipped] == ["not today"]
    assert len(kept) == 5


def test_replaced_granules_are_not_read_by_old_places(tmp_path: Path) -> None:
    """Without refresh: who has seen nothing gets the new values, never a mixture."""
    (path,) = tiny_granules(tmp_path, 1)
    refs = cd.references.build(path, tmp_path / "refs")
    with h5py.File(path, "w") as file:
        group = file.create_group("gt1l/land_ice_segments")
        for name in ("latitude", "h_li", "longitude", "delta_time"):
            group.create_dataset(name, data=np.arange(50.0))
    assert values(refs) == list(range(50))


def test_only_places_that_are_allowed(refs: References, granules: list[Path]) -> None:
    strangers = cd.references.open(refs.url)
    assert len(strangers) == 5
    with pytest.raises(UnsafeReferenceError, match="allow="):
        cd.open(strangers)
    with pytest.raises(UnsafeReferenceError):
        cd.open(refs.url)
    with pytest.raises(UnsafeReferenceError):
        cd.references.refresh(strangers)
    assert values(cd.references.open(refs.url, allow=granules[0].parent)) == expected(granules)


def test_selection(tmp_path: Path) -> None:
    """Region, time, tracks and releases, against plain conditions."""
    rng = np.random.default_rng(1)
    rows, places = [], []
    for number in range(300):
        lon, lat = rng.uniform(-179, 178), rng.uniform(-85, 84)
        rgt, cycle = int(rng.integers(1, 1388)), int(rng.integers(1, 9))
        release = f"00{rng.integers(5, 8)}"
        name = f"ATL06_20190101000000_{rgt:04d}{cycle:02d}03_{release}_01.h5"
        ring = ((lon, lat), (lon + 1, lat), (lon + 1, lat + 1), (lon, lat + 1), (lon, lat))
        start = np.datetime64("2019-01-01", "us") + np.timedelta64(number, "D")
        granule = Granule(
            name=name,
            s3=f"s3://b/{number}/{name}",
            size=1,
            footprint=(ring,),
            start=start,
            end=start + np.timedelta64(1, "h"),
            product="ATL06",
            version=release,
        )
        source = Source(url=granule.s3, size=1, etag='"1"')
        rows.append(Row(key=granule.s3, granule=granule, source=source))
        places.append((lon, lat, rgt, cycle, release, number))
    Log(open_folder(tmp_path)).commit(rows_to_table(rows))
    refs = cd.references.open(tmp_path)
    assert [row.granule for row in refs] == [row.granule for row in rows]

    def chosen(**asked: Any) -> set[int]:
        return {int(row.key.split("/")[3]) for row in refs.select(**asked)}

    box = (-60.0, -40.0, 20.0, 35.0)
    inside = {n for lon, lat, *_, n in places if -61 <= lon <= 20 and -41 <= lat <= 35}
    assert inside <= chosen(region=box)
    far = {n for lon, lat, *_, n in places if not (-66 <= lon <= 25 and -46 <= lat <= 40)}
    assert not far & chosen(region=(-59.9, -39.9, 19.9, 34.9))
    assert chosen(time=("2019-02-01", "2019-02-10")) == set(range(31, 41))
    tracks = sorted({rgt for _, _, rgt, *_ in places})[:5]
    assert chosen(rgt=tracks) == {n for _, _, rgt, _, _, n in places if rgt in tracks}
    assert chosen(cycle=[2, 3]) == {n for *_, cycle, _, n in places if cycle in (2, 3)}
    assert chosen(version=5) == {n for *_, release, n in places if release == "005"}
    assert chosen(version="latest") == {n for *_, release, n in places if release == "007"}
    assert chosen(product="ATL08") == set()
    with pytest.raises(NothingFoundError, match="300 granules"):
        cd.open(cd.references.open(tmp_path, allow="s3://b"), cycle=99)


def test_others_read_the_files(refs: References, granules: list[Path]) -> None:
    """GeoPandas and DuckDB alone, as the how-to says."""
    (catalogue,) = (Path(refs.url) / "granules").glob("*.parquet")
    frame = geopandas.read_parquet(catalogue)
    assert sorted(frame["name"]) == sorted(path.name for path in granules)
    rows = ask(
        f"SELECT name, \"index\" FROM '{refs.url}/granules/*.parquet' "
        'QUALIFY row_number() OVER (PARTITION BY key ORDER BY "commit" DESC) = 1 AND NOT retired'
    )
    assert sorted(rows) == sorted((r.granule.name, r.index) for r in refs)
    name, index = rows[0]
    ((offsets, nbytes),) = ask(
        f"SELECT chunk_offsets, chunk_nbytes FROM '{refs.url}/indexes/{index}.parquet' "
        f"WHERE path = '/{H_LI}'"
    )
    with h5py.File(granules[0].parent / name) as file:
        infos = [file[H_LI].id.get_chunk_info(i) for i in range(3)]
    assert offsets == [info.byte_offset for info in infos]
    assert nbytes == [info.size for info in infos]


def ask(query: str) -> list[Any]:
    """What DuckDB answers."""
    found = duckdb.sql(query)
    assert found is not None
    return found.fetchall()


def test_many_commits_become_one_file(
    granules: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = tmp_path / "refs"
    refs = cd.references.build(granules, where)
    rows = list(refs)
    listing = Log(open_folder(where))
    for number in range(50):
        row = rows[number % 5]
        listing.commit(rows_to_table([replace(row, retired=number % 2 == 0)]))
    newest = {rows[number % 5].key: number % 2 == 0 for number in range(50)}
    left = {row.key for row in cd.references.open(where)}
    assert left == {key for key, retired in newest.items() if not retired}
    files = [path.name for path in (where / "granules").iterdir()]
    assert any(name.endswith("-all.parquet") for name in files)
    assert len(files) > 50, "for an hour they stay, for who listed them"
    monkeypatch.setattr(log, "GRACE", -1.0)
    for _ in range(2):
        listing.commit(rows_to_table([rows[0]]))
    assert len(list((where / "granules").iterdir())) <= log.MANY + 3
    assert {row.key for row in cd.references.open(where)} == left | {rows[0].key}


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "noise": lambda data: bytes(255 - byte for byte in data),
    "text": lambda data: b"PAR1 nothing PAR1",
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_catalogue(refs: References, how: str) -> None:
    """It is an error: to go on without it would lose granules."""
    (path,) = (Path(refs.url) / "granules").glob("*.parquet")
    path.write_bytes(DAMAGE[how](path.read_bytes()))
    with pytest.raises(FormatError, match="damaged"):
        cd.references.open(refs.url)


@pytest.mark.parametrize("how", [*DAMAGE, "missing", "other"])
@pytest.mark.parametrize("folder", ["indexes", "alike"])
def test_damaged_index(granules: list[Path], tmp_path: Path, how: str, folder: str) -> None:
    """The granule itself says the same: it is walked, and the user told."""
    refs = cd.references.build(granules[:2], tmp_path / "refs")
    row = refs[0]
    name = row.index if folder == "indexes" else row.alike
    path = Path(refs.url) / folder / f"{name}.parquet"
    if how == "missing":
        path.unlink()
    elif how == "other":
        path.write_bytes((Path(refs.url) / f"indexes/{refs[1].index}.parquet").read_bytes())
    else:
        path.write_bytes(DAMAGE[how](path.read_bytes()))
    opened = cd.references.open(refs.url, allow=granules[0].parent)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert values(opened) == expected(granules[:2])
    if folder == "indexes":  # what granules have alike may be known to this process already
        assert any("is indexed anew" in str(one.message) for one in caught)


def test_newer_references(refs: References, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryodata.references.catalogue.FORM", 99)
    data = encode_rows(rows_to_table(list(refs)))
    monkeypatch.undo()
    (Path(refs.url) / "granules/00000009-0123456789ab.parquet").write_bytes(data)
    with pytest.raises(UnsupportedError, match="form 99") as caught:
        cd.references.open(refs.url)
    assert "Update" in caught.value.fix


def test_indexes_of_another_format(refs: References, granules: list[Path], tmp_path: Path) -> None:
    """Of another version of the library they count as absent: the granule is walked."""
    other = [replace(row, index_format=99) for row in refs]
    Log(refs.folder).commit(rows_to_table(other))
    opened = cd.references.open(refs.url, allow=granules[0].parent)
    assert values(opened) == expected(granules)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no references"):
        cd.references.open(tmp_path / "nowhere")
    (tmp_path / "granules").mkdir()
    (tmp_path / "granules" / "notes.txt").write_text("mine")
    with pytest.raises(NotFoundError, match="no references"):
        cd.references.open(tmp_path)


def test_places_that_cannot_be_written(granules: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FetchError, match="written to"):
        cd.references.build(granules, tmp_path / "file" / "refs")
    with pytest.raises((AuthError, FetchError), match="written to"):
        cd.references.build(granules, "/proc/cryodata-refs")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a file system takes root, and a machine that lets it")
    yield place
    subprocess.run(["umount", str(place)], check=True, timeout=20)


def test_full_disk(tiny_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was committed stays, nothing half is left, and with space the build goes on."""
    monkeypatch.setattr(building, "SECONDS", 0.0)
    monkeypatch.setattr(building, "SLOWER", 0.0)
    files = tiny_granules(tmp_path / "granules", 12)
    where = tiny_disk / "refs"
    with pytest.raises(FetchError, match="No space left"):
        cd.references.build(files, where, parallel=None)
    assert not list(where.rglob("*.part"))
    kept = clean(where)
    assert kept is not None
    assert 0 < len(kept) < 12
    subprocess.run(
        ["mount", "-o", "remount,size=4m", str(tiny_disk)], check=True, capture_output=True
    )
    assert len(cd.references.build(files, where)) == 12
    clean(where)


def test_no_secret_in_them(granules: list[Path], tmp_path: Path) -> None:
    """Neither key nor secret of the folder's owner, in what is printed, pickled or written."""
    with cloud("none") as sky:
        options = dict(sky.owner_options())
        where = f"s3://{PRIVATE}/refs"
        refs = cd.references.build(granules, where, folder_options=options)
        secrets = [str(options[name]) for name in ("key", "secret", "token") if options.get(name)]
        assert secrets
        shown = repr(refs) + refs._repr_html_() + repr(refs.shelf)
        pickled = pickle.dumps(refs)
        written = b"".join(
            refs.folder.read(f"granules/{n}") for n in refs.folder.entries("granules")
        )
    for secret in secrets:
        assert secret not in shown
        assert secret.encode() not in pickled
        assert secret.encode() not in written


def test_in_s3(granules: list[Path], tmp_path: Path) -> None:
    """As on a disk: built, read by `cryodata.open` under its URL, added to, brought up to date."""
    with cloud("none") as sky:
        options = dict(sky.owner_options())
        where = f"s3://{PRIVATE}/some/refs/"
        refs = cd.references.build(granules[:2], where, folder_options=options)
        plain = cd.references.build(granules[:2], tmp_path / "plain")
        assert contents(refs) == contents(plain)
        refs = cd.references.append(where, granules, folder_options=options)
        opened = cd.references.open(where, allow=granules[0].parent, storage_options=options)
        assert contents(opened) == contents(refs)
        assert values(opened) == expected(granules)
        assert len(cd.references.refresh(opened)) == 5
        with pytest.raises(NotFoundError):
            cd.references.open(f"s3://{PRIVATE}/other/", storage_options=options)
        wrong = {**options, "secret": "wrong"}
        with pytest.raises(AuthError):
            cd.references.open(where, storage_options=wrong)


def test_pickled(refs: References, granules: list[Path]) -> None:
    assert values(pickle.loads(pickle.dumps(refs))) == expected(granules)


def test_without_etag(
    tmp_path: Path, granules: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = GranuleFile.walk

    def walk(self: GranuleFile, *asked: Any, **more: Any) -> Any:
        index = real(self, *asked, **more)
        return replace(index, source=replace(index.source, etag=""))

    monkeypatch.setattr(GranuleFile, "walk", walk)
    with pytest.raises(FetchError, match="no version"):
        cd.references.build(granules, tmp_path / "refs")


def test_parquet_columns(refs: References) -> None:
    """What is written about a granule is in columns of its own, in words of the field."""
    (path,) = (Path(refs.url) / "granules").glob("*.parquet")
    table = pq.read_table(path)
    assert {"name", "rgt", "cycle", "start", "end", "etag", "geometry", "bbox"} <= set(
        table.column_names
    )
    assert sorted(table.column("rgt").to_pylist()) == [1, 2, 3, 4, 5]
    assert os.environ.get("HOME", "~") not in str(table.column("index").to_pylist())


def test_errors_are_ours(refs: References) -> None:
    """A row that leads out of the folder, or makes no sense."""
    for bad in ("../../etc/passwd", "a/b", ""):
        row = replace(refs[0], index=bad)
        with pytest.raises(CryodataError):
            refs.index(row)


def test_cut_as_without_references(shared_data: Path, tmp_path: Path) -> None:
    """The same rows and values, whichever granules the catalogue left out."""
    files = sorted((shared_data / "icesat2").glob("processed_ATL06_2019*_002_01.h5"))
    (far,) = (shared_data / "icesat2").glob("processed_ATL06_2019*_006_01.h5")
    refs = cd.references.build([far, *files], tmp_path / "refs")
    asked: dict[str, Any] = {
        "region": (-50.8, 70.0, -49.0, 70.5),
        "where": "atl06_quality_summary == 0",
        "variables": ["h_li", "h_li_sigma"],
        "options": NO_CACHE,
    }
    chosen = refs.select(region=asked["region"])
    assert {row.granule.name for row in chosen} == {path.name for path in files}
    with cd.open(refs, **asked) as ours, cd.open(files, **asked) as plain:
        kept = plain["rowSize"].values > 0
        assert ours["rowSize"].values.sum() == plain["rowSize"].values.sum() > 0
        assert sorted(ours["granule"].values) == sorted(plain["granule"].values[kept])
        for name in ("h_li", "time", "latitude"):
            np.testing.assert_array_equal(
                np.sort(ours[name].values), np.sort(plain[name].values), err_msg=name
            )
