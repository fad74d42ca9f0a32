"""The door to NASA's catalogue: granules by product, place, time and track."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryodata.argument_names import tells_names
from cryodata.earthdata.catalogue.search import search_granules
from cryodata.earthdata.granules import Granules
from cryodata.earthdata.system import System
from cryodata.errors import FetchError, close_names
from cryodata.products import find, known
from cryodata.region_input import region_of

__all__ = ["search"]


@tells_names
def search(
    product: str,
    *,
    region: Any = None,
    time: Any = None,
    cycle: Any = None,
    rgt: Any = None,
    orbit_region: Any = None,
    version: str | int = "latest",
    provider: str | None = None,
    limit: int | None = None,
    name: str | Sequence[str] | None = None,
    system: System | None = None,
) -> Granules:
    """Find granules in NASA's catalogue. Needs no login.

    Every granule that fits all conditions is listed, in the order of time; of several
    revisions of one, the newest. The catalogue goes by outlines, which are wider than the
    data: some granules may turn out to have nothing in the region.

    Parameters
    ----------
    product : str
        Short name, ``"ATL06"``, in any case of letters.
    region : 4 numbers, shapely geometry, GeoDataFrame, GeoJSON, path of a file, or Region
        Where. Four numbers are west, south, east, north in degrees.
    time : str, date, datetime, numpy.datetime64, slice, or a pair of these
        When, in UTC: ``"2023"``, ``"2023-05"``, ``("2023-05", "2023-09")``; a pair reaches
        to the end of its last day, month or year. None leaves an end open.
    cycle, rgt, orbit_region : int or iterable of int
        Repeat cycles, reference ground tracks (1-1387), orbit regions (1-14) of ICESat-2.
    version : str or int
        ``"007"``, ``7``; ``"latest"`` is the last that has granules; ``"all"``.
    provider : str, optional
        Whose granules, ``"NSIDC_CPRD"``; by default those in the cloud, where there are any.
    limit : int, optional
        At most so many; the result says how many there would be.
    name : str or sequence of str
        Name of the granule, with ``*`` for any text and ``?`` for any character.
    system : System, optional
        Whose catalogue; that of the process by default.

    Returns
    -------
    Granules
        At least one.

    Raises
    ------
    UnknownProductError
        There is no such product.
    RegionError, SelectionError
        A condition makes no sense.
    NothingFoundError
        No granule fits; the message says how many would without each of the conditions.
    ConfigurationError
        There is no such version, or the catalogue refuses the search.
    ThrottledError, FetchTimeoutError, ServiceError, FetchError
        The catalogue cannot be asked, or answers nonsense.

    Examples
    --------
    >>> import cryodata as cd
    >>> cd.search("ATL06", region=(-50, 69, -48, 70), time="2023-05")  # doctest: +SKIP
    """
    try:
        return search_granules(
            product,
            region=None if region is None else region_of(region),
            time=time,
            cycle=cycle,
            rgt=rgt,
            orbit_region=orbit_region,
            version=version,
            name=name,
            provider=provider,
            limit=limit,
            system=system,
        )
    except FetchError as error:  # offline, a typing error would not be named otherwise
        if find(product) is None:
            said = f"{product!r} is none of the products that cryodata knows"
            error.fix = f"{error.fix} And {said}. {close_names(product.upper(), known())}".lstrip()
        raise
