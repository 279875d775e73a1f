"""`check --fix` on texts with every control character: named repairs, and nothing else, change."""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from command import invoke
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfinstruct.defects import Row, findings, rejects, repaired
from selfinstruct.defects.repair import is_no_input_mark, restored
from selfinstruct.defects.survey import survey

CONTROLS = "".join(map(chr, [*range(32), *range(127, 160)])) + "\ufeff\u202d\u202e\ufff9"
RESTS = ("rac{1}{2}", "oxed{25}", "imes ", "ext{x}", "ec{v}", "heta", "eta", "orall x", "abla")
COMMANDS = {
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
}
SWALLOWED = re.compile(
    r"\\(?:frac|fboxed|forall|boxed|beta|times|text|theta|vec|nabla)(?![A-Za-z])"
)
ANSI = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")
TEXTS = st.lists(
    st.sampled_from([*CONTROLS, *RESTS, "\x1b[31m", " ", "\\alpha ", "a", "It is 5. ", "é漢"]),
    max_size=12,
).map("".join)
SHARED_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)


def repairs(old: str, new: str) -> list[str] | None:
    """The repairs that lead from a text to another, by name; None if they are not named ones."""
    found: list[str] = []
    at = 0
    while old:
        sign, rest = old[0], new[at:]
        color = ANSI.match(old)
        if color:
            found, old = [*found, "terminal colour"], old[color.end() :]
            continue
        old = old[1:]
        if rest.startswith(sign):
            at += 1
        elif sign in COMMANDS and rest.startswith(COMMANDS[sign]) and SWALLOWED.match(rest):
            found, at = [*found, "swallowed command"], at + 2
        elif sign in "\v\f" and rest.startswith("\n"):
            found, at = [*found, "line end"], at + 1
        elif sign in "\0\ufeff\u202d\u202e\ufff9":
            found.append("character that stands for nothing")
        elif "\x80" <= sign <= "\x9f" and rest[:1] == sign.encode("latin-1").decode("cp1252"):
            found, at = [*found, "Windows' code page"], at + 1
        elif sign in "\x13\x14\x19\x1c\x1d" and rest.startswith(chr(0x2000 + ord(sign))):
            found, at = [*found, "cut sign"], at + 1
        else:
            return None
    return found if at == len(new) else None


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_only_named_repairs_change_a_text(text: str) -> None:
    mended = restored(text)
    assert repairs(text, mended) is not None, (text, mended)
    assert not set("\0\ufeff\u202d\u202e") & set(mended)
    assert restored(mended) == mended
    printable = [sign for sign in ANSI.sub("", text) if sign.isprintable() or sign in "\t\n\r"]
    assert len(ANSI.sub("", mended)) >= len(printable)


@SHARED_FOLDER
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4), st.sampled_from(["\n", "\r\n"]))
def test_every_other_byte_of_a_copy_stays(
    tmp_path: Path, texts: list[tuple[str, str]], ending: str
) -> None:
    """Spaces, escapes, blank lines, broken lines, further fields and the order of fields."""
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines, wanted = [], []
    for number, (question, answer) in enumerate(texts):
        before = f'{{ "n":{number}.50, "instruction":{json.dumps(question)},"output" : '
        after = ',  "input":null, "deep":{"output":"\\u0001"} } '
        lines += [before + json.dumps(answer) + after, "", '{"instruction": "broken']
        wanted += [(before, after), None, None]
    path.write_bytes(ending.join(lines).encode())
    survey(str(path), ("control_characters",), out=str(out))
    copied = out.read_bytes().decode().split(ending)
    assert len(copied) == len(lines)
    for old, new, parts in zip(lines, copied, wanted, strict=True):
        if parts is None:
            assert new == old
            continue
        given, mended = json.loads(old), json.loads(new)
        for field in ("instruction", "output"):
            assert repairs(given.pop(field), mended.pop(field)) is not None
        assert mended == given and new.endswith(parts[1])
        if json.loads(old) == json.loads(new):
            assert new == old


NAMED = {
    "It is \f" + "rac{5}{9} \times 4 = \b" + "oxed{20}": r"It is \frac{5}{9} \times 4 = \boxed{20}",
    "$\v" + "ec{a} \n" + "eq \\beta$": r"$\vec{a} \neq \beta$",
    "\\left( x \r" + "ight)": r"\left( x \right)",
    "Page one.\fPage two.\vThree": "Page one.\nPage two.\nThree",
    "It\x19s \x93quoted\x94 \x96 caf\x00\xe9": "It’s “quoted” – café",
    "\x1b[1mbold\x1b[0m": "bold",
}
KEPT = (
    "Let\nu = x^2 and \\frac{1}{2}.",
    "name\tan apple\ttext",
    "a\r\nb\nabout",
    "Loud\x07",
    "\x01\x02\x7f",
    "x\x08\x08y",
    "The angles:\rangle one",
    "\\alpha\nu\ti",
)


@pytest.mark.parametrize("text", NAMED)
def test_what_stands_for_something_is_restored(text: str) -> None:
    assert restored(text) == NAMED[text]
    [finding] = findings(Row("Say it.", "", text), ["control_characters"])
    assert finding.fix == NAMED[text]


@pytest.mark.parametrize("text", KEPT)
def test_what_may_be_itself_stays(text: str) -> None:
    assert restored(text) == text


@pytest.mark.parametrize(
    "mark",
    [
        *("<noinput>", "<noinput", "noinput>", "< no input >", "<noinput>>", "&lt;noinput&gt;"),
        *(
            "</noinput>",
            "<nooinput>",
            "<noinpt>",
            "\\<noinput\\>",
            "Input: <noinput>",
            "<noinput>.",
        ),
    ],
)
def test_a_broken_mark_becomes_empty_and_drops_nothing(mark: str) -> None:
    row = Row("Write a poem about autumn leaves.", mark, "Leaves fall.")
    assert is_no_input_mark(mark)
    found = findings(row)
    assert not any(rejects(finding, "certain") for finding in found)
    while found:
        row = repaired(row, found)
        found = findings(row)
    assert row.input == ""


def test_a_text_that_begins_with_a_mark_is_none() -> None:
    for text in ("<noinput> The rivers of Asia", "<input>", "<no>", "no input", "<b>no</b>"):
        assert not is_no_input_mark(text)


FIXED = 'A page.\fAnd {"more"}'


def records(count: int = 3) -> list[dict[str, Any]]:
    texts = ["Oak", FIXED, "Ash"]
    return [{"instruction": f"Name {n}.", "output": texts[n], "n": f"{n}"} for n in range(count)]


def copied(path: Path, *options: object) -> bytes:
    out = path.with_name(f"out.{path.name}")
    ran = invoke("check", path, "--only", "control_characters", "--fix", "--out", out, *options)
    assert "1 examples repaired" in ran.done().out
    return out.read_bytes()


@pytest.mark.parametrize("form", ["array", "indented", "lines in .json", "csv", "tsv", "gz"])
def test_a_copy_in_the_same_form_differs_in_the_repair_alone(form: str, tmp_path: Path) -> None:
    given = records()
    name = {"csv": "a.csv", "tsv": "a.tsv", "gz": "a.jsonl.gz"}.get(form, "a.json")
    text = json.dumps(given, indent=1 if form == "indented" else None) + "\n \n"
    if form in ("lines in .json", "gz"):
        text = "\ufeff" + "\n\n".join(map(json.dumps, given))
    old, new = json.dumps(FIXED), json.dumps(FIXED.replace("\f", "\n"))
    path = tmp_path / name
    if form in ("csv", "tsv"):
        sign = {"csv": ";", "tsv": "\t"}[form]
        cell = FIXED.replace('"', '""')
        text = f'instruction{sign}output{sign}n\r\n"Name 0."{sign}Oak{sign}"0"\r\n\r\n'
        text += f'Name 1.{sign}"{cell}"{sign}1\r\n"Name 2."{sign}Ash{sign}2'
        old, new = cell, cell.replace("\f", "\n")
    content = text.encode()
    path.write_bytes(gzip.compress(content) if form == "gz" else content)
    found = copied(path)
    found = gzip.decompress(found) if form == "gz" else found
    assert found.decode() == text.replace(old, new)


def test_a_chat_is_repaired_in_its_turns(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Say \f" + "rac{1}{2}."}]
    turns.append({"role": "assistant", "content": [{"type": "text", "text": "Half."}]})  # type: ignore[dict-item]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"messages": turns, "n": 1}) + "\n")
    [line] = copied(path).decode().splitlines()
    assert line == json.dumps({"messages": turns, "n": 1}).replace("\\frac", "\\\\frac")


def test_a_copy_in_another_format_holds_the_same_records(tmp_path: Path) -> None:
    path, out = tmp_path / "a.jsonl", tmp_path / "b.csv"
    path.write_text("".join(json.dumps(record) + "\n" for record in records()))
    invoke("check", path, "--fix", "--out", out).done()
    with out.open(newline="") as file:
        assert [row["output"] for row in csv.DictReader(file)] == [
            "Oak",
            FIXED.replace("\f", "\n"),
            "Ash",
        ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_what_cannot_be_read_is_named_and_left_out_on_request(name: str, tmp_path: Path) -> None:
    path, out = tmp_path / name, tmp_path / f"out.{name}"
    texts = ["7", *map(json.dumps, records()), '"x"' if name == "a.json" else "{broken"]
    path.write_text("[" + ", ".join(texts) + "]" if name == "a.json" else "\n".join(texts) + "\n")
    options = ("--only", "control_characters", "--fix", "--out", out)
    said = invoke("check", path, *options, "--every", tmp_path / "every.jsonl").done().out
    assert "2 records are no example" in said and "1: not a JSON object" in said
    assert "copied as they stand (--skip-bad leaves them out)" in said
    assert out.read_text() == path.read_text().replace("\\f", "\\n")
    told = [json.loads(line) for line in (tmp_path / "every.jsonl").read_text().splitlines()]
    places = [each["where"] for each in told if each["slug"] == "unreadable"]
    assert places == [1, 5]
    assert "left out" in invoke("check", path, *options, "--skip-bad").done().out
    left = out.read_text()
    read = (
        json.loads(left) if name == "a.json" else [json.loads(line) for line in left.splitlines()]
    )
    assert [record["n"] for record in read] == ["0", "1", "2"]
    other = tmp_path / "other.csv"
    wrong = invoke("check", path, "--fix", "--out", other)
    assert "a.json" in wrong.error and "--skip-bad leaves such records out" in wrong.error
    assert not other.exists()
    invoke("check", path, "--fix", "--out", other, "--skip-bad").done()


def test_records_that_are_no_example_make_strict_fail(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(records()[0]) + '\n{"note": 1}\n')
    strict = ("check", path, "--strict", "--only", "refusal")
    assert invoke(*strict).code == 1 and invoke(*strict, "--skip-bad").code == 0


def test_faults_of_turns_are_findings_and_no_reason_not_to_read(tmp_path: Path) -> None:
    def chat(*turns: tuple[str, str]) -> dict[str, Any]:
        return {"messages": [{"role": role, "content": text} for role, text in turns]}

    hi, yes = ("user", "Name a tree."), ("assistant", "The oak.")
    path = tmp_path / "a.jsonl"
    faults = [
        chat(hi, yes, ("user", ""), yes, hi, yes),
        chat(hi, ("critic", "No."), hi, yes),
        chat(yes, hi, yes),
        chat(hi, yes, yes),
        chat(hi, hi, yes),
        chat(hi, yes),
    ]
    path.write_text("".join(json.dumps(each) + "\n" for each in faults))
    found = json.loads(invoke("check", path, "--json", "--only", "chat_turns").done().out)
    assert found["examples"] == 6 and found["findings"]["chat_turns"]["count"] == 5


def test_a_special_token_of_another_model_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"instruction": "Name a tree.", "output": "Oak [[stop]]"}) + "\n")
    check = ("check", path, "--only", "leaked_prompt")
    assert "0 with a finding" in invoke(*check).done().out
    assert "1 with a finding" in invoke(*check, "--special-token", "[[stop]]").done().out
