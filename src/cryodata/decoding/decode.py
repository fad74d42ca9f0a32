"""Filtered chunk bytes to the bytes of its elements: HDF5's filters, undone.

Deflate goes through libdeflate (`deflate`), which is two to five times as fast as zlib
and lets other threads run. Every filter's output is bounded before it is made, every
checksum is verified, and the result has exactly its declared size or is an error.
"""

from __future__ import annotations

import bz2
import importlib
import zlib
from collections.abc import Callable, Sequence

import deflate
import numcodecs
import numpy as np

from cryodata.decoding.lzf import lzf_decompress
from cryodata.errors import ChunkCorruptError, UnsupportedError
from cryodata.hdf5.checksum import fletcher32
from cryodata.layout import Filter

__all__ = ["check_filters", "decode"]

Bytes = bytes | bytearray | memoryview

DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3


def decode(raw: Bytes, filters: Sequence[Filter], mask: int, nbytes: int) -> Bytes:
    """The `nbytes` bytes of one chunk.

    Parameters
    ----------
    raw : bytes-like
        As stored.
    filters : sequence of Filter
        In the order of writing; undone from the last.
    mask : int
        Bit i set: filter i was not applied.
    nbytes : int
        Exact size of the result.

    Raises
    ------
    ChunkCorruptError
        If a checksum fails, a stream is damaged, or the size is another.
    UnsupportedError
        If a filter is not known, or its decoder not installed.
    """
    applied = _applied(filters, mask)
    sizes = _sizes(applied, nbytes)
    for step in range(len(applied) - 1, -1, -1):
        raw = _undo(applied[step])(raw, applied[step].values, sizes[step], nbytes)
    if len(raw) != nbytes:
        raise ChunkCorruptError(f"A chunk has {len(raw)} bytes after decoding, not {nbytes}")
    return raw


def check_filters(filters: Sequence[Filter], mask: int) -> None:
    """Raise `UnsupportedError` where a filter that was applied cannot be undone here."""
    for step in _applied(filters, mask):
        _undo(step)


def _applied(filters: Sequence[Filter], mask: int) -> list[Filter]:
    return [f for i, f in enumerate(filters) if not mask >> i & 1]


def _sizes(applied: Sequence[Filter], nbytes: int) -> list[int | None]:
    """Bytes that went into each filter; None after one that changes them unpredictably."""
    sizes: list[int | None] = []
    size: int | None = nbytes
    for step in applied:
        sizes.append(size)
        if step.id == FLETCHER32 and size is not None:
            size += 4
        elif step.id not in (SHUFFLE, FLETCHER32):
            size = None
    return sizes


Undo = Callable[[Bytes, tuple[int, ...], int | None, int], Bytes]


def _undo(step: Filter) -> Undo:
    try:
        return _UNDO[step.id]
    except KeyError:
        raise UnsupportedError(
            f"Chunks are stored with filter {step.id} ({step.name or 'no name'}), "
            "which cannot be undone",
            fix="Other variables of the file are not affected.",
        ) from None


def _most(nbytes: int) -> int:
    """The most bytes that any sane filter makes of `nbytes`; bounds nested streams."""
    return nbytes + nbytes // 8 + 4096


def _deflate(raw: Bytes, values: tuple[int, ...], size: int | None, nbytes: int) -> Bytes:
    if size is not None:
        try:
            return deflate.zlib_decompress(raw, size)
        except deflate.DeflateError as error:
            raise ChunkCorruptError(f"A deflated chunk is damaged: {error}") from None
    # deflated twice: the inner stream's size is not known, only bounded
    stream = zlib.decompressobj()
    try:
        out = stream.decompress(raw, _most(nbytes))
    except zlib.error as error:
        raise ChunkCorruptError(f"A deflated chunk is damaged: {error}") from None
    if not stream.eof:
        raise ChunkCorruptError("A deflated chunk is cut short, or inflates beyond its size")
    return out


def _unshuffle(raw: Bytes, values: tuple[int, ...], size: int | None, nbytes: int) -> Bytes:
    """Byte i of all elements lies together; a rest shorter than an element lies at the end."""
    width = values[0] if values else 1
    if width <= 1:
        return raw
    count = len(raw) // width
    source = np.frombuffer(raw, np.uint8)
    out = np.empty(len(raw), np.uint8)
    columns = out[: count * width].reshape(count, width)
    for i in range(width):  # strided copies let other threads run; a transpose is slower
        columns[:, i] = source[i * count : (i + 1) * count]
    out[count * width :] = source[count * width :]
    return out.data


def _fletcher32(raw: Bytes, values: tuple[int, ...], size: int | None, nbytes: int) -> Bytes:
    data = memoryview(raw)
    stored = int.from_bytes(data[-4:], "little")
    if len(data) < 4 or fletcher32(data[:-4]) != stored:
        raise ChunkCorruptError("A chunk fails its fletcher32 checksum")
    return data[:-4]


def _bzip2(raw: Bytes, values: tuple[int, ...], size: int | None, nbytes: int) -> Bytes:
    stream = bz2.BZ2Decompressor()
    try:
        out = stream.decompress(raw, _most(nbytes))
    except OSError as error:
        raise ChunkCorruptError(f"A bzip2 chunk is damaged: {error}") from None
    if not stream.eof:
        raise ChunkCorruptError("A bzip2 chunk is cut short, or inflates beyond its size")
    return out


def _lzf(raw: Bytes, values: tuple[int, ...], size: int | None, nbytes: int) -> Bytes:
    try:
        return lzf_decompress(raw, size or _most(nbytes))
    except ValueError as error:
        raise ChunkCorruptError(f"A chunk is damaged: {error}") from None


def _blosc(raw: Bytes, values: tuple[int, ...], size: int | None, nbytes: int) -> Bytes:
    """Blosc 1 chunk; its header has the sizes of the result (byte 4) and of itself (byte 12)."""
    head = memoryview(raw)[:16]
    promised = int.from_bytes(head[4:8], "little")
    if len(head) < 16 or int.from_bytes(head[12:], "little") != len(raw):
        raise ChunkCorruptError("A Blosc chunk is cut short")
    return _numcodecs("Blosc", raw, promised, size, nbytes)


def _zstd(raw: Bytes, values: tuple[int, ...], size: int | None, nbytes: int) -> Bytes:
    return _numcodecs("Zstd", raw, _zstd_content(memoryview(raw)), size, nbytes)


def _zstd_content(raw: memoryview) -> int:
    """Content size of a Zstandard frame (RFC 8878, section 3.1.1.1)."""
    if len(raw) < 6 or bytes(raw[:4]) != b"\x28\xb5\x2f\xfd":
        raise ChunkCorruptError("A zstd chunk does not begin as a zstd frame")
    flags = raw[4]
    single = flags >> 5 & 1
    width = (single, 2, 4, 8)[flags >> 6]
    if not width:
        raise ChunkCorruptError("A zstd chunk does not say how long it is")
    at = 5 + (not single) + (0, 1, 2, 4)[flags & 3]
    return int.from_bytes(raw[at : at + width], "little") + (256 if width == 2 else 0)


def _numcodecs(codec: str, raw: Bytes, promised: int, size: int | None, nbytes: int) -> Bytes:
    """Decode with numcodecs, which trusts the size a stream promises: so check that first."""
    if promised > _most(nbytes) or size not in (None, promised):
        raise ChunkCorruptError(f"A {codec} chunk promises {promised} bytes, not {size or nbytes}")
    try:
        return memoryview(getattr(numcodecs, codec)().decode(raw)).cast("B")
    except (ValueError, RuntimeError) as error:
        raise ChunkCorruptError(f"A {codec} chunk is damaged: {error}") from None


def _imagecodecs(function: str) -> Undo:
    """A decoder of imagecodecs, an optional package, imported when a chunk first needs it."""

    def undo(raw: Bytes, values: tuple[int, ...], size: int | None, nbytes: int) -> Bytes:
        try:
            library = importlib.import_module("imagecodecs")
        except ImportError:
            raise UnsupportedError(
                f"This variable is compressed with {function}, which needs imagecodecs",
                fix="pip install imagecodecs",
            ) from None
        try:
            out = getattr(library, f"{function}_decode")(bytes(raw), out=size or _most(nbytes))
        except (ValueError, RuntimeError) as error:
            raise ChunkCorruptError(f"A {function} chunk is damaged: {error}") from None
        return memoryview(out).cast("B")

    return undo


_UNDO: dict[int, Undo] = {
    DEFLATE: _deflate,
    SHUFFLE: _unshuffle,
    FLETCHER32: _fletcher32,
    307: _bzip2,
    32000: _lzf,
    32001: _blosc,
    32004: _imagecodecs("lz4h5"),
    32015: _zstd,
}
