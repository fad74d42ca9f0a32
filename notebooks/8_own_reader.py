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
# # 8. A reader of your own
#
# A package that reads for others, or a product that has no table yet.
#
# The granules are synthetic, those of NASA's product as well as the file made below.

# %%
import cryodata as cd

cd.sandbox.stand_in_for_nasa()  # Without this line everything below asks NASA itself.
login = cd.login()

# %% [markdown]
# ## Say once what you read
#
# A `Reader` is frozen, compares, pickles, and takes what `cd.open` takes. Mistakes are told when it
# is made.

# %%
reader = cd.Reader(
    "ATL06", variables=["h_li", "h_li_sigma"], beams="strong", where="h_li_sigma < 0.02"
)
reader

# %%
try:
    reader.replace(where="h_li_sigma <")
except cd.errors.CryodataError as error:
    print(type(error).__name__, error, sep=": ")

# %% [markdown]
# A function of your package takes one, and does not care where granules are.


# %%
def mean_height(read: cd.Reader, granules, **cut):
    """Mean height of what a reader reads, m."""
    ds = read(granules, **cut)
    return float(ds.h_li.mean()), ds.sizes["segment"]


box = (-139.3, 59.5, -138.3, 59.8)
for one in (reader, reader.replace(beams="weak")):
    mean, rows = mean_height(one, "ATL06", region=box, time="2022")
    print(f"{one.beams[0]}: {mean:.2f} m from {rows} rows")

# %% [markdown]
# ## A product of your own
#
# Somebody's lake levels, as h5py writes them: one track at the root, own names, times since 2000.

# %%
from pathlib import Path

import h5py
import numpy as np

along = np.linspace(0, 1, 3000)
rng = np.random.default_rng(8)
lake = np.abs(along - 0.5) < 0.2
shore = 400 * np.maximum(np.abs(along - 0.5) - 0.2, 0) ** 1.5
level = 118 + shore + np.where(lake, 0.05, 0.8) * rng.standard_normal(3000)
columns = {
    "t": (6.3e8 + 0.05 * np.arange(3000), {"units": "seconds since 2000-01-01 00:00:00"}),
    "lat": (59.3 + 0.5 * along, {"units": "degrees_north"}),
    "lon": (-138.9 + 0.1 * along, {"units": "degrees_east"}),
    "level": (level.astype("f4"), {"units": "m"}),
    "surface": (
        lake.astype("i1"),
        {"flag_values": np.array([0, 1], "i1"), "flag_meanings": "land water"},
    ),
}
scratch = Path("scratch")
scratch.mkdir(exist_ok=True)
path = scratch / "LAKES_20200101.h5"
with h5py.File(path, "w") as file:
    for name, (values, attributes) in columns.items():
        made = file.create_dataset(name, data=values, chunks=(500,), compression="gzip")
        made.attrs.update(attributes)

# %% [markdown]
# Its table is all that cryodata has to know: when times are zero, what rows are called, and which
# words a flag has.

# %%
table = """
short_name = "LAKES"
title = "Levels of lakes"
doi = "10.5281/none"
epoch = "2000-01-01T00:00:00"
tracks = [""]
rows = "shot"
zone_maps = ["lat", "lon", "t", "surface"]

[[rates]]
dimension = "shot"
time = "t"
latitude = "lat"
longitude = "lon"
default = ["level", "surface"]

[[flags]]
variable = "surface"
words = { land = 0, water = 1 }
good = ["water"]
"""
lakes = cd.Product.from_toml(table)
water = cd.open(path, product=lakes, where="surface == 'water'", region=(-140, 59.3, -138, 59.8))
water

# %%
import matplotlib.pyplot as plt

whole = cd.open(path, product=lakes)
figure, axes = plt.subplots(figsize=(10, 3.2), layout="constrained")
axes.plot(whole.latitude, whole.level, color="0.7", lw=1, label="all rows")
axes.plot(water.latitude, water.level, ".", ms=5, color="#1f77b4", label="surface == 'water'")
axes.set(xlabel="latitude (°N)", ylabel="level (m)")
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## Test it
#
# `ProductContract` compares with h5py and numpy, never with cryodata: values, times, words, region
# and time against filtering. In your package this is a file of tests; here pytest runs it once.

# %%
import subprocess
import sys

(scratch / "lakes.toml").write_text(table)
(scratch / "test_lakes.py").write_text(
    """
from pathlib import Path

import cryodata as cd
from cryodata.testing import ProductContract


class TestLakes(ProductContract):
    product = cd.Product.from_toml(Path("lakes.toml").read_text())
    granules = ["LAKES_20200101.h5"]
    recognised = False  # until the table is an entry point of a package
"""
)
done = subprocess.run(
    [sys.executable, "-m", "pytest", "-q", "--color=no", "--rootdir=.", "test_lakes.py"],
    cwd=scratch,
    capture_output=True,
    text=True,
)
print(done.stdout.split(" in ")[0].splitlines()[-1] if done.returncode == 0 else done.stdout)
