"""Conditions on rows: text or mapping to a tree, which answers for values and for chunks."""

from __future__ import annotations

from cryodata.condition.condition import Condition

__all__ = ["Condition"]
