"""What ``cryodata demo`` shows: the same heights, read as notebooks do and with cryodata."""

from __future__ import annotations

from cryodata.sandbox.demo.story import run_demo

__all__ = ["run_demo"]
