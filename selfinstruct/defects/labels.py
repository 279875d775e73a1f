"""Labels without the explanation, the quotation or the evidence that was asked for as well."""

from __future__ import annotations

import re

from selfinstruct.defects.finding import Checked, Finding, found
from selfinstruct.defects.words import words_in

_ASKS_LABEL = re.compile(
    r"classif|categori[sz]|\blabel|\bdecide|\bdetermin|\bjudge|\bidentif|\bname (?:the|a|an|which)\b|\bsort\b"
    r"|\brate\b|\brank\b|\btag\b|\bdetect|\bwhether\b|true or false|yes or no|\bis (?:this|the|it)\b|\bwhich\b"
    r"|\bchoose|\bpick|\bselect|\bstate\b|\bassess|\bevaluate|\bdiagnos|\bpredict"
    r"|klassifizier|bestimme|entscheide|ordne|beurteile|nenne|clasific|determina|decide|identific|elige"
    r"|classe[rz]?\b|d\u00e9termin|d\u00e9cide|indique|\u5206\u7c7b|\u5224\u65ad|\u5224\u5b9a|\u8bc6\u522b|\u9009\u62e9"
    r"|\u786e\u5b9a|\u5206\u985e|\u5224\u5b9a",
    re.I,
)
_JOIN = r"(?:\band\b|,|;|\bthen\b|\bwith\b|\bby\b|[.?!:]|\balong with\b|\bwhile\b)"
_REST = re.compile(
    rf"{_JOIN}\W{{0,3}}(?:and |then |also |please |briefly |shortly |clearly |in one sentence,? )*"
    r"(?:explain\w*|justif\w+|motivat\w+|quot(?:e|es|ing)|cit(?:e|es|ing)|defend\w*|argue|underlin\w+"
    r"|(?:say|saying|tell|telling|state|stating|describe|describing|show|showing|discuss\w*) (?:me |us )?why"
    r"|(?:giv(?:e|ing)|provid(?:e|ing)|stat(?:e|ing)|nam(?:e|ing)|add(?:ing)?|offer(?:ing)?|includ(?:e|ing)"
    r"|writ(?:e|ing)|list(?:ing)?|point(?:ing)? (?:to|out)|mention(?:ing)?|show(?:ing)?|copy(?:ing)?)"
    r" (?:(?!in\b|as\b)\w+ ){0,4}?(?:reasons?|reasoning|explanations?|justifications?|evidence|quot(?:e|ation)s?|proof|words"
    r"|phrases?|sentences?|passages?|lines?|clues?|arguments?|rationale|grounds|support)"
    r"|(?:an? |the |your |one |two |three |some |brief |short |supporting )*(?:reasons?|explanations?|justifications?"
    r"|evidence|quotations?|rationale)\b"
    r"|support (?:your|the|it|this)|back (?:it|your|this|the))"
    r"|\bund\b (?:\w+ ){0,3}?(?:begr\u00fcnde|erkl\u00e4re|zitiere|belege)"
    r"|\by (?:\w+ ){0,2}?(?:explica|justifica|cita|argumenta)"
    r"|\bet (?:\w+ ){0,2}?(?:explique|justifie|cite|argumente)"
    r"|[\u5e76\uff0c,\u3002\u4e14](?:\u8bf7)?(?:\u5e76|\u7136\u540e)?.{0,4}(?:\u89e3\u91ca|\u8bf4\u660e(?:\u7406\u7531|\u539f\u56e0)?"
    r"|\u5f15\u7528|\u7ed9\u51fa\u7406\u7531|\u7ed9\u51fa\u8bc1\u636e|\u8bba\u8bc1)"
    r"|(?:\u7406\u7531|\u6839\u62e0|\u8aac\u660e).{0,6}(?:\u8ff0\u3079|\u6319\u3052|\u66f8)",
    re.I,
)
# The rest is not wanted, or only in a case; or the question itself is about reasons.
_NOT_WANTED = re.compile(
    r"(?:without|do not|don't|only the|just the|nothing but)\b[^.]{0,40}(?:explan|explain|reason|justif|quot|label"
    r"|evidence)|\bno (?:\w+ ){0,2}(?:explan|reason|justif|evidence)"
    r"|\bif\b[^.]{0,60}(?:explain|justif|reason|why|correct)|(?:explain|justify|why)[^.]{0,30}\bif\b"
    r"|which (?:reason|explanation|evidence|quote|sentence|phrase|word)|answer (?:only )?(?:with|in) (?:a|one|the)"
    r"|the (?:main )?reason (?:for|why)|one word|support(?:ing)? or|supports? (?:the )?(?:claim|findings)",
    re.I,
)
_MOST = 5  # words of a bare label
_NOTHING = re.compile(r"\b(?:no|none|not|nothing)\b|\u6ca1\u6709|\u65e0|\bkein|\bninguno?", re.I)
_GOES_ON = re.compile(
    r"[\"\u201c\u201d\u00ab\u300c\n:;\uff1a\u2014]|\s-\s|\.\s\S|\b(?:because|since|as it|due to|for|weil|porque|car|denn)\b"
    r"|\u56e0\u4e3a|\u7531\u4e8e|[,\uff0c]\s?\S+\s\S+\s\S",
    re.I,
)


def label_without_the_rest(row: Checked) -> Finding | None:
    """A bare label where the task asks for a label and for what decided it."""
    text = row.output.strip()
    if not text or len(text) > 60 or row.is_classification is False:
        return None
    if words_in(text) > _MOST or _GOES_ON.search(text) or _NOTHING.search(text):
        return None
    task = row.instruction
    label = _ASKS_LABEL.search(task)
    if label is None or not _REST.search(task, label.start()) or _NOT_WANTED.search(task):
        return None
    return found("label_without_the_rest", "output", text)
