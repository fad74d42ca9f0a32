"""The netCDF view of an index, on indexes made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from cryodata.attributes import decode_attributes, filter_encoding
from cryodata.errors import FormatError, UnsupportedError
from cryodata.index import GroupLayout, Index, Link
from cryodata.layout import ArrayLayout, Empty, Filter, Unreadable
from cryodata.netcdf import netcdf_groups
from cryodata.types import Source


def array(path: str, *shape: int, dims: tuple[Any, ...] = (), **settings: Any) -> ArrayLayout:
    """A dataset without values."""
    dtype = np.dtype("f8")
    settings.setdefault("maxshape", shape)
    return ArrayLayout(
        path=path,
        dtype=dtype,
        stored_dtype=dtype,
        kind="float",
        shape=shape,
        chunk_shape=None,
        dims=dims,
        storage=None,
        **settings,
    )


def index(
    *arrays: ArrayLayout, groups: Mapping[str, list[str]] | None = None, **settings: Any
) -> Index:
    """An index whose groups follow from the paths, and from `groups` where more is linked."""
    members: dict[str, list[str]] = {"/": []}
    for path in [a.path for a in arrays]:
        parts = path.strip("/").split("/")
        for depth in range(len(parts)):
            parent = "/" + "/".join(parts[:depth])
            names = members.setdefault(parent, [])
            if parts[depth] not in names:
                names.append(parts[depth])
    for path, names in (groups or {}).items():
        members.setdefault(path, []).extend(names)
    return Index(
        source=Source(url="x", size=0, etag=""),
        groups={
            path: GroupLayout(path=path, attributes={}, links={n: Link(n, None) for n in names})
            for path, names in members.items()
        },
        arrays={a.path: a for a in arrays},
        **settings,
    )


def test_made_up_dimensions_are_numbered_as_groups_are_met() -> None:
    """The numbers are part of what users see; h5netcdf counts group after group, in depth."""
    groups = netcdf_groups(
        index(array("/a/v", 3, 4), array("/a/b/v", 3), array("/c/v", 4, 4), array("/c/w", 4))
    )
    found = {group.path: list(group.dimensions) for group in groups}
    assert found == {
        "/": [],
        "/a": ["phony_dim_0", "phony_dim_1"],
        "/a/b": ["phony_dim_2"],
        "/c": ["phony_dim_3", "phony_dim_4"],
    }
    assert groups[3].variables["v"].dims == ("phony_dim_3", "phony_dim_4")
    assert groups[3].variables["w"].dims == ("phony_dim_3",)


def test_one_lost_scale_does_not_cost_the_other() -> None:
    """The case of NASA's ATL03 subsets: the first axis has its scale, the second lost it."""
    time = array("/g/time", 40, is_scale=True, maxshape=(None,))
    (_, group) = netcdf_groups(
        index(time, array("/g/surf_type", 40, 5, dims=(("/g/time",), ())), array("/g/other", 5))
    )
    assert group.variables["surf_type"].dims == ("time", "phony_dim_0")
    assert group.variables["other"].dims == ("phony_dim_0",)


def test_unlimited_dimension_is_as_long_as_its_longest_variable() -> None:
    """Shorter ones are padded, as netCDF does, and never cut."""
    time = array("/time", 2, is_scale=True, maxshape=(None,))
    (group,) = netcdf_groups(
        index(time, array("/long", 5, dims=(("/time",),)), array("/short", 1, dims=(("/time",),)))
    )
    assert {name: v.shape for name, v in group.variables.items()} == {
        "time": (5,),
        "long": (5,),
        "short": (5,),
    }


def test_links_that_lead_back_end() -> None:
    """A group that contains its parent must not be walked for ever."""
    there = index(
        array("/a/v", 3),
        groups={"/a": ["up", "self", "round", "nowhere"]},
        aliases={"/a/up": "/", "/a/self": "/a", "/a/round": "/a/round", "/a/nowhere": "/gone"},
    )
    groups = netcdf_groups(there)
    assert [group.path for group in groups] == ["/", "/a"]
    assert list(groups[1].variables) == ["v"]


def test_members_through_links_are_members() -> None:
    """A soft link to a variable or group is one, under its own name."""
    there = index(
        array("/a/v", 3),
        groups={"/": ["same", "w"]},
        aliases={"/same": "/a", "/w": "/a/v"},
    )
    groups = {group.path: group for group in netcdf_groups(there)}
    assert set(groups) == {"/", "/a", "/same"}
    assert set(groups["/"].variables) == {"w"}
    assert set(groups["/same"].variables) == {"v"}


def test_unreadable_members_are_told_with_their_error() -> None:
    """What cannot be shown is neither dropped nor in the way."""
    error = UnsupportedError("strange", path="/bad")
    (group,) = netcdf_groups(
        index(array("/good", 3), groups={"/": ["bad"]}, problems={"/bad": error})
    )
    assert group.unreadable == {"bad": error}
    assert set(group.variables) == {"good"}


def test_axes_of_an_array_type_have_names_too() -> None:
    """The element's own axes come after those that scales can be attached to."""
    scale = array("/n", 3, is_scale=True)
    (group,) = netcdf_groups(index(scale, array("/v", 3, 7, dims=(("/n",),))))
    assert group.variables["v"].dims == ("n", "phony_dim_0")


def test_group_that_was_not_walked_is_an_error_of_the_caller() -> None:
    """The view is pure: it cannot fetch what the walk left out."""
    with pytest.raises((KeyError, FormatError)):
        netcdf_groups(index(array("/a/v", 3)), "/b")


@pytest.mark.parametrize(
    "value, expected",
    [
        (np.bytes_(b"text"), "text"),
        (np.bytes_(b"caf\xc3\xa9"), "caf\u00e9"),
        (np.bytes_(b"caf\xe9"), "caf\udce9"),
        (np.array([b"ab", b"cd"]), ["ab", "cd"]),
        (np.array([b"ab"]), "ab"),
        (np.array([b"a", b"b"]), [b"a", b"b"]),
        (np.array([b"a"]), "a"),
        (np.array(["x", "y"], object), ["x", "y"]),
        (np.array(["x"], object), "x"),
        (np.float32(2.5), np.float32(2.5)),
        (np.array([2.5]), 2.5),
        (Empty(np.dtype("S1")), ""),
    ],
)
def test_attributes_are_what_netcdf_users_expect(value: Any, expected: Any) -> None:
    """Code that compares ``units`` with a text must not find bytes there."""
    decoded = decode_attributes({"name": value})["name"]
    assert decoded == expected
    assert type(decoded) is type(expected) or np.isscalar(decoded)


def test_attributes_of_the_format_stay_hidden() -> None:
    """CLASS and DIMENSION_LIST are of no use to users, and cannot be written again."""
    given = {
        "CLASS": np.bytes_(b"DIMENSION_SCALE"),
        "DIMENSION_LIST": Unreadable("reference"),
        "_NCProperties": "version=2",
        "reference": Unreadable("reference"),
        "_FillValue": np.bytes_(b"x"),
        "numbers": np.array([1, 2]),
    }
    decoded = decode_attributes(given)
    assert set(decoded) == {"_FillValue", "numbers"}
    assert decoded["_FillValue"] == b"x"  # of characters, which are bytes


def test_empty_number_is_an_empty_array() -> None:
    """An attribute with a type and no value has no element."""
    decoded = decode_attributes({"nothing": Empty(np.dtype("i2"))})["nothing"]
    assert decoded.shape == (0,)
    assert decoded.dtype == np.dtype("i2")


def test_filters_in_the_words_of_netcdf() -> None:
    """Written again with these, a file is packed as it was."""
    steps = (Filter(2, "shuffle", (4,)), Filter(1, "deflate", (6,)), Filter(3, "fletcher32"))
    encoding = filter_encoding(steps)
    assert {name for name, on in encoding.items() if on is True} == {
        "zlib",
        "shuffle",
        "fletcher32",
    }
    assert encoding["complevel"] == 6
    assert "complevel" not in filter_encoding(())
