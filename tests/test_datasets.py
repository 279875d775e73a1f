"""Datasets as sources: files, folders with cards, folders that were saved, names on the Hub."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from selfinstruct.errors import UserError
from selfinstruct.records.datasets import BadRow, Row, leaves, open_dataset, value_at

CARD = """---
license: mit
language: [no, en]
pretty_name: Reviews
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': no
          '1': yes
  - name: topics
    sequence:
      class_label:
        names: {'0': sea, '1': land}
  - name: inner
    struct:
    - name: kind
      dtype: {class_label: {names: [small, large]}}
---
# Reviews

## Table of Contents
- [Dataset Summary](#dataset-summary)

### Dataset Summary

![logo](logo.png)
[More Information Needed]

## Description

<b>Reviews</b> of [boats](https://boats.example), by sailors.

## Citation
None.
"""


def written(folder: Path, rows: list[Any], name: str = "train.jsonl", card: str = "") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    text = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    (folder / name).write_text(text)
    if card:
        (folder / "README.md").write_text(card)
    return folder


def fields(place: object) -> list[Any]:
    return [row.fields if isinstance(row, Row) else row for row in open_dataset(str(place))]


def test_labels_have_their_names_wherever_they_stand(tmp_path: Path) -> None:
    row = {"text": "a", "label": 1, "topics": [1, 0], "inner": {"kind": 1}}
    written(
        tmp_path, [row, {**row, "label": -1}, {**row, "label": "0"}, {**row, "label": 7}], card=CARD
    )
    first, second, third, fourth = fields(tmp_path)
    assert first == {
        "text": "a",
        "label": "yes",
        "topics": ["land", "sea"],
        "inner": {"kind": "large"},
    }
    assert second["label"] is None and third["label"] == "no"
    assert fourth == BadRow(4, "train.jsonl:4", "'label': the label 7 has no name in the card")


def test_the_card_is_read_without_its_noise(tmp_path: Path) -> None:
    card = open_dataset(str(written(tmp_path, [{"text": "a"}], card=CARD))).card
    assert (card.title, card.license, card.languages) == ("Reviews", "mit", ("no", "en"))
    assert card.description == "Reviews of boats, by sailors."


def test_a_header_that_is_no_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    written(tmp_path, [{"a": 1}], card="---\nlicense: mit\nlanguage: [en\nx: y\n---\n")
    with pytest.raises(UserError, match=r"README.md:\d: the header is no YAML"):
        open_dataset(str(tmp_path))


def test_splits_are_told_by_names_and_by_the_card(tmp_path: Path) -> None:
    for name in ("data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl", "dev.jsonl"):
        written(tmp_path, [{"from": name}], name)
    (tmp_path / "constrained.json").write_text("[]")  # "train" is no word of this name
    plain = open_dataset(str(tmp_path))
    assert (plain.split, plain.splits, plain.unused) == (
        "train",
        ("train", "validation"),
        ("constrained.json",),
    )
    assert len(fields(tmp_path)) == 2
    assert fields(f"{tmp_path}:validation") == [{"from": "dev.jsonl"}]
    with pytest.raises(UserError, match=r"no split 'test' \(splits: train, validation\)"):
        open_dataset(f"{tmp_path}:test")
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: one\n  data_files:\n  - {split: held, path: de*.jsonl}\n"
        "- config_name: two\n  data_files: data/*.jsonl\n---\n"
    )
    assert fields(f"{tmp_path}@one:held") == [{"from": "dev.jsonl"}]
    assert len(fields(f"{tmp_path}@two")) == 2
    with pytest.raises(UserError, match="several configurations"):
        open_dataset(str(tmp_path))


def test_rows_that_cannot_be_read_keep_their_places(tmp_path: Path) -> None:
    written(tmp_path, [{"a": 1}, "{broken\n", {"a": 3}])
    good, bad, last = fields(tmp_path)
    assert (good, last) == ({"a": 1}, {"a": 3})
    assert isinstance(bad, BadRow) and (bad.number, bad.where) == (2, "train.jsonl:2")
    assert [row.number for row in open_dataset(str(tmp_path)).rows(2)] == [3]


def test_the_fingerprint_is_of_rows_and_card(tmp_path: Path) -> None:
    first = open_dataset(str(written(tmp_path, [{"a": 1}], card=CARD))).fingerprint
    assert open_dataset(str(tmp_path)).fingerprint == first
    other_card = open_dataset(str(written(tmp_path, [{"a": 1}], card=CARD.replace("mit", "gpl"))))
    other_rows = open_dataset(str(written(tmp_path, [{"a": 2}], card=CARD)))
    assert len({first, other_card.fingerprint, other_rows.fingerprint}) == 3


def test_values_are_found_by_path() -> None:
    row = {"answers": {"text": ["a", "b"]}, "home.dest": "x", "turns": [{"by": 1}, {"by": 2}]}
    assert value_at(row, "answers.text.1") == "b" and value_at(row, "home.dest") == "x"
    assert value_at(row, "turns.by") == [1, 2] and value_at(row, "answers.start") is None
    assert [path for path, _ in leaves(row)] == ["answers.text", "home.dest", "turns"]


def test_what_the_library_saved_is_opened_with_its_labels(tmp_path: Path) -> None:
    library = pytest.importorskip("datasets")
    features = library.Features(
        {"text": library.Value("string"), "label": library.ClassLabel(names=["bad", "good"])}
    )
    rows = [{"text": "a", "label": 1}, {"text": "b", "label": -1}]
    made = library.Dataset.from_list(rows, features=features)
    library.DatasetDict(train=made, test=made).save_to_disk(tmp_path / "saved")
    made.to_parquet(tmp_path / "parquet" / "train.parquet")
    wanted = [{"text": "a", "label": "good"}, {"text": "b", "label": None}]
    assert fields(f"{tmp_path / 'saved'}:test") == fields(tmp_path / "parquet") == wanted


def test_without_a_network_a_name_on_the_hub_is_said_to_be_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets")
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    began = time.monotonic()
    with pytest.raises(UserError, match="no such file or folder here, and the Hub is out of reach"):
        open_dataset("somebody/something")
    assert time.monotonic() - began < 60
    with pytest.raises(UserError, match="no such file or folder; name a dataset"):
        open_dataset(os.fspath(tmp_path / "nothing.jsonl"))
