"""The pages of the documentation, and the blocks of code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

__all__ = ["DOCS", "PAGES", "ROOT", "Block", "blocks_of", "tokens_of"]

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
"""All that is read as documentation."""
EXCUSE = re.compile(r"<!-- not run: (.+?) -->", re.DOTALL)
"""What stands right before a block that cannot run, and says why."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of Python on a page.

    Attributes
    ----------
    code : str
    line : int
        Of the page, where the code begins, counted from 0.
    excuse : str
        Why it is not run; empty for one that is.
    output : str or None
        What it prints, as the block of output right after it says; None where there is none.
    """

    code: str
    line: int
    excuse: str
    output: str | None


def tokens_of(page: Path) -> list[Token]:
    """What a page consists of, as CommonMark."""
    return MarkdownIt().parse(page.read_text("utf-8"))


def blocks_of(page: Path) -> Iterator[Block]:
    """The Python of a page, in order."""
    tokens = tokens_of(page)
    for number, token in enumerate(tokens):
        if token.type != "fence" or token.info.split()[:1] != ["python"]:
            continue
        assert token.map is not None
        before = tokens[number - 1] if number else None
        after = tokens[number + 1] if number + 1 < len(tokens) else None
        html = before.content if before is not None and before.type == "html_block" else ""
        excuse = EXCUSE.fullmatch(html.strip())
        shown = after is not None and after.type == "fence" and after.info == "output"
        yield Block(
            code=token.content,
            line=token.map[0] + 1,
            excuse=" ".join(excuse[1].split()) if excuse else "",
            output=after.content if after is not None and shown else None,
        )
