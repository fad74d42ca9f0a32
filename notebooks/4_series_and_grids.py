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
# # 4. Time series at points, and on a grid
#
# ATL11 has a height at the same points for each cycle, ATL15 maps of height change every three
# months.
#
# The granules are synthetic: laid out as NASA's are, with made-up heights that sink.

# %%
import cryodata as cd

cd.sandbox.stand_in_for_nasa()  # Without this line everything below asks NASA itself.
login = cd.login()

# %% [markdown]
# ## ATL11: reference points
#
# `cycle` is a dimension of its own, with the number of each cycle. Three pairs of beams, one
# after the other.

# %%
import matplotlib.pyplot as plt
import numpy as np

box = (-139.3, 59.5, -138.3, 59.8)
points = cd.open("ATL11", region=box, variables=["h_corr", "h_corr_sigma", "quality_summary"])
points.cryo.load()
points.h_corr

# %% [markdown]
# Only visits of good quality. About a third are missing anyway, as clouds would have it.

# %%
height = points.h_corr.where(points.quality_summary == 0)
print(f"{float(height.notnull().mean()):.1%} of the visits have a good height")

# %% [markdown]
# Change since the mean of each point. Rows are cycles, columns points from south to north, of the
# middle pair. Colour runs from blue to red where the ground sinks: in the middle. Mind that the
# mean of a point is over the visits it has: right, of each place, the point with the most of them.

# %%
pair = np.repeat(points.beam.values, points.rowSize.values) == "pt2"
change = (height - height.mean("cycle")).isel(ref_pt=pair)
latitude = points.latitude.values[pair]

figure, (left, right) = plt.subplots(
    1, 2, figsize=(11, 4.2), width_ratios=[1.3, 1], layout="constrained"
)
drawn = left.pcolormesh(latitude, points.cycle, change.T, cmap="RdBu", vmin=-10, vmax=10)
left.set(xlabel="latitude (°N)", ylabel="cycle (91 days)")
left.set_title("pair 2; white is no good visit", loc="left")
figure.colorbar(drawn, ax=left, label="height above the mean of the point (m)")

colors = plt.get_cmap("viridis")(np.linspace(0.1, 0.85, 4))
visits = change.notnull().sum("cycle").values
for color, where in zip(colors, [59.52, 59.56, 59.60, 59.65]):
    near = int(np.argmax(visits * (np.abs(latitude - where) < 0.01)))
    right.plot(points.cycle, change[near], "o", ms=4, color=color, label=f"{latitude[near]:.2f} °N")
right.set(xlabel="cycle (91 days)", ylabel="height above the mean of the point (m)")
right.set_title("four of these points", loc="left")
right.legend(frameon=False)
right.grid(color="0.92")
right.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## ATL15: a grid
#
# NASA has a file for each region and resolution. Of those found, take the one of 1 km.

# %%
found = cd.search("ATL15", region=box)
fine = [granule for granule in found if "_01km_" in granule.name]
around = (-139.9, 59.3, -137.6, 60.0)
grid = cd.open(fine, region=around)
grid

# %% [markdown]
# Where it lies is in the file, and comes along as CF says it. `in_region` marks the cells whose
# centre is inside; nothing else is masked.

# %%
import pyproj

crs = pyproj.CRS.from_cf(grid.spatial_ref.attrs)
print(f"EPSG:{crs.to_epsg()}, cells of {float(grid.x[1] - grid.x[0]):.0f} m")
print(f"{int(grid.in_region.sum())} of {grid.in_region.size} cells are inside")

# %% [markdown]
# Other grids of the same file have a name. `dhdt_lag4` is the rate over four quarters, so that
# seasons cancel; `delta_h` keeps them.

# %%
rate = cd.open(fine, region=around, group="dhdt_lag4").dhdt
ice = grid.ice_area.where(grid.in_region)
mean = (grid.delta_h * ice).sum(("y", "x")) / ice.sum(("y", "x"))

figure, (left, right) = plt.subplots(
    1, 2, figsize=(11, 4.4), width_ratios=[1.1, 1], layout="constrained"
)
drawn = left.pcolormesh(rate.x / 1000, rate.y / 1000, rate[-1], cmap="RdBu", vmin=-3, vmax=3)
left.set(xlabel="x, EPSG:3413 (km)", ylabel="y, EPSG:3413 (km)", aspect="equal")
left.set_title(f"rate around {rate.time.values[-1]:.10}", loc="left")
figure.colorbar(drawn, ax=left, label="height change (m a$^{-1}$)")
right.plot(mean.time, mean, "o-", color="#1f4e8c")
right.axhline(0, color="0.6", lw=0.8)
right.set(ylabel="mean height since January 2020 (m)")
right.set_title("mean over the ice in the region", loc="left")
right.grid(color="0.92")
right.spines[["top", "right"]].set_visible(False)
right.tick_params(axis="x", rotation=30)

# %%
lost = ((grid.delta_h[-1] - grid.delta_h[0]) * ice[0]).sum() / 1e9
print(f"change of volume {grid.time.values[0]:.10} to {grid.time.values[-1]:.10}: "
      f"{float(lost):.3f} km³")  # fmt: skip
