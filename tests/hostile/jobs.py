"""What is done with a hostile file, inside the sandbox: read all of it, tell what was seen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import h5py
import numpy as np

from cryodata.granule import GranuleFile
from cryodata.options import Options
from tests.snapshot import GroupSeen, Refused, Snapshot, join, seen_by_cryodata, seen_by_h5py

__all__ = ["Digests", "digest_of", "read_rows", "seen_digests", "seen_digests_by_h5py"]

MOST = 200_000
"""Elements read of one dataset."""
NO_CACHE = Options(cache=None)


@dataclass(frozen=True, slots=True)
class Digests:
    """A snapshot, small enough to send.

    Attributes
    ----------
    fields : mapping
        ``path#field`` to a digest of what was seen.
    refused : mapping
        Path to (class, text) of the error in its place.
    untyped : mapping
        As `refused`, where the error is not a `CryodataError`.
    """

    fields: Mapping[str, str]
    refused: Mapping[str, tuple[str, str]]
    untyped: Mapping[str, tuple[str, str]]


def seen_digests(path: str) -> Digests:
    """All that cryodata sees."""
    with GranuleFile(path, options=NO_CACHE) as granule:
        return _digests(seen_by_cryodata(granule, most=MOST))


def seen_digests_by_h5py(path: str) -> Digests:
    """All that h5py sees."""
    with h5py.File(path) as file:
        return _digests(seen_by_h5py(file, most=MOST))


def read_rows(path: str, variable: str, rows: int | None) -> np.ndarray[Any, Any]:
    """The first rows of one variable, or all of it."""
    with GranuleFile(path, options=NO_CACHE) as granule:
        wanted = None if rows is None else (slice(0, rows),)
        return granule.read([(variable, wanted)])[0]


def _digests(snapshot: Snapshot) -> Digests:
    seen: dict[str, str] = {}
    refused: dict[str, tuple[str, str]] = {}
    untyped: dict[str, tuple[str, str]] = {}
    for path, thing in snapshot.items():
        if isinstance(thing, Refused):
            (refused if thing.typed else untyped)[path] = (thing.error, thing.what)
            continue
        if isinstance(thing, GroupSeen):  # link by link: one may be lost without the others
            seen.update(
                {f"{join(path, name)}#link": digest_of(link) for name, link in thing.links.items()}
            )
            continue
        for field in fields(thing):
            value = getattr(thing, field.name)
            if field.name == "fill" and value is None:
                continue
            seen[f"{path}#{field.name}"] = digest_of(value)
    return Digests(seen, refused, untyped)


def digest_of(value: Any) -> str:
    """Of a value made of tuples, mappings, bytes and numbers; equal for equal values."""
    digest = hashlib.blake2b(digest_size=12)
    _feed(digest, value)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, bytes):
        digest.update(b"b%d:" % len(value) + value)
    elif isinstance(value, tuple | list):
        digest.update(b"(%d" % len(value))
        for item in value:
            _feed(digest, item)
    elif isinstance(value, Mapping):
        _feed(digest, sorted(value.items()))
    else:
        digest.update(repr(value).encode("utf-8", "surrogateescape"))
