"""What a search finds: granules in a row, that print, add up, and can be kept in a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, overload

from cryodata.earthdata.catalogue.umm import from_record
from cryodata.earthdata.granule import Granule
from cryodata.earthdata.granules.as_html import html_of
from cryodata.earthdata.granules.as_text import text_of
from cryodata.earthdata.granules.file import read_granules, write_granules
from cryodata.earthdata.granules.revisions import newest
from cryodata.earthdata.identity.login import active_system
from cryodata.earthdata.system import System
from cryodata.errors import MissingDependencyError

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["Granules"]


@dataclass(frozen=True, repr=False)
class Granules(Sequence[Granule]):
    """Granules of a catalogue, in the order of the search. Never changes; adds up by ``+``.

    Attributes
    ----------
    items : tuple of Granule
        The granules.
    superseded : tuple of Granule
        Older revisions that were left out.
    hits : int
        How many fit the search; more than there are here where it was limited. 0 where
        there was no search.
    """

    items: tuple[Granule, ...] = ()
    superseded: tuple[Granule, ...] = field(default=(), compare=False)
    hits: int = field(default=0, compare=False)

    @classmethod
    def of(cls, what: Any, *, system: System | None = None) -> Granules:
        """Granules from what other libraries found.

        Parameters
        ----------
        what : iterable, mapping or Granule
            Results of ``earthaccess.search_data``, items of CMR's ``granules.umm_json``,
            entries of its ``granules.json``, `Granule`, all of these mixed, one alone, or
            a whole answer of CMR.
        system : System, optional
            Whose links may be followed; that of the process by default.

        Raises
        ------
        ConfigurationError
            If something else is among them.
        ServiceError
            If a record holds what no archive would write.
        """
        if isinstance(what, Granules):
            return what
        system = system or active_system()
        return cls(tuple(from_record(record, system=system) for record in _records(what)))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, system: System | None = None) -> Granules:
        """Granules from a file that `save` wrote; needs no network.

        Parameters
        ----------
        path : path
            GeoJSON, or GeoParquet where it ends in ``.parquet``.
        system : System, optional
            Whose links may be followed; that of the process by default.

        Raises
        ------
        NotFoundError
            If there is no such file.
        FormatError
            If it is damaged, or nothing that `save` wrote.
        UnsupportedError
            If a newer version of this library wrote it.
        """
        kept = read_granules(path, system=system or active_system())
        return cls(kept.items, kept.superseded, kept.hits)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Keep them in a file, which then is there whole or not at all.

        Parameters
        ----------
        path : path
            Ends in ``.geojson`` or ``.json``, or in ``.parquet``. Other programs can show
            both on a map.

        Raises
        ------
        ConfigurationError
            If the name ends in something else.
        NotFoundError
            If there is no such folder.
        """
        write_granules(path, self)

    def latest(self) -> Granules:
        """Only the newest revision of each; the others are in its `superseded`."""
        kept, older = newest(self.items)
        return Granules(kept, (*self.superseded, *older), self.hits)

    def to_geodataframe(self) -> GeoDataFrame:
        """A table with one row per granule, its footprint as geometry.

        Returns
        -------
        geopandas.GeoDataFrame
            In longitude and latitude (OGC:CRS84); no geometry where the catalogue has none.

        Raises
        ------
        MissingDependencyError
            If geopandas is not installed.
        """
        try:
            import geopandas
        except ImportError as error:
            raise MissingDependencyError(
                "A table with footprints needs geopandas",
                fix='Install it: pip install "cryodata-earth[geo]"',
            ) from error
        from cryodata.earthdata.granules.as_table import columns_of, shapes_of

        return geopandas.GeoDataFrame(
            columns_of(self.items), geometry=shapes_of(self.items), crs="OGC:CRS84"
        )

    def explore(self, **how: Any) -> Any:
        """The outlines on a map that moves, named when the pointer is on them.

        The browser fetches the map below them.

        Parameters
        ----------
        **how
            As `geopandas.GeoDataFrame.explore` takes it: ``tiles``, ``color``, ``m``, ...

        Returns
        -------
        folium.Map

        Raises
        ------
        MissingDependencyError
            Without geopandas (extra ``geo``) or folium (extra ``explore``).
        """
        frame = self.to_geodataframe()
        if find_spec("folium") is None or find_spec("mapclassify") is None:
            raise MissingDependencyError(
                "A map of outlines needs folium",
                fix='Install it: pip install "cryodata-earth[explore]"',
            )
        shown = frame[frame.geometry.notna()][["name", "start", "size", "geometry"]]
        return shown.assign(start=shown["start"].astype(str)).explore(**how)

    @property
    def size(self) -> int:
        """Bytes of all together, as far as the catalogue says."""
        return sum(granule.size for granule in self.items)

    @overload
    def __getitem__(self, index: int) -> Granule: ...
    @overload
    def __getitem__(self, index: slice) -> Granules: ...
    def __getitem__(self, index: int | slice) -> Granule | Granules:
        if isinstance(index, slice):
            return Granules(self.items[index])
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __add__(self, other: Any) -> Granules:
        more = Granules.of(other)
        return Granules((*self.items, *more.items), (*self.superseded, *more.superseded))

    def __repr__(self) -> str:
        return text_of(self)

    def _repr_html_(self) -> str:
        return html_of(self)


def _records(what: Any) -> Iterable[Any]:
    """Single records from whatever holds them."""
    if isinstance(what, Granule):
        return [what]
    if not isinstance(what, Mapping):
        return what if isinstance(what, Iterable) and not isinstance(what, str) else [what]
    if isinstance(what.get("items"), list):
        return list(what["items"])
    feed = what.get("feed")
    if isinstance(feed, Mapping) and isinstance(feed.get("entry"), list):
        return list(feed["entry"])
    return [what]
