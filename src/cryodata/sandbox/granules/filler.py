"""Plausible values for the many variables nobody looks at, as compressible as the real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.sandbox.granules.template import DatasetSpec

__all__ = ["coarse", "fill_column", "flag_runs", "rounded"]

AnyArray = NDArray[Any]

# Stored bytes per value after deflate, measured on noise with so many bits of mantissa kept.
_F4_BYTES = (0.23, 0.53, 0.89, 1.26, 1.65, 1.99, 2.30, 2.55, 2.82, 3.11, 3.34)
_F4_BITS = (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 23)
_F8_BYTES = (1.58, 2.31, 2.77, 3.48, 4.22, 4.94, 5.95, 6.98)
_F8_BITS = (12, 16, 20, 24, 30, 36, 44, 52)
# Stored bytes per int32 after shuffle and deflate, by standard deviation of the noise.
_I4_BYTES = (0.32, 0.53, 0.89, 1.18, 1.37)
_I4_NOISE = (1.0, 4.0, 16.0, 64.0, 256.0)


_USUAL = {"f4": 3.0, "f8": 6.0, "i4": 0.9, "i8": 0.9}
"""Stored bytes per value where no granule was at hand to measure them, by dtype."""
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
    wanted = _wanted(spec)
    if spec.dtype.kind == "f":
        name = spec.path.rpartition("/")[2]
        scale = next((scale for part, scale in _SCALE.items() if part in name), 1.0)
        flat = _valid(scale * _floats(rng, spec.dtype, count, wanted), spec, wanted)
    elif "flag_values" in spec.attributes or spec.dtype.itemsize == 1:
        flags = np.atleast_1d(spec.attributes.get("flag_values", [0, 1]))
        flat = flag_runs(rng, count, flags, change=min(0.5, wanted / 1.5))
    else:
        flat = _valid(_integers(rng, count, wanted), spec, wanted)
    return flat.astype(spec.dtype).reshape((rows, *spec.trail))


def _integers(rng: np.random.Generator, count: int, wanted: float) -> AnyArray:
    """Whole numbers about 1000, as noisy as it takes to need `wanted` bytes per value."""
    if wanted < _I4_BYTES[0]:  # values that stay for a while
        run = max(2, round(0.9 / max(wanted, 1e-3)))
        return np.repeat(_integers(rng, -(-count // run), _I4_BYTES[1]), run)[:count]
    noise = float(np.interp(wanted, _I4_BYTES, _I4_NOISE))
    return np.round(1000 + noise * rng.standard_normal(count))


def _floats(rng: np.random.Generator, dtype: np.dtype[Any], count: int, wanted: float) -> AnyArray:
    """Slow waves with noise, as fine as it takes to need `wanted` bytes per value."""
    if wanted < 1.0:  # values that stay for a while
        run = max(1, round(3.5 / max(wanted, 1e-3)))
        few = _floats(rng, dtype, -(-count // run), 3.5)
        return np.repeat(few, run)[:count]
    wave = np.sin(np.linspace(0, 2 * np.pi * (1 + count / 40_000), count) + rng.uniform(0, 6))
    spread = 0.05 if wanted < 3.3 else 0.6
    values = (10.0 * (1 + 0.3 * wave + spread * rng.standard_normal(count))).astype(dtype)
    return coarse(values, _bits(dtype, wanted))


def _bits(dtype: np.dtype[Any], wanted: float) -> int:
    """Bits of mantissa that noise may have to need `wanted` bytes per value."""
    table = (_F4_BYTES, _F4_BITS) if dtype.itemsize == 4 else (_F8_BYTES, _F8_BITS)
    return round(float(np.interp(wanted, *table)))


def _valid(values: AnyArray, spec: DatasetSpec, wanted: float) -> AnyArray:
    """The values, brought between ``valid_min`` and ``valid_max`` where they were not."""
    low, high = (spec.attributes.get(name) for name in ("valid_min", "valid_max"))
    if low is None or high is None or isinstance(low, str) or isinstance(high, str):
        return values
    low, high = float(low), float(high)
    if not values.size or (low <= values.min() and values.max() <= high) or not low < high < 1e9:
        return values
    share = (values - values.min()) / max(float(np.ptp(values)), 1e-30)
    moved: AnyArray = low + (high - low) * share
    if spec.dtype.kind != "f":
        return np.round(moved)
    return coarse(moved.astype(spec.dtype), _bits(spec.dtype, wanted))


def rounded(values: AnyArray, spec: DatasetSpec) -> AnyArray:
    """Floats as fine as they were in the recorded granule, (row, *trail)."""
    return coarse(values.astype(spec.dtype), _bits(spec.dtype, _wanted(spec)))


def _wanted(spec: DatasetSpec) -> float:
    """Stored bytes per value to aim at; of a usual variable where none were recorded."""
    if not spec.stored:
        return _USUAL.get(spec.dtype.str[1:], 0.05)
    return spec.stored / max(1, int(np.prod(spec.trail, dtype=int)))
