"""Granules in a repository of Icechunk: equal to h5py, of their version, from allowed places."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import icechunk
import numpy as np
import pytest
import zarr

from cryodata.errors import (
    ConfigurationError,
    CryodataError,
    FetchError,
    GranuleChangedError,
    UnsafeReferenceError,
    UnsupportedError,
)
from cryodata.formats.allowed import Allowed
from cryodata.granule import GranuleFile
from cryodata.references.icechunk_in import open_icechunk, read_icechunk
from cryodata.references.icechunk_out import Written, write_icechunk
from cryodata.references.icechunk_places import configuration
from cryodata.sandbox import Sky, cloud
from tests.matrix.case import Case
from tests.real import every_real_file, real_files
from tests.references.compare import datasets, unequal
from tests.references.hostile_forms import hostile_repository
from tests.references.structures import every_structure, refusals
from tests.references.test_forms import NO_CACHE

pytestmark = [
    pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification"),
    pytest.mark.filterwarnings("ignore:The codec .* is currently not part"),
]


@pytest.fixture(autouse=True)
def few_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of arrays of more chunks only some are compared: zarr takes its time for each."""
    monkeypatch.setattr("tests.references.compare.MOST_CHUNKS", 500)


def write(path: Path, where: Path, **how: Any) -> Written:
    with GranuleFile(path, options=NO_CACHE) as granule:
        return write_icechunk(granule, where, **how)


def check(path: Path, where: Path) -> Mapping[str, CryodataError]:
    refused = write(path, where, on_unsupported="skip").refused
    root = zarr.open_group(open_icechunk(where, path.resolve().parent), mode="r", zarr_format=3)
    assert not unequal(root, path, sorted(datasets(path) - set(refused)))
    return refused


@pytest.mark.parametrize("case", every_structure("groups/3000"))
def test_every_structure_is_equal_or_refused(case: Case, tmp_path: Path) -> None:
    """What is neither in the repository nor in the table fails here."""
    path = tmp_path / "case.h5"
    case.make(path)
    refused = check(path, tmp_path / "repository")
    table = refusals(case, "zarr view")
    if "*" in table:
        table = dict.fromkeys(refused, table["*"])
    assert set(refused) == set(table)
    for name, words in table.items():
        assert words in str(refused[name])


@pytest.mark.parametrize("name", every_real_file())
def test_every_real_file_is_equal(name: str, tmp_path: Path) -> None:
    """Groups and all."""
    assert not check(real_files()[name], tmp_path / "repository")


def tiny(path: Path, seed: int = 0) -> Any:
    """A file of one variable in a group, and of strings, which are copied; its values."""
    values = np.random.default_rng(seed).random(1000)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset("g/x", data=values, chunks=(100,), compression="gzip")
        file["g/x"].attrs["units"] = "m"
        file.create_dataset("names", data=["north", "south"], dtype=h5py.string_dtype())
    return values


def test_several_granules_are_groups(tmp_path: Path) -> None:
    """Named after their files; two of one name would be one."""
    paths = [tmp_path / folder / f"{folder}.h5" for folder in "ab"]
    values = [tiny(path, seed) for seed, path in enumerate(paths)]
    granules = [GranuleFile(path, options=NO_CACHE) for path in paths]
    written = write_icechunk(granules, tmp_path / "repository")
    assert written.snapshot
    assert not written.refused
    places = [path.parent for path in paths]
    for path, expected in zip(paths, values, strict=True):
        found = read_icechunk(tmp_path / "repository", places, f"/{path.name}/g")
        np.testing.assert_array_equal(found.x.values, expected)
        assert found.x.attrs == {"units": "m"}
    root = zarr.open_group(open_icechunk(tmp_path / "repository", places), mode="r")
    assert sorted(root.keys()) == ["a.h5", "b.h5"]
    with pytest.raises(ConfigurationError, match="Two granules are named"):
        write_icechunk([*granules, granules[0]], tmp_path / "other")
    with pytest.raises(ConfigurationError, match="no granules"):
        write_icechunk([], tmp_path / "other")


def test_odd_names_of_files(tmp_path: Path) -> None:
    """A location is a URL; but Icechunk does not find folders that are written in it that way."""
    path = tmp_path / "data" / "x y%41+\u00fc#?.h5"
    values = tiny(path)
    write(path, tmp_path / "repository")
    found = read_icechunk(tmp_path / "repository", path.parent, "g")
    np.testing.assert_array_equal(found.x.values, values)
    tiny(tmp_path / "a b" / "x.h5")
    with pytest.raises(UnsupportedError, match="Rename the folder"):
        write(tmp_path / "a b" / "x.h5", tmp_path / "other")


def test_numbers_that_json_has_no_word_for(tmp_path: Path) -> None:
    """Zarr says them as texts; a mask of them would be a mask of texts."""
    path = tmp_path / "data" / "x.h5"
    tiny(path)
    with h5py.File(path, "a") as file:
        attributes = file["g/x"].attrs
        attributes["valid_range"] = [-np.inf, np.nan]
        attributes["missing_value"] = np.nan
        attributes["_FillValue"] = np.nan
    write(path, tmp_path / "repository")
    found = read_icechunk(tmp_path / "repository", path.parent, "g").load()
    assert found.x.attrs["valid_range"] == ["-Infinity", "NaN"]
    assert np.isnan(found.x.encoding["_FillValue"])


def test_a_local_file_that_changes_is_refused(tmp_path: Path) -> None:
    """By the second in which it was changed."""
    path = tmp_path / "data" / "x.h5"
    tiny(path)
    write(path, tmp_path / "repository")
    os.utime(path, (2_000_000_000, 2_000_000_000))
    found = read_icechunk(tmp_path / "repository", tmp_path / "data", "g")
    with pytest.raises(GranuleChangedError, match="replaced"):
        found.x.load()


def test_a_file_that_changes_while_it_is_written_is_refused(tmp_path: Path) -> None:
    """Chunks of what was walked, with the time of what is there now."""
    path = tmp_path / "data" / "x.h5"
    tiny(path)
    with GranuleFile(path, options=NO_CACHE) as granule:
        granule.walk()
        values = granule.read([("names", None)])
        assert len(values) == 1
        os.utime(path, (2_000_000_000, 2_000_000_000))
        with pytest.raises(GranuleChangedError):
            write_icechunk(granule, tmp_path / "repository")
    assert not (tmp_path / "repository").exists()


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    """A server that takes entity tags without quotes, as S3 does: Icechunk 2 sends them so."""
    with cloud("in_region", server="s3") as sky:
        yield sky


def test_over_the_wire(sky: Sky, tmp_path: Path) -> None:
    """ETags are demanded of S3: another version is refused, and so is another bucket."""
    values = tiny(tmp_path / "x.h5")
    url = sky.put(tmp_path / "x.h5", "folder/x.h5")
    options = sky.storage_options
    where = tmp_path / "repository"
    with GranuleFile(url, storage_options=options, options=NO_CACHE) as granule:
        write_icechunk(granule, where, storage_options=options)
    place = url.rpartition("/")[0]
    found = read_icechunk(where, place, "g", storage_options=options)
    np.testing.assert_array_equal(found.x.values, values)
    copy = pickle.loads(pickle.dumps(open_icechunk(where, place, storage_options=options)))
    root: Any = zarr.open_group(copy, mode="r")
    np.testing.assert_array_equal(root["g/x"][:], values)
    with pytest.raises(UnsafeReferenceError, match="not allowed"):
        read_icechunk(where, f"{place}/deeper", "g", storage_options=options).x.load()
    tiny(tmp_path / "new.h5", 1)
    sky.put(tmp_path / "new.h5", "folder/x.h5")
    with pytest.raises(GranuleChangedError):
        read_icechunk(where, place, "g", storage_options=options).x.load()


def test_keys_are_not_written(tmp_path: Path) -> None:
    """Only at which server a bucket is."""
    options = {"key": "AKIA", "secret": "WhoReadsThis", "endpoint_url": "http://127.0.0.1:9"}
    config = configuration(Allowed.of("s3://bucket/folder"), options)
    icechunk.Repository.create(
        icechunk.local_filesystem_storage(str(tmp_path / "repository")), config=config
    )
    found = b"".join(p.read_bytes() for p in (tmp_path / "repository").rglob("*") if p.is_file())
    assert b"WhoReadsThis" not in found
    assert b"AKIA" not in found


@pytest.mark.parametrize(
    "way",
    ["{0}/secret.bin", "{0}/data/../secret.bin", "{0}/data/%2e%2e/secret.bin", "{0}/database.bin"],
)
@pytest.mark.parametrize("prefix", ["{0}/", "{0}/data/"])
def test_files_beside_the_allowed_folder_are_refused(way: str, prefix: str, tmp_path: Path) -> None:
    """Whatever the repository says of what it may read."""
    (tmp_path / "data").mkdir()
    for name in ("secret.bin", "database.bin", "data/fine.bin"):
        (tmp_path / name).write_bytes(np.arange(10, dtype="<i4").tobytes())
    store = icechunk.local_filesystem_store("/")
    url = f"file://{tmp_path}"
    hostile_repository(tmp_path / "bad", way.format(url), prefix.format(url), store)
    root: Any = zarr.open_group(open_icechunk(tmp_path / "bad", tmp_path / "data"), mode="r")
    with pytest.raises((UnsafeReferenceError, FetchError)):
        root["x"][:]
    hostile_repository(tmp_path / "good", f"{url}/data/fine.bin", prefix.format(url), store)
    root = zarr.open_group(open_icechunk(tmp_path / "good", tmp_path / "data"), mode="r")
    assert root["x"][:].tolist() == list(range(10))


def test_a_break_down_of_icechunk_is_an_error(tmp_path: Path) -> None:
    """It gives up on an address of 100 kB in a way that is no exception of its own."""
    url = f"s3://allowed/{'a' * 100_000}"
    store = icechunk.s3_store(region="us-west-2", anonymous=True)
    hostile_repository(tmp_path / "r", url, "s3://allowed/", store)
    opened = open_icechunk(tmp_path / "r", "s3://allowed", storage_options={"anon": True})
    root: Any = zarr.open_group(opened, mode="r")
    with pytest.raises(FetchError, match="broke down"):
        root["x"][:]


def test_bytes_past_the_end_are_refused(tmp_path: Path) -> None:
    """They are no fill values."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.bin").write_bytes(bytes(39))
    url = f"file://{tmp_path}/data/"
    hostile_repository(
        tmp_path / "r", f"{url}x.bin", url, icechunk.local_filesystem_store(str(tmp_path))
    )
    root: Any = zarr.open_group(open_icechunk(tmp_path / "r", tmp_path / "data"), mode="r")
    with pytest.raises(FetchError):
        root["x"][:]


def test_the_reader_says_at_which_server_a_bucket_is(sky: Sky, tmp_path: Path) -> None:
    """Else keys would go to whatever server the repository names."""
    url = sky.put(np.arange(10, dtype="<i4").tobytes(), "folder/x.bin")
    place = url.rpartition("/")[0]
    evil = icechunk.s3_store(
        region="us-west-2", endpoint_url="http://127.0.0.1:9", allow_http=True, s3_compatible=True
    )
    hostile_repository(tmp_path / "r", url, f"{place}/", evil)
    view = open_icechunk(tmp_path / "r", place, storage_options=sky.storage_options)
    root: Any = zarr.open_group(view, mode="r")
    assert root["x"][:].tolist() == list(range(10))


def test_what_cannot_be_written_raises_before_anything_is(tmp_path: Path) -> None:
    """No repository that lacks a variable."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(3, np.dtype({"names": ["a"], "formats": ["i4"], "itemsize": 8}))
    with pytest.raises(UnsupportedError, match="gaps"):
        write(path, tmp_path / "repository")
    assert not (tmp_path / "repository").exists()


def test_a_repository_is_not_written_over(tmp_path: Path) -> None:
    """What is there may be somebody's."""
    path = tmp_path / "x.h5"
    tiny(path)
    write(path, tmp_path / "repository")
    with pytest.raises(ConfigurationError, match="already"):
        write(path, tmp_path / "repository")
    with pytest.raises(ConfigurationError, match="no repository"):
        read_icechunk(tmp_path / "nothing", tmp_path)
    with pytest.raises(ConfigurationError, match="neither a folder"):
        read_icechunk("https://host/x", tmp_path)
