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
# # 5. Walk once, and let others read
#
# The first reader of a granule has to learn where its chunks lie. References keep that, so that
# the second reader starts with the data.
#
# The granules are synthetic: laid out as NASA's are, with made-up heights.

# %%
import cryodata as cd

cd.sandbox.stand_in_for_nasa()  # Without this line everything below asks NASA itself.
login = cd.login()

# %% [markdown]
# Build: each granule is walked, and what was learnt goes to a folder (or `s3://bucket/prefix/`).
# No values are copied.

# %%
from pathlib import Path

granules = cd.search("ATL06", region=(-139.3, 59.5, -138.3, 59.8), time="2022")
Path("scratch").mkdir(exist_ok=True)
refs = cd.references.build(granules, "scratch/yakutat", progress=False)
refs

# %%
refs.to_pandas()[["name", "rgt", "cycle", "start"]]

# %% [markdown]
# Two readers who keep no indexes of their own, one with the granules and one with the
# references. Values are the same; the second walks nothing.

# %%
fresh = cd.Options(cache=None)
wanted = {"variables": "h_li", "beams": "gt2l", "options": fresh}

one = cd.open(granules, **wanted)
walk = one.cryo.receipt
one.cryo.load()

two = cd.open(cd.references.open("scratch/yakutat"), **wanted)
no_walk = two.cryo.receipt
two.cryo.load()

print("identical:", one.identical(two))
print("to open, walking:       ", walk)
print("to open, by references: ", no_walk)
print("all, walking:           ", one.cryo.receipt)
print("all, by references:     ", two.cryo.receipt)

# %%
import matplotlib.pyplot as plt

figure, both = plt.subplots(1, 3, figsize=(10, 2.4), layout="constrained", sharey=True)
receipts = {"walking": one.cryo.receipt, "by references": two.cryo.receipt}
for axes, (what, scale, unit) in zip(
    both, [("requests", 1, ""), ("rounds", 1, " one after the other"), ("nbytes", 1e6, " (MB)")]
):
    values = [getattr(receipt, what) / scale for receipt in receipts.values()]
    axes.barh(list(receipts), values, color=["0.75", "#1f4e8c"])
    axes.set_xlabel(what.replace("nbytes", "bytes") + unit)
    axes.spines[["top", "right"]].set_visible(False)
both[0].invert_yaxis()

# %% [markdown]
# Are they still true? `verify` asks each granule for its version, and compares a sample of chunks
# with h5py. An empty `problem` is good news.

# %%
cd.references.verify(refs, sample=4, progress=False)[["name", "version", "chunks", "problem"]]

# %% [markdown]
# What is in them? `describe` reads the references alone: chunk sizes, codecs, and `cloud`, how well
# a variable suits reading over a network, of 100.

# %%
table = cd.references.describe(refs)
heights = table[table.path.str.startswith("/gt2l/land_ice_segments/")]
columns = ["path", "dtype", "chunk_shape", "codecs", "chunks", "ratio", "mean_chunk_bytes", "cloud"]
heights[columns].sort_values("mean_chunk_bytes", ascending=False).head(6)

# %% [markdown]
# For tools of others: one kerchunk JSON for each granule. (`form="icechunk"` makes a repository
# that also checks versions.) Here xarray and zarr read one, and decode chunk by chunk.

# %%
import xarray as xr

cd.references.export(refs, "scratch/kerchunk", form="kerchunk")
store = cd.references.open_kerchunk(next(Path("scratch/kerchunk").glob("*.json")))
other = xr.open_zarr(store, group="gt2l/land_ice_segments", consolidated=False, zarr_format=2)
print("equal by another reader:", bool((other.h_li.fillna(0).values == one.h_li.fillna(0)).all()))
