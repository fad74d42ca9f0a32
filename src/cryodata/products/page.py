"""The tables as a page of the documentation: ``docs/products.md``, written by `page`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cryodata.products.gridded import Grid
from cryodata.products.parts import Flag, Rate, join_path
from cryodata.products.product import Product

__all__ = ["HEAD", "page"]

HEAD = """\
# Products

What cryodata knows of a product before it opens a file is a table:
`src/cryodata/products/<short name>.toml`. This page is made of the tables; `make page` makes it
anew. Any other HDF5 or NetCDF4 file opens with `cryodata.open_tree`, without a table.

- **Rows**: `cryodata.open` gives those of the first kind named here, of all tracks, one after
  the other. The other kinds have rows of their own.
- **Default variables** are read when none are named. A release that lacks one opens without it.
- **Quality words** stand for the numbers of a flag; those in bold a careful user keeps.
- **Zone maps**: the smallest and largest value of each chunk of these is worth keeping, because
  rows are chosen by them.
- `{release}` in a DOI is the release in three digits.

Paths are relative to the track. Words, releases and their differences come from real granules
and from the data dictionaries of the products; what could not be seen is not said.

## A table of your own

A package can bring tables: one TOML file each, and one line in its `pyproject.toml`.

```toml
[project.entry-points."cryodata.products"]
CS_LTA_SIR_GOP = "cryosat_tables:cs_lta_sir_gop.toml"
```

That is the product's short name, the package, and the file in it (of letters, digits and `_`).
The file looks like those in `src/cryodata/products/`; `cryodata.Product` says what each
key means. Then `cryodata.open("CS_LTA_SIR_GOP_x.nc")` knows it: by the attribute `short_name` of
the file, or by what the file's name begins with. A table that cannot be used is an error that
names the package, once its product is asked for. Tables of cryodata are not replaced.
[Read another product](downstream.md) shows a whole table, and how to test it.
"""


def page(products: Iterable[Product]) -> str:
    """The page of some products, in Markdown, in the order given."""
    sections = ["\n".join(_section(product)) for product in products]
    return "\n".join([HEAD, *sections])


def _section(product: Product) -> Iterator[str]:
    yield f"## {product.short_name}: {product.title}"
    yield ""
    yield f"DOI `{product.doi}`."
    if product.grid is not None:
        yield from _grid(product.grid)
    if product.rates:
        yield from _tracks(product)
    if product.dimensions:
        yield from ("", "Further axes:", "")
        for axes, paths in _by_axes(product).items():
            label = product.labels.get(axes[0], "") if len(axes) == 1 else ""
            said = f", labelled by `{label}`" if label else ""
            yield f"- `{', '.join(axes)}`{said}: {_code(paths)}"
    yield from _flags(product.flags, "Quality words:")
    if product.zone_maps:
        yield from ("", f"Zone maps: {_code(product.zone_maps)}.")
    yield from _releases(product)
    yield ""


def _grid(grid: Grid) -> Iterator[str]:
    groups = [group or "/" for group in grid.groups]
    axes = [name for name in (grid.time, grid.y, grid.x) if name]
    yield from ("", f"A grid in {_code(groups)}, over {_code(axes)}.")
    if grid.mapping:
        yield f"`{grid.mapping}` says the projection."
    for part, crs in grid.crs.items():
        where = f"of a file with `{part}` in its name" if part else "of every file"
        yield f"The projection {where} is {crs}."
    if grid.default:
        yield from ("", f"Default variables: {_code(grid.default)}.")


def _tracks(product: Product) -> Iterator[str]:
    tracks = [track for track in product.tracks if track]
    where = f"Tracks: {_code(tracks)}." if tracks else "A single track, at the root of the file."
    zero = f" Times count from {product.epoch} UTC." if product.epoch is not None else ""
    yield from ("", where + zero.replace(".000000000", ""), "")
    yield "| rows | in | time and place | default variables |"
    yield "|---|---|---|---|"
    for rate in sorted(product.rates, key=lambda rate: rate.dimension != product.rows):
        yield _row(rate)
    said = [
        f"- A row of `{n.coarse}` holds the rows of `{n.fine}` from `{n.first}` on, counted from 1,"
        f" `{n.count}` of them."
        for n in product.nestings
    ]
    for one in product.references:
        within = f"of the {one.product} segment `{one.identity}`, " if one.identity else ""
        said.append(
            f"- A row of `{one.dimension}` is a `{one.rows}` of {one.product}: {within}"
            f"number `{one.index}`, counted from {one.start}."
        )
    if said:
        yield from ("", *said)


def _row(rate: Rate) -> str:
    coordinates = rate.coordinates.values()
    group = f"`{rate.group}`" if rate.group else "the track"
    return f"| `{rate.dimension}` | {group} | {_code(coordinates)} | {_code(rate.default)} |"


def _flags(flags: Iterable[Flag], title: str) -> Iterator[str]:
    flags = list(flags)
    if not flags:
        return
    yield from ("", title, "")
    for flag in flags:
        words = (
            f"**{_text(word)}** {value}" if word in flag.good else f"{_text(word)} {value}"
            for word, value in flag.words.items()
        )
        columns = f" ({', '.join(f'`{name}`' for name in flag.columns)})" if flag.columns else ""
        yield f"- `{flag.variable}`{columns}: {', '.join(words)}"


def _releases(product: Product) -> Iterator[str]:
    for release in product.releases:
        yield from ("", f"Release {', '.join(release.numbers)}:", "")
        yield from (f"- {note}" for note in release.notes)
        for ours, theirs in release.names.items():
            yield f"- `{join_path(ours)}` is called `{theirs}`."
        if release.paged:
            yield "- Files are expected to keep their metadata in pages, at their beginning."
        if release.apart:
            yield f"- Not joined with other releases: {release.apart}."
        yield from _flags(release.flags, "Its quality words:")


def _by_axes(product: Product) -> dict[tuple[str, ...], list[str]]:
    grouped: dict[tuple[str, ...], list[str]] = {}
    for path, axes in product.dimensions.items():
        grouped.setdefault(axes, []).append(path)
    return grouped


def _code(names: Iterable[str]) -> str:
    """Names as code, or a dash where there are none."""
    return ", ".join(f"`{name}`" for name in names) or "-"


def _text(word: str) -> str:
    """A word whose signs mean something in Markdown."""
    return f"`{word}`" if set(word) & set("<>*_|") else word
