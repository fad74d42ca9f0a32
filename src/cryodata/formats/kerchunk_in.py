"""References of kerchunk, read strictly: what they say is checked before any of it is used.

Source: "ReferenceFileSystem specification", versions 0 and 1, of kerchunk. Templates are replaced
as literal text; expressions, generators and references to whole files are refused.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np

from cryodata.errors import FormatError, LimitExceededError, UnsupportedError
from cryodata.formats.allowed import Allowed
from cryodata.formats.references_in import (
    DOCUMENTS,
    Checks,
    ChunkReferences,
    KerchunkReferences,
    chunk_number,
    load_json,
)
from cryodata.options import Limits

__all__ = ["ChunkReferences", "KerchunkReferences", "read_kerchunk"]

MOST_BYTES = 1 << 30
"""Of the text, at most."""
MOST_TEMPLATES = 1000


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
    refs, templates = _version(load_json(text))
    return _Reader(Checks(allow, limits or Limits(), templates)).read(refs)


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
    """Sorts references by array, and reads them one by one."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks

    def read(self, refs: dict[str, Any]) -> KerchunkReferences:
        documents: dict[str, Any] = {}
        chunks: dict[str, dict[str, Any]] = {}
        for key, value in refs.items():
            path, _, name = key.rpartition("/")
            self._checks.check_key(key)
            if name in DOCUMENTS:
                documents[key] = value
            elif name != ".zmetadata":  # says again what the documents say
                chunks.setdefault(path, {})[name] = value
        found = self._checks.tree(
            documents,
            lambda path, metadata: self._chunks(path, metadata, _of_array(path, metadata, chunks)),
        )
        if chunks:
            raise FormatError("Chunks belong to no array", path="/" + min(chunks))
        return found

    def _chunks(self, path: str, metadata: dict[str, Any], refs: dict[str, Any]) -> ChunkReferences:
        self._checks.check_count(path, len(refs))
        empty = ChunkReferences.of(metadata)
        rows: list[tuple[int, int, int, int]] = []
        inline: dict[int, bytes] = {}
        for key, value in refs.items():
            number = chunk_number(key, empty.grid, path)
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
        self._checks.check_inline(len(value))
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
        self._checks.check_place(offset, nbytes, path)
        return self._checks.file(url), offset, nbytes


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
    dotted = {key.replace("/", "."): value for key, value in found.items()}
    if len(dotted) != len(found):
        raise FormatError("A chunk is there twice", path=path)
    return dotted
