"""The sandbox of templates: hostile ones are refused, each with its line, and work has an end."""

from __future__ import annotations

import string
import time
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from selfinstruct.templates.compiled import Compiled
from selfinstruct.templates.limits import Refused, Stopped
from selfinstruct.templates.operators import of_row
from selfinstruct.templates.sandbox import Sandbox

ROW = {"text": "Les mots " * 1000, "numbers": [3, 1, 2], "label": 1, "who": {"name": "Ada"}}
SANDBOX = Sandbox()

# Two lists that are alike, each nested in itself: comparing them part by part would take ages.
TWINS = "{% set a = ['x'] %}{% set b = ['x'] %}"
TWINS += "{% set a = [a, a] %}{% set b = [b, b] %}" * 60

# Templates, each with a part of the message. All are refused before any row.
REFUSED = {
    "{{ text.__class__ }}": "reaches for the attribute '__class__'",
    "{{ text.__class__.__mro__[1].__subclasses__() }}": "the method '__subclasses__'",
    "{{ text['__class__'] }}": "reaches for '__class__'",
    "{{ ''.__class__.__base__ }}": "reaches for the attribute",
    "{{ text|attr('__class__') }}": "filter 'attr'",
    "{{ [text]|map(attribute='__class__')|list }}": "reaches for '__class__'",
    "{{ [text]|map('attr', '__class__')|list }}": "reaches for '__class__'",
    "{{ text.format(1) }}": "method 'format'",
    "{{ '{0.__class__}'.format(text) }}": "method 'format'",
    "{{ text.encode() }}": "method 'encode'",
    "{{ self.__init__ }}": "reaches for",
    "{{ self }}": "reaches for 'self'",
    "{{ lipsum }}": "reaches for 'lipsum'",
    "{{ lipsum(5) }}": "calls 'lipsum'",
    "{{ lipsum.__globals__.os.popen('id').read() }}": "calls the method 'read'",
    "{{ cycler('a') }}": "calls 'cycler'",
    "{{ cycler.__init__.__globals__ }}": "reaches for",
    "{{ joiner(',') }}": "calls 'joiner'",
    "{{ dict(a=1) }}": "calls 'dict'",
    "{{ namespace.__init__ }}": "reaches for the attribute",
    "{{ namespace }}": "is no data",
    "{{ range }}": "is no data",
    "{% include 'x' %}": "a statement 'include'",
    "{% import 'x' as x %}": "a statement 'import'",
    "{% from 'x' import y %}": "a statement 'import'",
    "{% extends 'x' %}": "a statement 'extends'",
    "{% block b %}{% endblock %}": "a statement 'block'",
    "{% macro m() %}{{ m() }}{% endmacro %}": "a statement 'macro'",
    "{% call text.upper() %}{% endcall %}": "a statement 'call'",
    "{% filter upper %}a{% endfilter %}": "a statement 'filter'",
    "{% autoescape true %}{% endautoescape %}": "a statement 'autoescape'",
    "{% for a in numbers recursive %}{{ loop([a]) }}{% endfor %}": "a loop that calls itself",
    "{{ 'a' * 10**10 }}": "more than",
    "{{ 10**10**10 }}": "more than 128 bits",
    "{{ 9**9**9 }}": "more than 128 bits",
    "{{ 2 ** 9999999999 }}": "more than 128 bits",
    "{{ 'abc' * 1000000000 }}": "more than 1,000,000 characters",
    "{{ [1] * 1000000000 }}": "more than 100,000 elements",
    "{{ range(10**9) }}": "more than",
    "{{ range(999999999)|list }}": "counts further than",
    "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}": "steps",
    "{% for a in range(90000) %}" + "x" * 9000 + "{% endfor %}": "steps",
    "{{ 'a'|center(1000000000) }}": "filter 'center'",
    "{{ 'a'|indent(1000000000) }}": "filter 'indent'",
    "{{ 'a'.ljust(1000000000) }}": "method 'ljust'",
    "{{ 'a'.zfill(1000000000) }}": "method 'zfill'",
    "{{ '%999999999d'|format(1) }}": "a width of more than",
    "{{ 5|round(-999999999) }}": "at most 100",
    "{{ 5|round(999999999, 'floor') }}": "at most 100",
    "{{ ('x' * 99999)|replace('x', 'y' * 99999) }}": "more than 1,000,000 characters",
    "{{ ('x' * 99999).replace('', 'y' * 99999) }}": "more than 1,000,000 characters",
    "{{ ('x' * 99999).join(['a'] * 99999) }}": "more than 1,000,000 characters",
    "{{ (['a'] * 99999)|join('x' * 99999) }}": "more than 1,000,000 characters",
    "{% set a = 'x' * 999 %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}": "more than",
    "{% set a = 'x' * 999 %}" + "{% set a = a + a %}" * 40 + "{{ a }}": "more than",
    "{% set a = ['x'] %}" + "{% set a = [a, a] %}" * 60 + "{{ a }}": "more than",
    "{% set a = ['x'] %}" + "{% set a = [a, a] %}" * 60 + "{{ a|join }}": "more than",
    "{% set a = 3 %}" + "{% set a = a * a %}" * 60 + "{{ a }}": "more than 128 bits",
    "{% set s = namespace(a='x') %}{% for i in range(99) %}{% set s.a = s.a ~ s.a %}{% endfor %}{{ s.a }}": "more than",
    "{% set a = [] %}{% for i in range(9) %}{% set _ = a.append(a) %}{% endfor %}{{ a }}": "more",
    "{% set a = ['x' * 9999] %}{% for i in range(99) %}{% set _ = a.extend(a) %}{% endfor %}": "more than",
    TWINS + "{{ a == b }}": "more than 300,000 steps",
    TWINS + "{{ a is eq b }}": "more than 300,000 steps",
    TWINS + "{{ [a]|select('equalto', b)|list }}": "more than 300,000 steps",
    TWINS + "{{ {'a': a}.values()|string }}": "more than 300,000 steps",
    "{% set a = (1, 2) %}" + "{% set a = (a, a) %}" * 60 + "{{ {a: 1} }}": "more than",
    "{{ range|string }}": "is no data",
    "{{ text": "is no Jinja",
    "{{ text|shout }}": "filter 'shout'",
    "{{ text is magic }}": "test 'magic'",
    "{{ text.upper(*numbers) }}": "calls with * or **",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}": "nested too deeply",
    "{% for a in numbers %}" * 30 + "{% endfor %}" * 30: "nested too deeply",
}


def rendered(text: str, row: dict[str, Any] = ROW, *, is_strict: bool = False) -> str:
    values = {**SANDBOX.functions, **{name: of_row(value) for name, value in row.items()}}
    return Compiled(SANDBOX, text).text(values, lambda: Random(1), is_strict=is_strict)


@pytest.mark.parametrize("text", REFUSED)
def test_a_hostile_template_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(Refused) as refused:
        rendered(f"Read this:\n\n{text}")
    assert REFUSED[text] in refused.value.why
    assert refused.value.line == (1 if "nested" in refused.value.why else 3)


# Templates that ask too much of a row, or reach for parts of it that are none.
STOPPED = {
    "{{ text.split('') }}": "error",
    "{{ '%999999999d' % label }}": "error",
    "{% for a in numbers %}{{ (text * 9)[:] }}{% for b in range(9999) %}{% if text == text[:] %}"
    "{% endif %}{% endfor %}{% endfor %}": "too_much_work",
    "{{ text * 99999 }}": "too_long",
    "{{ text|join(text) }}": "too_long",
    "{{ text|replace('', text) }}": "too_long",
    "{% for a in range(60000) %}{{ text }}{% endfor %}": "too_long",
    "{{ numbers.append(4) }}": "undefined",
    "{% set _ = who.update({'name': 'Eve'}) %}": "undefined",
    "{{ numbers.pop() }}": "undefined",
    "{{ -text }}": "error",
    "{% set a = [1] %}{% for i in range(60 * label) %}{% set _ = a.append(a[:]) %}{% endfor %}"
    "{{ a }}": "too_much_work",
    "{{ (text * 99).strip('abcdefghij' * 99) }}": "too_much_work",
    "{{ (text * 99)|trim('abcdefghij' * 99) }}": "too_much_work",
    "{{ ('f' * 99999 * label)|int(base=16) % 7 }}": "too_long",
    "{{ text.upper|string }}": "forbidden",
    "{{ text|truncate(1) }}": "error",
    "{{ text ~ none[0][1] }}": "undefined",
    "{{ label / 0 }}": "error",
    "{{ numbers|sum(start=text) }}": "error",
    "{{ nowhere }}": "unknown_field",
    "{% for a in nowhere %}{% endfor %}": "unknown_field",
    "{{ who.name.first.letter }}": "undefined",
    "{{ text|map('upper')|map('upper')|join * 999999 }}": "too_long",
}


@pytest.mark.parametrize("text", STOPPED)
def test_a_row_that_costs_too_much_is_given_up(text: str) -> None:
    row = {**ROW, "numbers": [3, 1, 2]}
    with pytest.raises(Stopped) as stopped:
        rendered(f"\n{text}", row)
    assert stopped.value.reason == STOPPED[text]
    assert stopped.value.line == 2
    assert row["numbers"] == [3, 1, 2]


def test_work_ends_after_a_second_however_the_steps_are_spent() -> None:
    """Deterministic: counted steps, so the bound in seconds here is wide."""
    texts = [
        "{% for a in range(300 * label) %}{% for b in text[:900] %}{{ b|upper }}{% endfor %}{% endfor %}",
        "{% for a in range(20000 * label) %}{% if 'zz' in text %}{% endif %}{% endfor %}",
        "{% for a in range(9000 * label) %}{% set _ = text.split(' ')|sort|unique|join %}{% endfor %}",
    ]
    begun = time.monotonic()
    reasons = []
    for text in texts:
        try:
            rendered(text)
        except Stopped as stop:
            reasons.append(stop.reason)
    assert set(reasons) == {"too_much_work"}
    assert time.monotonic() - begun < 60


def test_what_a_template_makes_for_itself_may_grow() -> None:
    text = "{% set a = [] %}{% for n in numbers %}{{ a.append(n * 2) or '' }}{% endfor %}{{ a }}"
    assert rendered(text) == "[6, 2, 4]"
    text = "{% set a = {} %}{% set _ = a.update({'b': label}) %}{{ a.b }}{% set c = numbers[:] %}"
    assert rendered(text + "{{ c.pop() }}{{ numbers|length }}") == "123"
    text = "{% set s = namespace(n=0) %}{% for n in numbers %}{% set s.n = s.n + n %}{% endfor %}"
    assert rendered(text + "{{ s.n }}") == "6"


def test_a_missing_part_is_empty_in_promptsource_and_a_fault_in_our_own_form() -> None:
    assert rendered("{{ who.born }}.") == "."
    with pytest.raises(Stopped, match="born"):
        rendered("{{ who.born }}.", is_strict=True)


NAMES = ["text", "numbers", "label", "who.name", "numbers[0]", "text[2:9]", "numbers|first"]
FILTERS = ["", "|upper", "|string|length", "|default('none')", "|string|replace('a', '|')"]


@st.composite
def expressions(draw: st.DrawFn) -> str:
    name, change = draw(st.sampled_from(NAMES)), draw(st.sampled_from(FILTERS))
    static = draw(st.text(string.ascii_letters + " \n|}", max_size=9)).replace("{", "")
    return draw(
        st.sampled_from(
            [
                f"{static}{{{{ {name}{change} }}}}",
                f"{{% if {name} %}}{static}{{{{ {name} ~ label }}}}{{% else %}}no{{% endif %}}",
                f"{{% for each in {name}|string %}}{{{{ loop.index }}}}{{{{ each }}}}{{% endfor %}}",
                f"{{% set kept = {name} %}}{static}{{{{ kept }}}}",
            ]
        )
    )


@settings(max_examples=12, deadline=None)
@given(st.lists(expressions(), min_size=1, max_size=4))
def test_harmless_templates_give_what_plain_jinja_gives(parts: list[str]) -> None:
    row = {**ROW, "text": "Les mots | de la fin"}
    text = "".join(parts).replace("|||", "||")
    assert rendered(text, row) == Environment().from_string(text).render(**row)
