"""References of kerchunk found, read and made a store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from cryodata.formats.kerchunk_in import read_kerchunk
from cryodata.formats.kerchunk_parquet_in import read_kerchunk_parquet
from cryodata.options import Options
from cryodata.references.places import Places
from cryodata.references.reference_store import ReferenceStore
from cryodata.store.folder import open_folder

__all__ = ["open_kerchunk"]


def open_kerchunk(
    where: str | PathLike[str] | Mapping[str, Any],
    *,
    allow: Any,
    storage_options: Mapping[str, Any] | None,
    folder_options: Mapping[str, Any] | None,
    options: Options | None,
) -> ReferenceStore:
    """See `cryodata.references.open_kerchunk`."""
    options = options or Options()
    places = Places.of(allow)
    if isinstance(where, Mapping):
        found = read_kerchunk(json.dumps(where), places, limits=options.limits)
    else:
        name = fspath(where)
        if name.endswith("/") or ("://" not in name and Path(name).expanduser().is_dir()):
            folder = open_folder(name, storage_options=folder_options, options=options)
            found = read_kerchunk_parquet(folder.read, places, limits=options.limits)
        else:
            parent, _, last = name.rpartition("/")
            folder = open_folder(parent or ".", storage_options=folder_options, options=options)
            found = read_kerchunk(folder.read(last), places, limits=options.limits)
    return ReferenceStore(found, storage_options=storage_options, options=options)
