"""Outputs that are empty or only say so, and inputs that only say "no input"."""

from __future__ import annotations

import re

from selfinstruct.defects.finding import Checked, Finding, found
from selfinstruct.defects.repair import is_no_input_mark
from selfinstruct.text import late

_INVISIBLE = (
    " \t\r\n\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u00ad\u1680\u2028\u2029\u202f\u205f\u3000\u2060\ufeff"
    + "".join(map(chr, range(0x2000, 0x2010)))
)
_MARK = late(
    r"\.{2,}|\u2026+|-{1,}|_{2,}|\u2014+|\"\"|''|\u201c\u201d|``"
    r"|[<\[({]\s*(?:no[ _-]?(?:output|answer|response|text|content)|empty|blank|output|response"
    r"|answer|none|nothing|left blank"
    r"|intentionally left blank)\s*[>\])}]"
    r"|[<\[(\uff08\u3010](?:\u7a7a|\u65e0|\u7121|\u65e0\u8f93\u51fa|vac\u00edo|vide|leer"
    r"|sin salida|sin respuesta)[>\])\uff09\u3011]",
    re.I,
)
_MARK_ASKED = late(
    r"punctuat|symbol|charact|operator|\bsign\b|\bdash|hyphen|ellips|morse|\bstring|\bcode\b|python"
    r"|javascript|evaluate|return"
    r"|\bdots?\b|underscore|\bmark\b|bracket|\blines?\b.*\b(?:fill|draw)|mask|replace every"
    r"|\blist\b.*empty|empty|regex|省略号|怎么写|减号|占位"
    r"|\bpatterns?\b|sequence|quotes?\b|quotation|print\(|emoji|missing"
    r"|what (?:does|is) the (?:output|result)|\bblank|placeholder|符号|标点|signo|zeichen"
    r"|ponctuation",
    re.I,
)
_UNAVAILABLE = late(
    r"n\s?[/\\.]\s?a\.?|not (?:available|applicable|provided|specified|given|possible)"
    r"|(?:there is )?no (?:output|answer|response|information)s?"
    r"(?: (?:is |was )?(?:available|needed|required|necessary|provided|possible|found|given))?"
    r"|(?:output|answer|response|information|data) (?:is )?not (?:available|applicable|needed"
    r"|required|provided|possible)"
    r"|no disponible|no aplica|no aplicable|non disponible|sans objet|non applicable"
    r"|nicht verf\u00fcgbar"
    r"|nicht zutreffend|entf\u00e4llt|keine ausgabe|sin salida|sin respuesta|sans r\u00e9ponse"
    r"|keine antwort|sem resposta|n\u00e3o dispon\u00edvel|n\u00e3o aplic\u00e1vel"
    r"|\u4e0d\u9002\u7528|\u65e0\u9700\u8f93\u51fa|\u65e0\u8f93\u51fa|\u4e0d\u53ef\u7528"
    r"|\u6682\u65e0"
    r"|\u8a72\u5f53\u306a\u3057|\ud574\ub2f9 \uc5c6\uc74c"
    r"|\u043d\u0435\u0442 \u0434\u0430\u043d\u043d\u044b\u0445"
    r"|\u043d\u0435\u0434\u043e\u0441\u0442\u0443\u043f\u043d\u043e",
    re.I,
)
_NONE = late(
    r"no (?:data|results?|solutions?)(?: available| found)?|none|null|nil|nothing|na|nan|undefined"
    r"|tbd|to be (?:determined|done|filled)|todo|placeholder|xxx+|无|没有|無|なし",
    re.I,
)
# Questions that "none" answers, tasks that offer such words, programs that print them.
_NOTHING_IS_AN_ANSWER = late(
    r"n/a\b|\bnone\b|\bnull\b|\bnan\b|\bnil\b|undefined|not available|not applicable|\bunknown\b"
    r"|missing value|abbreviat|acronym"
    r"|stands? for|\bNA\b|\bmeans?\b|antonym|opposite|synonym|symbol for|chemical|sodium|\bprint"
    r"|output of|what does .* return|result of (?:the|this)"
    r"|fill in|\bif (?:there|not|no|it|the)\b|otherwise|say (?:so|no)|reply with|respond with"
    r"|convert|expand|spell|\bor not\b|\u8fd8\u662f|\u6709\u6ca1\u6709|\u662f\u5426|\u53cd\u4e49"
    r"|undefined|divi",
    re.I,
)
_PRODUCE = late(
    r"\s*(?:please |can you |could you )?(?:write|generate|create|compose|describe|explain|design"
    r"|suggest|summari[sz]e|rewrite|make"
    r"|develop|draft|produce|come up|provide|give|outline|discuss|invent|tell|construct|build"
    r"|rephrase|paraphrase|edit|brainstorm|sing|play|record|name|list|say|recommend|compare|imagine"
    r"|plan|show)\b"
    r"|\s*请?(?:写|画|列|说|讲|给|举|推荐|解释|介绍|求|打开|创建|创作|生成|设计|描述|编写|制作"
    r"|播放|提供|总结|概括|撰写|翻译|改写|说明)|\s*(?:schreib|beschreib|erstell|escrib|describ"
    r"|crea|écri|décri|cré)\w*",
    re.I,
)
_TRANSLATES = late("translat|traduc|tradui|\u00fcberset|\u7ffb\u8bd1|\u8bd1|\u8a33", re.I)
# Tasks that ask for a text or another work, which "none" cannot be.
_TEXT_WANTED = late(
    r"\s*(?:please |can you |could you )?(?:(?:write|compose|draft|create|generate|make"
    r"|produce) (?:me )?(?:an? |the |two |three |some )?(?:[\w'-]+ ){0,4}?"
    r"(?:poem|haiku|sonnet|limerick|stor(?:y|ies)|tale|essay|letter|e-?mail|post|report|article"
    r"|review|description|summar(?:y|ies)|dialogue?|conversation|song|speech|paragraph|plan|recipe"
    r"|script"
    r"|message|advert\w*|slogan|tagline|headline|biography|bio|guide|tutorial|proposal|note|tweet"
    r"|menu|melody|tune|playlist|timeline|budget|logo|poster|image|picture|video|animation|chart"
    r"|graph|diagram|table|website|app|game)s?\b"
    r"|describe (?!.*\bword\b)|explain|summari[sz]e|rewrite|paraphrase|rephrase|design|develop"
    r"|build|draw|suggest|translate|compare|discuss|outline|brainstorm|edit|sing|play|record|send"
    r"|turn on"
    r"|tell (?:me )?(?:a|an|about)\b|list (?:three|four|five|six|ten|\d+)"
    r"|give (?:me )?(?:three|four|five|some|a tip|advice))\b"
    r"|\s*请?(?:写一|画|创建|创作|生成|设计|描述|编写|制作|播放|录制|打印|打开|拍摄|绘制|总结|概括"
    r"|撰写|翻译|改写|解释|介绍|为.{1,12}(?:写|创作|设计|创建))"
    r"|\s*(?:schreib\w* ein|beschreib|erstell|zeichn|spiel|fass|erklär|escrib\w* un|describ|crea"
    r"|dibuj|toca|resum|explic|imprim|écri\w* un|décri|cré|dessin|tradui|résum|joue)\w*"
    r"|.*(?:(?:詩|文章|物語|手紙|メール|作文|俳句|記事)を書いて|を描いて|を要約して|を流して|を再生して|を説明して|を作成して)",
    re.I,
)
_IF_ANY = late(r"\bany\b", re.I)
_AROUND = " \t\r\n\"'*_`[]<>().!\u3002\uff01\uff08\uff09\u201c\u201d"

_NO_INPUT = late(
    r"(?:there (?:is|was) )?no[\W_]{0,2}(?:(?:additional|further|specific|other|extra|user"
    r"|explicit) )?inputs?"
    r"(?: (?:is |was |has been )?(?:needed|required|necessary|given|provided|applicable|available"
    r"|supplied|here|specified))?"
    r"(?: for this (?:task|instruction))?"
    r"|(?:the )?inputs? (?:is |was )?(?:not|n't) (?:needed|required|necessary|given|provided"
    r"|applicable|available|specified)"
    r"|(?:this (?:task|instruction) )?(?:does not|doesn't|needs no"
    r"|requires no)(?: (?:need|require))?(?: any| an)? ?inputs?"
    r"|input: none|none (?:needed|required|necessary|provided|given)"
    r"|not (?:needed|required|necessary|provided)|empty input"
    r"|without input|blank input|nothing to input"
    r"|\u65e0\u8f93\u5165|\u65e0\u9700\u8f93\u5165|\u6ca1\u6709\u8f93\u5165"
    r"|\u4e0d\u9700\u8981\u8f93\u5165|\u65e0\u989d\u5916\u8f93\u5165"
    r"|\u7121\u8f38\u5165|\u5165\u529b\u306a\u3057|\uc785\ub825 \uc5c6\uc74c|sin entrada"
    r"|no hay entrada|ninguna entrada|sem entrada"
    r"|pas d['\u2019]entr\u00e9e|aucune entr\u00e9e|sans entr\u00e9e"
    r"|keine eingabe(?: (?:n\u00f6tig|erforderlich))?|ohne eingabe"
    r"|nessun input|geen invoer|\u043d\u0435\u0442 \u0432\u0432\u043e\u0434\u0430"
    r"|\u0431\u0435\u0437 \u0432\u0432\u043e\u0434\u0430",
    re.I,
)
_PERHAPS_NO_INPUT = late(
    r"n/?a|none|null|nil|nan|empty|blank|not applicable|-+|\.+|\u65e0|\u7121", re.I
)
_WORDS_ARE_MEANT = late(
    r"translat|\bupper|\blower|\bcase\b|\bspell|\bletters\b|\bcount|\bmessage|\bfix\b|\bphrase"
    r"|\bpunctuat|question mark|翻译|übersetz|traduc|tradui|訳",
    re.I,
)
_INPUT_IS_MEANT = late(
    r"\b(?:means?|status|synonym|antonym|letters?|case|key|tag|dots?|rhyme|backwards|count|opposite"
    r"|character|message|code|given|following|below|this|that|these|input|word|symbol|abbreviation"
    r"|acronym|term|value|sentence|text|phrase|mark|string"
    r"|translate|define|spell|classify|convert|expand)\b|漢字|词|字|\u4ee5\u4e0b|\u4e0b\u9762"
    r"|\u8fd9\u4e2a|\u7ed9\u5b9a|\u8f93\u5165|siguiente|folgende|suivant",
    re.I,
)


def says_nothing(text: str) -> bool:
    """Whether a field only says that there is nothing: "N/A", "none", "no input"."""
    bare = text.strip(_AROUND)
    return len(bare) < 60 and bool(
        spells_no_input(text) or _UNAVAILABLE.fullmatch(bare) or _NONE.fullmatch(bare)
    )


def empty_output(row: Checked) -> Finding | None:
    """An output that looks blank, or is a mark for nothing.

    A mark without letters is an error only where the task asks for a text, else a warning.
    """
    if not row.output.strip(_INVISIBLE):
        return found(
            "empty_output",
            "output",
            row.output[:80].encode("unicode_escape").decode() or "(nothing)",
        )
    text = row.output.strip()
    if len(text) > 40 or not _MARK.fullmatch(text) or row.is_classification:
        return None
    given = f"{row.instruction} {row.input}"
    # a mark that the task offers is an answer
    if _MARK_ASKED.search(given) or text in (word.strip(".,;:?!\"'") for word in given.split()):
        return None
    said = any(map(str.isalpha, text))
    return found(
        "empty_output",
        "output",
        text,
        severity=None if said or _TEXT_WANTED.match(row.instruction) else "warning",
    )


def not_available(row: Checked) -> Finding | None:
    """An output that only says "not available", "none" or the like."""
    text = row.output.strip(_AROUND) if len(row.output) < 90 else ""
    if not text or len(text) > 60 or empty_output(row):  # a finding already
        return None
    is_text = _TEXT_WANTED.match(row.instruction) or _MADE.match(row.instruction)
    given = row.input.strip(_AROUND)
    says_no_input = says_nothing(row.input)
    is_of_input = text.casefold() in row.input.casefold() or _NONE.fullmatch(given)
    if is_of_input and not (is_text and says_no_input):
        return None
    if _TRANSLATES.search(row.instruction) and (
        row.input.strip() or re.search("[\"'\u201c\u00ab\u300c]", row.instruction)
    ):
        return None
    bare = _UNAVAILABLE.fullmatch(text) and not row.is_classification
    is_none = _NONE.fullmatch(text) and _TEXT_WANTED.match(row.instruction)
    task = _PRINTS.sub("", row.instruction) if _MADE.match(row.instruction) else row.instruction
    if not bare and (not is_none or _IF_ANY.search(row.instruction)):
        return None
    if _NOTHING_IS_AN_ANSWER.search(task):
        return None
    return found("not_available", "output", row.output)


# Works that are asked for, which "N/A" cannot be; a program that prints is such a work.
_MADE = late(
    r"\s*(?:please |can you |could you )?(?:write|design|generate|create|develop|compose|build"
    r"|implement) (?:an? |the |some )?(?:[\w'-]+ ){0,3}?(?:script|program|function|code|algorithm"
    r"|class|model|solution|plan|test|system|application|database|interface|logo|poster|website"
    r"|page|game|layout|quer(?:y|ies)|chart|graphic|design)\b|\s*convert (?:the|a) (?:given )?(?:hand )?"
    r"(?:drawing|image|picture|photo)",
    re.I,
)
_PRINTS = late(r"\bprint\w*", re.I)
_NO_INPUT_TOKEN = late(
    r"(?:&lt;|[<\[({\\]){0,3}/?\s*(?:no[\s_-]?input|input[\s_-]?none)\s*/?(?:&gt;|[>\])}]){0,3}",
    re.I,
)


def spells_no_input(text: str) -> bool:
    """Whether an input is a spelling of the token "<noinput>", also a broken spelling.

    A quotation mark, a full stop or a stray number may stand beside the token.
    """
    if is_no_input_mark(text):
        return True
    if len(text) > 60 or "input" not in text.lower():
        return False
    bare = re.sub(r"(?<=[>\s])\s*\d{1,3}\.?\s*$", "", text.strip())
    return _NO_INPUT_TOKEN.fullmatch(bare.strip(" \t\r\n\"'*_`.,:;!#\\")) is not None


def no_input_spelling(row: Checked) -> Finding | None:
    """An input that is a spelling of "no input". The fix is an empty input."""
    if is_no_input_mark(row.input):
        return found("no_input_spelling", "input", row.input, fix="")
    if not row.input or len(row.input) > 70:
        return None
    if spells_no_input(row.input) and "<" in row.input:
        return found("no_input_spelling", "input", row.input, fix="")
    text = (
        row.input.strip(" \t\r\n\"'*_`[]<>(){}.:#!\u3002\uff08\uff09\u3010\u3011")
        or row.input.strip()
    )
    if not text or len(text) > 60:
        return None
    clear = _NO_INPUT.fullmatch(text) and not _WORDS_ARE_MEANT.search(row.instruction)
    perhaps = (
        _PERHAPS_NO_INPUT.fullmatch(text)
        and _PRODUCE.match(row.instruction)
        and not _INPUT_IS_MEANT.search(row.instruction)
    )
    return found("no_input_spelling", "input", row.input, fix="") if clear or perhaps else None
