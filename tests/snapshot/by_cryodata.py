"""What cryodata sees: the reader under test."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from cryodata.errors import CryodataError
from cryodata.granule import GranuleFile
from cryodata.index import Index
from cryodata.layout import ArrayLayout, Unreadable
from tests.snapshot.form import (
    MOST,
    REFERENCES,
    Alias,
    AttributeSeen,
    DatasetSeen,
    GroupSeen,
    Refused,
    Seen,
    Snapshot,
    canonical,
    corner,
    described,
    join,
    refused,
)

__all__ = ["seen_by_cryodata"]


def seen_by_cryodata(granule: GranuleFile, *, most: int = MOST) -> Snapshot:
    """Everything cryodata gives, object by object; its errors stand in the object's place."""
    index = granule.walk()
    snapshot: Snapshot = {}
    names = {"/": "/"}  # path in the index to the name used here
    queue = deque(["/"])
    datasets: list[str] = []
    softs: list[str] = []
    while queue:
        path = queue.popleft()
        group = index.groups[resolve(index, path)]
        links: dict[str, tuple[str, str]] = {}
        snapshot[path] = GroupSeen(links)
        snapshot.update(our_attributes(path, group.attributes or {}))
        for name, link in sorted(group.links.items()):
            child = join(path, name)
            links[name] = (link.kind, link.target)
            if link.kind == "soft":
                softs.append(child)
            if link.kind != "hard":
                continue
            place = resolve(index, child)
            known = names.setdefault(place, child)
            if known != child:
                snapshot[child] = Alias(known)
            elif place in index.problems:
                snapshot[child] = refused(index.problems[place])
            elif place in index.groups:
                queue.append(child)
            elif place in index.arrays:
                datasets.append(child)
    layouts = {path: index.arrays[resolve(index, path)] for path in datasets}
    for path, layout in layouts.items():
        snapshot.update(our_attributes(path, layout.attributes))
    for path, value in our_values(granule, layouts, most).items():
        snapshot[path] = (
            value if isinstance(value, Refused) else our_dataset(layouts[path], names, value)
        )
    for path in softs:
        place = resolve(index, path)
        if place in names:
            snapshot[path] = Alias(names[place])
    return snapshot


def resolve(index: Index, path: str) -> str:
    """The path of the index that `path` stands for; any of its parents may be an alias."""
    for _ in range(64):
        parts = path.strip("/").split("/")
        heads = ("/" + "/".join(parts[:n]) for n in range(1, len(parts) + 1))
        head = next((h for h in heads if h in index.aliases), None)
        if head is None:
            return path
        path = index.aliases[head].rstrip("/") + path[len(head) :] or "/"
    return path


def our_attributes(path: str, attributes: Mapping[str, Any]) -> Iterator[tuple[str, Seen]]:
    for name, value in attributes.items():
        key = f"{path}@{name}"
        if not isinstance(value, Unreadable):
            yield key, AttributeSeen(canonical(value))
        elif "reference" in value.reason:
            yield key, AttributeSeen(REFERENCES)
        else:
            yield key, Refused("Unreadable", value.reason, typed=True)


def our_values(
    granule: GranuleFile, layouts: Mapping[str, ArrayLayout], most: int
) -> dict[str, Any]:
    """Values by path: all in one plan, or one by one where that fails."""
    wanted = {path: corner(layout.shape, most) for path, layout in layouts.items()}
    values: dict[str, Any] = {}
    for path, layout in layouts.items():
        if layout.is_null:
            values[path] = "null"
        elif layout.problem:
            values[path] = Refused("UnsupportedError", layout.problem, typed=True)
    asked = [path for path in layouts if path not in values]
    try:
        arrays = granule.read([(layouts[path].path, wanted[path]) for path in asked])
        values.update(zip(asked, arrays, strict=True))
    except CryodataError:
        for path in asked:
            try:
                values[path] = granule.read([(layouts[path].path, wanted[path])])[0]
            except CryodataError as error:
                values[path] = refused(error)
    return values


def our_dataset(layout: ArrayLayout, names: Mapping[str, str], value: Any) -> DatasetSeen:
    if layout.is_null:
        return DatasetSeen(described(layout.dtype), (), (), None, None, (), "null")
    dims = tuple(tuple(names.get(scale, scale) for scale in axis) for axis in layout.dims)
    return DatasetSeen(
        dtype=described(layout.dtype),
        shape=layout.shape,
        maxshape=layout.maxshape,
        chunk_shape=layout.chunk_shape,
        fill=None if layout.dtype.hasobject else canonical(layout.fill),
        dims=dims if any(dims) else (),
        value=value if isinstance(value, str) else canonical(value),
    )
