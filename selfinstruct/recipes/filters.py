"""The filters. Each names the reason to drop a candidate, a stable slug, or returns None. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from selfinstruct.data.tasks import Instance

# Paper, section 2.2 and appendix A: what a language model cannot see or do.
PAPER_WORDS = (
    "image", "images", "graph", "graphs", "picture", "pictures", "file", "files", "map", "maps",
    "draw", "plot", "go to",
)  # fmt: skip
ALPACA_WORDS = (*PAPER_WORDS, "video", "audio", "music", "flowchart", "diagram")
# A chat model knows that it writes text: only what needs another medium is left. "map", "file" or
# "music" name topics as well.
CHAT_WORDS = (
    "image",
    "images",
    "picture",
    "pictures",
    "photo",
    "photos",
    "photograph",
    "video",
    "videos",
    "audio",
    "screenshot",
)
MIN_WORDS, MAX_WORDS = 4, 150
_SHORT, _BEGINNING = 5, 5  # letters of a label that need not be named, and of a word's beginning
LONG_WORDS = 400  # of an instruction that may hold its own material
# letters of scripts that write no spaces: Thai and Lao, Myanmar, Khmer, kana, Han
_NO_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
)
# Unicode's Cc and Cs without \t \n \r
_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")

InstructionFilter = Callable[[str], str | None]


def why_not_empty(instruction: str) -> str | None:
    return None if instruction.strip() else "empty"


def why_not_length(instruction: str) -> str | None:
    """3 words or fewer, or more than 150 (paper, section 2.2)."""
    words = len(instruction.split())
    return "too_short" if words < MIN_WORDS else "too_long" if words > MAX_WORDS else None


def why_not_length_any_script(instruction: str) -> str | None:
    """As `why_not_length`, with four letters of a script without spaces counted as two words.

    Such scripts are those of Chinese, Thai and others.
    """
    words = _words_in(instruction)
    return _too_short(instruction) or ("too_long" if words > MAX_WORDS else None)


def why_not_length_with_material(instruction: str) -> str | None:
    """As `why_not_length_any_script`, for instructions that may hold their own material."""
    words = _words_in(instruction)
    return _too_short(instruction) or ("too_long" if words > LONG_WORDS else None)


def _words_in(instruction: str) -> float:
    spaced, unspaced = _NO_SPACES.subn(" ", instruction)
    return len(spaced.split()) + unspaced / 2


def _too_short(instruction: str) -> str | None:
    fewest = min(MIN_WORDS, 3 if _NO_SPACES.search(instruction) else MIN_WORDS)
    return "too_short" if _words_in(instruction) < fewest else None


def why_not_words(words: Sequence[str]) -> InstructionFilter:
    """A filter for instructions that hold any of `words` as a whole word, in any case."""
    found_in = re.compile(r"\b(?:" + "|".join(map(re.escape, words)) + r")\b", re.IGNORECASE)

    def why_not_blocked_word(instruction: str) -> str | None:
        return "blocked_word" if found_in.search(instruction) else None

    return why_not_blocked_word


def why_not_write_a_program(instruction: str) -> str | None:
    return "write_a_program" if instruction.startswith("Write a program") else None


def why_not_punctuation_first(instruction: str) -> str | None:
    return (
        "starts_with_punctuation"
        if instruction[0] in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
        else None
    )


def why_not_foreign_first(instruction: str) -> str | None:
    return None if instruction[0].isascii() else "starts_with_non_ascii"


def why_not_symbol_first(instruction: str) -> str | None:
    """The beginning is no letter or digit of any script, opening quote, bracket or Spanish mark."""
    category = unicodedata.category(instruction[0])
    return (
        None
        if category[0] in "LN" or category in ("Ps", "Pi") or instruction[0] in "\"'\u00bf\u00a1"
        else "starts_with_punctuation"
    )


def why_not_control(text: str) -> str | None:
    """Control characters, lone surrogates and replacements of undecodable bytes."""
    return "control_characters" if _CONTROL.search(text) else None


PAPER_FILTERS: tuple[InstructionFilter, ...] = (
    why_not_empty, why_not_length, why_not_words(PAPER_WORDS), why_not_write_a_program,
    why_not_punctuation_first, why_not_foreign_first,
)  # fmt: skip
ALPACA_FILTERS: tuple[InstructionFilter, ...] = (
    why_not_empty, why_not_length, why_not_words(ALPACA_WORDS), why_not_write_a_program,
    why_not_punctuation_first, why_not_foreign_first, why_not_control,
)  # fmt: skip
CHAT_FILTERS: tuple[InstructionFilter, ...] = (
    why_not_empty, why_not_control, why_not_length_any_script, why_not_words(CHAT_WORDS),
    why_not_symbol_first,
)  # fmt: skip
LONG_CHAT_FILTERS = tuple(
    why_not_length_with_material if why_not is why_not_length_any_script else why_not
    for why_not in CHAT_FILTERS
)


def why_not_instruction(instruction: str, filters: Sequence[InstructionFilter]) -> str | None:
    """The first filter's reason, in their order."""
    return next((reason for why_not in filters if (reason := why_not(instruction))), None)


def why_not_among(labels: Sequence[str], output: str) -> str | None:
    """The output is none of the labels that the instruction names, in any case."""
    known = {label.casefold().strip(" .") for label in labels}
    return None if output.casefold().strip(" .") in known else "unlisted_label"


def why_not_instance(instance: Instance) -> str | None:
    """Appendix B of the paper: output equal to the input, empty output, a side cut at a colon."""
    if instance.input == instance.output:
        return "output_equals_input"
    if not instance.output:
        return "empty_output"
    if instance.input.endswith(":") or instance.output.endswith(":"):
        return "ends_with_colon"
    return None


def why_not_instances(
    instances: Sequence[Instance], *, at_most: int, control: bool, repeated: bool = True
) -> list[str | None]:
    """A verdict on each instance of a task (appendix B), in their order.

    First each instance is judged alone. If two of the rest have the same non-empty input and
    different outputs, all of them go. Then exact duplicates go, then all beyond `at_most`.
    `control` also drops instances with control characters. Without `repeated` a task that needs no
    input has a single instance: a second could only be another answer to the same question.
    """
    verdicts = [
        why_not_instance(instance)
        or (why_not_control(instance.input + instance.output) if control else None)
        for instance in instances
    ]
    sound = [
        instance for instance, verdict in zip(instances, verdicts, strict=True) if verdict is None
    ]
    outputs: dict[str, str] = {}
    if any(
        instance.input and outputs.setdefault(instance.input, instance.output) != instance.output
        for instance in sound
    ):
        return [verdict or "conflicting_outputs" for verdict in verdicts]
    kept: set[Instance] = set()
    for number, (instance, verdict) in enumerate(zip(instances, verdicts, strict=True)):
        if verdict is None:
            again = not repeated and not instance.input and any(not other.input for other in kept)
            verdicts[number] = (
                "duplicate_instance"
                if instance in kept
                else "too_many_instances"
                if again or len(kept) >= at_most
                else None
            )
            if verdicts[number] is None:
                kept.add(instance)
    return verdicts


def named_share(labels: Sequence[str], instruction: str) -> float:
    """How many of its labels a task names, from 0 to 1.

    A label is named if one of its words, or the beginning of a longer one, stands in the task. Two
    short labels, such as yes and no, need not be named, and no numbers.
    """
    is_short = len(labels) == 2 and all(len(label) <= _SHORT for label in labels)
    if not labels or is_short or all(label.isdigit() for label in labels):
        return 1.0
    text = instruction.casefold()
    named = (
        any(word[:_BEGINNING] in text for word in label.casefold().split() if len(word) > 2)
        or label.casefold() in text
        for label in labels
    )
    return sum(named) / len(labels)
