"""All tracks of some granules as one Dataset: the contiguous ragged array of CF.

The rows of the tracks follow each other along one dimension (``photon``, ``segment``); a
second dimension, ``track``, says how many rows each has (``rowSize``) and which beam it is.

Source: CF conventions 1.11, section 9.3.3 and appendix H.4.3 (trajectories).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import AbstractDataStore
from xarray.core import indexing

from cryodata.arrays.lazy import LazyArray, NestedArray
from cryodata.arrays.parts import Part, Parts, Places
from cryodata.arrays.together import Companions
from cryodata.attributes import decode_attributes, filter_encoding
from cryodata.decoding.finish import UtcTime, as_stored
from cryodata.products import Product
from cryodata.provenance import Provenance
from cryodata.rowwise.direction import BOTH, MEANINGS, direction_of_region, direction_of_rows
from cryodata.tracks.columns import PLACES, Column, Columns, Track
from cryodata.tracks.nested import nested_parts
from cryodata.tracks.view import CYCLE
from cryodata.types import AnyArray, IntArray

__all__ = ["RaggedStore", "ragged_dataset", "track_coordinates"]


def ragged_dataset(
    found: Columns,
    origin: Provenance,
    *,
    cache: bool,
    known: Mapping[Hashable, xr.Variable] = MappingProxyType({}),
    picked: Sequence[NDArray[np.bool_]] | None = None,
) -> xr.Dataset:
    """Put tracks and columns together; nothing is read.

    Parameters
    ----------
    found : Columns
    origin : Provenance
        The granules they are of.
    cache : bool
        Keep what was read in the Dataset.
    known : mapping of str to xarray.Variable
        Columns that need not be read, by name; of the rows picked.
    picked : sequence of (row,) ndarray of bool, optional
        Per track, which of its rows are wanted: True = keep. By default all.

    Returns
    -------
    xarray.Dataset
        Has the row dimension also where no track has a row.
    """
    store = RaggedStore(found.without(known), origin)
    if cache:
        store.join_companions()
    dataset = xr.open_dataset(
        store,
        engine="store",
        cache=cache,
        decode_times=False,
        decode_timedelta=False,
        create_default_indexes=False,  # which would read what is called as its rows: ref_pt
    )
    rows = found.product.rows
    sizes = [track.rows for track in found.tracks]
    if picked is not None:
        sizes = [int(np.count_nonzero(wanted)) for wanted in picked]
        if rows in dataset.dims and sum(sizes) < dataset.sizes[rows]:
            dataset = dataset.isel({rows: np.flatnonzero(np.concatenate(picked))})
    variables: dict[Hashable, xr.Variable] = {**dataset.variables, **known}
    if all(rows not in variable.dims for variable in variables.values()):
        variables.update(_no_rows(found.product))
    coordinates: dict[Hashable, xr.Variable] = {n: variables[n] for n in PLACES if n in variables}
    latitude = known["latitude"].values if "latitude" in known else None
    coordinates.update(track_coordinates(found.product, found.tracks, sizes, latitude))
    columns = {c.name: variables[c.name] for c in (*found.columns, *found.deciding)}
    columns |= {str(name): v for name, v in known.items() if name not in coordinates}
    if rows in columns:
        coordinates[rows] = columns.pop(rows)
    # coordinates first: loading them reads what was named, too
    empty = xr.Dataset(coords=xr.Coordinates(coordinates, indexes={}), attrs=dataset.attrs)
    whole = empty.assign(columns).assign_coords(_labels(found))
    whole.encoding = store.get_encoding()
    return whole


class RaggedStore(AbstractDataStore):
    """Columns of some granules, in the form that xarray decodes."""

    def __init__(self, found: Columns, origin: Provenance) -> None:
        self._origin = origin
        self._product = found.product
        self._attributes = dict(found.attributes)
        self._tracks = found.tracks
        self._columns = {column.name: column for column in found.all}
        self._rows = sum(track.rows for track in found.tracks)
        self._places = Places.of((track.file, track.runs) for track in found.tracks)
        self._arrays = {column.name: self._array(column) for column in found.all}

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

    def join_companions(self) -> None:
        """Read together what the user named, and coordinates.

        Touching a named column reads all named ones; touching a coordinate, which
        loading the Dataset does first, reads these and the coordinates. Who names one
        coordinate wants all of them with the columns.
        """
        places = [self._arrays[name] for name in PLACES if name in self._arrays]
        named = [self._arrays[name] for name, column in self._columns.items() if column.named]
        if not set(places).isdisjoint(named):
            named = list(dict.fromkeys([*named, *places]))
        companions = Companions()
        companions.join(places, [*places, *named])
        companions.join(named, named)

    def _array(self, column: Column) -> LazyArray:
        column.check(self._tracks)
        epoch = self._epoch(column)
        dtype, fill, trailing = column.dtype, column.fill, column.trailing
        if column.nested:
            return self._nested_array(column)
        return LazyArray(
            Parts(self._places, column.of_tracks.paths, trailing, column.refits(self._tracks)),
            shape=(self._rows, *trailing),
            dtype=dtype if epoch is None else np.dtype("M8[ns]"),
            finish=as_stored if epoch is None else UtcTime(epoch, _number(fill)),
            gap=column.piece,
            column=column.surface,
        )

    def _nested_array(self, column: Column) -> LazyArray:
        """Of coarser rows, each value as often as it has rows."""
        parts: list[Part] = []
        counts: list[IntArray] = [np.empty(0, np.int64)]
        for track, layout in zip(self._tracks, column.layouts, strict=True):
            if layout is not None:
                refit = column.refit(track, layout, column.dtype, column.fill)
                own, numbers = nested_parts(track, layout, column.trailing, refit)
                parts += own
                counts += numbers
        return NestedArray(
            parts,
            ends=np.cumsum(np.concatenate(counts)),
            shape=(self._rows, *column.trailing),
            dtype=column.dtype,
            gap=column.piece,
        )

    def _epoch(self, column: Column) -> np.datetime64 | None:
        """What its seconds count from; None where it is no time, or stays in seconds.

        Rows that have a time show it as such, and what the file calls ``delta_time`` as stored.
        """
        if column.name == "time":
            return self._product.epoch
        return None if self._product.rate.time else column.epoch

    def _variable(self, column: Column) -> xr.Variable:
        layout = column.pattern
        attributes = decode_attributes(layout.attributes)
        attributes.pop("coordinates", None)  # names what is called otherwise here
        attributes["hdf5_path"] = column.own_path
        encoding: dict[str, Any] = {"dtype": column.dtype}
        if len(self._origin.files) == 1:
            encoding["source"] = self._origin.files[0].url
        encoding |= filter_encoding(layout.filters)
        if column.fill is not None:
            attributes["_FillValue"] = column.dtype.type(column.fill)
        if self._epoch(column) is not None:  # decoded by UtcTime, not by xarray
            encoding |= {"units": attributes.pop("units", ""), "calendar": "standard"}
            attributes.pop("_FillValue", None)
        if column.name == "time":
            attributes |= {"standard_name": "time", "long_name": "UTC time"}
        data = indexing.LazilyIndexedArray(self._arrays[column.name])
        dims = (self._product.rows, *self._trailing_dims(column))
        return xr.Variable(dims, data, attributes, encoding)

    def _trailing_dims(self, column: Column) -> tuple[str, ...]:
        """Names of the axes after the rows: of the table, of the scales, or made up."""
        known = self._product.dimensions.get(column.path, ())
        scales = column.pattern.dims
        names = []
        for axis in range(1, 1 + len(column.trailing)):
            if len(known) >= axis:
                names.append(known[axis - 1])
            elif len(scales) > axis and scales[axis]:
                names.append(scales[axis][-1].rsplit("/", 1)[-1])
            else:
                names.append(f"{column.name}_{axis}")
        return tuple(names)


def track_coordinates(
    product: Product,
    tracks: Sequence[Track],
    sizes: Sequence[int],
    latitude: AnyArray | None = None,
) -> dict[str, xr.Variable]:
    """What is said of each track, and how many rows it has.

    Parameters
    ----------
    product, tracks
    sizes : sequence of int
        Rows of each track.
    latitude : (row,) float array, optional
        Of all rows, where it is known: tells which way each track goes.
    """

    def along(values: Any, **attributes: Any) -> xr.Variable:
        return xr.Variable("track", values, attributes)

    described = {
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
        "ascending": along(
            np.array(_directions(product, tracks, sizes, latitude), np.int8),
            long_name="direction along the orbit",
            flag_values=np.array(sorted(MEANINGS), np.int8),
            flag_meanings=" ".join(MEANINGS[value] for value in sorted(MEANINGS)),
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
            np.array(sizes, np.int64),
            long_name=f"number of rows of the track along {product.rows}",
            sample_dimension=product.rows,
        ),
    }
    if CYCLE in product.labels:  # an axis of its own
        del described["cycle"]
    return described


def _directions(
    product: Product,
    tracks: Sequence[Track],
    sizes: Sequence[int],
    latitude: AnyArray | None,
) -> list[int]:
    """Which way each track goes: by its rows where these are known, else by its orbit region."""
    known = [BOTH] * len(tracks)
    if product.of_regions:
        known = [direction_of_region(track.region) for track in tracks]
    if latitude is None:
        return known
    ends = np.cumsum(sizes, dtype=np.int64)[:-1]
    rows = [direction_of_rows(own) for own in np.split(latitude, ends)] if len(tracks) else []
    return [
        own if own != BOTH or size > 1 else told
        for own, size, told in zip(rows, sizes, known, strict=True)
    ]


def _labels(found: Columns) -> dict[str, xr.Variable]:
    """Coordinates of axes after the rows, of those that some column has."""
    had = {column.label for column in (*found.columns, *found.deciding)}
    return {
        name: xr.Variable(name, axis.values, axis.attributes)
        for name, axis in found.axes.items()
        if name in had
    }


def _no_rows(product: Product) -> dict[str, xr.Variable]:
    """Time and place of the rows of granules whose beams are all empty."""
    return {
        name: xr.Variable(product.rows, np.empty(0, "M8[ns]" if name == "time" else "f8"))
        for name in product.rate.coordinates or {"row": ""}
    }


def _number(fill: Any) -> float | None:
    """A fill value as a number; attributes may be arrays of one."""
    return None if fill is None else float(np.ravel(fill)[0])
