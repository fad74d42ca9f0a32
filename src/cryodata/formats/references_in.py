"""References to chunks of Zarr version 2, whatever form they came in: checked part by part.

They come from others: nothing is opened and nothing large allocated before it was found sound.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.errors import FormatError, LimitExceededError, UnsafeReferenceError, UnsupportedError
from cryodata.formats.allowed import Allowed
from cryodata.formats.dtype_json import SIMPLE
from cryodata.options import Limits
from cryodata.types import IntArray

__all__ = [
    "DOCUMENTS",
    "Checks",
    "ChunkReferences",
    "KerchunkReferences",
    "chunk_number",
    "element_bytes",
    "load_json",
]

MOST_INLINE = 256 << 20
"""Bytes that stand among the references, at most."""
CODECS = frozenset(
    {
        *("zlib", "gzip", "shuffle", "fletcher32", "bz2", "lzma", "zstd", "lz4", "blosc"),
        *("delta", "fixedscaleoffset", "quantize", "packbits", "vlen-utf8", "vlen-bytes"),
    }
)
"""Codecs that turn bytes into values and do nothing else; ``pickle`` is none of them."""
OF_OBJECTS = ("vlen-utf8", "vlen-bytes")
"""Codecs that make strings of any length; without one, objects would be pointers of others."""
DOCUMENTS = (".zgroup", ".zarray", ".zattrs")
DEEPEST = 64
"""Parts of a key, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class ChunkReferences:
    """Where the chunks of one array are.

    Attributes
    ----------
    metadata : dict
        ``.zarray``, checked.
    numbers : (n,) int64
        Places in the grid of those that lie in files, in C order from 0; ascending.
    files : (n,) int32
        Which of `KerchunkReferences.urls` each lies in.
    offsets, nbytes : (n,) int64
        Bytes ``offsets <= i < offsets + nbytes`` of it.
    inline : mapping of int to bytes
        Those that stand here.
    """

    metadata: dict[str, Any]
    numbers: IntArray
    files: NDArray[np.int32]
    offsets: IntArray
    nbytes: IntArray
    inline: Mapping[int, bytes]

    @classmethod
    def of(cls, metadata: dict[str, Any]) -> ChunkReferences:
        """An array none of whose chunks is anywhere."""
        none = np.empty(0, np.int64)
        return cls(metadata, none, none.astype(np.int32), none, none, {})

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of chunks along each axis."""
        return _grid(self.metadata)


@dataclass(frozen=True, slots=True, eq=False)
class KerchunkReferences:
    """A hierarchy of Zarr version 2 whose chunks lie in other files.

    Attributes
    ----------
    urls : tuple of str
        The files, each of them allowed.
    groups : mapping of str to dict
        Attributes by path, without a slash at either end; the root is ``""``.
    attributes : mapping of str to dict
        Of arrays.
    arrays : mapping of str to ChunkReferences
    """

    urls: tuple[str, ...]
    groups: Mapping[str, dict[str, Any]]
    attributes: Mapping[str, dict[str, Any]]
    arrays: Mapping[str, ChunkReferences]


class Checks:
    """Looks at every part of references, and counts what they hold.

    Parameters
    ----------
    allow : Allowed
        Places that chunks may lie in.
    limits : Limits
        Of chunks per array, and of their size.
    templates : mapping of str to str
        What stands for ``{{name}}`` in URLs.
    """

    def __init__(
        self, allow: Allowed, limits: Limits, templates: Mapping[str, str] | None = None
    ) -> None:
        self.limits = limits
        self._allow = allow
        self._templates = templates or {}
        self._urls: dict[str, int] = {}  # allowed, in order
        self._known: dict[str, int] = {}  # as written
        self._inline = 0

    def tree(
        self,
        found: Mapping[str, Any],
        chunks_of: Callable[[str, dict[str, Any]], ChunkReferences],
    ) -> KerchunkReferences:
        """The hierarchy that metadata describes.

        Parameters
        ----------
        found : mapping
            ``.zgroup``, ``.zarray`` and ``.zattrs`` by key: texts, or what JSON makes of them.
        chunks_of : function
            Of a path and the ``.zarray`` there, checked, gives the places of its chunks.
        """
        for key in found:
            self.check_key(key)
        documents = {key: _document(key, value) for key, value in found.items()}
        paths = {key.rpartition("/")[0] for key in documents if _is(key, ".zarray")}
        attributes = {p: documents.get(_below(p, ".zattrs"), {}) for p in paths}
        arrays = {}
        for path in sorted(paths):
            metadata = documents[_below(path, ".zarray")]
            self._check_array(path, metadata)
            arrays[path] = chunks_of(path, metadata)
        groups = {
            path: documents.get(_below(path, ".zattrs"), {})
            for path in (key.rpartition("/")[0] for key in documents if _is(key, ".zgroup"))
        }
        return KerchunkReferences(tuple(self._urls), groups, attributes, arrays)

    def check_key(self, key: str) -> None:
        """Refuse what is no path, or an endless one."""
        parts = key.split("/")
        if len(parts) > DEEPEST or not all(parts) or {".", ".."} & set(parts) or "\0" in key:
            raise FormatError(f"The references have a key {key[:80]!r}")

    def _check_array(self, path: str, metadata: dict[str, Any]) -> None:
        """Refuse what is no array, or no codec that is known."""
        shape, chunks = _sizes(path, metadata, "shape", 0), _sizes(path, metadata, "chunks", 1)
        if len(shape) != len(chunks):
            raise FormatError(f"Chunks {chunks} do not fit a shape {shape}", path=path)
        if metadata.get("zarr_format") != 2 or metadata.get("order", "C") not in ("C", "F"):
            raise FormatError("It is no array of Zarr version 2", path=path)
        if metadata.get("dimension_separator", ".") not in (".", "/"):
            raise FormatError("Its keys have no separator of Zarr version 2", path=path)
        if math.prod(chunks) * element_bytes(path, metadata.get("dtype")) > self.limits.chunk_bytes:
            raise LimitExceededError(f"A chunk of shape {chunks} is too large", path=path)
        filters = metadata.get("filters") or []
        if not isinstance(filters, list):
            raise FormatError("Its filters are no list", path=path)
        codecs = [*filters, metadata.get("compressor")]
        if len(codecs) > self.limits.filters:
            raise LimitExceededError(f"{len(codecs)} filters", path=path)
        for codec in codecs:
            if codec is not None and not _is_known(codec):
                raise UnsupportedError(f"The codec {codec!r:.60} is not used", path=path)
        texts = (filters or [None])[0] is not None and filters[0]["id"] in OF_OBJECTS
        if texts != ("|O" in str(metadata["dtype"])) or (texts and metadata["dtype"] != "|O"):
            raise UnsupportedError("Objects that are no strings are not read", path=path)

    def check_count(self, path: str, count: int) -> None:
        """Refuse an array of too many chunks."""
        if count > self.limits.chunks:
            raise LimitExceededError(f"{count} chunks", path=path)

    def check_inline(self, nbytes: int) -> None:
        """Count bytes that stand among the references; refuse too many."""
        self._inline += nbytes
        if self._inline > MOST_INLINE:
            raise LimitExceededError(f"More than {MOST_INLINE >> 20} MiB stand in the references")

    def check_place(self, offset: int, nbytes: int, path: str) -> None:
        """Refuse bytes that no file has."""
        if offset < 0 or nbytes < 0 or offset + nbytes >= 1 << 62:
            raise FormatError(f"No file has {nbytes} bytes at {offset}", path=path)

    def file(self, url: str) -> int:
        """The number of a file, if it is allowed."""
        if url not in self._known:
            self._known[url] = self._file(url)
        return self._known[url]

    def _file(self, url: str) -> int:
        for name, text in self._templates.items():
            url = url.replace("{{" + name + "}}", text).replace("{{ " + name + " }}", text)
        if "{{" in url:
            raise UnsafeReferenceError(
                "References hold an expression, which is not evaluated",
                fix="Write them again without templates.",
            )
        return self._urls.setdefault(self._allow.check(url), len(self._urls))


def load_json(text: bytes | str) -> Any:
    """JSON in which no key is there twice.

    Raises
    ------
    FormatError
        It is none.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"The references are no JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; readers disagree about keys that are there twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _is(key: str, name: str) -> bool:
    return key.rpartition("/")[2] == name


def _below(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _document(key: str, value: Any) -> dict[str, Any]:
    """Metadata, as text or as an object."""
    try:
        found = json.loads(value, object_pairs_hook=_once) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise FormatError(f"Metadata of references is no JSON: {error}", path=key) from None
    if not isinstance(found, dict):
        raise FormatError("Metadata of references is no object of JSON", path=key)
    return found


def _sizes(path: str, metadata: dict[str, Any], name: str, least: int) -> list[int]:
    """A list of counts, of at most 32 axes."""
    found = metadata.get(name)
    if isinstance(found, list) and len(found) <= 32:
        sizes = [n for n in found if type(n) is int and least <= n < 1 << 62]
        if len(sizes) == len(found):
            return sizes
    raise FormatError(f"No array has a {name} of {found!r:.80}", path=path)


def element_bytes(path: str, dtype: Any) -> int:
    """Bytes of an element; of objects, none that is known."""
    if isinstance(dtype, str) and SIMPLE.fullmatch(dtype):
        return np.dtype(dtype).itemsize
    if isinstance(dtype, list) and dtype and all(map(_is_member, dtype)):
        return sum(element_bytes(path, member[1]) for member in dtype)
    raise FormatError(f"{dtype!r:.80} is no type of elements", path=path)


def _is_known(codec: Any) -> bool:
    name = codec.get("id") if isinstance(codec, dict) else None
    return isinstance(name, str) and name in CODECS


def _is_member(member: Any) -> bool:
    return isinstance(member, list) and len(member) == 2 and isinstance(member[0], str)


def _grid(metadata: dict[str, Any]) -> tuple[int, ...]:
    return tuple(-(-n // c) for n, c in zip(metadata["shape"], metadata["chunks"], strict=True))


def chunk_number(key: str, grid: tuple[int, ...], path: str) -> int:
    """The place of a chunk in its grid, in C order."""
    parts = key.split(".")
    if not grid and key == "0":
        return 0
    fits = len(parts) == len(grid) and all(
        part.isascii() and part.isdigit() and len(part) < 20 and _plain(part) < n
        for part, n in zip(parts, grid, strict=True)
    )
    if not fits:
        raise FormatError(f"{key[:80]!r} is no chunk of a grid {grid}", path=path)
    number = 0
    for part, n in zip(parts, grid, strict=True):
        number = number * n + int(part)
    if number >= 1 << 62:
        raise LimitExceededError("The grid has too many chunks", path=path)
    return number


def _plain(digits: str) -> int:
    """The number, written as Zarr writes it; else one that is too large."""
    return int(digits) if digits == "0" or digits[0] != "0" else 1 << 63
