"""Sound files that the hostile tests damage: small, and with something of everything."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from tests.real import DATA

__all__ = ["GENERATED", "REAL", "write_granule"]

REAL = {
    "real-atl16": DATA / "ATL16_variables.opendap_subset.nc4",
    "real-sea-ice": DATA / "seaice_conc_daily_sh_20211231_f17_v04r00.nc",
}
GENERATED = {"earliest": "earliest", "v108": "v108", "latest": "latest"}
"""Name to lower library bound."""


def write_granule(path: Path, libver: str) -> None:
    """A granule in the manner of ATL03, small, with an index of each kind in newer files."""
    rng = np.random.default_rng(1)
    with h5py.File(path, "w", libver=libver, track_order=libver == "earliest") as file:
        file.attrs["title"] = "ATL03"
        file.attrs["long"] = np.arange(200.0)
        file.attrs.create("words", ["a", "bb", "ccc"], dtype=h5py.string_dtype())
        for beam in ("gt1l", "gt1r"):
            _write_beam(file, beam, rng)
        file["scalar"] = np.float64(7)
        file["contiguous"] = np.arange(64)
        file["words"] = ["one", "", "three"]
        file["soft"] = h5py.SoftLink("/contiguous")
        kind = np.dtype([("id", "<u4"), ("where", "<f8", (2,)), ("name", "S5")])
        file["records"] = np.zeros(5, kind)
        many = file.create_group("many")
        for number in range(30):
            many[f"link {number}"] = h5py.SoftLink("/scalar")
            many.attrs[f"attribute {number}"] = number


def _write_beam(file: h5py.File, beam: str, rng: np.random.Generator) -> None:
    group = file.create_group(f"{beam}/heights")
    time = file.create_dataset(f"{beam}/delta_time", data=np.arange(4000.0), chunks=(1000,))
    time.make_scale("delta_time")
    for name, values, limit in (
        ("h_ph", rng.normal(size=4000).astype("f4"), (None,)),
        ("lat_ph", np.linspace(60, 80, 4000), (4000,)),
        ("signal_conf_ph", rng.integers(-2, 4, (4000, 5)).astype("i1"), (None, None)),
    ):
        made = group.create_dataset(
            name,
            data=values,
            chunks=(500, *values.shape[1:]),
            maxshape=limit,
            compression="gzip",
            shuffle=True,
            fletcher32=name == "h_ph",
            fillvalue=values.dtype.type(-9),
        )
        made.attrs["units"] = "meters"
        made.attrs["valid_range"] = np.array([0, 1], values.dtype)
    group["h_ph"].dims[0].attach_scale(time)
