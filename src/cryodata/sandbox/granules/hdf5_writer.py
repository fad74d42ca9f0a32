"""Files with the layout of the real ones: headers, chunk order, attributes and scales."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import deflate
import h5py
import numpy as np
from numpy.typing import NDArray

from cryodata.sandbox.granules.style import Style
from cryodata.sandbox.granules.template import Attributes, DatasetSpec, Template

__all__ = ["Column", "Contents", "write_hdf5"]

AnyArray = NDArray[Any]
LEVEL = 6
THREADS = 2
WIDTH = 4
"""Chunks of one dataset that the product's writer holds before it flushes them."""
RUN = 2
"""Chunks of one dataset that may lie side by side."""


@dataclass(frozen=True, slots=True)
class Column:
    """The rows of one dataset, made when they are needed.

    Attributes
    ----------
    rows : int
        How many.
    take : callable
        Rows ``start <= i < stop`` as an array.
    """

    rows: int
    take: Callable[[int, int], AnyArray]

    @classmethod
    def of(cls, values: AnyArray) -> Column:
        """Rows that are there already."""
        return cls(len(values), lambda start, stop: values[start:stop])


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What goes into a file besides its structure.

    Attributes
    ----------
    columns : mapping of str to Column
        Datasets with rows, by path.
    fixed : mapping of str to array_like
        Datasets without rows, by path; what is not here has the value of its spec, or 0.
    attributes : mapping of str to mapping
        Attributes that differ from those of the template, by path; written last, as the
        product's writer does.
    """

    columns: Mapping[str, Column]
    fixed: Mapping[str, Any]
    attributes: Mapping[str, Attributes]


def write_hdf5(
    path: Path, template: Template, style: Style, contents: Contents, *, seed: int
) -> None:
    """Write a granule.

    First the structure and its attributes, as the real writers copy them from a template
    file; then chunks, compressed in threads and written in the order of the style; then
    what is known at the end: dimension scales and the attributes of this granule.
    """
    creation = {"libver": "earliest", "track_order": style.ordered, **style.creation}
    with h5py.File(path, "w", **creation) as file:
        for name, attributes in template.groups.items():
            group = file if name == "/" else file.create_group(name, track_order=style.ordered)
            _write_attributes(group, attributes)
        datasets: dict[str, h5py.Dataset] = {}
        for spec in template.datasets:
            dataset = datasets[spec.path] = _create(file, spec, contents)
            _write_attributes(dataset, spec.attributes)
            if spec.fill_attribute:
                _write_attributes(dataset, {"_FillValue": spec.dtype.type(spec.fill)})
        _write_chunks(datasets, template, style, contents, np.random.default_rng([seed, 11]))
        _attach_scales(datasets, template)
        for name, attributes in contents.attributes.items():
            _write_attributes(file[name], attributes)


def _create(file: h5py.File, spec: DatasetSpec, contents: Contents) -> h5py.Dataset:
    """A dataset: without rows with its contents, with rows still empty."""
    if spec.layout == "chunked":
        rows = contents.columns[spec.path].rows
        filters = {"compression": "gzip", "compression_opts": LEVEL} if spec.filters else {}
        return file.create_dataset(
            spec.path,
            shape=(rows, *spec.trail),
            maxshape=(None, *spec.trail),
            dtype=spec.dtype,
            chunks=spec.chunk,
            shuffle="shuffle" in spec.filters,
            fillvalue=spec.fill,
            **filters,
        )
    values = np.zeros(spec.shape, spec.dtype)
    content = contents.fixed.get(spec.path, spec.value)
    if not (isinstance(content, tuple) and not content):
        values[...] = content
    if spec.layout == "contiguous":
        return file.create_dataset(spec.path, data=values)
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.COMPACT)
    parent, _, name = spec.path.rpartition("/")
    space = h5py.h5s.create_simple(spec.shape)
    stored = h5py.h5t.py_create(spec.dtype)
    made = h5py.h5d.create(file[parent or "/"].id, name.encode(), stored, space, creation)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return h5py.Dataset(made)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One chunk still to be encoded; `values` may be shorter than a chunk."""

    spec: DatasetSpec
    offset: tuple[int, ...]
    values: AnyArray

    def encoded(self) -> bytes:
        """As stored: padded with the fill value, shuffled, deflated."""
        whole = np.full(self.spec.chunk, self.spec.fill, self.spec.dtype)
        whole[tuple(map(slice, self.values.shape))] = self.values
        if "shuffle" in self.spec.filters:
            raw = whole.reshape(-1).view(np.uint8).reshape(-1, whole.itemsize).T.tobytes()
        else:
            raw = whole.tobytes()
        return bytes(deflate.zlib_compress(raw, LEVEL)) if self.spec.filters else raw


def _write_chunks(
    datasets: Mapping[str, h5py.Dataset],
    template: Template,
    style: Style,
    contents: Contents,
    rng: np.random.Generator,
) -> None:
    rounds = _rounds(template, contents, rng)
    later: list[tuple[str, tuple[int, ...], bytes]] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for chunks in rounds:
            for chunk, data in zip(chunks, pool.map(_Chunk.encoded, chunks), strict=True):
                if style.repacked:
                    later.append((chunk.spec.path, chunk.offset, data))
                else:
                    datasets[chunk.spec.path].id.write_direct_chunk(chunk.offset, data)
    order = {spec.path: number for number, spec in enumerate(template.datasets)}
    for path, offset, data in sorted(later, key=lambda c: (order[c[0]], c[1])):
        datasets[path].id.write_direct_chunk(offset, data)


def _rounds(
    template: Template, contents: Contents, rng: np.random.Generator
) -> Iterator[list[_Chunk]]:
    """All chunks in the order in which a writer that goes along the track flushes them.

    In each round every dataset gets the chunks of the same stretch of track, beam after
    beam; within a beam they come in any order, as they leave HDF5's chunk cache.
    """
    specs = [spec for spec in template.datasets if spec.layout == "chunked"]
    most = max((-(-contents.columns[s.path].rows // s.chunk[0]) for s in specs), default=0)
    count = max(1, -(-most // WIDTH))
    for number in range(count):
        chunks: list[_Chunk] = []
        for _, group in itertools.groupby(specs, key=lambda s: s.path.split("/")[1]):
            runs: list[list[_Chunk]] = []
            for spec in group:
                own = _of_round(spec, contents.columns[spec.path], number, count)
                mixed = [own[i] for i in rng.permutation(len(own))]
                runs += [mixed[i : i + RUN] for i in range(0, len(mixed), RUN)]
            for i in rng.permutation(len(runs)):
                chunks += runs[i]
        yield chunks


def _of_round(spec: DatasetSpec, column: Column, number: int, count: int) -> list[_Chunk]:
    """The chunks of one dataset that belong to a round: as far along as the others."""
    height = spec.chunk[0]
    chunks = -(-column.rows // height)
    first, last = chunks * number // count, chunks * (number + 1) // count
    if first == last:
        return []
    begin, end = first * height, min(last * height, column.rows)
    values = column.take(begin, end)
    starts = [range(0, size, step) for size, step in zip(spec.trail, spec.chunk[1:], strict=True)]
    return [
        _Chunk(spec, offset, values[_part(spec, (offset[0] - begin, *offset[1:]))])
        for offset in itertools.product(range(begin, end, height), *starts)
    ]


def _part(spec: DatasetSpec, offset: tuple[int, ...]) -> tuple[slice, ...]:
    """Where a chunk that begins at `offset` lies."""
    return tuple(slice(at, at + size) for at, size in zip(offset, spec.chunk, strict=True))


def _attach_scales(datasets: Mapping[str, h5py.Dataset], template: Template) -> None:
    for spec in template.datasets:
        if spec.scale:
            datasets[spec.path].make_scale(spec.path.rpartition("/")[2])
    for spec in template.datasets:
        for axis, scale in enumerate(spec.dims):
            datasets[spec.path].dims[axis].attach_scale(datasets[scale])


def _write_attributes(where: h5py.HLObject, attributes: Attributes) -> None:
    """Attributes as the product's writer stores them: text null-terminated, of fixed length."""
    for name, value in attributes.items():
        if not isinstance(value, str):
            where.attrs[name] = value
            continue
        text = value.encode()
        stored = h5py.h5t.C_S1.copy()
        stored.set_size(len(text) + 1)
        if name in where.attrs:
            del where.attrs[name]
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        made = h5py.h5a.create(where.id, name.encode(), stored, space)
        made.write(np.array(text, f"S{len(text) + 1}"), mtype=stored)
