"""What every product along tracks has to fulfil, as tests for its author to inherit."""

from __future__ import annotations

import pickle
import tempfile
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from cryodata.dataset import open as open_granules
from cryodata.options import Options
from cryodata.products import Flag, Product, join_path, parse_name, table_of
from cryodata.reader import Reader
from cryodata.region.region import Region
from cryodata.testing.compare import between, check_coordinate, same_rows, same_values
from cryodata.testing.names import is_below, named_by
from cryodata.testing.rows import Rows, decoded, opened, tracks_in, words_of
from cryodata.tree import open_tree

__all__ = ["ProductContract"]

RESOLVED = np.timedelta64(2, "us")
"""Rows are parted by time only where more than this lies between them."""


class ProductContract:
    """Inherit it in a class whose name begins with ``Test``; pytest does the rest.

    Each test compares what this library reads with what h5py and numpy read. Where the files
    say what the table says, too (``flag_meanings``, ``units``), both have to say the same.

    Attributes
    ----------
    product : str or Product
        Short name of a product whose table is installed, or the table.
    granules : sequence of str or path
        Local files of one release, in the order in which they are to be joined; at least one.
        Two or more also test how they are joined.
    release : str
        Of the granules, where their names do not say it.
    absent : collection of str
        Paths relative to the track, of variables or groups, that the table names and these
        granules lack.
    recognised : bool
        Granules say, or are called, what they are, so that `cryodata.open` needs no ``product=``.

    Examples
    --------
    >>> from cryodata.testing import ProductContract
    >>> class TestMyProduct(ProductContract):
    ...     product = "CS_LTA_SIR_GOP"
    ...     granules = ["CS_LTA_SIR_GOP_20200101.nc"]
    """

    product: str | Product
    granules: Sequence[Any]
    release: ClassVar[str] = ""
    absent: ClassVar[Collection[str]] = ()
    recognised: ClassVar[bool] = True

    def test_table_pickles(self) -> None:
        """The table, and a reader of it, reach a worker as they are."""
        table, reader = self._table, Reader(self.product)
        assert pickle.loads(pickle.dumps(table)) == table  # noqa: S301 - our own
        assert pickle.loads(pickle.dumps(reader)) == reader  # noqa: S301 - our own
        assert reader.product == table

    def test_granules_have_what_the_table_names(self) -> None:
        """Every coordinate, default variable, flag, link, axis and zone map is in the files."""
        named, seen = named_by(self._own), set[str]()
        for path in self._paths:
            with opened(path) as file:
                for track in tracks_in(file, self._own):
                    seen |= {p for p in named if join_path(track, p) in file}
        assert seen, f"none of {len(named)} names of the table is in {self._paths}"
        missing = sorted(named - seen)
        lies = [path for path in missing if not is_below(path, self.absent)]
        assert not lies, f"the table names what the granules lack: {lies}"
        idle = [one for one in self.absent if not any(is_below(path, [one]) for path in missing)]
        assert not idle, f"`absent` lists what the granules have: {idle}"

    def test_coordinates_are_what_the_table_says(self) -> None:
        """Degrees north and east, in the range of such, and seconds since the table's epoch."""
        for path in self._paths:
            with opened(path) as file:
                for track in tracks_in(file, self._own):
                    for rate in self._own.rates:
                        for name, below in rate.coordinates.items():
                            one = file.get(join_path(track, rate.path(below)))
                            if one is not None:
                                check_coordinate(name, one, self._own.epoch)

    def test_words_are_those_of_the_granules(self) -> None:
        """Each quality word stands for the number that the files give it."""
        for path in self._paths:
            with opened(path) as file:
                for track in tracks_in(file, self._own):
                    for flag in self._flags:
                        one = file.get(join_path(track, flag.variable))
                        if one is None:
                            continue
                        said = words_of(one)
                        if said:
                            assert said == dict(flag.words), f"{one.name}: the file's words differ"
                            continue
                        values = decoded(one)
                        strange = {float(v) for v in np.unique(values) if v == v}  # noqa: PLR0124 - NaN
                        strange -= set(map(float, flag.words.values()))
                        assert not strange, f"{one.name} holds {strange}, which no word stands for"

    def test_granules_are_recognised(self) -> None:
        """`cryodata.open` finds the table by itself."""
        if not self.recognised:
            raise SkipTest("granules do not say what they are")
        found = open_granules(self._files[:1], options=self._options)
        with self._open(self._files[:1]) as expected:
            assert dict(found.sizes) == dict(expected.sizes)
            assert set(found.variables) == set(expected.variables)
        found.close()

    def test_values_equal_h5py(self) -> None:
        """Time, place and every default variable of all rows, and the track of each row."""
        rows = Rows.of(self._paths, self._own)
        assert len(rows), "the granules have no rows"
        with self._open() as dataset:
            same_rows(dataset, rows, self._own, every=True)

    def test_one_track(self) -> None:
        """The rows of one track, and no others."""
        tracks = self._own.tracks
        rows = Rows.of(self._paths, self._own)
        track = str(rows.beams[-1])
        if len(tracks) == 1:
            raise SkipTest("granules have one track")
        with self._open(beams=track, on_missing="skip") as dataset:
            same_rows(dataset, rows.keep(rows.beams == track), self._own)

    def test_region_equals_filtering(self) -> None:
        """Rows inside a box are those that numpy finds in all rows."""
        rate, rows = self._own.rate, Rows.of(self._paths, self._own)
        if not rate.latitude:
            raise SkipTest("rows have no place")
        latitude, longitude = (rows.values[rate.path(p)] for p in (rate.latitude, rate.longitude))
        x = np.where(longitude >= 180, longitude - 360, longitude)
        south, north = (between(latitude, share) for share in (0.35, 0.65))
        if south is None or north is None or south == north:
            raise SkipTest("rows are too few to be parted by latitude")
        inside = (latitude >= south) & (latitude <= north)
        east = between(x[inside], 0.5)
        inside &= x <= (180 if east is None else east)
        region = Region.bbox(-180, south, 180 if east is None else east, north, sure=True)
        with _kept() as options:
            for _ in ("cold", "with the bounds of chunks that the first has learnt"):
                self._cut(options, rows.keep(inside), region=region)

    def test_time_equals_filtering(self) -> None:
        """Rows in a span of time are those that numpy finds in all rows."""
        rows = Rows.of(self._paths, self._own)
        if rows.time is None:
            raise SkipTest("rows have no time")
        start, stop = (between(rows.time, share, RESOLVED) for share in (0.35, 0.65))
        if start is None or stop is None or start == stop:
            raise SkipTest("rows are too few to be parted by time")
        inside = (rows.time >= start) & (rows.time < stop)
        with _kept() as options:
            for _ in ("cold", "with the bounds of chunks that the first has learnt"):
                self._cut(options, rows.keep(inside), time=(start, stop))

    def test_quality_words_choose_rows(self) -> None:
        """``where="flag == 'word'"`` keeps the rows with the number that the files give it."""
        group = self._own.rate.group and self._own.rate.group + "/"
        flags = [flag for flag in self._flags if self._own.rate_of(flag.variable) == self._own.rate]
        rows = Rows.of(self._paths, self._own, [flag.variable for flag in flags])
        with _kept() as options:
            for flag in flags:
                values = rows.values.get(flag.variable)
                if values is None or (values.ndim > 1 and not flag.columns):
                    continue
                numbers = self._words_in_files(flag) or flag.words
                below = flag.variable.removeprefix(group)
                columns = dict(zip(flag.columns, values.T, strict=True)) if flag.columns else {}
                for name, column in (columns or {below: values}).items():
                    for word in flag.words:
                        wanted: NDArray[np.bool_] = column == numbers[word]
                        self._cut(options, rows.keep(wanted), where=f"`{name}` == {word!r}")

    def test_joined_granules_are_one_after_the_other(self) -> None:
        """Several granules in one Dataset are the rows of each, in order."""
        if len(self._paths) < 2:
            raise SkipTest("one granule")
        apart = [self._open([file]).load() for file in self._files]
        with self._open() as dataset:
            assert dataset["rowSize"].values.tolist() == [
                size for one in apart for size in one["rowSize"].values.tolist()
            ]
            for name, variable in dataset.variables.items():
                if variable.dims[:1] in {(self._own.rows,), ("track",)}:
                    parts = [one[name].values for one in apart if name in one.variables]
                    same_values(str(name), variable, np.concatenate(parts))

    def test_dataset_pickles(self) -> None:
        """A lazy Dataset reads the same values after a trip to another process."""
        with self._open() as dataset:
            copy: xr.Dataset = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - our own
            assert copy.equals(dataset)

    def test_tree_has_the_rows(self) -> None:
        """`cryodata.open_tree` gives each track's rows their name, and the same values."""
        rate = self._own.rate
        for path in self._paths:
            tree = open_tree(str(path), product=self.product, options=self._options)
            with tree, opened(path) as file:
                for inside in _of_rows(file, self._own):
                    node, _, name = ("/" + inside).rpartition("/")
                    variable = tree[node or "/"].to_dataset().variables[name]
                    assert variable.dims[0] == rate.dimension, (
                        f"rows of {inside} are called {variable.dims[0]!r} in the tree"
                    )
                    if not inside.endswith(rate.path(rate.time)):
                        same_values(inside, variable, decoded(file[inside]))

    @property
    def _table(self) -> Product:
        table = table_of(self.product)
        assert table is not None, "the class has no `product`"
        assert table.grid is None, f"{table.short_name} is a grid: this is for rows along tracks"
        return table

    @property
    def _own(self) -> Product:
        """The table with the names of the granules' release."""
        return self._table.as_of(self._release)

    @property
    def _release(self) -> str:
        names = [parse_name(path.name) for path in self._paths]
        said = {name.release for name in names if name is not None and name.release}
        assert len(said) < 2, f"granules of several releases: {said}"
        return self.release or next(iter(said), "")

    @property
    def _flags(self) -> list[Flag]:
        """Flags under the names, and with the words, of the granules' release."""
        words = self._table.flags_of(self._release)
        return [
            Flag(variable=own.variable, words=words[one.variable].words, columns=one.columns)
            for one, own in zip(self._table.flags, self._own.flags, strict=True)
        ]

    @property
    def _paths(self) -> list[Path]:
        assert not isinstance(self.granules, str), "`granules` is a list of files"
        paths = [Path(granule) for granule in self.granules]
        assert paths, "`granules` names no file"
        return paths

    @property
    def _files(self) -> list[str]:
        return [str(path) for path in self._paths]

    @property
    def _options(self) -> Options:
        return Options(cache=None)

    def _open(self, files: Sequence[str] | None = None, **words: Any) -> xr.Dataset:
        reader = Reader(self.product, **({"options": self._options} | words))
        return reader(files or self._files)

    def _cut(self, options: Options, expected: Rows, **condition: Any) -> None:
        """Rows chosen by a condition; what is learnt on the way is kept for the next."""
        first = self._own.rate.default[:1] or "default"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Nothing is inside")
            with self._open(variables=first, options=options, **condition) as dataset:
                try:
                    same_rows(dataset, expected, self._own)
                finally:  # else an index may be written while its folder is deleted
                    for file in dataset.encoding["cryodata"].files:
                        file.flush()

    def _words_in_files(self, flag: Flag) -> dict[str, int]:
        """Words of a flag as the first file has them that says any."""
        for path in self._paths:
            with opened(path) as file:
                for track in tracks_in(file, self._own):
                    one = file.get(join_path(track, flag.variable))
                    if one is not None and (said := words_of(one)):
                        return {word: said.get(word, number) for word, number in flag.words.items()}
        return {}


@contextmanager
def _kept() -> Iterator[Options]:
    """Options that keep indexes in a folder of their own, for a while."""
    with tempfile.TemporaryDirectory() as folder:
        yield Options(cache=Path(folder))


def _of_rows(file: Any, product: Product) -> Iterator[str]:
    """Paths of coordinates and default variables in a file, of tracks that have rows."""
    rate = product.rate
    for track in tracks_in(file, product):
        for below in (*rate.coordinates.values(), *rate.default):
            path = join_path(track, rate.path(below))
            if path in file and file[path].shape and len(file[path]):
                yield path
