"""TRL's own functions take the exports. TRL wants torch, but its data functions do not: it gets an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command import run

from selfinstruct.export import Export, export
from selfinstruct.view import load_run

PROGRAM = """
import json, sys
from datasets import load_dataset
from transformers import PreTrainedTokenizerFast
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from trl.data_utils import apply_chat_template, is_conversational, maybe_convert_to_chatml

def rows(name):
    return list(load_dataset("json", data_files=f"{sys.argv[1]}/{name}.jsonl", split="train", cache_dir=f"{sys.argv[1]}/cache"))

tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"?": 0}, unk_token="?")))
tokenizer.chat_template = "{% for one in messages %}<{{ one.role }}>{{ one.content }}</{{ one.role }}>{% endfor %}"
messages, sharegpt, pairs = rows("messages"), rows("sharegpt"), rows("prompt-completion")
converted = [maybe_convert_to_chatml({"conversations": one["conversations"]}) for one in sharegpt]
print(json.dumps({
    "conversational": [sum(map(is_conversational, some)) for some in (messages, converted, pairs)],
    "keys": [sorted(some[0]) for some in (messages, pairs)],
    "texts": [apply_chat_template(one, tokenizer)["text"] for one in messages],
    "roles": sorted({turn["role"] for one in converted for turn in one["messages"]}),
}))
"""


@pytest.mark.slow  # installs TRL and transformers: a minute
def test_trl_takes_messages_sharegpt_and_prompt_completion(tmp_path: Path) -> None:
    run("generate", "--model", "scripted", "--n", "200", "--out", tmp_path / "run").done()
    for name in ("messages", "sharegpt", "prompt-completion"):
        export([tmp_path / "run"], tmp_path / f"{name}.jsonl", Export(format=name))
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    for words in (["--no-deps", "trl>=1.16"], ["transformers", "datasets", "jinja2"]):
        subprocess.run([python, "-m", "pip", "install", "--quiet", *words], check=True, stdout=subprocess.DEVNULL)
    shown = subprocess.run([python, "-c", PROGRAM, tmp_path], capture_output=True, text=True, check=True).stdout
    found, examples = json.loads(shown.splitlines()[-1]), list(load_run(tmp_path / "run").examples())
    assert found["conversational"] == [200, 200, 0] and found["keys"] == [["messages"], ["completion", "prompt"]]
    assert found["roles"] == ["gpt", "human"]  # TRL renames the fields, not the speakers: its chat templates want `messages`
    for text, one in zip(found["texts"], examples, strict=True):
        question = f"{one.instruction}\n\n{one.input}" if one.input else one.instruction
        assert text == f"<user>{question}</user><assistant>{one.output}</assistant>"
