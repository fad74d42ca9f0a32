"""The pictures of the documentation: ``make pictures`` draws them anew.

Cards are photographed by Chromium as a notebook shows them, on light and dark pages.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

IMAGES = Path(__file__).parent / "images"
PAGES = {"light": ("#222222", "#ffffff"), "dark": ("#dddddd", "#111111")}
"""Colours of text and page."""
WINDOW = "900,880"


def main() -> None:
    """Draw all."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        os.environ["CRYODATA_CACHE"] = str(place / "cache")
        cards = draw(place)
        for name, (ink, paper) in PAGES.items():
            page = place / f"{name}.html"
            style = f"margin:18px;color:{ink};background:{paper}"
            page.write_text(f'<body style="{style}">{cards}</body>')
            photograph(page, IMAGES / f"cards-{name}.png")


def draw(place: Path) -> str:
    """The cards of a search, a plan, a receipt and references, and the quick look."""
    import cryodata as cd
    from cryodata.sandbox import cloud
    from cryodata.sandbox.granules import atl06, rgt_near

    longitudes = (-60.0, -46.0, -30.0)
    granules = [
        atl06(place, segments=40_000, seed=cycle, rgt=rgt_near(east, 3), cycle=cycle)
        for cycle, east in enumerate(longitudes, 4)
    ]
    with cloud("none", earthdata=True) as sky:
        for granule in granules:
            sky.earthdata.publish(granule)
        os.environ.update(sky.earthdata.login_environment())
        found = cd.search("ATL06")
        plan = cd.plan(found, variables=["h_li", "h_li_sigma"], beams="strong")
        ds = plan.open()
        ds.cryo.load()
        refs = cd.references.build(found, place / "greenland", progress=False)
        ds.cryo.quicklook().savefig(IMAGES / "quicklook.png", dpi=90)
        cards = (found, plan, ds.cryo.receipt, refs)
        page = "<hr style='opacity:.2'>".join(card._repr_html_() for card in cards)
        return page.replace(str(place), "s3://my-bucket")


def photograph(page: Path, target: Path) -> None:
    """As a browser shows it."""
    browser = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome")))
    )
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
    ]
    command += [f"--window-size={WINDOW}", f"--screenshot={target}", str(page)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


if __name__ == "__main__":
    main()
