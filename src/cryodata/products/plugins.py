"""Product tables that other packages bring.

A package names its tables in its ``pyproject.toml``, a line each, in the group
``cryodata.products``: the product's short name, the package, and the table's file in it::

    [project.entry-points."cryodata.products"]
    CS_LTA_SIR_GOP = "cryosat_tables:cs_lta_sir_gop.toml"

The file's name is of letters, digits and underscores. Nothing of the package is imported
before its table is asked for, but for the package itself, to find the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from importlib.metadata import EntryPoint, entry_points

from cryodata.errors import ProductError
from cryodata.products.product import Product

__all__ = ["GROUP", "brought", "load", "origin"]

GROUP = "cryodata.products"


def brought() -> dict[str, tuple[EntryPoint, ...]]:
    """Short name in capitals to who brings a table of that name; looks at all packages."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=GROUP):
        name = point.name.strip().upper()
        if point not in found.get(name, ()):  # a package can be on the path twice
            found[name] = (*found.get(name, ()), point)
    return found


def load(points: Iterable[EntryPoint]) -> Product:
    """The product that a package brings.

    Raises
    ------
    ProductError
        Two packages bring one of that name, the file is not there, or is no table of that
        product; the message names the package.
    """
    points = tuple(points)
    if len(points) > 1:
        raise ProductError(
            f"{points[0].name} is brought by several packages: {', '.join(map(origin, points))}",
            fix="Uninstall all but one of them.",
        )
    (point,) = points
    fix = f'Tell its authors; an entry point of "{GROUP}" is NAME = "package:table.toml".'
    try:
        table = (resources.files(point.module) / point.attr).read_text("utf-8")
        product = Product.from_toml(table)
    except Exception as error:  # whatever a stranger's package raises on import
        raise ProductError(
            f"The table {point.name} of {origin(point)} cannot be used: {error}", fix=fix
        ) from error
    if product.short_name.upper() != point.name.strip().upper():
        raise ProductError(
            f"{origin(point)} brings {product.short_name} under the name {point.name}", fix=fix
        )
    return product


def origin(point: EntryPoint) -> str:
    """The package that brings a table, and where in it: ``cryosat-tables 1.0 (package:file)``."""
    package = f"{point.dist.name} {point.dist.version}" if point.dist else "a package"
    return f"{package} ({point.value})"
