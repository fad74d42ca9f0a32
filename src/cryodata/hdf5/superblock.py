"""The superblock: where an HDF5 file begins, and the sizes everything else uses.

Source: HDF5 File Format Specification, section II.A (versions 0 to 3), and II.A.1 for
the superblock extension's messages.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryodata.errors import FormatError, NotHDF5Error
from cryodata.hdf5.checksum import lookup3
from cryodata.hdf5.context import Context
from cryodata.hdf5.objects import FILE_SPACE, SHARED_TABLE, read_object_header
from cryodata.hdf5.rounds import DAMAGED, gather

__all__ = ["SIGNATURE", "Extension", "Superblock", "read_extension", "read_superblock"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SIZES = (2, 4, 8)
SMALLEST = 48
"""Bytes of the shortest superblock: version 2 with 8-byte addresses, version 0 with 2-byte ones."""


@dataclass(frozen=True, slots=True)
class Superblock:
    """Where the root group is, and what of the file is not in the sizes.

    Attributes
    ----------
    version : int
    root : int
        Address of the root group's object header.
    extension : int or None
        Address of the superblock extension's object header.
    """

    version: int
    root: int
    extension: int | None


async def read_superblock(context: Context) -> Superblock:
    """Find the superblock, set the context's base and sizes, and check the file's length.

    Raises
    ------
    NotHDF5Error
        No signature at byte 0, 512, 1024, 2048, ...
    FormatError
        The superblock is damaged, or the file is shorter than it was written.
    """
    start = await _find(context)
    context.base = start
    data = await context.read(0, 16)
    version = data[8]
    if version in (0, 1):
        return await _read_old(context, version, data[13], data[14])
    if version in (2, 3):
        return await _read_new(context, version, data[9], data[10])
    raise FormatError(f"Unknown superblock version {version}", fix=DAMAGED)


async def _find(context: Context) -> int:
    """Byte of the signature: 0, or after a user block of 512 bytes times a power of two."""
    rounds = context.rounds
    last = rounds.held.size - SMALLEST
    if last >= 0 and await rounds.read(0, len(SIGNATURE)) == SIGNATURE:
        return 0
    places = [512 << i for i in range(48) if 512 << i <= last]
    for place, found in zip(
        places, await gather(rounds.read(p, p + len(SIGNATURE)) for p in places), strict=True
    ):
        if found == SIGNATURE:
            return place
    if not rounds.held.size:
        raise NotHDF5Error("Not an HDF5 file: it is empty", fix=DAMAGED)
    first = bytes(await rounds.read(0, min(rounds.held.size, 16)))
    raise NotHDF5Error(f"Not an HDF5 file: it starts with {first!r}", fix=_likely(first))


def _likely(first: bytes) -> str:
    """What the file is instead, from its first bytes."""
    known = {
        b"CDF\x01": "It is a netCDF classic file; xarray's scipy engine reads it.",
        b"CDF\x02": "It is a netCDF classic file; xarray's scipy engine reads it.",
        b"CDF\x05": "It is a netCDF classic file; xarray's netcdf4 engine reads it.",
        b"\x0e\x03\x13\x01": "It is an HDF4 file (MODIS, for example); this library reads HDF5.",
        b"<!DO": "It is a web page: a login page, or an error of the server.",
        b"<htm": "It is a web page: a login page, or an error of the server.",
        b"<?xm": "It is XML: perhaps an error of the server.",
        b"II*\x00": "It is a TIFF file; rioxarray reads it.",
        b"PK\x03\x04": "It is a zip archive; unpack it first.",
    }
    return known.get(first[:4], "Check the name; if it is right, fetch the file again.")


def _set_sizes(context: Context, offset_size: int, length_size: int) -> None:
    if offset_size not in SIZES or length_size not in SIZES:
        context.damaged(f"sizes of addresses and lengths are {offset_size}, {length_size}", 0)
    context.offset_size = offset_size
    context.length_size = length_size


async def _read_old(
    context: Context, version: int, offset_size: int, length_size: int
) -> Superblock:
    _set_sizes(context, offset_size, length_size)
    at = 24 if version == 0 else 28
    width = context.offset_size
    # four addresses, then the root's symbol table entry: a name's place (with the size of
    # a length), the address of its header
    place = at + 4 * width + context.length_size
    data = await context.read(0, place + width)
    base = context.address(data, at)
    end = context.address(data, at + 2 * width)
    root = context.address(data, place)
    return _checked(context, version, base, end, root, None)


async def _read_new(
    context: Context, version: int, offset_size: int, length_size: int
) -> Superblock:
    _set_sizes(context, offset_size, length_size)
    width = context.offset_size
    data = await context.read(0, 12 + 4 * width + 4)
    if lookup3(data[:-4]) != int.from_bytes(data[-4:], "little"):
        context.damaged("the checksum of the superblock does not match", 0)
    base, extension, end, root = (context.address(data, 12 + i * width) for i in range(4))
    return _checked(context, version, base, end, root, extension)


def _checked(
    context: Context,
    version: int,
    base: int | None,
    end: int | None,
    root: int | None,
    extension: int | None,
) -> Superblock:
    size = context.rounds.held.size
    if base is None or end is None or root is None:
        context.damaged("the superblock lacks an address", 0)
    # Files with a user block store either its length or 0 as base address. The end of
    # file is relative to the start of the file in both cases.
    if base not in (0, context.base):
        context.damaged(f"the base address is {base}, the signature is at {context.base}", 0)
    if end > size:
        raise FormatError(
            f"The file is cut short: it was written with {end} bytes and has {size}", fix=DAMAGED
        )
    context.base = base
    context.rounds.held.size = end  # bytes behind the end are not the file's
    return Superblock(version, root, extension)


PAGED_STRATEGY = 1


@dataclass(frozen=True, slots=True)
class Extension:
    """What the superblock has no room for.

    Attributes
    ----------
    paged : bool
        The file keeps metadata and data in pages apart (*cloud-optimised* files).
    shared_table : int or None
        Address of the table of shared messages, see `read_shared_table`.
    shared_rows : int
        Its rows.
    """

    paged: bool = False
    shared_table: int | None = None
    shared_rows: int = 0


async def read_extension(context: Context, superblock: Superblock) -> Extension:
    """The superblock's extension, where the file has one."""
    if superblock.extension is None:
        return Extension()
    header = await read_object_header(context, superblock.extension)
    space, shared = header.first(FILE_SPACE), header.first(SHARED_TABLE)
    paged = space is not None and space.data[0] == 1 and space.data[1] == PAGED_STRATEGY
    if shared is None:
        return Extension(paged)
    return Extension(paged, context.address(shared.data, 1), shared.data[1 + context.offset_size])
