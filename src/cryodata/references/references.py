"""References as a user holds them: granules, which of them are wanted, and their indexes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cryodata.earthdata.catalogue.track_names import Tracks
from cryodata.earthdata.granules.footprint_map import map_of
from cryodata.errors import NotFoundError
from cryodata.granule.referenced import Referenced
from cryodata.html_card import Html, card, facts, line, more, table
from cryodata.index import Index
from cryodata.options import Options
from cryodata.provenance import Skipped
from cryodata.references.catalogue import Row, current, outline_of, row_of
from cryodata.references.footprints import cap_of, is_near
from cryodata.references.log import GRANULES, Log
from cryodata.references.places import Places
from cryodata.references.shelf import Shelf
from cryodata.region.region import Region
from cryodata.region_input import region_of
from cryodata.store.folder import Folder, open_folder
from cryodata.timespan import TimeSpan
from cryodata.words import count_in_words, size_in_words

__all__ = ["References", "is_references", "open_references"]

DRAWN, TOLD = 400, 20
"""Outlines on the card of a notebook, and failures named there, at most."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class References:
    """Granules with their indexes, as they were when they were opened; or some of them.

    `cryodata.open` takes it in place of granules.

    Attributes
    ----------
    table : pyarrow.Table
        One row per granule.
    shelf : Shelf
        Where the indexes are.
    allow : Places
        Places that granules may lie in, besides those of NASA's Earthdata.
    skipped : tuple of Skipped
        Granules that could not be indexed, and why; of `build`, `append` and `refresh`.
    """

    table: pa.Table
    shelf: Shelf
    allow: Places = field(default_factory=lambda: Places(()))
    skipped: tuple[Skipped, ...] = ()

    @property
    def url(self) -> str:
        """Where they are."""
        return self.shelf.folder.url

    @property
    def folder(self) -> Folder:
        """Where they are, to be read and written."""
        return self.shelf.folder

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Row]:
        return (row_of(self.table, number) for number in range(len(self.table)))

    def __getitem__(self, number: int) -> Row:
        if not -len(self) <= number < len(self):
            raise IndexError(f"there are {len(self)} granules")
        return row_of(self.table, number % len(self))

    def select(
        self,
        *,
        region: Any = None,
        time: Any = None,
        cycle: int | Sequence[int] | None = None,
        rgt: int | Sequence[int] | None = None,
        product: str | None = None,
        version: str | int = "all",
    ) -> Self:
        """Those granules that may have data of the kind.

        Nothing but the catalogue is looked at. A granule of which it does not say where or when
        it is, stays.

        Parameters
        ----------
        region, time, cycle, rgt
            As for `cryodata.open`.
        product : str, optional
            Short name.
        version : str or int
            ``"latest"`` is the last release that each product has of the kind.

        Raises
        ------
        RegionError, SelectionError
            A region, time, cycle or track that is none.
        """
        keep = np.ones(len(self), bool)
        if product is not None:
            keep &= self._text("product") == product
        tracks = Tracks.of(rgt=rgt, cycle=cycle)
        if tracks.rgt:
            keep &= np.isin(self._number("rgt"), [*tracks.rgt, -1])
        if tracks.cycle:
            first, last = self._number("cycle"), self._number("last_cycle")
            wanted = np.array(tracks.cycle)
            fits = (first[:, None] <= wanted) & (wanted <= last[:, None])
            keep &= fits.any(axis=1) | (first < 0)
        if time is not None:
            keep &= self._in_time(TimeSpan.of(time))
        if region is not None:
            keep &= self._in_region(region_of(region), keep)
        chosen = replace(self, table=self.table.filter(pa.array(keep)))
        return replace(chosen, table=chosen.table.filter(pa.array(chosen._of_version(version))))

    def _text(self, name: str) -> Any:
        return self.table.column(name).to_numpy()

    def _number(self, name: str) -> Any:
        return self.table.column(name).fill_null(-1).to_numpy()

    def _of_version(self, version: str | int) -> Any:
        if version == "all" or not len(self):
            return np.ones(len(self), bool)
        own, release = self._text("version"), self._text("release")
        said = np.where(release == "", own, release).astype(str)
        if version != "latest":
            return np.isin(said, [str(version), str(version).zfill(3)])
        products = self._text("product")
        last = {p: max(said[products == p]) for p in set(products)}
        return np.array([said[i] == last[p] for i, p in enumerate(products)], bool)

    def _in_time(self, span: TimeSpan) -> Any:
        keep = np.ones(len(self), bool)
        starts, ends = (
            self.table.column(name).cast(pa.timestamp("us")).to_numpy() for name in ("start", "end")
        )
        if span.stop is not None:
            keep &= np.isnat(starts) | (starts < span.stop)
        if span.start is not None:
            keep &= np.isnat(ends) | (ends >= span.start)
        return keep

    def _in_region(self, region: Region, asked: Any) -> Any:
        box = self.table.column("bbox").combine_chunks()
        west, south, east, north = (
            pc.struct_field(box, name).to_numpy(zero_copy_only=False)
            for name in ("xmin", "ymin", "xmax", "ymax")
        )
        keep = asked & region.may_touch(west, south, east, north)
        cap = cap_of(region)
        if cap is not None:
            judged = np.flatnonzero(keep)
            outlines = self.table.column("geometry").take(pa.array(judged)).to_pylist()
            keep[judged] = [one is None or is_near(outline_of(one), cap) for one in outlines]
        return keep

    def granules(self) -> list[Referenced]:
        """What `cryodata.open` opens.

        Raises
        ------
        UnsafeReferenceError
            One lies in a place that is not allowed.
        """
        return [self._referenced(row) for row in self]

    def _referenced(self, row: Row) -> Referenced:
        granule = row.granule
        what = granule if granule.s3 or granule.https else row.source.url
        for url in dict.fromkeys((*filter(None, (granule.s3, granule.https)), row.source.url)):
            self.allow.check(url)
        return Referenced(what, granule.name, _Load(self.shelf, row))

    def index(self, row: Row) -> Index | None:
        """The index of a granule; errors as `Shelf.get`."""
        return self.shelf.get(row)

    def to_pandas(self) -> pd.DataFrame:
        """One row per granule; outlines as WKB. GeoPandas reads the files themselves."""
        frame: pd.DataFrame = self.table.to_pandas()
        return frame

    def __repr__(self) -> str:
        return f"<References {self.url}: {self._summary()}>"

    def _every(self) -> int:
        """Every so manieth granule is drawn: a map of all would be black."""
        return max(1, -(-len(self) // DRAWN))

    def _summary(self) -> str:
        chunks, nbytes = (pc.sum(self.table.column(n)).as_py() or 0 for n in ("chunks", "nbytes"))
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        counts = f"{count_in_words(len(self), 'granule')}, {count_in_words(chunks, 'chunk')}"
        return f"{counts}, {size_in_words(nbytes)} stored{skipped}"

    def _repr_html_(self) -> str:
        frame = self.to_pandas()
        products = frame.groupby(["product", "release"], sort=True) if len(frame) else ()
        rows = [
            (
                str(product) or "?",
                str(release),
                f"{len(some):,}",
                _day(some["start"].min()),
                _day(some["end"].max()),
                f"{some['chunks'].sum():,}",
                size_in_words(some["nbytes"].sum()),
            )
            for (product, release), some in products
        ]
        heads = ("product", "release", "granules", "from", "to", "chunks", "stored")
        failed = Html("".join(line(str(one)) for one in self.skipped[:TOLD]))
        return card(
            "References",
            facts([("Place", self.url), ("Hold", self._summary())]),
            table(heads, rows),
            *([more("skipped", failed, shown=True)] if failed else []),
            beside=map_of(self[number].granule for number in range(0, len(self), self._every())),
        )


def _day(time: Any) -> str:
    return "" if pd.isna(time) else f"{time:%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class _Load:
    shelf: Shelf
    row: Row

    def __call__(self, later: bool) -> Index | None:
        return self.shelf.get(self.row, later=later)


def is_references(what: Any) -> bool:
    """Whether something names references: an object, a folder with a catalogue, ``s3://.../``.

    A folder of this machine is looked into; of S3 the slash at the end says it.
    """
    if isinstance(what, References):
        return True
    if not isinstance(what, str | PathLike):
        return False
    name = str(what)
    if name.startswith("s3://"):
        return name.endswith("/") and not any(c in name for c in "*?[")
    if "://" in name or not Path(name).expanduser().is_dir():
        return False
    return Log(open_folder(name)).exists()


def open_references(
    where: str | PathLike[str],
    *,
    allow: str | PathLike[str] | Iterable[str | PathLike[str]] = (),
    storage_options: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> References:
    """Open references; reads the catalogue, and no index."""
    options = options or Options()
    folder = open_folder(where, storage_options=storage_options, options=options)
    log = Log(folder)
    table = log.read()
    if not len(table) and not log.exists():
        raise NotFoundError(
            "There are no references",
            url=f"{folder.url}/{GRANULES}",
            fix="Build them: cryodata.references.build(granules, where).",
        )
    return References(current(table), Shelf(folder, options.limits), Places.of(allow))
