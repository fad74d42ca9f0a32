"""Every structure HDF5 has, and what of it no form of references can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.matrix.case import Case
from tests.test_matrix import CASES

__all__ = ["STRUCTURES", "every_structure", "refusals"]

REFUSED: Mapping[str, Mapping[str, str]] = {
    # case (without its libver): name of what is refused, and the words that say why
    "dtype/committed": {"y": "gaps"},
    "dtype/compound": dict.fromkeys(
        ("chunked", "contiguous", "scalar", "unwritten", "zero"), "gaps"
    ),
    "dtype/compound-padded": dict.fromkeys(
        ("chunked", "contiguous", "scalar", "unwritten", "zero"), "gaps"
    ),
    "dtype/odd-precision": {
        "long double": "80-bit",
        "three bytes": "24-bit",
        "twelve bits": "12-bit",
    },
    "dtype/references": {
        "objects": "object reference",
        "pairs": "object reference",
        "regions": "region reference",
    },
    "dtype/texts-in-compound": {"nested": "vlen string", "table": "vlen string"},
    "dtype/times": {"time": "type time"},
    "dtype/vlen-sequences": {
        f"{kind}{how}": "no type for vlen sequence"
        for kind in ("<f8", "<i4", "u1")
        for how in ("", " chunked", " unwritten")
    },
    "filter/masked": dict.fromkeys(("grown", "x"), "leave out a filter"),
    "filter/nbit": dict.fromkeys(("noise", "ramp"), "filter 5 (nbit)"),
    "filter/scaleoffset": dict.fromkeys(("noise", "ramp"), "filter 6 (scaleoffset)"),
    "filter/skipped": {"x": "filter 32000 (lzf)"},
    "filter/szip": dict.fromkeys(("noise", "ramp"), "filter 4 (szip)"),
    "filter/unfiltered-edges": {"x": "leave out a filter"},
    "groups/external": {
        "g/deeper": "is not followed",
        "outside": "is not followed",
        "passwords": "is not followed",
    },
    "layout/scalars": {"null": "no value"},
    "refused/external": {"outside": "external files"},
    "refused/filter": dict.fromkeys(("unwritten", "written"), "filter 511"),
    "refused/virtual": {"virtual": "virtual dataset"},
}
"""Everything that cannot be written. What is in no row here must be equal to what h5py reads."""

ONLY: Mapping[str, Mapping[str, str]] = {
    "kerchunk: layout/far-apart": {"x": "never written"},
    "kerchunk: layout/far-apart-deflate": {"x": "never written"},
}
"""What one form cannot hold."""

STRUCTURES = [*{case.name.rpartition("/")[0] or case.name: case for case in CASES}.values()]
"""Of each structure the newest layout."""


def every_structure(*slow: str) -> list[Any]:
    """Parameters: `STRUCTURES` every time, older layouts and what begins with `slow` at leisure."""
    return [
        pytest.param(
            case,
            id=case.name,
            marks=[] if case in STRUCTURES and not case.name.startswith(slow) else pytest.mark.soak,
        )
        for case in CASES
    ]


def refusals(case: Case, form: str) -> Mapping[str, str]:
    """Names that are refused; ``*`` for every one of the file."""
    part, what = case.name.split("/")[:2]
    if "lzf" in what:
        return {"*": "filter 32000 (lzf)"}
    return {**REFUSED.get(f"{part}/{what}", {}), **ONLY.get(f"{form}: {part}/{what}", {})}
