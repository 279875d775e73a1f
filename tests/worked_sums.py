"""A generator of worked sums, right and wrong, in the styles of people and models."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from fractions import Fraction

from selfinstruct.defects import Row

_THINGS = ("apples", "tickets", "pages", "red marbles", "boxes", "km", "euros", "students")
_NAMES = ("Ada", "Ben", "Chiara", "Dov", "Elif", "Femi")


class Draw:
    """Random numbers and their spellings. wrong: whether results are to be false."""

    def __init__(self, random: random.Random, wrong: bool) -> None:
        self.random, self.wrong = random, wrong

    def whole(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def of(self, *choices: str) -> str:
        return self.random.choice(choices)

    def result(self, value: Fraction, digits: int = 2) -> str:
        """The value as people write it, or a near miss: another digit, a slip, a lost zero."""
        if self.wrong:
            value = self._missed(value)
        if value.denominator == 1:
            return self._grouped(int(value))
        return f"{float(value):.{digits}f}"

    def _missed(self, value: Fraction) -> Fraction:
        steps = [1, 2, -1, 10, -10, 5]
        if value.denominator != 1:
            missed = [Fraction(11, 10), Fraction(-3, 2), Fraction(2), Fraction(7)]
            return value + self.random.choice(missed)
        if value > 20 and self.random.random() < 0.2:
            return value * 10
        return value + self.random.choice(steps)

    def _grouped(self, number: int) -> str:
        return f"{number:,}" if abs(number) > 999 and self.random.random() < 0.7 else str(number)

    def shown(self, number: int) -> str:
        return self._grouped(number)


def _money(draw: Draw) -> Row:
    cents, count = draw.whole(105, 4999), draw.whole(2, 12)
    price = f"{cents // 100}.{cents % 100:02d}"
    total = draw.result(Fraction(cents * count, 100))
    mark, sign = draw.of("$", "€", "£"), draw.of("×", "*", "x", "·")
    said = draw.of(
        f"{count} of them cost {mark}{price} {sign} {count} = {mark}{total}.",
        f"The bill is {count} {sign} {mark}{price} = {mark}{total}, paid in cash.",
        f"Multiply: {mark}{price} {sign} {count} = {mark}{total}",
    )
    return Row(f"One costs {mark}{price}. What do {count} cost?", "", said)


def _units(draw: Draw) -> Row:
    a, b = draw.whole(3, 900), draw.whole(3, 900)
    thing, name = draw.of(*_THINGS), draw.of(*_NAMES)
    total = draw.result(Fraction(a + b))
    said = draw.of(
        f"{name} has {a} {thing} + {b} {thing} = {total} {thing}.",
        f"In all there are {a} + {b} = {total} {thing}.",
        f"{name} ends with a total of {a}+{b}={total} {thing}",
        f"That makes {a} {thing} plus {b} {thing} = {total} {thing} together.",
    )
    return Row(f"{name} has {a} {thing} and gets {b} more. How many now?", "", said)


def _left(draw: Draw) -> Row:
    a, b, c = draw.whole(400, 5000), draw.whole(3, 150), draw.whole(3, 150)
    rest = draw.result(Fraction(a - b - c))
    sign = draw.of("-", "−", "–")
    said = draw.of(
        f"So {draw.shown(a)} {sign} {b} {sign} {c} = {rest} remain.",
        f"The rest is {draw.shown(a)} {sign} ({b} + {c}) = {rest}.",
        f"- first we take {b}\n- then {c}\n- {draw.shown(a)} {sign} {b} {sign} {c} = {rest}",
    )
    return Row(f"Of {a} sheets {b} and then {c} are used. How many are left?", "", said)


def _chain(draw: Draw) -> Row:
    a, b, c = draw.whole(2, 30), draw.whole(2, 30), draw.whole(2, 12)
    total = draw.result(Fraction((a + b) * c))
    said = draw.of(
        f"({a} + {b}) × {c} = {a + b} × {c} = {total}",
        f"First {a} + {b} = {a + b}; then {a + b} * {c} = {total}.",
        f"Step 1: {a} + {b} = {a + b}\nStep 2: {a + b} x {c} = {total}",
        f"\\( ({a} + {b}) \\times {c} = {total} \\)",
    )
    return Row("Work out the cost step by step.", "", said)


def _list(draw: Draw) -> Row:
    sums = []
    broken = draw.whole(0, 3)
    for number in range(4):
        a, b = draw.whole(2, 19), draw.whole(2, 19)
        quiet = Draw(draw.random, draw.wrong and number == broken)
        sums.append(f"{number + 1}. {a} x {b} = {quiet.result(Fraction(a * b))}")
    return Row("Solve the four sums.", "", "\n".join(sums))


def _division(draw: Draw) -> Row:
    below, value = draw.whole(2, 40), draw.whole(2, 400)
    above = below * value
    share = draw.result(Fraction(value))
    said = draw.of(
        f"Each gets {draw.shown(above)} / {below} = {share}.",
        f"{draw.shown(above)} ÷ {below} = {share} a day",
        f"The share is {above}/{below}={share}, so everyone has enough.",
    )
    return Row(f"{above} coins are shared among {below}. How many has each?", "", said)


def _rounded(draw: Draw) -> Row:
    above, below = draw.whole(50, 900), draw.whole(3, 37)
    share = draw.result(Fraction(above, below))
    return Row("What is the average?", "", f"The average is {above} / {below} = {share}.")


def _percent(draw: Draw) -> Row:
    share, whole = 5 * draw.whole(1, 19), 20 * draw.whole(2, 200)
    value = draw.result(Fraction(share * whole, 100))
    said = draw.of(
        f"{share}% x {whole} = {value}",
        f"As a decimal {share}% is {share / 100}, and {share / 100} * {whole} = {value}.",
        f"We take {share}/100 × {whole} = {value} of them.",
    )
    return Row(f"How much is {share} percent of {whole}?", "", said)


def _fractions(draw: Draw) -> Row:
    a, b, below = draw.whole(1, 5), draw.whole(1, 5), draw.whole(7, 12)
    above = a + b + (draw.of("1", "2").count("1") + 1 if draw.wrong else 0)
    said = f"{a}/{below} + {b}/{below} = {above}/{below}"
    return Row("Add the two fractions and show the work.", "", said)


def _mixed(draw: Draw) -> Row:
    whole, count = draw.whole(1, 9), 2 * draw.whole(2, 30)
    value = draw.result(Fraction(2 * whole + 1, 2) * count)
    said = f"{whole} 1/2 * {count} = {value} minutes."
    return Row("How long does it take in all?", "", said)


def _powers(draw: Draw) -> Row:
    base, power = draw.whole(2, 9), draw.whole(2, 4)
    value = draw.result(Fraction(base**power + base))
    return Row("Evaluate the power.", "", f"We get {base}^{power} + {base} = {value}.")


def _asked(draw: Draw) -> Row:
    a, b, c = draw.whole(2, 40), draw.whole(2, 40), draw.whole(2, 9)
    text, value = f"({a} + {b}) * {c}", Fraction((a + b) * c)
    answer = draw.result(value)
    if draw.random.random() < 0.5:
        return Row("Evaluate the expression.", text, draw.of(answer, f"The result is {answer}."))
    return Row(f"Calculate {text}.", "", draw.of(answer, f"{text} is {answer}."))


def _means(draw: Draw) -> Row:
    numbers = [draw.whole(1, 90) for _ in range(draw.whole(3, 7))]
    value = Fraction(sum(numbers), len(numbers))
    shown = ", ".join(map(str, numbers))
    answer = draw.result(value)
    if draw.random.random() < 0.5:
        return Row("Find the mean of the numbers.", shown, answer)
    return Row(f"Find the average of {shown}.", "", f"The average is {answer}.")


def _sums(draw: Draw) -> Row:
    numbers = [draw.whole(1, 90) for _ in range(draw.whole(3, 7))]
    answer = draw.result(Fraction(sum(numbers)))
    return Row("Add up the numbers in the list.", str(numbers), f"The total is {answer}.")


_STYLES: tuple[Callable[[Draw], Row], ...] = (
    _money, _units, _left, _chain, _list, _division, _rounded, _percent, _fractions, _mixed,
    _powers, _asked, _means, _sums,
)  # fmt: skip


def worked_sums(count: int, *, wrong: bool, seed: int) -> Iterator[Row]:
    """Worked sums in turn in every style, all of them right, or each with a false result."""
    draw = Draw(random.Random(seed), wrong)
    for number in range(count):
        yield _STYLES[number % len(_STYLES)](draw)
