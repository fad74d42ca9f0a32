"""How a release lays out its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cryodata.sandbox.granules.template import DatasetSpec, Template

__all__ = ["ORIGINAL", "PAGED", "PLAIN", "Style", "restyle"]

PAGE = 8 << 20
_HEIGHTS = "/{beam}/heights"  # of ATL03
_PHOTON = {"delta_time", "lat_ph", "lon_ph", "h_ph", "signal_conf_ph"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Container of one release.

    Attributes
    ----------
    name : str
        ``original``, ``paged`` or ``plain``.
    creation : mapping
        Arguments of `h5py.File`.
    ordered : bool
        Groups keep the order in which their members were made, and hold links as messages.
    repacked : bool
        Chunks lie dataset by dataset, as after ``h5repack``; else in the order in which the
        product's writer flushed them: mixed over beams and variables.
    photon_chunk : int
        Photons per chunk of the main photon variables.
    compact : bool
        Small datasets lie in their headers.
    largest_chunk : int or None
        Bytes of a decoded chunk at most.
    photon_classes : bool
        ``heights`` has the variables of release 007: ``signal_class_ph``, and ``weight_ph``
        of two bytes.
    """

    name: str
    creation: Mapping[str, Any] = field(default_factory=dict)
    ordered: bool = True
    repacked: bool = False
    photon_chunk: int = 10_000
    compact: bool = True
    largest_chunk: int | None = None
    photon_classes: bool = False


ORIGINAL = Style(name="original")
"""Of releases of ICESat-2 up to 006."""
PAGED = Style(
    name="paged",
    creation={"fs_strategy": "page", "fs_page_size": PAGE, "fs_persist": True},
    repacked=True,
    photon_chunk=100_000,
    compact=False,
    largest_chunk=PAGE,  # no chunk may be larger than a page
    photon_classes=True,
)
"""Of release 007. It follows NSIDC's cloud optimisation (pages of 8 MiB, larger photon chunks,
nothing compact); no granule of it was at hand to compare with."""
PLAIN = Style(name="plain", ordered=False)
"""As HDF5 libraries write when nothing else is asked for: groups are symbol tables."""


def restyle(template: Template, style: Style) -> Template:
    """A template of release 006 as `style` lays it out."""
    datasets = [_restyled(spec, style) for spec in template.datasets]
    if style.photon_classes:
        quality = [spec for spec in datasets if spec.path == f"{_HEIGHTS}/quality_ph"]
        datasets += [_signal_class(spec) for spec in quality]
    return Template(template.groups, tuple(datasets))


def _restyled(spec: DatasetSpec, style: Style) -> DatasetSpec:
    if spec.layout == "compact" and not style.compact:
        return replace(spec, layout="contiguous")
    group, _, name = spec.path.rpartition("/")
    if group == _HEIGHTS and name in _PHOTON:
        return replace(spec, chunk=(style.photon_chunk, *spec.chunk[1:]))
    if name == "weight_ph" and style.photon_classes:
        return replace(spec, dtype=np.dtype("u2"))
    size = spec.dtype.itemsize * int(np.prod(spec.chunk, dtype=int))
    if style.largest_chunk and size > style.largest_chunk:
        rows = spec.chunk[0] * style.largest_chunk // size // 100 * 100
        return replace(spec, chunk=(rows, *spec.chunk[1:]))
    return spec


def _signal_class(quality: DatasetSpec) -> DatasetSpec:
    """The classification new in 007."""
    return replace(
        quality,
        path=quality.path.replace("quality_ph", "signal_class_ph"),
        stored=0.1,
        attributes={
            "contentType": "qualityInformation",
            "coordinates": "delta_time lat_ph lon_ph",
            "flag_meanings": "likely_tep not_considered noise buffer low medium high",
            "flag_values": np.array([-2, -1, 0, 1, 2, 3, 4], "i1"),
            "long_name": "Photon Signal Class",
            "units": "1",
        },
    )
