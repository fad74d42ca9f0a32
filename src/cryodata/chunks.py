"""Dask chunks of ragged rows: never across two tracks, never through an HDF5 chunk."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeAlias

import xarray as xr

from cryodata.errors import ConfigurationError, MissingDependencyError

__all__ = ["Chunks", "chunk_rows", "cut_tracks"]

Chunks: TypeAlias = int | str | Mapping[Hashable, int | str | None]
"""Rows per chunk, ``"auto"``, or a mapping of the row dimension to one of them; an empty
mapping means the chunks of the file, -1 or None one chunk per track."""


def cut_tracks(rows: Sequence[int], piece: int, most: int) -> tuple[int, ...]:
    """Lengths of chunks along rows that lie track after track.

    Parameters
    ----------
    rows : sequence of int
        Rows per track.
    piece : int
        Rows of an HDF5 chunk; every cut inside a track falls on a multiple of it,
        counted from the track's first row.
    most : int
        Rows of a chunk, at most; but never less than one piece.

    Returns
    -------
    tuple of int
        Add up to the sum of `rows`.
    """
    step = max(piece, most // piece * piece)
    lengths = [min(step, count - start) for count in rows for start in range(0, count, step)]
    return tuple(lengths) or (0,)


def chunk_rows(
    dataset: xr.Dataset,
    dimension: str,
    chunks: Chunks,
    *,
    rows: Sequence[int],
    piece: int,
    token: object,
) -> xr.Dataset:
    """The Dataset with dask arrays.

    Parameters
    ----------
    dataset : xarray.Dataset
        Lazy, without a cache of its own.
    dimension : str
        Of the rows.
    chunks : int, str or mapping
        As `Chunks`.
    rows : sequence of int
        Rows per track.
    piece : int
        Rows of an HDF5 chunk, a common multiple over all variables.
    token : object
        What the values depend on: equal tokens give equal dask keys, in any process.

    Raises
    ------
    MissingDependencyError
        Without dask.
    ConfigurationError
        A chunk length that is none, or another dimension than the rows.
    """
    try:
        from dask.base import tokenize
    except ImportError as error:
        raise MissingDependencyError(
            "chunks= needs dask", fix='pip install "cryodata-earth[dask]"'
        ) from error
    most = _most_rows(dataset, dimension, chunks, rows=rows, piece=piece)
    if dimension not in dataset.dims:  # no track has a row
        return dataset
    lengths = cut_tracks(rows, piece, most)
    return dataset.chunk({dimension: lengths}, name_prefix="cryodata-", token=tokenize(token))


def _most_rows(
    dataset: xr.Dataset, dimension: str, chunks: Chunks, *, rows: Sequence[int], piece: int
) -> int:
    """Rows of a chunk, at most."""
    if isinstance(chunks, Mapping):
        if others := set(chunks) - {dimension}:
            raise ConfigurationError(
                f"chunks along {', '.join(map(str, others))}: only {dimension} is cut",
                fix=f"chunks={{{dimension!r}: 1_000_000}}",
            )
        asked = chunks.get(dimension, piece)
    else:
        asked = chunks
    if asked == "auto":
        return _rows_of_dask(dataset, dimension)
    if asked is None or asked == -1:
        return max((1, *rows))
    if isinstance(asked, int) and asked > 0:
        return asked
    raise ConfigurationError(
        f"{asked!r} is no length of a chunk", fix='chunks=1_000_000, chunks="auto" or chunks={}'
    )


def _rows_of_dask(dataset: xr.Dataset, dimension: str) -> int:
    """Rows of the widest variable that dask's own chunk size holds."""
    import dask
    from dask.utils import parse_bytes

    widths = [
        variable.dtype.itemsize * math.prod(variable.shape[1:])
        for variable in dataset.variables.values()
        if variable.dims[:1] == (dimension,)
    ]
    return int(parse_bytes(dask.config.get("array.chunk-size")) // max((1, *widths)))
