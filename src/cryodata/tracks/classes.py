"""Classes of rows from the granules of another product, beside those that are opened."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cryodata.arrays.lazy import Slices, read_slices
from cryodata.earthdata.granule import Granule
from cryodata.errors import NothingFoundError, SelectionError
from cryodata.granule import GranuleFile, Wanted
from cryodata.granule.referenced import Referenced
from cryodata.locate import Wish, granules_of
from cryodata.products import (
    GranuleName,
    Nesting,
    Product,
    Reference,
    get,
    join_path,
    known,
    parse_name,
)
from cryodata.references.references import References
from cryodata.rowwise.classify import UNCLASSIFIED, classes_of_rows, rows_of_segments
from cryodata.rowwise.nesting import fine_starts
from cryodata.tracks.columns import Columns, Track
from cryodata.tracks.nested import tell_disagreement
from cryodata.types import AnyArray

__all__ = ["Classes", "class_name", "find_classes"]

Key = tuple[int, int, int, str]
"""Reference track, cycle, orbit region and release: what granules of one pass share."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classes:
    """What classifies the rows of open granules.

    Attributes
    ----------
    product : Product
        That says the classes.
    reference : Reference
        How its rows name those that are classified.
    nesting : Nesting or None
        Of the classified product; None where classes are said of rows at once.
    partners : mapping of int to GranuleFile
        ``id`` of a granule to the one that classifies it.
    """

    product: Product
    reference: Reference
    nesting: Nesting | None
    partners: Mapping[int, GranuleFile]

    @property
    def name(self) -> str:
        """Of the variable."""
        return _last(self.reference.classes)

    @property
    def words(self) -> Mapping[str, int]:
        """Word of a class to its number."""
        flags = {flag.variable: flag for flag in self.product.flags}
        flag = flags.get(self.reference.classes)
        return {"not_classified": UNCLASSIFIED, **(flag.words if flag else {})}

    def wanted(self, columns: Columns) -> list[tuple[GranuleFile, list[Wanted]]]:
        """What is read to classify the rows of some tracks, per granule."""
        several: dict[int, tuple[GranuleFile, list[Wanted]]] = {}
        for job in self._jobs(columns):
            for file, path, slices in job.slices:
                assert isinstance(file, GranuleFile)
                several.setdefault(id(file), (file, []))[1].append((path, slices))
        return list(several.values())

    def of(self, columns: Columns) -> xr.Variable:
        """The class of each row; of a beam that the other granule lacks, none.

        Raises
        ------
        FormatError
            The classes are of other photons.
        """
        jobs = self._jobs(columns)
        values = iter(read_slices([one for job in jobs for one in job.slices]))
        found: list[AnyArray] = [np.empty(0, np.int8)]
        for job in jobs:
            read = {name: next(values) for name in job.names}
            found += _of_track(job.track, read, self.reference.start)
        attributes = {
            "long_name": f"class by {self.product.short_name}",
            "flag_values": np.array([*self.words.values()], np.int8),
            "flag_meanings": " ".join(self.words),
            "hdf5_path": self.reference.classes,
        }
        return xr.Variable(columns.product.rows, np.concatenate(found), attributes)

    def _jobs(self, columns: Columns) -> list[_Job]:
        return [self._job(track) for track in columns.tracks]

    def _job(self, track: Track) -> _Job:
        """Datasets of both granules that are read for a track; none where one lacks the beam."""
        partner = self.partners[id(track.file)]
        said = {"index": self.reference.index, "classes": self.reference.classes}
        if self.reference.identity:
            said["segment"] = self.reference.identity
        theirs = {name: "/" + join_path(track.beam, path) for name, path in said.items()}
        index = partner.walk(theirs.values(), missing_ok=True, dims=False)
        if not track.stored or any(index.resolve(p) not in index.arrays for p in theirs.values()):
            return _Job(track, (), [])
        slices: list[Slices] = [(partner, path, None) for path in theirs.values()]
        names = [*theirs]
        if self.nesting is not None and self.reference.identity:
            nesting = self.nesting
            ours = {"identity": nesting.identity, "first": nesting.first, "count": nesting.count}
            slices += [
                (track.file, "/" + join_path(track.beam, path), None) for path in ours.values()
            ]
            names += ours
            track.file.walk([path for _, path, _ in slices[len(theirs) :]], dims=False)
        return _Job(track, tuple(names), slices)


@dataclass(frozen=True, slots=True)
class _Job:
    """What is read to classify one track."""

    track: Track
    names: tuple[str, ...]
    slices: list[Slices]


def _of_track(track: Track, read: Mapping[str, AnyArray], start: int) -> list[AnyArray]:
    """Classes of the wanted rows of a track, run by run."""
    if not read:
        return [np.full(track.rows, UNCLASSIFIED, np.int8)]
    classes = read["classes"]
    if "segment" in read:
        count = np.asarray(read["count"], np.int64)
        starts = fine_starts(count, track.stored)
        if starts is None:
            raise SelectionError(
                f"{track.beam} has {int(count.sum()):,} photons by its segments, and "
                f"{track.stored:,} in fact",
                url=track.file.url,
                fix="Leave classify= out: which photon is of which segment is not known.",
            )
        tell_disagreement(track, starts, read["first"], count)
        rows, there = rows_of_segments(
            read["segment"], read["index"], identity=read["identity"], count=count, start=start
        )
        classes = classes[there]
    else:
        rows = np.asarray(read["index"], np.int64) - start
    whole = classes_of_rows(rows, classes, track.stored)
    return [whole[first:last] for first, last in track.runs.tolist()]


def class_name(classify: Any) -> str:
    """Name of the variable that `classify` gives; empty where it classifies nothing.

    Raises
    ------
    SelectionError
        No product of that name classifies the rows of another.
    """
    return "" if classify is None else _last(_reference(_product_of(classify)).classes)


def find_classes(
    classify: Any, found: Columns, granules: Sequence[Any], wish: Wish, opening: Mapping[str, Any]
) -> Classes:
    """Open the granules that classify others.

    Parameters
    ----------
    classify : str, or granules as for `cryodata.open`
        Short name of a product, whose granules are looked for beside those opened: in the
        catalogue, where these come from it; else under their name in the same folder.
    found : Columns
    granules : sequence
        As `locate.granules_of` gave them.
    wish : Wish
        By which.
    opening : mapping
        Keywords of `GranuleFile`.

    Raises
    ------
    SelectionError
        The product does not classify these rows, or names of granules do not tell their pass.
    NothingFoundError
        A granule has no partner.
    """
    product = _product_of(classify)
    reference = _reference(product)
    if reference.product != found.product.short_name:
        raise SelectionError(
            f"{product.short_name} classifies {reference.rows}s of {reference.product}, not rows "
            f"of {found.product.short_name}",
            fix="Leave classify= out.",
        )
    files = list({id(track.file): track.file for track in found.tracks}.values())
    names = {id(file): _name_of(file) for file in files}
    where = _partners(classify, product, [*names.values()], files, granules, wish, opening)
    nestings = [n for n in found.product.nestings if n.fine == found.product.rows and n.identity]
    return Classes(
        product=product,
        reference=reference,
        nesting=nestings[0] if nestings else None,
        partners={id(file): GranuleFile(where[_key(names[id(file)])], **opening) for file in files},
    )


def _product_of(classify: Any) -> Product:
    if isinstance(classify, str) and classify.upper() in known():
        return get(classify)
    several = isinstance(classify, Sequence) and not isinstance(classify, str)
    if isinstance(classify, References):
        items: Sequence[Any] = [row.granule for row in classify]
    else:
        items = classify if several else [classify]
    names = [parse_name(one.name if isinstance(one, Granule) else str(one)) for one in items]
    for name in names:
        if name is not None:
            return get(name.product)
    raise SelectionError(
        f"classify={classify!r} is no product that classifies", fix='Write classify="ATL08".'
    )


def _reference(product: Product) -> Reference:
    if not product.references:
        raise SelectionError(
            f"{product.short_name} classifies no rows of others", fix='Write classify="ATL08".'
        )
    return product.references[0]


def _name_of(file: GranuleFile) -> GranuleName:
    name = parse_name(file.url)
    if name is None:
        raise SelectionError(
            "classify= finds granules of one pass by their names, and this is none",
            url=file.url,
            fix="Keep the producer's names, or leave classify= out.",
        )
    return name


def _key(name: GranuleName) -> Key:
    return name.rgt, name.cycle, name.region, name.release


def _partners(
    classify: Any,
    product: Product,
    names: Sequence[GranuleName],
    files: Sequence[GranuleFile],
    granules: Sequence[Any],
    wish: Wish,
    opening: Mapping[str, Any],
) -> dict[Key, Any]:
    """Key of a pass to the granule that classifies it, the newest revision of each."""
    if not isinstance(classify, str) or classify.upper() not in known():
        offered = granules_of(classify, wish, opening["storage_options"])
    elif any(isinstance(_plain(granule), Granule) for granule in granules):
        from cryodata.catalogue import search

        offered = list(
            search(
                product.short_name,
                rgt=sorted({name.rgt for name in names}),
                cycle=sorted({name.cycle for name in names}),
                version=names[0].release,
            )
        )
    else:
        offered = [
            one
            for file, name in zip(files, names, strict=True)
            for one in _beside(file, name, product)
        ]
    found: dict[Key, tuple[str, Any]] = {}
    for one in offered:
        name = parse_name(one.name if isinstance(one, Granule) else str(one).partition("?")[0])
        if name is None or name.product != product.short_name:
            continue
        if found.get(_key(name), ("", None))[0] <= name.revision:
            found[_key(name)] = (name.revision, one)
    if missing := [str(name) for name in names if _key(name) not in found]:
        raise NothingFoundError(
            f"{len(missing)} of {len(names)} granules have no {product.short_name} of the same "
            f"pass and release, the first {missing[0]}",
            fix=f"Name them: classify=[...], or put them beside, as {product.short_name}_....h5.",
        )
    return {key: one for key, (_, one) in found.items()}


def _beside(file: GranuleFile, name: GranuleName, product: Product) -> list[str]:
    """Where the partner of a granule would be: in the same folder, under its own name."""
    folder, _, last = file.url.rpartition("/")
    own = last.replace(name.product, product.short_name, 1)
    if "://" in file.url:
        return [f"{folder}/{own}"]
    tail = f"{name.rgt:04d}{name.cycle:02d}{name.region:02d}_{name.release}_*"
    pattern = f"{glob.escape(folder)}/*{product.short_name}_*_{tail}"
    return [str(Path(found)) for found in sorted(glob.glob(pattern))]  # noqa: PTH207 - of a prefix


def _plain(granule: Any) -> Any:
    """What is opened: of references, what they refer to."""
    return granule.what if isinstance(granule, Referenced) else granule


def _last(path: str) -> str:
    return path.rsplit("/", 1)[-1]
