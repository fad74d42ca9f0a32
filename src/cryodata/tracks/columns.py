"""Tracks and columns: what a ragged Dataset is made of, before it is one."""

from __future__ import annotations

from collections.abc import Container, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cryodata.attributes import decode_attributes
from cryodata.decoding.finish import epoch_of
from cryodata.errors import FormatError
from cryodata.granule import GranuleFile
from cryodata.layout import ArrayLayout
from cryodata.products import Product
from cryodata.products.tracks import Spot
from cryodata.provenance import Skipped
from cryodata.rowwise.refit import Refit, common_dtype, common_fill, fill_of, hides, same_value
from cryodata.rowwise.runs import Runs, count_rows
from cryodata.tracks.layouts import Layouts
from cryodata.types import AnyArray, IntArray

__all__ = ["PLACES", "TRACK_COORDINATES", "Axis", "Column", "Columns", "Track"]

PLACES = ("time", "latitude", "longitude")
"""Coordinates of the rows."""
TRACK_COORDINATES = (
    *("beam", "spot", "strong", "ascending", "rgt", "cycle", "granule", "rowSize"),
)
"""What is said of each track."""

_DECIDING = ("missing_value", "scale_factor", "add_offset", "units")
"""Attributes that say what stored numbers mean: what is joined has to agree on them."""
_PACKED = frozenset({"missing_value", "scale_factor", "add_offset"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """One beam of one granule, or a part of it.

    Attributes
    ----------
    file : GranuleFile
        The granule, open.
    beam : str
        ``gt1l``.
    spot : Spot
    stored : int
        Rows of the beam in the file.
    runs : Runs
        Those of them that are wanted.
    granule : str
        Name as its producer gave it.
    rgt, cycle : int
        Reference ground track and repeat cycle; 0 where unknown.
    region : int
        Orbit region that the granule's name gives; 0 where it gives none.
    release : str
        Of the product; empty where unknown.
    counts : (coarse,) int64 or None
        Rows that each coarser row holds, all of `stored` together; None where there are
        none, or nobody asked.
    labels : mapping of str to (n,) array
        Name of a dimension after the rows to what the file says along it, such as the
        cycles of ATL11; of those dimensions only that columns have.
    """

    file: GranuleFile
    beam: str
    spot: Spot
    stored: int
    runs: Runs
    granule: str
    rgt: int
    cycle: int
    region: int = 0
    release: str = ""
    counts: IntArray | None = None
    labels: Mapping[str, AnyArray] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of rows wanted."""
        return count_rows(self.runs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One variable over all tracks.

    Attributes
    ----------
    name : str
        In the Dataset.
    path : str
        Relative to the track, by the product's table: ``heights/h_ph``.
    own_path : str
        The same in the file, whose release may call it otherwise.
    pattern : ArrayLayout
        What the variable is like: of one of the tracks.
    layouts : sequence of (ArrayLayout or None)
        One per track, as `Layouts`; None where the track has no rows.
    named : bool
        The user named it; named columns are read together.
    surface : int or None
        Only this column of the variable, whose second axis is dropped.
    nested : bool
        Each of its values belongs to several rows: `Track.counts` says to how many.
    label : str
        Name of the second axis where the file may label it; else empty.
    axis : (n,) array or None
        Labels of the second axis over all tracks, ascending; None where it is the same in
        all of them, or there is none.
    """

    name: str
    path: str
    own_path: str
    pattern: ArrayLayout
    layouts: Sequence[ArrayLayout | None]
    named: bool = False
    surface: int | None = None
    nested: bool = False
    label: str = ""
    axis: AnyArray | None = None
    _joined: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layouts", Layouts.of(self.layouts))

    @property
    def of_tracks(self) -> Layouts:
        """`layouts`, as what they are."""
        assert isinstance(self.layouts, Layouts)
        return self.layouts

    def among(self, arrays: Sequence[Mapping[str, ArrayLayout]]) -> Column:
        """The same of another granule, which is like this one."""
        return Column(
            name=self.name,
            path=self.path,
            own_path=self.own_path,
            pattern=self.pattern,
            layouts=self.of_tracks.among(arrays),
            named=self.named,
            surface=self.surface,
            label=self.label,
        )

    @property
    def known(self) -> Sequence[ArrayLayout]:
        """One of each kind among the tracks that have rows; the pattern where none has."""
        return self.of_tracks.kinds or (self.pattern,)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the stored values: wide enough for all tracks."""
        return self._common("dtype") or self.pattern.dtype

    @property
    def fill(self) -> Any:
        """What stands for no value, as stored; None where nothing does."""
        return self._common("fill")

    def _common(self, name: str) -> Any:
        """Type (None where there is none for all) and fill; found once, of thousands of tracks."""
        if not self._joined:
            known = self.known
            fill = common_fill(known)
            dtype = common_dtype({layout.dtype for layout in known})
            if fill is None and self.axis is not None and dtype is not None and dtype.kind == "f":
                fill = dtype.type(np.nan)  # of places that a track does not have
            self._joined.update(dtype=dtype, fill=fill)
        return self._joined[name]

    @property
    def epoch(self) -> np.datetime64 | None:
        """UTC instant that its seconds count from, where they are times; None for others."""
        if self.pattern.dtype.kind != "f" or _PACKED.intersection(self.pattern.attributes):
            return None
        units = decode_attributes({"units": self.pattern.attributes.get("units", "")})["units"]
        return epoch_of(units)

    @property
    def trailing(self) -> tuple[int, ...]:
        """Lengths of the axes after the rows."""
        if self.surface is not None:
            return ()
        rest = self.pattern.shape[1:]
        return rest if self.axis is None else (len(self.axis), *rest[1:])

    def refit(self, track: Track, layout: ArrayLayout, dtype: Any, fill: Any) -> Refit | None:
        """What is to be done with values of one track; None where nothing is.

        Parameters
        ----------
        track, layout
            One of the tracks, and the dataset there.
        dtype, fill
            As the properties say; given, because they take all tracks to find.
        """
        own = fill_of(layout)
        other = own is not None and not same_value(own, fill)
        places = None
        labels = track.labels.get(self.label)
        if self.axis is not None and labels is not None:
            places = None if np.array_equal(labels, self.axis) else self._places(labels)
        if not other and places is None:
            return None
        return Refit(dtype=dtype, fill=fill, own=own if other else None, places=places)

    def refits(self, tracks: Sequence[Track]) -> Sequence[Refit | None] | None:
        """What is to be done with the values of each track; None where nothing is with any."""
        own = (fill_of(kind) for kind in self.known)
        if self.axis is None and all(one is None or same_value(one, self.fill) for one in own):
            return None
        dtype, fill = self.dtype, self.fill
        return [
            None if layout is None else self.refit(track, layout, dtype, fill)
            for track, layout in zip(tracks, self.layouts, strict=True)
        ]

    def _places(self, labels: AnyArray) -> tuple[int, ...]:
        known = {label: i for i, label in enumerate(self.axis_labels)}
        return tuple(known.get(label, -1) for label in labels.tolist())

    @property
    def piece(self) -> int:
        """Rows that can be read by themselves: the length of a chunk."""
        lengths = {layout.piece_shape[0] for layout in self.known}
        return max(1, int(np.lcm.reduce(sorted(lengths))))

    def check(self, tracks: Sequence[Track]) -> None:
        """Raise `FormatError` where the tracks cannot be joined."""
        first = self.pattern
        if self.axis is None and not any(map(self._differing, self.known)):
            return
        for track, other in zip(tracks, self.layouts, strict=True):
            if other is None:
                continue
            differing = [] if other is first else self._differing(other)
            if self.axis is not None:
                differing += self._off_axis(track, other)
            if differing:
                raise FormatError(
                    f"{self.own_path} has another {' and '.join(differing)} than {first.path}",
                    url=track.file.url,
                    path=other.path,
                    fix="Open these beams or granules by themselves.",
                )

    def _differing(self, other: ArrayLayout) -> list[str]:
        """In what a dataset does not fit beside the pattern."""
        first, fill = self.pattern, self.fill
        differing = []
        if other.attributes is not first.attributes:
            differing = [
                name
                for name in _DECIDING
                if not _same(first.attributes.get(name), other.attributes.get(name))
            ]
        if other.attributes is not first.attributes or other.dtype != first.dtype:
            if fill is not None and (hides(fill, other) or hides(fill, first)):
                differing.insert(0, "_FillValue")
            if self._common("dtype") is None and other.dtype != first.dtype:
                differing.append("type")
        same = 1 if self.axis is None else 2
        if other.shape[same:] != first.shape[same:]:
            differing.append("shape")
        return differing

    def _off_axis(self, track: Track, layout: ArrayLayout) -> list[str]:
        """Why values of a track cannot be put on the labels of all."""
        labels = track.labels.get(self.label)
        if labels is None or len(labels) != layout.shape[1]:
            return [f"number of values along {self.label}"]
        if self.fill is None and not set(self.axis_labels) <= set(labels.tolist()):
            return [f"{self.label} (and no fill value)"]
        return []

    @property
    def axis_labels(self) -> list[Any]:
        """Labels of the second axis as a list."""
        return [] if self.axis is None else list(self.axis.tolist())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axis:
    """Labels of an axis after the rows.

    Attributes
    ----------
    values : (n,) array
    attributes : mapping
        Decoded.
    """

    values: AnyArray
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """What a ragged Dataset is made of.

    Attributes
    ----------
    product : Product
    tracks : tuple of Track
        In the order of the rows.
    coordinates : tuple of Column
        Time and place of the rows.
    columns : tuple of Column
    deciding : tuple of Column
        What conditions ask for and the user does not: read to choose rows, then let go.
    meant : mapping of str to str
        Word of a condition to the name of the column it is about.
    attributes : mapping
        Of the Dataset.
    axes : mapping of str to Axis
        Dimension after the rows to its labels, for those that have any.
    skipped : tuple of Skipped
        What was named and is not there, and left out therefore.
    """

    product: Product
    tracks: tuple[Track, ...]
    coordinates: tuple[Column, ...]
    columns: tuple[Column, ...]
    deciding: tuple[Column, ...] = ()
    meant: Mapping[str, str]
    attributes: Mapping[str, Any]
    axes: Mapping[str, Axis] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()

    @property
    def all(self) -> tuple[Column, ...]:
        """Every column, whatever it is for."""
        return (*self.coordinates, *self.columns, *self.deciding)

    def column_of(self, word: str) -> Column | None:
        """The column that a word of a condition, or a coordinate's name, is about."""
        name = self.meant.get(word, word)
        return next((column for column in self.all if column.name == name), None)

    def only(self, names: Container[Hashable]) -> Columns:
        """The same rows, with columns of these names only."""

        def left(columns: Sequence[Column]) -> tuple[Column, ...]:
            return tuple(column for column in columns if column.name in names)

        return replace(
            self,
            coordinates=left(self.coordinates),
            columns=left(self.columns),
            deciding=left(self.deciding),
        )

    def without(self, names: Container[Hashable]) -> Columns:
        """The same rows, without columns of these names."""
        return self.only([column.name for column in self.all if column.name not in names])

    def keep(self, runs: Sequence[Runs]) -> Columns:
        """Only these rows, and the tracks that have any of them.

        Parameters
        ----------
        runs : sequence of Runs
            One per track.
        """
        kept = [i for i, wanted in enumerate(runs) if len(wanted)]
        tracks = tuple(replace(self.tracks[i], runs=runs[i]) for i in kept)

        def cut(columns: Sequence[Column]) -> tuple[Column, ...]:
            return tuple(replace(c, layouts=c.of_tracks.take(kept)) for c in columns)

        return replace(
            self,
            tracks=tracks,
            coordinates=cut(self.coordinates),
            columns=cut(self.columns),
            deciding=cut(self.deciding),
        )


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if a is None or b is None:
        return False
    return bool(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f"))
