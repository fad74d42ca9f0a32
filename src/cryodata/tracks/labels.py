"""Axes after the rows whose places have names: cycles of ATL11, bins of histograms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cryodata.attributes import decode_attributes
from cryodata.errors import FormatError, SelectionError
from cryodata.products import join_path, parse_name
from cryodata.tracks.columns import Axis, Column, Columns, Track
from cryodata.tracks.view import CYCLE, View
from cryodata.types import AnyArray

__all__ = ["read_labels", "with_axes"]


def read_labels(
    view: View, tracks: Sequence[Track], columns: Iterable[Column]
) -> tuple[list[Track], dict[str, Axis]]:
    """Read what labels the axes of columns, of all tracks with rows together.

    Parameters
    ----------
    view : View
    tracks : sequence of Track
    columns : iterable of Column

    Returns
    -------
    tracks : list of Track
        With their labels, as far as the file has them. Of cycles, the name of the granule
        says which they are, where the file does not.
    axes : dict of str to Axis
        Dimension to the labels of the first track that has any.
    """
    wanted = list(dict.fromkeys(column.label for column in columns if column.label))
    full = list(dict.fromkeys(track.beam for track in tracks if track.stored))
    paths = {
        (beam, label): "/" + join_path(beam, view.product.labels[label])
        for label in wanted
        for beam in full
    }
    if not paths:
        return list(tracks), {}
    if any(view.layout(path) is None for path in paths.values()):
        view.index = view.file.walk(paths.values(), missing_ok=True, dims=False)
    layouts = {key: view.layout(path) for key, path in paths.items()}
    there = {key: x for key, x in layouts.items() if x is not None and len(x.shape) == 1}
    values = view.file.read([(paths[key], None) for key in there])
    read = dict(zip(there, values, strict=True))
    if CYCLE in wanted:
        read |= {(b, CYCLE): _of_name(view) for b in full if (b, CYCLE) not in read}
    axes: dict[str, Axis] = {}
    for key, labels in read.items():
        attributes = decode_attributes(there[key].attributes) if key in there else {}
        attributes.pop("_FillValue", None)
        axes.setdefault(key[1], Axis(values=labels, attributes=attributes))
    own = {beam: {label: v for (b, label), v in read.items() if b == beam} for beam in full}
    return [replace(track, labels=own.get(track.beam, {})) for track in tracks], axes


def _of_name(view: View) -> AnyArray:
    """The cycles that the granule's name says it has.

    Raises
    ------
    FormatError
        It says none.
    """
    name = parse_name(view.labels()["granule"])
    if name is None or not name.cycle:
        raise FormatError(
            "Neither the file nor its name says which cycles it has",
            url=view.file.url,
            fix="Leave variables with one value for each cycle out, or use cryodata.open_tree.",
        )
    return np.arange(name.cycle, name.last_cycle + 1)


def with_axes(found: Columns, cycles: Sequence[int]) -> Columns:
    """The columns on common axes: where tracks have other labels, on those of all of them.

    Parameters
    ----------
    found : Columns
    cycles : sequence of int
        Of an axis of cycles, only these; all where empty.

    Raises
    ------
    SelectionError
        None of the cycles is there.
    FormatError
        Tracks have other labels that cannot be put in order, or some have none.
    """
    axes = {}
    for label, axis in found.axes.items():
        values = _union(found, label)
        if label == CYCLE and cycles:
            chosen = values[np.isin(values, list(cycles))]
            if not len(chosen):
                raise SelectionError(
                    f"none of the cycles {', '.join(map(str, cycles))} is in these granules",
                    fix=f"There are {', '.join(map(str, values.tolist()))}.",
                )
            values = chosen
        axes[label] = replace(axis, values=values)

    def on_axes(columns: Sequence[Column]) -> tuple[Column, ...]:
        return tuple(
            replace(column, axis=axes[column.label].values) if column.label in axes else column
            for column in columns
        )

    return replace(
        found,
        axes=axes,
        coordinates=on_axes(found.coordinates),
        columns=on_axes(found.columns),
        deciding=on_axes(found.deciding),
    )


def _union(found: Columns, label: str) -> AnyArray:
    """Labels of all tracks."""
    full = [track for track in found.tracks if track.stored]
    several: dict[Any, tuple[AnyArray, Track]] = {}
    for track in full:
        labels = track.labels.get(label)
        if labels is None:
            raise _cannot(track, f"does not say its {label}, which others do")
        several.setdefault((labels.dtype.kind, *labels.tolist()), (labels, track))
    for labels, track in several.values():
        ordered = labels.dtype.kind in "iu" and bool((np.diff(labels.astype("i8")) > 0).all())
        if not ordered and (len(several) > 1 or label == CYCLE):
            raise _cannot(track, f"has another {label} than others, or in another order")
    if len(several) == 1:
        ((labels, _),) = several.values()
        return labels
    return np.unique(np.concatenate([labels for labels, _ in several.values()]))


def _cannot(track: Track, why: str) -> FormatError:
    return FormatError(
        f"{track.beam or 'The track'} {why}",
        url=track.file.url,
        fix="Open these beams or granules by themselves.",
    )
