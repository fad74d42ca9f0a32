# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 7. Local, in the region, at home: what a read costs
#
# The same three lines on a file, on S3 inside its region, and over https from far away.
#
# The granule is synthetic: laid out as NASA's are, with made-up heights. The stand-in's S3 is as
# far away as in its region, and its https as from a computer at home.

# %%
import cryodata as cd

cd.sandbox.stand_in_for_nasa()  # Without this line everything below asks NASA itself.
login = cd.login()

# %% [markdown]
# One granule, also as a file of this machine, fetched whole.

# %%
from pathlib import Path

granule = cd.search("ATL06", region=(-139.3, 59.5, -138.3, 59.8), time="2022")[0]
auth = login.to_earthaccess()
path = Path("scratch", granule.name)
path.parent.mkdir(exist_ok=True)
path.write_bytes(auth.get_session().get(granule.https).content)
print(f"{granule.name}, {path.stat().st_size / 1e6:.1f} MB")

# %% [markdown]
# What would one variable of one beam cost? A plan counts requests and bytes, and prices both ways.
# Notice who pays: inside the region bytes are free, outside the owner of the data pays for them.
# (`direct` works where S3 lets you: with NASA itself, in us-west-2.)
#
# No index is kept and the network is not measured, so that equal reads make equal requests.

# %%
equal = cd.Options(cache=None, network=cd.Network(adapt=False))
wanted = {"variables": "h_li", "beams": "gt2l", "options": equal}
print(cd.plan(granule, access="direct", **wanted))

# %%
print(cd.plan(granule, access="external", **wanted))

# %% [markdown]
# The same code three times; each walks.

# %%
import time

import pandas as pd


def read(what, **way):
    begin = time.perf_counter()
    with cd.open(what, **wanted, **way) as ds:
        heights = ds.h_li.values
        receipt = ds.cryo.receipt
    seconds = time.perf_counter() - begin
    return heights, {"requests": receipt.requests, "MB": receipt.nbytes / 1e6, "seconds": seconds}


local, local_cost = read(path)
near, near_cost = read(granule, access="direct")
far, far_cost = read(granule, access="external")

# %% [markdown]
# Beside it xarray and h5netcdf as they come, on a file that fsspec opens over https with what it
# does by default: a read-ahead of 5 MB. What it asks for is counted against the local copy, since
# over a line like the one above it would take minutes; so there are no seconds.

# %%
import fsspec
import numpy as np
import xarray as xr


class AsOverHttps(fsspec.spec.AbstractBufferedFile):
    """A file that counts what fsspec's cache of HTTP files asks for."""

    asked, nbytes = 0, 0

    def _fetch_range(self, start, end):
        self.asked += 1
        self.nbytes += end - start
        with path.open("rb") as file:
            file.seek(start)
            return file.read(end - start)


plain = AsOverHttps(
    fsspec.filesystem("file"), str(path), size=path.stat().st_size, cache_type="bytes"
)
with xr.open_dataset(plain, engine="h5netcdf", group="gt2l/land_ice_segments") as ds:
    theirs = ds.h_li.values
plain_cost = {"requests": plain.asked, "MB": plain.nbytes / 1e6, "seconds": float("nan")}

# %% [markdown]
# Receipts side by side. The values are the same four times; so are requests and bytes of cryodata
# in the cloud, near or far. Only seconds differ.

# %%
costs = pd.DataFrame(
    {
        "local file": local_cost,
        "in the region (S3)": near_cost,
        "from home (https)": far_cost,
        "xarray + h5netcdf, https": plain_cost,
    }
).T.astype({"requests": int})
same = [np.array_equal(one, local, equal_nan=True) for one in (near, far, theirs)]
print("values equal:", same)
print(costs.drop(columns="seconds").round(2).to_string())

# %%
costs.round(2)

# %%
import matplotlib.pyplot as plt

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 2.6), layout="constrained", sharey=True)
colors = ["#9ecae1", "#4292c6", "#08519c", "0.7"]
stored = path.stat().st_size / 1e6
left.barh(costs.index, costs.requests, color=colors)
left.set_xlabel("requests")
right.barh(costs.index, costs.MB, color=colors)
right.set_xlabel("MB")
right.axvline(stored, color="#c2503a", lw=1)
right.text(stored * 1.2, 0.5, "the whole granule", color="#c2503a", va="center")
for axes in (left, right):
    axes.set_xscale("log")
    axes.set_xlim(left=0.5)
    axes.spines[["top", "right"]].set_visible(False)
left.invert_yaxis()
