"""The values that the quoted words of a condition stand for."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cryodata.condition.terms import Compare, Literal, Node, OneOf, Variable, rebuilt, variables_of
from cryodata.errors import SelectionError, UnknownVariableError, close_names
from cryodata.timespan import TimeSpan

__all__ = ["resolved"]


def resolved(
    node: Node,
    words: Mapping[str, Mapping[str, int]],
    times: Collection[str],
    variables: Collection[str] | None,
) -> Node:
    """The same tree with numbers for words; the parameters are those of `Condition.with_words`."""
    if variables is not None:
        node = rebuilt(node, lambda leaf: _known(leaf, words, variables))

    def value(name: str, word: Literal) -> Literal:
        if not isinstance(word, str):
            return word
        if name in times:
            TimeSpan.of(word)  # raises where it is none
            return word
        return _value(name, word, words.get(name, {}))

    def leaf(part: Compare | OneOf) -> Node:
        name = part.left.name
        if isinstance(part, OneOf):
            return OneOf.of(part.left, [value(name, word) for word in part.values])
        if isinstance(part.right, Variable):
            return part
        return Compare(part.left, part.op, value(name, part.right))

    return rebuilt(node, leaf)


def _value(name: str, word: str, known: Mapping[str, int]) -> int:
    if word in known:
        return int(known[word])
    if not known:
        raise SelectionError(
            f"{name} has no words, and is compared with {word!r}",
            fix=f"Compare {name} with a number.",
        )
    said = ", ".join(f"{word} = {value}" for word, value in list(known.items())[:20])
    raise SelectionError(
        f"{name} has no word {word!r}; it has {said}", fix=close_names(word, known)
    )


def _known(
    part: Compare | OneOf, words: Mapping[str, Mapping[str, int]], variables: Collection[str]
) -> Node:
    """The leaf, if all its variables are there."""
    for variable in variables_of(part):
        if variable.name in variables:
            continue
        for other in variables_of(part):
            if variable.name in words.get(other.name, {}):
                raise SelectionError(
                    f"{variable.name} is no variable, but a word of {other.name}",
                    fix=f"Put it in quotes: {other.name} == '{variable.name}'.",
                )
        raise UnknownVariableError(
            f"where= needs {variable.name}, and there is no such variable",
            fix=close_names(variable.name, variables),
        )
    return part
