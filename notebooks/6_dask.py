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
# # 6. On a dask cluster
#
# The same call with `chunks={}` gives dask arrays. What travels to a worker says where to ask,
# and no key.
#
# The granules are synthetic: laid out as NASA's are, with made-up heights.

# %%
import cryodata as cd

cd.sandbox.stand_in_for_nasa()  # Without this line everything below asks NASA itself.
login = cd.login()

# %% [markdown]
# Two workers on this machine, each a process of its own. On a hub this line would be its gateway.

# %%
from dask.distributed import Client

client = Client(n_workers=2, threads_per_worker=1, memory_limit="1GiB", dashboard_address=None)
print(len(client.scheduler_info()["workers"]), "workers")

# %% [markdown]
# `chunks={}` takes the chunks of the files, and never one across two beams.

# %%
ds = cd.open(
    "ATL06",
    region=(-139.3, 59.5, -138.3, 59.8),
    cycle=[4, 12],
    variables=["h_li", "atl06_quality_summary"],
    chunks={},
)
ds.h_li.data

# %% [markdown]
# Nothing new to learn from here: it is xarray. Workers fetch and decode, and send back sums.

# %%
good = ds.h_li.where(ds.atl06_quality_summary == 0)
mean, count = good.mean(), good.count()
mean, count = client.compute([mean, count], sync=True)
print(f"{int(count)} good heights, mean {float(mean):.2f} m")

# %% [markdown]
# The receipt asks the workers, too. Opening needed the structure and the two columns that say
# where rows lie; the rest was read over there.

# %%
print(ds.cryo.receipt)

# %% [markdown]
# Which keys travel? The whole task graph as it is sent, searched for the token of this login, and
# for anything that looks like a key of S3. (Workers find a login of their own: in their
# environment, a netrc, or by `cd.earthdata.share(client)`.)

# %%
import re

import cloudpickle

graph = cloudpickle.dumps(good.__dask_graph__())
token = login.to_earthaccess().token["access_token"]
print(f"{len(graph) / 1e3:.0f} kB of graph")
print("token in the graph:", token.encode() in graph)
print("keys of S3 in the graph:", len(re.findall(rb"(?:AKIA|ASIA)[A-Z0-9]{12,}", graph)))

# %% [markdown]
# Heights of two summers, computed on the workers and drawn here.

# %%
import matplotlib.pyplot as plt
import numpy as np

(height,) = client.gather(client.compute([good]))
cycles = np.repeat(ds.cycle.values, ds.rowSize.values)
figure, axes = plt.subplots(figsize=(10, 3.6), layout="constrained")
bins = np.arange(400, 4000, 50)
for cycle, color in zip([4, 12], ["#6baed6", "#08306b"]):
    axes.hist(height.values[cycles == cycle], bins, histtype="step", lw=1.8, color=color,
              label=f"cycle {cycle}")  # fmt: skip
axes.set(xlabel="height above the ellipsoid (m)", ylabel="segments per 50 m")
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)

# %%
client.shutdown()
