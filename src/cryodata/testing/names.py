"""What a table names, to be looked for in files."""

from __future__ import annotations

from collections.abc import Collection

from cryodata.products import Product

__all__ = ["is_below", "named_by"]


def is_below(path: str, groups: Collection[str]) -> bool:
    """Whether a path is one of some, or lies below one."""
    return any(path == group or path.startswith(group + "/") for group in groups)


def named_by(product: Product) -> set[str]:
    """Everything that a table names, relative to the track."""
    rates = product.rates
    named = {
        rate.path(one) for rate in rates for one in (*rate.coordinates.values(), *rate.default)
    }
    named |= {one for n in product.nestings for one in (n.first, n.count, n.identity)}
    named |= {one for r in product.references for one in (r.index, r.identity)}
    named |= {*product.dimensions, *product.labels.values(), *product.zone_maps}
    named |= {flag.variable for flag in product.flags}
    return named - {""}
