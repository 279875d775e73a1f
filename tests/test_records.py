"""Datasets as streams of records: each format is read as written, and nothing is left half done."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from selfinstruct.errors import UserError
from selfinstruct.records import Bad, Record, Source, table, writing
from selfinstruct.records.formats import FORMATS, format_of

NAMES = [
    "a.jsonl", "a.ndjson", "a.json", "a.csv", "a.tsv", "a.parquet",
    "a.jsonl.gz", "a.json.gz", "a.csv.gz", "a.jsonl.zst", "a.tsv.zst",
]  # fmt: skip
SHARED_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)


def write(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    with writing(str(path)) as keep:
        for number, fields in enumerate(records, 1):
            keep(Record(number, fields))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    """The fields of every record; none of them is bad."""
    records = list(Source(str(path)))
    assert not [record for record in records if isinstance(record, Bad)]
    return [record.fields for record in records if isinstance(record, Record)]


def needs(name: str) -> None:
    if name.endswith(".zst") and sys.version_info < (3, 14):
        pytest.importorskip("backports.zstd")
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")


# ------------------------------------------------------------------------------ there and back

TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\0")
)  # no CSV of Python 3.10 has it
ROWS = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(TEXT, min_size=width, max_size=width).map(
            lambda texts: {f"column {number}": text for number, text in enumerate(texts)}
        ),
        max_size=5,
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda value: st.lists(value, max_size=3) | st.dictionaries(st.text(), value, max_size=3),
    max_leaves=8,
)


CELL = st.text(st.sampled_from('\t\r\n" a'), max_size=4)
TSV_ROWS = st.integers(1, 3).flatmap(
    lambda width: st.lists(
        st.fixed_dictionaries({f"column {number}": CELL for number in range(width)}), max_size=4
    )
)


@SHARED_FOLDER
@example([{"column 0": "\r"}])
@example([{"column 0": "a", "column 1": "\n\r\n\t"}])
@given(TSV_ROWS)
def test_the_lines_of_a_cell_are_not_taken_for_rows_of_a_tsv_file(
    tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    assert read(write(tmp_path / "a.tsv", rows)) == rows


@SHARED_FOLDER
@given(ROWS, st.sampled_from(NAMES))
def test_texts_are_read_from_every_format_as_they_were_written(
    tmp_path: Path, rows: list[dict[str, str]], name: str
) -> None:
    needs(name)
    assert read(write(tmp_path / name, rows)) == rows


@SHARED_FOLDER
@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=4))
def test_values_of_any_depth_survive_json(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    for name in ("a.jsonl", "a.json"):
        assert read(write(tmp_path / name, records)) == records


@SHARED_FOLDER
@given(st.text(st.characters(exclude_categories=())))
def test_a_lone_surrogate_survives_json(tmp_path: Path, text: str) -> None:
    for name in ("a.jsonl", "a.json"):
        (fields,) = read(write(tmp_path / name, [{"text": text}]))
        assert json.dumps(fields["text"]) == json.dumps(text)


@pytest.mark.parametrize("name", NAMES)
def test_an_output_without_records_is_still_a_file_of_its_format(name: str, tmp_path: Path) -> None:
    needs(name)
    assert read(write(tmp_path / name, [])) == []


def test_types_survive_parquet_and_columns_are_never_lost(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    records: list[dict[str, Any]] = [
        {"instruction": "a", "n": 1},
        {"instruction": "b", "tags": ["x", "y"]},
    ]
    assert read(write(tmp_path / "some.parquet", records)) == [
        {"instruction": "a", "n": 1, "tags": None},
        {"instruction": "b", "n": None, "tags": ["x", "y"]},
    ]
    with pytest.raises(UserError, match="'late'"):
        write(tmp_path / "late.parquet", [{"n": 1}] * 10_000 + [{"late": 1}])
    assert not (tmp_path / "late.parquet").exists()


def test_a_table_has_the_columns_that_were_named_and_no_others(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    columns = {"t": "text", "ts": "texts", "f": "flag", "c": "count", "n": "number"}
    full = {"t": "x", "ts": ["y"], "f": True, "c": 1, "n": 0.5}
    with table(tmp_path / "a.parquet", columns) as put:
        for row in [dict.fromkeys(columns), full] * 6_000:
            put(row)
    assert read(tmp_path / "a.parquet") == [dict.fromkeys(columns), full] * 6_000


# ------------------------------------------------------------------------------------- reading


def test_a_json_array_is_read_across_every_border_between_blocks(tmp_path: Path) -> None:
    sizes = (0, 1, 65_520, 65_536, 300_000, 7)
    records = [
        {"instruction": "x" * size + "]},{[", "deep": [{"a": [1, 2.5, None]}]} for size in sizes
    ]
    for indent in (None, 2):
        path = tmp_path / "some.json"
        path.write_text(json.dumps(records, indent=indent))
        assert read(path) == records


def test_the_line_of_a_json_record_is_kept_as_it_stood(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{ "a":1 }\r\n \n{"a": "\xe2\x80\xa8"}')
    assert list(Source(str(path))) == [
        Record(1, {"a": 1}, '{ "a":1 }'),
        Record(3, {"a": "\u2028"}, '{"a": "\u2028"}'),
    ]


def test_a_cell_may_be_large_and_hold_line_ends(tmp_path: Path) -> None:
    cells = ["x" * 200_000, "a\r\nb", "c\rd", "e\nf"]
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["cell"], *([cell] for cell in cells)])
    assert [fields["cell"] for fields in read(tmp_path / "a.csv")] == cells


def test_reading_says_how_far_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl.gz", [{"n": n} for n in range(5_000)])
    source = Source(str(path))
    assert (source.done, source.size) == (0, path.stat().st_size)
    records = iter(source)
    next(records)
    assert 0 < source.done <= source.size
    assert len(list(records)) == 4_999 and source.done == source.size


def test_a_truncated_zst_file_ends_the_work(tmp_path: Path) -> None:
    needs(".zst")
    random = Random(2)
    path = write(
        tmp_path / "a.jsonl.zst",
        [{"instruction": f"{random.random()} {random.random()}"} for _ in range(20_000)],
    )
    whole = path.read_bytes()
    for damaged in (
        whole[: len(whole) // 2],
        b"no frame",
        whole[:200_000] + b"xxxx" + whole[200_004:],
    ):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="damaged or cut off"):
            list(Source(str(path)))


@pytest.mark.parametrize(
    ("module", "name"), [("backports.zstd", "a.jsonl.zst"), ("pyarrow", "a.parquet")]
)
def test_a_missing_extra_is_named_in_one_line(
    module: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.version_info >= (3, 14) and module == "backports.zstd":
        pytest.skip("part of the standard library")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf"needs {module}: pip install .*\[dedupe\]"):
        write(tmp_path / name, [])


def test_a_name_tells_the_format() -> None:
    for name in FORMATS:
        for suffix in ("", ".gz", ".ZST"):
            assert format_of(f"dir.csv/a.b.{name}{suffix}") == name
    assert [format_of(name) for name in ("-", "a.NDJSON")] == ["jsonl", "jsonl"]
    assert format_of("a.txt.gz", plain_text=True) == "txt"
    for name in ("a", "a.gz", "a.txt", "a.xlsx"):
        with pytest.raises(UserError, match=r"does not tell the format; .* or say --format$"):
            format_of(name)


# ------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("name", NAMES)
def test_after_an_error_no_file_appears_and_the_old_one_stays(name: str, tmp_path: Path) -> None:
    needs(name)
    write(tmp_path / name, [{"n": "old"}])
    records = ({"n": 1 / n} for n in (1, 0))
    with pytest.raises(ZeroDivisionError):
        write(tmp_path / name, records)
    assert read(tmp_path / name) == [{"n": "old"}]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_csv_of_records_with_other_fields_is_refused_rather_than_cut(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"record 2 has other fields than the header \(a\); write "):
        write(tmp_path / "a.csv", [{"a": 1}, {"a": 1, "b": 2}])


def test_a_value_that_json_does_not_have_is_written_as_its_text(tmp_path: Path) -> None:
    records = [{"day": date(2024, 2, 29)}]
    assert read(write(tmp_path / "a.jsonl", records)) == [{"day": "2024-02-29"}]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no/a\.jsonl\.part: No such file or directory; choose"):
        write(tmp_path / "no" / "a.jsonl", [])
