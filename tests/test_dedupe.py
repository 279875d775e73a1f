"""`dedupe` on files of every kind: the records that stay, the reasons of the others, broken input."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from selfinstruct.choose.deduplication import Dedupe, DedupeCounts, dedupe
from selfinstruct.errors import UserError
from selfinstruct.records import Record, Source, writing

DATA = Path(__file__).parents[2] / "shared" / "data" / "rouge"
TEXTS = [
    "Write a short poem about the sea at night.",
    "Name three rivers of Europe and the seas they reach.",
    "Write a short poem about the sea at dawn.",
    "Explain why the sky is blue.",
    "name three rivers of europe, and the seas they reach!",
    "List the ingredients of a simple pancake batter.",
]
KEPT, DUPLICATES = [0, 1, 3, 5], {2: 0, 4: 1}


def lines(path: Path, records: Iterable[object]) -> str:
    path.write_text(
        "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records),
        encoding="utf-8",
    )
    return str(path)


def read(path: Path | str) -> list[Any]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def given(tmp_path: Path) -> str:
    return lines(
        tmp_path / "given.jsonl", [{"instruction": text, "n": n} for n, text in enumerate(TEXTS)]
    )


def test_near_duplicates_go_and_the_rest_stays_in_order_line_by_line(
    given: str, tmp_path: Path
) -> None:
    Path(given).write_text(
        Path(given).read_text().replace('"n": 1', '"n":   1')
    )  # kept lines are copied, not written anew
    outcome = dedupe(
        [given], str(tmp_path / "kept.jsonl"), Dedupe(), rejected=str(tmp_path / "rejected.jsonl")
    )
    assert outcome == DedupeCounts(read=6, kept=4, near_duplicates=2, bad=0, against=0, tokenless=0)
    before = Path(given).read_text().splitlines()
    assert (tmp_path / "kept.jsonl").read_text().splitlines() == [before[i] for i in KEPT]
    for record, (i, j) in zip(read(tmp_path / "rejected.jsonl"), DUPLICATES.items(), strict=True):
        assert (
            record["source"] == f"{given}:{i + 1}"
            and record["nearest_source"] == f"{given}:{j + 1}"
        )
        assert (record["text"], record["nearest"], record["reason"]) == (
            TEXTS[i],
            TEXTS[j],
            "near_duplicate",
        )
        assert record["score"] > 0.7 and record["record"] == {"instruction": TEXTS[i], "n": i}


def write(path: Path, records: list[dict[str, Any]]) -> None:
    with writing(str(path)) as keep:
        for number, fields in enumerate(records):
            keep(Record(number, fields))


FORMATS = [
    "jsonl",
    "json",
    "csv",
    "tsv",
    "jsonl.gz",
    "json.gz",
    "csv.gz",
    "ndjson",
    "jsonl.zst",
    "parquet",
]


def needs(name: str) -> None:
    if name.endswith(".zst") and sys.version_info < (3, 14):
        pytest.importorskip("backports.zstd")
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_and_written_alike(name: str, tmp_path: Path) -> None:
    needs(name)
    records: list[dict[str, Any]] = [
        {"instruction": f'{text} "é", 漢\n\tnext; line', "n": str(n)}
        for n, text in enumerate(TEXTS)
    ]
    write(tmp_path / f"given.{name}", records)
    outcome = dedupe([str(tmp_path / f"given.{name}")], str(tmp_path / f"kept.{name}"), Dedupe())
    assert (outcome.kept, outcome.near_duplicates) == (4, 2)
    kept = [
        record.fields
        for record in Source(str(tmp_path / f"kept.{name}"))
        if isinstance(record, Record)
    ]
    assert kept == [records[i] for i in KEPT]
    assert not list(tmp_path.glob("*.part"))


def test_several_fields_and_chats_are_compared(tmp_path: Path) -> None:
    inputs = ("3 1 2 9 8", "i x e d k", None, None)
    two = lines(tmp_path / "two.jsonl", [{"q": "Sort these now", "x": text} for text in inputs])
    assert dedupe([two], str(tmp_path / "a.jsonl"), Dedupe(fields=("q", "x"))).kept == 3
    assert dedupe([two], str(tmp_path / "a.jsonl"), Dedupe(fields=("q",))).kept == 1
    chats = [
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": TEXTS[0]},
            {"role": "assistant", "content": "."},
        ],
        [{"from": "human", "value": TEXTS[2]}, {"from": "gpt", "value": "Yes."}],
        [{"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": TEXTS[3]}]}],
    ]
    chat = lines(tmp_path / "chat.jsonl", [{"messages": turns} for turns in chats])
    dedupe([chat], str(tmp_path / "b.jsonl"), Dedupe(fields=("messages",)))
    assert [record["messages"] for record in read(tmp_path / "b.jsonl")] == [chats[0], chats[2]]


def test_what_resembles_another_file_goes_and_that_file_is_not_copied(
    given: str, tmp_path: Path
) -> None:
    test_set = tmp_path / "test.csv"
    test_set.write_text(
        f'question,answer\n"{TEXTS[3]}",Rayleigh\n"{TEXTS[5]}",flour\n"{TEXTS[5]}",again\n'
    )
    outcome = dedupe(
        [given], str(tmp_path / "kept.jsonl"), Dedupe(), against=[str(test_set)], against_fields=("question",),
        rejected=str(tmp_path / "rejected.jsonl"),
    )  # fmt: skip
    assert outcome == DedupeCounts(read=6, kept=2, near_duplicates=4, bad=0, against=3, tokenless=0)
    assert [record["nearest_source"] for record in read(tmp_path / "rejected.jsonl")][
        -1
    ] == f"{test_set}:3"


BROKEN: dict[str, tuple[str | bytes, str, int]] = {
    "not JSON": (
        '{"instruction": "one"}\n{"instruction": "two"\n{"instruction": "three"}\n',
        "jsonl",
        2,
    ),
    "not a JSON object": ('{"instruction": "one"}\n\n["two"]\n', "jsonl", 3),
    "not UTF-8": (b'{"instruction": "one"}\n{"instruction": "\xff"}\n', "jsonl", 2),
    "no field 'instruction' .there are: prompt.; say --field": (
        '{"prompt": "one"}\n{"instruction": "two"}\n',
        "jsonl",
        1,
    ),
    "field 'instruction' is neither text nor": ('{"instruction": 5}\n', "jsonl", 1),
    "2 values under a header of 3": ("instruction,b,c\none,2,3\ntwo,2\n", "csv", 3),
    "not CSV": ('instruction\none\n"two" x\n', "csv", 3),
    "not UTF-8 ": (b"instruction\none\ntw\xff\n", "csv", 3),
    "not a JSON object ": ('[{"instruction": "one"}, 7]', "json", 2),
}


@pytest.mark.parametrize("why", BROKEN)
def test_a_broken_record_names_file_and_line_or_is_counted_and_passed_over(
    why: str, tmp_path: Path
) -> None:
    content, kind, where = BROKEN[why]
    path = tmp_path / f"broken.{kind}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    fields = ("instruction",)
    with pytest.raises(UserError, match=rf"broken\.{kind}:{where}: {why.strip()}.*--skip-bad"):
        dedupe([str(path)], str(tmp_path / "kept.jsonl"), Dedupe(fields=fields))
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name]
    outcome = dedupe(
        [str(path)],
        str(tmp_path / "kept.jsonl"),
        Dedupe(fields=fields, skip_bad=True),
        rejected=str(tmp_path / "gone.jsonl"),
    )
    assert outcome.bad == 1 and outcome.read == outcome.kept + outcome.near_duplicates + outcome.bad
    (told,) = read(tmp_path / "gone.jsonl")
    assert told["source"] == f"{path}:{where}" and told["reason"] == "bad_record" and told["detail"]


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b'{\n "a": "one"}', "a.json", r"a\.json:1: .*array of objects, or an object on each line"),
        (b'[{"instruction": "one"}, {"inst', "a.json", r"a\.json:2: not JSON, or the file ends"),
        (
            gzip.compress(b'{"instruction": "one"}\n' * 99, mtime=0)[:-9],
            "a.jsonl.gz",
            "damaged or cut off",
        ),
        (b"not gzip", "a.jsonl.gz", "damaged or cut off"),
        (b"", "a.txt", "does not tell the format"),
    ],
)
def test_an_input_of_which_the_rest_is_lost_ends_the_work(
    content: bytes, name: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=why):
        dedupe([str(tmp_path / name)], str(tmp_path / "kept.jsonl"), Dedupe(skip_bad=True))
    assert not (tmp_path / "kept.jsonl").exists()


def test_a_gzip_file_has_no_time_in_it(given: str, tmp_path: Path) -> None:
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        dedupe([given], str(tmp_path / name), Dedupe())
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_standard_input_and_output_serve_as_files(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.BytesIO()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(Path(given).read_bytes())))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=out))
    assert dedupe(["-"], "-", Dedupe()).kept == 4
    assert [json.loads(line)["n"] for line in out.getvalue().splitlines()] == KEPT


def test_places_that_would_destroy_data_are_refused(given: str, tmp_path: Path) -> None:
    for out, rejected in ((given, None), (str(tmp_path / "x.jsonl"), given)):
        with pytest.raises(UserError, match="is an input and would be overwritten"):
            dedupe([given], out, Dedupe(), rejected=rejected)
    with pytest.raises(UserError, match="cannot go to one place"):
        dedupe([given], str(tmp_path / "x.jsonl"), Dedupe(), rejected=str(tmp_path / "x.jsonl"))
    with pytest.raises(UserError, match="no such file"):
        dedupe([str(tmp_path / "absent.jsonl")], str(tmp_path / "x.jsonl"), Dedupe())
    with pytest.raises(UserError, match="threshold 7"):
        dedupe([given], str(tmp_path / "x.jsonl"), Dedupe(threshold=7))
    assert Path(given).read_text().count("\n") == 6


def test_texts_that_the_tokenizer_is_blind_to_are_said_loudly(tmp_path: Path) -> None:
    random = Random(1)
    chinese = [
        "".join(random.choice("春夏秋冬山水花鸟鱼虫天地人日月星云风雨雪") for _ in range(12))
        for _ in range(150)
    ]
    given = lines(tmp_path / "zh.jsonl", [{"instruction": text} for text in chinese])
    with pytest.raises(
        UserError, match=r"101 of 101 texts have no tokens .*'rouge'.*--tokenizer unicode"
    ):
        dedupe([given], str(tmp_path / "kept.jsonl"), Dedupe(tokenizer="rouge"))
    assert dedupe([given], str(tmp_path / "kept.jsonl"), Dedupe()).tokenless == 0
    blank = lines(tmp_path / "blank.jsonl", [{"instruction": ""}] * 150)
    assert dedupe([blank], str(tmp_path / "kept.jsonl"), Dedupe(tokenizer="rouge")).tokenless == 150


@pytest.mark.parametrize(
    ("text", "near"),
    [
        (
            "Hãy viết một bài thơ ngắn về biển đêm và những con thuyền",
            "Hãy viết một bài thơ ngắn về biển đêm và các con thuyền",
        ),
        (
            "اكتب قصيدة قصيرة عن البحر في الليل مع القوارب",
            "اكتب قصيدة قصيرة عن البحر في الليل مع السفن",
        ),
        (
            "请写一首关于夜晚大海的短诗，用Python打印",
            "请写一首关于夜晚大海的短诗，并用Python打印出来",
        ),
        ("夜の海についての短い詩を書いてください", "夜の海についての短い詩を書きなさい"),
        ("เขียนบทกวีสั้นๆ เกี่ยวกับทะเลยามค่ำคืน", "เขียนบทกวีสั้น เกี่ยวกับทะเลยามเช้า"),
    ],
)
def test_other_scripts_are_deduplicated(text: str, near: str, tmp_path: Path) -> None:
    given = lines(
        tmp_path / "given.jsonl",
        [{"instruction": words} for words in (text, near, text[: len(text) // 3])],
    )
    assert dedupe([given], str(tmp_path / "kept.jsonl"), Dedupe()).near_duplicates == 1


@pytest.mark.skipif(
    not DATA.is_dir(), reason="recorded data (../shared/data) is not part of a checkout"
)
def test_planted_near_duplicates_among_chinese_instructions_are_all_found_and_no_real_one_is_lost(
    tmp_path: Path,
) -> None:
    with (DATA / "zh_2000.jsonl").open(encoding="utf-8") as rows:
        real = [row for row in map(json.loads, rows) if len(row["instruction"]) >= 12]
    first = dedupe([lines(tmp_path / "real.jsonl", real)], str(tmp_path / "kept.jsonl"), Dedupe())
    kept, random, planted = read(tmp_path / "kept.jsonl"), Random(5), []
    for row in random.sample(kept, 300):
        text = list(row["instruction"])
        text[random.randrange(len(text))] = random.choice("的了是在有和与请把")
        text.insert(random.randrange(len(text)), random.choice(["", "请", "，", " "]))
        planted.append({**row, "instruction": "".join(text), "planted": True})
    mixed = lines(tmp_path / "mixed.jsonl", [*kept, *random.sample(planted, 300)])
    outcome = dedupe(
        [mixed], str(tmp_path / "again.jsonl"), Dedupe(), rejected=str(tmp_path / "gone.jsonl")
    )
    assert read(tmp_path / "again.jsonl") == kept and first.kept == len(kept) > 1500
    assert outcome.near_duplicates == 300 and all(
        record["record"]["planted"] for record in read(tmp_path / "gone.jsonl")
    )


def test_progress_counts_bytes_up_to_all_of_them(tmp_path: Path) -> None:
    given = lines(
        tmp_path / "given.jsonl",
        [{"instruction": f"number {n} {n * n} {n * n * n}"} for n in range(2500)],
    )
    calls: list[tuple[int, int, int]] = []
    dedupe(
        [given], str(tmp_path / "kept.jsonl"), Dedupe(), progress=lambda *call: calls.append(call)
    )
    size = Path(given).stat().st_size
    assert [read for _, _, read in calls] == [1000, 2000, 2500] and {
        total for _, total, _ in calls
    } == {size}
    assert 0 < calls[0][0] <= calls[1][0] <= calls[2][0] == size


def test_a_csv_of_records_with_other_fields_is_refused_rather_than_cut(
    given: str, tmp_path: Path
) -> None:
    other = lines(
        tmp_path / "other.jsonl", [{"instruction": "Something else entirely here.", "extra": 1}]
    )
    with pytest.raises(UserError, match="other fields than the header"):
        dedupe([given, other], str(tmp_path / "kept.csv"), Dedupe())
