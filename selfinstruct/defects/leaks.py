"""Words of a prompt, labels of its form and special tokens that stand in the data."""

from __future__ import annotations

import re
from collections.abc import Collection

from selfinstruct.defects.code import looks_like_code
from selfinstruct.defects.finding import Checked, Field, Finding, Severity, fields_of, found
from selfinstruct.defects.nothing import spells_no_input
from selfinstruct.defects.words import has_any

# The tokens of Llama, Qwen, Mistral, Gemma, Phi, DeepSeek, Cohere, GLM, gpt-oss, OpenAssistant,
# Granite, EXAONE, InternLM, Baichuan, BERT, T5 and those that others have taken over.
_TOKENS = re.compile(
    r"<[|\uff5c][^\s|\uff5c<>]{1,40}[|\uff5c]>|<\|endoftext|<\|im_(?:start|end)\b"
    r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_(?:turn|image)>|<(?:noinput|nooutput)>"
    r"|</?(?:BOS|EOS|PAD|UNK)_TOKEN>|<(?:bos|eos|pad|unk|sop|eop|eot|eoh|eoa|eom)>|\[gMASK\]"
    r"|\[(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]|\[/(?:AVAILABLE_TOOLS"
    r"|TOOL_RESULTS|SYSTEM_PROMPT)\]|\[\|(?:assistant|user|system|endofturn)\|\]"
    r"|</?think(?:ing)?>|<extra_id_\d+>|<reserved_\d+>|\[(?:PAD|UNK|CLS|SEP)\]"
    r"|\A\s*<s>|\A\s*</s>|</s>\s*\Z|<s>\s*(?=\[INST\])"
)
_END_OF_TEXT = re.compile("</s>")
_TEMPLATE = re.compile(
    r"below is an instruction that describes a task"
    r"|write a response that appropriately completes the request"
    r"|^[ \t]*#{2,4} ?(?:instruction|input|response|output|human|assistant): *$"
    r"|^[ \t]*#{3} ?(?:human|assistant|user|system): *\S"
    r"|^[ \t]*USER: .{1,4000}\bASSISTANT:"
    r"|come up with (?:a series of tasks|examples for the following tasks)|^class label: ?\S*"
    r"|\bclass label: *$"
    r"|given the classification task definition|^list of \d+ tasks:"
    r"|can the following task be regarded as a classification"
    r"|\{\{ ?(?:instruction|input|output) ?\}\}|\{(?:instruction|input|output)\}",
    re.I | re.M,
)
_LEADING = re.compile(
    r"\s*(?:\*\*|#{1,4} ?)?(?:output|answer|response|expected output|output text|salida|ausgabe"
    r"|sortie|\u8f93\u51fa)(?: ?#?\d)?(?:\*\*)?[:\uff1a](?:\*\*)?[ \t]*\n*",
    re.I,
)
_ANSWER = re.compile("answer", re.I)
_TRAILING = re.compile(
    r"\s*\n\W{0,5}(?:(?:example|instance|task|instruction|input|output|question|answer|class label"
    r"|\u793a\u4f8b|\u8f93\u5165|\u8f93\u51fa|\u6307\u4ee4)(?: ?#?\d{1,2})?[:\uff1a.)]*|#{2,4}"
    r"|\d{1,2}[.)])\W{0,3}$",
    re.I,
)
_SECTION = re.compile(
    r"^\W{0,3}(?:(?:example|instance|task)[ \t]#?\d{1,2}\W{0,3}$"
    r"|(?:example|task)[ \t]#?\d{1,2}[:.]?\s*\n\W{0,3}(?:input|instruction|class label|output"
    r"|sentence|text)\b"
    r"|(?:示例|例子|例|任务) ?\d{0,2}[:\uff1a]?\s*\n\W{0,3}(?:输入|指令|输出)"
    r"|(?:输入|指令) ?\d?[:\uff1a].*\n(?:.*\n){0,6}?\W{0,3}(?:输出|回答) ?\d?[:\uff1a]"
    r"|(?:\d{1,2}[.)] ?)?(?:input|instruction)s?(?: ?#?\d)?: ?.*\n(?:.*\n){0,6}?\W{0,3}(?:output"
    r"|response|answer)(?: ?#?\d)?:)",
    re.I | re.M,
)
_ROLES = re.compile(
    r"\n[ \t]*(?:human|user|### ?human|question|q): ?\S.*"
    r"(?:\n\n?[ \t]*(?:assistant|ai|bot|answer|a):|$)",
    re.I,
)
# A text without any of these marks and hints needs no closer look.
_HINTS = (
    "below is an", "write a response", "##", "come up with", "class label",
    "given the classification", "list of", "can the following", "user:", "{instruction", "{input", "{output",
    "{{",
)  # fmt: skip
_NAMES = (
    "example",
    "instance",
    "task",
    "input",
    "instruction",
    "示例",
    "例子",
    "例",
    "任务",
    "输入",
    "指令",
)
_ENDING = 200  # letters at the end of an output in which a label stands alone
# Instructions that ask for such lines.
_FORMS_ARE_MEANT = re.compile(
    r"\bexamples?\b|\binputs?\b|\boutputs?\b|\binstances?\b|\blabel|algorithm|function|\bprogram"
    r"|\bcode\b|test cases?|pseudo|script|template|placeholder|format"
    r"|prompt|\btoken|instructions?\b|tasks?\b|jinja|python|html|special|dialog|convers|exchange"
    r"|scene|\bplay\b|joke|riddle|trivia|flash ?card|role|simulat|interview|faq|q\s?&\s?a"
    r"|questions?\b|quiz|chat|\u793a\u4f8b|\u4f8b\u5b50|\u51fd\u6570|\u7b97\u6cd5|\u8f93\u5165"
    r"|ejemplo|beispiel|exemple|\u4efb\u52a1|\u6307\u4ee4|\u63d0\u793a|\u95ee\u7b54|\u5bf9\u8bdd",
    re.I,
)
_LABELLED = re.compile("[:\uff1a]|\\n")
_ABOUT_MODELS = re.compile(
    r"prompt|\btoken|template|chatml|llama|fine-?tun|jinja|strikethrough|\btag\b|html|format"
    r"|placeholder|llm|language model|\u63d0\u793a|\u6a21\u677f",
    re.I,
)

_SPEAKERS_ARE_MEANT = re.compile(r"dialog|convers|chat|role|script|scene|interview|exchange", re.I)
_MARKUP_IS_MEANT = re.compile(r"ssml|xml|html|markup|speech|code|python|token", re.I)
_ASKS_ABOUT = re.compile(r"\W{0,9}(?:what|why|how|which|explain|describe|define|name)\b", re.I)


def leaked_prompt(row: Checked) -> Finding | None:
    """Special tokens and template text in any field; labels and more examples in the output."""
    for field, text in fields_of(row):
        leak = _of_template(row, field, text)
        if leak is not None:
            return leak
    label = _label(row) if _LABELLED.search(row.output) else None
    return None if label is None or _FORMS_ARE_MEANT.search(row.instruction) else label


def special_token(row: Checked, tokens: Collection[str]) -> Finding | None:
    """The first of the tokens that a user has named, in any field."""
    for field, text in fields_of(row):
        for token in tokens:
            if token and token in text:
                return found("leaked_prompt", field, text[text.index(token) :])
    return None


def _of_template(row: Checked, field: Field, text: str) -> Finding | None:
    """A special token or a piece of a template in a field."""
    if field == "input" and spells_no_input(text):  # `no_input_spelling` finds that
        return None
    token = _token(text) if "<" in text or "[" in text else None
    if token is not None:
        is_topic = _ABOUT_MODELS.search(row.instruction) and (
            field != "instruction" or _ASKS_ABOUT.match(row.instruction)
        )
        # "He <noinput> the door": a gap for a word
        severity: Severity | None = "warning" if _is_gap(row, field, token) else None
        cut = _cut(text, token)
        leak = found("leaked_prompt", field, text[token.start() :], cut, severity=severity)
        return None if is_topic or _is_tag(row, token) else leak
    lowered = text.lower()
    if not has_any(lowered, _HINTS):
        return None
    match = _TEMPLATE.search(text)
    if match is None or _ABOUT_MODELS.search(row.instruction.replace(match.group(), "")):
        return None
    if _is_form(row, field, match):
        return None
    return found("leaked_prompt", field, text[match.start() :], _cut(text, match))


def _token(text: str) -> re.Match[str] | None:
    """The first special token. "</s>" is the end of a text unless a "<s>" stands before."""
    match = _TOKENS.search(text)
    if match is None and "<s>" not in text and "<s " not in text:
        match = _END_OF_TEXT.search(text)
    return match


def _is_gap(row: Checked, field: Field, token: re.Match[str]) -> bool:
    return field == "input" and token.group() in ("<noinput>", "<unk>", "<pad>")


def _is_tag(row: Checked, token: re.Match[str]) -> bool:
    """Whether the task or its code has the token for a tag of its own."""
    if token.group() in row.instruction and token.string != row.instruction:
        return True
    is_markup = token.group().strip().lower() in ("<s>", "</s>", "<unk>", "<pad>", "<eos>", "<bos>")
    return is_markup and _MARKUP_IS_MEANT.search(row.instruction) is not None


def _is_form(row: Checked, field: Field, match: re.Match[str]) -> bool:
    """Whether a match is a name in braces in a program, or a heading that the task asks for."""
    task = row.instruction.replace(match.group(), "")
    if re.search(r"#\W*(?:human|assistant|user|system)\b", match.group(), re.I):
        return _SPEAKERS_ARE_MEANT.search(task) is not None
    is_asked_for = _FORMS_ARE_MEANT.search(task) is not None
    if match.group().startswith("{"):
        return is_asked_for or looks_like_code(match.string.replace(match.group(), ""))
    return field == "output" and match.group().lstrip().startswith("#") and is_asked_for


def _label(row: Checked) -> Finding | None:
    output = row.output
    start = max(0, len(output) - _ENDING)
    if (
        (match := _TRAILING.search(output, start))
        and output[: match.start()].strip()
        and not _is_next_item(output, match)
    ):
        return found("leaked_prompt", "output", match.group(), output[: match.start()])
    if (
        (match := _LEADING.match(output))
        and output[match.end() :].strip()
        and not _is_spoken_of(match, row.instruction)
    ):
        # people write "Answer:" as well
        severity: Severity | None = "warning" if _ANSWER.search(match.group()) else None
        return found("leaked_prompt", "output", output, output[match.end() :], severity=severity)
    lowered = output.lower()
    named = has_any(lowered, _NAMES)
    match = _SECTION.search(output) if named else None
    if match is not None and looks_like_code(output):  # a comment on input and output
        match = None
    match = match or (_ROLES.search(output) if "\n" in output else None)
    return found("leaked_prompt", "output", output[match.start() :]) if match else None


def _is_spoken_of(match: re.Match[str], instruction: str) -> bool:
    """Whether the instruction has the label's word: then the label is a heading of the answer."""
    word = match.group().strip("*#:\uff1a \t\n").split(" ")[0].casefold()
    return word in instruction.casefold()


def _is_next_item(output: str, match: re.Match[str]) -> bool:
    """Whether a bare number ends a numbered list: that list breaks off, which is `truncated`."""
    return (
        match.group().strip(" \n.)#").isdigit()
        and re.search(r"^\s*1[.)]", output, re.M) is not None
    )


def _cut(text: str, match: re.Match[str]) -> str | None:
    """The text before a match that stands at the very end; None where more text follows."""
    before = text[: match.start()].rstrip()
    return before if before and not text[match.end() :].strip() else None
