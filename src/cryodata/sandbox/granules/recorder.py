"""Records what real granules consist of, for `template.load`: their structure, no measurements.

The templates beside this module were made with it::

    recorded = record([path, another], tracks=products.get("ATL07").tracks, credit="...")
    Path("atl07.json").write_text(as_json(recorded))
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = ["as_json", "record"]

BEAM = "{beam}"
MADE_UP = "cryodata sandbox (synthetic: not NASA data)"
LONGEST_TEXT = 480
LARGEST_VALUE = 2_000
_LAYOUTS = {h5py.h5d.COMPACT: "compact", h5py.h5d.CONTIGUOUS: "contiguous"}
_WRITTEN_ANEW = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_FillValue"}
_OF_THE_GRANULE = {"citation", "history", "license", "publisher_email", "publisher_url"}
_DOCUMENTS = ("iso_19139", "Processing Parameters")  # whole documents, of no use when cut
_PRODUCERS = {"creator_name", "institution", "publisher_name"}

Recorded = dict[str, Any]


def record(files: Sequence[Path], *, tracks: Sequence[str], credit: str) -> Recorded:
    """The structure of the product that `files` are granules of.

    What the first file has is taken from it; the others add what it lacks. All tracks are
    recorded as one, ``{beam}``: what the one with most data lacks comes from the others.

    Parameters
    ----------
    files : sequence of pathlib.Path
        HDF5 files, the best one first.
    tracks : sequence of str
        Groups that hold one track each; those of a product without tracks are ``("",)``.
    credit : str
        Where the files are from.

    Returns
    -------
    dict
        ``credit``, ``groups`` and ``datasets``, for `as_json`. ``stored`` is measured on the
        track with most data. A dataset that only labels an axis is recorded with its
        contents, as one without rows, even where the file stores it in chunks.
    """
    groups: Recorded = {}
    datasets: Recorded = {}
    tracks = [track for track in tracks if track]
    for path in files:
        with h5py.File(path) as file:
            groups.setdefault("/", _root_attributes(file))
            for top in _in_order(file, tracks):
                _visit(file[top], tracks, groups, datasets)
    return {"credit": credit, "groups": groups, "datasets": datasets}


def as_json(recorded: Mapping[str, Any]) -> str:
    """As the templates are kept: one line for each group and dataset."""
    lines = ["{", f'"credit": {json.dumps(recorded["credit"])},']
    if "names" in recorded:  # of a dictionary: datasets whose type it does not tell
        lines.append(f'"names": {json.dumps(recorded["names"])},')
    for part, end in (("groups", "},"), ("datasets", "}")):
        lines.append(f'"{part}": {{')
        items = [f"{json.dumps(path)}: {json.dumps(g)}" for path, g in recorded[part].items()]
        lines.append(",\n".join(items))
        lines.append(end)
    return "\n".join([*lines, "}", ""])


def _in_order(file: h5py.File, tracks: Sequence[str]) -> Iterable[str]:
    """Members of the root: tracks last, the one with most data first of them."""

    def size(track: str) -> int:
        total = 0

        def add(_: str, found: Any) -> None:
            nonlocal total
            total += found.id.get_storage_size() if isinstance(found, h5py.Dataset) else 0

        file[track].visititems(add)
        return total

    there = [track for track in tracks if track in file]
    return [name for name in file if name not in there] + sorted(there, key=size, reverse=True)


def _visit(
    item: h5py.Group | h5py.Dataset, tracks: Sequence[str], groups: Recorded, datasets: Recorded
) -> None:
    shown = _shown(item.name, tracks)
    if isinstance(item, h5py.Dataset):
        if shown not in datasets:
            datasets[shown] = _dataset(item, tracks)
        return
    groups.setdefault(shown, _attributes(item))
    for name in item:
        _visit(item[name], tracks, groups, datasets)


def _shown(path: str, tracks: Sequence[str]) -> str:
    """A path with ``{beam}`` for the track in it: ``/quality_assessment/gt1l`` has one, too."""
    return "/".join(BEAM if part in tracks else part for part in path.split("/"))


def _dataset(dataset: h5py.Dataset, tracks: Sequence[str]) -> Recorded:
    """As `template.DatasetSpec` wants it; what has its usual value is left out."""
    creation = dataset.id.get_create_plist()
    stored = dataset.dtype.str.lstrip("<|=")
    made: Recorded = {"dtype": stored}
    if dataset.is_scale:
        made["scale"] = True
    labelled = _axes_labelled(dataset)
    labels_only = bool(labelled) and 0 not in labelled
    if dataset.chunks is None or dataset.dtype.kind == "S" or labels_only:
        made["layout"] = _LAYOUTS.get(creation.get_layout(), "contiguous")
        made["shape"] = list(dataset.shape)
        if dataset.dtype.itemsize * dataset.size <= LARGEST_VALUE:
            made["value"] = _plain(np.atleast_1d(dataset[()]))
    else:
        made["chunk"] = list(dataset.chunks)
        made["trail"] = list(dataset.shape[1:])
        used = {"shuffle": dataset.shuffle, "deflate": dataset.compression == "gzip"}
        made["filters"] = [name for name, there in used.items() if there]
        made["stored"] = round(dataset.id.get_storage_size() / max(1, dataset.shape[0]), 3)
        made["fill"] = dataset.fillvalue.item()
        made["fill_attribute"] = "_FillValue" in dataset.attrs
        made["dims"] = _scales(dataset, tracks)
    made = {name: value for name, value in made.items() if value}
    return {**made, "attributes": _attributes(dataset)}


def _axes_labelled(scale: h5py.Dataset) -> set[int]:
    """The axes of other datasets that a scale is attached to."""
    return {int(axis) for _, axis in scale.attrs.get("REFERENCE_LIST", ())}


def _scales(dataset: h5py.Dataset, tracks: Sequence[str]) -> list[str]:
    """Paths of the first scale of each axis, as far as they are known."""
    paths: list[str] = []
    for axis in dataset.dims:
        if not len(axis):
            break
        paths.append(_shown(axis[0].name, tracks))
    return paths


def _root_attributes(file: h5py.File) -> Recorded:
    """Without the people who made the granule, whom a synthetic one must not name."""
    found = _attributes(file)
    kept = {
        name: value
        for name, value in found.items()
        if name not in _OF_THE_GRANULE and not name.startswith("contributor_")
    }
    kept |= dict.fromkeys(_PRODUCERS & set(kept), MADE_UP)
    return kept | {"title": f"Synthetic {kept.get('short_name', '')}".strip()}


def _attributes(item: h5py.Group | h5py.Dataset) -> Recorded:
    attributes: Recorded = {}
    for name in item.attrs:
        if name in _WRITTEN_ANEW or name.startswith(_DOCUMENTS):
            continue
        value = np.asarray(item.attrs[name])
        if value.dtype.kind in "SUO":
            text = _plain(value.reshape(-1)[:1])
            attributes[name] = text[0][:LONGEST_TEXT] if text else ""
        else:
            attributes[name] = {"dtype": value.dtype.str.lstrip("<|="), "value": value.tolist()}
    return attributes


def _plain(values: Any) -> list[Any]:
    """An array as a list that JSON can hold."""
    listed = values.ravel().tolist()
    return [v.decode("utf-8", "replace").rstrip() if isinstance(v, bytes) else v for v in listed]
