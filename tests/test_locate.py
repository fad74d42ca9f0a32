"""What stands for one granule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pytest

from cryodata.errors import ConfigurationError, NotFoundError
from cryodata.locate import one_granule


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two granules, one of them in a sub-folder."""
    (tmp_path / "deep").mkdir()
    for name in ("one.h5", "deep/two.h5"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    "what",
    [
        "s3://bucket/granule.h5",
        "https://host/granule.h5?token=abc*[x]",
        "granule.h5",
        Path("granule.h5"),
        object(),
    ],
)
def test_names_pass_as_they_are(what: Any) -> None:
    """A question mark in a URL is no wildcard, and an open file is not looked at."""
    assert one_granule(what, None) is what
    assert one_granule([what], None) is what
    assert one_granule((what,), None) is what


def test_wildcards_find_one(folder: Path) -> None:
    """``*``, ``[...]`` and ``**`` stand for the one file that matches."""
    assert one_granule(str(folder / "*.h5"), None) == str(folder / "one.h5")
    assert one_granule(folder / "[no]*.h5", None) == str(folder / "one.h5")
    assert one_granule(str(folder / "**" / "t*.h5"), None) == str(folder / "deep" / "two.h5")


def test_home_is_where_the_user_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``~`` is expanded before wildcards are."""
    monkeypatch.setenv("HOME", str(folder))
    assert one_granule("~/o*.h5", None) == str(folder / "one.h5")


def test_wildcards_that_find_none_or_many(folder: Path) -> None:
    """Neither the first of many nor an empty answer is what was meant."""
    with pytest.raises(NotFoundError, match=r"Nothing matches .*\.nc"):
        one_granule(str(folder / "*.nc"), None)
    with pytest.raises(ConfigurationError, match=r"2 granules(.|\n)*one at a time"):
        one_granule(str(folder / "**" / "*.h5"), None)
    with pytest.raises(ConfigurationError, match="empty"):
        one_granule([], None)


def test_wildcards_in_an_object_store() -> None:
    """Stores that fsspec can list take wildcards, too."""
    files = fsspec.filesystem("memory")
    files.pipe_file("/locate/a_1.h5", b"x")
    files.pipe_file("/locate/b_2.h5", b"x")
    try:
        assert one_granule("memory://locate/a_*.h5", {}) == "memory:///locate/a_1.h5"
        with pytest.raises(NotFoundError):
            one_granule("memory://locate/c_*.h5", None)
    finally:
        files.rm("/locate", recursive=True)
