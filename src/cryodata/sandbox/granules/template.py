"""What a product's file consists of: recorded from real granules or published dictionaries.

No measurements are in it. Who recorded what from where is in the ``credit`` of each file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from cryodata.errors import UnknownProductError, close_names
from cryodata.sandbox.granules.track import Beam

__all__ = ["Attributes", "DatasetSpec", "Template", "load", "recorded"]

Attributes = Mapping[str, Any]
"""Attributes by name: str, or numpy scalars and arrays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """One dataset of a product, before it has rows.

    Attributes
    ----------
    path : str
        Absolute; ``{beam}`` stands for each beam.
    dtype : numpy.dtype
        Little-endian, as stored.
    layout : {"chunked", "contiguous", "compact"}
        Chunked datasets have rows; the others have a fixed `shape`.
    shape : tuple of int
        Of a dataset without rows.
    trail : tuple of int
        Axes after the rows.
    chunk : tuple of int
        Shape of a chunk, rows first.
    filters : tuple of str
        ``shuffle``, ``deflate``.
    fill : int or float
        HDF5 fill value.
    fill_attribute : bool
        There is a ``_FillValue`` too.
    scale : bool
        It is a dimension scale.
    dims : tuple of str
        Paths of the scales of its axes; empty where the file has none.
    stored : float
        Stored bytes per row in the real granule: what synthetic values aim at.
    value : tuple
        Contents where these do not change from granule to granule.
    """

    path: str
    dtype: np.dtype[Any]
    layout: Literal["chunked", "contiguous", "compact"] = "chunked"
    shape: tuple[int, ...] = ()
    trail: tuple[int, ...] = ()
    chunk: tuple[int, ...] = ()
    filters: tuple[str, ...] = ()
    fill: float = 0
    fill_attribute: bool = False
    scale: bool = False
    dims: tuple[str, ...] = ()
    stored: float = 0.0
    value: tuple[Any, ...] = ()
    attributes: Attributes = field(default_factory=dict)

    def of(self, beam: str) -> DatasetSpec:
        """The dataset of one beam."""
        return replace(
            self,
            path=self.path.replace("{beam}", beam),
            dims=tuple(path.replace("{beam}", beam) for path in self.dims),
        )


@dataclass(frozen=True, slots=True)
class Template:
    """Groups and datasets of one product.

    Attributes
    ----------
    groups : mapping of str to mapping
        Attributes of each group by path, parents first.
    datasets : tuple of DatasetSpec
        In the order of the real file.
    names : tuple of str
        Paths of further datasets, of which only the name is known for sure: not their type.
    """

    groups: Mapping[str, Attributes]
    datasets: tuple[DatasetSpec, ...]
    names: tuple[str, ...] = ()

    def with_beams(
        self, beams: tuple[Beam, ...], empty: tuple[str, ...], kept: tuple[str, ...] = ()
    ) -> Template:
        """The template of a granule with these beams.

        Parameters
        ----------
        beams : tuple of Beam
        empty : tuple of str
            Those of them without data.
        kept : tuple of str
            Paths below a beam of the datasets that those without data still have, and no
            group but theirs. If none, they have all groups and no dataset.
        """
        groups = {path: a for path, a in self.groups.items() if "{beam}" not in path}
        datasets = [spec for spec in self.datasets if "{beam}" not in spec.path]
        left = tuple(f"/{{beam}}/{path}" for path in kept)
        for beam in beams:
            bare = beam.name in empty
            for path, attributes in self.groups.items():
                if "{beam}" in path and not (bare and left and _unneeded(path, left)):
                    own = beam.attributes() if path == "/{beam}" else {}
                    said = {name: own.get(name, value) for name, value in attributes.items()}
                    groups[path.replace("{beam}", beam.name)] = said
            datasets += [
                spec.of(beam.name)
                for spec in self.datasets
                if "{beam}" in spec.path and (not bare or spec.path in left)
            ]
        return Template(MappingProxyType(groups), tuple(datasets))

    def renamed(self, names: Mapping[str, str]) -> Template:
        """The template with other names for what lies below the beams.

        Parameters
        ----------
        names : mapping of str to str
            Path of a group or dataset below the beam to what it is called instead; see
            `cryodata.products.Release`.
        """
        if not names:
            return self
        ours = sorted(names, key=len, reverse=True)

        def called(path: str) -> str:
            below = path.removeprefix("/{beam}/")
            name = next((o for o in ours if (below + "/").startswith(o + "/")), None)
            if below == path or name is None:
                return path
            return f"/{{beam}}/{names[name]}{below.removeprefix(name)}"

        theirs: dict[str, DatasetSpec] = {}
        for spec in self.datasets:
            path = called(spec.path)
            if path == spec.path or path not in theirs:  # what is called so already stays
                theirs[path] = replace(spec, path=path, dims=tuple(map(called, spec.dims)))
        groups = {called(path): attributes for path, attributes in self.groups.items()}
        parents_first = dict(sorted(groups.items(), key=lambda item: item[0].count("/")))
        return Template(MappingProxyType(parents_first), tuple(theirs.values()))

    def beam_datasets(self) -> dict[str, DatasetSpec]:
        """Datasets of each beam, by their path below the beam."""
        start = "/{beam}/"
        return {s.path.removeprefix(start): s for s in self.datasets if s.path.startswith(start)}


def _unneeded(group: str, datasets: tuple[str, ...]) -> bool:
    """Whether a group of a beam holds none of `datasets`."""
    return group.startswith("/{beam}") and not any(d.startswith(f"{group}/") for d in datasets)


@cache
def recorded() -> tuple[str, ...]:
    """Products whose structure was recorded, sorted: ``atl03``, ``atl06`` ..."""
    names = [entry.name for entry in resources.files(__package__).iterdir()]
    return tuple(sorted(n.removesuffix(".json") for n in names if n.endswith(".json")))


@cache
def load(product: str) -> Template:
    """The recorded template of a product, by its short name in lower case: ``atl06``.

    Raises
    ------
    UnknownProductError
        If none was recorded.
    """
    source = resources.files(__package__).joinpath(f"{product}.json")
    if not source.is_file():
        raise UnknownProductError(
            f"No structure of {product.upper()} was recorded", fix=close_names(product, recorded())
        )
    kept = json.loads(source.read_text("utf-8"))
    groups = {path: _attributes(given) for path, given in kept["groups"].items()}
    datasets = tuple(_spec(path, given) for path, given in kept["datasets"].items())
    return Template(MappingProxyType(groups), datasets, tuple(kept.get("names", ())))


def _spec(path: str, given: dict[str, Any]) -> DatasetSpec:
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    fields["dtype"] = np.dtype(given["dtype"])
    fields["attributes"] = _attributes(given["attributes"])
    return DatasetSpec(path=path, **fields)


def _attributes(given: dict[str, Any]) -> Attributes:
    """Text as str, numbers in the type they were recorded with."""
    return MappingProxyType(
        {
            name: value if isinstance(value, str) else np.array(value["value"], value["dtype"])
            for name, value in given.items()
        }
    )
