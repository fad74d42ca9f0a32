"""A file as references of kerchunk: what every reader of Zarr opens through fsspec.

Source: "ReferenceFileSystem specification", version 1, of kerchunk. There are no templates in it.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from cryodata.errors import UnsupportedError
from cryodata.formats import zarr_v2
from cryodata.formats.zarr_arrays import ZarrArray
from cryodata.formats.zarr_tree import ZarrTree

__all__ = ["kerchunk_references"]

GROUP = json.dumps({"zarr_format": 2})


def kerchunk_references(tree: ZarrTree) -> tuple[dict[str, Any], dict[str, UnsupportedError]]:
    """References to all variables of one file.

    Parameters
    ----------
    tree : ZarrTree

    Returns
    -------
    references : dict
        ``version`` and ``refs``: a key of Zarr version 2 to text, to ``base64:`` and bytes, or
        to ``[url, offset, nbytes]``.
    refused : dict
        Besides `ZarrTree.refused`: path of what version 2 cannot hold, and why.
    """
    refs: dict[str, Any] = {}
    refused: dict[str, UnsupportedError] = {}
    for path, attributes in tree.groups.items():
        below = f"{path}/" if path else ""
        refs |= {f"{below}.zgroup": GROUP, f"{below}.zattrs": json.dumps(attributes)}
    for path, array in tree.arrays.items():
        try:
            refs |= _of_array(path, zarr_v2.fit_for_masks(array), tree.url)
        except UnsupportedError as error:
            error.locate(url=tree.url, path=f"/{path}")
            refused[path] = error
    return {"version": 1, "refs": refs}, refused


def _of_array(path: str, array: ZarrArray, url: str) -> dict[str, Any]:
    keys = zarr_v2.chunk_keys(array, array.numbers)
    places = zip(keys, array.offsets.tolist(), array.nbytes.tolist(), strict=True)
    inline = zip(zarr_v2.chunk_keys(array, [*array.inline]), array.inline.values(), strict=True)
    return {
        f"{path}/.zarray": json.dumps(zarr_v2.array_metadata(array)),
        f"{path}/.zattrs": json.dumps(zarr_v2.attributes_of(array)),
        **{f"{path}/{key}": [url, offset, nbytes] for key, offset, nbytes in places},
        **{f"{path}/{key}": f"base64:{_base64(data)}" for key, data in inline},
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
