"""The pieces that the text of a condition is made of, and what is no piece of one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from cryodata.errors import SelectionError

__all__ = [
    "DEEPEST",
    "EXAMPLE",
    "LONGEST",
    "Token",
    "checked_name",
    "checked_number",
    "tokens_of",
    "wrong_piece",
]

LONGEST = 10_000
"""Characters of a condition at most."""

DEEPEST = 50
"""Parentheses within parentheses, and nots before nots, at most."""

EXAMPLE = "Write it like: h_li_sigma < 0.5 and atl06_quality_summary == 'best_quality'."
"""What helps where nothing better is known."""

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<number>(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))
    |(?P<word>'[^'\\\n]*'|"[^"\\\n]*")
    |`(?P<path>[^`\\\n]*)`
    |(?P<name>[^\W\d]\w*)
    |(?P<op>[=!<>]=|[<>](?!>)|[(){}\[\],-])""",
    re.VERBOSE,
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_ARITHMETIC = ("has no arithmetic", "Compute it after opening, and select with ds.where(...).")
_JOIN = ("joins by words", "Write and, or, not.")
_REMEDIES = {
    **dict.fromkeys("+-*/%@", _ARITHMETIC),
    **dict.fromkeys("&|~^", _JOIN),
    "=": ("needs two =", "Write == to compare."),
    "!": ("has no !", "Write != to compare, and not to negate."),
    ".": ("has no attributes", "Compare variables by name; paths go in backquotes."),
    ":": ("has no :", EXAMPLE),
    "#": ("has no comments", "Leave the comment out."),
    "\\": ("has no backslashes", "Leave the backslash out."),
    "'": ("has a quote that is not closed", "Close the quoted word."),
    '"': ("has a quote that is not closed", "Close the quoted word."),
    "`": ("has a backquote that is not closed", "Close the quoted name."),
    "[": ("has no subscripts", "Compare whole variables, or select after opening."),
    "(": ("calls nothing but abs(name)", "Compute it after opening, and select there."),
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: its kind, what it says, where it begins."""

    kind: str
    text: str
    start: int


def tokens_of(text: str) -> Iterator[Token]:
    """The pieces of a condition, and one of kind ``"end"``.

    Kinds are ``"number"``, ``"word"`` (in its quotes), ``"path"``, ``"name"`` and ``"op"``.

    Raises
    ------
    SelectionError
        A character that no condition has.
    """
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            what, fix = _REMEDIES.get(text[at], ("cannot be read", EXAMPLE))
            raise wrong_piece(text, at, what, fix)
        kind = found.lastgroup or ""
        if kind != "space":
            yield Token(kind, found[kind], at)
        at = found.end()
    yield Token("end", "", len(text))


def wrong_piece(text: str, at: int, what: str, fix: str) -> SelectionError:
    """The error that names a piece of the text and the column it begins at, from 1."""
    piece = text[at : at + 30]
    where = f"at column {at + 1}: {piece!r}" if piece.strip() else "at its end"
    return SelectionError(f"where= {what}, {where}", fix=fix)


def checked_name(name: str) -> str:
    """`name` if a variable may be called so.

    Raises
    ------
    SelectionError
        Empty, too long, private to Python, or of characters that no name has.
    """
    hidden = any(part.startswith("__") for part in name.split("/"))
    if not name.strip("/ ") or len(name) > 1000 or hidden or not name.isprintable() or "`" in name:
        shown = name if len(name) < 60 else f"{name[:60]}..."
        raise SelectionError(f"where= has {shown!r}, which names no variable", fix=EXAMPLE)
    return name


def checked_number(value: float, said: str) -> float:
    """`value` if arrays can be compared with it: finite, and 64 bits at most."""
    fits = -(2**63) <= value < 2**64 if isinstance(value, int) else math.isfinite(value)
    if not fits:
        raise SelectionError(
            f"where= has {said}, a number beyond those of 64 bits",
            fix="Compare with a finite number; x == x is true where x is no NaN.",
        )
    return value
