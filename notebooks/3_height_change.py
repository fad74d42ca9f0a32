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
# # 3. How fast does it sink?
#
# Heights of the same segments in two summers (ATL06), and the change from the first to the second.
#
# The granules are synthetic: laid out as NASA's are, with made-up heights. The ground is told to
# sink, most in the middle of each granule and not at its ends, so that there is something to find.

# %%
import cryodata as cd

cd.sandbox.stand_in_for_nasa()  # Without this line everything below asks NASA itself.
login = cd.login()

# %% [markdown]
# Six granules: three reference ground tracks, in cycles two years apart.

# %%
import matplotlib.pyplot as plt
import numpy as np

box = (-139.3, 59.5, -138.3, 59.8)
ds = cd.open(
    "ATL06",
    region=box,
    cycle=[4, 12],
    variables=["h_li", "h_li_sigma", "segment_id", "x_atc", "dh_fit_dx", "atl06_quality_summary"],
)
ds = ds.cryo.project("EPSG:3413")
print(ds.cryo.tracks().groupby(["rgt", "cycle"]).rows.sum().unstack())

# %% [markdown]
# A table, one row per segment. Only the best quality is kept, and rows with a height.

# %%
table = ds.cryo.to_geodataframe()
good = table[table.atl06_quality_summary == 0].dropna(subset=["h_li", "dh_fit_dx"])
print(f"{len(good)} of {len(table)} rows are good")

# %% [markdown]
# A segment has the same number at each visit, so the first and the last are put side by side by
# track, beam and number. Middles of segments differ by a metre along the track; the slope takes
# that out. The slope *across* the track is not corrected here: real visits are up to tens of
# metres apart, which is what ATL11 is for (next notebook).

# %%
first, last = (good[good.cycle == cycle] for cycle in (4, 12))
pairs = first.merge(last, on=["rgt", "beam", "segment_id"], suffixes=("", "_last"))
years = (pairs.time_last - pairs.time).dt.total_seconds() / (365.25 * 86400)
height_last = pairs.h_li_last + pairs.dh_fit_dx_last * (pairs.x_atc - pairs.x_atc_last)
pairs["dhdt"] = (height_last - pairs.h_li) / years
pairs["dhdt_sigma"] = np.hypot(pairs.h_li_sigma, pairs.h_li_sigma_last) / years
print(f"{len(pairs)} pairs over {years.mean():.3f} years")
print(pairs.groupby("rgt").dhdt.median().round(3).to_string())

# %% [markdown]
# A map in polar stereographic x and y: medians in cells of 1 km. Red has sunk.

# %%
import xarray as xr

cells = (pairs[["y", "x"]] // 1000 + 0.5).astype(float)
gridded = xr.DataArray.from_series(pairs.dhdt.groupby([cells.y, cells.x]).median())
whole = {axis: np.arange(gridded[axis].min(), gridded[axis].max() + 1) for axis in ("y", "x")}
gridded = gridded.reindex(whole)  # cells that no track crosses are empty

figure, (left, right) = plt.subplots(
    1, 2, figsize=(11, 4.8), width_ratios=[1, 1.5], layout="constrained"
)
drawn = left.pcolormesh(gridded.x, gridded.y, gridded, cmap="RdBu", vmin=-3, vmax=3)
left.set(xlabel="x, EPSG:3413 (km)", ylabel="y, EPSG:3413 (km)", aspect="equal")
left.locator_params(axis="x", nbins=4)
left.set_title("medians in cells of 1 km", loc="left")
figure.colorbar(drawn, ax=left, label="height change (m a$^{-1}$)", shrink=0.8)

for color, (rgt, track) in zip(["#1f4e8c", "#c2503a", "#4a8c4f"], pairs.groupby("rgt")):
    track = track.sort_values("latitude")
    right.scatter(track.latitude, track.dhdt, s=1.5, color=color, alpha=0.15, lw=0)
    middle = track[["latitude", "dhdt"]].rolling(301, center=True).median()
    right.plot(middle.latitude, middle.dhdt, color=color, lw=2, label=f"RGT {rgt}")
right.axhline(0, color="0.6", lw=0.8)
right.set(xlabel="latitude (°N)", ylabel="height change (m a$^{-1}$)", ylim=(-4, 1))
right.set_title("single segments, and running medians of 301", loc="left")
right.legend(frameon=False)
right.grid(color="0.92")
right.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# Is the scatter what the errors of single heights say? A ratio near 1 would say yes. It is larger:
# `h_li_sigma` is the error of the fit alone, and what is left of slopes comes on top.

# %%
tracks = pairs.groupby(["rgt", "beam"], observed=True).dhdt
residual = pairs.dhdt - tracks.transform(lambda rate: rate.rolling(51, center=True).median())
print(f"scatter {residual.std():.3f} m/a, errors say {pairs.dhdt_sigma.median():.3f} m/a")
