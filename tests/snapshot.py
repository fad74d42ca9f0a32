"""What a reader sees in a file, in one form for both readers, so that they can be compared.

`seen_by_h5py` is the oracle. `seen_by_cryodata` is the reader under test. The two share
nothing but the form of the answer and the order in which names are given to objects that
have several (breadth first, names sorted).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import h5py
import numpy as np

from cryodata.errors import CryodataError
from cryodata.granule import GranuleFile
from cryodata.index import ArrayLayout, Empty, Index, Unreadable

__all__ = [
    "Alias",
    "AttributeSeen",
    "DatasetSeen",
    "GroupSeen",
    "Refused",
    "Seen",
    "Snapshot",
    "canonical",
    "differences",
    "seen_by_cryodata",
    "seen_by_h5py",
]

MOST = 4_000_000
"""Elements read of one dataset; of a larger one the first corner is read."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An error in place of an object or a value."""

    error: str
    what: str
    typed: bool
    """It is a `CryodataError`; for h5py, whatever it raised."""


@dataclass(frozen=True, slots=True)
class GroupSeen:
    """A group: its links by name, as (kind, target)."""

    links: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Alias:
    """A soft link, or a further hard link: the path of what it leads to."""

    path: str


@dataclass(frozen=True, slots=True)
class DatasetSeen:
    """A dataset; `value` and `fill` in the form of `canonical`; `fill` None: not given."""

    dtype: Any
    shape: tuple[int, ...]
    maxshape: tuple[int | None, ...]
    chunk_shape: tuple[int, ...] | None
    fill: Any
    dims: tuple[tuple[str, ...], ...]
    value: Any


@dataclass(frozen=True, slots=True)
class AttributeSeen:
    """An attribute's value in the form of `canonical`."""

    value: Any


Seen = GroupSeen | Alias | DatasetSeen | AttributeSeen | Refused
Snapshot = dict[str, Seen]
"""By absolute path; attributes as ``/path@name``."""

REFERENCES = "references"
"""Stands for any value made of references: h5py follows them, cryodata only names them."""


def described(dtype: np.dtype[Any]) -> Any:
    """A dtype without h5py's metadata, but with the offsets of a compound."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return (described(base), shape)
    if dtype.fields is not None:
        members = [(name, described(part[0]), part[1]) for name, part in dtype.fields.items()]
        return (tuple(sorted(members, key=lambda m: m[2])), dtype.itemsize)
    return dtype.str


def canonical(value: Any) -> Any:
    """Any value as nested tuples and bytes: equal exactly where all bits are (NaN included).

    Byte order is taken out, because numpy's scalars have none.
    """
    if isinstance(value, str | bytes) and not isinstance(value, np.generic):
        return value
    if isinstance(value, Empty | h5py.Empty):
        return ("empty", described(value.dtype))
    array = np.asarray(value)
    if array.dtype.names is not None:  # member by member: padding has no value
        return ("compound", *((name, canonical(array[name])) for name in array.dtype.names))
    if array.dtype.hasobject:
        return ("object", array.shape, tuple(canonical(item) for item in array.ravel().tolist()))
    if array.dtype.kind == "S" and not array.shape:
        return ("S", (), array[()])
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return (native.dtype.str, native.shape, native.tobytes())


def corner(shape: tuple[int, ...], most: int) -> tuple[slice, ...] | None:
    """None where the whole array is small enough, else the slices of its first corner."""
    if np.prod(shape, dtype=object) <= most:
        return None
    side = max(1, int(most ** (1 / len(shape))))
    return tuple(slice(0, min(n, side)) for n in shape)


def join(path: str, name: str) -> str:
    return f"{path.rstrip('/')}/{name}"


def refused(error: BaseException) -> Refused:
    return Refused(type(error).__name__, str(error), isinstance(error, CryodataError))


# ---------------------------------------------------------------------------- h5py


def seen_by_h5py(file: h5py.File, *, most: int = MOST) -> Snapshot:
    """Everything h5py gives, object by object; what it raises stands in the object's place."""
    snapshot: Snapshot = {}
    names: dict[int, str] = {}
    queue: deque[tuple[str, Any]] = deque([("/", file["/"])])
    datasets: list[tuple[str, Any]] = []
    softs: list[str] = []
    names[address(file["/"])] = "/"
    while queue:
        path, group = queue.popleft()
        links: dict[str, tuple[str, str]] = {}
        snapshot[path] = GroupSeen(links)
        snapshot.update(h5py_attributes(path, group))
        for stored in h5py_names(path, group, snapshot):
            name = text(stored)
            child = join(path, name)
            try:
                link = group.get(stored, getlink=True)
            except Exception as error:  # noqa: BLE001 - whatever it is, it stands in the link's place
                snapshot[child] = refused(error)
                continue
            if isinstance(link, h5py.SoftLink):
                links[name] = ("soft", link.path)
                softs.append(child)
                continue
            if isinstance(link, h5py.ExternalLink):
                links[name] = ("external", f"{link.filename}:{link.path}")
                continue
            links[name] = ("hard", "")
            try:
                found = group[stored]
                known = names.setdefault(address(found), child)
            except Exception as error:  # noqa: BLE001 - whatever it is, it stands in the object's place
                snapshot[child] = refused(error)
                continue
            if known != child:
                snapshot[child] = Alias(known)
            elif isinstance(found, h5py.Group):
                queue.append((child, found))
            elif isinstance(found, h5py.Dataset):
                datasets.append((child, found))
    for path, dataset in datasets:
        snapshot.update(h5py_attributes(path, dataset))
        try:
            snapshot[path] = h5py_dataset(file, dataset, names, most)
        except Exception as error:  # noqa: BLE001 - as above
            snapshot[path] = refused(error)
    for path in softs:
        try:
            snapshot[path] = Alias(names[address(file[path])])
        except Exception:  # noqa: BLE001 - dangling, or a circle: nothing is there
            continue
    return snapshot


def text(name: str | bytes) -> str:
    """A name of h5py's, which are bytes where they are not UTF-8."""
    return name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")


def h5py_names(path: str, group: Any, snapshot: Snapshot) -> list[str | bytes]:
    try:
        return sorted(group, key=text)
    except Exception as error:  # noqa: BLE001 - as above
        snapshot[path] = refused(error)
        return []


def address(thing: Any) -> int:
    return int(h5py.h5o.get_info(thing.id).addr)


def holds_references(dtype: np.dtype[Any]) -> bool:
    """Object or region references, at any depth."""
    if h5py.check_ref_dtype(dtype) is not None:
        return True
    inner = h5py.check_vlen_dtype(dtype)
    if isinstance(inner, np.dtype):
        return holds_references(inner)
    if dtype.subdtype is not None:
        return holds_references(dtype.subdtype[0])
    return any(holds_references(part[0]) for part in (dtype.fields or {}).values())


def h5py_attributes(path: str, thing: Any) -> Iterator[tuple[str, Seen]]:
    try:
        names = list(thing.attrs)
    except Exception as error:  # noqa: BLE001 - as above
        yield f"{path}@", refused(error)
        return
    for name in names:
        key = f"{path}@{text(name)}"
        try:
            kind = thing.attrs.get_id(name).dtype
            held = REFERENCES if holds_references(kind) else canonical(thing.attrs[name])
            yield key, AttributeSeen(held)
        except Exception as error:  # noqa: BLE001 - as above
            yield key, refused(error)


def h5py_dataset(file: h5py.File, dataset: Any, names: Mapping[int, str], most: int) -> DatasetSeen:
    dtype = dataset.dtype
    inner: tuple[int, ...] = ()
    if dtype.subdtype is not None:
        dtype, inner = dtype.subdtype
    if dataset.shape is None:
        return DatasetSeen(described(dtype), (), (), None, None, (), "null")
    shape = (*dataset.shape, *inner)
    if holds_references(dtype):
        value: Any = REFERENCES
    else:
        cut = corner(dataset.shape, most)
        value = dataset[() if cut is None else cut]
        one_text = isinstance(value, bytes) and not isinstance(value, np.generic)
        value = canonical(np.array(value, object) if one_text else value)
    return DatasetSeen(
        dtype=described(dtype),
        shape=shape,
        maxshape=(*dataset.maxshape, *inner),
        chunk_shape=None if dataset.chunks is None else (*dataset.chunks, *inner),
        fill=None if dtype.hasobject or inner else canonical(dataset.fillvalue),
        dims=h5py_dims(file, dataset, names),
        value=value,
    )


def h5py_dims(
    file: h5py.File, dataset: Any, names: Mapping[int, str]
) -> tuple[tuple[str, ...], ...]:
    """Attached scales that exist; real files hold references to scales that were lost."""
    if "DIMENSION_LIST" not in dataset.attrs:
        return ()
    dims = []
    for references in dataset.attrs["DIMENSION_LIST"]:
        axis = []
        for reference in references:
            try:
                axis.append(names[address(file[reference])])
            except Exception:  # noqa: BLE001 - lost
                continue
        dims.append(tuple(axis))
    return tuple(dims) if any(dims) else ()


# ------------------------------------------------------------------------ cryodata


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


# ---------------------------------------------------------------------- comparison


def differences(ours: Snapshot, theirs: Snapshot) -> list[str]:
    """One line per difference, naming the path, the field, and both sides."""
    lines = []
    for path in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(path), theirs.get(path)
        if one == other or both_refused(one, other):
            continue
        if type(one) is not type(other) or one is None or isinstance(one, Refused):
            lines.append(f"{path}: cryodata {short(one)}, h5py {short(other)}")
            continue
        for field in fields(one):
            a, b = getattr(one, field.name), getattr(other, field.name)
            if a != b and not (field.name == "fill" and b is None):
                lines.append(f"{path}: {field.name}: cryodata {short(a)}, h5py {short(b)}")
    return lines


def both_refused(ours: Seen | None, theirs: Seen | None) -> bool:
    """Neither can read it, and cryodata says so in its own words."""
    return isinstance(ours, Refused) and ours.typed and isinstance(theirs, Refused)


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:120]} ... {text[-30:]}"
