"""Granules of a given product, size, release and seed, made once and kept."""

from __future__ import annotations

import os
from pathlib import Path

from cryodata import products
from cryodata.products.tracks import FORWARD
from cryodata.sandbox.granules import models
from cryodata.sandbox.granules.order import Order, made
from cryodata.sandbox.granules.scene import scene_of
from cryodata.sandbox.granules.track import BEAMS

__all__ = ["atl03", "atl06", "atl08", "granule"]


def granule(
    product: str,
    folder: str | os.PathLike[str],
    *,
    rows: int = 2000,
    seed: int = 0,
    release: str | None = None,
    revision: int = 1,
    rgt: int | None = None,
    cycle: int | None = None,
    region: int = 3,
    beams: tuple[str, ...] | None = None,
    empty: tuple[str, ...] = (),
    orientation: int | tuple[int, ...] = FORWARD,
    length: float | None = None,
    change: float = 0.0,
) -> Path:
    """A granule of any product that has a table and whose structure was recorded.

    Parameters
    ----------
    product : str
        Short name: ``ATL07``.
    folder : path
        Where granules are kept: the same call finds the file it made before.
    rows : int
        Of the product's main rate in each track; weak beams have fewer, and each other
        rate has a number of its own.
    seed : int
        Makes track, terrain and noise.
    release : str, optional
        Whose layout, names and flags; the usual one of the sandbox if None. 007 of ICESat-2
        is paged and repacked.
    revision : int
        Two revisions differ in name and noise.
    rgt, cycle : int, optional
        Reference ground track 1-1387 and cycle from 1; chosen by the seed if None. See
        `rgt_near` for a track that passes somewhere.
    region : int
        1-14, where the granule begins: 3 at 59.5 degrees north, going north; long granules
        go on over the pole.
    beams : tuple of str, optional
        Tracks there are, all if None; the others have no group at all.
    empty : tuple of str
        Tracks among them that have groups, but no datasets.
    orientation : int or tuple of int
        How the spacecraft flies: 0 backward, 1 forward, 2 in transition. Several: it
        changes inside the granule, at equal distances; the groups' attributes say the first.
    length : float, optional
        How far the granule reaches, m: rows are that much farther apart than the product's.
        Not for ATL03 and ATL06, whose rows follow from segments of 20 m.
    change : float
        Of the height of the ground, m a year, in the middle of the granule; none at its ends.

    Returns
    -------
    Path
        Of the file, which is named as NASA names granules.

    Raises
    ------
    UnknownProductError
        No table, or no recorded structure.
    ConfigurationError
        No such release, orientation or region; a length where none can be given.
    SelectionError
        No such track.
    """
    table = products.get(product)
    order = Order(
        product=table,
        rows=rows,
        seed=seed,
        release=release or next(iter(scene_of(table.short_name).releases)),
        revision=revision,
        rgt=rgt,
        cycle=cycle,
        region=region,
        beams=table.tracks if beams is None else beams,
        empty=empty,
        orientation=orientation,
        change=change,
    )
    return made(folder, order, models.of(table.short_name, length))


def atl06(
    folder: str | os.PathLike[str],
    *,
    segments: int = 60_000,
    seed: int = 0,
    release: str = "006",
    revision: int = 1,
    rgt: int | None = None,
    cycle: int | None = None,
    region: int = 3,
    beams: tuple[str, ...] = BEAMS,
    empty: tuple[str, ...] = (),
    orientation: int | tuple[int, ...] = FORWARD,
    change: float = 0.0,
) -> Path:
    """A granule of ATL06, land ice heights.

    Parameters
    ----------
    folder : path
        Where granules are kept.
    segments : int
        Rows of ``land_ice_segments`` in each beam. 60,000 reach 1,330 km and give 61 MB.
    seed, release, revision, rgt, cycle, region, beams, empty, orientation, change
        As for `granule`.

    Returns
    -------
    Path
        Of the file, which is named as NASA names granules.
    """
    return granule(
        "ATL06",
        folder,
        rows=segments,
        seed=seed,
        release=release,
        revision=revision,
        rgt=rgt,
        cycle=cycle,
        region=region,
        beams=beams,
        empty=empty,
        orientation=orientation,
        change=change,
    )


def atl03(
    folder: str | os.PathLike[str],
    *,
    photons: int = 1_000_000,
    seed: int = 0,
    release: str = "006",
    revision: int = 1,
    rgt: int | None = None,
    cycle: int | None = None,
    region: int = 3,
    beams: tuple[str, ...] = BEAMS,
    empty: tuple[str, ...] = (),
    orientation: int | tuple[int, ...] = FORWARD,
) -> Path:
    """A granule of ATL03, geolocated photons.

    Parameters
    ----------
    folder : path
        Where granules are kept.
    photons : int
        Photons of a strong beam; weak ones have 0.6 times as many. 170 make a segment of
        20 m. A million give 105 MB.
    seed, release, revision, rgt, cycle, region, beams, empty, orientation
        As for `granule`.

    Returns
    -------
    Path
        Of the file, which is named as NASA names granules.
    """
    return granule(
        "ATL03",
        folder,
        rows=photons,
        seed=seed,
        release=release,
        revision=revision,
        rgt=rgt,
        cycle=cycle,
        region=region,
        beams=beams,
        empty=empty,
        orientation=orientation,
    )


def atl08(
    folder: str | os.PathLike[str],
    *,
    photons: int = 1_000_000,
    seed: int = 0,
    release: str = "006",
    revision: int = 1,
    atl03_revision: int = 1,
    rgt: int | None = None,
    cycle: int | None = None,
    region: int = 3,
    beams: tuple[str, ...] = BEAMS,
    empty: tuple[str, ...] = (),
    orientation: int | tuple[int, ...] = FORWARD,
) -> Path:
    """A granule of ATL08 that classifies the photons of an ATL03 granule.

    Which one: that of `atl03` with the same photons, seed, rgt, cycle, region and
    orientation. Releases may differ. `granule` makes an ATL08 of its own, with as many land
    segments as asked for.

    Parameters
    ----------
    folder : path
        Where granules are kept.
    photons : int
        Photons of a strong beam of the ATL03 granule.
    atl03_revision : int
        Revision of the ATL03 granule.
    seed, release, revision, rgt, cycle, region, beams, empty, orientation
        As for `granule`.

    Returns
    -------
    Path
        Of the file, which is named as NASA names granules.
    """
    order = Order(
        product=products.get("ATL08"),
        rows=photons,
        seed=seed,
        release=release,
        revision=revision,
        rgt=rgt,
        cycle=cycle,
        region=region,
        beams=beams,
        empty=empty,
        orientation=orientation,
    )
    return made(folder, order, models.atl08_over_atl03(atl03_revision))
