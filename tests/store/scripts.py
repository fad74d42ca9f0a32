"""Short programs that tests run in a process of their own, because they end it or fork it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PRELUDE", "Outcome", "run_script", "start_script"]

PRELUDE = """
import asyncio, os, sys, time, threading, warnings
from cryodata.errors import CryodataError, ReaderClosedError
from cryodata.options import Network, Options
from cryodata.store import loop
from cryodata.store.fetch import Fetcher
from cryodata.store.resolve import open_store
from cryodata.types import ByteRange

URL = sys.argv[1]
S3 = {"anon": True, "client_kwargs": {"endpoint_url": URL}}
NETWORK = Network(timeout=60.0, hedge=10.0)

def opened(engine="auto", scheme="s3"):
    what = "s3://bucket/granule.h5" if scheme == "s3" else f"{URL}/bucket/granule.h5"
    options = S3 if scheme == "s3" else None
    return open_store(
        what, storage_options=options, engine=engine, options=Options(network=NETWORK)
    )

async def reading(fetch, count=20):
    head = await fetch.head(100)
    ranges = [ByteRange(n * 1000, n * 1000 + 1000) for n in range(count)]
    return await fetch.fetch(ranges, etag=head.etag, size=head.size)

def total(store, count=20):
    return sum(len(b.data) for b in loop.run(reading(Fetcher(store, NETWORK), count)))
"""
"""What every script begins with."""


@dataclass(frozen=True)
class Outcome:
    """How a script ended."""

    code: int
    out: str
    err: str
    seconds: float


def start_script(body: str, url: str) -> subprocess.Popen[str]:
    """Start a script; its first argument is the address of the wire."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + body, url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],  # so that workers can import tests.store
        start_new_session=True,
    )


def run_script(body: str, url: str, *, patience: float = 60.0) -> Outcome:
    """Run a script to its end; one that hangs is ended with all its children."""
    began = time.monotonic()
    process = start_script(body, url)
    try:
        out, err = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        err += "\n(hung)"
    return Outcome(process.returncode, out, err, time.monotonic() - began)
