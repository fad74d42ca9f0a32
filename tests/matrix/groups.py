"""Names of things: every way a group keeps its links, few or many, and every kind of link."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import h5py
import numpy as np

from tests.matrix.case import LIBVERS, Case

__all__ = ["CASES"]


def many(count: int, file: h5py.File) -> None:
    """`count` links in one group, most of them soft so that the file stays small."""
    group = file.create_group("g")
    group["x"] = np.arange(3)
    for number in range(count):
        group[f"link {number * 7919 % count:05d}"] = h5py.SoftLink("x")
    group["y"] = np.arange(5)


def hard(file: h5py.File) -> None:
    """Hundreds of groups and datasets, hard-linked."""
    for number in range(150):
        file.create_group(f"group {number}").attrs["number"] = number
        file[f"dataset {number}"] = number


def long_names(file: h5py.File) -> None:
    """Names of up to 3,000 characters: heap objects of many sizes, some of them huge."""
    group = file.create_group("g")
    for number in range(120):
        group[f"{number:03d}" + "n" * (number * 25)] = h5py.SoftLink("/g")
    group["last"] = 1


def soft(file: h5py.File) -> None:
    """Absolute, relative, through another, with dots, dangling, and in circles."""
    file["a/b/x"] = np.arange(4)
    group = file["a"]
    group["absolute"] = h5py.SoftLink("/a/b/x")
    group["relative"] = h5py.SoftLink("b/x")
    group["to group"] = h5py.SoftLink("/a/b")
    group["through"] = h5py.SoftLink("to group/x")
    group["chain"] = h5py.SoftLink("/a/through")
    group["dot"] = h5py.SoftLink("./b/x")
    group["up"] = h5py.SoftLink("../a/b/x")  # HDF5 has no "..": it is a name like any other
    group["dangling"] = h5py.SoftLink("/nothing/here")
    group["itself"] = h5py.SoftLink("/a/itself")
    group["one"] = h5py.SoftLink("/a/other")
    group["other"] = h5py.SoftLink("/a/one")
    group["into dataset"] = h5py.SoftLink("/a/b/x/deeper")


def external(file: h5py.File) -> None:
    """Links into other files, which are named and never followed."""
    file["x"] = np.arange(4)
    file["outside"] = h5py.ExternalLink("other.h5", "/y")
    file["passwords"] = h5py.ExternalLink("/etc/passwd", "/")
    file.create_group("g")["deeper"] = h5py.ExternalLink("a/b.h5", "c")


def circles(file: h5py.File) -> None:
    """Hard links back to the root and to a parent, and two names for one thing."""
    deep = file.create_group("a/b/c")
    deep["root"] = file["/"]
    deep["parent"] = file["a"]
    deep["x"] = np.arange(4)
    file["also x"] = deep["x"]
    file["also b"] = file["a/b"]


def names(file: h5py.File) -> None:
    """Unicode, dots, spaces, braces, one letter: whatever is not a slash."""
    for name in (
        "h\u00f6he",
        "\u6c34/\u2744",
        "a.b",
        "..x",
        "{ground_track}",
        " ",
        "c d",
        "z",
        "%41",
    ):
        file[name] = np.arange(len(name))


def deep(file: h5py.File) -> None:
    """Groups within groups, 30 deep, with something at each level."""
    group = file
    for level in range(30):
        group = group.create_group(f"level {level}")
        group["x"] = level


def removed(file: h5py.File) -> None:
    """Links taken away, renamed and made anew."""
    group = file.create_group("g")
    for number in range(60):
        group[f"n{number}"] = number
    for number in range(0, 60, 2):
        del group[f"n{number}"]
    group.move("n1", "a new name, longer than the old one")
    group["n2"] = "again"


def empty(file: h5py.File) -> None:
    """Nothing in it: a group, and in another case the file."""
    file.create_group("g")


def nothing(file: h5py.File) -> None:
    """A file without a single object."""


ROWS: dict[str, Callable[[h5py.File], None]] = {
    "7": partial(many, 7),
    "9": partial(many, 9),
    "400": partial(many, 400),
    "3000": partial(many, 3000),
    "hard": hard,
    "long-names": long_names,
    "soft": soft,
    "external": external,
    "circles": circles,
    "names": names,
    "deep": deep,
    "removed": removed,
    "empty": empty,
    "nothing": nothing,
}


CASES = (
    *(
        Case(f"groups/{what}/{libver}", write, libver)
        for what, write in ROWS.items()
        for libver in LIBVERS
    ),
    *(
        Case(f"groups/ordered-{what}/{libver}", ROWS[what], libver, {"track_order": True})
        for what in ("7", "400", "hard", "soft", "names")
        for libver in ("earliest", "latest")
    ),
)
