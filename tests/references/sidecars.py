"""DMR++ sidecars in both dialects, written from what h5py says of a file."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import h5py
import numpy as np

__all__ = ["sidecar_of"]

TYPES = {
    **{f"i{n}": f"Int{8 * n}" for n in (1, 2, 4, 8)},
    **{f"u{n}": f"UInt{8 * n}" for n in (1, 2, 4, 8)},
    **{f"f{n}": f"Float{8 * n}" for n in (4, 8)},
}
OF_HDF5 = {"CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "DIMENSION_LABELS"}
"""Attributes that are no longer there in a sidecar."""
HEAD = (
    '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
    '<Dataset xmlns="http://xml.opendap.org/ns/DAP/4.0#"'
    ' xmlns:dmrpp="http://xml.opendap.org/dap/dmrpp/1.0.0#" name="x.h5"'
    ' dmrpp:href="OPeNDAP_DMRpp_DATA_ACCESS_URL"{version}>\n'
)


def sidecar_of(path: Path, *, dialect: int) -> bytes:
    """The sidecar; of the dialect of 2020, or of 2023 (3.20.13 and later)."""
    version = "" if dialect == 2020 else ' dmrpp:version="3.21.1-451"'
    with h5py.File(path) as file:
        body = "".join(_group(file, dialect))
    return (HEAD.format(version=version) + body + "</Dataset>\n").encode("latin-1")


def _group(group: h5py.Group, dialect: int) -> Iterator[str]:
    for name, thing in group.items():
        if isinstance(thing, h5py.Dataset) and thing.is_scale:
            yield f"<Dimension name={quoteattr(name)} size={quoteattr(str(thing.size))}/>"
    for name, thing in group.items():
        if isinstance(thing, h5py.Group):
            yield f"<Group name={quoteattr(name)}>"
            yield from _group(thing, dialect)
            yield "</Group>\n"
        else:
            yield _variable(name, thing, dialect)
    yield from _attributes(group)


def _variable(name: str, dataset: h5py.Dataset, dialect: int) -> str:
    tag = "String" if dataset.dtype.kind in "SO" else TYPES[dataset.dtype.str[1:]]
    axes = "".join(
        f"<Dim name={quoteattr(dataset.dims[i][0].name)}/>"
        if len(dataset.dims[i])
        else f'<Dim size="{dataset.shape[i]}"/>'
        if not dataset.is_scale
        else f"<Dim name={quoteattr(dataset.name)}/>"
        for i in range(dataset.ndim)
    )
    said = "".join(_attributes(dataset))
    return f"<{tag} name={quoteattr(name)}>{axes}{said}{_place(dataset, dialect)}</{tag}>\n"


def _attributes(thing: h5py.Group | h5py.Dataset) -> Iterator[str]:
    for name, value in thing.attrs.items():
        values = np.ravel(value)
        kind = TYPES.get(values.dtype.str[1:], "String")
        if name not in OF_HDF5:
            texts = "".join(f"<Value>{escape(_text(one))}</Value>" for one in values)
            yield f"<Attribute name={quoteattr(name)} type={quoteattr(kind)}>{texts}</Attribute>"


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _place(dataset: h5py.Dataset, dialect: int) -> str:
    layout = dataset.id.get_create_plist().get_layout()
    if layout == h5py.h5d.COMPACT:
        data = base64.b64encode(dataset[()].tobytes()).decode()
        return f"<dmrpp:compact>{data}</dmrpp:compact>"
    order = ' byteOrder="BE"' if dataset.dtype.byteorder == ">" else ' byteOrder="LE"'
    if dialect != 2020:
        order += f' fillValue="{dataset.fillvalue}"'
    if layout == h5py.h5d.CONTIGUOUS:
        offset, nbytes = dataset.id.get_offset(), dataset.id.get_storage_size()
        chunk = f'<dmrpp:chunk offset="{offset}" nBytes="{nbytes}"/>' if offset else ""
        return f"<dmrpp:chunks{order}>{chunk}</dmrpp:chunks>"
    chunks = [dataset.id.get_chunk_info(i) for i in range(dataset.id.get_num_chunks())]
    rows = "".join(
        f'<dmrpp:chunk offset="{c.byte_offset}" nBytes="{c.size}" chunkPositionInArray='
        f'"[{",".join(map(str, c.chunk_offset))}]"/>'
        for c in chunks
    )
    sizes = " ".join(map(str, dataset.chunks))
    return (
        f"<dmrpp:chunks{_filters(dataset, dialect)}{order}><dmrpp:chunkDimensionSizes>{sizes}"
        f"</dmrpp:chunkDimensionSizes>{rows}</dmrpp:chunks>"
    )


def _filters(dataset: h5py.Dataset, dialect: int) -> str:
    steps = dataset.id.get_create_plist()
    names = [{1: "deflate", 2: "shuffle", 3: "fletcher32"}[n] for n in _numbers(steps)]
    if not names:
        return ""
    if dialect == 2020:  # which has an order of its own
        return f' compressionType="{" ".join(sorted(names))}"'
    levels = [str(steps.get_filter(i)[2][0]) for i, n in enumerate(_numbers(steps)) if n == 1]
    return f' compressionType="{" ".join(names)}" deflateLevel="{" ".join(levels)}"'


def _numbers(steps: h5py.h5p.PropDCID) -> list[int]:
    return [int(np.int64(steps.get_filter(i)[0])) for i in range(steps.get_nfilters())]
