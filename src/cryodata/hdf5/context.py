"""What every structure of a file shares: its sizes, its limits, what was visited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, Protocol

from cryodata.errors import FormatError, LimitExceededError
from cryodata.hdf5.checksum import lookup3
from cryodata.hdf5.rounds import DAMAGED, Rounds
from cryodata.options import Limits

__all__ = ["Context", "HeapOfMessages"]


class HeapOfMessages(Protocol):
    """What is needed of the heap that shared messages lie in."""

    async def objects(self, ids: Sequence[memoryview]) -> list[memoryview]:
        """The messages with these heap IDs, in order."""
        ...


class Context:
    """Reads at HDF5 addresses, decodes addresses and lengths, and debits the limits.

    Attributes
    ----------
    base : int
        Byte of the file that address 0 stands for (after a user block).
    offset_size, length_size : int
        Bytes of an address and of a length; from the superblock.
    collections : dict
        Global heap collections read so far: address to objects by number.
    shared_heaps : dict
        Heaps of messages that several objects share, by message type.
    attributes : dict
        Attributes parsed so far: message to what is parsed from it.
    """

    def __init__(self, rounds: Rounds, limits: Limits) -> None:
        self.rounds = rounds
        self.limits = limits
        self.base = 0
        self.offset_size = 8
        self.length_size = 8
        self.collections: dict[int, dict[int, memoryview]] = {}
        self.shared_heaps: dict[int, HeapOfMessages] = {}
        self.attributes: dict[bytes, Any] = {}
        self._visited: set[tuple[str, int]] = set()

    async def read(self, address: int, nbytes: int) -> memoryview:
        """The `nbytes` bytes at `address`."""
        start = self.base + address
        return await self.rounds.read(start, start + nbytes)

    async def read_signed(self, address: int, nbytes: int, signature: bytes) -> memoryview:
        """As `read`, where the bytes must start with `signature`."""
        data = await self.read(address, nbytes)
        if data[: len(signature)] != signature:
            self.damaged(f"no {signature.decode()} signature", address)
        return data

    def address(self, data: memoryview, at: int) -> int | None:
        """The address stored at ``data[at:]``; None where it is undefined (all ones)."""
        stored = data[at : at + self.offset_size]
        if len(stored) < self.offset_size:
            self.damaged("an address is cut short")
        value = int.from_bytes(stored, "little")
        return None if value == (1 << 8 * self.offset_size) - 1 else value

    def length(self, data: memoryview, at: int) -> int:
        """The length stored at ``data[at:]``."""
        stored = data[at : at + self.length_size]
        if len(stored) < self.length_size:
            self.damaged("a length is cut short")
        return int.from_bytes(stored, "little")

    def visit(self, what: str, address: int) -> None:
        """Note a structure as read; refuse to read it twice, or too many."""
        key = (what, address)
        if key in self._visited:
            self.damaged(f"a {what} refers back to itself", address)
        self._visited.add(key)
        if len(self._visited) > self.limits.nodes:
            raise LimitExceededError(
                f"More than {self.limits.nodes} metadata structures",
                start=self.base + address,
                stop=self.base + address,
                fix="Raise Limits.nodes if you trust the file.",
            )

    def forget(self) -> None:
        """Allow everything to be visited again: a new walk begins."""
        self._visited.clear()
        self.attributes.clear()

    def verify(self, data: memoryview, what: str, address: int) -> None:
        """Check the lookup3 checksum that ends `data` (HDF5 metadata of version 2)."""
        stored = int.from_bytes(data[-4:], "little")
        if lookup3(data[:-4]) != stored:
            self.damaged(f"the checksum of a {what} does not match", address)

    def damaged(self, what: str, address: int | None = None) -> NoReturn:
        """Raise `FormatError`, with the place where it is known."""
        place = None if address is None else self.base + address
        raise FormatError(f"Damaged metadata: {what}", start=place, stop=place, fix=DAMAGED)
