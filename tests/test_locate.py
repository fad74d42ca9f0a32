"""What stands for one granule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from cryodata.earthdata.granule import Granule
from cryodata.earthdata.granules import Granules
from cryodata.errors import (
    ConfigurationError,
    NotFoundError,
    NothingFoundError,
    SelectionError,
)
from cryodata.locate import Wish, _is_product, granules_of, one_granule


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


def test_what_is_named_twice_is_there_once(folder: Path) -> None:
    """Overlapping searches and patterns would count every height of some granules twice."""
    one, two = str(folder / "one.h5"), str(folder / "deep" / "two.h5")
    assert granules_of([one, two, one, str(folder / "o*.h5")], Wish(), None) == [one, two]
    granule = Granule(name="a.h5", https="https://host/a.h5")
    assert granules_of([granule, replace(granule)], Wish(), None) == [granule]
    assert len(Granules((granule, granule)).latest()) == 1
    opened = [object(), object()]
    assert granules_of([*opened, opened[0]], Wish(), None) == opened


@pytest.mark.parametrize(
    "wish, kept",
    [
        ({"rgt": np.int64(50)}, [0, 1]),
        ({"rgt": iter([50])}, [0, 1]),
        ({"cycle": range(4, 5)}, [0, 2]),
        ({"rgt": [50, 51], "cycle": np.array([5])}, [1]),
        ({"version": 6}, [0, 1]),
        ({"version": "007", "rgt": 51}, [2]),
        ({"version": "all"}, [0, 1, 2]),
    ],
)
def test_granules_are_chosen_by_their_names(wish: dict[str, Any], kept: list[int]) -> None:
    """A number of numpy, an iterator or a version would choose others, or none, in silence."""
    names = [
        "ATL06_20190701210118_00500403_006_01.h5",
        "ATL06_20190930210118_00500503_006_01.h5",
        "ATL06_20190702210118_00510403_007_01.h5",
    ]
    assert granules_of(names, Wish(**wish), None) == [names[n] for n in kept]


def test_choosing_that_makes_no_sense() -> None:
    """Python's own errors say nothing of granules."""
    name = "ATL06_20190701210118_00500403_006_01.h5"
    with pytest.raises(SelectionError, match="rgt"):
        granules_of([name], Wish(rgt="50"), None)  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match="version="):
        granules_of(["granule.h5"], Wish(version=6), None)
    with pytest.raises(NothingFoundError, match="none of 1"):
        granules_of([name], Wish(version=7), None)


def test_folder_of_the_products_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People keep ATL06 in a folder ATL06, and would be told that it is no file."""
    (tmp_path / "ATL06").mkdir()
    (tmp_path / "ATL08").touch()
    monkeypatch.chdir(tmp_path)
    assert _is_product("ATL06")
    assert not _is_product("ATL08")


def test_buckets_of_earthdata_are_not_listed() -> None:
    """The error would be botocore's, about keys that nobody needs."""
    with pytest.raises(ConfigurationError, match="not listed") as caught:
        granules_of("s3://nsidc-cumulus-prod-protected/ATLAS/ATL06/*.h5", Wish(), None)
    assert "cd.search" in caught.value.fix


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
