"""The parts of a condition, and the text that says them.

A condition is a tree: comparisons at its leaves, joined by and, or and not. Text made of a
tree parses back to the same tree, so it can stand for it where conditions are compared.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

__all__ = [
    "MIRRORED",
    "AllOf",
    "AnyOf",
    "Compare",
    "Literal",
    "Node",
    "Not",
    "OneOf",
    "Variable",
    "joined",
    "negated",
    "rebuilt",
    "renamed",
    "text_of",
    "variables_of",
]

Literal: TypeAlias = bool | int | float | str
"""A number, True, False, or a quoted word: a flag's or a time."""

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
"""Operators, and the one that says the same with its sides exchanged."""

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Variable:
    """The values of a variable, or what is left of them without their sign."""

    name: str
    absolute: bool = False

    def __str__(self) -> str:
        bare = _BARE.fullmatch(self.name) and not keyword.iskeyword(self.name)
        name = self.name if bare else f"`{self.name}`"
        return f"abs({name})" if self.absolute else name


@dataclass(frozen=True, slots=True)
class Compare:
    """``left op right``; `op` is a key of `MIRRORED`."""

    left: Variable
    op: str
    right: Variable | Literal

    def __str__(self) -> str:
        return f"{self.left} {self.op} {_said(self.right)}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """``left in (values)``: equal to at least one; sorted, no duplicates."""

    left: Variable
    values: tuple[Literal, ...]

    def __str__(self) -> str:
        return f"{self.left} in {self.listed}"

    @property
    def listed(self) -> str:
        """The values, as text."""
        return f"({', '.join(map(_said, self.values))})"

    @classmethod
    def of(cls, left: Variable, values: Iterable[Literal]) -> OneOf:
        """In an order that does not depend on the one they were given in."""
        one_each = {_said(value): value for value in values}.values()
        numbers = [value for value in one_each if not isinstance(value, str)]
        words = [value for value in one_each if isinstance(value, str)]
        return cls(left, (*sorted(numbers, key=lambda v: (v, repr(v))), *sorted(words)))


@dataclass(frozen=True, slots=True)
class Not:
    """True where `part` is not: also where a comparison fails for want of a value."""

    part: Node


@dataclass(frozen=True, slots=True)
class AllOf:
    """Joined by and; two parts at least, none of them an AllOf."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Joined by or; two parts at least, none of them an AnyOf."""

    parts: tuple[Node, ...]


Node: TypeAlias = Compare | OneOf | Not | AllOf | AnyOf


def joined(kind: type[AllOf | AnyOf], parts: list[Node]) -> Node:
    """The parts as one, without nesting a kind in itself."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Node] = []
    for part in parts:
        flat.extend(
            part.parts if isinstance(part, AllOf | AnyOf) and type(part) is kind else (part,)
        )
    return kind(tuple(flat))


def negated(part: Node) -> Node:
    """Not `part`; a double not is none."""
    return part.part if isinstance(part, Not) else Not(part)


def rebuilt(node: Node, leaf: Callable[[Compare | OneOf], Node]) -> Node:
    """The same tree with other leaves."""
    if isinstance(node, Compare | OneOf):
        return leaf(node)
    if isinstance(node, Not):
        return replace(node, part=rebuilt(node.part, leaf))
    return replace(node, parts=tuple(rebuilt(part, leaf) for part in node.parts))


def variables_of(node: Node) -> Iterator[Variable]:
    """Every variable, in the order of the text, as often as it is there."""
    if isinstance(node, Compare):
        yield node.left
        if isinstance(node.right, Variable):
            yield node.right
    elif isinstance(node, OneOf):
        yield node.left
    else:
        for part in (node.part,) if isinstance(node, Not) else node.parts:
            yield from variables_of(part)


def text_of(node: Node) -> str:
    """The normal form: one text for one tree."""
    if isinstance(node, AllOf):
        return " and ".join(_inside(part, (AnyOf,)) for part in node.parts)
    if isinstance(node, AnyOf):
        return " or ".join(map(text_of, node.parts))
    if isinstance(node, Not):
        if isinstance(node.part, OneOf):
            return f"{node.part.left} not in {node.part.listed}"
        return f"not {_inside(node.part, (AllOf, AnyOf))}"
    return str(node)


def _inside(part: Node, looser: tuple[type[Node], ...]) -> str:
    return f"({text_of(part)})" if isinstance(part, looser) else text_of(part)


def _said(value: Variable | Literal) -> str:
    if isinstance(value, str):
        return f"'{value}'" if '"' in value else f'"{value}"'
    return str(value) if isinstance(value, Variable) else repr(value)


def renamed(leaf: Compare | OneOf, names: Mapping[str, str]) -> Node:
    """The leaf on variables of other names."""
    left = replace(leaf.left, name=names.get(leaf.left.name, leaf.left.name))
    if isinstance(leaf, OneOf) or not isinstance(leaf.right, Variable):
        return replace(leaf, left=left)
    right = replace(leaf.right, name=names.get(leaf.right.name, leaf.right.name))
    return replace(leaf, left=left, right=right)
