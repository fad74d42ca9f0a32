"""``ds.cryo``: what a Dataset knows of the granules it came from, and what can be done with it."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import xarray as xr

from cryodata.accounts import copies_spent
from cryodata.arrays.together import load_together
from cryodata.errors import ConfigurationError
from cryodata.provenance import Provenance, Skipped
from cryodata.store.receipt import Receipt
from cryodata.tracks.request import Words

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from lonboard import Map
    from matplotlib.figure import Figure

__all__ = ["CryoAccessor"]


@xr.register_dataset_accessor("cryo")  # type: ignore[no-untyped-call]  # xarray's
class CryoAccessor:
    """Registered on import; `cryodata.open` imports it.

    Notes
    -----
    The verbs on tracks (`to_tree`, `tracks`, `to_geodataframe`, `to_geoparquet`, `project`,
    `quicklook`) need the rows as they were opened: all rows of all tracks, in their order.
    ``ds.where`` keeps them so. Where rows or tracks were selected, ``rowSize`` does not fit
    any more, which is a `SelectionError`. Rows that were sorted keep their number: `tracks`,
    `to_geodataframe` and `to_geoparquet` tell them by times that go back and places that jump,
    if they are not of the two beams of one pair; the others do not look.
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def __repr__(self) -> str:
        """What can be asked of it."""
        verbs = (name for name in dir(type(self)) if not name.startswith("_"))
        return fill(f"ds.cryo: {', '.join(verbs)}", 88, subsequent_indent="  ")

    @property
    def receipt(self) -> Receipt:
        """Requests, bytes, rounds and seconds spent on the granules so far.

        Counts everything read since they were opened, their structure included: here, and on
        the workers of dask's ``distributed``, which are asked. What workers that are gone had
        spent, and the processes of dask's other schedulers, is not in it.

        Raises
        ------
        ConfigurationError
            If the Dataset does not come from cryodata, or came through an operation
            that drops its encoding.
        """
        files = self._origin().files
        own = sum((file.receipt for file in files if not file.is_copy), Receipt())
        return own + copies_spent(file.account for file in files)

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What ``on_missing="skip"`` left out, each with its error: granules, beams, variables.

        Raises
        ------
        ConfigurationError
            As `receipt`.
        """
        return self._origin().skipped

    def _origin(self) -> Provenance:
        origin = self._dataset.encoding.get("cryodata")
        if not isinstance(origin, Provenance):
            raise ConfigurationError(
                "This Dataset does not know which granules it came from",
                fix="Ask the one that cryodata.open returned: ds.cryo.receipt.",
            )
        return origin

    def load(self) -> xr.Dataset:
        """Load all variables and coordinates, in one plan per granule.

        Returns
        -------
        xarray.Dataset
            The same object, as ``ds.load()`` would return it.
        """
        return load_together(self._dataset)

    def to_tree(self) -> xr.DataTree:
        """One node per track, with the rows of that track alone.

        Returns
        -------
        xarray.DataTree
            Nodes ``/<granule>/<beam>``, or ``/<beam>`` where there is one granule; a track
            without a name, of products that have one only, is ``/<granule>``. As lazy as the
            Dataset. Beam, spot, strong, rgt, cycle and granule are scalar coordinates;
            ``rowSize`` is the length of the node's row dimension. Tracks without rows have a
            node, too. Attributes of the Dataset are those of the root.

        Raises
        ------
        ConfigurationError
            The Dataset has no tracks.
        SelectionError
            Rows or tracks were selected; or two tracks have one name.

        Examples
        --------
        >>> cryodata.open("ATL06.h5").cryo.to_tree()["gt1l"].h_li.mean()  # doctest: +SKIP
        """
        from cryodata.after.tree import tree_of_tracks

        return tree_of_tracks(self._dataset)

    def tracks(self) -> pd.DataFrame:
        """What each track is, when and where it went.

        Time and place of all rows are read, a million rows at a time, and not kept.

        Returns
        -------
        pandas.DataFrame
            One row per track, in order: ``granule``, ``beam``, ``spot``, ``strong``, ``rgt``,
            ``cycle``; ``rows``; ``first_time`` and ``last_time`` (UTC, both included; NaT
            where the rows have no time); ``west``, ``south``, ``east``, ``north`` (degrees,
            -180 to 180, NaN without rows; west > east across the dateline); ``ascending``:
            True where latitude grows along the track, False where it falls, NA where it does
            both (over the turn near the pole, by more than 110 m of latitude) or no two
            places are known.

        Raises
        ------
        ConfigurationError
            The Dataset has no tracks.
        SelectionError
            Rows or tracks were selected; or place is missing.
        """
        from cryodata.after.tracks import table_of_tracks

        return table_of_tracks(self._dataset)

    def to_geodataframe(self, variables: Words | None = None) -> GeoDataFrame:
        """One point per row; all of it is read, in one plan per granule.

        Parameters
        ----------
        variables : str or list of str, optional
            All that lie on the rows, if None. Time, place and other coordinates of the rows
            come in any case.

        Returns
        -------
        geopandas.GeoDataFrame
            ``time`` (UTC, without time zone, as in the Dataset), ``latitude``, ``longitude``,
            the variables, then ``granule`` and ``beam`` as categories, ``spot``, ``strong``,
            ``rgt``, ``cycle`` as they are. A variable of several columns becomes one per
            label: ``signal_conf_land_ice``, where the product's table names them, else
            ``<name>_<label>``. Points are in EPSG:4326, x east (-180 to 180) and y north, without
            height. A row without place has no geometry.

        Raises
        ------
        MissingDependencyError
            Without geopandas (extra ``geo``).
        ConfigurationError
            The Dataset has no tracks.
        SelectionError
            Rows or tracks were selected; a variable does not lie on the rows; two columns
            would have one name.
        UnknownVariableError
            There is no such variable.

        Notes
        -----
        ICESat-2 gives places in ITRF2014 (release 007: ITRF2020). EPSG:4326 names no
        realisation of WGS 84; its latest ones are these to a few centimetres.
        """
        from cryodata.after.geodataframe import frame_of_points

        return frame_of_points(self._dataset, variables)

    def to_geoparquet(
        self,
        path: str | os.PathLike[str],
        variables: Words | None = None,
        *,
        overwrite: bool = False,
    ) -> Path:
        """Write one point per row as GeoParquet 1.1, reading half a million rows at a time.

        Parameters
        ----------
        path : path-like
            A local file. It is written beside its place and moved there when it is whole;
            after an error nothing is left.
        variables : str or list of str, optional
            As for `to_geodataframe`, whose columns the file has, with the units of each in
            its metadata.
        overwrite : bool
            Replace what is there.

        Returns
        -------
        pathlib.Path
            Of the file. Each track has a row group of its own, a long one several. Points
            are WKB in EPSG:4326; ``bbox`` covers each, so that readers skip row groups:
            ``geopandas.read_parquet(path, bbox=...)``. pandas, polars and DuckDB read
            it without geopandas.

        Raises
        ------
        ConfigurationError
            The file is there; the path is none; the Dataset has no tracks.
        NotFoundError
            There is no such folder.
        SelectionError, UnknownVariableError
            As `to_geodataframe`.
        """
        from cryodata.after.geoparquet import write_geoparquet

        return write_geoparquet(self._dataset, path, variables, overwrite=overwrite)

    def project(self, crs: Any) -> xr.Dataset:
        """Give the rows a place in a projection.

        Parameters
        ----------
        crs : pyproj.CRS or what it understands
            ``"EPSG:3413"`` (Greenland, Arctic), ``"EPSG:3031"`` (Antarctica), ...

        Returns
        -------
        xarray.Dataset
            With the coordinates ``x`` and ``y`` on the rows (float64, east and north in the
            sense of a map; m where the projection counts in them, see their units), the
            projection in ``spatial_ref``, and ``grid_mapping`` on the variables, as CF says.
            Where place is a dask array x and y are, too; else place is read now. NaN where a
            row has no place. Called again it replaces x and y.

        Raises
        ------
        MissingDependencyError
            Without pyproj (extra ``geo``).
        ConfigurationError
            `crs` is no projection; the Dataset has no tracks.
        SelectionError
            Rows or tracks were selected; rows lie outside of what the projection shows; or
            there are other variables of these names.

        Notes
        -----
        Longitude and latitude are taken as EPSG:4326: within a datum of WGS 84 nothing but
        the projection is computed.
        """
        from cryodata.after.projection import project_rows

        return project_rows(self._dataset, crs)

    def citation(
        self,
        style: Literal["text", "bibtex"] = "text",
        *,
        accessed: str | date | None = None,
    ) -> str:
        """How to cite the data and this library.

        Parameters
        ----------
        style : {"text", "bibtex"}
        accessed : str or date, optional
            Day the data were read; today (UTC), where the Dataset still knows its granules,
            else left out.

        Returns
        -------
        str
            Title, DOI and number of granules of each product and release, creator and publisher
            as the granules say them, what the granules ask to be said, and the version of this
            library. The DOI is that of the product's table and the release in the granule's
            name; of the granule's own attribute where these do not say.

        Raises
        ------
        ConfigurationError
            There is no such style; `accessed` is no day; or the Dataset does not say what it is.
        """
        from cryodata.after.citation import cite

        return cite(self._dataset, style, accessed)

    def quicklook(
        self,
        variable: str | None = None,
        *,
        along: Literal["time", "latitude"] | None = None,
        read: bool = True,
    ) -> Figure:
        """A map of the tracks coloured by height, and the profile of the height.

        Reads time or latitude, place and height, together: of all rows up to a million, of
        more rows about a million of them, in runs at even distances. About 20,000 points are
        drawn: of more rows, the mean of neighbours with a bar from the least to the greatest.

        Parameters
        ----------
        variable : str, optional
            One number per row; if None, the height: ``h_li``, ``h_ph``, ...
        along : {"time", "latitude"}, optional
            Axis of the profile. Time for one granule that has it, else latitude.
        read : bool
            False reads nothing: it draws what is kept of the bounds of chunks, of the whole
            tracks, also where rows were cut.

        Returns
        -------
        matplotlib.figure.Figure
            Polar stereographic where all rows are beyond 55 degrees, else plate carree; no
            map is fetched. Colours and profile leave out the few heights far off. The profile
            tells beams apart, or cycles where there are several.
            ``figure.savefig("look.png")`` keeps it.

        Raises
        ------
        MissingDependencyError
            Without matplotlib (extra ``plot``).
        ConfigurationError
            The Dataset has no tracks; `along` is none.
        SelectionError
            Rows or tracks were selected; there is no height to draw.
        UnknownVariableError
            There is no such variable.
        """
        from cryodata.after.quicklook import look

        return look(self._dataset, variable, along, read=read)

    def explore(self, variable: str | None = None) -> Map:
        """A map that moves, with a point per row, coloured by height.

        Reads place and height of all rows. The browser fetches the map below them.

        Parameters
        ----------
        variable : str, optional
            One number per row; if None, the height: ``h_li``, ``h_ph``, ...

        Returns
        -------
        lonboard.Map
            Colours leave out the lowest and the highest 2 %; grey where there is no number.
            ``.to_html("map.html")`` keeps it.

        Raises
        ------
        MissingDependencyError
            Without lonboard and matplotlib (extra ``explore``), or geopandas (extra ``geo``).
        ConfigurationError
            The Dataset has no tracks.
        SelectionError, UnknownVariableError
            As `quicklook`.
        """
        from cryodata.after.explore import explore_points

        return explore_points(self._dataset, variable)
