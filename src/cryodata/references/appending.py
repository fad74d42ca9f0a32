"""Granules added to references that are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

from cryodata.locate import granules_of
from cryodata.options import Options
from cryodata.references.building import add, wish_of
from cryodata.references.places import Places
from cryodata.references.references import References, open_references

__all__ = ["append_references"]


def append_references(
    references: References | str | PathLike[str],
    granules: Any,
    *,
    region: Any,
    time: Any,
    version: str | int,
    storage_options: Mapping[str, Any] | None,
    folder_options: Mapping[str, Any] | None,
    options: Options | None,
    **how: Any,
) -> References:
    """See `cryodata.references.append`."""
    options = options or Options()
    if not isinstance(references, References):
        references = open_references(references, storage_options=folder_options, options=options)
    found = granules_of(granules, wish_of(region, time, version), storage_options)
    result = add(found, references.folder, storage_options=storage_options, options=options, **how)
    return replace(result, allow=Places((*references.allow.places, *result.allow.places)))
