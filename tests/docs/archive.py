"""An archive that holds what the pages of the documentation look for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import cryodata as cd
from cryodata.sandbox import Sky
from cryodata.sandbox.granules import atl03, atl06, atl08, granule
from tests import downstream
from tests.docs.pages import DOCS
from tests.grid_files import structure, write_grid
from tests.real import DATA

__all__ = ["desk", "keys", "publish"]

BUCKET = "my-bucket"
JAKOBSHAVN = 1282
"""A reference ground track over the glacier."""
CAPE = 1038
"""One over the southern tip of Greenland."""
LAKE = 1064
"""One over Mercer Subglacial Lake."""
PAIR = ("gt1l", "gt1r")
OUTLINE = [[-51, 68.8], [-48.5, 68.8], [-48.5, 69.6], [-51, 69.6], [-51, 68.8]]
SEA_ICE = DATA / "seaice_conc_monthly_nh_202112_f17_v04r00.nc"
ITS_LIVE = next(DATA.glob("LT05_*_P000.nc"))


def publish(sky: Sky, made: Path) -> None:
    """Put granules into the archive, which are made in a folder."""
    over: dict[str, Any] = {"rgt": CAPE, "cycle": 19}
    pair: dict[str, Any] = {"photons": 300_000, "beams": PAIR, **over}
    for path in (
        atl06(made, segments=56_000, rgt=JAKOBSHAVN, cycle=19, beams=("gt1r",)),
        atl06(made, segments=2_500, seed=1, rgt=CAPE, cycle=20),
        atl06(made, segments=2_500, **over),
        atl03(made, **pair),
        atl08(made, **pair),
    ):
        sky.earthdata.publish(path)
    lake = granule("ATL11", made, rows=700, rgt=LAKE, region=11, length=7e5)
    sky.earthdata.publish(lake)
    for seed, rgt in enumerate((900, 915, 1200)):
        path = granule(
            "ATL10",
            made,
            rows=600,
            seed=seed,
            rgt=rgt,
            cycle=21,
            region=4,
            length=1.5e6,
            beams=PAIR,
        )
        sky.earthdata.publish(path)
    ring = [(-75.0, 59.0), (-10.0, 59.0), (-10.0, 84.0), (-75.0, 84.0), (-75.0, 59.0)]
    for cells in (10, 20):
        path = grid_of_greenland(made, cells)
        sky.earthdata.publish(path, rings=[ring], product="ATL15", version="002")
    _bucket(sky, made)


def keys(sky: Sky) -> dict[str, str]:
    """The user's own keys to S3, in the environment where they usually are."""
    options = sky.owner_options()
    return {
        "AWS_ACCESS_KEY_ID": options["key"],
        "AWS_SECRET_ACCESS_KEY": options["secret"],
        "AWS_ENDPOINT_URL": sky.url,
        "AWS_DEFAULT_REGION": options["client_kwargs"]["region_name"],
    }


def _bucket(sky: Sky, made: Path) -> None:
    """The bucket of the user, with a granule in it."""
    import boto3

    options = sky.owner_options()
    client = boto3.client(
        "s3",
        aws_access_key_id=options["key"],
        aws_secret_access_key=options["secret"],
        endpoint_url=f"http://{sky.server_address}",  # past the wire, which only lets objects pass
        region_name=options["client_kwargs"]["region_name"],
    )
    try:
        client.create_bucket(Bucket=BUCKET)
        path = atl06(made, segments=500, seed=1)
        client.upload_file(str(path), BUCKET, "ATL06_20190226002919_09100201_006_02.h5")
    finally:
        client.close()


def grid_of_greenland(folder: Path, cells: int) -> Path:
    """An ATL15 of some resolution, km, of the ice around Jakobshavn; made once.

    The surface falls by 0.4 m a year in the south-west and rises by 0.1 m in the north-east.
    """
    path = folder / f"ATL15_GL_0314_{cells:02d}km_002_01.nc"
    if path.exists():
        return path
    step = cells * 1000.0
    x = np.arange(-260_000.0, 60_000.0, step)
    y = np.arange(-2_400_000.0, -2_080_000.0, step)
    recorded = structure("ATL15")
    sizes = {1541: len(x), 2741: len(y)}
    values: dict[str, Any] = {}
    for group in ("delta_h", "dhdt_lag1", "dhdt_lag4", "dhdt_lag8"):
        name = "delta_h" if group == "delta_h" else "dhdt"
        number = recorded["arrays"][f"/{group}/time"]["shape"][0]
        time = 365.25 + 91.3125 * np.arange(number)
        trend = np.linspace(-0.4, 0.1, len(x))[None, :] + np.linspace(0, 0.1, len(y))[:, None]
        years = time / 365.25 - 2 if name == "delta_h" else np.ones(number)
        values |= {
            f"/{group}/x": x,
            f"/{group}/y": y,
            f"/{group}/time": time,
            f"/{group}/{name}": years[:, None, None] * trend,
            f"/{group}/ice_area": np.full((number, len(y), len(x)), step**2),
        }
    return write_grid(path, recorded, sizes, values)


def desk(folder: Path, made: Path) -> None:
    """Lay out the files that the pages read from where they run."""
    granules = folder / "granules"
    granules.mkdir()
    over: dict[str, Any] = {"seed": 1, "rgt": 50, "cycle": 4}
    pair: dict[str, Any] = {"photons": 60_000, "beams": PAIR, **over}
    for path in (
        atl06(made, segments=12_000, beams=PAIR, **over),
        atl06(made, segments=1_100, seed=2, rgt=50, cycle=5),
        atl03(made, **pair),
        atl08(made, **pair),
    ):
        (granules / path.name).hardlink_to(path)
    (folder / "granule.h5").hardlink_to(atl06(made, segments=300, seed=1, beams=PAIR))
    outline = {"type": "Polygon", "coordinates": [OUTLINE]}
    (folder / "glacier.geojson").write_text(json.dumps(outline), "utf-8")
    for cells in (1, 10, 20):
        path = grid_of_greenland(made, cells)
        (folder / path.name).hardlink_to(path)
    downstream.granule(folder / f"{downstream.NAME}_20200101.nc")
    page = (DOCS / "downstream.md").read_text("utf-8")
    table = page.partition("```toml\n")[2].partition("```")[0]
    (folder / "cs_lta_sir_gop.toml").write_text(table, "utf-8")
    shutil.copytree(_references(made), folder / "colleague" / "refs")
    _sea_ice(folder / "sea-ice")
    _velocities(folder / "pairs")


def _velocities(folder: Path) -> None:
    """Two pairs of images: copies of a real file, whose cells are all empty, with speeds in it."""
    folder.mkdir()
    for year in (1984, 1985):
        copy = shutil.copy(ITS_LIVE, folder / f"{year}_{ITS_LIVE.name}")
        with h5py.File(copy, "r+") as file:
            pair = file["img_pair_info"].attrs
            pair["date_center"] = pair["date_center"].replace(b"1984", str(year).encode())
            file["v"][:256, -256:] = year - 1900


def _references(made: Path) -> Path:
    """References of somebody else, to a granule of theirs; made once."""
    folder = made / "refs"
    if not folder.exists():
        cd.references.build(atl06(made, segments=300, seed=1, beams=PAIR), folder)
    return folder


def _sea_ice(folder: Path) -> None:
    """Concentrations of three months: the real file of one, and copies under other dates."""
    folder.mkdir()
    for month in (10, 11, 12):
        name = SEA_ICE.name.replace("202112", f"2021{month}")
        copy = shutil.copy(SEA_ICE, folder / name)
        begin = np.datetime64(f"2021-{month}-01") - np.datetime64("1601-01-01")
        with h5py.File(copy, "r+") as file:
            file["time"][0] = begin.astype(int)
