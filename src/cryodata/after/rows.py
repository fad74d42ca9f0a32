"""Which rows of a Dataset are which track's, and a bounded number of them at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from cryodata.after.order import check_order
from cryodata.arrays.together import load_together
from cryodata.errors import ConfigurationError, SelectionError
from cryodata.products import Product, recognise
from cryodata.types import AnyArray, IntArray

__all__ = ["LABELS", "PLACE", "Batch", "TrackRows", "track_rows", "westward"]

LABELS = ("granule", "beam", "spot", "strong", "ascending", "rgt", "cycle")
"""What is said of each track."""

PLACE = ("longitude", "latitude")


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows in memory.

    Attributes
    ----------
    dataset : xarray.Dataset
        Loaded; only the variables asked for.
    parts : tuple of (int, slice)
        Number of a track, and the half-open rows of `dataset` that are its own, in order.
    """

    dataset: xr.Dataset
    parts: tuple[tuple[int, slice], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackRows:
    """The rows of a Dataset, track after track.

    Attributes
    ----------
    dataset : xarray.Dataset
    dimension : str
        Of the rows.
    offsets : (track + 1,) int64
        Track i has the rows ``offsets[i] <= row < offsets[i + 1]``.
    """

    dataset: xr.Dataset
    dimension: str
    offsets: IntArray

    @property
    def total(self) -> int:
        """Rows of all tracks."""
        return int(self.offsets[-1])

    @property
    def counts(self) -> IntArray:
        """Rows of each track, (track,)."""
        return np.diff(self.offsets)

    @property
    def product(self) -> Product | None:
        """The product, by the Dataset's attributes or the names of its granules."""
        granules = self.label("granule")
        return recognise(str(granules[0]) if len(granules) else "", self.dataset.attrs, {})

    def label(self, name: str) -> AnyArray:
        """One of `LABELS`, (track,); cycles are 0 where rows have values of several."""
        if name not in self.dataset.variables or self.dataset[name].dims != ("track",):
            return np.zeros(len(self.offsets) - 1, np.int16)
        return np.asarray(self.dataset[name].values)

    def repeated(self, values: AnyArray) -> AnyArray:
        """What is said of each track, (track,), for each row, (row,)."""
        return np.repeat(values, self.counts)

    def of_track(self, track: int) -> slice:
        """The rows of a track."""
        return slice(int(self.offsets[track]), int(self.offsets[track + 1]))

    def need(self, *names: str) -> None:
        """Raise `SelectionError` where there are rows, and they lack one of `names`."""
        missing = [name for name in names if name not in self.dataset.variables]
        if missing and self.total:
            raise SelectionError(
                f"the rows have no {' and no '.join(missing)}",
                fix="Keep it: ds.drop_vars and ds.reset_coords take such away.",
            )

    def only(self, names: Iterable[str]) -> xr.Dataset:
        """The Dataset with these variables and no others."""
        return self.dataset.drop_vars(set(self.dataset.variables) - set(names))

    def batches(self, names: Iterable[str], most: int) -> Iterator[Batch]:
        """All rows in order, loaded piece by piece; each batch in one plan per granule.

        Parameters
        ----------
        names : iterable of str
            Variables to load.
        most : int
            Rows in memory, at most. A track with more of them comes in several batches.
        """
        chosen = self.only(names)
        for parts in _packed(self.counts.tolist(), most):
            start = int(self.offsets[parts[0][0]]) + parts[0][1].start
            rows, at = [], 0
            for track, piece in parts:
                rows.append((track, slice(at, at := at + piece.stop - piece.start)))
            loaded = load_together(chosen.isel({self.dimension: slice(start, start + at)}))
            yield Batch(loaded, tuple(rows))

    def check_order(self, loaded: xr.Dataset, parts: Iterable[tuple[int, slice]]) -> None:
        """Raise `SelectionError` where loaded rows do not follow their tracks.

        Parameters
        ----------
        loaded : xarray.Dataset
            Without time or place nothing is checked.
        parts : iterable of (int, slice)
            Tracks, and which rows of `loaded` are theirs.
        """
        names = ("time", "latitude", "longitude")
        if not set(names) <= set(loaded.variables):
            return
        columns = [loaded[name].values for name in names]
        beams = self.label("beam")
        for track, part in parts:
            check_order(str(beams[track]), *(column[part] for column in columns))


def westward(longitude: AnyArray) -> AnyArray:
    """Longitudes that run to 360 as those that run from -180 to 180; others as they are."""
    return np.where(longitude > 180.0, longitude - 360.0, longitude)


def _packed(counts: Iterable[int], most: int) -> Iterator[list[tuple[int, slice]]]:
    """Tracks and rows within them, packed so that a pack holds `most` rows at most."""
    pack: list[tuple[int, slice]] = []
    held = 0
    for track, count in enumerate(counts):
        for start in range(0, count, most):
            stop = min(start + most, count)
            if pack and held + stop - start > most:
                yield pack
                pack, held = [], 0
            pack.append((track, slice(start, stop)))
            held += stop - start
    if pack:
        yield pack


def track_rows(dataset: xr.Dataset) -> TrackRows:
    """The rows of each track of a Dataset; nothing is read.

    Parameters
    ----------
    dataset : xarray.Dataset
        A contiguous ragged array as `cryodata.open` gives it: ``rowSize`` counts the rows
        of each track. Its rows must stand in the order of the tracks; rows that were
        sorted keep their number, and only `TrackRows.check_order` tells them.

    Raises
    ------
    ConfigurationError
        It is no such Dataset.
    SelectionError
        Rows or tracks were selected, so that ``rowSize`` does not fit any more.

    Notes
    -----
    CF conventions 1.11, section 9.3.3.
    """
    sizes = dataset.variables.get("rowSize")
    dimension = None if sizes is None else sizes.attrs.get("sample_dimension")
    missing = [name for name in LABELS if name not in {*dataset.variables, "cycle"}]
    if sizes is None or not isinstance(dimension, str) or missing:
        lacking = "rowSize" if not isinstance(dimension, str) else ", ".join(missing)
        raise ConfigurationError(
            f"This Dataset has no tracks: it lacks {lacking}",
            fix='Ask the one that cryodata.open returned for a product: cryodata.open("ATL06.h5").',
        )
    fix = (
        "Cut where it is opened: cryodata.open(..., region=, time=, beams=); or take the tracks "
        "apart first, ds.cryo.to_tree(), and select in these."
    )
    if sizes.dims != ("track",):
        raise SelectionError("One track was selected, and its rows were not", fix=fix)
    counts = sizes.values.astype(np.int64)
    rows = dataset.sizes.get(dimension, 0)
    if counts.sum() != rows:
        raise SelectionError(
            f"{dimension} has {rows} rows, but rowSize counts {counts.sum()}: rows or tracks were"
            " selected",
            fix=fix,
        )
    offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    return TrackRows(dataset=dataset, dimension=dimension, offsets=offsets)
