"""Cards that notebooks show: one piece of HTML each, without scripts or links to elsewhere.

Colours are those of the text around, so that light and dark pages both fit. All texts are escaped
here; only what another function of this module gave, or a drawing, is put in as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["Html", "bar", "card", "facts", "line", "more", "table"]

_STYLE = (
    ".cryo{font:13px/1.45 system-ui,sans-serif;max-width:66em;color:inherit}"
    ".cryo .top{display:flex;gap:1.5em;flex-wrap:wrap;align-items:flex-start}"
    ".cryo .top svg{width:19em;height:19em;flex:none}"
    ".cryo h4{margin:0 0 .4em;font-size:1.1em}.cryo p{margin:.2em 0}"
    ".cryo .small{opacity:.65;font-size:.92em}"
    ".cryo dl{display:grid;grid-template-columns:max-content 1fr;gap:.15em 1em;margin:0}"
    ".cryo dt{opacity:.65;font-weight:400}.cryo dd{margin:0;overflow-wrap:anywhere}"
    ".cryo table{border-collapse:collapse;margin:.4em 0;font-size:1em}"
    ".cryo td,.cryo th{text-align:left;padding:.1em 1.4em .1em 0;background:none;border:0;"
    "font-weight:400;white-space:nowrap}.cryo th{opacity:.65}"
    ".cryo summary{cursor:pointer;opacity:.8;margin:.5em 0}"
    ".cryo .bar{height:.5em;max-width:30em;border:1px solid currentColor;border-radius:.25em;"
    "overflow:hidden;opacity:.8}.cryo .bar div{height:100%;background:currentColor}"
)


class Html(str):
    """Markup, not to be escaped again."""

    __slots__ = ()


def card(title: str, *parts: Html, beside: str = "") -> str:
    """A card.

    Parameters
    ----------
    title : str
        Plain text.
    *parts : Html
        One below the other.
    beside : str
        A drawing, as SVG, on the right of title and parts.
    """
    text = f"<h4>{escape(title)}</h4>{''.join(parts)}"
    inside = f'<div class="top"><div>{text}</div>{beside}</div>' if beside else text
    return f'<div class="cryo"><style>{_STYLE}</style>{inside}</div>'


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Names and values; those without a value are left out."""
    listed = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs if value
    )
    return Html(f"<dl>{listed}</dl>")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, named: bool = False) -> Html:
    """A table.

    Parameters
    ----------
    head : sequence of str
    rows : iterable of sequence of str
    named : bool
        The first cell of each row is its name.
    """
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    for row in rows:
        cells = [f"<td>{escape(cell)}</td>" for cell in row]
        if named:
            cells[0] = f"<th>{escape(row[0])}</th>"
        lines.append("".join(cells))
    return Html("<table>" + "".join(f"<tr>{cells}</tr>" for cells in lines) + "</table>")


def line(text: str, *, small: bool = False) -> Html:
    """A line of text; a small one is an aside."""
    return Html(f"<p{' class=small' if small else ''}>{escape(text)}</p>")


def bar(share: float) -> Html:
    """A bar that is filled so far, 0 to 1; of the smallest share something is seen."""
    width = max(min(share, 1.0), 0.003)
    return Html(f'<div class="bar"><div style="width:{width:.2%}"></div></div>')


def more(summary: str, content: Html, *, shown: bool = False) -> Html:
    """What opens with a click, or is open at first."""
    return Html(
        f"<details{' open' if shown else ''}><summary>{escape(summary)}</summary>"
        f"{content}</details>"
    )
