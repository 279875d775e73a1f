"""What belongs to a prompt or to its form and stands in the data; two tasks that became one."""

from __future__ import annotations

import re

from selfinstruct.check.finding import Checked, Field, Finding, found

_TOKENS = re.compile(
    r"<\|(?:im_(?:start|end|sep)|end_?of_?text|eot_id|begin_of_text|start_header_id|end_header_id|user|assistant|system|endofprompt|pad)\|>"
    r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</?s>\s*$|^\s*<s>|<(?:noinput|nooutput)>"
)
_TEMPLATE = re.compile(
    r"below is an instruction that describes a task|write a response that appropriately completes the request"
    r"|^\s*#{2,4} ?(?:instruction|input|response|output|human|assistant)s?: *$"
    r"|come up with (?:a series of tasks|examples for the following tasks)|^class label: ?\S*|\bclass label: *$"
    r"|given the classification task definition|^list of \d+ tasks:|can the following task be regarded as a classification"
    r"|\{\{ ?(?:instruction|input|output) ?\}\}|\{(?:instruction|input|output)\}",
    re.I | re.M,
)
_LEADING = re.compile(
    r"\s*(?:\*\*|#{1,4} ?)?(?:output|answer|response|expected output|output text|salida|ausgabe|sortie|\u8f93\u51fa)(?: ?#?\d)?(?:\*\*)?[:\uff1a](?:\*\*)?[ \t]*\n*",
    re.I,
)
_TRAILING = re.compile(
    r"\s*\n\W{0,3}(?:(?:example|instance|task|instruction|input|output|question|answer|class label|\u793a\u4f8b|\u8f93\u5165|\u8f93\u51fa|\u6307\u4ee4)(?: ?#?\d{1,2})?[:\uff1a.)]*|#{2,4}|\d{1,2}[.)])\W{0,3}$",
    re.I,
)
_SECTION = re.compile(
    r"^\W{0,3}(?:(?:example|instance|task)[ \t]#?\d{1,2}\W{0,3}$"
    r"|(?:example|task)[ \t]#?\d{1,2}[:.]?\s*\n\W{0,3}(?:input|instruction|class label|output|sentence|text)\b"
    r"|(?:input|instruction)s?(?: ?#?\d)?: ?.*\n(?:.*\n){0,6}?\W{0,3}(?:output|response|answer)(?: ?#?\d)?:)",
    re.I | re.M,
)
_ROLES = re.compile(r"\n\s*(?:human|user|### ?human|question|q): ?\S.*(?:\n\s*(?:assistant|ai|bot|answer|a):|$)", re.I)
_HINT = re.compile("[<{\\[#:]|nstruction|ppropriately|tasks", re.I)  # without one of these there is no need to look closer
# Where such lines are the very thing that is asked for.
_FORMS_ARE_MEANT = re.compile(
    r"\bexamples?\b|\binputs?\b|\boutputs?\b|\binstances?\b|\blabel|algorithm|function|\bprogram|\bcode\b|test cases?|pseudo|script|template|placeholder|format"
    r"|prompt|\btoken|instructions?\b|tasks?\b|jinja|python|html|special|dialog|convers|interview|faq|q\s?&\s?a|questions?\b|quiz|chat|\u793a\u4f8b|\u4f8b\u5b50|\u51fd\u6570|\u7b97\u6cd5|\u8f93\u5165|ejemplo|beispiel|exemple",
    re.I,
)
_LABELLED = re.compile("[:\uff1a]|\\n")
_ABOUT_MODELS = re.compile(
    r"prompt|\btoken|template|chatml|llama|fine-?tun|jinja|strikethrough|\btag\b|html|format|placeholder|llm|language model|\u63d0\u793a|\u6a21\u677f",
    re.I,
)


def leaked_prompt(row: Checked) -> Finding | None:
    """Special tokens and template text in any field; labels and further examples in the output."""
    for field, text in _fields(row):
        if not _HINT.search(text):
            continue
        if match := _TOKENS.search(text):
            if not _ABOUT_MODELS.search(row.instruction) or field == "instruction":
                return found("leaked_prompt", field, text[match.start() :], _cut(text, match))
        elif (match := _TEMPLATE.search(text)) and not _ABOUT_MODELS.search(row.instruction.replace(match.group(), "")):
            return found("leaked_prompt", field, text[match.start() :], _cut(text, match))
    label = _label(row.output) if _LABELLED.search(row.output) else None
    return None if label is None or _FORMS_ARE_MEANT.search(row.instruction) else label


def _fields(row: Checked) -> tuple[tuple[Field, str], ...]:
    return ("instruction", row.instruction), ("input", row.input), ("output", row.output)


def _label(output: str) -> Finding | None:
    if (match := _TRAILING.search(output)) and output[: match.start()].strip() and not _is_next_item(output, match):
        return found("leaked_prompt", "output", match.group(), output[: match.start()])
    if (match := _LEADING.match(output)) and output[match.end() :].strip():
        return found("leaked_prompt", "output", output, output[match.end() :])
    if (match := _SECTION.search(output)) or (match := _ROLES.search(output)):
        return found("leaked_prompt", "output", output[match.start() :])
    return None


def _is_next_item(output: str, match: re.Match[str]) -> bool:
    """A bare number after a numbered list is a list that breaks off, which is another defect."""
    return match.group().strip(" \n.)#").isdigit() and re.search(r"^\s*1[.)]", output, re.M) is not None


def _cut(text: str, match: re.Match[str]) -> str | None:
    """Without it, where nothing but it stands at the very end."""
    before = text[: match.start()].rstrip()
    return before if before and not text[match.end() :].strip() else None


_VERBS = (
    "write|create|generate|explain|describe|list|name|translate|summari[sz]e|classify|find|identify|give|suggest|compose|rewrite|design|calculate|compare|tell|provide|convert|edit|"
    "make|come up|construct|analy[sz]e|outline|develop|discuss|what|who|how|why|when|where|which|define|predict|sort|solve|propose|draft|recommend|determine|invent|categorize|given"
)
_NEW_TASK = re.compile(
    r"\S\s*\n\s*(?:#{1,4} ?)?(?:\d{1,3}[.)] ?)?(?:instruction|task|prompt|\u6307\u4ee4|\u4efb\u52a1|instrucci\u00f3n|aufgabe|tarea)(?: ?#?\d{1,3})?[:\uff1a.]\s?\S"
    r"|\S\s*\n?\s*#{3,}\s*\d{1,3}[.)]\s?\w|[.?!]\s+(?:1\d|2[0-9])[.)] (?:[A-Z]\w+ ){2}",
    re.I,
)
_NUMBERED = re.compile(
    rf"^\s*(?:task )?(\d{{1,3}})[.):] ?(?:(?:{_VERBS})\b|[\u5199\u7ed9\u89e3\u63cf\u5217\u7ffb\u751f\u8ba1\u8bf4\u521b])(?:.{{8,}})$",
    re.I | re.M,
)
_IMPERATIVE = re.compile(rf"^\s*(?:[-*\u2022] )?(?:please )?(?:{_VERBS})\b.{{14,}}[.?!]?$", re.I | re.M)
_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")
_CLEAR_VERB = re.compile(
    r"(?:write|create|generate|explain|describe|list|name|translate|summari[sz]e|classify|compose|design|calculate|suggest|define|identify|tell me|give me|solve|compute|propose|invent|what (?:is|are)|who (?:is|was|wrote)|how (?:do|does|many)|convert)\b",
    re.I,
)
_REFERS = re.compile(
    r"\b(?:it|its|them|they|their|this|that|these|those|then|also|each|both|above|below|following|answer|response|output|same|include|your|make sure|be sure|use|result|one|why|he|she|his|her|him|story|list|text|sentence|sentences|paragraph|passage|reason|reasons|finally|next|afterwards)\b"
    r"|\u5b83|\u8fd9|\u5176|\u8be5|\u7136\u540e|\u5e76",
    re.I,
)
_STEPS = re.compile(r"follow|steps?\b|these|questions?:|tasks:|instructions:|below|as follows|:\s*$", re.I)
_CONTENT = re.compile(r"[a-z\u00e0-\u00ff]{4,}", re.I)


def merged_instructions(row: Checked) -> Finding | None:
    """A second task behind the first: under a label, as a numbered item, or as a sentence that has nothing to do with the first."""
    text = row.instruction
    if match := _NEW_TASK.search(text):
        return found("merged_instructions", "instruction", text[match.start() :])
    numbered = _NUMBERED.findall(text)
    if len(numbered) > 1 or (numbered and int(numbered[0]) > 1):
        first = text.strip().split("\n")[0]
        if _NUMBERED.match(first) or not _STEPS.search(first):
            return found("merged_instructions", "instruction", text)
    lines = _IMPERATIVE.findall(text)
    if (
        len(lines) > 1
        and text.strip().startswith(lines[0].strip())
        and not any(map(_REFERS.search, lines[1:]))
        and _unrelated(lines)
    ):
        return found("merged_instructions", "instruction", text)
    sentences = [one for one in _SENTENCE.split(text.strip()) if one]
    if (
        2 <= len(sentences) <= 6
        and all(map(_CLEAR_VERB.match, sentences))
        and not any(map(_REFERS.search, sentences[1:]))
        and _unrelated(sentences)
    ):
        return found("merged_instructions", "instruction", text)
    if not row.input and (
        match := re.search(
            r"\n\s*(?:\d{1,3}[.)] ?)?(?:instruction|new task|next task|task)(?: ?\d{1,3})?[:\uff1a]\s?\S", row.output, re.I
        )
    ):
        return found("merged_instructions", "output", row.output[match.start() :]) if not _FORMS_ARE_MEANT.search(text) else None
    return None


def _unrelated(parts: list[str]) -> bool:
    """No word of more than three letters, but for the verbs, in two of them."""
    seen: set[str] = set()
    for part in parts:
        words = {word[:5].lower() for word in _CONTENT.findall(part)[1:]} - {
            "about",
            "with",
            "from",
            "that",
            "five",
            "three",
            "short",
            "betwe",
        }
        if words & seen:
            return False
        seen |= words
    return True
