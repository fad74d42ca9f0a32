"""A variable of HDF5 as an array of Zarr: which grid, which codecs, where each chunk lies.

What of HDF5 Zarr has no words for is refused by name here, once for all the forms that are
written from it: nobody gets zeros where others wrote values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cryodata.attributes import decode_attributes
from cryodata.errors import UnsupportedError
from cryodata.layout import ArrayLayout, Chunked, ChunkTable, Contiguous, Filter, Inline
from cryodata.netcdf import NetcdfVariable
from cryodata.types import AnyArray, IntArray

__all__ = ["ZarrArray", "masked_value", "needs_values", "plain_attributes", "zarr_array"]

PIECE = 4 << 20
"""Contiguous data is cut into chunks of about so many bytes, where that comes out even."""
MOST_PIECES = 64
"""Times as many chunks as that takes, at most, for the cut to come out even."""
MOST_INLINE = 64 << 20
"""Bytes of one variable that stand among the references themselves, at most."""
WRITTEN_BY = {1: "zlib", 2: "shuffle", 3: "fletcher32", 307: "bz2", 32001: "blosc", 32015: "zstd"}
"""HDF5 filters that Zarr has a codec for, with equal bytes."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ZarrArray:
    """One array; its chunks are of equal shape, and filtered alike.

    Attributes
    ----------
    shape, chunks : tuple of int
        Elements along each axis, of the whole and of a chunk.
    dtype : numpy.dtype
        ``object`` for strings of any length: then the one chunk is encoded as ``vlen-utf8``.
    filters : tuple of Filter
        In the order of writing; applied to every chunk.
    fill : object
        Value of chunks that are neither in `numbers` nor in `inline`, and of no others.
    dims : tuple of str
        A name per axis.
    attributes : mapping
        As netCDF users expect them; see `plain_attributes`.
    numbers : (n,) int64
        Chunks that lie in the file: their places in the grid, in C order from 0; ascending.
    offsets, nbytes : (n,) int64
        Bytes ``offsets <= i < offsets + nbytes`` of the file.
    inline : mapping of int to bytes
        Chunks that stand here, as they would be stored.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any]
    filters: tuple[Filter, ...] = ()
    fill: Any = None
    dims: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    numbers: IntArray
    offsets: IntArray
    nbytes: IntArray
    inline: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of chunks along each axis."""
        return tuple(-(-n // c) for n, c in zip(self.shape, self.chunks, strict=True))

    @property
    def unwritten(self) -> int:
        """Number of chunks that hold nothing but `fill`."""
        return math.prod(self.grid) - len(self.numbers) - len(self.inline)

    def position(self, number: int) -> tuple[int, ...]:
        """Where in the grid the chunk of a number is."""
        return tuple(int(i) for i in np.unravel_index(number, self.grid)) if self.grid else ()


def needs_values(layout: ArrayLayout) -> bool:
    """Whether the values themselves have to be written: where they lie they are no Zarr.

    So are strings kept in a heap, and strings that end in spaces that do not count.
    """
    return _is_text(layout) or layout.padding == "space-padded"


def _is_text(layout: ArrayLayout) -> bool:
    return layout.kind == "vlen string"


def zarr_array(variable: NetcdfVariable, values: AnyArray | None = None) -> ZarrArray:
    """The array that holds the same values.

    Parameters
    ----------
    variable : NetcdfVariable
    values : array, optional
        All values of the variable as `cryodata` reads them, where `needs_values` says so.

    Raises
    ------
    UnsupportedError
        Zarr cannot hold it; the message says what it has no words for.
    """
    layout = variable.layout
    _refuse_what_zarr_lacks(variable)
    if needs_values(layout):
        assert values is not None, "the caller has asked needs_values"
        storage = _inline(layout, values)
    else:
        storage = {"dtype": layout.dtype, **_storage(layout)}
    array = ZarrArray(
        shape=layout.shape,
        fill=_one_fill(layout),
        dims=variable.dims,
        attributes=decode_attributes(layout.attributes),
        **storage,
    )
    if array.fill is None and array.unwritten:
        raise _refusal(layout, "its fill value is an array of different elements")
    return array


def _one_fill(layout: ArrayLayout) -> Any:
    """The fill value; of array types, the one that their elements have in common, or None."""
    fill = layout.fill
    if not isinstance(fill, np.ndarray) or not fill.shape:
        return fill
    first = fill.reshape(-1)[0]
    return first if all(one.tobytes() == first.tobytes() for one in fill.reshape(-1)) else None


def masked_value(array: ZarrArray) -> Any:
    """``_FillValue`` as an element of the array; None where no element has that value.

    An integer that is never reached, as -999.5 or -1 without a sign, masks nothing: cast to the
    type of the elements it would mask another value, one that was measured.
    """
    value = array.attributes.get("_FillValue")
    if value is None or array.dtype.hasobject or array.dtype.names is not None:
        return None
    try:
        given = np.asarray(value)
        element = given.astype(array.dtype, casting="unsafe") if given.size == 1 else None
    except (TypeError, ValueError, OverflowError):
        return None
    if element is None:
        return None
    if array.dtype.kind in "fc":  # rounded to what the type resolves
        return element.reshape(())[()]
    with np.errstate(all="ignore"):
        same = given.dtype.kind in _ALIKE[array.dtype.kind] and bool((element == given).all())
    return element.reshape(())[()] if same else None


_ALIKE = {"i": "iuf", "u": "iuf", "b": "biu", "S": "S", "V": "V"}
"""Kinds of types whose values may be compared with those of a kind."""


def _refuse_what_zarr_lacks(variable: NetcdfVariable) -> None:
    layout = variable.layout
    layout.check_readable()
    if layout.is_null:
        raise _refusal(layout, "it has a type, but no value")
    if variable.shape != layout.shape:
        raise _refusal(
            layout, f"its shape {layout.shape} is shorter than its dimensions {variable.shape}"
        )
    if layout.dtype.hasobject and not _is_text(layout):
        raise _refusal(layout, f"Zarr has no type for {layout.kind}")
    if layout.dtype.names is not None:
        _refuse_gaps(layout)
    for step in layout.filters:
        if step.id not in WRITTEN_BY:
            raise _refusal(layout, f"Zarr has no codec for filter {step.id} ({step.name})")


def _refuse_gaps(layout: ArrayLayout) -> None:
    """Members of a record of Zarr are simple, and follow each other without a gap."""
    at, fields = 0, dict(layout.dtype.fields or {})
    for name in layout.dtype.names or ():
        kind, offset = fields[name][:2]
        if offset != at or kind.names is not None or kind.subdtype is not None:
            raise _refusal(layout, "its members have gaps between them, or members of their own")
        at += kind.itemsize
    if at != layout.dtype.itemsize:
        raise _refusal(layout, "its members have gaps between them, or members of their own")


def _refusal(layout: ArrayLayout, why: str) -> UnsupportedError:
    return UnsupportedError(
        f"It cannot be written as Zarr: {why}",
        path=layout.path,
        fix="cryodata itself reads it; the other variables are not affected.",
    )


def _storage(layout: ArrayLayout) -> dict[str, Any]:
    none = np.empty(0, np.int64)
    match layout.storage:
        case Chunked(table):
            assert layout.chunk_shape is not None
            return {"chunks": layout.chunk_shape, **_chunks(layout, table)}
        case Inline(data) if math.prod(layout.shape):
            inline = {0: bytes(data)}
            whole = {"chunks": layout.shape, "numbers": none, "offsets": none, "nbytes": none}
            return {**whole, "inline": inline}
        case Contiguous(int(offset), _) if math.prod(layout.shape):
            return _pieces(layout, offset)
    chunks = tuple(max(1, n) for n in layout.shape)
    return {"chunks": chunks, "numbers": none, "offsets": none, "nbytes": none}


def _chunks(layout: ArrayLayout, table: ChunkTable) -> dict[str, Any]:
    """Where they lie; those of one array have their filters alike."""
    masks = np.unique(table.masks)
    if len(masks) > 1:
        raise _refusal(layout, "some of its chunks leave out a filter that others have")
    left_out = int(masks[0]) if len(masks) else 0
    return {
        "filters": tuple(f for i, f in enumerate(layout.filters) if not left_out >> i & 1),
        "numbers": table.numbers,
        "offsets": table.offsets,
        "nbytes": table.nbytes.astype(np.int64),
    }


def _pieces(layout: ArrayLayout, offset: int) -> dict[str, Any]:
    """Contiguous data in equal cuts along its first axis, or whole."""
    shape, cut = layout.shape, _even_cut(layout)
    chunks = (cut, *shape[1:]) if shape else ()
    count = shape[0] // cut if shape else 1
    nbytes = math.prod(chunks) * layout.dtype.itemsize
    numbers = np.arange(count, dtype=np.int64)
    return {
        "chunks": chunks,
        "numbers": numbers,
        "offsets": offset + numbers * nbytes,
        "nbytes": np.full(count, nbytes, np.int64),
    }


def _even_cut(layout: ArrayLayout) -> int:
    """Rows of a cut: since nothing follows the last one, it may not be shorter than others."""
    if not layout.shape:
        return 1
    rows = layout.shape[0]
    fewest = -(-layout.nbytes // PIECE)
    for pieces in range(fewest, min(fewest * MOST_PIECES, rows) + 1):
        if rows % pieces == 0:
            return rows // pieces
    return rows


def _inline(layout: ArrayLayout, values: AnyArray) -> dict[str, Any]:
    """All values in one chunk that stands among the references."""
    data = _as_texts(layout, values) if _is_text(layout) else np.asarray(values).tobytes()
    if len(data) > MOST_INLINE:
        raise _refusal(layout, f"its strings are more than {MOST_INLINE >> 20} MiB")
    none = np.empty(0, np.int64)
    return {
        "dtype": np.dtype(object) if _is_text(layout) else layout.dtype,
        "chunks": tuple(max(1, n) for n in layout.shape),
        "numbers": none,
        "offsets": none,
        "nbytes": none,
        "inline": {0: data} if math.prod(layout.shape) else {},
    }


def _as_texts(layout: ArrayLayout, values: AnyArray) -> bytes:
    """Strings one after the other: their count, then each one's length and its UTF-8.

    Source: the ``vlen-utf8`` codec of numcodecs; numbers are little-endian of 32 bits.
    """
    parts = [np.uint32(values.size).tobytes()]
    for value in values.flat:
        try:
            value.decode("utf-8")
        except UnicodeDecodeError:
            raise _refusal(layout, "a string in it is not UTF-8") from None
        parts += [np.uint32(len(value)).tobytes(), value]
    return b"".join(parts)


def plain_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    r"""Attributes as JSON has them; numbers lose their type, not their value.

    Bytes that are no UTF-8 are written with a backslash, ``\xff``.
    """
    return {_text(name): _plain(value) for name, value in attributes.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.void):
        return _plain(value.item() if value.dtype.names else value.tobytes())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, complex):
        return [value.real, value.imag]
    return value if isinstance(value, bool | int | float | None) else str(value)


def _text(value: str) -> str:
    """Without the surrogates that stand for bytes that are no UTF-8."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
