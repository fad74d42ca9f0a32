"""Which datasets of a track share rows, how many there are, and where each row looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.products import Product, join_path
from cryodata.sandbox.granules.template import DatasetSpec, Template
from cryodata.sandbox.granules.track import Beam, FloatArray, Pass

__all__ = [
    "Rows",
    "axis_of",
    "counts_cycles",
    "cycles_of",
    "numbered_axes",
    "path_in_file",
    "rows_of",
    "track_specs",
]

IntArray = NDArray[np.int64]

WEAK = 0.9
"""Rows of a weak beam, as a share of a strong one's."""
SHARE = 0.6
"""Rows of each further rate, as a share of the rate before it."""
NESTED = 8
"""Fine rows in a coarse one, on average."""
BARREN = 0.1
"""Share of coarse rows without a fine one."""
_BESIDE = {"METADATA", "ancillary_data", "orbit_info", "quality_assessment"}
"""Groups that are no track, in products whose track is the root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of one track.

    Attributes
    ----------
    x : mapping of str to (row,) float64
        Where each row of each axis looks, m along track from the equator; ascending.
    counts : mapping of str to (coarse row,) int64
        Fine rows in each coarse one, by the dimension of the fine rate.
    """

    x: Mapping[str, FloatArray]
    counts: Mapping[str, IntArray]


def track_specs(product: Product, template: Template) -> dict[str, DatasetSpec]:
    """Datasets with rows of each track, by their path below it."""
    if product.tracks == ("",):
        found = {spec.path.removeprefix("/"): spec for spec in template.datasets}
        found = {path: s for path, s in found.items() if path.split("/")[0] not in _BESIDE}
    else:
        found = template.beam_datasets()
    return {path: spec for path, spec in found.items() if spec.layout == "chunked"}


def path_in_file(beam: Beam, path: str) -> str:
    """The absolute path of what lies at `path` below a track."""
    return "/" + join_path(beam.name, path)


def axis_of(product: Product, path: str, spec: DatasetSpec) -> str:
    """What the datasets that share rows with this one have in common.

    The dimension of the rate that the table puts its dimension scale into, or the dataset
    where it has none; where the table does not say, the scale, or the group.
    """
    scale = spec.dims[0].removeprefix("/{beam}").removeprefix("/") if spec.dims else path
    rate = product.rate_of(scale)
    if rate is not None:
        return rate.dimension
    return scale if spec.dims or spec.scale else path.rpartition("/")[0]


def rows_of(
    product: Product,
    template: Template,
    along: Pass,
    beam: Beam,
    rows: int,
    rng: np.random.Generator,
) -> Rows:
    """Rows of one track: as many as asked for of the main rate, fewer or more of the others.

    Parameters
    ----------
    product : Product
        Its nestings say which rates lie within others.
    template : Template
        Says which axes there are, see `axis_of`.
    along, beam
        Where it looks.
    rows : int
        Of the main rate, in a strong beam.
    rng : numpy.random.Generator
    """
    main = max(1, round(rows * (1.0 if beam.strong else WEAK)))
    counts: dict[str, IntArray] = {}
    x = {product.rows: _spread(along, main, rng)}
    share = SHARE
    for path, spec in track_specs(product, template).items():
        axis = axis_of(product, path, spec)
        if axis not in x:
            x[axis] = _spread(along, max(1, round(main * share)), rng)
            share *= SHARE
    nestings = [n for n in product.nestings if n.coarse in x and n.fine in x]
    settled = {product.rows}  # rates whose number of rows others have to follow
    for nesting in nestings:
        given = len(x[nesting.fine]) if nesting.fine in settled else None
        count = _counts(given, len(x[nesting.coarse]), rng)
        x[nesting.coarse] = _spread(along, len(count), rng)
        x[nesting.fine] = np.zeros(count.sum())  # placed below
        counts[nesting.fine] = count
        settled |= {nesting.coarse, nesting.fine}
    inner = {nesting.fine for nesting in nestings}
    for nesting in sorted(nestings, key=lambda n: n.coarse in inner):  # from the outside in
        x[nesting.fine] = _within(along, x[nesting.coarse], counts[nesting.fine], rng)
    return Rows(x=x, counts=counts)


def _spread(along: Pass, rows: int, rng: np.random.Generator) -> FloatArray:
    """Rows at nearly equal distances over the whole granule."""
    place = np.arange(rows) + rng.uniform(0.3, 0.7, rows)
    spread: FloatArray = along.begin + along.length * place / rows
    return spread


def _counts(fine: int | None, coarse: int, rng: np.random.Generator) -> IntArray:
    """Fine rows per coarse row; their sum is `fine` where that is given, else they are `coarse`."""
    if fine is None:
        count = rng.poisson(NESTED, coarse) * (rng.random(coarse) >= BARREN)
        count[0] = max(1, count[0])
        return count
    weight = (rng.random(max(1, fine // NESTED)) >= BARREN).astype(float)
    weight[0] = 1.0
    return rng.multinomial(fine, weight / weight.sum())


def _within(
    along: Pass, coarse: FloatArray, count: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Fine rows after the coarse row they belong to, and before the next."""
    edges = np.append(coarse, along.begin + along.length)
    segment = np.repeat(np.arange(len(count)), count)
    place = np.sort(segment + rng.random(len(segment)))
    inside: FloatArray = np.interp(place, np.arange(len(edges)), edges)
    return inside


def counts_cycles(product: Product, path: str, spec: DatasetSpec) -> bool:
    """Whether the second axis of a variable counts visits, one in each cycle."""
    named = (*spec.dims[1:2], *product.dimensions.get(path, ()))
    return bool(spec.trail) and any("cycle" in name for name in named)


def cycles_of(product: Product, template: Template) -> int:
    """How many cycles a granule holds."""
    specs = track_specs(product, template)
    return max((s.trail[0] for p, s in specs.items() if counts_cycles(product, p, s)), default=1)


def numbered_axes(specs: Iterable[DatasetSpec], cycle: int) -> dict[str, Any]:
    """Contents of the dimension scales that only number their axis, by path.

    From 1 on; cycles from `cycle` on.
    """
    made: dict[str, Any] = {}
    for spec in specs:
        counts = spec.path.endswith("/cycle_number")
        if spec.scale and spec.layout != "chunked" and (counts or not spec.value):
            size = int(np.prod(spec.shape, dtype=int))
            made[spec.path] = (cycle if counts else 1) + np.arange(size).reshape(spec.shape)
    return made
