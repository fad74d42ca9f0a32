"""Granules of a given product, size, release and seed, made once and kept."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC
from functools import cache
from pathlib import Path

from cryodata import products
from cryodata.errors import ConfigurationError, SelectionError
from cryodata.products import Product
from cryodata.products.tracks import BACKWARD, FORWARD, TRANSITION
from cryodata.sandbox.granules import models
from cryodata.sandbox.granules.assumed import completed
from cryodata.sandbox.granules.axes import cycles_of, numbered_axes
from cryodata.sandbox.granules.beside import columns_beside
from cryodata.sandbox.granules.facts import Facts
from cryodata.sandbox.granules.hdf5_writer import Column, Contents, write_hdf5
from cryodata.sandbox.granules.models import Model
from cryodata.sandbox.granules.scene import scene_of
from cryodata.sandbox.granules.style import restyle
from cryodata.sandbox.granules.template import Template, load
from cryodata.sandbox.granules.track import BEAMS, EPOCH, REGIONS, Pass, beams_of

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
    order = _Order(
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
    )
    return _made(folder, order, models.of(table.short_name, length))


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
) -> Path:
    """A granule of ATL06, land ice heights.

    Parameters
    ----------
    folder : path
        Where granules are kept.
    segments : int
        Rows of ``land_ice_segments`` in each beam. 60,000 reach 1,330 km and give 61 MB.
    seed, release, revision, rgt, cycle, region, beams, empty, orientation
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
    order = _Order(
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
    return _made(folder, order, models.atl08_over_atl03(atl03_revision))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What was asked for; as for `granule`."""

    product: Product
    rows: int
    seed: int
    release: str
    revision: int
    rgt: int | None
    cycle: int | None
    region: int
    beams: tuple[str, ...]
    empty: tuple[str, ...]
    orientation: int | tuple[int, ...]

    def facts(self, length: float, template: Template) -> Facts:
        """What the granule will say about itself.

        Raises
        ------
        ConfigurationError
            No such region or orientation.
        """
        if self.region not in REGIONS:
            raise ConfigurationError(f"no region {self.region}", fix="regions are 1 to 14")
        changes = self.orientation if isinstance(self.orientation, tuple) else (self.orientation,)
        if not changes or set(changes) - {BACKWARD, FORWARD, TRANSITION}:
            raise ConfigurationError(
                f"no orientation {self.orientation}",
                fix="0 is backward, 1 forward, 2 in transition",
            )
        epoch = self.product.epoch
        return Facts(
            product=self.product,
            release=self.release,
            revision=self.revision,
            along=Pass(
                rgt=self.rgt or 1 + (self.seed * 337 + 329) % 1387,
                cycle=self.cycle or 1 + (self.seed + 2) % 20,
                region=self.region,
                length=length,
                seed=self.seed,
                mission=scene_of(self.product.short_name).mission,
                epoch=EPOCH if epoch is None else epoch.astype("M8[us]").item().replace(tzinfo=UTC),
            ),
            seed=self.seed,
            orientations=changes,
            cycles=cycles_of(self.product, template),
        )


def _made(folder: str | os.PathLike[str], order: _Order, model: Model) -> Path:
    """The granule, from the folder if it is there."""
    short_name = order.product.short_name
    style = scene_of(short_name).style(order.release)
    recorded = restyle(completed(order.product, load(short_name.lower())), style)
    if said := order.product.release(order.release):
        recorded = recorded.renamed(said.names)
    facts = order.facts(model.length(order.rows), recorded)
    key = repr((order, facts.along, model.name, _code()))
    path = Path(folder) / hashlib.sha256(key.encode()).hexdigest()[:12] / facts.file_name
    if path.exists():
        return path
    tracks = order.product.tracks
    present = beams_of(order.beams, among=tracks, orientation=facts.orientations[0])
    if tracks == ("",) and (not present or order.empty):
        raise SelectionError(f"{short_name} has no tracks that could be missing or empty")
    made = {
        beam.name: model.columns(facts, beam, recorded, order.rows)
        for beam in present
        if beam.name not in order.empty
    }
    whole = recorded.with_beams(present, order.empty)
    columns = {
        **{path: Column.of(values) for path, values in facts.orbit().items()},
        **{path: column for own in made.values() for path, column in own.columns.items()},
    }
    said_of_it = facts.attributes(
        [own.latitude for own in made.values()], [own.longitude for own in made.values()]
    )
    contents = Contents(
        columns={**columns_beside(whole, columns, facts), **columns},
        fixed={
            **numbered_axes(whole.datasets, facts.along.cycle),
            **model.fixed(present),
            **facts.fixed(),
        },
        attributes={name: said for name, said in said_of_it.items() if name in whole.groups},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_hdf5(unfinished, whole, style, contents, seed=order.seed)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


@cache
def _code() -> str:
    """Fingerprint of this package: a granule made by other code is another granule."""
    sources = sorted(Path(__file__).parent.glob("*.*"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
