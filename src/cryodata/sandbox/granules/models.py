"""How the rows of each product are made: by hand for a few, from the table for the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cryodata.errors import ConfigurationError
from cryodata.products import Product
from cryodata.sandbox.granules import atl03_values, atl06_values, atl08_values
from cryodata.sandbox.granules.axes import Rows, path_in_file, rows_of
from cryodata.sandbox.granules.facts import Facts
from cryodata.sandbox.granules.hdf5_writer import Column
from cryodata.sandbox.granules.of_table import TrackValues, track_values
from cryodata.sandbox.granules.scene import scene_of
from cryodata.sandbox.granules.template import Template
from cryodata.sandbox.granules.track import Beam, FloatArray

__all__ = ["Model", "TrackColumns", "atl08_over_atl03", "of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackColumns:
    """The rows of one track.

    Attributes
    ----------
    columns : mapping of str to Column
        Datasets with rows by absolute path.
    latitude, longitude : (row,) float64
        Degrees along it.
    """

    columns: Mapping[str, Column]
    latitude: FloatArray
    longitude: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Makes the rows of a product.

    Attributes
    ----------
    name : str
        Differs where the rows do.
    length : callable
        How far so many rows reach, m.
    columns : callable
        The rows of one track: as many as asked for.
    fixed : callable
        Contents of datasets without rows, by path, for the tracks there are.
    """

    name: str
    length: Callable[[int], float]
    columns: Callable[[Facts, Beam, Template, int], TrackColumns]
    fixed: Callable[[tuple[Beam, ...]], Mapping[str, Any]] = lambda _: {}


def of(short_name: str, length: float | None) -> Model:
    """The model of a product.

    Parameters
    ----------
    short_name : str
        ``ATL07``.
    length : float, optional
        How far a granule reaches, m, whatever its rows.

    Raises
    ------
    ConfigurationError
        The product's rows are so far apart as they are.
    """
    by_hand = {"ATL03": _ATL03, "ATL06": _ATL06}.get(short_name)
    if by_hand is None:
        return _of_table(short_name, length)
    if length is not None:
        raise ConfigurationError(
            f"{short_name} reaches as far as its rows do",
            fix="give rows, and no length: its segments are 20 m apart",
        )
    return by_hand


def _of_table(short_name: str, length: float | None) -> Model:
    spacing = scene_of(short_name).spacing

    def columns(facts: Facts, beam: Beam, template: Template, rows: int) -> TrackColumns:
        product = facts.product.as_of(facts.release)
        rng = np.random.default_rng([facts.noise_seed, 41, beam.number])
        found = rows_of(product, template, facts.along, beam, rows, rng)
        return _track(facts, product, beam, template, found, {})

    return Model(
        name=f"of its table, {length}",
        length=lambda rows: rows * spacing if length is None else length,
        columns=columns,
    )


def atl08_over_atl03(atl03_revision: int) -> Model:
    """ATL08 that classifies the photons of a revision of the ATL03 granule of the same pass."""

    def columns(facts: Facts, beam: Beam, template: Template, photons: int) -> TrackColumns:
        product = facts.product.as_of(facts.release)
        theirs = replace(facts, revision=atl03_revision).noise_seed
        seen = atl03_values.Photons(facts.along, beam, photons, theirs)
        x, known = atl08_values.classified(facts.along, beam, seen, facts.noise_seed)
        by_rate = {rate.dimension: x[rate.group] for rate in product.rates if rate.group in x}
        return _track(facts, product, beam, template, Rows(x=by_rate, counts={}), known)

    return Model(
        name=f"over ATL03, {atl03_revision}",
        length=atl03_values.track_length,
        columns=columns,
    )


def _track(
    facts: Facts,
    product: Product,
    beam: Beam,
    template: Template,
    rows: Rows,
    known: Mapping[str, Any],
) -> TrackColumns:
    maker = TrackValues(
        product=product,
        flags=product.flags_of(facts.release),
        along=facts.along,
        beam=beam,
        scene=scene_of(product.short_name),
        rows=rows,
        seed=facts.noise_seed,
    )
    latitude, longitude = facts.along.position(rows.x[product.rows], beam.offset)
    return TrackColumns(
        columns=track_values(maker, template, known), latitude=latitude, longitude=longitude
    )


def _atl03_columns(facts: Facts, beam: Beam, template: Template, photons: int) -> TrackColumns:
    columns, latitude, longitude = atl03_values.beam_columns(
        facts.along, beam, template, photons, facts.noise_seed
    )
    return TrackColumns(columns=columns, latitude=latitude, longitude=longitude)


def _atl06_columns(facts: Facts, beam: Beam, template: Template, segments: int) -> TrackColumns:
    made = atl06_values.beam_columns(facts.along, beam, template, segments, facts.noise_seed)
    group = path_in_file(beam, "land_ice_segments")
    return TrackColumns(
        columns={path: Column.of(values) for path, values in made.items()},
        latitude=made[f"{group}/latitude"],
        longitude=made[f"{group}/longitude"],
    )


def _atl06_fixed(beams: tuple[Beam, ...]) -> Mapping[str, Any]:
    path = "residual_histogram/bin_top_h"
    return {path_in_file(beam, path): atl06_values.bin_tops() for beam in beams}


_ATL03 = Model(name="photons", length=atl03_values.track_length, columns=_atl03_columns)
_ATL06 = Model(
    name="land ice",
    length=atl06_values.along_track_length,
    columns=_atl06_columns,
    fixed=_atl06_fixed,
)
