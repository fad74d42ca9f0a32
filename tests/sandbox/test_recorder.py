"""Recordings of granules, against h5py and against what a granule was made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cryodata.sandbox.granules import BEAMS, atl06, template
from cryodata.sandbox.granules.recorder import as_json, record
from cryodata.sandbox.granules.template import DatasetSpec, Template
from tests.real import real_files

ATL06 = "processed_ATL06_20191106230008_06270503_006_01.h5"


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """`template.load` of a recording that is not in the package."""

    def loaded(recorded: dict[str, Any]) -> Template:
        (tmp_path / "x.json").write_text(as_json(recorded), "utf-8")
        monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)
        return template.load.__wrapped__("x")

    return loaded


def stored(group: h5py.Group) -> int:
    """Bytes of all chunks below a group."""
    sizes = []
    group.visititems(
        lambda _, item: sizes.append(
            item.id.get_storage_size() if isinstance(item, h5py.Dataset) else 0
        )
    )
    return sum(sizes)


def test_recording_of_a_real_granule_equals_h5py(loaded: Any) -> None:
    """A wrong type or axis would go into every synthetic granule, and from there into tests."""
    path = real_files()[ATL06]
    made = loaded(record([path], tracks=BEAMS, credit="NSIDC"))
    found = 0
    with h5py.File(path) as file:
        beam = max(BEAMS, key=lambda name: stored(file[name]))  # the one that is recorded
        for spec in made.datasets:
            dataset = file[spec.path.replace("{beam}", beam)]
            assert spec.dtype == dataset.dtype
            assert spec.fill_attribute == ("_FillValue" in dataset.attrs)
            assert spec.scale == dataset.is_scale
            if spec.layout == "chunked":
                assert spec.chunk == dataset.chunks
                assert spec.trail == dataset.shape[1:]
                assert spec.fill == dataset.fillvalue
                assert ("shuffle" in spec.filters) == dataset.shuffle
            else:
                assert spec.shape == dataset.shape
            scales = [axis[0].name for axis in dataset.dims if len(axis)]
            assert list(spec.of(beam).dims) == scales
            found += 1
        paths: list[str] = []
        file[beam].visit(paths.append)
        seen = {p.path.removeprefix("/{beam}/") for p in made.datasets}
        assert {p for p in paths if isinstance(file[beam][p], h5py.Dataset)} <= seen
    assert found > 40


def test_recording_of_a_granule_is_what_it_was_made_of(tmp_path: Path, loaded: Any) -> None:
    """Recorded, written and recorded again, nothing may get lost."""
    path = atl06(segments=200, folder=tmp_path)
    made = loaded(record([path], tracks=BEAMS, credit=""))

    def told(spec: DatasetSpec) -> tuple[Any, ...]:
        rows = (spec.trail, spec.chunk, spec.filters, spec.fill) if spec.chunk else spec.shape
        return (spec.dtype, spec.layout, rows, spec.fill_attribute, spec.scale, spec.dims)

    ours = {spec.path: told(spec) for spec in template.load("atl06").datasets}
    theirs = {spec.path: told(spec) for spec in made.datasets}
    assert theirs == ours
    assert set(made.groups) == set(template.load("atl06").groups)


def test_recording_holds_neither_measurements_nor_people(tmp_path: Path) -> None:
    """A template goes into every installation: no data of others, nobody's address."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update({"contributor_name": "A. Person (a@b)", "institution": "NASA"})
        file.attrs["short_name"] = np.bytes_(b"X")
        heights = file.create_dataset(
            "a/h", data=np.full(50, 123.25), chunks=(50,), maxshape=(None,)
        )
        heights.make_scale("h")
        alone = file.create_dataset("a/t", data=np.full(50, 77.5), chunks=(50,), maxshape=(None,))
        alone.make_scale("t")  # of rows all the same, though nothing is left that it labels
        other = file.create_dataset(
            "b/q", data=np.arange(50.0) + 999, chunks=(50,), maxshape=(None,)
        )
        other.attrs["long_name"] = "x" * 10_000
        other.dims[0].attach_scale(heights)
        file["a"].create_dataset("only_in_a", data=np.zeros(3), chunks=(3,))
    text = as_json(record([path], tracks=("a", "b"), credit=""))
    assert "123.25" not in text
    assert "999" not in text
    assert "77.5" not in text
    assert "Person" not in text
    assert len(text) < 3_000
    recorded = json.loads(text)
    assert recorded["groups"]["/"]["title"] == "Synthetic X"
    assert {"/{beam}/h", "/{beam}/t", "/{beam}/q", "/{beam}/only_in_a"} == set(recorded["datasets"])
