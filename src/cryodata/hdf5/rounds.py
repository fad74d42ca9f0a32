"""Many coroutines that ask for bytes, served a whole frontier at a time.

The walker is written as if reading were free: ``await rounds.read(start, stop)``. When no
coroutine can go on, `Rounds.needs` lists everything all of them wait for. The caller
fetches those ranges together, feeds them, and asks again. So the number of round trips is
the depth of the file's structure, never the number of objects in it. No I/O happens here.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Coroutine, Generator, Iterable
from typing import Any, TypeVar

from cryodata.errors import CryodataError, FormatError
from cryodata.types import ByteRange

__all__ = ["DAMAGED", "Held", "Rounds", "gather"]

DAMAGED = "The file is damaged or incomplete; fetch it again from its archive."

T = TypeVar("T")
Asks = Coroutine[Any, Any, T]
"""A coroutine that this engine can run: all it awaits is `Rounds.read` and `gather`."""


class Held:
    """Bytes of a file received so far: disjoint blocks, found by bisection.

    Attributes
    ----------
    size : int
        One past the last byte that any structure may use.
    nbytes : int
        Bytes held.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.nbytes = 0
        self._starts: list[int] = []
        self._blocks: list[memoryview] = []

    def add(self, start: int, data: memoryview) -> None:
        """Keep ``data``, the bytes from `start` on; what is held already stays."""
        for gap in self.missing(start, start + len(data)):
            at = bisect_right(self._starts, gap.start)
            self._starts.insert(at, gap.start)
            self._blocks.insert(at, data[gap.start - start : gap.stop - start])
            self.nbytes += gap.stop - gap.start

    def drop(self, start: int, stop: int) -> None:
        """Forget the blocks that lie wholly in ``start <= i < stop``."""
        first = bisect_left(self._starts, start)
        last = bisect_left(self._starts, stop)
        while last > first and self._starts[last - 1] + len(self._blocks[last - 1]) > stop:
            last -= 1
        self.nbytes -= sum(len(block) for block in self._blocks[first:last])
        del self._starts[first:last], self._blocks[first:last]

    def find(self, start: int, stop: int) -> memoryview | None:
        """The bytes ``start <= i < stop``, or None where one of them is not held."""
        at = bisect_right(self._starts, start) - 1
        if at < 0:
            return None
        low = self._starts[at]
        block = self._blocks[at]
        if stop - low <= len(block):
            return block[start - low : stop - low]
        if self.missing(start, stop):
            return None
        return memoryview(b"".join(self._pieces(start, stop)))

    def _pieces(self, start: int, stop: int) -> Iterable[memoryview]:
        while start < stop:
            at = bisect_right(self._starts, start) - 1
            low = self._starts[at]
            piece = self._blocks[at][start - low : stop - low]
            yield piece
            start += len(piece)

    def ranges(self) -> list[ByteRange]:
        """Everything held: disjoint, ascending, touching ranges merged."""
        merged: list[ByteRange] = []
        for start, block in zip(self._starts, self._blocks, strict=True):
            if merged and merged[-1].stop == start:
                merged[-1] = ByteRange(merged[-1].start, start + len(block))
            else:
                merged.append(ByteRange(start, start + len(block)))
        return merged

    def missing(self, start: int, stop: int) -> list[ByteRange]:
        """What of ``start <= i < stop`` is not held, ascending."""
        gaps = []
        at = max(0, bisect_right(self._starts, start) - 1)
        while start < stop and at < len(self._starts):
            low = self._starts[at]
            high = low + len(self._blocks[at])
            if low > start:
                gaps.append(ByteRange(start, min(low, stop)))
            start = max(start, high)
            at += 1
        if start < stop:
            gaps.append(ByteRange(start, stop))
        return gaps


class _Need:
    """Asks the engine for bytes; resumed when they are held."""

    __slots__ = ("start", "stop")

    def __init__(self, start: int, stop: int) -> None:
        self.start = start
        self.stop = stop

    def __await__(self) -> Generator[_Need, None, None]:
        yield self


class _Gather:
    """Asks the engine to run coroutines side by side; resumed with their results."""

    __slots__ = ("coroutines",)

    def __init__(self, coroutines: list[Asks[Any]]) -> None:
        self.coroutines = coroutines

    def __await__(self) -> Generator[_Gather, list[Any], list[Any]]:
        return (yield self)


async def gather(coroutines: Iterable[Asks[Any]]) -> list[Any]:
    """Results of all, in order; all run to their end before the first error is raised."""
    wanted = list(coroutines)
    if len(wanted) > 1:
        return await _Gather(wanted)
    return [await wanted[0]] if wanted else []


class _Gathering:
    """Results of coroutines that run side by side, until the last of them is there."""

    __slots__ = ("error", "pending", "results", "task")

    def __init__(self, task: _Task | None, count: int) -> None:
        self.task = task  # resumed with the results; None at the root
        self.pending = count
        self.results: list[Any] = [None] * count
        self.error: CryodataError | None = None


class _Task:
    """A running coroutine, and where its result goes."""

    __slots__ = ("coroutine", "into", "slot")

    def __init__(self, coroutine: Asks[Any], into: _Gathering, slot: int) -> None:
        self.coroutine = coroutine
        self.into = into
        self.slot = slot


class Rounds:
    """Runs coroutines over the bytes held, and says which bytes they wait for.

    Parameters
    ----------
    held : Held
        The caller adds to it between two calls of `needs`; kept from one walk to the next.
    """

    def __init__(self, held: Held) -> None:
        self.held = held
        self._ready: deque[tuple[_Task, Any]] = deque()
        self._waiting: list[tuple[_Need, _Task]] = []
        self._root = _Gathering(None, 0)

    async def read(self, start: int, stop: int) -> memoryview:
        """The bytes ``start <= i < stop`` of the file, at once where they are held.

        Raises
        ------
        FormatError
            If they are not inside the file.
        """
        found = self.held.find(start, stop)
        if found is not None:
            return found
        if not 0 <= start <= stop <= self.held.size:
            raise FormatError(
                f"The file points outside itself: it has {self.held.size} bytes",
                start=start,
                stop=stop,
                fix=DAMAGED,
            )
        await _Need(start, stop)
        found = self.held.find(start, stop)
        if found is None:
            raise RuntimeError(f"resumed without bytes {start}-{stop}")
        return found

    def start(self, coroutine: Asks[Any]) -> None:
        """Set the coroutine whose result `result` is going to give."""
        self._root = _Gathering(None, 1)
        self._ready.append((_Task(coroutine, self._root, 0), None))

    def needs(self) -> list[ByteRange]:
        """Run until nothing can go on; the ranges waited for, ascending. Empty: finished."""
        self._resume_served()
        while self._ready:
            task, value = self._ready.popleft()
            self._step(task, value)
        return sorted({ByteRange(need.start, need.stop) for need, _ in self._waiting})

    @property
    def result(self) -> Any:
        """What the coroutine returned; raises what it raised."""
        root = self._root
        if root.pending or not root.results:
            raise RuntimeError("the walk is not finished")
        if root.error is not None:
            raise root.error
        return root.results[0]

    def _resume_served(self) -> None:
        waiting, self._waiting = self._waiting, []
        for need, task in waiting:
            if self.held.find(need.start, need.stop) is None:
                self._waiting.append((need, task))
            else:
                self._ready.append((task, None))

    def _step(self, task: _Task, value: Any) -> None:
        try:
            if isinstance(value, CryodataError):
                asked = task.coroutine.throw(value)
            else:
                asked = task.coroutine.send(value)
        except StopIteration as stop:
            self._deliver(task, stop.value, None)
        except CryodataError as error:
            self._deliver(task, None, error)
        except (struct.error, IndexError, ValueError, OverflowError) as error:
            # a structure shorter than it says, or a field with an impossible value
            broken = FormatError(f"Damaged metadata: {error}", fix=DAMAGED)
            broken.__cause__ = error
            self._deliver(task, None, broken)
        else:
            if isinstance(asked, _Need):
                self._waiting.append((asked, task))
            else:
                self._spawn(task, asked.coroutines)

    def _spawn(self, task: _Task, coroutines: list[Asks[Any]]) -> None:
        gathering = _Gathering(task, len(coroutines))
        for slot, coroutine in enumerate(coroutines):
            self._ready.append((_Task(coroutine, gathering, slot), None))

    def _deliver(self, task: _Task, value: Any, error: CryodataError | None) -> None:
        gathering = task.into
        gathering.results[task.slot] = value
        gathering.error = gathering.error or error
        gathering.pending -= 1
        if not gathering.pending and gathering.task is not None:
            self._ready.append((gathering.task, gathering.error or gathering.results))
