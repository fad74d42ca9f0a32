"""Tables as text of a terminal, and as rows for programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["lines", "rows"]


def lines(frame: pd.DataFrame, columns: Mapping[str, Callable[[Any], str]]) -> str:
    """Some columns, each with how its values are written; texts left, numbers right."""
    heads = [name.replace("_", " ") for name in columns]
    cells = [
        [write(value) for write, value in zip(columns.values(), row, strict=True)]
        for row in frame[[*columns]].itertuples(index=False)
    ]
    left = [frame[name].dtype.kind not in "iuf" for name in columns]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if is_text else cell.rjust(width)
            for cell, width, is_text in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in [heads, *cells]
    )


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A dictionary per row; what is no number as None."""
    return [
        {str(name): None if _is_nan(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
