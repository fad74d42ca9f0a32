"""Values of every variable of a track, from its product's table and its recorded structure.

What a variable is follows from the table (time, place, flags, nesting), then from its units
and its name; the others get noise as compressible as the recorded values were.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.products import Flag, Product
from cryodata.sandbox.granules.axes import (
    Rows,
    axis_of,
    counts_cycles,
    path_in_file,
    track_specs,
)
from cryodata.sandbox.granules.filler import fill_column, flag_runs, rounded
from cryodata.sandbox.granules.hdf5_writer import Column
from cryodata.sandbox.granules.roles import is_height, role_of
from cryodata.sandbox.granules.scene import Scene
from cryodata.sandbox.granules.template import DatasetSpec, Template
from cryodata.sandbox.granules.track import SEGMENT, Beam, FloatArray, Pass

__all__ = ["TrackValues", "track_values"]

AnyArray = NDArray[Any]

LOST = 0.06
"""Share of rows without values, where a variable has a fill value."""
MISSED = 0.3
"""Share of the visits that gave nothing, of a row that is visited once in each cycle."""
CYCLE = 91 * 86400.0
"""Time from one visit to the next, s."""


@dataclass(frozen=True)
class TrackValues:
    """Makes the variables of one track.

    Attributes
    ----------
    product : Product
        As the granule's release calls things.
    flags : mapping of str to Flag
        By variable, of the granule's release.
    along, beam
        Where it looks.
    scene : Scene
        How the product looks.
    rows : Rows
    seed : int
    """

    product: Product
    flags: Mapping[str, Flag]
    along: Pass
    beam: Beam
    scene: Scene
    rows: Rows
    seed: int

    def values(self, path: str, spec: DatasetSpec) -> AnyArray:
        """One variable, by its path below the track: (row, *trail), in its dtype."""
        rng = self._rng(path)
        x = self.rows.x[axis_of(self.product, path, spec)]
        if path in self.flags:
            made = _flags(rng, self.flags[path], spec, len(x))
        else:
            known = self._known(path, spec, x, rng)
            made = fill_column(rng, spec, len(x)) if known is None else known
            if self._may_lack(path, spec, known):
                made = self._with_fill(made, path, spec)
        return _cast(made, spec.dtype)

    def height(self, x: FloatArray) -> FloatArray:
        """Ground, m, at `x` m along track."""
        return self.scene.relief * self.along.height(x, self.beam.offset)

    def _rng(self, *what: str) -> np.random.Generator:
        """One for each variable, whatever else there is."""
        keys = [zlib.crc32(word.encode()) for word in what]
        return np.random.default_rng([self.seed, 42, self.beam.number, *keys])

    @cached_property
    def _roles(self) -> dict[str, str]:
        """What the table says of variables: path to ``time``, ``latitude``, ``first`` ..."""
        roles: dict[str, str] = {}
        for rate in self.product.rates:
            roles |= {rate.path(path): name for name, path in rate.coordinates.items()}
        for nesting in self.product.nestings:
            roles |= {nesting.first: "first", nesting.count: "count"}
            if nesting.identity:
                roles[nesting.identity] = "number"
        for reference in self.product.references:
            roles[reference.index] = "index"
            if reference.identity:
                roles[reference.identity] = "number"
        return roles

    def _may_lack(self, path: str, spec: DatasetSpec, known: AnyArray | None) -> bool:
        """Whether rows may have the fill value: measurements, but not what places the rows."""
        if not spec.fill_attribute:
            return False
        visited = counts_cycles(self.product, path, spec)  # and missed in some cycles
        return visited or (path not in self._roles and (known is None or is_height(path, spec)))

    def _known(
        self, path: str, spec: DatasetSpec, x: FloatArray, rng: np.random.Generator
    ) -> AnyArray | None:
        """Values with a meaning; None where only noise is left."""
        name = path.rpartition("/")[2]
        role = self._roles.get(path) or role_of(name, spec)
        if role in {"first", "count"}:
            return self._nested(path, role)
        if role == "index":
            return self._index(path, x)
        if name in _CLOCKS and spec.dtype.kind == "f":
            return _CLOCKS[name](self.along, x)
        if name in {"rgt", "cycle_number"} and spec.dtype.kind in "iu":
            return np.full((len(x), *spec.trail), getattr(self.along, _FACTS[name]))
        if role is None:
            return None
        at = self._places(path, spec, x)
        if name == "ref_pt":
            return self._point(x)
        if role == "number":
            return np.floor(at / SEGMENT)
        if role == "along":
            return at
        if role == "time":
            return np.asarray(self.along.delta_time(at) + self._visits(path, spec))
        if role == "height":
            noise = 0.1 * max(self.scene.relief, 0.3) * rng.standard_normal(at.shape)
            risen = self.along.changed(at, self._visits(path, spec))
            return rounded(self.height(at) + risen + noise, spec)
        latitude, longitude = self.along.position(at.ravel(), self.beam.offset)
        if role == "latitude":
            return latitude.reshape(at.shape)
        if self.scene.full_circle:
            longitude %= 360.0
        return longitude.reshape(at.shape)

    def _nested(self, path: str, role: str) -> AnyArray:
        """First fine row, from 1, and number of fine rows of each coarse row."""
        fine = next(n.fine for n in self.product.nestings if path in {n.first, n.count})
        count = self.rows.counts[fine]
        return count if role == "count" else np.where(count, np.cumsum(count) - count + 1, 0)

    def _index(self, path: str, x: FloatArray) -> AnyArray:
        """Places of rows among those of another product."""
        reference = next(r for r in self.product.references if r.index == path)
        row = np.arange(len(x))
        if not reference.identity:  # every other one of them
            return reference.start + 2 * row
        segment = np.floor(x / SEGMENT)
        return reference.start + row - np.searchsorted(segment, segment)

    def _point(self, x: FloatArray) -> AnyArray:
        """Number of the row of the main rate that each place is next to."""
        main = self.rows.x[self.product.rows]
        near = np.minimum(np.searchsorted(main, x), len(main) - 1)
        return np.floor(main[near] / SEGMENT)

    def _places(self, path: str, spec: DatasetSpec, x: FloatArray) -> FloatArray:
        """Where each value looks, (row, *trail): parts of a row lie one after another."""
        if not spec.trail:
            return x
        parts = int(np.prod(spec.trail))
        step = 0.0 if counts_cycles(self.product, path, spec) else SEGMENT
        shifts = step * (np.arange(parts) - (parts - 1) / 2)
        return (x[:, None] + shifts).reshape(len(x), *spec.trail)

    def _visits(self, path: str, spec: DatasetSpec) -> FloatArray:
        """Seconds from the first visit to each, along the last axis; 0 where there is one."""
        if not counts_cycles(self.product, path, spec):
            return np.zeros(1)
        return CYCLE * np.arange(spec.trail[0], dtype=np.float64)

    def _with_fill(self, values: AnyArray, path: str, spec: DatasetSpec) -> AnyArray:
        """The values, but for a share of the rows, the same in all variables of an axis."""
        shape = np.shape(values)
        axis = axis_of(self.product, path, spec)
        rng = self._rng(axis, "lost", str(spec.trail))
        known = np.array([False, True])
        share = MISSED if counts_cycles(self.product, path, spec) else LOST
        lost = flag_runs(rng, int(np.prod(shape)), known, change=0.3, share=share)
        return np.where(lost.reshape(shape), spec.dtype.type(spec.fill), values)


_FACTS = {"rgt": "rgt", "cycle_number": "cycle"}


def _since_start(along: Pass, x: FloatArray) -> AnyArray:
    """Seconds since the start of the file."""
    return np.asarray(along.delta_time(x) - along.delta_time(along.begin))


def _digits(along: Pass, x: FloatArray) -> AnyArray:
    """Time of the day as a number of six digits and a fraction, ``hhmmss.sss``."""
    day = np.asarray(along.delta_time(x)) % 86400.0
    return day // 3600 * 10000 + day % 3600 // 60 * 100 + day % 60


_CLOCKS = {"rel_time": _since_start, "time_hhmmss": _digits}


def track_values(
    maker: TrackValues, template: Template, known: Mapping[str, AnyArray]
) -> dict[str, Column]:
    """Datasets with rows of one track, by absolute path.

    Parameters
    ----------
    maker : TrackValues
        Makes them.
    template : Template
        Says which there are; as the granule's release calls things.
    known : mapping of str to (row, ...) array
        Variables made otherwise, by path below the track.
    """
    columns: dict[str, Column] = {}
    for path, spec in track_specs(maker.product, template).items():
        values = _cast(known[path], spec.dtype) if path in known else maker.values(path, spec)
        columns[path_in_file(maker.beam, path)] = Column.of(values)
    return columns


def _flags(rng: np.random.Generator, flag: Flag, spec: DatasetSpec, rows: int) -> AnyArray:
    """Words of the table in runs, the good ones first."""
    values = [flag.words[word] for word in dict.fromkeys((*flag.good, *flag.words))]
    count = rows * int(np.prod(spec.trail, dtype=int))
    change = min(0.5, max(0.02, spec.stored * rows / max(1, count) / 1.5))
    if len(values) == 1:
        return np.full((rows, *spec.trail), values[0])
    return flag_runs(rng, count, np.array(values), change=change).reshape((rows, *spec.trail))


def _cast(values: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    """In the stored type; integers stay within it."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        values = np.clip(values, limits.min, limits.max)
    return values.astype(dtype)
