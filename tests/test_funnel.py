"""The funnel: counted from what is written, so that it adds up whatever happened."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from selfinstruct.data.examples import Example, Rejected
from selfinstruct.data.tasks import Instruction
from selfinstruct.runs.funnel import Funnel
from selfinstruct.text import printable

KINDS = ("reply", "leftover", "instruction", "label", "instance")
SLUGS = st.sampled_from(["near_duplicate", "too_short", "empty_output", "cut_by_length", "a/b"])
STAGES = st.sampled_from(["propose", "classify", "input_first"])
RECORDS = st.lists(
    st.one_of(
        st.builds(
            Instruction,
            st.just("i1"),
            st.just("Say."),
            st.just(0),
            st.just(()),
            st.none() | st.booleans(),
        ),
        st.builds(
            Example,
            st.just("i1-1"),
            st.just("Say."),
            st.just(""),
            st.just("Hi."),
            st.none(),
            st.just({}),
        ),
        st.builds(
            Rejected,
            STAGES,
            st.sampled_from(KINDS),
            SLUGS,
            st.just(0),
            st.just(""),
        ),
    )
)


def counted(records: list[Instruction | Example | Rejected], turns: int = 0) -> Funnel:
    funnel = Funnel(turns=turns)
    for record in records:
        funnel.take(record)
    return funnel


@given(RECORDS)
def test_what_goes_in_comes_out_or_has_a_reason(
    records: list[Instruction | Example | Rejected],
) -> None:
    funnel = counted(records)
    dropped = [one for one in records if isinstance(one, Rejected)]
    assert funnel.proposed == funnel.admitted + sum(
        count for _, count in funnel.reasons("instruction")
    )
    assert funnel.instances == funnel.examples + sum(
        count for _, count in funnel.reasons("instance")
    )
    assert sum(count for what in KINDS for _, count in funnel.reasons(what)) == len(dropped)
    assert funnel.admitted + funnel.examples + len(dropped) == len(records)
    assert funnel.classification <= funnel.admitted


@given(RECORDS, st.integers(0, 10**6))
def test_a_funnel_reads_back_from_its_record(
    records: list[Instruction | Example | Rejected], turns: int
) -> None:
    funnel = counted(records, turns)
    assert Funnel.from_record(json.loads(json.dumps(funnel.to_record()))) == funnel


@given(RECORDS)
def test_the_order_of_what_is_counted_shows_nowhere(
    records: list[Instruction | Example | Rejected],
) -> None:
    there, back = counted(records), counted(records[::-1])
    assert json.dumps(there.to_record()) == json.dumps(back.to_record())
    assert list(there.lines()) == list(back.lines()) and there.commonest() == back.commonest()


@given(RECORDS)
def test_the_table_has_a_line_for_every_reason_and_nothing_to_escape(
    records: list[Instruction | Example | Rejected],
) -> None:
    funnel = counted(records)
    lines = list(funnel.lines())
    assert len(lines) == 6 + sum(len(funnel.reasons(what)) for what in KINDS)
    assert lines == [printable(one) for one in lines]


def test_the_commonest_reasons_are_named_for_a_diagnosis() -> None:
    assert counted([]).commonest() == "none"
    dropped = [Rejected("propose", "reply", "no_list", 0, "")] * 3 + [
        Rejected("propose", "instruction", "too_short", 0, "")
    ] * 5
    expected = "instruction too_short 5x, reply propose: no_list 3x (nothing)"
    assert counted([*dropped]).commonest() == expected
    table = Rejected("propose", "reply", "no_list", 0, "| a | Sing |\n|---|---|\n")
    named = counted([*dropped, *[table] * 4]).commonest()
    assert named.startswith("reply propose: no_list 7x (a table)")


def test_a_funnel_of_nothing_can_be_shown() -> None:
    assert [line.split()[-1] for line in Funnel().lines()] == ["0"] * 6
