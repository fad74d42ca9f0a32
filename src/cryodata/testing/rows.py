"""Rows of granules as h5py and numpy have them: what a Dataset is compared with.

Nothing here uses the reading side of this library. Of a product's table it takes where
things are said to be, and of the files what is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.errors import MissingDependencyError
from cryodata.products import Product, join_path
from cryodata.types import AnyArray

__all__ = ["Rows", "decoded", "epoch_of", "opened", "tracks_in", "units_of", "words_of"]

_SINCE = re.compile(r"\s*seconds\s+since\s+(\d{4}-\d\d-\d\d)(?:[T ]+(\d\d:\d\d:\d\d(?:\.\d+)?))?")


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file, open for reading with h5py.

    Raises
    ------
    MissingDependencyError
        Without h5py.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError(
            "Contracts compare with h5py", fix='pip install "cryodata-earth[testing]"'
        ) from error
    with h5py.File(path, "r") as file:
        yield file


def tracks_in(file: Any, product: Product) -> list[str]:
    """Tracks of a product that a file has; the root is always there."""
    return [track for track in product.tracks if not track or track in file]


def decoded(dataset: Any) -> AnyArray:
    """Values as CF means them: fill is NaN, packed numbers are unpacked, text is text.

    Parameters
    ----------
    dataset : h5py.Dataset
    """
    stored: AnyArray = np.asarray(dataset[()])
    if stored.dtype.kind not in "iuf":
        return _as_text(stored) if stored.dtype.kind in "SO" else stored
    said = {name: np.ravel(dataset.attrs[name])[0] for name in _NUMBERS if name in dataset.attrs}
    if not said:
        return stored
    values = stored.astype("f8")
    for name in ("_FillValue", "missing_value"):
        if name in said:
            values[stored == said[name]] = np.nan
    return np.asarray(values * said.get("scale_factor", 1) + said.get("add_offset", 0))


_NUMBERS = ("_FillValue", "missing_value", "scale_factor", "add_offset")


def _as_text(values: AnyArray) -> AnyArray:
    """Bytes as text, element by element."""
    texts = [
        one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in values.flat
    ]
    return np.array(texts, object).reshape(values.shape)


def words_of(dataset: Any) -> dict[str, int]:
    """Word to number, as ``flag_meanings`` and ``flag_values`` of a variable say; or nothing."""
    meanings, values = dataset.attrs.get("flag_meanings"), dataset.attrs.get("flag_values")
    if meanings is None or values is None:
        return {}
    words = str(_as_text(np.ravel(meanings))[0]).split()
    numbers = np.ravel(values).tolist()
    return dict(zip(words, numbers, strict=True)) if len(words) == len(numbers) else {}


def units_of(dataset: Any) -> str:
    """The attribute ``units``, or nothing."""
    return str(_as_text(np.ravel(np.asarray(dataset.attrs.get("units", ""), object)))[0])


def epoch_of(dataset: Any) -> np.datetime64 | None:
    """When the seconds of a variable begin, as its ``units`` say; None where they do not."""
    found = _SINCE.match(units_of(dataset))
    if found is None:
        return None
    day, clock = found.groups()
    return np.datetime64(f"{day}T{clock or '00:00:00'}", "ns")


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of some granules, read whole.

    Attributes
    ----------
    beams : (row,) ndarray of str
        Track of each row.
    values : mapping of str to (row, ...) ndarray
        Path relative to the track to decoded values.
    time : (row,) ndarray of datetime64 or None
        UTC; None where the rows have none.
    """

    beams: AnyArray
    values: Mapping[str, AnyArray]
    time: AnyArray | None

    @classmethod
    def of(cls, paths: Sequence[Path], product: Product, more: Iterable[str] = ()) -> Rows:
        """Rows of a product's own rate.

        Parameters
        ----------
        paths : sequence of Path
        product : Product
            With the names of the granules' release.
        more : iterable of str
            Paths relative to the track, beside coordinates and default variables; those that
            some track with rows lacks are left out.
        """
        rate = product.rate
        names = [*rate.coordinates.values(), *rate.default]
        wanted = list(dict.fromkeys([*map(rate.path, names), *more]))
        parts: dict[str, list[AnyArray]] = {path: [] for path in wanted}
        beams: list[AnyArray] = [np.empty(0, "U1")]
        full = 0
        for path in paths:
            with opened(path) as file:
                for track in tracks_in(file, product):
                    there = {p: file.get(join_path(track, p)) for p in wanted}
                    found = {p: one for p, one in there.items() if one is not None and one.shape}
                    counts = [len(found[p]) for p in wanted if p in found]
                    if not counts or not counts[0]:
                        continue
                    full += 1
                    beams.append(np.full(counts[0], track))
                    for p, one in found.items():
                        parts[p].append(decoded(one))
        values = {p: np.concatenate(got) for p, got in parts.items() if full and len(got) == full}
        seconds = values.get(rate.path(rate.time)) if rate.time else None
        time = None if seconds is None or product.epoch is None else _utc(seconds, product.epoch)
        return cls(np.concatenate(beams), values, time)

    def __len__(self) -> int:
        return len(self.beams)

    def keep(self, wanted: NDArray[np.bool_]) -> Rows:
        """Only some of the rows: True = keep."""
        return Rows(
            self.beams[wanted],
            {path: values[wanted] for path, values in self.values.items()},
            None if self.time is None else self.time[wanted],
        )


def _utc(seconds: AnyArray, epoch: np.datetime64) -> AnyArray:
    """Instants; NaT where there is no number."""
    known = np.isfinite(seconds)
    whole = np.where(known, np.floor(seconds), 0)
    rest = np.where(known, np.rint((seconds - whole) * 1e9), 0)
    time = epoch + whole.astype("m8[s]") + rest.astype("m8[ns]")
    return np.where(known, time, np.datetime64("NaT", "ns"))
