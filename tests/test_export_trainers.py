"""The trainers' own code takes the exports: TRL's, LLaMA-Factory's, Axolotl's. All three want torch, but what reads data in them
does not: they get an environment of their own, and what they import for training is left empty.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from selfinstruct.data.examples import Example
from selfinstruct.exports import Export, export
from selfinstruct.runs.view import load_run

pytestmark = pytest.mark.slow  # installs transformers and more: a minute or two
SYSTEM = "Be kind."

EMPTY = """
import importlib.machinery, importlib.util, json, logging, sys, types
from pathlib import Path
from datasets import load_dataset

def package(name, **names):
    # A package without its __init__, which would import what trains; its modules are found as ever.
    head, *rest = name.split(".")
    made = types.ModuleType(name)
    spec = importlib.util.find_spec(head) if head not in sys.modules or rest else None
    home = Path((spec.submodule_search_locations if spec else [""])[0])
    made.__path__, made.__spec__ = [str(home.joinpath(*rest))], importlib.machinery.ModuleSpec(name, None)
    made.__dict__.update(names)
    sys.modules[name] = made

def rows(path, kind="json"):
    return list(load_dataset(kind, data_files=path, split="train", cache_dir=sys.argv[1] + "/cache"))
"""
TOKENIZER = """
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast
tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"?": 0}, unk_token="?")), eos_token="?")
tokenizer.chat_template = "{% for one in messages %}<{{ one.role }}>{{ one.content }}</{{ one.role }}>{% endfor %}"
"""
TRL = """
from trl.data_utils import apply_chat_template, is_conversational, maybe_convert_to_chatml
messages, sharegpt, pairs = (rows(f"{sys.argv[1]}/{name}/train.jsonl") for name in ("messages", "sharegpt", "prompt-completion"))
converted = [maybe_convert_to_chatml({"conversations": one["conversations"]}) for one in sharegpt]
print(json.dumps({
    "conversational": [sum(map(is_conversational, some)) for some in (messages, converted, pairs)],
    "keys": [sorted(some[0]) for some in (messages, pairs)],
    "texts": [apply_chat_template(one, tokenizer)["text"] for one in messages],
    "roles": sorted({turn["role"] for one in converted for turn in one["messages"]}),
}))
"""
LLAMA_FACTORY = """
package("llamafactory.data")
package("llamafactory.extras")
package("llamafactory.extras.constants", DATA_CONFIG="dataset_info.json", RUNNING_LOG="running.log")
package("llamafactory.extras.misc", use_modelscope=lambda: False, use_openmind=lambda: False)
from llamafactory.data.converter import get_dataset_converter
from llamafactory.data.parser import get_dataset_list
found = {}
for name in sys.argv[2:]:
    folder = f"{sys.argv[1]}/{name}"
    for entry in get_dataset_list([name, f"{name}_test"], folder):
        convert = get_dataset_converter(entry.formatting, entry, types.SimpleNamespace(media_dir="."))
        for row in map(convert, rows(f"{folder}/{entry.dataset_name}")):
            turns = [(turn["role"], turn["content"]) for turn in row["_prompt"] + row["_response"]]
            found.setdefault(name, []).append([("system", row["_system"]), *turns])
print(json.dumps(found))
"""
AXOLOTL = """
package("axolotl.utils")
package("axolotl.utils.schemas")
package("axolotl.prompt_strategies")
package("axolotl.utils.logging", get_logger=logging.getLogger)
package("torch", __getattr__=lambda name: None)
from axolotl.prompt_strategies import chat_template
from axolotl.prompt_tokenizers import AlpacaPromptTokenizingStrategy
from axolotl.utils.dict import DictDefault
from axolotl.utils.schemas.datasets import SFTDataset
del sys.modules["torch"]
settings, found = DictDefault({"train_on_inputs": False, "sequence_len": 4096}), {}
for given in json.loads(sys.argv[2]):
    entry = SFTDataset(**given)
    some = rows(f"{sys.argv[1]}/{entry.path}", entry.ds_type)
    if entry.type == "alpaca":
        strategy = AlpacaPromptTokenizingStrategy(None, tokenizer)
        found[entry.path] = [strategy.parse_instruction_fields(row) for row in some]
    else:
        strategy = chat_template.load(tokenizer, settings, ds_cfg=entry.model_dump(exclude_none=True))
        threads = [strategy.get_conversation_thread(row) for row in some]
        found[entry.path] = [[(turn["role"], turn["content"]) for turn in thread] for thread in threads]
print(json.dumps(found))
"""
# As docs/export.md tells users to write them.
ENTRIES: list[dict[str, Any]] = [
    {"path": "alpaca/train.jsonl", "ds_type": "json", "type": "alpaca"},
    {
        "path": "messages/train.jsonl",
        "ds_type": "json",
        "type": "chat_template",
        "field_messages": "messages",
    },
    {
        "path": "sharegpt/train.jsonl",
        "ds_type": "json",
        "type": "chat_template",
        "field_messages": "conversations",
        "message_property_mappings": {"role": "from", "content": "value"},
    },
]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the trainers, but without what they only need to train."""
    home = tmp_path_factory.mktemp("trainers") / "venv"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    trainers = ["--no-deps", "trl>=1.16", "llamafactory>=0.9.5", "axolotl>=0.19"]
    for words in (
        trainers,
        ["transformers", "datasets", "jinja2", "colorama", "addict", "pydantic"],
    ):
        command = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return home / "bin" / "python"


@pytest.fixture(scope="module")
def folder(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every format with all the examples, and with a system message and two splits in `split-FORMAT`."""
    out = tmp_path_factory.mktemp("exports")
    for name in ("alpaca", "messages", "sharegpt", "prompt-completion"):
        export([finished], out / name, Export(format=name))
    for name in ("alpaca", "messages", "sharegpt"):
        export(
            [finished], out / f"split-{name}", Export(format=name, system=SYSTEM, split="0.8/0.2")
        )
    return out


@pytest.fixture(scope="module")
def examples(finished: Path) -> list[Example]:
    return list(load_run(finished).examples())


def told(python: Path, program: str, *words: object) -> Any:
    ran = subprocess.run(
        [python, "-c", EMPTY + program, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout.splitlines()[-1])


def asked(one: Example, joint: str = "\n\n") -> str:
    return f"{one.instruction}{joint}{one.input}" if one.input else one.instruction


def test_trl_takes_messages_sharegpt_and_prompt_completion(
    python: Path, folder: Path, examples: list[Example]
) -> None:
    found = told(python, TOKENIZER + TRL, folder)
    assert found["conversational"] == [150, 150, 0] and found["keys"] == [
        ["messages"],
        ["completion", "prompt"],
    ]
    assert found["roles"] == [
        "gpt",
        "human",
    ]  # TRL renames the fields, not the speakers: its chat templates want `messages`
    assert found["texts"] == [
        f"<user>{asked(one)}</user><assistant>{one.output}</assistant>" for one in examples
    ]


def test_llama_factory_reads_its_entries_and_every_text(
    python: Path, folder: Path, examples: list[Example]
) -> None:
    found = told(python, LLAMA_FACTORY, folder, "split-alpaca", "split-messages", "split-sharegpt")
    assert len(found) == 3
    for name, threads in found.items():
        joint = (
            "\n" if name.endswith("alpaca") else "\n\n"
        )  # its own way to join an instruction and an input
        truth = [
            [["system", SYSTEM], ["user", asked(one, joint)], ["assistant", one.output]]
            for one in examples
        ]
        assert sorted(threads) == sorted(truth), name


def test_axolotl_takes_the_entries_of_our_documents_and_every_text(
    python: Path, folder: Path, examples: list[Example]
) -> None:
    found = told(python, TOKENIZER + AXOLOTL, folder, json.dumps(ENTRIES))
    assert [row[:3] for row in found["alpaca/train.jsonl"]] == [
        [one.instruction, one.input, one.output] for one in examples
    ]
    for name in ("messages", "sharegpt"):
        assert found[f"{name}/train.jsonl"] == [
            [["user", asked(one)], ["assistant", one.output]] for one in examples
        ]
