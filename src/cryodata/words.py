"""Numbers as people read them."""

from __future__ import annotations

__all__ = ["count_in_words", "money_in_words", "size_in_words", "time_in_words"]


def count_in_words(number: int, one: str, many: str = "") -> str:
    """``1 request``, ``1,204 requests``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size_in_words(nbytes: float) -> str:
    """Bytes as ``31.4 MB``: powers of 1000, as networks and object stores count them."""
    if nbytes < 999.5:
        return f"{nbytes:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        nbytes /= 1000
        if nbytes < 999.5:
            return f"{nbytes:.3g} {unit}"
    return f"{nbytes:,.0f} TB"


def money_in_words(dollars: float) -> str:
    """US dollars as ``$3.46``; below one, as ``4.2 cents``."""
    if dollars >= 0.995:
        return f"${dollars:,.2f}"
    return "nothing" if dollars == 0 else f"{100 * dollars:.2g} cents"


def time_in_words(seconds: float) -> str:
    """``0.41 s``, ``51 min``, ``3.2 h``."""
    if seconds < 90:
        return f"{seconds:.2g} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.2g} h"
