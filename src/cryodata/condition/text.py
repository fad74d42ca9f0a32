"""Read the text of a condition. It is never run: what is not in this grammar is refused.

::

    or    = and ("or" and)*          not   = "not" not | chain
    and   = not ("and" not)*         chain = value (op value)* | value ["not"] "in" list
    value = number | word | True | False | name | "abs" "(" name ")" | "(" or ")"

It is the part of Python's own grammar that conditions need, and names in backquotes for
those with a path. It is read here and not by `ast`, which knows no backquotes, warns of what
it finds odd, and may run out of memory or stack on hostile text.
"""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from cryodata.condition.terms import (
    MIRRORED,
    AllOf,
    AnyOf,
    Compare,
    Literal,
    Node,
    OneOf,
    Variable,
    joined,
    negated,
)
from cryodata.condition.tokens import (
    DEEPEST,
    EXAMPLE,
    LONGEST,
    Token,
    checked_name,
    checked_number,
    tokens_of,
    wrong_piece,
)
from cryodata.errors import SelectionError

__all__ = ["parse"]

_Part: TypeAlias = tuple[Token, Node | Variable | Literal]
"""Where a part begins, and what it is."""

_CLOSING = {"(": ")", "[": "]", "{": "}"}


def parse(text: str) -> Node:
    """The condition that a text says.

    Raises
    ------
    SelectionError
        It is none, or longer or deeper than the bounds; says which piece, and the column
        it begins at, counted from 1.
    """
    if len(text) > LONGEST:
        raise SelectionError(
            f"where= is {len(text):,} characters long, more than {LONGEST:,}",
            fix="Say less, or compare with a list: x in (1, 2, 3).",
        )
    reader = _Reader(text, [*tokens_of(text)])
    node = reader.condition(reader.either(0))
    reader.expect_end()
    return node


@dataclass(slots=True)
class _Reader:
    """Reads tokens by the grammar above, a method for each line of it."""

    text: str
    tokens: list[Token]
    at: int = 0

    @property
    def now(self) -> Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> bool:
        """Whether the next token is one of these; then it is behind us."""
        found = self.now.kind in {"op", "name"} and self.now.text in texts
        self.at += found
        return found

    def fail(self, token: Token, what: str, fix: str = EXAMPLE) -> NoReturn:
        raise wrong_piece(self.text, token.start, what, fix)

    def expect_end(self) -> None:
        self.fail_if_known()
        if self.now.kind != "end":
            self.fail(self.now, "needs a comparison, or one of and, or, not here")

    def fail_if_known(self) -> None:
        """Say better what is wrong with the next token, where that is known."""
        if self.now.text == "is":
            self.fail(self.now, "has no is", "Write == or !=.")
        if self.now.text in {"(", "["} and self.tokens[self.at - 1].kind in {"name", "path"}:
            self.fail_after_name()
        if self.now.text == "-":
            self.fail(self.now, "has no arithmetic", "Compute it after opening, and select then.")

    def fail_after_name(self) -> NoReturn:
        if self.now.text == "[":
            self.fail(self.now, "has no subscripts", "Compare the whole variable, without [...].")
        self.fail(
            self.tokens[self.at - 1],
            "calls nothing but abs(name)",
            "Compute it after opening, and select then.",
        )

    def expect(self, text: str) -> None:
        if not self.take(text):
            self.fail_if_known()
            self.fail(self.now, f"has no {text!r} where it is needed")

    def condition(self, part: _Part) -> Node:
        """The part, if it is true or false by itself."""
        token, node = part
        if isinstance(node, Variable):
            if self.now.text not in {")", "and", "or"}:
                self.expect_end()
            self.fail(token, "compares this with nothing", f"Write {node} != 0, or == True.")
        if isinstance(node, bool | int | float | str):
            self.fail_if_known()
            self.fail(token, "compares this with no variable")
        return node

    def either(self, depth: int) -> _Part:
        first = self.both(depth)
        if self.now.kind != "name" or self.now.text != "or":
            return first
        parts = [self.condition(first)]
        while self.take("or"):
            parts.append(self.condition(self.both(depth)))
        return first[0], joined(AnyOf, parts)

    def both(self, depth: int) -> _Part:
        first = self.inverse(depth)
        if self.now.kind != "name" or self.now.text != "and":
            return first
        parts = [self.condition(first)]
        while self.take("and"):
            parts.append(self.condition(self.inverse(depth)))
        return first[0], joined(AllOf, parts)

    def inverse(self, depth: int) -> _Part:
        token = self.now
        if self.take("not"):
            self.bounded(token, depth)
            return token, negated(self.condition(self.inverse(depth + 1)))
        return self.chain(depth)

    def bounded(self, token: Token, depth: int) -> None:
        if depth >= DEEPEST:
            self.fail(token, f"nests deeper than {DEEPEST}", "Write it with fewer parentheses.")

    def chain(self, depth: int) -> _Part:
        first = left = self.value(depth)
        parts: list[Node] = []
        while self.now.kind == "op" and self.now.text in MIRRORED:
            sign = self.now.text
            self.at += 1
            right = self.value(depth)
            parts.append(self.compared(left, sign, right))
            left = right
        inverse = self.now.text == "not" and self.tokens[self.at + 1].text == "in"
        self.at += inverse
        if self.take("in"):
            token, of = left
            if not isinstance(of, Variable):
                self.fail(token, "looks for this in a list, and it is no variable")
            found = OneOf.of(of, self.listed(of))
            parts.append(negated(found) if inverse else found)
        if not parts:
            return first
        if len(parts) > 1:  # the normal form may need parentheses around them
            self.bounded(first[0], depth)
        return first[0], joined(AllOf, parts)

    def compared(self, left: _Part, sign: str, right: _Part) -> Compare:
        one, other = left[1], right[1]
        for token, side in (left, right):
            if not isinstance(side, Variable | bool | int | float | str):
                self.fail(token, "compares a comparison once more", "Join them by and, or, not.")
        if isinstance(one, Variable) and isinstance(other, Variable | bool | int | float | str):
            found = Compare(one, sign, other)
        elif isinstance(other, Variable) and isinstance(one, bool | int | float | str):
            found = Compare(other, MIRRORED[sign], one)
        else:
            self.fail(left[0], "compares this with no variable")
        if found.left.absolute and isinstance(found.right, str):
            self.fail(left[0], "compares abs(...) with a word", "Compare the variable itself.")
        return found

    def value(self, depth: int) -> _Part:
        token = self.now
        self.at += token.kind != "end"
        if token.kind == "number":
            return token, self.number(token, "")
        if token.kind == "word":
            return token, token.text[1:-1]
        if token.kind == "path":
            return token, self.variable(token)
        if token.kind == "op" and token.text == "-":
            if self.now.kind != "number":
                self.fail(token, "has a minus before no number", "Write - before numbers only.")
            self.at += 1
            return token, self.number(self.tokens[self.at - 1], "-")
        if token.kind == "op" and token.text == "(":
            self.bounded(token, depth)
            inner = self.either(depth + 1)
            self.expect(")")
            return inner
        if token.kind == "name":
            return token, self.named(token)
        if token.kind == "end":
            self.fail(token, "is empty" if len(self.tokens) == 1 else "lacks its other half")
        return self.fail(token, "needs a variable, a number or a quoted word here")

    def named(self, token: Token) -> Variable | bool:
        if token.text in {"True", "False"}:
            return token.text == "True"
        if token.text == "None":
            self.fail(token, "has no None", "x != x is true where x is NaN.")
        if keyword.iskeyword(token.text):
            self.fail(token, "has no place for this word")
        if token.text == "abs" and self.take("("):
            inner = self.now
            self.at += inner.kind in {"name", "path"}
            if inner.kind not in {"name", "path"} or keyword.iskeyword(inner.text):
                self.fail(inner, "takes abs of a variable only", "Write abs(name).")
            self.expect(")")
            return Variable(self.variable(inner).name, absolute=True)
        if self.now.kind == "op" and self.now.text in {"(", "["}:
            self.fail_after_name()
        return self.variable(token)

    def variable(self, token: Token) -> Variable:
        try:
            return Variable(checked_name(token.text))
        except SelectionError:
            self.fail(token, "has a name that no variable has", "Give a variable of the file.")

    def number(self, token: Token, sign: str) -> int | float:
        try:
            whole = token.text.replace("_", "").isdigit()
            return checked_number(
                int(sign + token.text) if whole else float(sign + token.text), token.text
            )
        except ValueError:  # SelectionError is one
            self.fail(token, "has a number that 64 bits do not hold", "Write a smaller one.")

    def listed(self, of: Variable) -> list[Literal]:
        """The values of ``in (...)``, and what closes them."""
        opening = self.now
        if opening.kind != "op" or opening.text not in _CLOSING:
            self.fail(opening, "looks in no list", 'Write x in (1, 2), or flag in ("low", "high").')
        self.at += 1
        values: list[Literal] = []
        while not self.take(_CLOSING[opening.text]):
            token, value = self.value(DEEPEST)
            if not isinstance(value, bool | int | float | str):
                self.fail(token, "lists what is no number and no quoted word")
            if of.absolute and isinstance(value, str):
                self.fail(token, "compares abs(...) with a word", "Compare the variable itself.")
            values.append(value)
            if self.now.text != _CLOSING[opening.text]:
                self.expect(",")
        if not values:
            self.fail(opening, "looks in an empty list", "Give it at least one value.")
        return values
