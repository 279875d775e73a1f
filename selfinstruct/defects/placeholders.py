"""Outputs that stand for a work in the place of the work: "[Insert poem here]"."""

from __future__ import annotations

import re

from selfinstruct.defects.finding import Checked, Finding, found

_WORK = (
    r"images?|pictures?|photos?|photographs?|logos?|charts?|graphs?|diagrams?|posters?|screenshots?"
    r"|gifs?|melod(?:y|ies)|music\w*|songs?|audio|videos?|animations?|visuals?|visuali[sz]ations?"
    r"|sketch(?:es)?|drawings?|paintings?|presentations?|attachments?|attached|rendering|layouts?"
    r"|infographics?|maps?|memes?|illustrations?|mock-?ups?|collages?|word clouds?|flow-?charts?"
    r"|musical piece|web ?page|spreadsheets?|excel sheet|jigsaw|pattern attached"
)
_WHOLE = re.compile(
    rf"\W{{0,4}}[\[<({{\u3010\uff08][^\[\]<>{{}}\n]{{0,200}}?(?:\b(?:{_WORK}|insert\w*|placeholder|goes here"
    r"|here|to be (?:added|inserted))\b|\u56fe|\u6d77\u62a5|\u7167\u7247|\u622a\u56fe|\u63d2\u5165|\u6807\u5fd7"
    r"|\u6a21\u56e0|\u97f3\u4e50)[^\[\]<>{}\n]{0,200}[\]>)}\u3011\uff09]\W{0,4}"
    r"|!\[[^\]\n]{0,200}\]\([^)\s]{1,300}[^)\n]{0,100}\)",
    re.I,
)
_GAP = re.compile(r"[\[<](?:insert|add|enter)\b [^\]>\n]{1,60}[\]>]|\blorem ipsum\b", re.I)
# Tasks whose answer has brackets, or gaps that a reader fills in.
_BRACKETS = re.compile(
    r"html|xml|\btags?\b|tree|\blist\b|array|markdown|regex|code|json|python|\bclass\b|bracket"
    r"|describe|caption|alt text|\u5217\u8868|\u6807\u8bb0|\u8bcd\u6027",
    re.I,
)
_GAPS = re.compile(
    r"template|letter|e-?mail|message|form\b|blank|resume|\bcv\b|contract|invitation|script|sample"
    r"|placeholder|lorem|note\b|post\b|card|announcement|speech|proposal|memo|bio\b|report|press"
    r"|reply|respon[ds]|mad libs|agreement|certificate|ad\b|advert|html|page|website|text",
    re.I,
)


def placeholder_output(row: Checked) -> Finding | None:
    """An output that only names a work, or has a gap "[insert list here]".

    An error where the output is nothing else, a warning for a gap in a text.
    """
    text = row.output.strip()
    if (
        "[" not in text
        and "<" not in text
        and text[:1] not in "(*{\u3010\uff08"
        and "psum" not in text
    ):
        return None
    if len(text) < 400 and _WHOLE.fullmatch(text) and not _is_list(text):
        if _BRACKETS.search(row.instruction) or text.casefold() in row.input.casefold():
            return None
        return found("placeholder_output", "output", text)
    match = _GAP.search(text)
    if match is None or _GAPS.search(row.instruction) or match.group() in row.input:
        return None
    return found("placeholder_output", "output", match.group(), severity="warning")


def _is_list(text: str) -> bool:
    """Whether brackets hold a list of short words."""
    words = [word.strip(" []()<>") for word in re.split("[,\uff0c\u3001;]", text)]
    return len(words) > 2 and all(len(word) < 16 for word in words)
