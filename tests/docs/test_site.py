"""The documentation builds without a warning, and leaves nothing public out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup
from sphinx.util.inventory import InventoryFile

import cryodata
from cryodata import bench, earthdata, errors, references, testing
from cryodata.accessor import CryoAccessor
from tests.docs.pages import DOCS, PAGES, ROOT, tokens_of

MODULES = ("bench", "earthdata", "errors", "references", "sandbox", "testing")
"""What is public of cryodata and a module: its names are looked for, not itself."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does; without a network, as all tests."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "-E"]
    done = subprocess.run(
        [*command, "-d", str(folder / "doctrees"), str(DOCS), str(folder / "html")],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_everything_public_is_in_the_reference(site: Path) -> None:
    """What is not there has to be guessed from the source."""
    with (site / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda *parts: "/".join(parts))
    known = {name for kind, names in inventory.items() if kind[:3] == "py:" for name in names}
    wanted = {f"cryodata.{name}" for name in cryodata.__all__ if name not in MODULES}
    for module in (bench, earthdata, errors, references, testing):
        wanted |= {f"{module.__name__}.{name}" for name in module.__all__}
    verbs = [name for name in vars(CryoAccessor) if not name.startswith("_")]
    wanted |= {f"cryodata.accessor.CryoAccessor.{name}" for name in verbs}
    assert len(wanted) > 70
    assert wanted <= known, sorted(wanted - known)


def test_no_page_asks_another_host(site: Path) -> None:
    """Whoever reads the pages on a ship or behind a wall sees them whole."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
        fetched = [str(tag["src"]) for tag in soup.find_all(["script", "img"], src=True)]
        fetched += [
            str(tag["href"])
            for tag in soup.find_all("link", href=True)
            if "stylesheet" in (tag.get("rel") or ())
        ]
        assert not [url for url in fetched if "//" in url], page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere_in_plain_markdown(page: Path) -> None:
    """The same pages are read where nobody has built them."""
    for token in tokens_of(page):
        for child in token.children or ():
            target = str(child.attrGet("href") or "") if child.type == "link_open" else ""
            if not target or "://" in target or target.startswith("#"):
                continue
            path = unquote(target.partition("#")[0])
            assert (page.parent / path).exists(), f"{page.relative_to(ROOT)}: {target}"
