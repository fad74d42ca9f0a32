"""Rows of tracks by place, time and quality: cut before reading, and exactly.

What is known of the chunks rules most of them out; of the others the few columns that decide
are read, all granules side by side; then the rows are known, and everything else stays where
it is until it is touched.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from cryodata.arrays.lazy import SIDE_BY_SIDE
from cryodata.arrays.together import COMPANION_BYTES, load_together
from cryodata.attributes import decode_attributes
from cryodata.caution import warn_user
from cryodata.cost import DECODED_PER_SECOND, SLOWEST
from cryodata.cutting.candidates import candidate_rows, places_known
from cryodata.cutting.mask import SELECTED, selected_rows
from cryodata.cutting.segments import bound_by_segments
from cryodata.errors import SelectionError
from cryodata.products import Flag
from cryodata.products.registry import text
from cryodata.provenance import Provenance
from cryodata.rowwise.nesting import reaches
from cryodata.rowwise.runs import Runs, bridge, inside_runs, pick_rows
from cryodata.selection import Selection
from cryodata.tracks.classes import Classes
from cryodata.tracks.columns import PLACES, Column, Columns
from cryodata.tracks.ragged import ragged_dataset
from cryodata.tracks.view import CYCLE
from cryodata.zones.zone_map import ZoneMap

__all__ = [
    "Decision",
    "cut_rows",
    "given_classes",
    "mask_rows",
    "names_to_decide",
    "narrow",
    "resolve_words",
]


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """Rows that might be wanted, and which of them are.

    Attributes
    ----------
    columns : Columns
        Of the rows looked at.
    values : xarray.Dataset
        What decided, decoded, of these rows.
    kept : list of (row,) ndarray of bool
        Per track of `columns`; True = wanted.
    """

    columns: Columns
    values: xr.Dataset
    kept: list[NDArray[np.bool_]]

    @property
    def runs(self) -> list[Runs]:
        """Rows that are wanted, per track, as stored."""
        pairs = zip(self.columns.tracks, self.kept, strict=True)
        return [pick_rows(track.runs, kept) for track, kept in pairs]


def resolve_words(
    found: Columns, selection: Selection, classes: Classes | None = None
) -> Selection:
    """The selection with flag words replaced by numbers: those of the table, else of the file.

    Raises
    ------
    SelectionError
        A word that its variable does not know; a variable with several values a row.
    """
    if selection.where is None:
        return selection
    table: dict[str, Flag] = {}
    for release in {track.release for track in found.tracks}:
        table |= found.product.flags_of(release)
    words = {} if classes is None else {classes.name: classes.words}
    for name in selection.where.names:
        column = found.column_of(name)
        if column is not None:
            _refuse_several(found, name, column)
            words[name] = _words(column, table)
    return selection.with_words(words)


def _refuse_several(found: Columns, name: str, column: Column) -> None:
    """Raise `SelectionError` where a variable has not one value for each row."""
    if not column.trailing:
        return
    flags = [flag for flag in found.product.flags if flag.variable == column.path]
    alone = [f"Ask for one of {', '.join(flag.columns)}." for flag in flags if flag.columns]
    raise SelectionError(
        f"{name} has {' x '.join(map(str, column.trailing))} values for each row of "
        f"{found.product.rows}: that does not choose rows",
        fix=(alone or [f"Open it without, then ds.where(...) keeps what fits of {name}."])[0],
    )


def narrow(found: Columns, selection: Selection, classes: Classes | None = None) -> Columns:
    """Only the tracks and chunks that may hold wanted rows; of photons, segments are read.

    Raises
    ------
    SelectionError
        The rows have no time or place to be chosen by.
    """
    if any(track.stored for track in found.tracks):
        have = {word for word in selection.names if found.column_of(word) is not None}
        have |= {classes.name} if classes is not None else set()
        if missing := [name for name in selection.names if name not in have]:
            raise SelectionError(
                f"the rows of {found.product.short_name} have no {' and '.join(missing)}",
                fix="Choose cycles: cycle=[3, 4] keeps these alone, and delta_time says when."
                if "time" in missing and CYCLE in found.product.labels
                else "Open it without conditions on that.",
            )
    bound_by_segments(found, selection)
    return found.keep(candidate_rows(found, selection))


def cut_rows(
    found: Columns,
    selection: Selection,
    origin: Provenance,
    *,
    cache: bool,
    classes: Classes | None = None,
) -> tuple[Columns, xr.Dataset]:
    """The rows that fulfil a selection; tracks without any are left out.

    Parameters
    ----------
    found : Columns
    selection : Selection
        With its words resolved, see `resolve_words`.
    origin : Provenance
    cache : bool
        Keep what is read later in the Dataset.
    classes : Classes, optional
        What classifies the rows; read here, where it is not ruled out that they are wanted.

    Returns
    -------
    columns : Columns
        Of runs that hold the wanted rows, and others that lie between these in a chunk.
    dataset : xarray.Dataset
        Of the wanted rows. What decided is in memory; the rest is lazy.

    Raises
    ------
    SelectionError
        The rows have no time or place to be chosen by, or a condition makes no sense.

    Warns
    -----
    UserWarning
        Nothing is wanted.
    """
    narrowed = narrow(found, selection, classes)
    before = _bounds(narrowed)
    names = names_to_decide(narrowed, selection, ahead=cache)
    decision = _decide(narrowed, selection, origin, names, classes)
    if not all(map(_trusted, before, _bounds(narrowed))):
        decision = _decide(found, selection, origin, names, classes)
    runs = decision.runs
    if not any(map(len, runs)):
        _warn_of_nothing(found, selection, narrowed)
    piece = max((column.piece for column in found.all if not column.nested), default=1)
    wide = [bridge(own, piece) for own in runs]  # two runs within one chunk are read as one
    exact = decision.columns.keep(wide)
    picked = [inside_runs(w, own) for w, own in zip(wide, runs, strict=True) if len(own)]
    rows = np.flatnonzero(np.concatenate([np.empty(0, bool), *decision.kept]))
    lasting = replace(exact, deciding=())
    last = {column.name for column in lasting.all} | ({classes.name} if classes else set())
    values = decision.values.isel({found.product.rows: rows}).variables
    known: dict[Hashable, xr.Variable] = {n: v for n, v in values.items() if n in last}
    return exact, ragged_dataset(lasting, origin, cache=cache, known=known, picked=picked)


def mask_rows(
    found: Columns, selection: Selection, origin: Provenance, *, cache: bool
) -> tuple[Columns, xr.Dataset]:
    """Whole chunks that may hold wanted rows, and a lazy mask that says which rows are.

    Parameters and errors are those of `cut_rows`.

    Returns
    -------
    columns : Columns
    dataset : xarray.Dataset
        Nothing of it is read; the coordinate ``selected`` is True for the wanted rows.
    """
    narrowed = narrow(found, selection)
    if not narrowed.tracks:
        _warn_of_nothing(found, selection, narrowed)
    dataset = ragged_dataset(narrowed, origin, cache=cache)
    rows = found.product.rows
    deciding = {w: dataset.variables[narrowed.meant.get(w, w)] for w in selection.names}
    mask = selected_rows(xr.Dataset(deciding), rows, selection)
    encoding = dataset.encoding
    dataset = dataset.drop_vars([column.name for column in narrowed.deciding])
    dataset = dataset.assign_coords({SELECTED: mask})
    dataset.encoding = encoding
    return replace(narrowed, deciding=()), dataset


def names_to_decide(narrowed: Columns, selection: Selection, *, ahead: bool) -> tuple[str, ...]:
    """Columns that are read to know the rows.

    Parameters
    ----------
    narrowed : Columns
        As `narrow` gives them.
    selection : Selection
    ahead : bool
        Read what the user named in the same round, with all coordinates, where that is
        quicker than a round of its own, and not too much to hold.
    """
    names = [narrowed.meant.get(word, word) for word in selection.names]
    named = [column for column in narrowed.columns if column.named]
    if ahead and named and narrowed.tracks:
        more = [*narrowed.coordinates, *named]
        width = sum(c.dtype.itemsize * math.prod(c.trailing) for c in more if c.name not in names)
        nbytes = width * sum(track.rows for track in narrowed.tracks)
        wanted = places_known(narrowed, selection)  # then most of it is
        if nbytes <= COMPANION_BYTES and (wanted or _saves_time(narrowed, nbytes)):
            names += [column.name for column in more]
    return tuple(dict.fromkeys(names))


def _saves_time(narrowed: Columns, nbytes: int) -> bool:
    """Whether a round takes longer than reading so many bytes, decoded, for nothing."""
    file = narrowed.tracks[0].file
    if file.is_local:
        return False
    network = file.network
    granules = len({id(track.file) for track in narrowed.tracks})
    rounds = -(-granules // SIDE_BY_SIDE)
    fetched = nbytes / (network.bandwidth * SIDE_BY_SIDE)  # were they not compressed
    decoded = nbytes / (DECODED_PER_SECOND * file.options.threads)
    return max(fetched, decoded) < rounds * SLOWEST * network.latency


def given_classes(columns: Columns, classes: Classes | None) -> Mapping[Hashable, xr.Variable]:
    """The classes of rows by the name of their variable; nothing where nothing says them."""
    return {} if classes is None else {classes.name: classes.of(columns)}


def _decide(
    narrowed: Columns,
    selection: Selection,
    origin: Provenance,
    names: Sequence[str],
    classes: Classes | None,
) -> Decision:
    """Read the columns that decide, and others of these names, together; ask the selection."""
    asked = ragged_dataset(narrowed.only(names), origin, cache=True)
    values = load_together(asked.drop_vars(set(asked.variables) - set(names)))
    values = values.assign(given_classes(narrowed, classes))
    if not narrowed.tracks:
        return Decision(narrowed, values, [])
    words = {word: narrowed.meant.get(word, word) for word in selection.names}
    kept = selection.holds({word: values[name].values for word, name in words.items()})
    ends = np.cumsum([track.rows for track in narrowed.tracks])
    return Decision(narrowed, values, np.split(kept, ends[:-1]))


def _bounds(found: Columns) -> list[dict[str, ZoneMap]]:
    """What is known of where the rows of each track lie."""
    bounds = []
    for number, track in enumerate(found.tracks):
        layouts = {c.name: c.layouts[number] for c in found.coordinates if c.name in PLACES}
        maps = {n: track.file.zone_map(x.path) for n, x in layouts.items() if x is not None}
        bounds.append({name: zones for name, zones in maps.items() if zones is not None})
    return bounds


def _trusted(before: Mapping[str, ZoneMap], after: Mapping[str, ZoneMap]) -> bool:
    """Whether the rows that were read lie where the segments said they could be."""
    return all(reaches(name, before, after[name]) for name in before)


def _words(column: Column, table: Mapping[str, Flag]) -> Mapping[str, int]:
    """Words of a flag to its numbers."""
    if column.path in table:
        return table[column.path].words
    attributes = decode_attributes(column.pattern.attributes)
    words = text(attributes.get("flag_meanings")).split()
    values = np.ravel(attributes.get("flag_values", [])).tolist()
    return dict(zip(words, values, strict=True)) if len(words) == len(values) else {}


def _warn_of_nothing(found: Columns, selection: Selection, narrowed: Columns) -> None:
    """Say why nothing is left: which condition alone would leave nothing, by the chunks."""
    rows = sum(track.rows for track in found.tracks)
    parts = {
        "region": Selection(region=selection.region),
        "time": Selection(time=selection.time),
        "where": Selection(where=selection.where),
    }
    said = [name for name, part in parts.items() if part]
    if len(said) == 1:  # it was asked already
        alone = [] if narrowed.tracks else said
    else:
        alone = [n for n in said if not any(map(len, candidate_rows(found, parts[n])))]
    if alone:
        why = f"{' and '.join(alone)} alone leave{'s' * (len(alone) == 1)} none"
    else:
        why = f"no row fulfils {' and '.join(said)}"
    warn_user(
        f"Nothing is inside: of {rows:,} rows in {len(found.tracks)} tracks {why}; "
        "the Dataset has no rows"
    )
