"""Ranges of a plan, decoded in threads while the next ones are on their way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from cryodata.decoding.assemble import Assembly
from cryodata.errors import ChunkCorruptError
from cryodata.granule.fetching import Fetching
from cryodata.granule.threads import decoders
from cryodata.read_plan import ReadPlan
from cryodata.types import Block, Source

__all__ = ["fill"]


async def fill(
    plan: ReadPlan,
    assembly: Assembly,
    source: Source,
    *,
    fetching: Fetching,
    find: Callable[[int, int], memoryview | None],
    threads: int,
) -> None:
    """Bring every range of a plan to the assembly made for it.

    Parameters
    ----------
    plan : ReadPlan
    assembly : Assembly
        Decodes each range into the final arrays.
    source : Source
        The version that the plan was made for.
    fetching : Fetching
    find : callable
        Gives the bytes ``start <= i < stop`` where they are at hand, else None.
    threads : int
        That decode.

    Raises
    ------
    ChunkCorruptError
        A chunk is damaged, also when fetched a second time.
    GranuleChangedError, FetchError, AuthError
        The bytes cannot be had.
    """
    running = asyncio.get_running_loop()
    pool = decoders(threads)
    jobs: list[tuple[int, asyncio.Future[None]]] = []
    away = []
    for number, (start, stop) in enumerate(plan.ranges):
        held = find(start, stop)
        if held is None:
            away.append(number)
        else:
            block = Block(start, held, source.size, source.etag)
            jobs.append((number, running.run_in_executor(pool, assembly.place, number, block)))
    ranges = [plan.ranges[number] for number in away]
    try:
        async with aclosing(fetching.stream(ranges, source)) as blocks:
            async for position, block in blocks:
                job = running.run_in_executor(pool, assembly.place, away[position], block)
                jobs.append((away[position], job))
        for number, job in jobs:
            try:
                await job
            except ChunkCorruptError:  # perhaps it was on the way: once more
                again = (await fetching.fetch([plan.ranges[number]], source))[0]
                assembly.place(number, again)
    finally:
        await asyncio.gather(*(job for _, job in jobs), return_exceptions=True)
