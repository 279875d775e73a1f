"""Arithmetic expressions in text: their signs, and their exact values as fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from selfinstruct.defects.tokens import Token, tokens_of
from selfinstruct.defects.values import NotUnderstoodError, Value, combined, half, literal

_MOST_TOKENS = 80  # of an expression
_MOST_WORDS = 2  # of a unit: "green apples"

_OF_AREAS = frozenset(("square", "cubic", "sq"))
# Words that belong to a computation, so that they cannot be a unit.
_NO_UNIT = frozenset(
    "and or of by from than is are was equals equal mod modulo remainder r squared cubed million"
    " billion trillion thousand hundred k dozen dozens plus minus times divided multiplied half"
    " twice double to am pm base e pi sqrt log sin cos tan because so then if when since which"
    " that this thus therefore hence gives but with have has had will we she he they it you i there"
    " in on at for as who while after before makes make leaves left".split()
)


def value_of(text: str, *, percent: int = 100) -> Value | None:
    """The value of a whole text; None where the text is no expression."""
    try:
        return evaluate(tokens_of(text), percent=percent)
    except NotUnderstoodError:
        return None


def evaluate(tokens: Sequence[Token], *, percent: int = 100) -> Value:
    """The value of an expression. percent: by which number "%" divides, 1 or 100.

    Raises NotUnderstoodError.
    """
    parser = _Parser(tokens, percent)
    value = parser.sum()
    if parser.at < len(tokens):
        raise NotUnderstoodError
    return value


def first_value(tokens: Sequence[Token], *, percent: int = 100) -> tuple[Value, int]:
    """The value of the longest expression at the beginning, and the number of its tokens.

    Raises NotUnderstoodError.
    """
    parser = _Parser(tokens, percent)
    value = parser.sum()
    return value, parser.at


class _Parser:
    """A parser by recursive descent: sums of products of powers of operands."""

    def __init__(self, tokens: Sequence[Token], percent: int) -> None:
        self._tokens, self._percent = tokens[:_MOST_TOKENS], percent
        self.at = 0
        self._depth = 0

    def _peek(self, ahead: int = 0) -> Token | None:
        at = self.at + ahead
        return self._tokens[at] if at < len(self._tokens) else None

    def _operator(self) -> str | None:
        """The operator at this place, if an operand follows."""
        token, after = self._peek(), self._peek(1)
        if token is None or after is None or token.operator is None:
            return None
        is_signed = token.kind == "sign" and after.kind == "sign" and after.operator == "-"
        is_variable = token.text == "X" and after.kind == "open"
        return token.operator if (after.begins_operand and not is_variable) or is_signed else None

    def sum(self) -> Value:
        value = self._product()
        while (sign := self._operator()) in ("+", "-"):
            self.at += 1
            value = combined(value, str(sign), self._product())
        return value

    def _product(self) -> Value:
        value, is_divided = self._power(), False
        while True:
            token = self._peek()
            if token is not None and (sign := self._operator()) in ("*", "/"):
                before = self._tokens[self.at - 1]
                # "7 people total / 7", "2 melt/15 minutes"
                is_rate = before.kind == "word" and before.end == token.start
                if sign == "/" and (is_rate or len(value.units - _OF_AREAS) > 1):
                    raise NotUnderstoodError
                self.at += 1
                is_divided = is_divided or sign == "/"
                value = combined(value, str(sign), self._power())
            elif token is not None and token.kind == "open" and self._is_factor():
                if is_divided:  # 6/2(1+2) has two readings
                    raise NotUnderstoodError
                value = combined(value, "*", self._power())
            else:
                return value

    def _is_factor(self) -> bool:
        """Whether the parenthesis here holds an expression, which multiplies the operand before."""
        before, at = self._tokens[self.at - 1], self.at
        if before.kind not in ("number", "close"):
            return False
        try:
            self._operand()
        except NotUnderstoodError:
            return False
        finally:
            self.at = at
        return True

    def _power(self) -> Value:
        token = self._peek()
        if token is not None and token.kind == "sign" and token.operator == "-":
            self.at += 1
            after = self._peek()
            if after is not None and after.kind == "sign":  # "--5"
                raise NotUnderstoodError
            value = self._power()
            value.number = -value.number
            value.first = None if value.first is None else -value.first
            return value
        value = self._operand()
        if self._operator() == "^":
            self.at += 1
            return combined(value, "^", self._power())
        token = self._peek()
        if token is not None and token.kind == "raised":
            self.at += 1
            exponent = Fraction(2 if token.text == "\u00b2" else 3)
            return combined(value, "^", Value(exponent))
        return value

    def _operand(self) -> Value:
        money = self._skip("money")
        token = self._peek()
        if token is None:
            raise NotUnderstoodError
        self.at += 1
        if token.kind == "open" and not money:
            value = self._inside()
        elif token.kind in ("number", "mixed", "halves"):
            value = self._number(token)
        else:
            raise NotUnderstoodError
        if money:
            value.units.add("$")
        if self._skip("percent"):
            value.is_percent = True
            value.number /= self._percent
        self._skip("money")
        self._skip_unit(value)
        return value

    def _inside(self) -> Value:
        self._depth += 1
        if self._depth > 12:
            raise NotUnderstoodError
        value = self.sum()
        if not self._skip("close"):
            raise NotUnderstoodError
        self._depth -= 1
        return value

    def _number(self, token: Token) -> Value:
        value = literal(token)
        after = self._peek()
        if after is not None and after.kind == "halves" and after.start == token.end:
            self.at += 1  # 2½
            value = Value(value.number + Fraction(*half(after)))
        elif after is not None and after.kind in ("number", "mixed"):
            raise NotUnderstoodError
        value.first = value.number
        return value

    def _skip(self, kind: str) -> bool:
        token = self._peek()
        if token is None or token.kind != kind:
            return False
        self.at += 1
        return True

    def _skip_unit(self, value: Value) -> None:
        """Passes the words of a unit, as in "3 green apples", "5 km/h" or "2 boxes (large)"."""
        left = _MOST_WORDS
        while left and (token := self._peek()) is not None:
            after = self._peek(1)
            if token.text in ("/", "per") and after is not None and after.kind == "word":
                self.at, token, left = self.at + 1, after, left + 1
            if token.kind != "word" or self._operator() or token.text.lower() in _NO_UNIT:
                break
            is_article = token.text == "a" and self._tokens[self.at - 1].end < token.start
            if not is_article:
                value.units.add(token.text.lower())
            self.at, left = self.at + 1, left - 1
            self._skip_power_of_unit()
        self._skip_remark()

    def _skip_power_of_unit(self) -> None:
        token, after = self._peek(), self._peek(1)
        if token is not None and token.text == "^" and after is not None and after.text in "23":
            self.at += 2

    def _skip_remark(self) -> None:
        """Passes a parenthesis of words behind a space."""
        token, after = self._peek(), self._peek(1)
        if token is None or after is None or token.kind != "open" or len(after.text) < 3:
            return
        if after.kind != "word" or self._tokens[self.at - 1].end == token.start:
            return
        for ahead in range(2, 12):
            token = self._peek(ahead)
            if token is not None and token.kind == "close":
                self.at += ahead + 1
                return
