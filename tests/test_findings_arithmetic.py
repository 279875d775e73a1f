"""Arithmetic is read as expressions: right sums pass, false results are found."""

from __future__ import annotations

from collections import Counter

import pytest
from worked_sums import worked_sums

from selfinstruct.defects import Row, findings
from selfinstruct.defects.equations import false_equation
from selfinstruct.defects.expressions import value_of

SLUG = frozenset({"wrong_arithmetic"})


def test_of_three_thousand_right_sums_almost_none_is_rejected() -> None:
    rejected = [row for row in worked_sums(3000, wrong=False, seed=5) if findings(row, SLUG)]
    assert len(rejected) <= 6, rejected


def test_of_two_thousand_wrong_sums_four_in_five_are_found() -> None:
    missed = [row for row in worked_sums(2000, wrong=True, seed=6) if not findings(row, SLUG)]
    assert len(missed) <= 400, Counter(row.instruction[:20] for row in missed)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("-3 + 5", 2),
        ("10 - -3", 13),
        ("2^3^2", 512),
        ("-2^2", -4),
        ("1,480 + 520", 2000),
        ("$3.50 × 2", 7),
        (".05 x 80", 4),
        ("2 1/2 * 60", 150),
        ("2½ + ½", 3),
        ("5(3)", 15),
        ("20% * 50", 10),
        ("150 km / 2 h", 75),
        ("3 red apples + 4 green apples", 7),
        ("3 (from the first shop) + 4", 7),
        ("9² - 1", 80),
        ("3 times 4", 12),
    ],
)
def test_an_expression_has_its_exact_value(text: str, value: int) -> None:
    found = value_of(text)
    assert found is not None and found.number == value


@pytest.mark.parametrize(
    "text",
    [
        "x - 3",
        "6/2(1+2)",
        "1 000 + 2",
        "3 +",
        "(3 + 4",
        "5 / 0",
        "3 4",
        "10:45 + 3",
        "2 ** 10 ** 9",
    ],
)
def test_text_that_is_no_clear_expression_has_no_value(text: str) -> None:
    assert value_of(text) is None


RIGHT = (
    "We pay $2.49 × 2 = $4.98.",
    "7.25 * 2 = 14.50 euros",
    "Both months: 1,480 + 520 = 2,000",
    "1. 6 x 7 = 42",
    "2) 9 + 1 = 10",
    "1.6 x 7 = 42",
    "Fuel is 1.50 + 5.50 = 7 dollars a day; for 4 days 7 * 4 = 28 dollars.",
    "22 / 7 = 3.14",
    "33.33 * 3 = 100",
    "10:45 + 30 minutes = 11:15",
    "5 + 3 = 8 * 2 = 16",
    "14 / 1/4 = 56",
    "2x + 3 = 11",
    "5(a + 2) = 5a + 10",
    "100/5 = 5A/5",
    "7 / 2 = 3 remainder 1",
    "7 / 2 = 3 R 1",
    "5 * 60 = 5 hours",
    "2 hours + 30 minutes = 150 minutes",
    "$5 + 50 cents = $5.50",
    "20 / 80 = 25%",
    "50 + 10% = 55",
    "Half of 10 + 2 = 7",
    "20% of 50 + 3 = 13",
    "2 + 3 million = 3,000,002",
    "5-7 = 2 points, 8-10 = 3 points",
    "2/5 = 12 hectares",
    "3,5 + 1,5 = 5,0",
    "1.500 + 500 = 2.000",
    "14, 400 / 80 = 180",
    "approximately 7 * 7 = 50",
    "50/12+13 = 50/25 = 2",
    "12 * 3 = 10 * 3 + 2 * 3 = 36",
    "7 * 6 = 7!",
    "3 + 4 != 8",
    "Day 1 * 2 = 20 pages a day",
    "a + his 1 + 1 = 27",
    "**5 × 3** = **15**",
    "\\frac{1}{2} + \\frac{1}{4} = \\frac{3}{4}",
    "$2 \\times 3.5 = 7$",
    "2 * (3 + 4) = 14",
    "4 x 8 =",
)
WRONG = (
    "We pay $12.50 × 2 = $26.",
    "7.25 * 2 = 14.60 euros",
    "1,480 + 520 = 2,100",
    "1. 6 x 7 = 44",
    "So 3 red apples + 4 green apples = 8 apples.",
    "(8-3)*(2+6) = 48",
    "1/4 + 5/8 = 9/8",
    "2^5 = 64",
    "5 + 3 = 9 * 2 = 18",
    "2 1/2 * 60 = 140 minutes",
    "150 km / 2 h = 70 km/h",
    "She has a total of 12 + 10 = 32 points.",
    "20% * 50 = 12",
    "3,5 + 1,5 = 6,0",
    "**5 × 3** = **16**",
    "\\frac{1}{2} + \\frac{1}{4} = \\frac{2}{6}",
    "120 / 8 = 16 per box",
    "17 + 26 equals 44",
    "x = 10 - 3 = 6",
    "万 3 + 4 = 8",
)


@pytest.mark.parametrize("text", RIGHT)
def test_an_equation_that_may_be_right_is_left_alone(text: str) -> None:
    assert false_equation(text) is None


@pytest.mark.parametrize("text", WRONG)
def test_a_false_equation_is_found(text: str) -> None:
    assert false_equation(text) is not None


@pytest.mark.parametrize(
    ("instruction", "given", "right", "wrong"),
    [
        ("Calculate (8-3)*(2+6).", "", "The result of (8-3)*(2+6) is 40.", "48"),
        ("Add the fractions 1/4 + 5/8.", "", "It is 7/8.", "The sum of 1/4 and 5/8 is 9/8."),
        ("Work out the expression.", "3 * 3 * 3 * 3 - 5", "76", "71"),
        ("Find the mean of the numbers.", "4, 8, 15, 16, 23", "13.2", "12.2"),
        ("What is the median?", "[7, 1, 9, 4, 5]", "5", "9"),
        ("Sum the list.", "12, 30, 7", "49", "39"),
        ("What is the maximum of these numbers?", "3; 19; 7", "19", "7"),
        ("Find the median of 3, 9, 4 and 6.", "", "5", "4"),
        ("Multiply 14 by 6.", "", "84", "74"),
        ("计算 35 + 47。", "", "82", "72"),
        ("What is 3 plus 4 times 2?", "", "11", "14"),
    ],
)
def test_a_result_that_is_asked_for_is_computed_again(
    instruction: str, given: str, right: str, wrong: str
) -> None:
    assert not findings(Row(instruction, given, right), SLUG)
    assert findings(Row(instruction, given, wrong), SLUG)
