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
# # 2. Photons of a glacier, and how good they are
#
# ATL03 holds every photon that ATLAS timed. Most of the work is to know which of them came from
# the ground.
#
# The granules are synthetic: laid out as NASA's are, with made-up photons.

# %%
import cryodata as cd

cd.sandbox.stand_in_for_nasa()  # Without this line everything below asks NASA itself.
login = cd.login()

# %% [markdown]
# One strong beam over five kilometres. `with_segments` gives each photon a value of its 20 m
# segment; `classify` looks up each photon in the ATL08 granule of the same pass.

# %%
import matplotlib.pyplot as plt
import numpy as np

place = (-139.3, 59.5, -138.3, 59.56)
wanted = {
    "region": place,
    "time": "2019-08",
    "beams": "gt2r",
    "variables": ["h_ph", "dist_ph_along", "signal_conf_land_ice"],
    "with_segments": "segment_dist_x",
}
photons = cd.open("ATL03", classify="ATL08", **wanted)
photons.cryo.load()
print(f"{photons.sizes['photon']} photons")
print(photons.cryo.receipt)

# %% [markdown]
# How sure is ATL03 that a photon came from land ice? The words are those of the product.

# %%
words = ["noise", "buffer", "low", "medium", "high"]
confidence = photons.signal_conf_land_ice.values
for value, word in enumerate(words):
    print(f"{word:7} {np.sum(confidence == value):6}")

# %% [markdown]
# The background comes in a band of 60 m above and below the ground; the signal is a line.

# %%
along = (photons.segment_dist_x + photons.dist_ph_along).values
along = (along - along.min()) / 1000


def draw(groups, title):
    figure, axes = plt.subplots(figsize=(10, 4.4), layout="constrained")
    for label, rows, color, size in groups:
        axes.scatter(
            along[rows], photons.h_ph.values[rows], s=size, color=color, lw=0, label=label,
            rasterized=True,
        )  # fmt: skip
    axes.set(xlabel="distance along the track (km)", ylabel="height above the ellipsoid (m)")
    axes.set_title(title, loc="left")
    axes.set_xlim(2.0, 4.0)
    seen = photons.h_ph.values[(along > 2) & (along < 4)]
    axes.set_ylim(np.percentile(seen, 0.1), np.percentile(seen, 99.9))
    axes.legend(markerscale=5, frameon=False, ncols=len(groups), loc="upper left")
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)


colors = plt.get_cmap("viridis_r")(np.linspace(0.15, 0.95, 3))
draw(
    [
        ("noise or buffer", confidence <= 1, "0.75", 1.5),
        *((word, confidence == 2 + n, colors[n], 4) for n, word in enumerate(words[2:])),
    ],
    "Confidence of ATL03 that a photon came from land ice",
)

# %% [markdown]
# A condition is cut before it is read into memory, and equals filtering afterwards.

# %%
sure = cd.open("ATL03", where="signal_conf_land_ice >= 'medium'", **wanted)
kept = photons.h_ph.values[confidence >= 3]
print(f"{sure.sizes['photon']} photons of medium or high confidence")
print("the same as filtering:", np.array_equal(sure.h_ph.values, kept))

# %% [markdown]
# ATL08 judges by another rule: ground, canopy, top of canopy. A glacier has no trees, so that what
# is called canopy here is background light above the surface. -1 is a photon that ATL08 left out.

# %%
kinds = {-1: "not in ATL08", 0: "noise", 1: "ground", 2: "canopy", 3: "top of canopy"}
classes = photons.classed_pc_flag.values
for value, kind in kinds.items():
    print(f"{kind:14} {np.sum(classes == value):6}")

draw(
    [
        ("not in ATL08, or noise", classes <= 0, "0.75", 1.5),
        ("canopy", classes == 2, "#8fbf7f", 4),
        ("top of canopy", classes == 3, "#2f7d4f", 4),
        ("ground", classes == 1, "#1f4e8c", 4),
    ],
    "The same photons, by their class in ATL08",
)
