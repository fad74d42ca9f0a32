"""Any file that h5py can write, as Hypothesis thinks them up, read by both readers."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryodata.granule import GranuleFile
from cryodata.options import Options
from tests.matrix.case import LIBVERS, sample
from tests.snapshot import differences, seen_by_cryodata, seen_by_h5py

DTYPES = ("i1", "<u2", ">i4", "<i8", "<f2", "<f4", ">f8", "<c8", "?", "S5", "V3")
EVERYDAY, SOAK = 100, 300
NO_CACHE = Options(cache=None)


@dataclass(frozen=True, slots=True)
class Variable:
    """How to create one dataset, and which boxes of it to write."""

    dtype: str
    shape: tuple[int, ...]
    options: dict[str, Any]
    boxes: tuple[tuple[slice, ...], ...]
    reads: tuple[tuple[slice, ...], ...]


@st.composite
def boxes(draw: st.DrawFn, shape: tuple[int, ...], steps: st.SearchStrategy[int]) -> Any:
    """A slice per axis, possibly empty."""
    cuts = []
    for size in shape:
        start, stop = sorted(draw(st.tuples(st.integers(0, size), st.integers(0, size))))
        cuts.append(slice(start, stop, draw(steps)))
    return tuple(cuts)


@st.composite
def variables(draw: st.DrawFn) -> Variable:
    """Any rank to 4, any chunks, any filters, written in parts or not at all."""
    dtype = draw(st.sampled_from(DTYPES))
    sizes: list[int] = draw(st.lists(st.integers(0, 13), max_size=4))
    shape = tuple(sizes)
    options: dict[str, Any] = {}
    chunked = draw(st.integers(0, 3)) > 0
    if shape and chunked:
        options["chunks"] = tuple(draw(st.integers(1, max(1, n))) for n in shape)
        options["maxshape"] = tuple(
            draw(st.sampled_from([n, None, n + 5])) if n else None for n in shape
        )
        options["shuffle"] = draw(st.booleans())
        options["fletcher32"] = draw(st.booleans())
        if draw(st.booleans()):
            options["compression"] = "gzip"
            options["compression_opts"] = draw(st.integers(0, 9))
    if np.dtype(dtype).kind in "iuf" and draw(st.booleans()):
        options["fillvalue"] = draw(st.integers(-100, 100)) % 128
    writing = st.lists(boxes(shape, st.just(1)), max_size=3).map(tuple)
    reading = st.lists(boxes(shape, st.integers(1, 3)), min_size=1, max_size=3).map(tuple)
    return Variable(dtype, shape, options, draw(writing), draw(reading))


attributes = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12),
    st.one_of(
        st.integers(-(2**63), 2**63 - 1),
        st.floats(width=64),
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40),
        st.lists(st.integers(0, 255), min_size=1, max_size=30).map(lambda v: np.array(v, "u1")),
    ),
    max_size=12,
)


def write(path: Path, libver: str, made: dict[str, Variable], notes: dict[str, Any]) -> None:
    with h5py.File(path, "w", libver=libver) as file:
        for name, variable in made.items():
            dataset = file.create_dataset(name, variable.shape, variable.dtype, **variable.options)
            for number, box in enumerate(variable.boxes):
                size = tuple(cut.stop - cut.start for cut in box)
                if 0 not in size:
                    dataset[box] = sample(variable.dtype, size, f"{name}{number}")
        for name, value in notes.items():
            file.attrs[name] = value


def check(libver: str, made: list[Variable], notes: dict[str, Any]) -> None:
    """Both readers see the same file, whole and in slices."""
    named = {f"group {i % 2}/v{i}": variable for i, variable in enumerate(made)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.h5")
        write(path, libver, named, notes)
        with h5py.File(path) as file, GranuleFile(path, options=NO_CACHE) as granule:
            assert not differences(seen_by_cryodata(granule), seen_by_h5py(file))
            for name, variable in named.items():
                whole = file[name][()]
                for box, values in zip(
                    variable.reads,
                    granule.read([(name, box) for box in variable.reads]),
                    strict=True,
                ):
                    expected = np.asarray(whole)[box] if box else np.asarray(whole)
                    assert values.shape == expected.shape
                    assert values.astype(expected.dtype).tobytes() == expected.tobytes()


anything = {
    "libver": st.sampled_from(LIBVERS),
    "made": st.lists(variables(), min_size=1, max_size=3),
    "notes": attributes,
}
steady = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@settings(steady, max_examples=EVERYDAY)
@given(**anything)
def test_any_file(libver: str, made: list[Variable], notes: dict[str, Any]) -> None:
    """A combination nobody wrote down in the matrix may be the one that is misread."""
    check(libver, made, notes)


@pytest.mark.soak
@settings(steady, max_examples=SOAK, derandomize=False)
@given(**anything)
def test_any_file_in_number(libver: str, made: list[Variable], notes: dict[str, Any]) -> None:
    """As above, other files each time."""
    check(libver, made, notes)
