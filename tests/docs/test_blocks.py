"""Every block of Python in the documentation runs, in an archive of its own, page by page."""

from __future__ import annotations

import contextlib
import inspect
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cryodata.sandbox import Sky, cloud
from tests.docs.archive import desk, keys, publish
from tests.docs.pages import PAGES, ROOT, blocks_of, tokens_of

MOST_EXCUSED = 8
"""Blocks that may go unrun, over all pages."""
CODED = [page for page in PAGES if any(blocks_of(page))]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of granules, each made once."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture(scope="module")
def archive(made: Path) -> Iterator[Sky]:
    """NASA Earthdata as the pages see it, inside its region."""
    with cloud("none", earthdata=True) as sky:
        publish(sky, made)
        yield sky


@pytest.fixture
def reader_of_pages(
    archive: Sky, made: Path, stranger: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody with an account, keys and files, who has not read anything yet."""
    for name, value in {**archive.earthdata.login_environment(), **keys(archive)}.items():
        monkeypatch.setenv(name, value)
    place = tmp_path / "desk"
    place.mkdir()
    desk(place, made)
    monkeypatch.chdir(place)


@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3")
@pytest.mark.parametrize("page", CODED, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_run(page: Path, reader_of_pages: None) -> None:
    """An example that fails is the first thing a user sees of the library."""
    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.ExitStack() as stack:
        stack.callback(_close, names)
        for block in blocks_of(page):
            if block.excuse:
                continue
            printed = io.StringIO()
            code = "\n" * block.line + block.code  # so that a traceback names the page's lines
            with contextlib.redirect_stdout(printed):
                exec(compile(code, str(page), "exec"), names)
            if block.output is not None:
                assert _lines(printed.getvalue()) == _lines(block.output), f"line {block.line}"


def _lines(text: str) -> list[str]:
    """A text without what nobody sees: blanks at the ends of lines, empty lines around it."""
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def _close(names: dict[str, Any]) -> None:
    """Close what a page leaves open."""
    for value in reversed(list(names.values())):
        if not inspect.isclass(value) and not inspect.ismodule(value) and hasattr(value, "close"):
            value.close()


def test_few_blocks_are_excused(capsys: pytest.CaptureFixture[str]) -> None:
    """Code that never runs rots; what cannot run says why, on the page."""
    every = [(page, block) for page in CODED for block in blocks_of(page)]
    excused = [(page, block) for page, block in every if block.excuse]
    lines = [f"{len(every) - len(excused)} blocks of {len(CODED)} pages run, not run:"]
    lines += [f"  {page.relative_to(ROOT)}:{block.line}: {block.excuse}" for page, block in excused]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert len(every) > 80
    assert len(excused) <= MOST_EXCUSED
    assert all(len(block.excuse) > 10 for _, block in excused)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_is_fenced_and_named(page: Path) -> None:
    """Python in a block that does not say so would be run by nobody."""
    for token in tokens_of(page):
        if token.type == "code_block":
            assert "import " not in token.content, token.map
            assert "cd." not in token.content, token.map
        if token.type == "fence":
            assert token.info, f"{page.name}: block without a language, at {token.map}"
            assert token.info in LANGUAGES, f"{page.name}: {token.info}, at {token.map}"


LANGUAGES = {"console", "output", "python", "sql", "text", "toml", "{eval-rst}", "{toctree}"}
"""What blocks are of; only Python is run, and no other name of it is known here."""
