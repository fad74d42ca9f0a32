"""Granules of a given product, size, release and seed, made once and kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from cryodata.sandbox.granules import atl03_values, atl06_values
from cryodata.sandbox.granules.facts import Facts
from cryodata.sandbox.granules.hdf5_writer import Column, Contents, write_hdf5
from cryodata.sandbox.granules.style import as_style, restyle
from cryodata.sandbox.granules.template import Template, load
from cryodata.sandbox.granules.track import BEAMS, Beam, FloatArray, Pass, beams_of

__all__ = ["atl03", "atl06"]

BeamColumns = tuple[Mapping[str, Column], FloatArray, FloatArray]
"""Datasets of one beam by path, latitude and longitude along it."""


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
) -> Path:
    """A granule of ATL06, land ice heights.

    Parameters
    ----------
    folder : path
        Where granules are kept: the same call finds the file it made before.
    segments : int
        Rows of ``land_ice_segments`` in each beam. 60,000 reach 1,330 km and give 61 MB.
    seed : int
        Makes track, terrain and noise.
    release : {"006", "007"}
        Whose layout; 007 is paged and repacked.
    revision : int
        Two revisions differ in name and noise.
    rgt, cycle : int, optional
        Reference ground track 1-1387 and cycle from 1; chosen by the seed if None.
    region : int
        1-4, where the granule begins: 3 at 59.5 degrees north, going north; long granules
        go on over the pole.
    beams : tuple of str
        Beams there are; the others have no group at all.
    empty : tuple of str
        Beams among them that have groups, but no datasets.

    Returns
    -------
    Path
        Of the file, which is named as NASA names granules.
    """

    def columns(along: Pass, beam: Beam, template: Template, own_seed: int) -> BeamColumns:
        made = atl06_values.beam_columns(along, beam, template, segments, own_seed)
        group = f"/{beam.name}/land_ice_segments"
        return (
            {path: Column.of(values) for path, values in made.items()},
            made[f"{group}/latitude"],
            made[f"{group}/longitude"],
        )

    return _granule(
        folder,
        "atl06",
        columns,
        size=segments,
        length=atl06_values.along_track_length(segments),
        seed=seed,
        release=release,
        revision=revision,
        rgt=rgt,
        cycle=cycle,
        region=region,
        beams=beams,
        empty=empty,
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
) -> Path:
    """A granule of ATL03, geolocated photons.

    Parameters
    ----------
    folder : path
        Where granules are kept: the same call finds the file it made before.
    photons : int
        Photons of a strong beam; weak ones have 0.6 times as many. 170 make a segment of
        20 m. A million give 105 MB.
    seed, release, revision, rgt, cycle, region, beams, empty
        As for `atl06`.

    Returns
    -------
    Path
        Of the file, which is named as NASA names granules.
    """

    def columns(along: Pass, beam: Beam, template: Template, own_seed: int) -> BeamColumns:
        return atl03_values.beam_columns(along, beam, template, photons, own_seed)

    return _granule(
        folder,
        "atl03",
        columns,
        size=photons,
        length=atl03_values.track_length(photons),
        seed=seed,
        release=release,
        revision=revision,
        rgt=rgt,
        cycle=cycle,
        region=region,
        beams=beams,
        empty=empty,
    )


def _granule(
    folder: str | os.PathLike[str],
    product: str,
    columns: Callable[[Pass, Beam, Template, int], BeamColumns],
    *,
    size: int,
    length: float,
    seed: int,
    release: str,
    revision: int,
    rgt: int | None,
    cycle: int | None,
    region: int,
    beams: tuple[str, ...],
    empty: tuple[str, ...],
) -> Path:
    """The granule, from the folder if it is there."""
    style = as_style(release)
    along = Pass(
        rgt=rgt or 1 + (seed * 337 + 329) % 1387,
        cycle=cycle or 1 + (seed + 2) % 20,
        region=region,
        length=length,
        seed=seed,
    )
    facts = Facts(
        product=product.upper(), release=release, revision=revision, along=along, seed=seed
    )
    key = repr((product, size, along, release, revision, beams, empty, _code()))
    name = hashlib.sha256(key.encode()).hexdigest()[:12]
    path = Path(folder) / name / facts.file_name
    if path.exists():
        return path
    recorded = restyle(load(product), style)
    present = beams_of(beams)
    made = {
        beam.name: columns(along, beam, recorded, facts.noise_seed)
        for beam in present
        if beam.name not in empty
    }
    contents = Contents(
        columns={
            **{path: Column.of(values) for path, values in facts.orbit().items()},
            **{path: column for own, _, _ in made.values() for path, column in own.items()},
        },
        fixed={**facts.fixed(), **_indexes(present)},
        attributes=facts.attributes(
            [latitude for _, latitude, _ in made.values()],
            [longitude for _, _, longitude in made.values()],
        ),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_hdf5(unfinished, recorded.with_beams(present, empty), style, contents, seed=seed)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _indexes(beams: tuple[Beam, ...]) -> dict[str, Any]:
    """Contents of the dimension scales that only number their axis."""
    values: dict[str, Any] = {"/ds_surf_type": np.arange(1, 6), "/ds_xyz": np.arange(1, 4)}
    for beam in beams:
        group = f"/{beam.name}/residual_histogram"
        values[f"{group}/bin_top_h"] = atl06_values.bin_tops()
        values[f"{group}/ds_segment_id"] = np.arange(1, 11)
    return values


@cache
def _code() -> str:
    """Fingerprint of this package: a granule made by other code is another granule."""
    sources = sorted(Path(__file__).parent.glob("*.*"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
