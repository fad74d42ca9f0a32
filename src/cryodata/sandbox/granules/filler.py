"""Plausible values for the many variables nobody looks at, as compressible as the real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.sandbox.granules.template import DatasetSpec

__all__ = ["coarse", "fill_column", "flag_runs"]

AnyArray = NDArray[Any]

# Stored bytes per value after deflate, measured on noise with so many bits of mantissa kept.
_F4_BYTES = (0.23, 0.53, 0.89, 1.26, 1.65, 1.99, 2.30, 2.55, 2.82, 3.11, 3.34)
_F4_BITS = (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 23)
_F8_BYTES = (1.58, 2.31, 2.77, 3.48, 4.22, 4.94, 5.95, 6.98)
_F8_BITS = (12, 16, 20, 24, 30, 36, 44, 52)
# Stored bytes per int32 after shuffle and deflate, by standard deviation of the noise.
_I4_BYTES = (0.32, 0.53, 0.89, 1.18, 1.37)
_I4_NOISE = (1.0, 4.0, 16.0, 64.0, 256.0)


_SCALE = {
    "bsnow": 2.0**3,
    "dac": 2.0**-7,
    "delay": 2.0**-2,
    "fpb_": 2.0**-9,
    "r_eff": 2.0**-4,
    "sigma": 2.0**-7,
    "solar_azimuth": 2.0**4,
    "tide": 2.0**-6,
    "tx_": 2.0**-12,
}
"""What values of about 10 are multiplied with, by part of the name: sensible magnitudes in
metres, degrees and so on. Powers of two leave the compressibility as it is."""


def coarse(values: AnyArray, bits: int) -> AnyArray:
    """Floats with only `bits` bits of mantissa: rounded towards zero, and easier to compress."""
    kept = 23 if values.dtype == np.float32 else 52
    raw = values.view(f"u{values.dtype.itemsize}")
    mask = ~((1 << max(0, kept - bits)) - 1) & ((1 << (8 * values.dtype.itemsize)) - 1)
    shorter: AnyArray = (raw & raw.dtype.type(mask)).view(values.dtype)
    return shorter


def flag_runs(
    rng: np.random.Generator, rows: int, values: AnyArray, *, change: float, share: float = 0.25
) -> AnyArray:
    """Flags that are looked at anew every ``1 / change`` rows on average.

    They are the first of `values` but for a `share` of the rows, (row,).
    """
    starts = np.concatenate([[0], np.flatnonzero(rng.random(rows) < change)])
    drawn = np.where(
        rng.random(len(starts)) < share, rng.choice(values[1:], size=len(starts)), values[0]
    )
    return np.repeat(drawn, np.diff(np.append(starts, rows)))


def fill_column(rng: np.random.Generator, spec: DatasetSpec, rows: int) -> AnyArray:
    """Values of a variable without a model, (rows, *trail)."""
    count = rows * int(np.prod(spec.trail, dtype=int))
    wanted = spec.stored * rows / max(1, count)
    if spec.dtype.kind == "f":
        name = spec.path.rpartition("/")[2]
        scale = next((scale for part, scale in _SCALE.items() if part in name), 1.0)
        flat = scale * _floats(rng, spec.dtype, count, wanted)
    elif "flag_values" in spec.attributes or spec.dtype.itemsize == 1:
        flags = np.atleast_1d(spec.attributes.get("flag_values", [0, 1]))
        flat = flag_runs(rng, count, flags, change=min(0.5, wanted / 1.5))
    else:
        noise = float(np.interp(wanted, _I4_BYTES, _I4_NOISE))
        flat = np.round(1000 + noise * rng.standard_normal(count))
    return flat.astype(spec.dtype).reshape((rows, *spec.trail))


def _floats(rng: np.random.Generator, dtype: np.dtype[Any], count: int, wanted: float) -> AnyArray:
    """Slow waves with noise, as fine as it takes to need `wanted` bytes per value."""
    if wanted < 1.0:  # values that stay for a while
        run = max(1, round(3.5 / max(wanted, 1e-3)))
        few = _floats(rng, dtype, -(-count // run), 3.5)
        return np.repeat(few, run)[:count]
    wave = np.sin(np.linspace(0, 2 * np.pi * (1 + count / 40_000), count) + rng.uniform(0, 6))
    spread = 0.05 if wanted < 3.3 else 0.6
    values = (10.0 * (1 + 0.3 * wave + spread * rng.standard_normal(count))).astype(dtype)
    table = (_F4_BYTES, _F4_BITS) if dtype.itemsize == 4 else (_F8_BYTES, _F8_BITS)
    return coarse(values, round(float(np.interp(wanted, *table))))
