"""What h5py sees: the oracle."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from tests.snapshot.form import (
    MOST,
    REFERENCES,
    Alias,
    AttributeSeen,
    DatasetSeen,
    GroupSeen,
    Seen,
    Snapshot,
    canonical,
    corner,
    described,
    join,
    refused,
)

__all__ = ["seen_by_h5py"]


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
