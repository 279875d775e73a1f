"""Outputs that repeat their input: an error, a warning, or right, as the task decides."""

from __future__ import annotations

import re

from selfinstruct.defects.finding import Checked, Finding, found
from selfinstruct.defects.languages import in_another_language
from selfinstruct.defects.nothing import says_nothing

# Tasks that an unchanged text can answer: a text may be correct, sorted or short already.
_MAY_BE_RIGHT = re.compile(
    r"\b(?:repeat|copy|echo|verbatim|unchanged|exactly as|as (?:it )?is|correct(?:ly|ed|ion)?|fix"
    r"|proofread|grammar|grammatical|spell\w*|punctuat\w*"
    r"|sort|order|alphabetical|arrange|dedup\w*|duplicates?|remove|delete|strip|trim|clean|filter"
    r"|if (?:needed|necessary|any|it|there|possible)"
    r"|round|simplify|reduce|edit|error|mistake|extract|identify|find|select|choose|pick|which"
    r"|match|align|rank|organi[sz]e|rearrange|circle|underline|highlight|minimi[sz]e|cite|style"
    r"|participle|tense|infinitive|conjugat\w*|past|verb|noun|adjective|adverb"
    r"|palindrome|reverse|read|quote|transcribe"
    r"|capitali[sz]e|upper ?case|lower ?case|case|format|keep|detect|print|output|calculate|compute"
    r"|evaluate|absolute|lemma|stem|root|singular"
    r"|plural|complete|predict|classify|name|mask|decimal|longest|shortest|largest|smallest|number"
    r"|at most|no more than|up to|british|american"
    r"|fraction|lowest|qr code|plain text|comma|insert|unit|normali[sz]e|standardi[sz]e|decode"
    r"|parse|parts?|polite|improve)\b"
    r"|纠正|改正|修改|检查|排序|重复|必要|标点|找出|提取|编辑|更正|删除|分类|语法|正确|匹配|替换|大写|小写|复数|单数|过去|现在|将来|时态|虚拟|引号|选出|哪"
    r"|corrig|ordena|repite|repet|kopier|wiederhol|korrig|sortier|trie|直し|修正|訂正|並べ",
    re.I,
)
# Tasks that ask for a new text, of which the input is only the subject.
_NEW = re.compile(
    r"\W{0,9}(?:please |can you |could you |now )?(?:(?:write|compose|create|generate|invent|draft"
    r"|make up|come up with)\b(?! (?:it|this|that|them|the)\b)"
    r"|explain|describe|define|answer\b(?! (?:with|in|by))|respond|reply"
    r"|tell (?:me )?(?:an?|about|how|why|what happens)\b|suggest|recommend|list\b|discuss|compare"
    r"|continue|why|how\b|who\b"
    r"|give (?:me )?(?:a|an|two|three|some|\d+)\b(?! (?:same|number|text|word)))"
    r"|\W{0,9}(?:请)?(?:为.{1,12}(?:写|创作|设计)|写一|解释|描述|回答|讲|说明|列出|创作|续写|给出(?:一个|两个|三个)?(?:例|同义|反义|建议))"
    r"|\W{0,9}(?:erkläre|beschreibe|beantworte|schreibe? (?:ein|eine|einen)\b|nenne|explica"
    r"|describe|responde|escribe un|explique|décris|réponds|écris un)",
    re.I,
)
_OTHER_WORDS = re.compile(
    r"paraphras|rephras|(?:different|other|your own) words|synonym|antonym|opposite|into a poem"
    r"|同义词|换句话|改述|不同.{0,6}的词|umformulier|in eigenen worten|parafras|reformul|言い換え",
    re.I,
)
_MATCHES = re.compile(r"\bmatch|更正|纠正|改正|correct|\bif\b", re.I)
# Pairs: the change that a task asks for, and signs that the text has had the change already.
_NOT_DONE = (
    (
        re.compile(r"passive|被动", re.I),
        re.compile(r"\b(?:was|were|is|are|been|being|by)\b|被|由|受到|所", re.I),
    ),
    (
        re.compile(
            r"(?:make|turn|change|rewrite|convert)\b.*\b(?:negative|negat\w+)|否定(?:句|形式|副词)",
            re.I,
        ),
        re.compile(
            r"\b(?:no|not|never|none|nobody|nothing|without|nor|hardly|un\w+)\b|n['\u2019]t\b|不"
            r"|没|未|无|别",
            re.I,
        ),
    ),
    (
        re.compile(r"\b(?:in|to)to? an? (?:\w+ )?question|疑问句|问句", re.I),
        re.compile("[?\uff1f]"),
    ),
    (
        re.compile(
            r"\W{0,9}(?:please )?add an? \w+ to|replace the \w+ with an? (?:stronger|better"
            r"|different|more)\b",
            re.I,
        ),
        None,
    ),
    (re.compile(r"\b(?:combine|merge|join) (?:the|these) (?:two |three )?sentences", re.I), None),
)
_SHORTER = re.compile(
    r"\b(?:shorten|condense|abridge|summari[sz]e|trim down)\b"
    r"|in (?:one|two|three|four|five|six) words",
    re.I,
)
_LONG = 12  # words: from this length a text can be shortened


def output_equals_input(row: Checked) -> Finding | None:
    """An output that equals the input but for white space and quotation marks.

    An error where the task cannot be met by the same text, else a note.
    """
    if abs(len(row.input) - len(row.output)) > 40 or not row.input.strip():
        return None
    if _plain(row.input) != _plain(row.output) or row.is_classification:
        return None
    if len(row.input) < 60 and says_nothing(row.input):
        return None
    if row.input.strip().count("\n") != row.output.strip().count("\n"):
        return None  # divided into lines or paragraphs
    task = row.instruction
    if (
        in_another_language(row) is not None
        or (_OTHER_WORDS.search(task) and len(row.output) > 1 and not _MATCHES.search(task))
        or _is_not_done(task, row.output)
    ):
        return found("output_equals_input", "output", row.output)
    if _names_a_language(task) or _MAY_BE_RIGHT.search(task):
        return None
    return found(
        "output_equals_input",
        "output",
        row.output,
        severity=None if _NEW.match(task) else "note",
    )


def _is_not_done(task: str, text: str) -> bool:
    if _SHORTER.search(task) and len(text.split()) >= _LONG:
        return True
    return any(asked.search(task) and not (done and done.search(text)) for asked, done in _NOT_DONE)


def _names_a_language(task: str) -> bool:
    """Whether a task is a translation, which may leave a name or a word as before."""
    return (
        re.search(r"\btranslat|翻译|译成|übersetz|traduc|tradui|に訳|翻訳", task, re.I) is not None
    )


def _plain(text: str) -> str:
    return " ".join(text.split()).strip("\"'\u201c\u201d ")
