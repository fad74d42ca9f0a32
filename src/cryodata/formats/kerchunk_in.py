"""References of kerchunk, read strictly: what they say is checked before any of it is used.

Source: "ReferenceFileSystem specification", versions 0 and 1, of kerchunk. Templates are replaced
as literal text; expressions, generators and references to whole files are refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.errors import FormatError, LimitExceededError, UnsafeReferenceError, UnsupportedError
from cryodata.formats.allowed import Allowed
from cryodata.formats.dtype_json import SIMPLE
from cryodata.options import Limits
from cryodata.types import IntArray

__all__ = ["ChunkReferences", "KerchunkReferences", "read_kerchunk"]

MOST_BYTES = 1 << 30
"""Of the text, at most."""
MOST_TEMPLATES = 1000
MOST_INLINE = 256 << 20
"""Bytes that stand among the references, at most."""
CODECS = frozenset(
    {
        *("zlib", "gzip", "shuffle", "fletcher32", "bz2", "lzma", "zstd", "lz4", "blosc"),
        *("delta", "fixedscaleoffset", "quantize", "packbits", "vlen-utf8", "vlen-bytes"),
    }
)
"""Codecs that turn bytes into values and do nothing else; ``pickle`` is none of them."""
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


def read_kerchunk(
    text: bytes | str, allow: Allowed, *, limits: Limits | None = None
) -> KerchunkReferences:
    """What references say, if all of it is sound.

    Parameters
    ----------
    text : bytes or str
        JSON.
    allow : Allowed
        Places that chunks may lie in.
    limits : Limits, optional
        Of chunks per array, and of their size.

    Raises
    ------
    UnsafeReferenceError
        They point to a place that is not allowed.
    UnsupportedError
        They use what this reader does not: generators, expressions, whole files, odd codecs.
    FormatError
        They are damaged, or contradict themselves.
    LimitExceededError
        They ask for more than the limits allow.
    """
    if len(text) > MOST_BYTES:
        raise LimitExceededError(f"References of {len(text)} bytes")
    try:
        document = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"The references are no JSON: {error}") from None
    refs, templates = _version(document)
    return _Reader(allow, limits or Limits(), templates).read(refs)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; readers disagree about keys that are there twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _version(document: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The references and the templates of either version."""
    if not isinstance(document, dict):
        raise FormatError("The references are no object of JSON")
    if "refs" not in document:
        return document, {}
    if document.get("version") != 1 or not isinstance(document["refs"], dict):
        raise FormatError("The references are not of version 1")
    if document.get("gen"):
        raise UnsupportedError("The references use generators, which are programs")
    unknown = set(document) - {"version", "refs", "templates", "gen"}
    if unknown:
        raise UnsupportedError(f"The references have a part {min(unknown)[:40]!r}")
    templates = document.get("templates") or {}
    if not isinstance(templates, dict) or len(templates) > MOST_TEMPLATES:
        raise FormatError("The templates are no table of texts")
    for name, value in templates.items():
        if not isinstance(value, str) or "{{" in value or not name.isidentifier():
            raise UnsupportedError(f"The template {name[:40]!r} is more than a text")
    return document["refs"], templates


class _Reader:
    """Checks references one by one."""

    def __init__(self, allow: Allowed, limits: Limits, templates: dict[str, str]) -> None:
        self._allow = allow
        self._limits = limits
        self._templates = templates
        self._urls: dict[str, int] = {}  # allowed, in order
        self._known: dict[str, int] = {}  # as written
        self._inline = 0

    def read(self, refs: dict[str, Any]) -> KerchunkReferences:
        documents: dict[str, dict[str, Any]] = {}
        chunks: dict[str, dict[str, Any]] = {}
        for key, value in refs.items():
            path, _, name = key.rpartition("/")
            self._check_key(key)
            if name in DOCUMENTS:
                documents[key] = _document(key, value)
            elif name != ".zmetadata":  # says again what the documents say
                chunks.setdefault(path, {})[name] = value
        paths = {key.rpartition("/")[0] for key in documents if key.endswith(".zarray")}
        attributes = {p: documents.get(f"{p}/.zattrs", {}) for p in paths}
        arrays = {}
        for path in sorted(paths):
            metadata = documents[f"{path}/.zarray" if path else ".zarray"]
            self._check_array(path, metadata)
            arrays[path] = self._chunks(path, metadata, _of_array(path, metadata, chunks))
        if chunks:
            raise FormatError("Chunks belong to no array", path="/" + min(chunks))
        groups = {
            key.removesuffix(".zgroup").rstrip("/"): documents.get(
                key.removesuffix(".zgroup") + ".zattrs", {}
            )
            for key in documents
            if key.endswith(".zgroup")
        }
        return KerchunkReferences(tuple(self._urls), groups, attributes, arrays)

    def _check_key(self, key: str) -> None:
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
        if math.prod(chunks) * _itemsize(path, metadata.get("dtype")) > self._limits.chunk_bytes:
            raise LimitExceededError(f"A chunk of shape {chunks} is too large", path=path)
        filters = metadata.get("filters") or []
        if not isinstance(filters, list):
            raise FormatError("Its filters are no list", path=path)
        codecs = [*filters, metadata.get("compressor")]
        if len(codecs) > self._limits.filters:
            raise LimitExceededError(f"{len(codecs)} filters", path=path)
        for codec in codecs:
            if codec is not None and not _is_known(codec):
                raise UnsupportedError(f"The codec {codec!r:.60} is not used", path=path)

    def _chunks(self, path: str, metadata: dict[str, Any], refs: dict[str, Any]) -> ChunkReferences:
        if len(refs) > self._limits.chunks:
            raise LimitExceededError(f"{len(refs)} chunks", path=path)
        grid = _grid(metadata)
        rows: list[tuple[int, int, int, int]] = []
        inline: dict[int, bytes] = {}
        for key, value in refs.items():
            number = _number(key, grid, path)
            if isinstance(value, str):
                inline[number] = self._bytes(value, path)
            else:
                rows.append((number, *self._place(value, path)))
        rows.sort()
        columns = np.array(rows, np.int64).reshape(-1, 4).T
        return ChunkReferences(
            metadata, columns[0], columns[1].astype(np.int32), columns[2], columns[3], inline
        )

    def _bytes(self, value: str, path: str) -> bytes:
        self._inline += len(value)
        if self._inline > MOST_INLINE:
            raise LimitExceededError(f"More than {MOST_INLINE >> 20} MiB stand in the references")
        if not value.startswith("base64:"):
            return value.encode("utf-8", "surrogatepass")
        try:
            return base64.b64decode(value.removeprefix("base64:"), validate=True)
        except (binascii.Error, ValueError):
            raise FormatError("A chunk in the references is no base64", path=path) from None

    def _place(self, value: Any, path: str) -> tuple[int, int, int]:
        """Number of the file, offset and size."""
        match value:
            case [str(url), int(offset), int(nbytes)] if not isinstance(offset, bool):
                pass
            case [str()]:
                raise UnsupportedError("A reference is to a whole file", path=path)
            case _:
                raise FormatError(f"{value!r:.80} is no reference", path=path)
        if offset < 0 or nbytes < 0 or offset + nbytes >= 1 << 62:
            raise FormatError(f"No file has {nbytes} bytes at {offset}", path=path)
        if url not in self._known:
            self._known[url] = self._file(url)
        return self._known[url], offset, nbytes

    def _file(self, url: str) -> int:
        for name, text in self._templates.items():
            url = url.replace("{{" + name + "}}", text).replace("{{ " + name + " }}", text)
        if "{{" in url:
            raise UnsafeReferenceError(
                "References hold an expression, which is not evaluated",
                fix="Write them again without templates.",
            )
        return self._urls.setdefault(self._allow.check(url), len(self._urls))


def _document(key: str, value: Any) -> dict[str, Any]:
    """Metadata, as text or as an object."""
    try:
        found = json.loads(value, object_pairs_hook=_once) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise FormatError(f"Metadata of references is no JSON: {error}", path=key) from None
    if not isinstance(found, dict):
        raise FormatError("Metadata of references is no object of JSON", path=key)
    return found


def _of_array(
    path: str, metadata: dict[str, Any], chunks: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """References to the chunks of an array by the key below it, taken out of `chunks`."""
    found = chunks.pop(path, {})
    if metadata.get("dimension_separator", ".") != "/":
        return found
    below = [other for other in chunks if other.startswith(f"{path}/")]
    for other in below:
        first = other.removeprefix(f"{path}/")
        found |= {f"{first}/{name}": value for name, value in chunks.pop(other).items()}
    return {key.replace("/", "."): value for key, value in found.items()}


def _sizes(path: str, metadata: dict[str, Any], name: str, least: int) -> list[int]:
    """A list of counts, of at most 32 axes."""
    found = metadata.get(name)
    if isinstance(found, list) and len(found) <= 32:
        sizes = [n for n in found if type(n) is int and least <= n < 1 << 62]
        if len(sizes) == len(found):
            return sizes
    raise FormatError(f"No array has a {name} of {found!r:.80}", path=path)


def _itemsize(path: str, dtype: Any) -> int:
    """Bytes of an element; of objects, none that is known."""
    if isinstance(dtype, str) and SIMPLE.fullmatch(dtype):
        return np.dtype(dtype).itemsize
    if isinstance(dtype, list) and dtype and all(map(_is_member, dtype)):
        return sum(_itemsize(path, member[1]) for member in dtype)
    raise FormatError(f"{dtype!r:.80} is no type of elements", path=path)


def _is_known(codec: Any) -> bool:
    name = codec.get("id") if isinstance(codec, dict) else None
    return isinstance(name, str) and name in CODECS


def _is_member(member: Any) -> bool:
    return isinstance(member, list) and len(member) == 2 and isinstance(member[0], str)


def _grid(metadata: dict[str, Any]) -> tuple[int, ...]:
    return tuple(-(-n // c) for n, c in zip(metadata["shape"], metadata["chunks"], strict=True))


def _number(key: str, grid: tuple[int, ...], path: str) -> int:
    """The place of a chunk in its grid, in C order."""
    parts = key.split(".")
    if not grid and key == "0":
        return 0
    fits = len(parts) == len(grid) and all(
        part.isascii() and part.isdigit() and len(part) < 20 and int(part) < n
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
