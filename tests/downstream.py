"""A package that brings a product as unlike ICESat-2 as they come, made in a folder.

Laid out as CryoSat-2's low-rate altimetry files are: one track at the root, its rows in
variables called ``time_20_ku``, ``lat_20_ku`` and so on, packed integers, times since 2000.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from cryodata.products.plugins import GROUP
from cryodata.types import AnyArray

__all__ = ["NAME", "TABLE", "TESTS", "granule", "install", "times"]

NAME = "CS_LTA_SIR_GOP"
EPOCH = np.datetime64("2000-01-01T00:00:00", "ns")

TABLE = f"""
short_name = "{NAME}"
title = "CryoSat-2 geophysical ocean product, as a stand-in"
doi = "10.5270/none"
epoch = "2000-01-01T00:00:00"
tracks = [""]
rows = "sample"
zone_maps = ["lat_20_ku", "lon_20_ku", "time_20_ku", "flag_surf_type_class_20_ku"]

[[rates]]
dimension = "sample"
time = "time_20_ku"
latitude = "lat_20_ku"
longitude = "lon_20_ku"
default = ["height_20_ku", "sig0_20_ku", "flag_surf_type_class_20_ku"]

[[flags]]
variable = "flag_surf_type_class_20_ku"
words = {{ open_ocean = 0, land = 1, continental_ice = 3, sea_ice = 6 }}
good = ["open_ocean"]
"""

TESTS = f"""
import cryodata.testing

class TestGop(cryodata.testing.ProductContract):
    product = "{NAME}"
    granules = ["{NAME}_20200101.nc", "{NAME}_20200102.nc"]
"""


def times(rows: int, day: int) -> AnyArray:
    """Seconds since 2000 of rows at 20 Hz, beginning on a day of January 2020."""
    begin = np.datetime64(f"2020-01-{day:02d}T01:02:03", "ns")
    return np.asarray(float((begin - EPOCH).astype("i8")) / 1e9 + np.arange(rows) / 20)


def granule(path: Path, *, rows: int = 4000, day: int = 1, says: str = "") -> Path:
    """Write a granule with h5py; `says` is its root's attribute ``short_name``."""
    rng = np.random.default_rng(day)
    along = np.linspace(0, 1, rows)
    columns = {
        "time_20_ku": (times(rows, day), {"units": "seconds since 2000-01-01 00:00:00.0"}),
        "lat_20_ku": (
            np.rint((-78 + 30 * along) * 1e7).astype("i4"),
            {"scale_factor": 1e-7, "units": "degrees_north"},
        ),
        "lon_20_ku": (
            np.rint((350 + 20 * along) % 360 * 1e7).astype("i8"),
            {"scale_factor": 1e-7, "units": "degrees_east"},
        ),
        "height_20_ku": (
            np.where(rng.random(rows) < 0.1, 2**31 - 1, rng.integers(-9000, 9000, rows)),
            {"scale_factor": 1e-3, "_FillValue": np.int32(2**31 - 1), "units": "m"},
        ),
        "sig0_20_ku": (rng.normal(11, 2, rows).astype("f4"), {"units": "dB"}),
        "flag_surf_type_class_20_ku": (
            np.array([0, 1, 3, 6], "i1")[rng.integers(0, 4, rows)],
            {
                "_FillValue": np.int8(127),
                "flag_values": np.array([0, 1, 3, 6], "i1"),
                "flag_meanings": "open_ocean land continental_ice sea_ice",
            },
        ),
    }
    with h5py.File(path, "w") as file:
        if says:
            file.attrs["short_name"] = says
        scale = file.create_dataset(
            "time_20_ku", data=columns["time_20_ku"][0], chunks=(500,), compression="gzip"
        )
        scale.make_scale("time_20_ku")
        for name, (values, attributes) in columns.items():
            if name != "time_20_ku":
                values = values.astype("i4") if name == "height_20_ku" else values
                file.create_dataset(name, data=values, chunks=(500,), compression="gzip")
                file[name].dims[0].attach_scale(scale)
            file[name].attrs.update(attributes)
        file.create_dataset("cycle_number", data=np.int32(7))
    return path


def install(site: Path, table: str = TABLE) -> Path:
    """Put the package into a folder, as an installer would; the folder goes onto the path."""
    package = site / "cryosat_tables"
    package.mkdir(parents=True)
    (package / "cs_lta_sir_gop.toml").write_text(table, "utf-8")
    metadata = site / "cryosat_tables-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: cryosat-tables\nVersion: 1.0\n", "utf-8"
    )
    line = f"{NAME} = cryosat_tables:cs_lta_sir_gop.toml"
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{line}\n", "utf-8")
    return site
