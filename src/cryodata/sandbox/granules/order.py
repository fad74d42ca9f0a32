"""One granule that was asked for, from the folder of those made before or made anew."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC
from functools import cache
from pathlib import Path

from cryodata.errors import ConfigurationError, SelectionError
from cryodata.products import Product
from cryodata.products.tracks import BACKWARD, FORWARD, TRANSITION
from cryodata.sandbox.granules.assumed import completed
from cryodata.sandbox.granules.axes import cycles_of, numbered_axes
from cryodata.sandbox.granules.beside import columns_beside
from cryodata.sandbox.granules.facts import Facts
from cryodata.sandbox.granules.hdf5_writer import Column, Contents, write_hdf5
from cryodata.sandbox.granules.models import Model
from cryodata.sandbox.granules.scene import scene_of
from cryodata.sandbox.granules.style import restyle
from cryodata.sandbox.granules.template import Template, load
from cryodata.sandbox.granules.track import EPOCH, REGIONS, Pass, beams_of

__all__ = ["Order", "made"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for; attributes as the parameters of `make.granule`."""

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
    change: float = 0.0

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
                change=self.change,
            ),
            seed=self.seed,
            orientations=changes,
            cycles=cycles_of(self.product, template),
        )


def made(folder: str | os.PathLike[str], order: Order, model: Model) -> Path:
    """The granule, from the folder if it is there."""
    short_name = order.product.short_name
    scene = scene_of(short_name)
    style = scene.style(order.release)
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
    own = {
        beam.name: model.columns(facts, beam, recorded, order.rows)
        for beam in present
        if beam.name not in order.empty
    }
    whole = recorded.with_beams(present, order.empty, scene.kept)
    columns = {
        **{path: Column.of(values) for path, values in facts.orbit().items()},
        **{path: column for track in own.values() for path, column in track.columns.items()},
    }
    said_of_it = facts.attributes(
        [track.latitude for track in own.values()], [track.longitude for track in own.values()]
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
