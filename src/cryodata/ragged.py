"""All tracks of some granules as one Dataset: the contiguous ragged array of CF.

The rows of the tracks follow each other along one dimension (``photon``, ``segment``); a
second dimension, ``track``, says how many rows each has (``rowSize``) and which beam it is.

Source: CF conventions 1.11, section 9.3.3 and appendix H.4.3 (trajectories).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import AbstractDataStore
from xarray.core import indexing

from cryodata.attributes import decode_attributes, filter_encoding
from cryodata.errors import FormatError
from cryodata.finish import UtcTime, as_stored
from cryodata.granule import GranuleFile
from cryodata.layout import ArrayLayout
from cryodata.lazy import LazyArray, Part
from cryodata.products import Product
from cryodata.products.tracks import Spot
from cryodata.provenance import Provenance
from cryodata.together import Companions

__all__ = [
    "TRACK_COORDINATES",
    "Column",
    "Columns",
    "RaggedStore",
    "Track",
    "ragged_dataset",
    "track_coordinates",
]

TRACK_COORDINATES = ("beam", "spot", "strong", "rgt", "cycle", "granule", "rowSize")
"""What `track_coordinates` says of each track; no variable of the rows may be called so."""


_DECIDING = ("_FillValue", "missing_value", "scale_factor", "add_offset", "units")
"""Attributes that say what stored numbers mean: what is joined has to agree on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One beam of one granule.

    Attributes
    ----------
    beam : str
        ``gt1l``.
    spot : Spot
    rows : int
    granule : str
        Name as its producer gave it.
    rgt, cycle : int
        Reference ground track and repeat cycle; 0 where unknown.
    """

    beam: str
    spot: Spot
    rows: int
    granule: str
    rgt: int
    cycle: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One variable over all tracks.

    Attributes
    ----------
    name : str
        In the Dataset.
    path : str
        In the file, relative to the track: ``heights/h_ph``.
    layouts : tuple of ArrayLayout
        One per track that has rows, in order.
    files : tuple of GranuleFile
        The granule of each layout.
    named : bool
        The user named it; named columns are read together.
    """

    name: str
    path: str
    layouts: tuple[ArrayLayout, ...]
    files: tuple[GranuleFile, ...]
    named: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the stored values: wide enough for all tracks."""
        return np.result_type(*(layout.dtype for layout in self.layouts))

    @property
    def trailing(self) -> tuple[int, ...]:
        """Lengths of the axes after the rows."""
        return self.layouts[0].shape[1:]

    @property
    def piece(self) -> int:
        """Rows that can be read by themselves: the length of a chunk."""
        return max(1, int(np.lcm.reduce([layout.piece_shape[0] for layout in self.layouts])))

    def check(self) -> None:
        """Raise `FormatError` where the tracks cannot be joined."""
        first = self.layouts[0]
        for file, other in zip(self.files[1:], self.layouts[1:], strict=True):
            differing = [
                name
                for name in _DECIDING
                if not _same(first.attributes.get(name), other.attributes.get(name))
            ]
            if other.shape[1:] != self.trailing:
                differing.append("shape")
            if differing:
                raise FormatError(
                    f"{self.path} has another {' and '.join(differing)} than {first.path}",
                    url=file.url,
                    path=other.path,
                    fix="Open these beams or granules by themselves.",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What a ragged Dataset is made of.

    Attributes
    ----------
    product : Product
    tracks : sequence of Track
        In the order of the rows.
    coordinates : sequence of Column
        Time and place of the rows.
    columns : sequence of Column
    attributes : mapping
        Of the Dataset.
    """

    product: Product
    tracks: Sequence[Track]
    coordinates: Sequence[Column]
    columns: Sequence[Column]
    attributes: Mapping[str, Any]


def ragged_dataset(found: Columns, origin: Provenance, *, cache: bool) -> xr.Dataset:
    """Put tracks and columns together; nothing is read.

    Parameters
    ----------
    found : Columns
    origin : Provenance
        The granules they are of.
    cache : bool
        Keep what was read in the Dataset.
    """
    store = RaggedStore(found, origin)
    if cache:
        store.join_companions({column.name for column in found.coordinates})
    dataset = xr.open_dataset(
        store, engine="store", cache=cache, decode_times=False, decode_timedelta=False
    )
    on_rows = [column.name for column in found.coordinates]
    return dataset.assign_coords(track_coordinates(found.product, found.tracks)).set_coords(on_rows)


class RaggedStore(AbstractDataStore):
    """Columns of some granules, in the form that xarray decodes."""

    def __init__(self, found: Columns, origin: Provenance) -> None:
        self._origin = origin
        self._product = found.product
        self._attributes = dict(found.attributes)
        self._columns = {column.name: column for column in (*found.coordinates, *found.columns)}
        self._rows = sum(track.rows for track in found.tracks)
        self._arrays = {column.name: self._array(column) for column in self._columns.values()}

    def get_variables(self) -> Mapping[str, xr.Variable]:
        """Variables as stored, not decoded, nothing read."""
        return {name: self._variable(column) for name, column in self._columns.items()}

    def get_attrs(self) -> Mapping[str, Any]:
        """Attributes of the Dataset."""
        return self._attributes

    def get_encoding(self) -> dict[str, Any]:
        """The granules, for `ds.cryo`."""
        return {"cryodata": self._origin}

    def close(self) -> None:
        """Give connections back."""
        self._origin.close()

    def join_companions(self, coordinates: Iterable[str]) -> None:
        """Read together what the user named, and coordinates.

        Touching a named column reads all named ones; touching a coordinate, which
        loading the Dataset does first, reads these and the coordinates. Who names one
        coordinate wants all of them with the columns.
        """
        places = [self._arrays[name] for name in coordinates]
        named = [self._arrays[name] for name, column in self._columns.items() if column.named]
        if not set(places).isdisjoint(named):
            named = list(dict.fromkeys([*named, *places]))
        companions = Companions()
        companions.join(places, [*places, *named])
        companions.join(named, named)

    def _array(self, column: Column) -> LazyArray:
        column.check()
        epoch = self._product.epoch if column.name == "time" else None
        fill = column.layouts[0].attributes.get("_FillValue")
        return LazyArray(
            [
                Part(file, layout.path, layout.shape)
                for file, layout in zip(column.files, column.layouts, strict=True)
            ],
            shape=(self._rows, *column.trailing),
            dtype=column.dtype if epoch is None else np.dtype("M8[ns]"),
            finish=as_stored if epoch is None else UtcTime(epoch, _number(fill)),
            gap=column.piece,
        )

    def _variable(self, column: Column) -> xr.Variable:
        layout = column.layouts[0]
        attributes = decode_attributes(layout.attributes)
        attributes.pop("coordinates", None)  # names what is called otherwise here
        attributes["hdf5_path"] = column.path
        encoding: dict[str, Any] = {"dtype": column.dtype}
        if len(self._origin.files) == 1:
            encoding["source"] = self._origin.files[0].url
        encoding |= filter_encoding(layout.filters)
        if column.name == "time":  # decoded by UtcTime, not by xarray
            encoding |= {"units": attributes.pop("units", ""), "calendar": "standard"}
            attributes.pop("_FillValue", None)
            attributes |= {"standard_name": "time", "long_name": "UTC time"}
        data = indexing.LazilyIndexedArray(self._arrays[column.name])
        dims = (self._product.rows, *self._trailing_dims(column))
        return xr.Variable(dims, data, attributes, encoding)

    def _trailing_dims(self, column: Column) -> tuple[str, ...]:
        """Names of the axes after the rows: of the table, of the scales, or made up."""
        known = self._product.dimensions.get(column.path, ())
        scales = column.layouts[0].dims
        names = []
        for axis in range(1, 1 + len(column.trailing)):
            if len(known) >= axis:
                names.append(known[axis - 1])
            elif len(scales) > axis and scales[axis]:
                names.append(scales[axis][-1].rsplit("/", 1)[-1])
            else:
                names.append(f"{column.name}_{axis}")
        return tuple(names)


def track_coordinates(product: Product, tracks: Sequence[Track]) -> dict[str, xr.Variable]:
    """What is said of each track."""

    def along(values: Any, **attributes: Any) -> xr.Variable:
        return xr.Variable("track", values, attributes)

    return {
        "beam": along(
            np.array([track.beam for track in tracks], "U"),
            long_name="beam",
            cf_role="trajectory_id",
        ),
        "spot": along(
            np.array([track.spot.number for track in tracks], np.int8),
            long_name="laser spot on the ground",
            comment="1-6; 0 where undefined: the spacecraft was turning, or the file does not say",
        ),
        "strong": along(
            np.array([track.spot.strong for track in tracks], bool),
            long_name="strong beam",
            comment="False also where spot is 0, that is, undefined",
        ),
        "rgt": along(
            np.array([track.rgt for track in tracks], np.int16),
            long_name="reference ground track",
            comment="1-1387; 0 where the file does not say",
        ),
        "cycle": along(
            np.array([track.cycle for track in tracks], np.int16),
            long_name="91-day repeat cycle",
            comment="0 where the file does not say",
        ),
        "granule": along(np.array([track.granule for track in tracks], "U"), long_name="granule"),
        "rowSize": along(
            np.array([track.rows for track in tracks], np.int64),
            long_name=f"number of rows of the track along {product.rows}",
            sample_dimension=product.rows,
        ),
    }


def _number(fill: Any) -> float | None:
    """A fill value as a number; attributes may be arrays of one."""
    return None if fill is None else float(np.ravel(fill)[0])


def _same(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return bool(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f"))
