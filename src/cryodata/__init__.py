"""ICESat-2 and other HDF5/NetCDF4 granules from object stores into xarray.

::

    import cryodata as cd

    ds = cd.open("s3://bucket/ATL06_20191106230008_06270503_006_01.h5")
    tree = cd.open_tree("granule.h5")

    cd.login()
    granules = cd.search("ATL06", region=(-50, 69, -48, 70), time="2023")
    ds = cd.open(granules)

Everything is imported when it is first used, so ``import cryodata`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryodata import bench, earthdata, errors, references
    from cryodata.catalogue import search
    from cryodata.checkup import doctor
    from cryodata.condition import Condition
    from cryodata.dataset import open  # noqa: A004 - the verb of the library
    from cryodata.earthdata.granule import Granule
    from cryodata.earthdata.granules import Granules
    from cryodata.earthdata.identity.login import login
    from cryodata.options import Limits, Network, Options
    from cryodata.planning.plan import Plan, plan
    from cryodata.prices import Prices
    from cryodata.products.product import Product
    from cryodata.reader import Reader
    from cryodata.region.region import Region
    from cryodata.tree import open_tree

__all__ = [
    "Condition",
    "Granule",
    "Granules",
    "Limits",
    "Network",
    "Options",
    "Plan",
    "Prices",
    "Product",
    "Reader",
    "Region",
    "__version__",
    "bench",
    "doctor",
    "earthdata",
    "errors",
    "login",
    "open",
    "open_tree",
    "plan",
    "references",
    "sandbox",
    "search",
    "testing",
]

__version__ = "0.1.0"

_HOME = {
    "Condition": "cryodata.condition",
    "Granule": "cryodata.earthdata.granule",
    "Granules": "cryodata.earthdata.granules",
    "Limits": "cryodata.options",
    "Network": "cryodata.options",
    "Options": "cryodata.options",
    "Plan": "cryodata.planning.plan",
    "Prices": "cryodata.prices",
    "Product": "cryodata.products.product",
    "Reader": "cryodata.reader",
    "Region": "cryodata.region.region",
    "doctor": "cryodata.checkup",
    "login": "cryodata.earthdata.identity.login",
    "open": "cryodata.dataset",
    "open_tree": "cryodata.tree",
    "plan": "cryodata.planning.plan",
    "search": "cryodata.catalogue",
}
"""Public name to the module that defines it; names not listed are modules themselves."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'cryodata' has no attribute {name!r}")
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    else:
        value = importlib.import_module(f"cryodata.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _refuse_strangers(package: Path) -> None:
    """Stop where another distribution has put its files into this folder, too.

    ``cryodata`` on the package index is a cryo-electron-microscopy package; ours is
    ``cryodata-earth``. Both install a folder of the same name, and the one installed
    last overwrites the other.
    """
    stranger = next(package.parent.glob("cryodata-*.dist-info"), None)
    if stranger is not None:
        raise ImportError(
            f"The unrelated cryo-EM package 'cryodata' ({stranger.name}) is installed over "
            f"cryodata-earth in {package.parent}, and their files are mixed. Mend it with: "
            "pip uninstall cryodata cryodata-earth && pip install cryodata-earth"
        )


_refuse_strangers(Path(__file__).parent)
