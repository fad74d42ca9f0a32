"""Which groups of a file hold its grids, and the slabs they are read as."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from cryodata.errors import CryodataError, UnknownVariableError, close_names
from cryodata.granule import GranuleFile
from cryodata.gridded.slabs import Slab, read_slab
from cryodata.index import Index
from cryodata.products import Product

__all__ = ["find_slabs", "groups_of"]


def find_slabs(file: GranuleFile, product: Product, group: str | None) -> list[Slab]:
    """The grid of a file; several slabs where its layers lie in groups of their own.

    Parameters
    ----------
    file : GranuleFile
    product : Product
        With a grid.
    group : str, optional
        Which of its grids; None for the first that is there.

    Raises
    ------
    UnknownVariableError
        There is no such grid.
    FormatError
        Axes or times that are none.
    """
    paths = _paths_of(file, product, group)
    index = _walk(file, paths)
    return [read_slab(file, product, index, path) for path in paths]


def _paths_of(file: GranuleFile, product: Product, group: str | None) -> list[str]:
    """Absolute paths of the groups of one grid; not all are looked for where one will do."""
    grid = product.grid
    assert grid is not None
    wanted = None if group is None else group.strip("/")
    for pattern in (*grid.groups, *grid.layers):
        if wanted is None:
            paths = _matching(file, pattern)
            if paths:
                return paths if pattern in grid.layers else paths[:1]
        elif fnmatchcase(wanted, pattern) and (paths := _matching(file, wanted)):
            return paths
        elif pattern in grid.layers and wanted == pattern.rpartition("/")[0]:
            paths = _matching(file, pattern)
            if paths:
                return paths
    grids = groups_of(file, product)
    raise UnknownVariableError(
        f"There is no grid {'at all' if group is None else repr(group)}",
        url=file.url,
        fix=close_names(group or "", grids) or "cryodata.open_tree shows what there is.",
    )


def groups_of(file: GranuleFile, product: Product) -> dict[str, list[str]]:
    """The grids of a file: what each is called to the absolute paths of its groups."""
    assert product.grid is not None
    found: dict[str, list[str]] = {}
    for pattern in product.grid.groups:
        for path in _matching(file, pattern):
            found.setdefault(path.strip("/"), [path])
    for pattern in product.grid.layers:
        paths = _matching(file, pattern)
        if paths:
            found.setdefault(pattern.rpartition("/")[0], paths)
    return found


def _matching(file: GranuleFile, pattern: str) -> list[str]:
    """Absolute paths of the groups that a pattern stands for."""
    paths = ["/"]
    for part in filter(None, pattern.split("/")):
        index = file.walk([], shallow=paths, missing_ok=True)
        below = []
        for path in paths:
            group = index.groups.get(index.resolve(path))
            names = sorted(group.links, key=_natural) if group is not None else []
            below += [_join(path, name) for name in names if fnmatchcase(name, part)]
        index = file.walk([], shallow=below, missing_ok=True)
        paths = [path for path in below if index.resolve(path) in index.groups]
    return paths


def _natural(name: str) -> tuple[str, int]:
    """``dhdt_lag4`` before ``dhdt_lag12``."""
    head = name.rstrip("0123456789")
    return head, int(name[len(head) :] or 0)


def _join(path: str, name: str) -> str:
    return f"{path.rstrip('/')}/{name}"


def _above(path: str) -> list[str]:
    """A group and those above it, the root first."""
    parts = [part for part in path.split("/") if part]
    return ["/", *("/" + "/".join(parts[: i + 1]) for i in range(len(parts)))]


def _walk(file: GranuleFile, paths: Sequence[str]) -> Index:
    """What is known once all members of some groups, and of those above, were looked at."""
    chain = list(dict.fromkeys(step for path in paths for step in _above(path)))
    index = file.walk([], shallow=chain)
    members = [
        _join(path, name) for path in chain for name in index.groups[index.resolve(path)].links
    ]
    try:
        return file.walk([], shallow=members)
    except CryodataError:  # a member cannot be read: the walk of all notes which, and goes on
        return file.walk(list(paths))
