"""Land ice heights: segments of 40 m every 20 m, where the ground was seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.sandbox.granules.filler import coarse, fill_column, flag_runs
from cryodata.sandbox.granules.template import Template
from cryodata.sandbox.granules.track import SEGMENT, Beam, Pass

__all__ = ["along_track_length", "beam_columns", "bin_tops"]

AnyArray = NDArray[Any]

SEEN = 0.9
"""Share of segments with a height; the others have no row."""
MISSING = 0.03
"""Share of rows in which only the other beam of the pair has a height."""
RESIDUAL_BINS = 748
ROWS_PER_HISTOGRAM = 10
QUALITY_ROWS = 20


def along_track_length(segments: int) -> float:
    """How far `segments` rows reach, m."""
    return segments / SEEN * SEGMENT


def bin_tops() -> AnyArray:
    """Upper edges of the bins of the residual histogram, m from the surface."""
    return (np.arange(RESIDUAL_BINS) - RESIDUAL_BINS / 2 + 1) * 0.01


def beam_columns(
    along: Pass, beam: Beam, template: Template, segments: int, seed: int
) -> Mapping[str, AnyArray]:
    """Datasets with rows of one beam, by absolute path.

    Variables without a model here get values from `fill_column`.
    """
    rng = np.random.default_rng([seed, 6, beam.number])
    number = _segments_seen(along, segments, np.random.default_rng([seed, 6, 9, beam.number // 2]))
    known = {
        **_land_ice_segments(along, beam, number, rng),
        **_residual_histogram(along, beam, number, rng),
        **_segment_quality(along, beam, number, rng),
    }
    columns: dict[str, AnyArray] = {}
    rows = {"land_ice_segments": len(number), "residual_histogram": len(number) // 10}
    lost = flag_runs(rng, len(number), np.array([False, True]), change=0.1, share=MISSING)
    for path, spec in template.beam_datasets().items():
        if spec.layout != "chunked":
            continue
        group = path.split("/")[0]
        values = known.get(path)
        if values is None:
            count = rows.get(group, len(known["segment_quality/segment_id"]))
            values = fill_column(rng, spec, count)
        values = values.astype(spec.dtype)
        if group == "land_ice_segments" and spec.fill_attribute and spec.fill and _is_fit(path):
            values[lost] = spec.fill
        columns[f"/{beam.name}/{path}"] = values
    columns[f"/{beam.name}/land_ice_segments/atl06_quality_summary"][lost] = 1
    return {**columns, **_assessment(beam, template, columns, rng)}


def _is_fit(path: str) -> bool:
    """Whether a variable comes from the fit, and so is missing where that failed."""
    below = path.removeprefix("land_ice_segments/")
    return "/" not in below or below.startswith(("fit_statistics/", "bias_correction/"))


def _segments_seen(along: Pass, segments: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Segment numbers with a row: the same in both beams of a pair, with gaps for clouds."""
    step = np.ones(segments, dtype=np.int64)
    gaps = rng.random(segments) < 0.01
    step[gaps] += rng.geometric(0.01 / (1 / SEEN - 1), gaps.sum())
    return int(along.begin / SEGMENT) + np.cumsum(step)


def _land_ice_segments(
    along: Pass, beam: Beam, number: NDArray[np.int64], rng: np.random.Generator
) -> dict[str, AnyArray]:
    count = len(number)
    x = number * SEGMENT + 0.7 * rng.standard_normal(count)
    y = beam.offset + 5 * np.sin(x / 4e4)
    latitude, longitude = along.position(x, y)
    height = along.height(x, y)
    slope = (along.height(x + SEGMENT, y) - along.height(x - SEGMENT, y)) / (2 * SEGMENT)
    photons = rng.poisson(_photons_along(beam) * (1 + 0.3 * np.sin(x / 3e4)))
    noise = rng.gamma(9, 0.012, count)
    sigma = noise / np.sqrt(np.maximum(photons, 1)) * 2
    doubtful = flag_runs(rng, count, np.array([0, 1]), change=0.1, share=0.08)
    source = flag_runs(rng, count, np.array([0, 1, 2]), change=0.03, share=0.1)
    group = "land_ice_segments"
    fit = f"{group}/fit_statistics"
    track = f"{group}/ground_track"
    return {
        f"{group}/delta_time": along.delta_time(x),
        f"{group}/latitude": latitude,
        f"{group}/longitude": longitude,
        f"{group}/segment_id": number,
        f"{group}/h_li": height + sigma * rng.standard_normal(count),
        f"{group}/h_li_sigma": sigma,
        f"{group}/sigma_geo_h": np.hypot(0.03, slope * rng.gamma(20, 0.25, count)),
        f"{group}/atl06_quality_summary": doubtful,
        f"{fit}/dh_fit_dx": slope + 0.002 * rng.standard_normal(count),
        f"{fit}/dh_fit_dx_sigma": sigma / 10 * rng.gamma(30, 1 / 30, count),
        f"{fit}/dh_fit_dy": slope * 0.5 + 0.002 * rng.standard_normal(count),
        f"{fit}/h_mean": height + 2 * sigma * rng.standard_normal(count),
        f"{fit}/h_robust_sprd": noise,
        f"{fit}/h_rms_misfit": noise * rng.gamma(50, 1 / 50, count),
        f"{fit}/n_fit_photons": photons,
        f"{fit}/signal_selection_source": source,
        f"{fit}/snr_significance": np.where(doubtful, 0.01 * rng.integers(0, 6, count), 0.0),
        f"{fit}/w_surface_window_final": np.maximum(
            3.0, coarse((30 * noise * (rng.random(count) < 0.65)).astype("f4"), 20)
        ),
        f"{group}/dem/dem_h": height + rng.standard_normal(count),
        f"{group}/dem/geoid_h": 30 + 5 * np.sin(x / 2e5),
        f"{track}/x_atc": x,
        f"{track}/y_atc": coarse((y + 0.1 * rng.standard_normal(count)).astype("f4"), 21),
        f"{track}/seg_azimuth": coarse((-5 + 0.3 * np.sin(x / 1e5)).astype("f4"), 22),
    }


def _photons_along(beam: Beam) -> float:
    """Photons of signal in a segment of 40 m, on average."""
    return 220.0 if beam.strong else 100.0


def _residual_histogram(
    along: Pass, beam: Beam, number: NDArray[np.int64], rng: np.random.Generator
) -> dict[str, AnyArray]:
    """Photon counts around the fitted surface, every 200 m."""
    rows = len(number) // ROWS_PER_HISTOGRAM
    listed = number[: rows * ROWS_PER_HISTOGRAM].reshape(rows, ROWS_PER_HISTOGRAM)
    x = listed.mean(axis=1) * SEGMENT
    latitude, longitude = along.position(x, beam.offset)
    expected = np.full(RESIDUAL_BINS, 0.15)
    middle = np.arange(RESIDUAL_BINS) - RESIDUAL_BINS / 2
    expected += _photons_along(beam) / 10 * np.exp(-((middle / 9) ** 2))
    return {
        "residual_histogram/count": rng.poisson(expected, (rows, RESIDUAL_BINS)),
        "residual_histogram/segment_id_list": listed,
        "residual_histogram/delta_time": along.delta_time(x),
        "residual_histogram/lat_mean": latitude,
        "residual_histogram/lon_mean": longitude,
        "residual_histogram/x_atc_mean": x,
    }


def _segment_quality(
    along: Pass, beam: Beam, number: NDArray[np.int64], rng: np.random.Generator
) -> dict[str, AnyArray]:
    """Every segment passed, with the row of its height or 0."""
    first, last = (number[0], number[-1] + 1) if len(number) else (0, 0)
    dense = np.arange(first, last)
    record = np.zeros(len(dense), dtype=np.int64)
    record[number - first] = np.arange(1, len(number) + 1)
    x = dense * SEGMENT
    latitude, longitude = along.position(x, beam.offset)
    return {
        "segment_quality/segment_id": dense,
        "segment_quality/record_number": record,
        "segment_quality/delta_time": along.delta_time(x),
        "segment_quality/reference_pt_lat": latitude,
        "segment_quality/reference_pt_lon": longitude,
        "segment_quality/signal_selection_source": np.where(
            record, flag_runs(rng, len(dense), np.array([0, 1, 2]), change=0.01), 3
        ),
    }


def _assessment(
    beam: Beam, template: Template, columns: Mapping[str, AnyArray], rng: np.random.Generator
) -> dict[str, AnyArray]:
    """``/quality_assessment``: a few rows per beam."""
    start = "/quality_assessment/{beam}/"
    row = np.linspace(0, 1, QUALITY_ROWS)
    group = f"/{beam.name}/land_ice_segments"
    means = {
        "delta_time": columns[f"{group}/delta_time"],
        "lat_mean": columns[f"{group}/latitude"],
        "lon_mean": columns[f"{group}/longitude"],
    }
    made: dict[str, AnyArray] = {}
    for spec in template.datasets:
        if not spec.path.startswith(start):
            continue
        name = spec.path.removeprefix(start)
        if name in means and len(means[name]):
            picked = (row * (len(means[name]) - 1)).astype(int)
            values = means[name][picked]
        else:
            values = rng.random(QUALITY_ROWS).astype(spec.dtype)
        made[f"/quality_assessment/{beam.name}/{name}"] = values
    return made
