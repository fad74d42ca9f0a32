"""How large a stored chunk of Zarr version 2 becomes, known before anybody decodes it.

Codecs allocate what the bytes ask for. References come from others, and so may the bytes: a
kilobyte that becomes a gigabyte is refused here.

Source: RFC 8878 for Zstandard; ``README_HEADER.rst`` of c-blosc; numcodecs for the rest.
"""

from __future__ import annotations

import bz2
import gzip
import io
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from cryodata.errors import ChunkCorruptError, LimitExceededError, UnsupportedError
from cryodata.formats.references_in import OF_OBJECTS, element_bytes

__all__ = ["check_decoded", "check_stored"]

SAME = {"shuffle": 0, "fletcher32": 4}
"""Codecs that change no size, or by so many bytes of a checksum."""
LOOSE = frozenset({"delta", "fixedscaleoffset", "quantize", "packbits"})
"""Codecs that make values of others; they may be a few times as large, and no more."""
SLACK = 1 << 16
"""Bytes that a small chunk may grow by when it is compressed."""


def check_stored(nbytes: int, metadata: Mapping[str, Any], most: int) -> None:
    """Refuse a reference to more bytes than the chunk can take, or to other than it has to.

    Parameters
    ----------
    nbytes : int
        As it is stored.
    metadata : mapping
        ``.zarray``.
    most : int
        Bytes of a decoded chunk of strings.

    Raises
    ------
    ChunkCorruptError, LimitExceededError
        The reference cannot be right.
    """
    codecs, size = _codecs(metadata), _size(metadata)
    if size is not None and all(codec["id"] in SAME for codec in codecs):
        _check_equal(nbytes, size + sum(SAME[codec["id"]] for codec in codecs))
    elif nbytes > _roomy(most if size is None else size):
        raise LimitExceededError(f"A stored chunk of {nbytes} bytes")


def check_decoded(data: bytes | memoryview, metadata: Mapping[str, Any], most: int) -> None:
    """Refuse bytes that would become more, or less, than one chunk.

    What is compressed is decoded once for it, as far as it may: damage is found here, too.

    Parameters
    ----------
    data : bytes
        As they are stored.
    metadata, most
        As of `check_stored`.

    Raises
    ------
    ChunkCorruptError
        They are damaged, or become a chunk of another size.
    LimitExceededError
        They become much more.
    UnsupportedError
        Nobody knows before what they become.
    """
    codecs, size = _codecs(metadata), _size(metadata)
    room = _roomy(most if size is None else size)
    here: bytes | memoryview = data
    known = len(here)
    for step, codec in enumerate(codecs):
        name = codec["id"]
        if name in LOOSE:
            return  # what follows is bounded by what is here; zarr looks at the shape
        if name in OF_OBJECTS:
            _check_texts(here, metadata)
            return
        if name in SAME:
            known -= SAME[name]
            if SAME[name] or any(later["id"] not in SAME for later in codecs[step:]):
                here = _decoded(codec, here)  # for its checksum, or for whoever inflates it
        elif name in _INFLATE:
            here = _inflated(name, here, room)
            known = len(here)
        elif name in _ASKED:
            known = _asked(name, here)
            if known > room:
                raise LimitExceededError(f"A chunk becomes {known} bytes when it is decoded")
            here = _decoded(codec, here)
        else:
            raise UnsupportedError(f"What {name!r} decodes to is not known before")
    if size is None:
        raise UnsupportedError("Objects that are no strings are not read")
    _check_equal(known, size)


def _codecs(metadata: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """In the order of reading."""
    filters = metadata.get("filters") or []
    return [codec for codec in (metadata.get("compressor"), *filters[::-1]) if codec]


def _size(metadata: Mapping[str, Any]) -> int | None:
    """Bytes of a decoded chunk; None of strings of any length."""
    if metadata["dtype"] == "|O":
        return None
    count: int = math.prod(metadata["chunks"])
    return count * element_bytes("", metadata["dtype"])


def _roomy(size: int) -> int:
    """Bytes that so many may take at any step between values and storage."""
    return size + size // 8 + SLACK


def _check_equal(found: int, expected: int) -> None:
    if found != expected:
        raise ChunkCorruptError(
            f"A chunk of {expected} bytes has {found}",
            fix="The references, or the file that they point to, are damaged.",
        )


def _check_texts(data: bytes | memoryview, metadata: Mapping[str, Any]) -> None:
    count = int.from_bytes(data[:4], "little")
    if count != math.prod(metadata["chunks"]) or 4 * count + 4 > len(data):
        raise ChunkCorruptError(f"A chunk of strings says that it has {count}")


def _decoded(codec: Mapping[str, Any], data: bytes | memoryview) -> bytes:
    import numcodecs

    try:
        return bytes(numcodecs.get_codec(dict(codec)).decode(bytes(data)))
    except (RuntimeError, ValueError, TypeError) as error:
        raise ChunkCorruptError(f"A chunk cannot be decoded: {error!s:.80}") from None


def _zlib(data: bytes | memoryview, most: int) -> bytes:
    inflater = zlib.decompressobj()
    found = inflater.decompress(data, most)
    if len(found) < most and not inflater.eof:
        raise EOFError("it is cut off")
    return found


_INFLATE: Mapping[str, Callable[[bytes | memoryview, int], bytes]] = {
    "zlib": _zlib,
    "gzip": lambda data, most: gzip.GzipFile(fileobj=io.BytesIO(data)).read(most),
    "bz2": lambda data, most: bz2.BZ2File(io.BytesIO(data)).read(most),
}
"""Codecs that do not say what they become; they are decoded no further than allowed."""


def _inflated(name: str, data: bytes | memoryview, room: int) -> bytes:
    try:
        found = _INFLATE[name](data, room + 1)
    except (zlib.error, OSError, EOFError) as error:
        raise ChunkCorruptError(f"A chunk cannot be inflated: {error!s:.80}") from None
    if len(found) > room:
        raise LimitExceededError(f"A chunk becomes more than {room} bytes when it is inflated")
    return found


def _of_blosc(data: bytes | memoryview) -> int:
    if len(data) < 16 or int.from_bytes(data[12:16], "little") != len(data):
        raise ChunkCorruptError("A chunk of Blosc is cut off")
    return int.from_bytes(data[4:8], "little")


def _of_lz4(data: bytes | memoryview) -> int:
    return int.from_bytes(data[:4], "little")


def _of_zstd(data: bytes | memoryview) -> int:
    flags = data[4] if len(data) > 4 else 0
    single = flags >> 5 & 1
    width = (single, 2, 4, 8)[flags >> 6]
    at = 5 + (not single) + (0, 1, 2, 4)[flags & 3]
    if bytes(data[:4]) != b"\x28\xb5\x2f\xfd" or len(data) < at + width:
        raise ChunkCorruptError("A chunk is no frame of Zstandard")
    if not width:
        raise UnsupportedError("A chunk of Zstandard does not say what it becomes")
    return int.from_bytes(data[at : at + width], "little") + (256 if width == 2 else 0)


_ASKED = {"blosc": _of_blosc, "lz4": _of_lz4, "zstd": _of_zstd}
"""Codecs whose bytes say in front what they become, and that allocate no more."""


def _asked(name: str, data: bytes | memoryview) -> int:
    return _ASKED[name](data)
