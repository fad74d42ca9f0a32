"""From what a user names to the store that reads it."""

from __future__ import annotations

import importlib
import io
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest

from cryodata.errors import ConfigurationError, MissingDependencyError
from cryodata.store import loop
from cryodata.store.base import Store
from cryodata.store.fsspec_engine import FsspecStore
from cryodata.store.local import LocalStore
from cryodata.store.obstore_engine import ObstoreStore
from cryodata.store.resolve import open_store
from tests.store.helpers import Origin, content

ANON = {"anon": True}


@pytest.mark.parametrize(
    "what, engine, kind, url",
    [
        ("/data/g 1.h5", "auto", LocalStore, "/data/g 1.h5"),
        (Path("/data/g.h5"), "auto", LocalStore, "/data/g.h5"),
        ("file:///data/g%201.h5", "auto", LocalStore, "/data/g 1.h5"),
        ("/data/g.h5", "fsspec", FsspecStore, "/data/g.h5"),
        ("s3://bucket/a/g.h5", "auto", ObstoreStore, "s3://bucket/a/g.h5"),
        ("s3a://bucket/g.h5", "obstore", ObstoreStore, "s3://bucket/g.h5"),
        ("s3://bucket/g.h5", "fsspec", FsspecStore, "s3://bucket/g.h5"),
        ("https://h:81/g.h5?sig=x#y", "auto", ObstoreStore, "https://h:81/g.h5"),
        ("https://h/g.h5?sig=x", "fsspec", FsspecStore, "https://h/g.h5"),
        ("memory://g.h5", "auto", FsspecStore, "memory://g.h5"),
        ("simplecache::s3://bucket/g.h5", "auto", FsspecStore, "simplecache::s3://bucket/g.h5"),
    ],
)
def test_schemes_and_engines(what: Any, engine: str, kind: type[Store], url: str) -> None:
    """A URL would be read by the wrong engine, or shown with its signature."""
    store = open_store(what, engine=engine)
    assert type(store) is kind
    assert store.url == url
    assert isinstance(store, Store)
    assert "sig" not in repr(store)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"what": "s3://b/k", "engine": "boto"}, "no engine 'boto'"),
        ({"what": "memory://k", "engine": "obstore"}, "obstore engine reads s3://"),
        ({"what": "/data/g.h5", "engine": "obstore"}, "obstore engine reads s3://"),
        ({"what": "/data/g.h5", "storage_options": ANON}, "local path takes no storage_options"),
        ({"what": ""}, "empty"),
        ({"what": b"/data/g.h5"}, "bytes cannot be read by ranges"),
        ({"what": io.BytesIO(b"x")}, "BytesIO cannot be read by ranges"),
        ({"what": "s3://bucket"}, "names no object"),
        ({"what": "s3://bucket/"}, "names no object"),
        ({"what": "https://host"}, "names no object"),
        ({"what": "nosuch://x/y"}, "fsspec"),
        ({"what": "https://h/g.h5", "storage_options": ANON}, "storage option 'anon'"),
    ],
)
def test_what_cannot_be_opened_is_named(arguments: dict[str, Any], message: str) -> None:
    """The failure would come later, in words of another library."""
    with pytest.raises(ConfigurationError) as caught:
        open_store(**arguments)
    assert message in str(caught.value)


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    """It would be sent, logged and cached with the URL."""
    with pytest.raises(ConfigurationError) as caught:
        open_store("https://user:CANARY@host/g.h5")
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    "package, url, engine, extra",
    [
        ("obstore", "s3://b/k", "auto", "cryodata-earth"),
        ("s3fs", "s3://b/k", "fsspec", "cryodata-earth[s3fs]"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, package: str, url: str, engine: str, extra: str
) -> None:
    """The user would not know what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    known = importlib.import_module("fsspec.registry")._registry
    monkeypatch.delitem(known, "s3", raising=False)
    with pytest.raises(MissingDependencyError) as caught:
        open_store(url, engine=engine)
    assert f'pip install "{extra}"' in caught.value.fix


def test_an_open_file_brings_its_file_system_and_is_not_moved(origin: Origin) -> None:
    """Files that earthaccess hands out could not be read, or would lose their place."""
    options = {"anon": True, "client_kwargs": {"endpoint_url": origin.wire.url}}
    fs = fsspec.filesystem("s3", skip_instance_cache=True, **options)
    with fs.open("bucket/granule.h5") as file:
        file.seek(123)
        store = open_store(file)
        assert store.url == "s3://bucket/granule.h5"
        assert bytes(loop.run(store.get(7, 900)).data) == content()[7:900]
        assert file.tell() == 123


def test_a_file_wrapped_by_earthaccess_is_unwrapped(origin: Origin) -> None:
    """The results of earthaccess.open could not be read."""
    earthaccess = pytest.importorskip("earthaccess.store")
    fs = fsspec.filesystem("http", skip_instance_cache=True)
    with fs.open(f"{origin.wire.url}/bucket/granule.h5") as file:
        store = open_store(earthaccess.EarthAccessFile(file, granule=None))
        assert store.url == f"{origin.wire.url}/bucket/granule.h5"
        assert bytes(loop.run(store.get(7, 900)).data) == content()[7:900]


def test_an_open_local_and_memory_file(tmp_path: Path) -> None:
    """Files of synchronous file systems could not be read."""
    path = tmp_path / "granule.h5"
    path.write_bytes(content())
    memory = fsspec.filesystem("memory")
    memory.pipe("/granule.h5", content())
    for file in (fsspec.open(str(path)).open(), memory.open("/granule.h5")):
        with file:
            assert bytes(loop.run(open_store(file).get(7, 900)).data) == content()[7:900]


def test_an_open_file_takes_no_storage_options(tmp_path: Path) -> None:
    """Options would silently not apply."""
    (tmp_path / "g.h5").write_bytes(b"x")
    with (
        fsspec.open(str(tmp_path / "g.h5")) as file,
        pytest.raises(ConfigurationError, match="brings its own"),
    ):
        open_store(file, storage_options=ANON)
