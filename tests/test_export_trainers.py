"""The trainers' own code takes the exports: TRL's, LLaMA-Factory's, Axolotl's.

All three want torch, but their code that reads data does not. They get an environment of their
own, and the modules that they import for training are left empty.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from selfinstruct.data.examples import Example, Turn
from selfinstruct.exports import Export, export
from selfinstruct.mixing.job import mix
from selfinstruct.mixing.tables import read_mixture
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
    made.__path__ = [str(home.joinpath(*rest))]
    made.__spec__ = importlib.machinery.ModuleSpec(name, None)
    made.__dict__.update(names)
    sys.modules[name] = made

def rows(path, kind="json"):
    cache = sys.argv[1] + "/cache"
    return list(load_dataset(kind, data_files=path, split="train", cache_dir=cache))
"""
TOKENIZER = """
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast
inner = Tokenizer(WordLevel({"?": 0}, unk_token="?"))
tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="?")
tokenizer.chat_template = (
    "{% for one in messages %}<{{ one.role }}>{{ one.content }}</{{ one.role }}>{% endfor %}"
)
"""
TRL = """
from trl.data_utils import apply_chat_template, is_conversational, maybe_convert_to_chatml
names = ("messages", "sharegpt", "prompt-completion")
messages, sharegpt, pairs = (rows(f"{sys.argv[1]}/{name}/train.jsonl") for name in names)
converted = [maybe_convert_to_chatml({"conversations": one["conversations"]}) for one in sharegpt]
print(json.dumps({
    "conversational": [sum(map(is_conversational, some)) for some in (messages, converted, pairs)],
    "keys": [sorted(some[0]) for some in (messages, pairs)],
    "texts": [apply_chat_template(one, tokenizer)["text"] for one in messages],
    "roles": sorted({turn["role"] for one in converted for turn in one["messages"]}),
}))
"""
# Each letter a token, so that a text comes back from its tokens.
LETTERS = """
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
letters = sorted(pre_tokenizers.ByteLevel.alphabet())
inner = Tokenizer(models.BPE({letter: at for at, letter in enumerate(letters)}, []))
inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
inner.decoder = decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=letters[0])
tokenizer.chat_template = (
    "{% for one in messages %}<{{ one.role }}>{{ one.content }}</{{ one.role }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
"""
# The trainers' modules want torch; the method that checks and tokenizes a dataset does not, and is
# taken out of the module's source.
TRL_PREFERENCE = """
import ast, contextlib, warnings
from datasets import Dataset, IterableDataset
from trl import data_utils

def method(module, name):
    source = Path(data_utils.__file__).with_name("trainer").joinpath(module).read_text()
    nodes = ast.walk(ast.parse(source))
    found = next(n for n in nodes if isinstance(n, ast.FunctionDef) and n.name == name)
    later = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
    program = ast.fix_missing_locations(ast.Module([later, found], []))
    names = {**vars(data_utils), "Dataset": Dataset, "IterableDataset": IterableDataset,
             "json": json, "warnings": warnings, "logger": logging.getLogger(),
             "global_then_local_main_first": contextlib.nullcontext}
    exec(compile(program, module, "exec"), names)
    return names[name]

kind = "parquet" if sys.argv[2].endswith("parquet") else "json"
given = rows(sys.argv[2], kind)
settings = types.SimpleNamespace(
    dataset_num_proc=None, max_length=100_000, truncation_mode="keep_start"
)
said = {"rows": given, "conversational": sum(map(data_utils.is_conversational, given)),
        "prompts_as_they_are": sum(data_utils.maybe_extract_prompt(row) == row for row in given),
        "templated": [data_utils.maybe_apply_chat_template(row, tokenizer) for row in given]}
for name, module in (("dpo", "dpo_trainer.py"), ("reward", "reward_trainer.py")):
    prepare = method(module, "_prepare_dataset")
    ready = prepare(None, Dataset.from_list(given), tokenizer, settings, "train")
    columns = [column for column in ("prompt_ids", "chosen_ids", "rejected_ids")
               if column in ready.column_names]
    said[name] = [[tokenizer.decode(row[column]) for column in columns] for row in ready]
print(json.dumps(said))
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
        settings = types.SimpleNamespace(media_dir=".")
        convert = get_dataset_converter(entry.formatting, entry, settings)
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
        given = entry.model_dump(exclude_none=True)
        strategy = chat_template.load(tokenizer, settings, ds_cfg=given)
        threads = [strategy.get_conversation_thread(row) for row in some]
        found[entry.path] = [
            [(turn["role"], turn["content"]) for turn in thread] for thread in threads
        ]
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
    """Every format with all the examples; in `split-FORMAT` two splits and a system message."""
    out = tmp_path_factory.mktemp("exports")
    for name in ("alpaca", "messages", "sharegpt", "prompt-completion"):
        export([finished], out / name, Export(format=name))
    for name in ("alpaca", "messages", "sharegpt"):
        export(
            [finished], out / f"split-{name}", Export(format=name, system=SYSTEM, split="0.8/0.2")
        )
    return out


@pytest.fixture(scope="module")
def compared(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty prompts, each with the outputs of two models and a score for each."""
    out = tmp_path_factory.mktemp("compared") / "run"
    shutil.copytree(finished, out)
    lines, judged = [], []
    for number, one in enumerate(islice(load_run(finished).examples(), 50)):
        system = "Be kind." if number % 2 else ""
        history = (Turn("user", "Hello!"), Turn("assistant", "Hello.")) if number % 3 else ()
        for model, output in enumerate((one.output, f"{one.output} Indeed."), 1):
            known = {"instruction_id": f"i{number:06d}", "turn": number, "model": f"m{model}"}
            row = Example(
                f"i{number:06d}-{model}", f"{number}: {one.instruction}", one.input, output,
                None, known, system, history,
            )  # fmt: skip
            lines.append(row.to_line() + "\n")
            score = 1 + (number + 2 * model) % 5
            judged.append(json.dumps({"id": row.id, "score": score}) + "\n")
    (out / "examples.jsonl").write_text("".join(lines), "utf-8")
    (out / "judgements.jsonl").write_text("".join(judged))
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


@pytest.mark.parametrize("name", ["pairs/train.jsonl", "pairs.json", "pairs.parquet"])
def test_trl_s_preference_trainers_take_the_pairs_and_find_every_text(
    python: Path, compared: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name.removesuffix("/train.jsonl")
    export([compared], out, Export(format="preference"))
    found = told(python, LETTERS + TRL_PREFERENCE, tmp_path, tmp_path / name)
    assert found["conversational"] == found["prompts_as_they_are"] == 50
    scores = [line["score"] for line in load_run(compared).judgements()]
    truth = []
    for number, (first, second) in enumerate(in_pairs(load_run(compared).examples())):
        best, worst = (
            (first, second) if scores[2 * number] > scores[2 * number + 1] else (second, first)
        )
        before = f"<system>{first.system}</system>" * bool(first.system)
        before += "".join(f"<{one.role}>{one.text}</{one.role}>" for one in first.history)
        before += f"<user>{asked(first)}</user><assistant>"
        ends = [f"{one.output}</assistant>" for one in (best, worst)]
        truth.append([before, *ends])
        row = found["rows"][number]
        assert [row["chosen_id"], row["rejected_id"]] == [best.id, worst.id]
        assert row["chosen_score"] > row["rejected_score"]
    assert found["dpo"] == truth
    assert found["reward"] == [[before + best, before + worst] for before, best, worst in truth]
    keys = ("prompt", "chosen", "rejected")
    assert [[row[key] for key in keys] for row in found["templated"]] == truth


def in_pairs(rows: Iterable[Example]) -> Iterator[tuple[Example, Example]]:
    rows = iter(rows)
    return zip(rows, rows, strict=True)


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


def test_llama_factory_finds_system_messages_and_earlier_turns(
    python: Path, compared: Path, tmp_path: Path
) -> None:
    names = ("alpaca", "messages", "sharegpt")
    for name in names:
        export([compared], tmp_path / name, Export(format=name, split="0.8/0.2"))
    found = told(python, LLAMA_FACTORY, tmp_path, *names)
    for name in names:
        joint = "\n" if name == "alpaca" else "\n\n"
        truth = [
            [
                ["system", one.system],
                *([turn.role, turn.text] for turn in one.history),
                ["user", asked(one, joint)],
                ["assistant", one.output],
            ]
            for one in load_run(compared).examples()
        ]
        assert sorted(found[name]) == sorted(truth), name


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


TRL_TEXTS = """
from trl.data_utils import apply_chat_template
found = [apply_chat_template(row, tokenizer)["text"] for row in rows(sys.argv[1] + "/train.jsonl")]
print(json.dumps([found, [row["text"] for row in rows(sys.argv[1] + "/text.jsonl")]]))
"""


def test_every_trainer_takes_a_mixed_folder(
    python: Path, finished: Path, tmp_path: Path, examples: list[Example]
) -> None:
    library = pytest.importorskip("tokenizers")
    counter = library.Tokenizer(library.models.WordLevel({"?": 0}, unk_token="?"))
    counter.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "pages.txt").write_text("Salt water.\nOld boats come home.\n" * 50)
    (tmp_path / "mixture.toml").write_text(
        f"""
        tokenizer = {str(tmp_path / "tokenizer.json")!r}
        [[component]]
        name = "run"
        source = {str(finished)!r}
        [[component]]
        name = "pages"
        source = {str(tmp_path / "pages.txt")!r}
        text = true
        share = 0.05
        """
    )
    mix(read_mixture(tmp_path / "mixture.toml", {}), tmp_path / "mix", on_read=lambda name: None)
    truth = sorted((asked(one), one.output) for one in examples)
    texts, documents = told(python, TOKENIZER + TRL_TEXTS, tmp_path / "mix")
    whole = [
        f"<user>{question}</user><assistant>{answer}</assistant>" for question, answer in truth
    ]
    assert sorted(texts) == sorted(whole)
    assert documents and set(documents) <= {"Salt water.", "Old boats come home."}
    program = LLAMA_FACTORY.replace('[name, f"{name}_test"]', "[name]")
    read = told(python, program, tmp_path, "mix")["mix"]
    assert sorted((turns[1][1], turns[2][1]) for turns in read) == truth
    entry = {**ENTRIES[1], "path": "train.jsonl"}
    read = told(python, TOKENIZER + AXOLOTL, tmp_path / "mix", json.dumps([entry]))["train.jsonl"]
    assert sorted((turns[0][1], turns[1][1]) for turns in read) == truth
