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
# # 1. First heights in a minute
#
# Open land ice heights (ATL06) by place and time, know the price, read, look.
#
# The granules are synthetic: laid out as NASA's are, at Yakutat Glacier in Alaska, with made-up
# heights.

# %%
import cryodata as cd

cd.sandbox.stand_in_for_nasa()  # Without this line everything below asks NASA itself.
login = cd.login()

# %% [markdown]
# A place is west, south, east, north in degrees. Nothing but structure and the two columns that
# say where rows lie is read here.

# %%
box = (-139.3, 59.5, -138.3, 59.8)
ds = cd.open("ATL06", region=box, time="2022", variables=["h_li", "h_li_sigma"])
ds

# %% [markdown]
# All beams lie one after the other along `segment`; `track` says which beam has how many rows.

# %%
ds.cryo.tracks()[["beam", "strong", "rgt", "cycle", "rows", "south", "north"]]

# %% [markdown]
# What would it cost? A plan counts requests and bytes before they are spent. Notice the second
# line: a small share of the granule is needed. (How ranges are merged into requests follows the
# network as it is now.)

# %%
print(cd.plan("ATL06", region=box, time="2022", variables=["h_li", "h_li_sigma"]))

# %% [markdown]
# Values travel when they are touched. Named variables come together.

# %%
heights = ds.h_li.values
print(f"{heights.size} rows, mean height {float(ds.h_li.mean()):.3f} m")

# %% [markdown]
# The receipt says what was spent since `open`: it is counted, not estimated. Touching `h_li` again
# costs nothing.

# %%
before = ds.cryo.receipt
ds.h_li.values.sum()
print(before)
print("again:", ds.cryo.receipt - before)

# %% [markdown]
# A look at it. Left the ground tracks, right the profile of each beam; the beams of a pair are
# 90 m apart and nearly the same.

# %%
# %matplotlib inline
ds.cryo.quicklook()
# %% [markdown]
# And how to cite what was read.

# %%
print(ds.cryo.citation(accessed="2026-01-01"))
